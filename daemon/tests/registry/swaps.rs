//! Versions and aliases change while connections score: no request fails, every answer is that of the version that its
//! header names, and memory comes back. `YUMMY_SWAPS=1000` (`make check-registry-swaps`) is the long run.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use crate::{
    common::Client,
    process::Process,
    store::{BODY, Layout, Store, run},
};

/// Swaps of the default run: some seconds.
const DEFAULT_SWAPS: u64 = 60;
const CONNECTIONS: u64 = 8;
/// Connections ask this often: what is measured is the daemon, not a machine that has no time.
const PACE: Duration = Duration::from_millis(2);
/// Swaps before memory is looked at for the first time.
const WARM_UP: u64 = 20;
/// From so many on it is a long run: its aims are those of the issue.
const LONG: u64 = 200;

/// What the connections saw.
#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    swapping: AtomicBool,
    asked: AtomicU64,
    failed: AtomicU64,
    wrong: AtomicU64,
    /// The longest that a request took, microseconds: before the swaps, and while there are some.
    longest: [AtomicU64; 2],
    /// Requests that took longer than a millisecond, likewise, and all.
    slow: [AtomicU64; 2],
    all: [AtomicU64; 2],
}

/// Label and value of one answer; `None` when it failed.
fn ask(client: &mut Client, path: &str) -> Option<(u64, f64)> {
    let answer = client.call("POST", path, &[("content-type", "application/json")], BODY.as_bytes());
    if answer.status != 200 {
        println!("{}: {}", answer.status, answer.text());
        return None;
    }
    let version = answer.header("x-yummy-model")?.strip_prefix("steady/")?.parse().ok()?;
    Some((version, answer.json()["predictions"][0].as_f64()?))
}

fn score(daemon: &Process, path: &str, seen: &Seen) {
    let mut client = daemon.client();
    while !seen.stop.load(Relaxed) {
        let begin = Instant::now();
        let answer = ask(&mut client, path);
        let took = u64::try_from(begin.elapsed().as_micros()).unwrap();
        let phase = usize::from(seen.swapping.load(Relaxed));
        seen.longest[phase].fetch_max(took, Relaxed);
        seen.slow[phase].fetch_add(u64::from(took > 1000), Relaxed);
        seen.all[phase].fetch_add(1, Relaxed);
        seen.asked.fetch_add(1, Relaxed);
        match answer {
            None => drop(seen.failed.fetch_add(1, Relaxed)),
            Some((version, value)) if value != version as f64 => drop(seen.wrong.fetch_add(1, Relaxed)),
            Some(_) => {}
        }
        std::thread::sleep(PACE);
    }
}

/// Registers version after version, moves the alias forth and back; gives the times from the last write to the first
/// answer by the new version, and the memory after the warm-up and at the end.
fn swap(daemon: &Process, store: &Store, swaps: u64) -> (Vec<f64>, u64, u64) {
    let (mut delays, mut before) = (Vec::new(), 0);
    let mut client = daemon.client();
    for version in 2..swaps + 2 {
        run(&store.log(version, version as f64));
        // The alias stays behind now and then: that is a rollback.
        let named = if version % 3 == 0 { version - 1 } else { version };
        run(&store.alias("steady", "champion", if version % 3 == 0 { version - 1 } else { version - 2 }.max(1)));
        run(&store.register("steady", version, version));
        let written = Instant::now();
        while ask(&mut client, "/models/steady/invocations").unwrap().0 != version {
            assert!(written.elapsed() < Duration::from_secs(20), "version {version} is not served");
        }
        delays.push(written.elapsed().as_secs_f64() * 1e3);
        run(&store.alias("steady", "champion", named));
        if version == WARM_UP {
            before = daemon.resident();
        }
    }
    // What was replaced is freed by the next looks; what its requests were counted in is kept while the windows of the
    // live numbers have them: a minute.
    std::thread::sleep(if swaps >= LONG { Duration::from_secs(65) } else { Duration::from_secs(2) });
    (delays, before, daemon.resident())
}

#[test]
fn versions_and_aliases_change_under_load() {
    let swaps = std::env::var("YUMMY_SWAPS").map_or(DEFAULT_SWAPS, |text| text.parse().unwrap()).max(WARM_UP);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(Layout::Files, &folder.path().join("mlruns"));
    run(&store.log(1, 1.0));
    run(&store.register("steady", 1, 1));
    run(&store.alias("steady", "champion", 1));
    let daemon = Process::start(&store.root, &[]);
    let seen = Seen::default();
    let (mut delays, before, after) = std::thread::scope(|scope| {
        for number in 0..CONNECTIONS {
            let path =
                ["/models/steady/invocations", "/models/steady/aliases/champion/invocations"][number as usize % 2];
            let (daemon, seen) = (&daemon, &seen);
            scope.spawn(move || score(daemon, path, seen));
        }
        std::thread::sleep(Duration::from_secs(2));
        seen.swapping.store(true, Relaxed);
        let result = swap(&daemon, &store, swaps);
        seen.stop.store(true, Relaxed);
        result
    });
    delays.sort_by(f64::total_cmp);
    let (median, longest) = (delays[delays.len() / 2], delays[delays.len() - 1]);
    let of = |counts: &[AtomicU64; 2]| counts.each_ref().map(|count| count.load(Relaxed));
    let [calm, swapping] = of(&seen.longest).map(|micros| micros as f64 / 1e3);
    println!("{swaps} swaps, {} requests on {CONNECTIONS} connections", seen.asked.load(Relaxed));
    println!("last write to first answer by the new version: median {median:.0} ms, longest {longest:.0} ms");
    println!("longest request: {calm:.2} ms without swaps, {swapping:.2} ms with");
    println!("requests over 1 ms: {:?} of {:?} (without swaps, with)", of(&seen.slow), of(&seen.all));
    println!("resident: {:.1} MB after {WARM_UP} swaps, {:.1} MB at the end", before as f64 / 1e6, after as f64 / 1e6);
    assert_eq!((seen.failed.load(Relaxed), seen.wrong.load(Relaxed)), (0, 0), "failed, wrong");
    if swaps >= LONG {
        assert!(after as f64 <= before as f64 * 1.1, "memory grew from {before} to {after}");
        assert!(median <= 300.0, "{median} ms");
    }
}
