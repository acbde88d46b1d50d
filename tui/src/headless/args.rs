//! The command line of `yummy-tui load`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::units;

/// Load a scoring server, and say what it can do.
#[derive(Args, Clone, Debug)]
pub struct LoadArgs {
    /// What to do; docs/load.md describes each.
    #[arg(value_enum)]
    pub scenario: ScenarioName,
    /// For compare: the two targets, each REF, URL or URL=REF.
    #[arg(value_name = "A B", num_args = 0..=2)]
    pub targets: Vec<String>,

    /// Server.
    #[arg(long, env = "YUMMY_URL", default_value = "http://127.0.0.1:8080", help_heading = "Target")]
    pub url: String,
    /// Model: NAME, NAME@ALIAS, NAME/VERSION, m-ID or runs:/RUN/PATH; the default model without.
    #[arg(long, env = "YUMMY_MODEL", value_name = "REF", help_heading = "Target")]
    pub model: Option<String>,
    /// Route to load instead of a model's; needs --body.
    #[arg(long, value_name = "PATH", conflicts_with = "model", help_heading = "Target")]
    pub path: Option<String>,
    /// Allow load on this other machine; asks for a typed yes.
    #[arg(long, value_name = "HOST", help_heading = "Target")]
    pub allow_remote: Option<String>,

    /// Bodies from a file: .csv or .jsonl rows, or one JSON body sent as it is.
    #[arg(long, value_name = "FILE", help_heading = "Requests")]
    pub body: Option<PathBuf>,
    /// Rows in each request.
    #[arg(long, default_value_t = 1, help_heading = "Requests")]
    pub rows: u64,
    /// Send the same row again and again, as the predecessors' tests do.
    #[arg(long, help_heading = "Requests")]
    pub same_row: bool,
    /// Form of the bodies; the example's own without.
    #[arg(long, value_enum, help_heading = "Requests")]
    pub form: Option<FormName>,
    /// Seed of varied bodies and Poisson arrivals.
    #[arg(long, env = "YUMMY_SEED", default_value_t = 1, help_heading = "Requests")]
    pub seed: u64,

    /// Requests a second.
    #[arg(long, help_heading = "Load")]
    pub rate: Option<f64>,
    /// How long, for example 10s.
    #[arg(long, value_parser = units::duration, help_heading = "Load")]
    pub duration: Option<Duration>,
    /// For burst: spikes of --factor times the rate, as long as --duration, with pauses as long between them.
    #[arg(long, value_name = "TIMES", help_heading = "Load")]
    pub spikes: Option<u32>,
    /// Spikes are so many times the rate.
    #[arg(long, default_value_t = 5.0, help_heading = "Load")]
    pub factor: f64,
    /// For max-performance: share of the limit that is held; 1.0 is scoring-handler's way.
    #[arg(long, default_value_t = 0.9, help_heading = "Load")]
    pub at: f64,
    /// For client: closed-loop clients at a time.
    #[arg(long, default_value_t = 1, help_heading = "Load")]
    pub threads: u32,
    /// For client: calls of each.
    #[arg(long, default_value_t = yummy_load::scenario::client::CALLS, help_heading = "Load")]
    pub calls: usize,
    /// For compare: turns of each target.
    #[arg(long, default_value_t = yummy_load::scenario::compare::ROUNDS, help_heading = "Load")]
    pub rounds: u32,
    /// Shorter: 5 s a point in grids, 5 s idle and 10 s confirmation in searches.
    #[arg(long, help_heading = "Load")]
    pub quick: bool,
    /// Spacing of arrivals.
    #[arg(long, value_enum, default_value = "constant", help_heading = "Load")]
    pub arrivals: ArrivalsName,
    /// Connections, opened before the clock starts and kept.
    #[arg(long, default_value_t = yummy_load::generator::CONNECTIONS, help_heading = "Load")]
    pub connections: usize,
    /// Open a connection for each request.
    #[arg(long, help_heading = "Load")]
    pub no_keepalive: bool,
    /// Give a request up after this.
    #[arg(long, value_parser = units::duration, default_value = "5s", help_heading = "Load")]
    pub timeout: Duration,

    /// Objective: 99 % of the response times are at most this.
    #[arg(long, env = "YUMMY_P99", value_parser = units::duration, default_value = "20ms", help_heading = "Objectives")]
    pub p99: Duration,
    /// Objective: share of requests that may fail.
    #[arg(long, env = "YUMMY_ERRORS", value_parser = units::share, default_value = "0.1%", help_heading = "Objectives")]
    pub errors: f64,
    /// Objective: share of the offered rate that must be answered.
    #[arg(long, value_parser = units::share, default_value = "99%", help_heading = "Objectives")]
    pub achieved: f64,

    /// Width of the interval that find ends with.
    #[arg(long, value_parser = units::share, default_value = "5%", help_heading = "Search")]
    pub precision: f64,
    /// Trials of up to 60 s instead of 20 s, for less doubt.
    #[arg(long, help_heading = "Search")]
    pub careful: bool,
    /// Stop with what is known after this.
    #[arg(long, value_parser = units::duration, default_value = "5m", help_heading = "Search")]
    pub budget: Duration,
    /// Whole searches; the median is reported.
    #[arg(long, default_value_t = 1, help_heading = "Search")]
    pub repeat: u32,
    /// First rate of the ramp.
    #[arg(long, default_value_t = yummy_load::search::RAMP_START, help_heading = "Search")]
    pub start: f64,

    /// Print one JSON object on stdout and nothing else.
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// Write the trials as CSV.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub csv: Option<PathBuf>,
    /// Write a page with plots that needs nothing else.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub html: Option<PathBuf>,
    /// Write the response times for HdrHistogram's plotter.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub hgrm: Option<PathBuf>,
    /// Keep the report under this name.
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    pub save: Option<String>,
    /// Compare with the report that was kept under this name.
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    pub compare: Option<String>,
    /// With --compare: exit 2 when a number is worse by more than this.
    #[arg(long, value_parser = units::share, requires = "compare", help_heading = "Output")]
    pub max_regression: Option<f64>,
    /// Exit 2 unless this holds, for example rate>=1000 or p99<=20; can be given several times.
    #[arg(long, value_name = "METRIC>=NUMBER", help_heading = "Output")]
    pub expect: Vec<String>,
}

/// Names of the scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScenarioName {
    /// One rate for a while, or spikes over it.
    Burst,
    /// The highest rate that the server sustains.
    Find,
    /// One request a second for 100 s.
    ResponseTime,
    /// A ramp from 1/s to --rate (300/s) over --duration (300 s).
    LoadTest,
    /// --at (90 %) of the limit for 300 s; the limit is --rate or searched for.
    MaxPerformance,
    /// A ramp to --rate (500/s) over --duration (100 s), then 30 s of recovery.
    Stress,
    /// --rate, or 70 % of the limit, for --duration (1 h).
    Soak,
    /// The rates of yummy-mlflow's benchmark, 60 s each.
    GridMlflow,
    /// find at 1, 10, 100, 674, 1000 and 10000 rows a request.
    Rows,
    /// Closed-loop clients, a connection a call.
    Client,
    /// --rate (100/s) while a new version is written into mlruns.
    Reload,
    /// Bodies and times of --body FILE, JSON lines {"at_ms": 12.5, "body": {…}}.
    Replay,
    /// --rate (100/s) on two targets in turn.
    Compare,
}

/// Names of the forms of bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormName {
    /// `dataframe_split`.
    Split,
    /// `dataframe_records`.
    Records,
    /// `inputs`.
    Inputs,
    /// `instances`.
    Instances,
    /// `text/csv`.
    Csv,
}

/// Names of the spacings of arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ArrivalsName {
    /// Equal distances.
    Constant,
    /// Exponential distances from the seed.
    Poisson,
}
