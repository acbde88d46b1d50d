//! What people ask for. Each scenario is a small program over trials; docs/load.md says which system each comes from.

pub mod client;
pub mod compare;
pub mod find;
mod shaped;
mod steady;

use std::{sync::Arc, time::Duration};

use crate::{
    bodies::Bodies,
    error::LoadError,
    session::{Plan, Session},
};

pub use find::FindSpec;

/// Requests a second at most (load.md §2.8).
pub const MAX_RATE: f64 = 50_000.0;
/// Longest trial of any scenario but the soak.
pub const MAX_DURATION: Duration = Duration::from_secs(600);
/// Longest soak: a day.
pub const MAX_SOAK: Duration = Duration::from_secs(24 * 3600);
/// Rows a request of the `rows` scenario; 674 is Glance's published rate of predictions over its rate of requests.
pub const ROWS: [u64; 6] = [1, 10, 100, 674, 1000, 10_000];
/// Closed-loop clients at most: each is a connection.
const MAX_CLIENTS: u32 = 1024;

/// A scenario and its numbers. Rates are requests a second.
#[derive(Clone, Debug)]
pub enum Scenario {
    /// One rate for a while.
    Burst {
        /// The rate.
        rate: f64,
        /// How long.
        duration: Duration,
    },
    /// A base rate with spikes.
    Spikes {
        /// Rate between spikes.
        base: f64,
        /// Spikes are so many times the base rate.
        factor: f64,
        /// Length of each spike and of each pause.
        length: Duration,
        /// How many.
        times: u32,
    },
    /// The highest rate that the server sustains.
    Find(FindSpec),
    /// One request a second: what a lone user sees.
    ResponseTime {
        /// How long.
        duration: Duration,
    },
    /// A straight ramp from 1/s past the limit.
    LoadTest {
        /// Rate at the end.
        to: f64,
        /// How long.
        duration: Duration,
    },
    /// Close to the limit for minutes.
    MaxPerformance {
        /// The limit, when it is known; else it is searched for first.
        limit: Option<f64>,
        /// Share of the limit that is held.
        at: f64,
        /// How long.
        duration: Duration,
    },
    /// A ramp far past the limit, then recovery.
    Stress {
        /// Rate at the end of the ramp.
        to: f64,
        /// Length of the ramp.
        duration: Duration,
    },
    /// Most of the limit for hours.
    Soak {
        /// The rate; 70 % of the limit, searched for first, without.
        rate: Option<f64>,
        /// How long.
        duration: Duration,
    },
    /// The rates of yummy-mlflow's benchmark.
    GridMlflow {
        /// How long each.
        duration: Duration,
    },
    /// A search for each number of rows in a request.
    Rows {
        /// Bodies of each size.
        bodies: Vec<Bodies>,
        /// How each search is done.
        find: FindSpec,
    },
    /// Closed-loop clients.
    Client {
        /// How many at a time.
        threads: u32,
        /// Calls of each.
        calls: usize,
    },
    /// A steady rate while a model is swapped.
    Reload {
        /// The rate.
        rate: f64,
        /// How long.
        duration: Duration,
    },
    /// Bodies at the times of a recording; the plan's bodies must have times.
    Replay,
    /// The same rate on two targets in turn.
    Compare {
        /// The second target.
        other: Box<Plan>,
        /// The rate.
        rate: f64,
        /// Length of a turn.
        duration: Duration,
        /// Turns of each.
        rounds: u32,
    },
}

impl Scenario {
    /// Its name on the command line and in reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Burst { .. } | Self::Spikes { .. } => "burst",
            Self::Find(_) => "find",
            Self::ResponseTime { .. } => "response-time",
            Self::LoadTest { .. } => "load-test",
            Self::MaxPerformance { .. } => "max-performance",
            Self::Stress { .. } => "stress",
            Self::Soak { .. } => "soak",
            Self::GridMlflow { .. } => "grid-mlflow",
            Self::Rows { .. } => "rows",
            Self::Client { .. } => "client",
            Self::Reload { .. } => "reload",
            Self::Replay => "replay",
            Self::Compare { .. } => "compare",
        }
    }

    /// Checks every number against its bounds.
    pub(crate) fn check(&self) -> Result<(), LoadError> {
        match self {
            Self::Burst { rate, duration } | Self::Reload { rate, duration } | Self::Compare { rate, duration, .. } => {
                check_rate(*rate)?;
                check_duration(*duration, MAX_DURATION)
            }
            Self::Spikes { base, factor, length, times } => {
                check_rate(*base)?;
                check_rate(base * factor)?;
                check_duration(length.saturating_mul(2 * times + 1), MAX_DURATION)
            }
            Self::LoadTest { to, duration } | Self::Stress { to, duration } => {
                check_rate(*to)?;
                check_duration(*duration, MAX_DURATION)
            }
            Self::ResponseTime { duration } | Self::GridMlflow { duration } => check_duration(*duration, MAX_DURATION),
            Self::MaxPerformance { limit, at, duration } => {
                limit.map_or(Ok(()), |limit| check_rate(limit * at))?;
                check_duration(*duration, MAX_DURATION)
            }
            Self::Soak { rate, duration } => {
                rate.map_or(Ok(()), check_rate)?;
                check_duration(*duration, MAX_SOAK)
            }
            Self::Client { threads, .. } => check_clients(*threads),
            Self::Find(find) | Self::Rows { find, .. } => check_precision(find.precision),
            Self::Replay => Ok(()),
        }
    }

    /// Runs the scenario to its end, or until the run is stopped.
    pub(crate) async fn run(&self, session: &mut Session) -> Result<(), LoadError> {
        match self {
            Self::Burst { rate, duration } => steady::burst(session, *rate, *duration).await,
            Self::Spikes { base, factor, length, times } => {
                shaped::spikes(session, *base, *factor, *length, *times).await
            }
            Self::Find(spec) => find::find(session, spec).await,
            Self::ResponseTime { duration } => steady::burst(session, 1.0, *duration).await,
            Self::LoadTest { to, duration } => shaped::load_test(session, *to, *duration).await,
            Self::MaxPerformance { limit, at, duration } => {
                steady::sustain(session, limit.map(|limit| limit * at), *at, *duration).await
            }
            Self::Stress { to, duration } => shaped::stress(session, *to, *duration).await,
            Self::Soak { rate, duration } => steady::sustain(session, *rate, SOAK_SHARE, *duration).await,
            Self::GridMlflow { duration } => steady::grid(session, *duration).await,
            Self::Rows { bodies, find } => rows(session, bodies, find).await,
            Self::Client { threads, calls } => client::client(session, *threads, *calls).await,
            Self::Reload { rate, duration } => shaped::reload(session, *rate, *duration).await,
            Self::Replay => {
                let times: Arc<[u64]> = session.plan.bodies.times().unwrap_or_default().into();
                shaped::replay(session, &times).await
            }
            Self::Compare { other, rate, duration, rounds } => {
                compare::compare(session, other, *rate, *duration, *rounds).await
            }
        }
    }
}

/// Share of the limit that a soak holds (Glance ran its servers with headroom).
const SOAK_SHARE: f64 = 0.7;

/// A search at each number of rows; the limit of the run is the one with the most predictions a second.
async fn rows(session: &mut Session, sizes: &[Bodies], spec: &FindSpec) -> Result<(), LoadError> {
    let mut best = None;
    for bodies in sizes {
        session.change_bodies(bodies.clone()).await;
        let Some(limit) = find::search_once(session, spec).await? else { break };
        let rows = bodies.rows();
        let text = format!("predictions/s at {:.0} requests/s of {rows} rows", limit.rate);
        session.find(&format!("rows_{rows}"), Some(limit.predictions_per_s), "predictions/s", text);
        let better =
            best.as_ref().is_none_or(|best: &yummy_api::load::Limit| limit.predictions_per_s > best.predictions_per_s);
        if better {
            best = Some(limit);
        }
        if session.abort.is_asked() {
            break;
        }
    }
    session.limit = best;
    Ok(())
}

fn check_rate(rate: f64) -> Result<(), LoadError> {
    let bounds = format!("above 0 and at most {MAX_RATE} requests/s");
    let ok = rate > 0.0 && rate <= MAX_RATE;
    ok.then_some(()).ok_or(LoadError::Bounds { what: "the rate", given: rate.to_string(), bounds })
}

fn check_duration(duration: Duration, longest: Duration) -> Result<(), LoadError> {
    let ok = duration >= Duration::from_secs(1) && duration <= longest;
    let (given, bounds) = (format!("{} s", duration.as_secs_f64()), format!("from 1 s to {} s", longest.as_secs()));
    ok.then_some(()).ok_or(LoadError::Bounds { what: "the duration", given, bounds })
}

fn check_clients(threads: u32) -> Result<(), LoadError> {
    let bounds = format!("from 1 to {MAX_CLIENTS}");
    let ok = (1..=MAX_CLIENTS).contains(&threads);
    ok.then_some(()).ok_or(LoadError::Bounds { what: "the number of clients", given: threads.to_string(), bounds })
}

fn check_precision(precision: f64) -> Result<(), LoadError> {
    let ok = (0.005..=1.0).contains(&precision);
    let bounds = "from 0.5 % to 100 %".to_owned();
    ok.then_some(()).ok_or(LoadError::Bounds { what: "the precision", given: precision.to_string(), bounds })
}
