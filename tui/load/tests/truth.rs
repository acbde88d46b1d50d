//! Does the engine tell the truth? Servers whose numbers follow from arithmetic, and generators made bad on purpose.
//!
//! Searches take minutes: `YUMMY_LONG_TESTS=1 cargo test -p yummy-load --release --test truth -- --nocapture` runs them
//! too (`make test-long`).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests; the long ones print what they found")]

mod support;

use std::{sync::Arc, time::Duration};

use support::{Behaviour, Stub};
use tokio::sync::Semaphore;
use yummy_api::load::{LimitKind, LoadReport, Verdict};
use yummy_load::{
    Plan, Run, Scenario,
    bodies::{Bodies, JSON},
    generator::Transport,
    null_server::NullServer,
    scenario::FindSpec,
    slo::Slo,
    target::Target,
};

fn long_tests() -> bool {
    let wanted = std::env::var_os("YUMMY_LONG_TESTS").is_some();
    if !wanted {
        println!("skipped: set YUMMY_LONG_TESTS=1 to run it");
    }
    wanted
}

fn run(plan: Plan, scenario: Scenario) -> LoadReport {
    Run::start(plan, scenario, None).unwrap().join().unwrap().report
}

/// 178 requests a second at most, a second's stall every five, 100/s offered: the requests of a stall and of the
/// backlog after it (1 s + 100 / 78 s of every 5 s, 45.6 %) wait uniformly from 1 s down to nothing, so three quarters
/// wait at most 1 - 0.25 / 0.456 = 0.452 s, plus 45 ms of service. A closed loop sees 0.13 s (load.md §1.2a).
#[test]
fn a_stall_shows_in_full_in_response_times() {
    let stub = Stub::start(Behaviour::StallingSlots {
        slots: Arc::new(Semaphore::new(8)),
        hold: Duration::from_millis(45),
        every: Duration::from_secs(5),
        length: Duration::from_secs(1),
    });
    // A machine that is busy with something else slows the stub down too; it seldom does so three times.
    let attempts = (0..3).map(|_| {
        let mut plan = stub.plan();
        plan.slo.p99 = Duration::from_secs(2);
        let scenario = Scenario::Burst { rate: 100.0, duration: Duration::from_secs(10) };
        let outcome = Run::start(plan, scenario, None).unwrap().join().unwrap();
        let p75 = outcome.response.quantile_ms(0.75);
        println!("p75 {p75:.0} ms, theory 497 ms; {:?}", outcome.report.trials[0].verdict);
        p75
    });
    assert!(attempts.into_iter().any(|p75| (398.0..=596.0).contains(&p75)));
}

#[test]
fn a_slow_pacer_ends_void_not_slow() {
    let stub = Stub::start(Behaviour::Instant);
    let mut plan = stub.plan();
    plan.transport = Transport { pacer_sleep: Duration::from_millis(20), ..plan.transport };
    let trial = run(plan, Scenario::Burst { rate: 200.0, duration: Duration::from_secs(2) }).trials.remove(0);
    assert!(matches!(&trial.verdict, Verdict::Void(reason) if reason.starts_with("lag p99")), "{:?}", trial.verdict);
    assert!(trial.lag_ms.unwrap().p99 > 15.0);
}

/// The server does nothing, so whatever the search finds is the generator's own.
#[test]
fn a_server_faster_than_the_generator_is_said_to_be() {
    if !long_tests() {
        return;
    }
    let server = NullServer::start().unwrap();
    let reach = yummy_load::target::Reach::Loopback;
    let plan = Plan {
        target: Target::resolve(&format!("http://{}", server.addr()), "/invocations", &reach).unwrap(),
        model: String::new(),
        reach,
        bodies: Bodies::same("{}", JSON, 1, "test"),
        transport: Transport::default(),
        slo: Slo { p99: Duration::from_millis(200), ..Slo::default() },
        arrivals: yummy_api::load::Arrivals::Constant,
        seed: 1,
    };
    let report = run(plan, Scenario::Find(FindSpec { start: 1000.0, ..FindSpec::default() }.quick()));
    let limit = report.limit.clone().unwrap();
    println!("{limit:?} {:?}", report.notes);
    assert_eq!(limit.kind, LimitKind::Generator);
    assert!(report.notes.iter().any(|note| note.contains("limited by the generator")), "{:?}", report.notes);
}

/// 8 slots of 45 ms: 8 / 0.045 = 177.8 requests a second, by arithmetic.
#[test]
fn find_lands_on_a_known_capacity_five_times_of_five() {
    if !long_tests() {
        return;
    }
    for attempt in 1..=5 {
        let stub = Stub::start(Behaviour::slots(8, Duration::from_millis(45)));
        let mut plan = stub.plan();
        plan.slo.p99 = Duration::from_millis(200);
        let limit = run(plan, Scenario::Find(FindSpec::default())).limit.unwrap();
        println!(
            "run {attempt}: {:.1}/s [{:.1}, {:.1}] confirmed {} broke {:?}",
            limit.rate, limit.low, limit.high, limit.confirmed, limit.broke
        );
        assert!((168.0..=187.0).contains(&limit.rate), "{limit:?}");
    }
}
