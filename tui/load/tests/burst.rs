//! A burst against real sockets: what is sent, what is counted, and how it stops.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::{Duration, Instant};

use support::{Behaviour, Stub};
use yummy_api::load::Verdict;
use yummy_load::{LoadError, Phase, Run, Scenario};

const SHORT: Duration = Duration::from_secs(2);

#[test]
fn every_scheduled_request_is_sent_and_counted_once() {
    let stub = Stub::start(Behaviour::Instant);
    let outcome =
        Run::start(stub.plan(), Scenario::Burst { rate: 200.0, duration: SHORT }, None).unwrap().join().unwrap();
    let trial = &outcome.report.trials[0];
    assert_eq!((trial.sent, trial.unsent, trial.seconds), (400, 0, 2.0));
    assert!((trial.offered - 200.0).abs() < 1e-9);
    assert!(trial.errors.is_empty(), "{:?}", trial.errors);
    assert_eq!(trial.windows.len(), 2);
    assert_eq!(outcome.response.len(), 400);
    assert!(outcome.report.co_located);
}

#[test]
fn requests_say_that_they_are_load_and_of_which_run() {
    let stub = Stub::start(Behaviour::Instant);
    let outcome =
        Run::start(stub.plan(), Scenario::Burst { rate: 50.0, duration: Duration::from_secs(1) }, None).unwrap().join();
    let run_id = outcome.unwrap().report.run_id;
    let headers = stub.headers.lock().unwrap().clone().unwrap();
    assert_eq!(headers["x-yummy-load"].to_str().unwrap(), run_id);
    assert_eq!(headers["content-type"], "application/json");
}

#[test]
fn a_stop_takes_less_than_100_ms_and_still_reports() {
    let stub = Stub::start(Behaviour::Hangs);
    let handle = Run::start(stub.plan(), Scenario::Burst { rate: 100.0, duration: SHORT * 10 }, None).unwrap();
    let mut snapshots = handle.snapshots();
    while snapshots.borrow_and_update().phase != Phase::Measuring || handle.snapshot().in_flight == 0 {
        assert!(!handle.is_finished(), "{:?}", handle.join());
        std::thread::sleep(Duration::from_millis(5));
    }
    let asked = Instant::now();
    handle.abort();
    let outcome = handle.join().unwrap();
    let taken = asked.elapsed();
    let served = stub.served();
    assert!(taken < Duration::from_millis(100), "{taken:?}");
    assert_eq!(outcome.report.trials[0].verdict, Verdict::Aborted("stopped by the user".to_owned()));
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(stub.served(), served, "requests were sent after the stop");
}

#[test]
fn a_server_that_only_fails_stops_the_run_after_three_seconds() {
    let stub = Stub::start(Behaviour::FailsWith(503));
    let begun = Instant::now();
    let scenario = Scenario::Burst { rate: 100.0, duration: SHORT * 10 };
    let trial = Run::start(stub.plan(), scenario, None).unwrap().join().unwrap().report.trials.remove(0);
    assert!(matches!(&trial.verdict, Verdict::Aborted(reason) if reason.contains("failed")), "{:?}", trial.verdict);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    // What was on its way when the run stopped is counted as well.
    let kinds: Vec<&str> = trial.errors.keys().map(String::as_str).filter(|kind| *kind != "unanswered").collect();
    assert_eq!(kinds, ["http 503"]);
}

#[test]
fn a_target_that_does_not_score_is_named_before_any_load() {
    let mut plan = Stub::start(Behaviour::Instant).plan();
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    plan.target = yummy_load::target::Target::resolve(&format!("http://{dead}"), "/invocations", &plan.reach).unwrap();
    let error = Run::start(plan, Scenario::Burst { rate: 10.0, duration: SHORT }, None).unwrap().join().unwrap_err();
    assert!(matches!(error, LoadError::Connect { .. }), "{error}");
}

#[test]
fn two_runs_at_a_time_are_refused() {
    let stub = Stub::start(Behaviour::Instant);
    let directory = tempfile::tempdir().unwrap();
    let lock = Some(directory.path().join("lock"));
    let scenario = Scenario::Burst { rate: 10.0, duration: SHORT };
    let first = Run::start(stub.plan(), scenario.clone(), lock.clone()).unwrap();
    let second = Run::start(stub.plan(), scenario.clone(), lock.clone());
    assert!(matches!(second.unwrap_err(), LoadError::Busy { .. }));
    first.abort();
    let _ = first.join();
    assert!(Run::start(stub.plan(), scenario, lock).unwrap().join().is_ok());
}

#[test]
fn bounds_are_checked_before_anything_starts() {
    let stub = Stub::start(Behaviour::Instant);
    for (rate, seconds) in [(0.0, 10), (f64::NAN, 10), (50_001.0, 10), (100.0, 601), (100.0, 0)] {
        let scenario = Scenario::Burst { rate, duration: Duration::from_secs(seconds) };
        assert!(matches!(Run::start(stub.plan(), scenario, None), Err(LoadError::Bounds { .. })), "{rate} {seconds}");
    }
    assert_eq!(stub.served(), 0);
}
