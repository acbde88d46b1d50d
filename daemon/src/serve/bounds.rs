//! The bounds that requests meet, as observers see them: each under its key of the configuration file, with what it is
//! set to and how often it was met.

use std::sync::atomic::{AtomicU64, Ordering};

use yummy_api::stats;

use crate::config::Limits;

/// A bound of requests or connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Bytes of a body: 413.
    BodyBytes,
    /// Rows of a request: 413.
    Rows,
    /// Predictions that wait: 503.
    Queue,
    /// Requests of one model version: the next one waits.
    InFlight,
    /// Time to wait for that: 429.
    InFlightWait,
    /// Connections that are open: the next one waits.
    Connections,
    /// Time to the answer: 504.
    RequestTimeout,
    /// What a request may ask for: it gets the maximum.
    MaxRequestTimeout,
    /// Time for a head: the connection is closed.
    HeaderTimeout,
    /// Time for a body: 408.
    BodyTimeout,
}

/// All of them.
const ALL: [Bound; 10] = [
    Bound::BodyBytes,
    Bound::Rows,
    Bound::Queue,
    Bound::InFlight,
    Bound::InFlightWait,
    Bound::Connections,
    Bound::RequestTimeout,
    Bound::MaxRequestTimeout,
    Bound::HeaderTimeout,
    Bound::BodyTimeout,
];

impl Bound {
    /// Its key in the configuration file, and what it is set to.
    fn key_and_limit(self, limits: &Limits) -> (&'static str, f64) {
        match self {
            Self::BodyBytes => ("max_body_bytes", limits.body_bytes as f64),
            Self::Rows => ("max_rows", limits.rows as f64),
            Self::Queue => ("max_queue", limits.queue as f64),
            Self::InFlight => ("max_in_flight", limits.in_flight as f64),
            Self::InFlightWait => ("in_flight_wait_seconds", limits.in_flight_wait.as_secs_f64()),
            Self::Connections => ("max_connections", limits.connections as f64),
            Self::RequestTimeout => ("request_timeout_seconds", limits.request_timeout.as_secs_f64()),
            Self::MaxRequestTimeout => ("max_request_timeout_seconds", limits.max_request_timeout.as_secs_f64()),
            Self::HeaderTimeout => ("header_timeout_seconds", limits.header_timeout.as_secs_f64()),
            Self::BodyTimeout => ("body_timeout_seconds", limits.body_timeout.as_secs_f64()),
        }
    }
}

/// How often each bound was met.
#[derive(Debug, Default)]
pub struct Met([AtomicU64; ALL.len()]);

impl Met {
    /// It was met once more. Only requests that are refused pay for this.
    pub fn count(&self, bound: Bound) {
        self.0[bound as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// All bounds, for the live numbers.
    #[must_use]
    pub fn list(&self, limits: &Limits) -> Vec<stats::Bound> {
        let bound = |bound: Bound| {
            let (key, limit) = bound.key_and_limit(limits);
            stats::Bound { key: key.into(), limit, met: self.0[bound as usize].load(Ordering::Relaxed) }
        };
        ALL.into_iter().map(bound).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::args::Settings;

    #[test]
    fn each_bound_is_counted_apart_under_a_key_that_the_file_knows() {
        let met = Met::default();
        for (times, bound) in ALL.into_iter().enumerate() {
            (0..times).for_each(|_| met.count(bound));
        }
        let list = met.list(&Limits::default());
        assert_eq!(list.iter().map(|bound| bound.met).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        for bound in list {
            let number = if bound.key.ends_with("_seconds") { "1.5" } else { "1" };
            toml::from_str::<Settings>(&format!("{} = {number}", bound.key)).expect("a key");
        }
    }
}
