//! Bounds, each with its reason. Those that depend on the use are configuration keys.

use std::time::Duration;

use super::{ConfigError, args::Settings, seconds};

/// More threads than this on one machine is a mistake in a number.
pub const MAX_THREADS: usize = 1024;
/// Times that a user gives are at most a day.
pub const MAX_SECONDS: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes between two samples of the heap: below, finding out where they were made costs more than a tenth of the
/// allocating; above, a daemon would have no sample.
pub const HEAP_SAMPLE_BYTES: std::ops::RangeInclusive<usize> = (16 << 10)..=(1 << 30);

/// Bounds of requests and of connections.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Bytes of a request body; past it 413. 64 MiB holds 50,000 rows of 50 numbers and is what Triton allows.
    pub body_bytes: usize,
    /// Rows of a request; past it 413. A frame of 1,000,000 x 100 numbers is 800 MB.
    pub rows: usize,
    /// Predictions that wait for a compute thread; past it 503. At 1 ms each, 1,024 are a second of waiting on one core.
    pub queue: usize,
    /// Requests of one model version between head and answer; past it the next ones wait. Half of the queue, so that one
    /// slow model cannot take all of it from the others.
    pub in_flight: usize,
    /// A request waits so long for its place among those, its body unread; past it 429. That answer asks its client to come
    /// back in a second: keeping it for that second costs less than reading its body twice, and slows down who sends.
    pub in_flight_wait: Duration,
    /// Connections that are open at once; past it a new one waits in the listen queue.
    pub connections: usize,
    /// From a request's head to its answer, where the request does not say; past it 504, as MLflow's 60 s.
    pub request_timeout: Duration,
    /// The most that a request may ask for: what is answered later than this is answered to nobody, because proxies and
    /// clients have given up.
    pub max_request_timeout: Duration,
    /// A client has this long to send a request's head, so that half-sent heads do not pile up.
    pub header_timeout: Duration,
    /// A client has this long to send a request's body; past it 408.
    pub body_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 64 << 20,
            rows: 1_000_000,
            queue: 1024,
            in_flight: 512,
            in_flight_wait: Duration::from_secs(1),
            connections: 10_000,
            request_timeout: Duration::from_secs(60),
            max_request_timeout: Duration::from_secs(300),
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
        }
    }
}

impl Limits {
    /// Checks what was given and fills in defaults.
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let defaults = Self::default();
        let request_timeout =
            time("--request-timeout-seconds", settings.request_timeout_seconds, defaults.request_timeout)?;
        // Who raises the default and says nothing of the maximum means both.
        let max_request_timeout = time(
            "--max-request-timeout-seconds",
            settings.max_request_timeout_seconds,
            defaults.max_request_timeout.max(request_timeout),
        )?;
        if max_request_timeout < request_timeout {
            return Err(ConfigError::Value {
                key: "--max-request-timeout-seconds",
                reason: format!("is less than --request-timeout-seconds ({} s)", request_timeout.as_secs_f64()),
            });
        }
        Ok(Self {
            body_bytes: count("--max-body-bytes", settings.max_body_bytes, defaults.body_bytes)?,
            rows: count("--max-rows", settings.max_rows, defaults.rows)?,
            queue: count("--max-queue", settings.max_queue, defaults.queue)?,
            in_flight: count("--max-in-flight", settings.max_in_flight, defaults.in_flight)?,
            // 0 is allowed: those who would rather be refused at once.
            in_flight_wait: seconds(
                "--in-flight-wait-seconds",
                settings.in_flight_wait_seconds,
                defaults.in_flight_wait.as_secs_f64(),
            )?,
            connections: count("--max-connections", settings.max_connections, defaults.connections)?,
            request_timeout,
            max_request_timeout,
            header_timeout: time("--header-timeout-seconds", settings.header_timeout_seconds, defaults.header_timeout)?,
            body_timeout: time("--body-timeout-seconds", settings.body_timeout_seconds, defaults.body_timeout)?,
        })
    }
}

fn count(key: &'static str, given: Option<usize>, default: usize) -> Result<usize, ConfigError> {
    match given.unwrap_or(default) {
        0 => Err(ConfigError::Value { key, reason: "0 would refuse every request; give at least 1".into() }),
        count => Ok(count),
    }
}

fn time(key: &'static str, given: Option<f64>, default: Duration) -> Result<Duration, ConfigError> {
    let time = seconds(key, given, default.as_secs_f64())?;
    if time.is_zero() {
        return Err(ConfigError::Value { key, reason: "0 would refuse every request; give more".into() });
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(change: impl FnOnce(&mut Settings)) -> Result<Limits, String> {
        let mut settings = Settings::default();
        change(&mut settings);
        Limits::from_settings(&settings).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_given_means_the_defaults() {
        assert_eq!(limits(|_| {}), Ok(Limits::default()));
    }

    #[test]
    fn a_bound_that_refuses_everything_is_refused() {
        for (key, result) in [
            ("--max-in-flight", limits(|s| s.max_in_flight = Some(0))),
            ("--max-queue", limits(|s| s.max_queue = Some(0))),
            ("--request-timeout-seconds", limits(|s| s.request_timeout_seconds = Some(0.0))),
            ("--body-timeout-seconds", limits(|s| s.body_timeout_seconds = Some(f64::NAN))),
        ] {
            assert!(result.as_ref().is_err_and(|error| error.starts_with(key)), "{key}: {result:?}");
        }
    }

    #[test]
    fn the_maximum_follows_a_larger_default_and_never_lies_below_it() {
        let long = limits(|s| s.request_timeout_seconds = Some(900.0)).unwrap();
        assert_eq!(long.max_request_timeout, Duration::from_secs(900));
        let error = limits(|s| s.max_request_timeout_seconds = Some(1.0)).unwrap_err();
        assert!(error.starts_with("--max-request-timeout-seconds: is less than"), "{error}");
    }
}
