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

/// One stretch of a trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrialWindow {
    /// Start, seconds from the first measured request.
    pub at_s: f64,
    /// Requests a second that were due.
    pub offered: f64,
    /// Good answers a second to the requests of this stretch.
    pub achieved: f64,
    /// Response times of the answers that came within the stretch.
    pub response_ms: Option<LoadQuantiles>,
    /// Share of the stretch's requests that were slower than the objective, failed or could not be sent.
    pub slow_share: f64,
    /// Requests of the stretch that went wrong.
    pub errors: u64,
    /// The server's CPU, cores.
    pub server_cpu: Option<f64>,
    /// The server's resident set.
    pub rss_bytes: Option<u64>,
}

/// One rate, held for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// What the trial was for (`idle`, `ramp`, `bisect`, `confirm`, `above`, `measure`, …).
    #[serde(default)]
    pub purpose: String,
    /// What was called, where a report compares several.
    #[serde(default)]
    pub target: Option<String>,
    /// Rows in each request of this trial.
    #[serde(default)]
    pub rows_per_request: u64,
    /// Requests a second that were asked for.
    pub offered: f64,
    /// Requests sent within the measured time.
    pub sent: u64,
    /// Good answers (2xx) a second within the measured time.
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
    /// Share of requests that found every connection busy, 0 to 1.
    #[serde(default)]
    pub waited_share: f64,
    /// How long the server took to answer as when idle again, milliseconds; `null` when that was not looked at.
    #[serde(default)]
    pub settle_ms: Option<f64>,
    /// What the reader should know of this trial (did not recover, …).
    #[serde(default)]
    pub marks: Vec<String>,
    /// The trial second by second.
    #[serde(default)]
    pub windows: Vec<TrialWindow>,
}

/// What trials were judged by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Objectives {
    /// 99 % of the response times are at most this, milliseconds.
    pub p99_ms: f64,
    /// Share of requests that may fail, 0 to 1.
    pub errors: f64,
    /// Share of the offered rate that must be answered, 0 to 1.
    pub achieved: f64,
}

/// One number that a scenario found out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable name, for programs.
    pub name: String,
    /// The number; `null` when the scenario could not find it.
    pub value: Option<f64>,
    /// Its unit (`requests/s`, `ms`, `bytes/s`, `ratio`, …).
    pub unit: String,
    /// What it means, for people.
    pub text: String,
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
    /// Rows a second at that rate.
    #[serde(default)]
    pub predictions_per_s: f64,
    /// The tested rate with the largest achieved rate per mean response time (Kleinrock's power).
    #[serde(default)]
    pub efficient_rate: Option<f64>,
    /// How the server fails above the limit (`slow`, `errors`, `refused`, `collapse`), where that was tried.
    #[serde(default)]
    pub above: Option<String>,
    /// How long it took to recover from that, milliseconds.
    #[serde(default)]
    pub recovery_ms: Option<f64>,
    /// Rates at which there was not enough evidence, lowest and highest.
    #[serde(default)]
    pub undecided: Option<(f64, f64)>,
}

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadReport {
    /// [`crate::API_VERSION`].
    pub api: u32,
    /// Scenario's name.
    pub scenario: String,
    /// The run's id, as its requests carried it.
    #[serde(default)]
    pub run_id: String,
    /// What was called: URL and model.
    pub target: String,
    /// Whether server and generator shared a machine: the numbers are then lower bounds.
    #[serde(default)]
    pub co_located: bool,
    /// Connections in the pool.
    #[serde(default)]
    pub connections: u64,
    /// What trials were judged by; `null` when nothing was asked for.
    #[serde(default)]
    pub slo: Option<Objectives>,
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
    /// Highest rate that the generator reached against a server that does nothing, where that was tried.
    #[serde(default)]
    pub ceiling: Option<f64>,
    /// What the scenario found out beyond its trials.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// What the reader should know (co-located, did not recover, …).
    pub notes: Vec<String>,
}
