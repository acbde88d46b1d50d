//! CPU clocks of the process, which std does not have. The only `unsafe` of the telemetry.

use std::time::Duration;

/// CPU time of all threads of the process since it started, exact to the nanosecond. `/proc/self/stat` counts ticks of
/// 10 ms instead: off by half a point of a core over a second (profiling.md §5.5).
#[must_use]
pub fn process_cpu() -> Duration {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// CPU time of the thread that calls, since it started.
pub(crate) fn thread_cpu() -> Duration {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Timer interrupts a second, as the kernel was built: the most samples of CPU time that a thread can get.
#[must_use]
pub fn tick_hz() -> u32 {
    let mut resolution = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live local; the call writes nothing else.
    #[allow(unsafe_code)]
    let failed = unsafe { libc::clock_getres(libc::CLOCK_MONOTONIC_COARSE, &raw mut resolution) } != 0;
    let ns = u32::try_from(resolution.tv_nsec).unwrap_or(0);
    // The coarse clock moves once a tick. 250 is what the kernels of distributions have.
    if failed || ns == 0 { 250 } else { 1_000_000_000 / ns }
}

fn read(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live local; the call writes nothing else. It cannot fail for a clock of our own.
    #[allow(unsafe_code)]
    unsafe {
        libc::clock_gettime(clock, &raw mut time);
    }
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
