//! Live numbers: the body of `GET /stats` and of the stream's `stats` messages.
//!
//! The stream (`GET /stats/stream`) sends SSE messages of two types: `stats` with a [`StatsFrame`] once a second (the
//! last one at once on connect), and `event` with a [`crate::event::Event`] when something happens.
//!
//! A frame has a bound: it lists at most [`MAX_MODELS`] versions, with the windows of the [`MAX_WITH_WINDOWS`] that were
//! busiest within the last minute. `GET /stats?model=NAME` lists that model's versions only, all with their windows.
//!
//! Percentiles are read from merged histograms of at most 1 % error. A window without requests has none: its
//! [`Window::latency_ms`] is `null`.

use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{catalog::ModelState, event::Event};

/// Versions that a frame lists: at some 200 bytes each, a frame a second stays below what a remote dashboard notices.
pub const MAX_MODELS: usize = 1000;
/// Versions of a frame with their windows, some 3 KB each: more than a screen shows.
pub const MAX_WITH_WINDOWS: usize = 100;
/// Longest reason in a frame, in bytes; `GET /models` has it whole.
pub const MAX_REASON: usize = 300;

/// Percentiles of one duration in one window, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
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

/// Where the time of requests went, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stages {
    /// Body bytes to frame.
    pub decode: Quantiles,
    /// Waiting: for a place among the requests of its model, for a turn of its thread, for a compute thread.
    pub queue: Quantiles,
    /// The engine.
    pub predict: Quantiles,
    /// Predictions to body bytes.
    pub encode: Quantiles,
}

/// What happened within a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Length of the stretch, seconds (shorter than asked for soon after the start).
    pub seconds: f64,
    /// Requests that were answered, load included.
    pub requests: u64,
    /// Of these, requests that carried `x-yummy-load`.
    pub load_requests: u64,
    /// Answers with 4xx.
    pub client_errors: u64,
    /// Answers with 5xx.
    pub server_errors: u64,
    /// Requests whose client left before the answer; not among `requests`.
    #[serde(default)]
    pub client_gone: u64,
    /// Rows scored.
    pub rows: u64,
    /// Bytes of request bodies.
    pub in_bytes: u64,
    /// Bytes of response bodies.
    pub out_bytes: u64,
    /// Requests a second.
    pub rps: f64,
    /// Rows a second.
    pub rows_per_s: f64,
    /// From the request's head being read to the answer being ready; `null` without requests.
    pub latency_ms: Option<Quantiles>,
    /// The same, by stage; `null` without scored requests.
    pub stages_ms: Option<Stages>,
}

impl Window {
    /// Whether nothing happened within it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests == 0 && self.client_gone == 0
    }

    /// Share of answers that were errors, 0 to 1; `None` without requests.
    #[must_use]
    pub fn error_share(&self) -> Option<f64> {
        // Counts stay far below 2^53, where f64 holds every integer.
        (self.requests > 0).then(|| (self.client_errors + self.server_errors) as f64 / self.requests as f64)
    }
}

/// The same counts over four stretches of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    /// The last second.
    pub s1: Window,
    /// The last ten seconds.
    pub s10: Window,
    /// The last minute.
    pub s60: Window,
    /// Since the daemon (or the version) started.
    pub start: Window,
}

impl Windows {
    /// Whether nothing has happened at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start.is_empty()
    }
}

/// One version's [`Windows`]. Of a version that was never asked, and that is most of thousands, they take no memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelWindows(Option<Box<Windows>>);

impl ModelWindows {
    /// Whether nothing has happened at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl From<Windows> for ModelWindows {
    fn from(windows: Windows) -> Self {
        Self((!windows.is_empty()).then(|| Box::new(windows)))
    }
}

impl Deref for ModelWindows {
    type Target = Windows;

    fn deref(&self) -> &Windows {
        const NOTHING: Window = Window {
            seconds: 0.0,
            requests: 0,
            load_requests: 0,
            client_errors: 0,
            server_errors: 0,
            client_gone: 0,
            rows: 0,
            in_bytes: 0,
            out_bytes: 0,
            rps: 0.0,
            rows_per_s: 0.0,
            latency_ms: None,
            stages_ms: None,
        };
        static NEVER: Windows = Windows { s1: NOTHING, s10: NOTHING, s60: NOTHING, start: NOTHING };
        self.0.as_deref().unwrap_or(&NEVER)
    }
}

impl Serialize for ModelWindows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ModelWindows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Windows::deserialize(deserializer).map(Self::from)
    }
}

/// One model version's numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelStats {
    /// Registered model's name, or `m-<id>`.
    pub name: String,
    /// Version; `null` for logged models that are not registered.
    pub version: Option<u64>,
    /// Flavor.
    pub flavor: Option<String>,
    /// State now.
    pub state: ModelState,
    /// Why, when it does not serve: at most [`MAX_REASON`] bytes of it.
    pub reason: Option<String>,
    /// Whether the bare name stands for it.
    pub newest: bool,
    /// Requests being answered now.
    pub in_flight: u64,
    /// CPU time spent decoding, predicting and encoding for it, as a share of one core over the last second.
    pub cpu_cores: Option<f64>,
    /// Bytes that its engine holds.
    pub memory_bytes: Option<u64>,
    /// Counts and percentiles. Not in the JSON of a version that was never asked, where all are zero.
    #[serde(default, skip_serializing_if = "ModelWindows::is_empty")]
    pub windows: ModelWindows,
    /// Whether `windows` is missing although the version was asked: others were busier ([`MAX_WITH_WINDOWS`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub windows_left_out: bool,
}

/// The daemon's own process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessStats {
    /// Cores in use over the last second: 1.5 is one and a half cores.
    pub cpu_cores: Option<f64>,
    /// CPU time since the start, seconds.
    pub cpu_seconds: f64,
    /// Resident set.
    pub rss_bytes: u64,
    /// Virtual size.
    pub virtual_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// The limit of these.
    pub max_fds: Option<u64>,
    /// Major page faults since the start.
    pub major_faults: u64,
    /// Cores in use by group of threads (`io`, `compute`, `admin`, `profiler`, …) over the last second.
    pub thread_groups: Vec<ThreadGroup>,
}

/// CPU of one group of threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThreadGroup {
    /// Name of the group.
    pub name: String,
    /// Threads in it.
    pub threads: u64,
    /// Cores in use over the last second.
    pub cpu_cores: Option<f64>,
}

/// The machine, as far as it bounds the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachineStats {
    /// Cores that the process may use (affinity and cgroup quota counted).
    pub cores: f64,
    /// Share of all cores in use by anyone over the last second, 0 to 1.
    pub cpu_share: Option<f64>,
    /// Memory that the process may use: the machine's, or the cgroup's limit when that is less.
    pub memory_bytes: u64,
    /// Memory not in use.
    pub available_bytes: Option<u64>,
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DaemonInfo {
    /// Version of `yummyd`.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// Addresses that serve requests.
    pub listen: Vec<String>,
    /// Address for observers, if there is one of its own.
    pub admin: Option<String>,
    /// The watched directory, as the daemon was given it.
    pub mlruns: String,
    /// When it started.
    pub started_unix_ms: u64,
}

/// A bound of the daemon: what it is set to, and how often requests have met it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// Its key in the configuration file, e.g. `max_queue`.
    pub key: String,
    /// What it is set to: a count, bytes or seconds, as the key says.
    pub limit: f64,
    /// How often it has been met since the start. Of `max_connections`: how often accepting had to wait.
    pub met: u64,
}

/// All live numbers at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatsFrame {
    /// [`crate::API_VERSION`].
    pub api: u32,
    /// Grows by one a second; a gap means that the subscriber missed some.
    pub seq: u64,
    /// When the frame was made.
    pub at_unix_ms: u64,
    /// Seconds since the start.
    pub uptime_s: f64,
    /// Who answers.
    pub daemon: DaemonInfo,
    /// The daemon's process.
    pub process: ProcessStats,
    /// The machine.
    pub machine: MachineStats,
    /// Scoring requests being answered now.
    pub in_flight: u64,
    /// Scoring requests waiting for a compute thread now.
    pub queue_depth: u64,
    /// Every bound of requests and connections.
    #[serde(default)]
    pub bounds: Vec<Bound>,
    /// All scoring requests, those without a model included.
    pub total: Windows,
    /// By model version: name, then newest first. At most [`MAX_MODELS`].
    pub models: Vec<ModelStats>,
    /// Versions that are known and not among `models`, because there are too many.
    #[serde(default)]
    pub models_left_out: u64,
    /// The newest events, oldest first, so that a client that has just connected can show what happened.
    pub events: Vec<Event>,
}
