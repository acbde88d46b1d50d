//! Rates that change: `load-test`, `stress`, spikes, `reload`, `replay`.

use std::{sync::Arc, time::Duration};

use yummy_api::{
    event::EventKind,
    load::{LoadQuantiles, TrialWindow},
};

use super::steady::{self, OVERHANG};
use crate::{
    error::LoadError,
    schedule::{Schedule, Segment},
    session::Session,
    trial::{self, TrialSpec, Warmup},
};

/// Length over which `load-test` looks for the first breach, in windows (5 s, as scoring-handler's charts).
const BREACH_WINDOWS: usize = 5;
/// How long recovery is watched after a stress.
const RECOVERY: f64 = 30.0;
/// Rate while it is watched, as a share of the peak.
const RECOVERY_SHARE: f64 = 0.01;
/// Windows around a reload that are looked at.
const AROUND_RELOAD: f64 = 1.5;

/// A straight ramp that goes on past the limit, and says where each objective first broke.
pub(super) async fn load_test(session: &mut Session, to: f64, duration: Duration) -> Result<(), LoadError> {
    session.step(format!("ramp 1..{to:.0}/s over {:.0} s", duration.as_secs_f64()));
    let seconds = duration.as_secs_f64();
    let ramp = Segment { from: 1.0, to, seconds };
    let windows = seconds.floor() as usize;
    let end = steady::profile(
        session,
        "ramp",
        vec![ramp, Segment::constant(to, OVERHANG)],
        Warmup::Windows(0),
        windows,
        false,
    )
    .await?;
    let slo = session.plan.slo;
    let chunks: Vec<Chunk> = end.trial.windows.chunks(BREACH_WINDOWS).map(Chunk::of).collect();
    let p99_ms = slo.p99.as_secs_f64() * 1e3;
    let first = |broke: &dyn Fn(&Chunk) -> bool| chunks.iter().find(|chunk| broke(chunk)).map(|chunk| chunk.offered);
    let unit = "requests/s";
    session.find(
        "p99_breaks_at",
        first(&|c| c.p99 > p99_ms),
        unit,
        "offered rate of the first 5 s with p99 above the objective",
    );
    session.find("errors_break_at", first(&|c| c.error_share > slo.errors), unit, "the same for errors");
    session.find(
        "achieved_breaks_at",
        first(&|c| c.achieved < slo.achieved * c.offered),
        unit,
        "the same for keeping up",
    );
    session.response = end.response;
    session.keep(end.trial);
    Ok(())
}

struct Chunk {
    offered: f64,
    achieved: f64,
    p99: f64,
    error_share: f64,
}

impl Chunk {
    fn of(windows: &[TrialWindow]) -> Self {
        let n = windows.len() as f64;
        let offered = windows.iter().map(|w| w.offered).sum::<f64>() / n;
        Self {
            offered,
            achieved: windows.iter().map(|w| w.achieved).sum::<f64>() / n,
            p99: windows.iter().filter_map(|w| w.response_ms.map(|r| r.p99)).fold(0.0, f64::max),
            error_share: windows.iter().map(|w| w.errors as f64).sum::<f64>() / (n * offered).max(1.0),
        }
    }
}

/// A ramp far past the limit, then silence but for a trickle: how long until it answers as before?
pub(super) async fn stress(session: &mut Session, to: f64, duration: Duration) -> Result<(), LoadError> {
    session.step(format!("stress 0..{to:.0}/s over {:.0} s, then recovery", duration.as_secs_f64()));
    let seconds = duration.as_secs_f64().floor();
    let trickle = (to * RECOVERY_SHARE).max(1.0);
    let segments = vec![Segment { from: 0.0, to, seconds }, Segment::constant(trickle, RECOVERY + OVERHANG)];
    let windows = (seconds + RECOVERY) as usize;
    let mut end = steady::profile(session, "stress", segments, Warmup::Windows(0), windows, false).await?;
    let limit_ms = session.plan.slo.p99.as_secs_f64() * 1e3;
    let recovery = settled_after(&end.trial.windows, seconds, limit_ms);
    session.find(
        "recovery",
        recovery,
        "s",
        "from the end of the stress to the first of the seconds that stay within the objective",
    );
    let peak = end.trial.windows.iter().map(|window| window.achieved).fold(0.0, f64::max);
    session.find("peak_achieved", Some(peak), "requests/s", "highest rate of good answers within one second");
    steady::settle(session, &mut end.trial).await;
    session.response = end.response;
    session.keep(end.trial);
    Ok(())
}

/// Base rate, then `factor` times it for `length`, and base again, `times` over.
pub(super) async fn spikes(
    session: &mut Session,
    base: f64,
    factor: f64,
    length: Duration,
    times: u32,
) -> Result<(), LoadError> {
    session.step(format!("{times} spikes from {base:.0} to {:.0}/s", base * factor));
    let seconds = length.as_secs_f64().ceil();
    let calm = Segment::constant(base, seconds);
    let mut segments = vec![calm];
    for _ in 0..times {
        segments.extend([Segment::constant(base * factor, seconds), calm]);
    }
    let windows = segments.iter().map(|segment| segment.seconds as usize).sum();
    segments.push(Segment::constant(base, OVERHANG));
    let end = steady::profile(session, "spikes", segments, Warmup::Windows(0), windows, true).await?;
    let trial = end.trial;
    let p99 = |from: f64, to: f64| worst_p99(&trial.windows, from, to);
    let before = p99(0.0, seconds);
    let spike = (0..times).filter_map(|n| p99(seconds * f64::from(2 * n + 1), seconds * f64::from(2 * n + 2)));
    let overshoot = spike.fold(None, |worst: Option<f64>, p99| Some(worst.map_or(p99, |worst| worst.max(p99))));
    session.find("base_p99", before, "ms", "worst second at the base rate before the first spike");
    session.find("spike_p99", overshoot, "ms", "worst second within the spikes");
    let limit = session.plan.slo.p99.as_secs_f64() * 1e3;
    let settles = (1..=times).map(|n| settled_within(&trial.windows, seconds * f64::from(2 * n), seconds, limit));
    let slowest = settles.into_iter().try_fold(0.0, |slowest: f64, settle| settle.map(|settle| slowest.max(settle)));
    session.find(
        "settle",
        slowest,
        "s",
        "longest time from a spike's end to seconds within the objective; null if never",
    );
    session.response = end.response;
    session.keep(trial);
    Ok(())
}

/// A steady rate during which someone swaps a model: what do requests around the swap see?
pub(super) async fn reload(session: &mut Session, rate: f64, duration: Duration) -> Result<(), LoadError> {
    session.step(format!("{rate:.0}/s for {:.0} s; write a new version into mlruns now", duration.as_secs_f64()));
    let last_event = session.seen().events().last().map_or(0, |event| event.seq);
    let begun_ms = unix_ms();
    let end = steady::hold(session, "reload", rate, duration).await?;
    let seen = session.seen();
    let swaps: Vec<f64> = seen
        .events()
        .iter()
        .filter(|event| event.kind == EventKind::Reload && event.seq > last_event)
        .map(|event| event.at_unix_ms.saturating_sub(begun_ms) as f64 / 1e3 - steady::WARMUP as f64)
        .collect();
    let near = |window: &&TrialWindow| swaps.iter().any(|swap| (window.at_s + 0.5 - swap).abs() <= AROUND_RELOAD);
    let around: Vec<&TrialWindow> = end.trial.windows.iter().filter(near).collect();
    session.find("reloads", Some(swaps.len() as f64), "events", "reload events that the server reported meanwhile");
    let known = (!swaps.is_empty()).then_some(());
    let failed = around.iter().map(|window| window.errors as f64).sum();
    session.find(
        "failed_around_reload",
        known.map(|()| failed),
        "requests",
        "requests that failed in the seconds around",
    );
    let slow = around.iter().map(|window| window.slow_share * window.offered).sum();
    session.find("slow_around_reload", known.map(|()| slow), "requests", "requests slower than the objective around");
    if swaps.is_empty() {
        session.note("no reload was reported during the run");
    }
    session.response = end.response;
    session.keep(end.trial);
    Ok(())
}

/// Bodies at the times of a recording.
pub(super) async fn replay(session: &mut Session, times: &[u64]) -> Result<(), LoadError> {
    session.step(format!("replaying {} requests", times.len()));
    let schedule = Schedule::replay(times.to_vec());
    let spec = TrialSpec {
        purpose: "replay".to_owned(),
        windows: (schedule.seconds().ceil() as usize).max(1),
        schedule,
        warmup: Warmup::Windows(0),
        bodies: Arc::clone(session.plan.bodies.pool()),
        rows: session.plan.bodies.rows(),
        judge: None,
        stop_when_failing: true,
        objectives_only: false,
    };
    let end = trial::run(session, spec).await?;
    session.response = end.response;
    session.keep(end.trial);
    Ok(())
}

fn worst_p99(windows: &[TrialWindow], from: f64, to: f64) -> Option<f64> {
    let within = windows.iter().filter(|window| (from..to).contains(&window.at_s));
    within.filter_map(|window| window.response_ms).map(|response: LoadQuantiles| response.p99).reduce(f64::max)
}

/// Seconds from `end` until every later second is within the limit; `None` when the last one is not.
fn settled_after(windows: &[TrialWindow], end: f64, limit_ms: f64) -> Option<f64> {
    settled_within(windows, end, f64::INFINITY, limit_ms)
}

/// The same, looking at no more than `length` seconds after `end`.
fn settled_within(windows: &[TrialWindow], end: f64, length: f64, limit_ms: f64) -> Option<f64> {
    let after: Vec<&TrialWindow> = windows.iter().filter(|w| w.at_s >= end && w.at_s < end + length).collect();
    let over = |window: &&&TrialWindow| window.errors > 0 || window.response_ms.is_some_and(|r| r.p99 > limit_ms);
    let late = after.iter().rev().take_while(|window| !over(window)).count();
    (late > 0).then(|| (after.len() - late) as f64)
}

fn unix_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
