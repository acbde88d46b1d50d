//! What a look at a large tree costs, and that it does not hinder requests. `YUMMY_SCAN_RUNS=10000` is the size of the
//! issue; the default is smaller.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use crate::{
    process::Process,
    store::{BODY, Layout, Store, run},
};

const DEFAULT_RUNS: u64 = 1000;
/// Logged models beside the runs.
const MODELS: u64 = 100;
const LOOKS: u32 = 20;
/// From so many runs on, what a look costs is held to a bound.
const LARGE: u64 = 10_000;

/// Runs of a file store as 3.x leaves them: an empty folder of artifacts, metrics, params and tags.
fn write_runs(root: &Path, count: u64) {
    for number in 0..count {
        let run = root.join("1").join(format!("{number:032x}"));
        for folder in ["artifacts", "metrics", "params", "tags"] {
            fs::create_dir_all(run.join(folder)).unwrap();
        }
        fs::write(run.join("meta.yaml"), format!("lifecycle_stage: active\nrun_id: {number:032x}\n")).unwrap();
        fs::write(run.join("metrics/loss"), "1 0.5 0\n").unwrap();
    }
}

#[test]
fn a_look_at_many_runs_is_cheap() {
    let runs = std::env::var("YUMMY_SCAN_RUNS").map_or(DEFAULT_RUNS, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(Layout::Files, &folder.path().join("mlruns"));
    for number in 1..=MODELS {
        run(&store.log(runs + number, number as f64));
    }
    run(&store.register("wine", 1, runs + 1));
    write_runs(&store.root, runs);
    // What was written a moment ago is read again by every look: it may be written once more in the same tick.
    std::thread::sleep(Duration::from_secs(3));
    let begin = Instant::now();
    let daemon = Process::start(&store.root, &["--rescan-seconds", "3600"]);
    println!(
        "{runs} runs, {MODELS} logged models: started and loaded in {:.0} ms",
        begin.elapsed().as_secs_f64() * 1e3
    );
    let look = || assert_eq!(daemon.client().call("POST", "/rescan", &[], b"").status, 200);
    let begin = Instant::now();
    look();
    println!("a look that reads everything anew (POST /rescan): {:.1} ms", begin.elapsed().as_secs_f64() * 1e3);

    // Looks by an event: what they cost the process.
    std::thread::sleep(Duration::from_secs(2));
    let before = daemon.cpu_seconds();
    for number in 0..LOOKS {
        fs::write(store.root.join("1/models").join(format!("file-{number}")), "").unwrap();
        std::thread::sleep(Duration::from_millis(300));
    }
    // Each change is looked at after the debounce, and again every quarter of a second for one.
    let each = (daemon.cpu_seconds() - before) * 1e3 / f64::from(LOOKS);
    println!("a change, looked at 1 to 2 times: {each:.1} ms of CPU");

    // Looks because time has passed, at a tree in which nothing has: each costs that every `--rescan-seconds`.
    drop(daemon);
    let idle = |rescan: &str| {
        let daemon = Process::start(&store.root, &["--rescan-seconds", rescan]);
        // What watches were placed on in the first look is looked at again for a second.
        std::thread::sleep(Duration::from_secs(3));
        let before = daemon.cpu_seconds();
        std::thread::sleep(Duration::from_secs(5));
        daemon.cpu_seconds() - before
    };
    let each = (idle("0.25") - idle("3600")).max(0.0) / (5.0 / 0.25);
    println!("a look at an unchanged tree: {:.1} ms of CPU", each * 1e3);
    if runs >= LARGE {
        assert!(each < 0.2, "{each} s");
    }
    let daemon = Process::start(&store.root, &["--rescan-seconds", "3600"]);
    let mut client = daemon.client();
    let answer =
        client.call("POST", "/models/wine/invocations", &[("content-type", "application/json")], BODY.as_bytes());
    assert_eq!(answer.text(), "{\"predictions\": [1.0]}");

    // A new version is found in the crowd.
    run(&store.log(runs + MODELS + 1, 2.0));
    run(&store.register("wine", 2, runs + MODELS + 1));
    let written = Instant::now();
    crate::common::until("the new version answers", || {
        let json = [("content-type", "application/json")];
        client.call("POST", "/models/wine/invocations", &json, BODY.as_bytes()).header("x-yummy-model")
            == Some("wine/2")
    });
    println!("a new version answers {:.0} ms after the last write", written.elapsed().as_secs_f64() * 1e3);
}
