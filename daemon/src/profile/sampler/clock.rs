//! What makes the signal come: an event for each thread where the kernel allows that, the process's one interval timer
//! otherwise.

use std::{
    collections::HashMap,
    fs, io,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use super::{perf, signal};

/// How often new threads are looked for. One that lives shorter may have no samples.
const RELIST: Duration = Duration::from_millis(100);

/// What decides when a sample is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockKind {
    /// CPU time of each thread, in nanoseconds. Time in the kernel counts for the function that called it.
    Thread,
    /// CPU time of each thread outside of the kernel, in nanoseconds: all that an unprivileged process may ask for.
    ThreadUser,
    /// CPU time of the process, looked at when the kernel's tick interrupts a thread: threads that run for less than a
    /// tick at a time are mostly missed.
    #[default]
    Process,
}

impl ClockKind {
    /// From the best to the one that is always there.
    const ALL: [Self; 3] = [Self::Thread, Self::ThreadUser, Self::Process];

    /// The best one that this kernel allows.
    pub(crate) fn of_this_kernel() -> Self {
        // An event of this thread that it will not live to see.
        let ask = |kernel| perf::signal_thread(perf::own_tid(), u64::MAX >> 1, kernel).map(drop);
        let allowed = Self::first_allowed(|kind| match kind {
            Self::Thread => ask(true),
            Self::ThreadUser => ask(false),
            Self::Process => Ok(()),
        });
        allowed.map_or(Self::Process, |((), kind)| kind)
    }

    /// What `start` makes of the best one that it does not refuse. The last refusal if there is none.
    pub(super) fn first_allowed<T>(mut start: impl FnMut(Self) -> io::Result<T>) -> io::Result<(T, Self)> {
        let mut refusal = io::Error::from(io::ErrorKind::Unsupported);
        for kind in Self::ALL {
            match start(kind) {
                Ok(started) => return Ok((started, kind)),
                Err(error) => {
                    tracing::debug!(?kind, %error, "this clock of the sampler cannot be had");
                    refusal = error;
                }
            }
        }
        Err(refusal)
    }
}

/// A clock that runs until it is dropped.
pub(super) enum Clock {
    Threads(Threads),
    Process(Timer),
}

impl Clock {
    /// Starts the best clock, and says which that was.
    pub(super) fn start(hz: u32) -> io::Result<(Self, ClockKind)> {
        ClockKind::first_allowed(|kind| Self::of_kind(kind, hz))
    }

    pub(super) fn of_kind(kind: ClockKind, hz: u32) -> io::Result<Self> {
        match kind {
            ClockKind::Thread => Threads::start(hz, true).map(Self::Threads),
            ClockKind::ThreadUser => Threads::start(hz, false).map(Self::Threads),
            ClockKind::Process => Timer::start(hz).map(Self::Process),
        }
    }

    /// Looks for new threads if it is time to.
    pub(super) fn keep_up(&mut self) {
        if let Self::Threads(threads) = self
            && threads.listed.elapsed() >= RELIST
        {
            // Threads that cannot be had now, with all file descriptors in use, are tried again the next time.
            let _ = threads.list();
        }
    }
}

/// An event for each thread but the one that has started them, which is the profiler's own.
pub(super) struct Threads {
    period_ns: u64,
    kernel: bool,
    own: libc::pid_t,
    events: HashMap<libc::pid_t, OwnedFd>,
    listed: Instant,
}

impl Threads {
    fn start(hz: u32, kernel: bool) -> io::Result<Self> {
        let (period_ns, own) = (1_000_000_000 / u64::from(hz.max(1)), perf::own_tid());
        let mut threads = Self { period_ns, kernel, own, events: HashMap::new(), listed: Instant::now() };
        threads.list()?;
        Ok(threads)
    }

    /// Begins with new threads and forgets those that have ended. Goes through all of them, and says the first error.
    fn list(&mut self) -> io::Result<()> {
        self.listed = Instant::now();
        let entries = fs::read_dir("/proc/self/task")?;
        let alive: Vec<libc::pid_t> =
            entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
        self.events.retain(|tid, _| alive.contains(tid));
        let mut result = Ok(());
        for tid in alive {
            if tid == self.own || self.events.contains_key(&tid) {
                continue;
            }
            match perf::signal_thread(tid, self.period_ns, self.kernel) {
                Ok(event) => drop(self.events.insert(tid, event)),
                // It has ended since it was listed.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }
}

/// The interval timer of the process.
pub(super) struct Timer(());

impl Timer {
    fn start(hz: u32) -> io::Result<Self> {
        signal::set_timer(hz)?;
        Ok(Self(()))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let _ = signal::set_timer(0);
    }
}
