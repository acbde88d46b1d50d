//! Rates that are held: `burst`, `response-time`, `max-performance`, `soak`, `grid-mlflow`; and what other scenarios
//! build on.

use std::{sync::Arc, time::Duration};

use yummy_api::load::{Trial, TrialWindow};

use super::find::{self, FindSpec, SETTLE_SECONDS};
use crate::{
    error::LoadError,
    schedule::{Schedule, Segment},
    session::Session,
    trial::{self, TrialEnd, TrialSpec, Warmup},
};

/// Warm-up windows before a measured rate.
pub(super) const WARMUP: usize = 1;
/// A schedule goes on this much longer than what is measured, so that the last window is loaded to its end while it is
/// looked at, seconds.
pub(super) const OVERHANG: f64 = 1.0;
/// Rates of yummy-mlflow's benchmark: 10..100 step 10, 100..1000 step 100.
const GRID: [f64; 19] = [
    10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0,
    900.0, 1000.0,
];

/// `rate` for `duration`, measured second by second.
pub(super) async fn burst(session: &mut Session, rate: f64, duration: Duration) -> Result<(), LoadError> {
    session.step(format!("{rate:.0}/s for {:.0} s", duration.as_secs_f64()));
    let end = hold(session, "measure", rate, duration).await?;
    session.response = end.response;
    session.keep(end.trial);
    Ok(())
}

/// A rate for long: does anything drift or grow? Without a rate, `share` of the limit that a search finds first.
pub(super) async fn sustain(
    session: &mut Session,
    rate: Option<f64>,
    share: f64,
    duration: Duration,
) -> Result<(), LoadError> {
    let Some(rate) = rate_or_limit(session, rate, share).await? else { return Ok(()) };
    session.step(format!("sustaining {rate:.0}/s for {:.0} s", duration.as_secs_f64()));
    let fds_before = session.seen().open_fds();
    let end = hold(session, "sustain", rate, duration).await?;
    let fds_after = session.seen().open_fds();
    session.response = end.response;
    let windows = &end.trial.windows;
    let drift = p99_drift(windows);
    session.find("p99_drift", drift, "ratio", "mean p99 of the last third of the seconds / of the first third");
    session.find("rss_slope", rss_slope(windows), "bytes/s", "least-squares slope of the server's resident set");
    let fds = fds_before.zip(fds_after).map(|(before, after)| after as f64 - before as f64);
    session.find("fd_growth", fds, "descriptors", "open file descriptors of the server, end minus start");
    session.keep(end.trial);
    Ok(())
}

/// The grid of yummy-mlflow's benchmark: `seconds` at each rate.
pub(super) async fn grid(session: &mut Session, duration: Duration) -> Result<(), LoadError> {
    for rate in GRID {
        if session.abort.is_asked() {
            break;
        }
        session.step(format!("grid: {rate:.0}/s for {:.0} s", duration.as_secs_f64()));
        let mut end = hold(session, "grid", rate, duration).await?;
        settle(session, &mut end.trial).await;
        session.response = end.response;
        session.keep(end.trial);
    }
    Ok(())
}

/// `rate`, or `share` of the limit; `None` when no limit was found.
pub(super) async fn rate_or_limit(
    session: &mut Session,
    rate: Option<f64>,
    share: f64,
) -> Result<Option<f64>, LoadError> {
    if rate.is_some() {
        return Ok(rate);
    }
    find::find(session, &FindSpec::default()).await?;
    Ok(session.limit.as_ref().filter(|limit| limit.rate > 0.0).map(|limit| limit.rate * share))
}

/// A trial of one rate without a verdict.
pub(super) async fn hold(
    session: &mut Session,
    purpose: &str,
    rate: f64,
    duration: Duration,
) -> Result<TrialEnd, LoadError> {
    let windows = duration.as_secs_f64().ceil() as usize;
    let segment = Segment::constant(rate, (WARMUP + windows) as f64 + OVERHANG);
    profile(session, purpose, vec![segment], Warmup::Windows(WARMUP), windows, true).await
}

/// A trial along a profile of rates without a verdict.
pub(super) async fn profile(
    session: &mut Session,
    purpose: &str,
    segments: Vec<Segment>,
    warmup: Warmup,
    windows: usize,
    stop_when_failing: bool,
) -> Result<TrialEnd, LoadError> {
    let spec = TrialSpec {
        purpose: purpose.to_owned(),
        schedule: Schedule::new(segments, session.plan.arrivals, session.plan.seed),
        warmup,
        windows,
        bodies: Arc::clone(session.plan.bodies.pool()),
        rows: session.plan.bodies.rows(),
        judge: None,
        stop_when_failing,
        objectives_only: false,
    };
    trial::run(session, spec).await
}

/// Waits until the server is idle again, and says in the trial how long that took.
pub(super) async fn settle(session: &mut Session, trial: &mut Trial) {
    if session.abort.is_asked() {
        return;
    }
    let settled = session.settle().await;
    trial.settle_ms = settled.map(|settled| settled.as_secs_f64() * 1e3);
    if settled.is_none() && !session.abort.is_asked() {
        trial.marks.push(format!("did not recover in {SETTLE_SECONDS} s"));
    }
}

fn p99_drift(windows: &[TrialWindow]) -> Option<f64> {
    let p99s: Vec<f64> = windows.iter().filter_map(|window| window.response_ms.map(|response| response.p99)).collect();
    let third = p99s.len() / 3;
    if third == 0 {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    Some(mean(&p99s[p99s.len() - third..]) / mean(&p99s[..third]))
}

fn rss_slope(windows: &[TrialWindow]) -> Option<f64> {
    let points: Vec<(f64, f64)> = windows.iter().filter_map(|w| Some((w.at_s, w.rss_bytes? as f64))).collect();
    let n = points.len() as f64;
    let (mean_x, mean_y) =
        (points.iter().map(|(x, _)| x).sum::<f64>() / n, points.iter().map(|(_, y)| y).sum::<f64>() / n);
    let square: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let product: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    (square > 0.0).then(|| product / square)
}
