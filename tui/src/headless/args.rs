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

    /// Print one JSON object on stdout and nothing else.
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Names of the scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScenarioName {
    /// One rate for a while.
    Burst,
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
