//! Configuration: arguments, environment and file are read once and become one validated [`Config`].
//!
//! Precedence is flag, environment variable, file, default. [`args`] says what a user can write, [`limits`] bounds it.
//! Nothing here touches the network, the model directory or the log.

pub mod args;
pub mod limits;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use args::Settings;

use crate::{
    encode::NonFinite,
    execute,
    registry::{self, BackendStore, LoggedModels, Policies},
};
pub use limits::Limits;

/// Where the daemon listens unless told otherwise.
pub const DEFAULT_LISTEN: SocketAddr = loopback(8080);
/// Where observers connect unless told otherwise.
pub const DEFAULT_ADMIN: SocketAddr = loopback(8081);

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, port))
}

/// Why the configuration does not hold. Each names the key, and what to write instead.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No model directory was named.
    #[error("no model directory given: say --mlruns DIR (or set YUMMY_MLRUNS, or mlruns in the configuration file)")]
    NoMlruns,
    /// The model directory is not there.
    #[error("--mlruns {path}: {reason}; name the directory that MLflow writes to, e.g. --mlruns ./mlruns")]
    Mlruns {
        /// As given.
        path: PathBuf,
        /// Why it cannot be watched.
        reason: String,
    },
    /// The configuration file cannot be read.
    #[error("--config {path}: {reason}")]
    File {
        /// As given.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A value is out of its bounds.
    #[error("{key}: {reason}")]
    Value {
        /// The key, as a flag.
        key: &'static str,
        /// What is wrong, and what is allowed.
        reason: String,
    },
}

/// Log lines as text for people or as JSON for machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// How answers write numbers that JSON has no word for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NonFiniteWord {
    /// `NaN`, `Infinity`: what MLflow answers.
    #[default]
    Python,
    /// `null`: valid JSON.
    Null,
}

/// Everything the daemon was told, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The watched directory, as given.
    pub mlruns: PathBuf,
    /// Addresses that serve requests.
    pub listen: Vec<SocketAddr>,
    /// Address for observers; `None` for none of its own.
    pub admin: Option<SocketAddr>,
    /// The model that `POST /invocations` stands for.
    pub default_model: Option<String>,
    /// Filter of the log, as `tracing` reads it.
    pub log: String,
    /// Shape of log lines.
    pub log_format: LogFormat,
    /// Threads that read and write sockets, and predict what is quick.
    pub io_threads: usize,
    /// Threads that predict what is not.
    pub compute_threads: usize,
    /// How long requests in flight may take after a signal to stop.
    pub drain: Duration,
    /// How often the directory is looked at even if the system reports no change.
    pub rescan: Duration,
    /// How long the directory must be quiet before a change is acted upon.
    pub debounce: Duration,
    /// Which engines to load models with.
    pub engines: yummy_models::LoadOptions,
    /// Where the registry is, when that is a database.
    pub backend_store: BackendStore,
    /// Which versions are served.
    pub policies: Policies,
    /// What becomes of logged models that are not registered.
    pub logged_models: LoggedModels,
    /// Memory that these may hold, bytes.
    pub logged_model_bytes: usize,
    /// How long a version is served that is gone from the directory.
    pub grace: Duration,
    /// How answers write NaN and infinities.
    pub non_finite: NonFinite,
    /// Samples a second of the profile that always runs; `None` for none.
    pub profile_hz: Option<u32>,
    /// Bytes between two samples of the heap; 0 for none.
    pub heap_sample_bytes: usize,
    /// Where predictions run.
    pub executor: execute::Mode,
    /// Bounds of requests.
    pub limits: Limits,
}

impl Config {
    /// Checks what was given and fills in defaults. `cores` is what the machine offers.
    ///
    /// # Errors
    /// [`ConfigError`] names the first key that does not hold.
    pub fn from_settings(settings: Settings, cores: usize) -> Result<Self, ConfigError> {
        let limits = Limits::from_settings(&settings);
        let mlruns = settings.mlruns.ok_or(ConfigError::NoMlruns)?;
        check_directory(&mlruns)?;
        let listen = settings.listen.filter(|list| !list.is_empty()).unwrap_or_else(|| vec![DEFAULT_LISTEN]);
        let admin = match settings.admin_listen.as_deref() {
            None => Some(DEFAULT_ADMIN),
            Some("off") => None,
            Some(text) => Some(text.parse().map_err(|_| ConfigError::Value {
                key: "--admin-listen",
                reason: format!("{text:?} is neither ADDR:PORT nor off"),
            })?),
        };
        let threads = |key, given: Option<usize>, default| match given {
            None => Ok(default),
            Some(count @ 1..=limits::MAX_THREADS) => Ok(count),
            Some(count) => {
                Err(ConfigError::Value { key, reason: format!("{count} is not between 1 and {}", limits::MAX_THREADS) })
            }
        };
        Ok(Self {
            mlruns,
            listen,
            admin,
            default_model: settings.default_model,
            log: settings.log.unwrap_or_else(|| "info".into()),
            log_format: settings.log_format.unwrap_or_default(),
            io_threads: threads("--io-threads", settings.io_threads, cores)?,
            compute_threads: threads("--compute-threads", settings.compute_threads, cores)?,
            drain: seconds("--drain-seconds", settings.drain_seconds, 30.0)?,
            rescan: seconds("--rescan-seconds", settings.rescan_seconds, 10.0)?,
            debounce: seconds("--debounce-seconds", settings.debounce_seconds, 0.1)?,
            engines: engines(settings.engine.as_deref().unwrap_or_default())?,
            backend_store: settings.backend_store.as_deref().map_or(Ok(BackendStore::Beside), |text| {
                BackendStore::parse(text).map_err(|reason| ConfigError::Value { key: "--backend-store", reason })
            })?,
            policies: Policies::parse(settings.version_policy.iter().flatten().map(String::as_str))
                .map_err(|reason| ConfigError::Value { key: "--version-policy", reason })?,
            logged_models: settings.logged_models.unwrap_or_default(),
            logged_model_bytes: settings.logged_model_bytes.unwrap_or(registry::DEFAULT_LOGGED_BYTES),
            grace: seconds("--gone-seconds", settings.gone_seconds, 5.0)?,
            non_finite: match settings.non_finite.unwrap_or_default() {
                NonFiniteWord::Python => NonFinite::Python,
                NonFiniteWord::Null => NonFinite::Null,
            },
            profile_hz: settings.profile_hz,
            heap_sample_bytes: heap_sample_bytes(settings.heap_sample_bytes)?,
            executor: settings.executor.unwrap_or_default(),
            limits: limits?,
        })
    }
}

fn check_directory(path: &Path) -> Result<(), ConfigError> {
    let refuse = |reason: String| ConfigError::Mlruns { path: path.to_owned(), reason };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(refuse("there is no such directory".into())),
        Err(error) => Err(refuse(error.to_string())),
        Ok(metadata) if !metadata.is_dir() => Err(refuse("is not a directory".into())),
        Ok(_) => std::fs::read_dir(path).map(drop).map_err(|error| refuse(error.to_string())),
    }
}

fn seconds(key: &'static str, given: Option<f64>, default: f64) -> Result<Duration, ConfigError> {
    let value = given.unwrap_or(default);
    Duration::try_from_secs_f64(value).ok().filter(|duration| *duration <= limits::MAX_SECONDS).ok_or_else(|| {
        ConfigError::Value {
            key,
            reason: format!("{value} is not between 0 and {} seconds", limits::MAX_SECONDS.as_secs()),
        }
    })
}

fn heap_sample_bytes(given: Option<usize>) -> Result<usize, ConfigError> {
    match given {
        None => Ok(crate::profile::heap::DEFAULT_INTERVAL),
        Some(0) => Ok(0),
        Some(bytes) if limits::HEAP_SAMPLE_BYTES.contains(&bytes) => Ok(bytes),
        Some(bytes) => Err(ConfigError::Value {
            key: "--heap-sample-bytes",
            reason: format!(
                "{bytes} is neither 0 nor between {} and {}",
                limits::HEAP_SAMPLE_BYTES.start(),
                limits::HEAP_SAMPLE_BYTES.end()
            ),
        }),
    }
}

/// Reads `lightgbm=reference,catboost=native`.
fn engines(choices: &[String]) -> Result<yummy_models::LoadOptions, ConfigError> {
    let mut options = yummy_models::LoadOptions::default();
    for choice in choices {
        match choice.as_str() {
            "lightgbm=native" => options.lightgbm_reference = false,
            "lightgbm=reference" => options.lightgbm_reference = true,
            "catboost=native" => options.catboost_reference = false,
            "catboost=reference" => options.catboost_reference = true,
            other => {
                return Err(ConfigError::Value {
                    key: "--engine",
                    reason: format!(
                        "{other:?} is none of lightgbm=native, lightgbm=reference, catboost=native, catboost=reference"
                    ),
                });
            }
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(dir: &Path) -> Settings {
        Settings { mlruns: Some(dir.to_owned()), ..Settings::default() }
    }

    #[test]
    fn nothing_but_a_directory_is_enough() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::from_settings(settings(dir.path()), 2).unwrap();
        assert_eq!(config.listen, [DEFAULT_LISTEN]);
        assert_eq!(config.admin, Some(DEFAULT_ADMIN));
        assert_eq!(config.io_threads, 2);
    }

    #[test]
    fn a_missing_directory_is_named_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let error = Config::from_settings(settings(&dir.path().join("nope")), 2).unwrap_err().to_string();
        assert!(error.contains("nope: there is no such directory; name the directory"), "{error}");
        let error = Config::from_settings(Settings::default(), 2).unwrap_err().to_string();
        assert!(error.contains("--mlruns DIR"), "{error}");
    }

    #[test]
    fn values_out_of_bounds_are_refused_with_their_key() {
        let dir = tempfile::tempdir().unwrap();
        let refuse = |settings| Config::from_settings(settings, 2).unwrap_err().to_string();
        assert!(refuse(Settings { io_threads: Some(0), ..settings(dir.path()) }).starts_with("--io-threads"));
        assert!(refuse(Settings { drain_seconds: Some(-1.0), ..settings(dir.path()) }).starts_with("--drain-seconds"));
        assert!(refuse(Settings { admin_listen: Some("x".into()), ..settings(dir.path()) }).starts_with("--admin-l"));
        let policy = Settings { version_policy: Some(vec!["newest".into()]), ..settings(dir.path()) };
        assert!(refuse(policy).starts_with("--version-policy: \"newest\" is none of named"));
        let store = Settings { backend_store: Some("postgresql://x/y".into()), ..settings(dir.path()) };
        assert!(refuse(store).starts_with("--backend-store: postgresql is not read; name an SQLite file"));
        assert!(refuse(Settings { engine: Some(vec!["x".into()]), ..settings(dir.path()) }).starts_with("--engine"));
        let small = Settings { heap_sample_bytes: Some(1), ..settings(dir.path()) };
        assert!(refuse(small).starts_with("--heap-sample-bytes: 1 is neither 0 nor between 16384 and "));
    }

    #[test]
    fn the_admin_listener_can_be_off() {
        let dir = tempfile::tempdir().unwrap();
        let off = Settings { admin_listen: Some("off".into()), ..settings(dir.path()) };
        assert_eq!(Config::from_settings(off, 1).unwrap().admin, None);
    }
}
