//! The only place that touches `pprof`: start, read out, stop. Also what must be done before the first sample.
//!
//! Samples are taken by a signal on whatever thread uses CPU. What runs inside that signal was chosen by measurement
//! (profiling.md §0): the framehop unwinder does not crash where libgcc's does, and does not lose the leaf as frame
//! pointers do, provided that its table of modules exists before it is needed.

use std::collections::HashMap;

use pprof::{ProfilerGuard, ProfilerGuardBuilder};

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

/// A sampler that runs. There is one per process, because there is one such timer per process.
pub(crate) struct Sampler(ProfilerGuard<'static>);

impl Sampler {
    pub(crate) fn start(hz: u32) -> Result<Self, pprof::Error> {
        // Bounded by the caller far below what an i32 holds.
        let hz = i32::try_from(hz).unwrap_or(i32::MAX);
        ProfilerGuardBuilder::default().frequency(hz).build().map(Self)
    }

    /// All stacks since the start.
    pub(crate) fn read(&self) -> Result<RawProfile, pprof::Error> {
        let report = self.0.report().build_unresolved()?;
        let mut profile = RawProfile::new();
        for (frames, count) in report.data {
            let name = frames.thread_name.get(..frames.thread_name_length).unwrap_or_default();
            let thread = String::from_utf8_lossy(name).into_owned();
            let addresses: Vec<_> = frames.frames.iter().map(|frame| frame.ip).collect();
            if !addresses.is_empty() {
                *profile.entry(RawStack { thread, addresses }).or_default() += u64::try_from(count).unwrap_or(0);
            }
        }
        Ok(profile)
    }
}

/// Prepares the sampler. To be called first thing in `main`, before any other thread exists.
///
/// The first sample builds the unwinder's table of modules inside the signal handler. That is a crash waiting to
/// happen when another thread loads a library meanwhile (2 of 11 cold starts under stress; 0 of 8 after this:
/// profiling.md §0.3), so the first sample is taken here, where nothing else runs. A daemon that cannot be profiled
/// here (no writable temporary directory) can still serve: the failure is logged, and captures will say why.
pub fn warm_up() {
    match Sampler::start(1) {
        Ok(sampler) => {
            // SAFETY: raise has no preconditions; the handler was installed by the line above.
            #[allow(unsafe_code)]
            unsafe {
                libc::raise(libc::SIGPROF);
            }
            drop(sampler);
        }
        Err(error) => tracing::warn!(%error, "profiles cannot be captured: is the temporary directory writable?"),
    }
    release_memory();
}

/// Gives back what symbol lookups and captures have allocated: without this a capture leaves 80-200 MB behind, with it
/// next to nothing (profiling.md §0.5).
pub(crate) fn release_memory() {
    backtrace::clear_symbol_cache();
    // SAFETY: malloc_trim has no preconditions and may be called by any thread at any time.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    unsafe {
        libc::malloc_trim(0);
    }
}
