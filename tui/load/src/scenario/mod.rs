//! What people ask for. Each scenario is a small program over trials; docs/load.md says which system each comes from.

mod steady;

use std::time::Duration;

use crate::{error::LoadError, session::Session};

/// Requests a second at most (load.md §2.8).
pub const MAX_RATE: f64 = 50_000.0;
/// Longest trial.
pub const MAX_DURATION: Duration = Duration::from_secs(600);

/// A scenario and its numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Scenario {
    /// One rate for a while.
    Burst {
        /// Requests a second.
        rate: f64,
        /// How long.
        duration: Duration,
    },
}

impl Scenario {
    /// Its name on the command line and in reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Burst { .. } => "burst",
        }
    }

    /// Checks every number against its bounds.
    pub(crate) fn check(&self) -> Result<(), LoadError> {
        match self {
            Self::Burst { rate, duration } => {
                check_rate(*rate)?;
                check_duration(*duration, MAX_DURATION)
            }
        }
    }

    /// Runs the scenario to its end, or until the run is stopped.
    pub(crate) async fn run(&self, session: &mut Session) -> Result<(), LoadError> {
        match self {
            Self::Burst { rate, duration } => steady::burst(session, *rate, *duration).await,
        }
    }
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
