//! Whether a trial passes, decided window by window. Pure: no clock, no I/O.
//!
//! `p99 <= X` is tested as "the share of requests slower than X, failed or unsent is at most 1 %": a share can be
//! averaged over windows and threads, a percentile cannot. Requests are not independent, slowness comes in bursts, so
//! the spread between one-second windows (batch means) tells how sure the share is, not a formula over requests.

use crate::{
    play::Counts,
    slo::{SLOW_BUDGET, Slo},
};

/// Windows before a verdict: fewer say nothing of their spread.
pub const MIN_WINDOWS: usize = 5;
/// Windows at most; then the trial is undecided (load.md §2.4: T_max).
pub const MAX_WINDOWS: usize = 20;
/// The same with `--careful`.
pub const MAX_WINDOWS_CAREFUL: usize = 60;
/// Windows of a trial that asks only whether answers keep up: a rate 3 % over the capacity is then 3 % behind.
pub const SATURATION_WINDOWS: usize = 10;
/// Normal quantile of a one-sided 90 % bound.
const Z_90: f64 = 1.28;
/// Least standard deviation of a window's slow share: a few equal windows must not look like certainty.
const SPREAD_FLOOR: f64 = 0.003;

/// What is asked of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// All objectives.
    Slo,
    /// Errors and keeping up only: for servers whose tail has nothing to do with load (load.md §2.7).
    Saturation,
}

/// An objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Objective {
    /// Share of slow requests.
    P99,
    /// Share of failed requests.
    Errors,
    /// Answers keep up with arrivals.
    Achieved,
}

impl Objective {
    /// Its name in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P99 => "p99",
            Self::Errors => "errors",
            Self::Achieved => "achieved",
        }
    }
}

/// What the windows so far say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision {
    /// Every objective holds.
    Pass,
    /// This one broke first.
    Fail(Objective),
    /// The time is over without enough evidence.
    Undecided,
}

/// Judges one trial.
#[derive(Clone, Debug)]
pub struct Judge {
    slo: Slo,
    question: Question,
    max_windows: usize,
    /// Slow requests beyond which the trial cannot pass any more.
    slow_allowed: f64,
    /// Slow share of each window, in order.
    shares: Vec<f64>,
}

impl Judge {
    /// A judge of a trial at `rate` that takes at most `max_windows` windows.
    #[must_use]
    pub fn new(slo: Slo, question: Question, rate: f64, max_windows: usize) -> Self {
        let planned = rate * max_windows as f64;
        Self { slo, question, max_windows, slow_allowed: SLOW_BUDGET * planned, shares: Vec::new() }
    }

    /// Mean slow share of the windows so far and its standard error.
    #[must_use]
    pub fn slow_share(&self) -> Option<(f64, f64)> {
        let n = self.shares.len() as f64;
        if self.shares.is_empty() {
            return None;
        }
        let mean = self.shares.iter().sum::<f64>() / n;
        let squares: f64 = self.shares.iter().map(|share| (share - mean).powi(2)).sum();
        let spread = if n > 1.0 { (squares / (n - 1.0)).sqrt() } else { 0.0 };
        Some((mean, spread.max(SPREAD_FLOOR) / n.sqrt()))
    }

    /// Looks between windows: whether so many requests are slow that the whole trial cannot pass.
    #[must_use]
    pub fn certain(&self, total: &Counts) -> Option<Decision> {
        let slow = (total.unsent + total.failed + total.answered.saturating_sub(total.in_time)) as f64;
        let too_slow = self.question == Question::Slo && slow > self.slow_allowed;
        too_slow.then(|| Decision::Fail(self.cause_of_slowness(total)))
    }

    /// Takes the next whole window and the sum of all windows so far, both as they are when the window's last request
    /// has had its time.
    pub fn push(&mut self, window: &Counts, total: &Counts) -> Option<Decision> {
        // A window without arrivals (low rates) has no slow share.
        if window.arrivals > 0 {
            self.shares.push(1.0 - window.in_time as f64 / window.arrivals as f64);
        } else {
            self.shares.push(0.0);
        }
        let windows = self.shares.len();
        if let Some(certain) = self.certain(total) {
            return Some(certain);
        }
        if windows < MIN_WINDOWS.min(self.max_windows) {
            return None;
        }
        if self.errors_broke(total) {
            return Some(Decision::Fail(Objective::Errors));
        }
        if self.behind(total) {
            return Some(Decision::Fail(Objective::Achieved));
        }
        let decided = match self.question {
            Question::Slo => self.by_slow_share(total),
            Question::Saturation => (windows >= self.max_windows).then_some(Decision::Pass),
        };
        decided.or_else(|| (windows >= self.max_windows).then_some(Decision::Undecided))
    }

    fn by_slow_share(&self, total: &Counts) -> Option<Decision> {
        let (mean, error) = self.slow_share()?;
        if mean - Z_90 * error > SLOW_BUDGET {
            return Some(Decision::Fail(self.cause_of_slowness(total)));
        }
        let errors_hold = total.failed as f64 <= self.slo.errors * total.arrivals as f64;
        (mean + Z_90 * error < SLOW_BUDGET && errors_hold).then_some(Decision::Pass)
    }

    /// Failed requests count as slow; when most of the slow ones failed, errors are what broke.
    fn cause_of_slowness(&self, total: &Counts) -> Objective {
        let late = total.answered.saturating_sub(total.in_time) + total.unsent;
        if total.failed > late { Objective::Errors } else { Objective::P99 }
    }

    /// Lower 90 % bound of the share of failures (Wilson's interval) above the objective.
    fn errors_broke(&self, total: &Counts) -> bool {
        let n = total.arrivals as f64;
        if total.arrivals == 0 || total.failed == 0 {
            return false;
        }
        let share = total.failed as f64 / n;
        let z2 = Z_90 * Z_90;
        let center = share + z2 / (2.0 * n);
        let margin = Z_90 * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
        (center - margin) / (1.0 + z2 / n) > self.slo.errors
    }

    /// Answers do not keep up with arrivals.
    fn behind(&self, total: &Counts) -> bool {
        let done = (total.answered + total.failed) as f64;
        total.arrivals > 0 && done < self.slo.achieved * total.arrivals as f64
    }
}
