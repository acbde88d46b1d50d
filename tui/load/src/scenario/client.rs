//! A closed loop, as amesar's benchmark clients are: each thread sends its next row when the last one is answered.
//!
//! Its latencies are service times: a closed loop slows down with the server, so they say nothing of a user who does
//! not wait. They are here to be compared with published numbers of the same kind.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::task::JoinSet;
use yummy_api::load::{Trial, TrialCpu, Verdict};

use crate::{
    error::LoadError,
    exchange::{Connection, Template},
    latency::Latency,
    play::Failure,
    progress::{Abort, Phase},
    session::Session,
};

/// Calls of each thread when the bodies are not a file's rows.
pub const CALLS: usize = 1000;

struct ThreadResult {
    service: Latency,
    failures: BTreeMap<Failure, u64>,
    answered: u64,
}

/// `threads` loops of `calls` calls each, one connection a call unless connections are kept.
pub(super) async fn client(session: &mut Session, threads: u32, calls: usize) -> Result<(), LoadError> {
    session.step(format!("{threads} closed-loop clients, {calls} calls each"));
    session.reporter.update(|now| now.phase = Phase::Measuring);
    let mark = session.seen().cpu_mark();
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for thread in 0..threads as usize {
        let template = Template::post(
            &session.plan.target,
            session.plan.bodies.content_type(),
            &session.run_id,
            session.plan.transport.keep_alive,
        );
        let bodies = std::sync::Arc::clone(session.plan.bodies.pool());
        let (timeout, abort) = (session.plan.transport.timeout, session.abort.clone());
        // Each thread starts at another row.
        let first = thread * calls;
        tasks.spawn(async move { call_all(&template, &bodies, first, calls, timeout, &abort).await });
    }
    let results: Vec<ThreadResult> = tasks.join_all().await;
    let seconds = begun.elapsed().as_secs_f64();
    let seen = session.seen();
    let mut all = ThreadResult { service: Latency::default(), failures: BTreeMap::new(), answered: 0 };
    for (thread, result) in results.iter().enumerate() {
        let service = &result.service;
        let text = format!(
            "thread {thread}: mean {:.6} max {:.6} min {:.6} s, {} calls",
            service.mean_ms() / 1e3,
            service.quantile_ms(1.0) / 1e3,
            service.quantile_ms(0.0) / 1e3,
            service.len()
        );
        session.find(&format!("thread_{thread}_mean"), Some(service.mean_ms()), "ms", text);
        all.service.merge(service);
        all.answered += result.answered;
        for (failure, count) in &result.failures {
            *all.failures.entry(*failure).or_default() += count;
        }
    }
    summarise(session, &all, seconds, calls);
    let rows = session.plan.bodies.rows();
    let mut trial = closed_trial(&all, seconds, rows);
    trial.cpu.server = seen.cores_since(mark);
    trial.rss_bytes = seen.rss_bytes();
    session.response = all.service;
    session.keep(trial);
    session.note("closed loop: latencies are service times, and the rate is what the clients' waiting left of it");
    Ok(())
}

async fn call_all(
    template: &Template,
    bodies: &[Bytes],
    first: usize,
    calls: usize,
    timeout: Duration,
    abort: &Abort,
) -> ThreadResult {
    let mut result = ThreadResult { service: Latency::default(), failures: BTreeMap::new(), answered: 0 };
    let mut kept: Option<Connection> = None;
    for call in 0..calls {
        if abort.is_asked() {
            break;
        }
        let body = bodies[(first + call) % bodies.len()].clone();
        let begun = Instant::now();
        let one = async {
            let mut connection = match kept.take().filter(Connection::is_open) {
                Some(open) => open,
                None => Connection::open(template.addr).await.map_err(|error| Failure::of_connect(&error))?,
            };
            connection.exchange(template, body).await?;
            Ok(connection)
        };
        let outcome = tokio::select! {
            outcome = tokio::time::timeout(timeout, one) => outcome.unwrap_or(Err(Failure::Timeout)),
            () = abort.asked() => break,
        };
        result.service.record(begun.elapsed());
        match outcome {
            Ok(connection) => {
                result.answered += 1;
                kept = template.keep_alive.then_some(connection);
            }
            Err(failure) => *result.failures.entry(failure).or_default() += 1,
        }
    }
    result
}

/// The lines that amesar's clients print, and the ones that they miss: calls a second the right way up, p99, failures.
fn summarise(session: &mut Session, all: &ThreadResult, seconds: f64, iterations: usize) {
    let service = &all.service;
    let (mean, stdev) = (service.mean_ms(), service.stdev_ms());
    session.find("mean", Some(mean), "ms", "mean time of a call");
    session.find("max", Some(service.quantile_ms(1.0)), "ms", "longest call");
    session.find("min", Some(service.quantile_ms(0.0)), "ms", "shortest call");
    session.find("std", Some(stdev), "ms", "standard deviation");
    session.find("rsd", (mean > 0.0).then(|| 100.0 * stdev / mean), "%", "standard deviation / mean");
    session.find("total", Some(seconds), "s", "time from the first call to the last answer");
    session.find("calls", Some(service.len() as f64), "calls", "calls made");
    let rows = session.plan.bodies.rows() as f64;
    session.find("records", Some(service.len() as f64 * rows), "rows", "rows sent");
    session.find("iterations", Some(iterations as f64), "calls", "calls of each thread");
    session.find("calls_per_second", Some(all.answered as f64 / seconds), "requests/s", "good answers a second");
    session.find("p99", Some(service.quantile_ms(0.99)), "ms", "99 % of the calls took at most this");
    let failed: u64 = all.failures.values().sum();
    session.find("failed", Some(failed as f64), "calls", "calls with another status than 2xx, or none");
}

fn closed_trial(all: &ThreadResult, seconds: f64, rows: u64) -> Trial {
    let sent = all.service.len();
    Trial {
        purpose: "closed loop".to_owned(),
        target: None,
        rows_per_request: rows,
        offered: sent as f64 / seconds,
        sent,
        achieved: all.answered as f64 / seconds,
        seconds,
        // A closed loop has no intended times, so there is no response time and no lag.
        response_ms: None,
        service_ms: all.service.quantiles(),
        lag_ms: None,
        slow_share: None,
        errors: all.failures.iter().map(|(failure, count)| (failure.to_string(), *count)).collect(),
        unsent: 0,
        cpu: TrialCpu::default(),
        rss_bytes: None,
        verdict: Verdict::Measured,
        waited_share: 0.0,
        settle_ms: None,
        marks: Vec::new(),
        windows: Vec::new(),
    }
}
