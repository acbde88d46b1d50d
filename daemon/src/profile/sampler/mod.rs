//! Samples of what uses CPU: a timer signal copies registers and stack ([`signal`]), this thread unwinds the copies
//! ([`unwind`]).
//!
//! The signal can land anywhere: within malloc, a panic, dlopen, the exit of a thread. So nothing runs inside it that
//! could crash or wait there, and above all no unwinder. `pprof`'s crashed here: with libgcc's unwinder within 1.3 s
//! (profiling.md §0), and with framehop once in eight runs of `examples/profile_stress`. Copying also needs no
//! preparation before the first thread starts, no temporary file, and 30 MB less than pprof's tables.

mod signal;
mod unwind;

use std::{
    collections::HashMap,
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use self::unwind::Unwinder;

/// One distinct stack.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RawStack {
    /// The thread's name, as it is.
    pub(crate) thread: String,
    /// Addresses from the leaf to the root: the leaf's own, and return addresses above it.
    pub(crate) addresses: Vec<usize>,
}

/// How often each stack was seen.
pub(crate) type RawProfile = HashMap<RawStack, u64>;

/// Why there are no samples.
#[derive(Debug, thiserror::Error)]
pub enum SamplerError {
    /// There is one timer per process, and it is in use.
    #[error("another sampler of this process is running")]
    Running,
    /// The kernel refused the signal or the timer.
    #[error("the kernel refuses to sample: {0}")]
    Refused(#[from] io::Error),
}

/// Whether a [`Sampler`] exists.
static RUNNING: AtomicBool = AtomicBool::new(false);

/// A sampler that runs. There is one per process, because there is one such timer per process.
pub(crate) struct Sampler {
    unwinder: Unwinder,
    profile: RawProfile,
    _lease: Lease,
}

/// Stops the timer when it is dropped.
struct Lease;

impl Sampler {
    /// Starts to sample, `hz` times for each second of CPU time that the process uses.
    pub(crate) fn start(hz: u32) -> Result<Self, SamplerError> {
        if RUNNING.swap(true, Ordering::AcqRel) {
            return Err(SamplerError::Running);
        }
        let lease = Lease;
        // Libraries loaded later have no unwind rules here: their stacks end early, and are counted all the same.
        let unwinder = Unwinder::of_this_process();
        signal::install()?;
        // What a handler left behind after the last stop.
        signal::take(|_| ());
        signal::set_timer(hz)?;
        Ok(Self { unwinder, profile: RawProfile::new(), _lease: lease })
    }

    /// Takes what has been sampled since the last call. To be called often: there is room for a bounded number.
    pub(crate) fn collect(&mut self) {
        let Self { unwinder, profile, .. } = self;
        signal::take(|sample| {
            let stack = RawStack { thread: sample.thread(), addresses: unwinder.unwind(sample) };
            *profile.entry(stack).or_default() += 1;
        });
    }

    /// All stacks since the start, or since they were last taken.
    pub(crate) fn take(&mut self) -> RawProfile {
        self.collect();
        std::mem::take(&mut self.profile)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The handler stays: a signal on its way must not end the process.
        let _ = signal::set_timer(0);
        RUNNING.store(false, Ordering::Release);
    }
}

/// Gives back what symbol lookups have allocated: 80 MB without this (profiling.md §0.5).
pub(crate) fn release_memory() {
    backtrace::clear_symbol_cache();
    // SAFETY: malloc_trim has no preconditions and may be called by any thread at any time.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    unsafe {
        libc::malloc_trim(0);
    }
}
