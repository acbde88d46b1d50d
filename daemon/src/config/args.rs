//! What a user can write on the command line, in the environment and in the file.

use std::{net::SocketAddr, path::PathBuf};

use super::{ConfigError, LogFormat, NonFiniteWord};
use crate::{execute::Mode, registry::LoggedModels};

/// The largest configuration file that is read: real ones have a few hundred bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Serves the LightGBM and CatBoost models of an MLflow directory, exactly as MLflow does.
#[derive(Debug, clap::Parser)]
#[command(name = "yummyd", version, about, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub serve: Settings,
    /// TOML file whose keys are the long flags without the dashes, `-` written `_`
    #[arg(long, env = "YUMMY_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

/// Work without a server.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Load everything once, print a line per model, exit 1 if any failed
    Check(Settings),
    /// Score a JSON or CSV body without a server
    Predict(Predict),
}

/// `yummyd predict`.
#[derive(Debug, clap::Args)]
pub struct Predict {
    /// Where the models are.
    #[command(flatten)]
    pub settings: Settings,
    /// NAME, NAME/VERSION, NAME@ALIAS, m-ID, runs:/RUN/PATH or models:/…
    #[arg(long, value_name = "REF")]
    pub model: String,
    /// File to score, - for standard input; *.csv is read as CSV, anything else as JSON
    #[arg(long = "in", value_name = "FILE", default_value = "-")]
    pub input: PathBuf,
}

/// Every key. All are optional here: [`super::Config`] has the defaults.
#[derive(Clone, Debug, Default, clap::Args, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Directory that MLflow writes to
    #[arg(long, env = "YUMMY_MLRUNS", value_name = "DIR", help_heading = "Models")]
    pub mlruns: Option<PathBuf>,
    /// Model that POST /invocations stands for [default: the only one that is served]
    #[arg(long, env = "YUMMY_DEFAULT_MODEL", value_name = "REF", help_heading = "Models")]
    pub default_model: Option<String>,
    /// MLflow's database: a path, sqlite:///PATH, or off [default: mlflow.db in or beside the directory, if there]
    #[arg(long, env = "YUMMY_BACKEND_STORE", value_name = "URI", help_heading = "Models")]
    pub backend_store: Option<String>,
    /// Versions to serve: named (the newest, and each that an alias or stage names), latest:N, all, aliases or
    /// specific:1,3; NAME=POLICY for one model. May be given more than once [default: named]
    #[arg(long, env = "YUMMY_VERSION_POLICY", value_name = "POLICY", value_delimiter = ';', help_heading = "Models")]
    pub version_policy: Option<Vec<String>>,
    /// Logged models that are not registered, by their m-ID: load them at the start, on demand, or off [default: start]
    #[arg(long, env = "YUMMY_LOGGED_MODELS", value_name = "WHEN", help_heading = "Models")]
    pub logged_models: Option<LoggedModels>,
    /// Memory for these; past it the one that was not used for the longest time is unloaded [default: 1073741824]
    #[arg(long, env = "YUMMY_LOGGED_MODEL_BYTES", value_name = "N", help_heading = "Models")]
    pub logged_model_bytes: Option<usize>,
    /// Serve a version that is gone from the directory, and not deleted in MLflow, for so long [default: 5]
    #[arg(long, env = "YUMMY_GONE_SECONDS", value_name = "S", help_heading = "Models")]
    pub gone_seconds: Option<f64>,
    /// FLAVOR=native or FLAVOR=reference, for builds with a reference library
    #[arg(long, env = "YUMMY_ENGINE", value_name = "CHOICE", value_delimiter = ',', help_heading = "Models")]
    pub engine: Option<Vec<String>>,
    /// How answers write NaN and infinities: python (as MLflow, no valid JSON) or null [default: python]
    #[arg(long, env = "YUMMY_NON_FINITE", value_name = "WORD", help_heading = "Models")]
    pub non_finite: Option<NonFiniteWord>,
    /// Look at the directory this often even without events [default: 10]
    #[arg(long, env = "YUMMY_RESCAN_SECONDS", value_name = "S", help_heading = "Models")]
    pub rescan_seconds: Option<f64>,
    /// Act on a change once the directory was quiet this long [default: 0.1]
    #[arg(long, env = "YUMMY_DEBOUNCE_SECONDS", value_name = "S", help_heading = "Models")]
    pub debounce_seconds: Option<f64>,
    /// Address that serves requests; may be given more than once [default: 127.0.0.1:8080]
    #[arg(long, env = "YUMMY_LISTEN", value_name = "ADDR:PORT", value_delimiter = ',', help_heading = "Network")]
    pub listen: Option<Vec<SocketAddr>>,
    /// Address for observers on a thread of its own, or off [default: 127.0.0.1:8081]
    #[arg(long, env = "YUMMY_ADMIN_LISTEN", value_name = "ADDR:PORT", help_heading = "Network")]
    pub admin_listen: Option<String>,
    /// Connections open at once [default: 10000]
    #[arg(long, env = "YUMMY_MAX_CONNECTIONS", value_name = "N", help_heading = "Network")]
    pub max_connections: Option<usize>,
    /// Time for a client to send a request's head; past it the connection is closed [default: 30]
    #[arg(long, env = "YUMMY_HEADER_TIMEOUT_SECONDS", value_name = "S", help_heading = "Network")]
    pub header_timeout_seconds: Option<f64>,
    /// Time for a client to send a request's body; past it 408 [default: 60]
    #[arg(long, env = "YUMMY_BODY_TIMEOUT_SECONDS", value_name = "S", help_heading = "Network")]
    pub body_timeout_seconds: Option<f64>,
    /// Time for requests in flight after a signal to stop [default: 30]
    #[arg(long, env = "YUMMY_DRAIN_SECONDS", value_name = "S", help_heading = "Network")]
    pub drain_seconds: Option<f64>,
    /// Threads for sockets and quick predictions [default: cores]
    #[arg(long, env = "YUMMY_IO_THREADS", value_name = "N", help_heading = "Work")]
    pub io_threads: Option<usize>,
    /// Threads for long predictions [default: cores]
    #[arg(long, env = "YUMMY_COMPUTE_THREADS", value_name = "N", help_heading = "Work")]
    pub compute_threads: Option<usize>,
    /// Where predictions run: auto (quick ones on the thread that read the request, others on the compute threads),
    /// inline, pool or thread-per-request [default: auto]
    #[arg(long, env = "YUMMY_EXECUTOR", value_name = "WORD", help_heading = "Work")]
    pub executor: Option<Mode>,
    /// Bytes of a request body; past it 413 [default: 67108864]
    #[arg(long, env = "YUMMY_MAX_BODY_BYTES", value_name = "N", help_heading = "Work")]
    pub max_body_bytes: Option<usize>,
    /// Rows of a request; past it 413 [default: 1000000]
    #[arg(long, env = "YUMMY_MAX_ROWS", value_name = "N", help_heading = "Work")]
    pub max_rows: Option<usize>,
    /// Predictions waiting for a compute thread; past it 503 [default: 1024]
    #[arg(long, env = "YUMMY_MAX_QUEUE", value_name = "N", help_heading = "Work")]
    pub max_queue: Option<usize>,
    /// Requests of one model version being answered at once; past it the next ones wait [default: 512]
    #[arg(long, env = "YUMMY_MAX_IN_FLIGHT", value_name = "N", help_heading = "Work")]
    pub max_in_flight: Option<usize>,
    /// Time that a request waits to be one of them, its body unread; past it 429 [default: 1]
    #[arg(long, env = "YUMMY_IN_FLIGHT_WAIT_SECONDS", value_name = "S", help_heading = "Work")]
    pub in_flight_wait_seconds: Option<f64>,
    /// Time from a request's head to its answer where it does not say x-request-timeout-ms; past it 504 [default: 60]
    #[arg(long, env = "YUMMY_REQUEST_TIMEOUT_SECONDS", value_name = "S", help_heading = "Work")]
    pub request_timeout_seconds: Option<f64>,
    /// The most that x-request-timeout-ms can ask for [default: 300]
    #[arg(long, env = "YUMMY_MAX_REQUEST_TIMEOUT_SECONDS", value_name = "S", help_heading = "Work")]
    pub max_request_timeout_seconds: Option<f64>,
    /// Profile all the time, this many samples a second, so that a spike can be looked at afterwards [default: off]
    #[arg(long, env = "YUMMY_PROFILE_HZ", value_name = "HZ", help_heading = "Work")]
    pub profile_hz: Option<u32>,
    /// One allocation each so many bytes is kept in mind for the heap profile; 0 for none [default: 524288]
    #[arg(long, env = "YUMMY_HEAP_SAMPLE_BYTES", value_name = "N", help_heading = "Work")]
    pub heap_sample_bytes: Option<usize>,
    /// error, warn, info, debug, trace, or a tracing filter [default: info]
    #[arg(long, env = "YUMMY_LOG", value_name = "LEVEL", help_heading = "Log")]
    pub log: Option<String>,
    /// text or json [default: text]
    #[arg(long, env = "YUMMY_LOG_FORMAT", value_name = "FORMAT", help_heading = "Log")]
    pub log_format: Option<LogFormat>,
}

impl Settings {
    /// Takes from the file what neither a flag nor the environment gave.
    ///
    /// # Errors
    /// [`ConfigError::File`] when the file cannot be read, is not TOML or has a key that does not exist.
    pub fn with_file(self, path: Option<&std::path::Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else { return Ok(self) };
        let refuse = |reason: String| ConfigError::File { path: path.to_owned(), reason };
        let bytes =
            yummy_models::mlmodel::read_bounded(path, MAX_FILE_BYTES).map_err(|error| refuse(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| refuse("is not UTF-8".into()))?;
        let file: Self = toml::from_str(&text).map_err(|error| refuse(error.message().to_owned()))?;
        Ok(Self {
            mlruns: self.mlruns.or(file.mlruns),
            default_model: self.default_model.or(file.default_model),
            backend_store: self.backend_store.or(file.backend_store),
            version_policy: self.version_policy.or(file.version_policy),
            logged_models: self.logged_models.or(file.logged_models),
            logged_model_bytes: self.logged_model_bytes.or(file.logged_model_bytes),
            gone_seconds: self.gone_seconds.or(file.gone_seconds),
            engine: self.engine.or(file.engine),
            non_finite: self.non_finite.or(file.non_finite),
            profile_hz: self.profile_hz.or(file.profile_hz),
            heap_sample_bytes: self.heap_sample_bytes.or(file.heap_sample_bytes),
            rescan_seconds: self.rescan_seconds.or(file.rescan_seconds),
            debounce_seconds: self.debounce_seconds.or(file.debounce_seconds),
            listen: self.listen.or(file.listen),
            admin_listen: self.admin_listen.or(file.admin_listen),
            max_connections: self.max_connections.or(file.max_connections),
            header_timeout_seconds: self.header_timeout_seconds.or(file.header_timeout_seconds),
            body_timeout_seconds: self.body_timeout_seconds.or(file.body_timeout_seconds),
            drain_seconds: self.drain_seconds.or(file.drain_seconds),
            io_threads: self.io_threads.or(file.io_threads),
            compute_threads: self.compute_threads.or(file.compute_threads),
            executor: self.executor.or(file.executor),
            max_body_bytes: self.max_body_bytes.or(file.max_body_bytes),
            max_rows: self.max_rows.or(file.max_rows),
            max_queue: self.max_queue.or(file.max_queue),
            max_in_flight: self.max_in_flight.or(file.max_in_flight),
            in_flight_wait_seconds: self.in_flight_wait_seconds.or(file.in_flight_wait_seconds),
            request_timeout_seconds: self.request_timeout_seconds.or(file.request_timeout_seconds),
            max_request_timeout_seconds: self.max_request_timeout_seconds.or(file.max_request_timeout_seconds),
            log: self.log.or(file.log),
            log_format: self.log_format.or(file.log_format),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_over_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("yummy.toml");
        std::fs::write(&path, "io_threads = 3\nmax_rows = 7\nlisten = [\"127.0.0.1:9\"]\n").unwrap();
        let flags = Settings { io_threads: Some(5), ..Settings::default() };
        let merged = flags.with_file(Some(&path)).unwrap();
        assert_eq!((merged.io_threads, merged.max_rows), (Some(5), Some(7)));
        assert_eq!(merged.listen.unwrap().len(), 1);
    }

    #[test]
    fn an_unknown_key_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("yummy.toml");
        std::fs::write(&path, "io_thread = 3\n").unwrap();
        let error = Settings::default().with_file(Some(&path)).unwrap_err().to_string();
        assert!(error.contains("io_thread"), "{error}");
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Args::command().debug_assert();
    }
}
