//! What the generator itself can do on this machine, now: the highest rate that it holds against a server that does
//! nothing. A search never offers more than a share of it.
//!
//! Not kept on disk: what else the machine does changes it from minute to minute, and finding it takes seconds.

use std::sync::Arc;

use crate::{
    error::LoadError,
    null_server::NullServer,
    progress::Phase,
    scenario::MAX_RATE,
    schedule::Schedule,
    session::{Plan, Session},
    target::Target,
    trial::{self, TrialSpec, Warmup},
};

use yummy_api::load::Verdict;

/// Share of the ceiling that is offered at most: beyond, the generator's own queueing shows.
pub(crate) const USABLE: f64 = 0.8;
/// Rates that are tried, each for a second.
const LADDER: [f64; 6] = [250.0, 1_000.0, 4_000.0, 12_000.0, 25_000.0, MAX_RATE];
/// Tries of each rate: one disturbed second must not cap a search.
const TRIES: u32 = 2;
/// Share of the offered requests that the null server must have answered.
const ANSWERED: f64 = 0.995;

/// Finds the ceiling for the session's bodies; the lowest rate of the ladder when not even that is held.
pub(crate) async fn find(session: &Session) -> Result<f64, LoadError> {
    let server = NullServer::start().map_err(LoadError::Thread)?;
    let plan = Plan { target: Target::at(server.addr(), session.plan.target.path()), ..session.plan.clone() };
    let mut unwatched = Session::open_unwatched(plan, session.abort.clone(), Arc::clone(&session.reporter)).await?;
    let mut reached = LADDER[0];
    for rate in LADDER {
        session.step(format!("the generator itself at {rate:.0}/s"));
        let mut held = false;
        for _ in 0..TRIES {
            held = held || hold(&mut unwatched, rate).await?;
        }
        if !held || session.abort.is_asked() {
            break;
        }
        reached = rate;
    }
    session.reporter.update(|now| now.phase = Phase::Opening);
    Ok(reached)
}

async fn hold(session: &mut Session, rate: f64) -> Result<bool, LoadError> {
    let spec = TrialSpec {
        purpose: "ceiling".to_owned(),
        schedule: Schedule::constant(rate, 2.0, session.plan.arrivals, session.plan.seed),
        warmup: Warmup::Windows(0),
        windows: 1,
        bodies: Arc::clone(session.plan.bodies.pool()),
        rows: session.plan.bodies.rows(),
        judge: None,
        stop_when_failing: true,
        objectives_only: true,
    };
    let trial = trial::run(session, spec).await?.trial;
    let answered = trial.response_ms.is_some() && trial.errors.is_empty();
    Ok(trial.verdict == Verdict::Measured && answered && trial.achieved >= ANSWERED * trial.offered)
}
