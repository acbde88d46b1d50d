//! Profiles of this process: the routes are called, real samples are taken. One test at a time, because a process has
//! one timer.

mod burn;
mod heap;
mod parse;

use std::{
    alloc::System,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use burn::Burner;
use serde_json::Value;
use tower::ServiceExt;
use yummyd::profile::{self, Profiler, heap::Sampling};

/// What the daemon's binary has, so that heap profiles can be looked at.
#[global_allocator]
static ALLOCATOR: Sampling<System> = Sampling(System);

/// More than any answer here.
const MAX_BODY: usize = 64 << 20;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The right to profile this process, and the routes to do it by.
struct Debug {
    routes: Router,
    _turn: MutexGuard<'static, ()>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Debug {
    fn new(rolling_hz: Option<u32>) -> Self {
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let profiler = Profiler::spawn(None, rolling_hz).expect("a thread");
        Self { routes: profile::routes(profiler), _turn: turn }
    }

    async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = self.routes.clone().oneshot(request).await.expect("infallible");
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, body: to_bytes(response.into_body(), MAX_BODY).await.expect("a body").to_vec() }
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// 3 points, as promised; sampled at the highest rate for long enough that chance stays well within that.
const TOLERANCE: f64 = 0.03;

#[tokio::test]
async fn a_planted_share_is_found_in_every_form() {
    let debug = Debug::new(None);
    let burner = Burner::start();
    let before = burner.spent();
    let folded = debug.get("/debug/profile.folded?seconds=8&hz=250").await;
    let planted = burner.spent().share_since(&before);
    assert_eq!(folded.status, StatusCode::OK, "{}", folded.text());
    let id = folded.header("x-yummy-profile-id").to_owned();

    let svg = debug.get(&format!("/debug/flamegraph.svg?id={id}")).await;
    let pprof = debug.get(&format!("/debug/pprof/profile?id={id}")).await;
    let speedscope = debug.get(&format!("/debug/profile.speedscope.json?id={id}")).await;
    for (form, share) in [
        ("folded", parse::folded_share(folded.text(), burn::PLANTED)),
        ("flame graph", parse::svg_share(svg.text(), burn::PLANTED)),
        ("pprof", parse::pprof_share(&pprof.body, burn::PLANTED)),
        ("speedscope", parse::speedscope_share(&speedscope.json(), burn::PLANTED)),
    ] {
        assert!((share - planted).abs() <= TOLERANCE, "{form} says {share:.3} of {planted:.3}");
    }
    assert!(svg.text().contains("250 Hz · 8.0 s · ") && svg.text().contains("yield"), "the subtitle says how");
    assert_eq!(svg.header("content-type"), "image/svg+xml");
    assert_eq!(pprof.header("content-disposition"), "attachment; filename=\"profile\"");
}

#[tokio::test]
async fn the_pprof_times_are_the_measured_on_cpu_time() {
    let debug = Debug::new(None);
    let _burner = Burner::start();
    let pprof = debug.get("/debug/pprof/profile?seconds=1&hz=50").await;
    let info = debug.get("/debug/profiles").await.json()[0].clone();
    let profile = parse::pprof(&pprof.body);
    assert_eq!(profile.types(), ["samples/count", "cpu/nanoseconds"]);
    let on_cpu = info["on_cpu_seconds"].as_f64().expect("a number");
    assert!((profile.total(1) as f64 / 1e9 - on_cpu).abs() < 1e-3, "{} ns of {on_cpu} s", profile.total(1));
    assert_eq!(profile.total(0), info["samples"].as_i64().expect("a number"));
    assert_eq!((profile.period, profile.string_table[0].as_str()), (20_000_000, ""));
    assert!((profile.duration_nanos as f64 / 1e9 - 1.0).abs() < 0.2);
    assert_eq!((profile.period_type(), profile.default_type()), ("cpu/nanoseconds".to_owned(), "cpu"));
    assert_eq!(profile.time_nanos as u64 / 1_000_000, info["at_unix_ms"].as_u64().expect("a time"));
    assert_eq!(profile.mapping.iter().map(|mapping| mapping.id).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn an_idle_process_gets_an_image_that_says_so() {
    let debug = Debug::new(None);
    let svg = debug.get("/debug/flamegraph.svg?seconds=0.1&hz=1").await;
    assert_eq!(svg.status, StatusCode::OK);
    assert!(svg.text().starts_with("<?xml") && svg.text().contains("0 samples: the process was idle"));
    assert_eq!(debug.get("/debug/profile.folded?seconds=0.1&hz=1").await.body, b"");
}

#[tokio::test]
async fn a_second_capture_is_told_when_to_come_back() {
    let debug = Debug::new(None);
    let (first, second) = tokio::join!(debug.get("/debug/profile.folded?seconds=1"), async {
        tokio::task::yield_now().await;
        debug.get("/debug/flamegraph.svg?seconds=1").await
    });
    assert_eq!((first.status, second.status), (StatusCode::OK, StatusCode::CONFLICT));
    assert_eq!(second.header("retry-after"), "1");
    assert_eq!((&second.json()["running_id"], &second.json()["remaining_s"]), (&1.into(), &1.into()));
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_capture() {
    let debug = Debug::new(None);
    let left = tokio::time::timeout(Duration::from_millis(100), debug.get("/debug/flamegraph.svg?seconds=100")).await;
    assert!(left.is_err());
    let next = async {
        while debug.get("/debug/profile.folded?seconds=0.1").await.status != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), next).await.expect("the first capture has ended early");
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_the_reason() {
    let debug = Debug::new(None);
    for (path, status, reason) in [
        ("/debug/flamegraph.svg?hz=1000", StatusCode::BAD_REQUEST, "hz must be 1 to "),
        ("/debug/flamegraph.svg?seconds=0", StatusCode::BAD_REQUEST, "seconds must be 0.1 to 120"),
        ("/debug/pprof/profile?seconds=121", StatusCode::BAD_REQUEST, "seconds must be 0.1 to 120"),
        ("/debug/profile.folded?seconds=soon", StatusCode::BAD_REQUEST, "seconds must be seconds like"),
        ("/debug/profile.folded?format=xml", StatusCode::BAD_REQUEST, "format must be text or json"),
        ("/debug/flamegraph.svg?id=77", StatusCode::NOT_FOUND, "no capture 77 is kept"),
        ("/debug/flamegraph.svg?last=60s", StatusCode::NOT_FOUND, "the rolling capture is off"),
        ("/debug/flamegraph/diff.svg?a=1", StatusCode::BAD_REQUEST, "b must be a number"),
        ("/debug/flamegraph/heap.svg?raw=2", StatusCode::BAD_REQUEST, "raw must be 0 or 1"),
    ] {
        let answer = debug.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(
            answer.json()["error"].as_str().is_some_and(|error| error.contains(reason)),
            "{path}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn two_captures_can_be_compared() {
    let debug = Debug::new(None);
    let burner = Burner::start();
    debug.get("/debug/profile.folded?seconds=0.5").await;
    drop(burner);
    let _burner = Burner::start();
    debug.get("/debug/profile.folded?seconds=0.5").await;
    let kept = debug.get("/debug/profiles").await.json();
    let ids: Vec<_> = kept.as_array().expect("a list").iter().map(|info| info["id"].as_u64()).collect();
    assert_eq!(ids, [Some(1), Some(2)]);
    let diff = debug.get("/debug/flamegraph/diff.svg?a=1&b=2").await;
    assert!(diff.text().contains("red grew, blue shrank") && diff.text().contains(burn::PLANTED), "{}", diff.text());
}

#[tokio::test]
async fn the_rolling_capture_shows_what_has_already_happened() {
    let debug = Debug::new(Some(100));
    // The profiler's thread starts it by itself; the spike is over before anybody asks.
    tokio::time::sleep(Duration::from_millis(800)).await;
    let burner = Burner::start();
    tokio::time::sleep(Duration::from_millis(800)).await;
    drop(burner);
    let folded = debug.get("/debug/profile.folded?last=60s").await;
    assert!(folded.text().contains(burn::PLANTED), "{}", folded.text());
    // It goes on after a look back and after a capture of its own.
    assert_eq!(debug.get("/debug/profile.folded?seconds=0.1").await.status, StatusCode::OK);
    assert_eq!(debug.get("/debug/flamegraph.svg?last=1m").await.status, StatusCode::OK);
}

#[tokio::test]
async fn stacks_are_readable_unless_raw_is_asked_for() {
    let debug = Debug::new(None);
    let _burner = Burner::start();
    debug.get("/debug/profile.folded?seconds=1").await;
    let (short, raw) =
        (debug.get("/debug/profile.folded?id=1").await, debug.get("/debug/profile.folded?id=1&raw=1").await);
    let of_burner = |text: &str| text.lines().find(|line| line.contains(burn::PLANTED)).expect("a stack").to_owned();
    let (short, raw) = (of_burner(short.text()), of_burner(raw.text()));
    assert!(short.starts_with("burner;profile::burn::"), "no number in the thread, no plumbing: {short}");
    assert!(raw.contains("start_thread") && raw.contains("std::"), "{raw}");
    let json = debug.get("/debug/profile.folded?id=1&format=json").await.json();
    assert_eq!(json["hz"], 99);
    assert!(json["stacks"].as_array().is_some_and(|stacks| !stacks.is_empty()));
}
