//! CPU time of the calling thread, so that the generator's own cost is known apart from the dashboard's.
#![expect(unsafe_code, reason = "the standard library has no clock of a thread's CPU time, and no timer slack")]

use std::time::Duration;

/// CPU time that the calling thread has used.
pub(crate) fn thread_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec on this stack, which the call only writes.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } != 0;
    if failed {
        return Duration::ZERO;
    }
    // Neither part of a CPU time is negative, and the second is below 10^9.
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Lets the calling thread's sleeps end as exactly as the system can: Linux adds 50 µs otherwise, which was most of
/// the pacer's lag (p50 72-100 µs; load.md §1.2e).
pub(crate) fn smallest_timer_slack() {
    #[cfg(target_os = "linux")]
    // SAFETY: PR_SET_TIMERSLACK takes a number and touches no memory; a refusal leaves the slack as it was.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1);
    }
}
