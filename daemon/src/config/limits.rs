//! Bounds, each with its reason. Those that depend on the use are configuration keys.

use std::time::Duration;

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
    /// Connections that are open at once; past it a new one waits in the listen queue.
    pub connections: usize,
    /// From a request's head to its answer; past it 504, as MLflow's 60 s.
    pub request_timeout: Duration,
    /// A client has this long to send a request's head, so that half-sent heads do not pile up.
    pub header_timeout: Duration,
    /// A client has this long to send a request's body.
    pub body_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 64 << 20,
            rows: 1_000_000,
            queue: 1024,
            connections: 10_000,
            request_timeout: Duration::from_secs(60),
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
        }
    }
}
