//! The objectives that a trial is judged by.

use std::time::Duration;

/// Share of requests that may be slower than [`Slo::p99`]: what "p99" means.
pub const SLOW_BUDGET: f64 = 0.01;

/// Objectives: `p99 <= X`, `errors <= Y`, `achieved / offered >= Z`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slo {
    /// 99 % of the response times are at most this.
    pub p99: Duration,
    /// Share of requests that may fail, 0 to 1.
    pub errors: f64,
    /// Share of the offered rate that must be answered, 0 to 1.
    pub achieved: f64,
}

impl Default for Slo {
    /// 20 ms, 0.1 %, 99 % (load.md §2.4).
    fn default() -> Self {
        Self { p99: Duration::from_millis(20), errors: 0.001, achieved: 0.99 }
    }
}
