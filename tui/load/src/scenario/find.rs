//! The breaking point: drives the pure search with real trials.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use yummy_api::load::{Limit, LimitKind, Trial, Verdict};

use super::steady::{self, OVERHANG, WARMUP};
use crate::{
    ceiling,
    error::LoadError,
    guard,
    schedule::Schedule,
    search::{
        Answer, Ask, CONFIRM_WINDOWS, Ending, IDLE_WINDOWS, PRECISION, Purpose, RAMP_START, Search, SearchSpec, Step,
        Told,
    },
    session::{SETTLE_LIMIT, Session},
    trial::{self, TrialEnd, TrialSpec, Warmup},
    verdict::{Decision, Judge},
};

/// Share of one request's time that the idle rate keeps the server busy for: 5 %.
const IDLE_BUSY: f64 = 0.05;
/// Lowest idle rate.
const IDLE_RATE: f64 = 10.0;
/// Highest idle rate, as a share of what the generator can do.
const IDLE_CEILING: f64 = 0.01;
/// Time for a whole search, unless told otherwise.
pub const BUDGET: Duration = Duration::from_secs(300);

/// Windows of the idle trial of a quick search.
const QUICK_WINDOWS: usize = 5;

/// How a search is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FindSpec {
    /// Width of the interval at the end: 0.05 is 5 %.
    pub precision: f64,
    /// Longer trials for less doubt.
    pub careful: bool,
    /// When to stop with what is known.
    pub budget: Duration,
    /// Whole searches; the median is reported.
    pub repeat: u32,
    /// First rate of the ramp.
    pub start: f64,
    /// Windows of the idle trial.
    pub idle_windows: usize,
    /// Windows of the confirmation.
    pub confirm_windows: usize,
}

impl FindSpec {
    /// Shorter idle and confirming trials, for a first look.
    #[must_use]
    pub fn quick(self) -> Self {
        Self { idle_windows: QUICK_WINDOWS, confirm_windows: 2 * QUICK_WINDOWS, ..self }
    }
}

impl Default for FindSpec {
    fn default() -> Self {
        Self {
            precision: PRECISION,
            careful: false,
            budget: BUDGET,
            repeat: 1,
            start: RAMP_START,
            idle_windows: IDLE_WINDOWS,
            confirm_windows: CONFIRM_WINDOWS,
        }
    }
}

/// Searches `spec.repeat` times and puts the median limit into the report.
pub(super) async fn find(session: &mut Session, spec: &FindSpec) -> Result<(), LoadError> {
    let mut limits = Vec::new();
    for _ in 0..spec.repeat.max(1) {
        limits.extend(search_once(session, spec).await?);
        if session.abort.is_asked() {
            break;
        }
    }
    if limits.len() > 1 {
        let rates: Vec<String> = limits.iter().map(|limit| format!("{:.0}", limit.rate)).collect();
        session.note(format!("{} searches found {}/s; the median is reported", limits.len(), rates.join(", ")));
    }
    limits.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    session.limit = (!limits.is_empty()).then(|| limits.swap_remove(limits.len() / 2));
    Ok(())
}

/// One search; `None` when it was stopped before anything was known.
pub(super) async fn search_once(session: &mut Session, spec: &FindSpec) -> Result<Option<Limit>, LoadError> {
    let begun = Instant::now();
    let ceiling = match session.ceiling {
        Some(ceiling) => ceiling,
        None => ceiling::find(session).await?,
    };
    session.ceiling = Some(ceiling);
    let idle = session.idle.as_secs_f64().max(1e-6);
    let mut search = Search::new(SearchSpec {
        idle_rate: (IDLE_BUSY / idle).min(IDLE_CEILING * ceiling).max(IDLE_RATE),
        ceiling: ceiling::USABLE * ceiling,
        precision: spec.precision,
        careful: spec.careful,
        start: spec.start,
        idle_windows: spec.idle_windows,
        confirm_windows: spec.confirm_windows,
    });
    let first_trial = session.trials.len();
    let mut above = None;
    while let Step::Try(ask) = search.step() {
        if session.abort.is_asked() || begun.elapsed() > spec.budget {
            search.spend_budget();
            continue;
        }
        session.step(describe(&search, &ask));
        let end = attempt(session, &ask).await?;
        let told = told(session, &ask, &end);
        if let Verdict::Aborted(reason) = &end.trial.verdict {
            session.note(format!("stopped: {reason}"));
            search.spend_budget();
        } else {
            search.tell(told);
        }
        if ask.purpose == Purpose::Above {
            above = Some((how_it_fails(&end.trial, search.interval().0), end.trial.settle_ms));
        }
        if end.trial.verdict == Verdict::Pass {
            session.response = end.response;
        }
        session.keep(end.trial);
    }
    let Step::Done(answer) = search.step() else { return Ok(None) };
    explain(session, &answer, ceiling);
    Ok(Some(limit(session, &answer, first_trial, above)))
}

/// One trial as the search asks for it, and the wait until the server is idle again.
async fn attempt(session: &mut Session, ask: &Ask) -> Result<TrialEnd, LoadError> {
    let judged = !matches!(ask.purpose, Purpose::Idle | Purpose::Above);
    let warmup = if session.warm { Warmup::Windows(WARMUP) } else { Warmup::UntilSteady };
    let slack = session.plan.slo.p99.as_secs_f64();
    let seconds = (warmup.longest() + ask.windows) as f64 + slack + OVERHANG;
    let spec = TrialSpec {
        purpose: ask.purpose.as_str().to_owned(),
        schedule: Schedule::constant(ask.rate, seconds, session.plan.arrivals, session.plan.seed),
        warmup,
        windows: ask.windows,
        bodies: Arc::clone(session.plan.bodies.pool()),
        rows: session.plan.bodies.rows(),
        judge: judged.then(|| Judge::new(session.plan.slo, ask.question, ask.rate, ask.windows)),
        stop_when_failing: !judged,
        objectives_only: true,
    };
    let mut end = trial::run(session, spec).await?;
    steady::settle(session, &mut end.trial).await;
    Ok(end)
}

fn told(session: &Session, ask: &Ask, end: &TrialEnd) -> Told {
    // The few requests of an idle trial are too few for the guard's percentile, but not to be blamed on the server.
    let lag_ms = end.trial.lag_ms.map_or(0.0, |lag| lag.p99);
    let late = lag_ms > guard::lag_limit(session.plan.slo.p99).as_secs_f64() * 1e3;
    if ask.purpose == Purpose::Idle && end.slow_share > 0.0 && late {
        return Told::Void;
    }
    if matches!(end.trial.verdict, Verdict::Void(_)) {
        return Told::Void;
    }
    match end.decision {
        Some(Decision::Pass) => Told::Pass,
        Some(Decision::Fail(objective)) => Told::Fail(objective),
        Some(Decision::Undecided) => Told::Undecided,
        None if ask.purpose == Purpose::Idle => {
            let requests = end.trial.sent + end.trial.unsent;
            Told::Idle { slow_share: end.slow_share, slow: (end.slow_share * requests as f64).round() as u64 }
        }
        None => Told::Undecided,
    }
}

fn describe(search: &Search, ask: &Ask) -> String {
    let rate = ask.rate;
    match (ask.purpose, search.interval()) {
        (Purpose::Idle, _) => format!("idle server at {rate:.0}/s"),
        (Purpose::Ramp, _) => format!("ramp to {rate:.0}/s"),
        (Purpose::Bisect, (low, Some(high))) => {
            format!("bisecting {low:.0}..{high:.0}/s, vote {} of 3", search.vote().unwrap_or(1))
        }
        (Purpose::Bisect, _) => format!("bisecting at {rate:.0}/s"),
        (Purpose::Confirm, _) => format!("confirming {rate:.0}/s for {} s", ask.windows),
        (Purpose::Above, _) => format!("above the limit, {rate:.0}/s"),
    }
}

/// The word for what happened above the limit.
fn how_it_fails(trial: &Trial, low: f64) -> String {
    let failed: u64 = trial.errors.values().sum();
    let refused: u64 =
        ["http 429", "http 503", "connect", "closed"].iter().filter_map(|kind| trial.errors.get(*kind)).sum();
    let word = if trial.achieved < low / 2.0 && refused * 2 < failed.max(1) {
        "collapse"
    } else if refused * 2 > failed && failed > 0 {
        "refused"
    } else if failed > 0 {
        "errors"
    } else {
        "slow"
    };
    word.to_owned()
}

fn explain(session: &mut Session, answer: &Answer, ceiling: f64) {
    match answer.ending {
        Ending::NeverMet => session.note("the objectives are not met even without load"),
        Ending::Generator => session.note(format!(
            ">= {:.0}/s, limited by the generator, not the server (the generator holds {ceiling:.0}/s against a server \
             that does nothing, and offers at most {:.0} % of that)",
            answer.low,
            ceiling::USABLE * 100.0
        )),
        Ending::Budget => session.note("the time was spent before the search was over: an interval, not a number"),
        Ending::Found => {}
    }
    if answer.kind == LimitKind::Noise {
        session.note(
            "noise-dominated: the idle server already uses a quarter of the slow budget, so the tail is not caused by \
             load; the limit is where answers no longer keep up with arrivals",
        );
    }
    if let Some((low, high)) = answer.undecided {
        session.note(format!("between {low:.0} and {high:.0}/s the evidence did not suffice for a verdict"));
    }
    let waited = session.trials.iter().any(|trial| trial.waited_share > 0.5);
    if waited {
        let connections = session.generator.connections();
        session.note(format!("most requests of some trials waited for one of the {connections} connections"));
    }
}

fn limit(session: &Session, answer: &Answer, first_trial: usize, above: Option<(String, Option<f64>)>) -> Limit {
    let rows = session.plan.bodies.rows() as f64;
    let (above, recovery_ms) = above.map_or((None, None), |(how, recovery)| (Some(how), recovery));
    Limit {
        rate: answer.low,
        low: answer.low,
        high: answer.high.unwrap_or(answer.low),
        confirmed: answer.confirmed,
        broke: answer.broke.map(|objective| objective.as_str().to_owned()),
        kind: answer.kind,
        predictions_per_s: answer.low * rows,
        efficient_rate: efficient_rate(&session.trials[first_trial..]),
        above,
        recovery_ms,
        undecided: answer.undecided,
    }
}

/// The tested rate with the largest achieved rate per mean response time (Kleinrock's power).
fn efficient_rate(trials: &[Trial]) -> Option<f64> {
    let power = |trial: &Trial| trial.response_ms.map_or(0.0, |response| trial.achieved / response.mean);
    let sound = trials.iter().filter(|trial| matches!(trial.verdict, Verdict::Pass | Verdict::Fail(_)));
    sound.max_by(|a, b| power(a).total_cmp(&power(b))).map(|trial| trial.offered)
}

/// How long settling may take, for messages.
pub(super) const SETTLE_SECONDS: u64 = SETTLE_LIMIT.as_secs();
