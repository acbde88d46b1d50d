//! What can keep a profile from being captured.

use std::time::Duration;

use super::sampler::SamplerError;

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// One capture at a time: there is one sampler per process.
    #[error("capture {id} is running, try again in {} s", whole_seconds(*.remaining))]
    Busy {
        /// The capture that runs.
        id: u64,
        /// Time until it should be done.
        remaining: Duration,
    },
    /// The request asks for what cannot be had.
    #[error("{0}")]
    Parameter(String),
    /// No capture is kept under this number.
    #[error("no capture {0} is kept, /debug/profiles lists those that are")]
    UnknownCapture(u64),
    /// There is no rolling capture.
    #[error("the rolling capture is off, start yummyd with --profile-hz 19 to look back, or ask for the next seconds")]
    RollingOff,
    /// The sampler could not be used.
    #[error("{0}")]
    Sampler(#[from] SamplerError),
    /// Nobody waits for the capture any more.
    #[error("the capture was cancelled")]
    Cancelled,
    /// The profiler's thread is gone.
    #[error("the profiler's thread has ended, the log says why")]
    ThreadEnded,
    /// The profile could not be drawn or packed.
    #[error("the profile cannot be rendered: {0}")]
    Render(#[from] std::io::Error),
    /// The program's allocator does not sample.
    #[error("this program has no heap profiles: its allocator does not sample")]
    NoHeap,
    /// It could, and was told not to.
    #[error("heap sampling is off, start yummyd without --heap-sample-bytes 0 to have heap profiles")]
    HeapOff,
}

/// Seconds to wait, rounded up, with one for finding names.
pub(crate) fn whole_seconds(remaining: Duration) -> u64 {
    remaining.as_secs() + 1
}
