//! Samples of what uses CPU: a [`clock`] sends a signal, its handler copies registers and stack ([`signal`]), this
//! thread unwinds the copies ([`unwind`]).
//!
//! The signal can land anywhere: within malloc, a panic, dlopen, the exit of a thread. So nothing runs inside it that
//! could crash or wait there, and above all no unwinder. `pprof`'s crashed here: with libgcc's unwinder within 1.3 s
//! (profiling.md §0), and with framehop once in eight runs of `examples/profile_stress`. Copying also needs no
//! preparation before the first thread starts, no temporary file, and 30 MB less than pprof's tables.

mod clock;
mod perf;
mod signal;
#[cfg(test)]
mod tests;
mod unwind;

use std::{
    collections::HashMap,
    io,
    sync::{Mutex, MutexGuard, TryLockError},
    time::Duration,
};

use self::clock::Clock;
pub use self::clock::ClockKind;
pub(crate) use self::{signal::Sample, unwind::Unwinder};
use crate::telemetry::clock as cpu;

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

/// Bounds of [`visit_every`]: a thread that wakes more often is a load itself, and a client that has gone should not go
/// on paying for long.
const SHORTEST_VISIT: Duration = Duration::from_millis(10);
const LONGEST_VISIT: Duration = Duration::from_millis(100);

/// Why there are no samples.
#[derive(Debug, thiserror::Error)]
pub enum SamplerError {
    /// There is one signal for it per process, and it is in use.
    #[error("another sampler of this process is running")]
    Running,
    /// The kernel refused the signal or its clock.
    #[error("the kernel refuses to sample: {0}")]
    Refused(#[from] io::Error),
}

/// Held by the [`Sampler`] that runs. Between two of them it keeps the unwind tables, and the rules found in them.
static SAMPLER: Mutex<Option<Unwinder>> = Mutex::new(None);

/// A sampler that runs. There is one per process, because there is one such signal per process. It stays on the thread
/// that has started it.
pub(crate) struct Sampler {
    profile: RawProfile,
    kind: ClockKind,
    // Before the unwinder: fields are dropped in this order, and the next sampler may start when the unwinder is free.
    // The signal's handler stays: a signal on its way must not end the process.
    clock: Clock,
    unwinder: MutexGuard<'static, Option<Unwinder>>,
}

impl Sampler {
    /// Starts to sample, `hz` times for each second of CPU time that a thread, or the process, uses.
    pub(crate) fn start(hz: u32) -> Result<Self, SamplerError> {
        Self::with(|| Clock::start(hz))
    }

    fn with(start: impl FnOnce() -> io::Result<(Clock, ClockKind)>) -> Result<Self, SamplerError> {
        let mut unwinder = match SAMPLER.try_lock() {
            Ok(unwinder) => unwinder,
            Err(TryLockError::Poisoned(unwinder)) => unwinder.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(SamplerError::Running),
        };
        // Libraries loaded later have no unwind rules here: their stacks end early, and are counted all the same.
        unwinder.get_or_insert_with(Unwinder::of_this_process).keep_up();
        signal::install()?;
        // What a handler left behind after the last stop.
        signal::take(|_| ());
        let (clock, kind) = start()?;
        Ok(Self { profile: RawProfile::new(), kind, clock, unwinder })
    }

    /// What decides when a sample is taken.
    pub(crate) fn clock(&self) -> ClockKind {
        self.kind
    }

    /// CPU time of the threads that are sampled, since the process started: without this one's where it is left out.
    pub(crate) fn cpu_time(&self) -> Duration {
        match self.clock {
            Clock::Threads(_) => cpu::process_cpu().saturating_sub(cpu::thread_cpu()),
            Clock::Process(_) => cpu::process_cpu(),
        }
    }

    /// Takes what has been sampled since the last call. To be called often: there is room for a bounded number.
    pub(crate) fn collect(&mut self) {
        let Self { unwinder, profile, clock, .. } = self;
        clock.keep_up();
        let unwinder = unwinder.get_or_insert_with(Unwinder::of_this_process);
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

/// How often [`Sampler::collect`] is to be called: before more than half of the room can be full with all cores busy.
/// Each visit wakes a thread, which costs more than the samples that it finds; who leaves waits no longer than one.
pub(crate) fn visit_every(hz: u32) -> Duration {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let per_second = f64::from(hz.max(1)) * cores as f64;
    Duration::from_secs_f64(signal::SLOTS as f64 / 2.0 / per_second).clamp(SHORTEST_VISIT, LONGEST_VISIT)
}

/// Gives back what symbol lookups have allocated: 80 MB without this (profiling.md §0.5).
pub(crate) fn release_memory() {
    backtrace::clear_symbol_cache();
    crate::system::trim_memory();
}
