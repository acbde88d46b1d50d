//! One rate for a while: `burst`.

use std::{sync::Arc, time::Duration};

use crate::{
    error::LoadError,
    schedule::Schedule,
    session::Session,
    trial::{self, TrialEnd, TrialSpec, Warmup},
};

/// Warm-up before every measured rate.
pub(super) const WARMUP: usize = 1;
/// A schedule goes on this much longer than what is measured, so that the last window is loaded to its end while it is
/// looked at.
pub(super) const OVERHANG: f64 = 1.0;

/// `rate` for `duration`, measured second by second.
pub(super) async fn burst(session: &mut Session, rate: f64, duration: Duration) -> Result<(), LoadError> {
    session.step(format!("{rate:.0}/s for {:.0} s", duration.as_secs_f64()));
    let end = hold(session, "measure", rate, duration).await?;
    session.response = end.response;
    session.keep(end.trial);
    Ok(())
}

/// A trial of one rate without a verdict.
pub(super) async fn hold(
    session: &mut Session,
    purpose: &str,
    rate: f64,
    duration: Duration,
) -> Result<TrialEnd, LoadError> {
    let windows = duration.as_secs_f64().ceil() as usize;
    let seconds = (WARMUP + windows) as f64 + OVERHANG;
    let spec = TrialSpec {
        purpose: purpose.to_owned(),
        schedule: Schedule::constant(rate, seconds, session.plan.arrivals, session.plan.seed),
        warmup: Warmup::Windows(WARMUP),
        windows,
        bodies: Arc::clone(session.plan.bodies.pool()),
        rows: session.plan.bodies.rows(),
        judge: None,
        stop_when_failing: true,
    };
    trial::run(session, spec).await
}
