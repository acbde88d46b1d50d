//! Every bound, met on purpose: the status, the shape and the advice that a client gets, and what observers see of it.
//! Nothing here sleeps: work is held by a gate, and a request by a body whose end has not been sent.

#![allow(clippy::unwrap_used, reason = "the panic of a helper is the failure's report")]

mod common;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::mpsc,
    thread,
};

use common::{Answer, Client, Fixture, until};
use yummyd::{config::args::Settings, execute::Mode};

const PATH: &str = "/models/diabetes/invocations";
const JSON: (&str, &str) = ("content-type", "application/json");
const ROW: &str = r#"{"dataframe_split": {"columns": ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"],
    "data": [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]]}}"#;

fn demo(change: impl FnOnce(&mut Settings)) -> Fixture {
    Fixture::demo_with(change)
}

/// How often the bound of that key was met.
fn met(fixture: &Fixture, key: &str) -> u64 {
    let stats = fixture.admin_call("GET", "/stats", &[], b"").json();
    let bound = stats["bounds"].as_array().unwrap().iter().find(|bound| bound["key"] == key).cloned();
    bound.unwrap_or_else(|| panic!("no bound {key}"))["met"].as_u64().unwrap()
}

fn in_flight(fixture: &Fixture) -> u64 {
    fixture.admin_call("GET", "/stats", &[], b"").json()["in_flight"].as_u64().unwrap()
}

/// The keys and the kind that every error of MLflow has.
fn assert_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let error = answer.json();
    assert_eq!(error["error_code"], code);
    for key in ["message", "sqlstate", "error_class"] {
        assert!(error[key].is_string(), "{key}: {error}");
    }
    assert!(answer.body.len() < 400, "{} bytes", answer.body.len());
}

/// Sends a request without the last byte of its body.
fn half_sent(fixture: &Fixture, headers: &str) -> Client {
    let mut client = fixture.client();
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
        ROW.len()
    );
    client.send(head.as_bytes());
    client.send(&ROW.as_bytes()[..ROW.len() - 1]);
    client
}

/// Keeps the only compute thread busy until the sender is dropped.
fn hold_pool(fixture: &Fixture) -> mpsc::Sender<()> {
    let (release, held) = mpsc::channel::<()>();
    let (started, running) = mpsc::channel();
    let job = move || {
        started.send(()).unwrap();
        let _ = held.recv();
    };
    fixture.daemon().app().executor.pool().submit(Box::new(job)).unwrap();
    running.recv().unwrap();
    release
}

fn pool_of_one(settings: &mut Settings) {
    settings.executor = Some(Mode::Pool);
    settings.compute_threads = Some(1);
}

#[test]
fn requests_of_one_model_past_their_bound_are_429() {
    let fixture = demo(|settings| {
        settings.max_in_flight = Some(1);
        settings.in_flight_wait_seconds = Some(0.0);
    });
    let mut first = half_sent(&fixture, "");
    until("the first request", || in_flight(&fixture) == 1);
    let mut second = fixture.client();
    let refused = second.call("POST", PATH, &[JSON], ROW.as_bytes());
    assert_error(&refused, 429, "REQUEST_LIMIT_EXCEEDED");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!((met(&fixture, "max_in_flight"), met(&fixture, "in_flight_wait_seconds")), (1, 1));
    // Another model has places of its own, and the place comes free with the answer.
    assert_eq!(fixture.post("/models/wine/invocations", "{").status, 400);
    first.send(b"}");
    assert_eq!(first.receive(false).status, 200);
    until("the place", || second.call("POST", PATH, &[JSON], ROW.as_bytes()).status == 200);
}

#[test]
fn a_request_past_that_bound_waits_for_its_place() {
    let fixture = demo(|settings| {
        settings.max_in_flight = Some(1);
        settings.in_flight_wait_seconds = Some(60.0);
    });
    let mut first = half_sent(&fixture, "");
    until("the first request", || in_flight(&fixture) == 1);
    let mut waiting = half_sent(&fixture, "");
    until("the second request", || met(&fixture, "max_in_flight") == 1);
    // Its own deadline counts while it waits.
    let late = fixture.client().call("POST", PATH, &[JSON, ("x-request-timeout-ms", "1")], ROW.as_bytes());
    assert_error(&late, 504, "DEADLINE_EXCEEDED");
    first.send(b"}");
    assert_eq!(first.receive(false).status, 200);
    waiting.send(b"}");
    assert_eq!(waiting.receive(false).status, 200);
    assert_eq!(met(&fixture, "in_flight_wait_seconds"), 0);
}

#[test]
fn a_client_that_leaves_gives_its_place_back() {
    let fixture = demo(|settings| settings.max_in_flight = Some(1));
    let first = half_sent(&fixture, "");
    until("the first request", || in_flight(&fixture) == 1);
    drop(first);
    until("the place", || fixture.post(PATH, ROW).status == 200);
}

#[test]
fn a_full_queue_is_503_before_anything_is_decoded() {
    let fixture = demo(|settings| {
        pool_of_one(settings);
        settings.max_queue = Some(1);
    });
    let release = hold_pool(&fixture);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| fixture.post(PATH, ROW));
        until("one that waits", || fixture.daemon().app().executor.waiting() == 1);
        // No JSON at all: who looks at it first would answer 400.
        let refused = fixture.post(PATH, "{");
        assert_error(&refused, 503, "TEMPORARILY_UNAVAILABLE");
        assert_eq!(refused.header("retry-after"), Some("1"));
        assert_eq!(met(&fixture, "max_queue"), 1);
        drop(release);
        assert_eq!(waiting.join().unwrap().status, 200);
    });
}

#[test]
fn work_whose_deadline_passed_is_not_predicted() {
    let fixture = demo(pool_of_one);
    let release = hold_pool(&fixture);
    let late = fixture.client().call("POST", PATH, &[JSON, ("x-request-timeout-ms", "1")], ROW.as_bytes());
    assert_error(&late, 504, "DEADLINE_EXCEEDED");
    drop(release);
    // The one thread works in order: it has passed the late one over when it answers this one.
    assert_eq!(fixture.post(PATH, ROW).status, 200);
    let stats = fixture.admin_call("GET", "/stats", &[], b"").json();
    assert_eq!(stats["total"]["start"]["rows"], 1, "rows that were scored");
    assert_eq!(met(&fixture, "request_timeout_seconds"), 1);
}

#[test]
fn a_body_that_comes_too_late_for_the_deadline_is_504() {
    let fixture = demo(|_| {});
    let mut client = half_sent(&fixture, "x-request-timeout-ms: 5\r\n");
    assert_error(&client.receive(false), 504, "DEADLINE_EXCEEDED");
    assert_eq!(
        fixture.client().call("POST", PATH, &[JSON, ("x-request-timeout-ms", "60000")], ROW.as_bytes()).status,
        200
    );
}

#[test]
fn no_request_gets_more_time_than_the_maximum() {
    let fixture = demo(|settings| {
        settings.request_timeout_seconds = Some(0.005);
        settings.max_request_timeout_seconds = Some(0.01);
    });
    let mut client = half_sent(&fixture, "x-request-timeout-ms: 3600000\r\n");
    assert_error(&client.receive(false), 504, "DEADLINE_EXCEEDED");
    assert_eq!(met(&fixture, "max_request_timeout_seconds"), 1);
    // Where the request does not say, the words are those of MLflow, byte for byte.
    let answer = half_sent(&fixture, "").receive(false);
    assert_eq!((answer.status, answer.text()), (504, "Request processing time exceeded limit"));
}

#[test]
fn a_timeout_that_is_no_number_is_400() {
    let fixture = demo(|_| {});
    for text in ["soon", "-1", "1.5", "", "99999999999999999999999"] {
        let answer = fixture.client().call("POST", PATH, &[JSON, ("x-request-timeout-ms", text)], ROW.as_bytes());
        assert_error(&answer, 400, "BAD_REQUEST");
        assert!(answer.text().contains("x-request-timeout-ms"), "{}", answer.text());
    }
}

#[test]
fn bodies_and_heads_that_do_not_come_are_given_up() {
    let fixture = demo(|settings| {
        settings.body_timeout_seconds = Some(0.005);
        settings.header_timeout_seconds = Some(0.005);
    });
    let mut body = half_sent(&fixture, "");
    assert_error(&body.receive(false), 408, "BAD_REQUEST");
    let mut head = fixture.client();
    head.send(b"POST /invocations HTTP/1.1\r\nhost:");
    head.closed();
    until("the count", || met(&fixture, "header_timeout_seconds") > 0);
    assert_eq!(met(&fixture, "body_timeout_seconds"), 1);
}

#[test]
fn a_refused_body_is_taken_in_so_that_the_answer_arrives() {
    let fixture = demo(|settings| settings.max_body_bytes = Some(1 << 20));
    let mut client = fixture.client();
    // Larger than what sockets hold: a server that closed at once would make this a broken pipe.
    let answer = client.call("POST", PATH, &[JSON], &vec![b' '; (1 << 20) + 1000]);
    assert_error(&answer, 413, "BAD_REQUEST");
    assert_eq!(met(&fixture, "max_body_bytes"), 1);
}

#[test]
fn a_client_that_waits_for_a_word_is_refused_before_it_sends() {
    let fixture = demo(|settings| settings.max_body_bytes = Some(100));
    let mut client = fixture.client();
    client.send(
        format!("POST {PATH} HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 101\r\n\r\n").as_bytes(),
    );
    assert_error(&client.receive(false), 413, "BAD_REQUEST");
}

#[test]
fn the_bound_of_a_body_holds_without_a_length_too() {
    let fixture = demo(|settings| settings.max_body_bytes = Some(100));
    let mut client = fixture.client();
    client.send(format!("POST {PATH} HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n65\r\n").as_bytes());
    client.send(&[b' '; 101]);
    client.send(b"\r\n0\r\n\r\n");
    assert_error(&client.receive(false), 413, "BAD_REQUEST");
}

#[test]
fn observers_see_every_bound() {
    let fixture = demo(|settings| settings.max_rows = Some(1));
    let two = ROW.replace("]]", "], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]");
    assert_error(&fixture.post(PATH, &two), 413, "BAD_REQUEST");
    let stats = fixture.admin_call("GET", "/stats", &[], b"").json();
    let metrics = fixture.admin_call("GET", "/metrics", &[], b"");
    let bounds = stats["bounds"].as_array().unwrap();
    assert_eq!(bounds.len(), 10);
    for bound in bounds {
        let (key, limit, met) = (bound["key"].as_str().unwrap(), &bound["limit"], bound["met"].as_u64().unwrap());
        let gauge = format!("yummyd_limit{{key=\"{key}\"}} {}\n", limit.as_f64().unwrap());
        assert!(metrics.text().contains(&gauge), "{gauge}");
        assert!(metrics.text().contains(&format!("yummyd_limit_met_total{{key=\"{key}\"}} {met}\n")), "{key}");
        assert_eq!(met, u64::from(key == "max_rows"), "{key}");
    }
}

#[test]
fn every_executor_gives_the_same_bytes() {
    let rows = |count: usize| {
        let row = |row: usize| {
            (0..13).map(|cell| format!("{}", (row * 7 + cell) as f64 / 3.0)).collect::<Vec<_>>().join(", ")
        };
        let rows: Vec<String> = (0..count).map(|number| format!("[{}]", row(number))).collect();
        format!("[{}]", rows.join(", "))
    };
    let answers = |mode| {
        let fixture = demo(|settings| settings.executor = Some(mode));
        let example = fixture.get("/models/wine").json()["models"][0]["example"].as_str().unwrap().to_owned();
        let example: serde_json::Value = serde_json::from_str(&example).unwrap();
        let post = |count| {
            let (columns, data) = (&example["dataframe_split"]["columns"], rows(count));
            fixture.post(
                "/models/wine/invocations",
                &format!(r#"{{"dataframe_split": {{"columns": {columns}, "data": {data}}}}}"#),
            )
        };
        [1, 40, 700, 5000].map(post).map(|answer| (answer.status, answer.body))
    };
    let expected = answers(Mode::Inline);
    assert!(expected.iter().all(|(status, _)| *status == 200));
    for mode in [Mode::Auto, Mode::Pool, Mode::ThreadPerRequest] {
        assert!(answers(mode) == expected, "{mode:?}");
    }
}

#[test]
fn a_head_past_its_bound_is_not_answered_and_costs_its_own_connection_only() {
    let fixture = demo(|_| {});
    let ask = |padding: usize| {
        let mut stream = TcpStream::connect(fixture.daemon().addresses()[0]).unwrap();
        let head = format!("GET /ping HTTP/1.1\r\nhost: test\r\nx-padding: {}\r\n\r\n", "x".repeat(padding));
        let mut status = [0; 12];
        // The daemon hangs up while the rest is still being sent: whether its answer gets through is the network's affair.
        let read = stream.write_all(head.as_bytes()).and_then(|()| stream.read_exact(&mut status));
        read.is_ok().then(|| String::from_utf8_lossy(&status).into_owned())
    };
    assert_eq!(ask(16 << 10).as_deref(), Some("HTTP/1.1 200"));
    assert_ne!(ask(256 << 10).as_deref(), Some("HTTP/1.1 200"));
    assert_eq!(ask(0).as_deref(), Some("HTTP/1.1 200"));
}
