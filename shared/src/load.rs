//! Reports of load runs: what `yummy-tui load … --json` prints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Percentiles of one duration in one trial, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadQuantiles {
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p99_9: f64,
    /// Longest.
    pub max: f64,
    /// Arithmetic mean.
    pub mean: f64,
}

/// How arrivals are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// Equal distances.
    Constant,
    /// Exponential distances from a printed seed.
    Poisson,
}

/// CPU, in cores, while a trial was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrialCpu {
    /// The server's, as it reports it.
    pub server: Option<f64>,
    /// The generator's own.
    pub generator: Option<f64>,
}

/// What a trial says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "outcome", content = "reason")]
pub enum Verdict {
    /// Every objective held.
    Pass,
    /// The objective that broke first.
    Fail(String),
    /// The generator, not the server, was the limit: the trial says nothing.
    Void(String),
    /// Not enough evidence within the trial's time.
    Undecided(String),
    /// Stopped by the user.
    Aborted(String),
    /// No objective was asked for.
    Measured,
}

/// One rate, held for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Requests a second that were asked for.
    pub offered: f64,
    /// Requests sent within the measured time.
    pub sent: u64,
    /// Answers a second within the measured time.
    pub achieved: f64,
    /// Seconds measured.
    pub seconds: f64,
    /// From the intended send to the end of the answer.
    pub response_ms: Option<LoadQuantiles>,
    /// From the actual send to the end of the answer.
    pub service_ms: Option<LoadQuantiles>,
    /// From the intended to the actual send: the generator's own lateness.
    pub lag_ms: Option<LoadQuantiles>,
    /// Share of requests that were slower than the objective, failed or could not be sent, 0 to 1.
    pub slow_share: Option<f64>,
    /// Requests that went wrong, by kind (`http 400`, `timeout`, `connect`, …).
    pub errors: BTreeMap<String, u64>,
    /// Arrivals that met the bound of requests in flight and were not sent.
    pub unsent: u64,
    /// CPU of both sides.
    pub cpu: TrialCpu,
    /// The server's resident set at the end.
    pub rss_bytes: Option<u64>,
    /// What the trial says.
    pub verdict: Verdict,
}

/// What limited the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitKind {
    /// An objective broke.
    Slo,
    /// Answers no longer kept up with arrivals.
    Saturation,
    /// The generator could offer no more.
    Generator,
    /// The tail has nothing to do with the load.
    Noise,
}

/// The answer of a search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// The highest rate that held.
    pub rate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Whether it held for the whole confirmation.
    pub confirmed: bool,
    /// The objective that broke above it.
    pub broke: Option<String>,
    /// What limited the search.
    pub kind: LimitKind,
}

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadReport {
    /// [`crate::API_VERSION`].
    pub api: u32,
    /// Scenario's name.
    pub scenario: String,
    /// What was called: URL and model.
    pub target: String,
    /// Spacing of arrivals.
    pub mode: Arrivals,
    /// Seed of the Poisson arrivals and of the bodies.
    pub seed: u64,
    /// Rows in each request.
    pub rows_per_request: u64,
    /// Each rate that was tried, in order.
    pub trials: Vec<Trial>,
    /// The answer, where the scenario searches for one.
    pub limit: Option<Limit>,
    /// What the reader should know (co-located, did not recover, …).
    pub notes: Vec<String>,
}
