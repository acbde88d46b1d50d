//! The same rate on two targets, turn by turn (A B, B A, A B, …), so that whatever else the machine does hits both.

use std::{sync::Arc, time::Duration};

use yummy_api::load::Trial;

use super::steady;
use crate::{
    error::LoadError,
    session::{Plan, Session},
};

/// Turns of each target without `--rounds`.
pub const ROUNDS: u32 = 5;

/// `rounds` turns of `duration` on both targets, and the ratios A / B with their spread.
pub(super) async fn compare(
    session: &mut Session,
    other: &Plan,
    rate: f64,
    duration: Duration,
    rounds: u32,
) -> Result<(), LoadError> {
    let (abort, reporter) = (session.abort.clone(), Arc::clone(&session.reporter));
    let mut second = Session::open(other.clone(), session.run_id.clone(), abort, reporter).await?;
    let mut pairs = Vec::new();
    for round in 0..rounds {
        if session.abort.is_asked() {
            break;
        }
        session.step(format!("round {} of {rounds} at {rate:.0}/s", round + 1));
        // The order alternates: going second, after a warm machine or a full cache, must not favour one of them.
        let (a, b) = if round.is_multiple_of(2) {
            let a = turn(session, "A", rate, duration).await?;
            (a, turn(&mut second, "B", rate, duration).await?)
        } else {
            let b = turn(&mut second, "B", rate, duration).await?;
            (turn(session, "A", rate, duration).await?, b)
        };
        for trial in [&a, &b] {
            session.keep(trial.clone());
        }
        pairs.push((a, b));
    }
    let ratio = |name: &str, of: &dyn Fn(&Trial) -> Option<f64>| {
        let ratios: Vec<f64> =
            pairs.iter().filter_map(|(a, b)| Some(of(a)? / of(b)?)).filter(|r| r.is_finite()).collect();
        (name.to_owned(), ratios)
    };
    let found = [
        ratio("p50", &|trial| trial.response_ms.map(|response| response.p50)),
        ratio("p99", &|trial| trial.response_ms.map(|response| response.p99)),
        ratio("achieved", &|trial| Some(trial.achieved)),
        ratio("server_cpu_per_request", &|trial| trial.cpu.server.map(|cores| cores / trial.achieved)),
    ];
    for (name, mut ratios) in found {
        ratios.sort_by(f64::total_cmp);
        let median = (!ratios.is_empty()).then(|| ratios[ratios.len() / 2]);
        let spread = match (ratios.first(), ratios.last()) {
            (Some(low), Some(high)) => format!("A / B, median of {} rounds; {low:.3} to {high:.3}", ratios.len()),
            _ => "A / B; not known".to_owned(),
        };
        session.find(&format!("{name}_ratio"), median, "ratio", spread);
        session.find(&format!("{name}_ratio_low"), ratios.first().copied(), "ratio", "lowest round");
        session.find(&format!("{name}_ratio_high"), ratios.last().copied(), "ratio", "highest round");
    }
    session.note(format!(
        "A is {} ({}), B is {} ({})",
        session.plan.target, session.plan.model, other.target, other.model
    ));
    session.notes.append(&mut second.notes);
    Ok(())
}

async fn turn(session: &mut Session, label: &str, rate: f64, duration: Duration) -> Result<Trial, LoadError> {
    let mut end = steady::hold(session, "compare", rate, duration).await?;
    steady::settle(session, &mut end.trial).await;
    session.response.merge(&end.response);
    end.trial.target = Some(label.to_owned());
    Ok(end.trial)
}
