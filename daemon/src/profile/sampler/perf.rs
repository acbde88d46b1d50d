//! One event of `perf_event_open`: the kernel signals a thread whenever that has used so much more CPU time.
//!
//! What is left of a period when a thread goes to sleep is kept for its next turn, so threads that run for some
//! microseconds at a time get their samples too; the interval timer misses them (profiling.md §1.5).
#![allow(unsafe_code)]

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
};

/// The kernel's `struct perf_event_attr` as it was first published: every kernel takes this length.
#[repr(C)]
#[derive(Default)]
struct EventAttributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_type: u32,
    config1: u64,
}

const PERF_TYPE_SOFTWARE: u32 = 1;
/// CPU time of the thread, in nanoseconds.
const PERF_COUNT_SW_TASK_CLOCK: u64 = 1;
const EXCLUDE_KERNEL: u64 = 1 << 5;
const EXCLUDE_HYPERVISOR: u64 = 1 << 6;
const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 1 << 3;
/// On whatever core the thread runs.
const ANY_CPU: libc::c_int = -1;
const NO_GROUP: libc::c_int = -1;

/// Of the kernel's `fcntl.h`; glibc's are not in `libc`.
const F_SETSIG: libc::c_int = 10;
const F_SETOWN_EX: libc::c_int = 15;
const F_OWNER_TID: libc::c_int = 0;

/// The kernel's `struct f_owner_ex`.
#[repr(C)]
struct Owner {
    kind: libc::c_int,
    id: libc::pid_t,
}

/// Signals thread `tid` of this process for every `period_ns` of its CPU time, from now until the file is closed. With
/// `kernel`, also for time spent in the kernel, at the return from there; that needs a privilege.
pub(super) fn signal_thread(tid: libc::pid_t, period_ns: u64, kernel: bool) -> io::Result<OwnedFd> {
    let attributes = EventAttributes {
        kind: PERF_TYPE_SOFTWARE,
        size: size_of::<EventAttributes>() as u32,
        config: PERF_COUNT_SW_TASK_CLOCK,
        sample_period: period_ns,
        flags: if kernel { EXCLUDE_HYPERVISOR } else { EXCLUDE_HYPERVISOR | EXCLUDE_KERNEL },
        wakeup_events: 1,
        ..EventAttributes::default()
    };
    // SAFETY: the attributes live on, and say how long they are; the kernel only reads them.
    let file = unsafe {
        libc::syscall(libc::SYS_perf_event_open, &raw const attributes, tid, ANY_CPU, NO_GROUP, PERF_FLAG_FD_CLOEXEC)
    };
    let file = RawFd::try_from(checked(file)?).map_err(io::Error::other)?;
    // SAFETY: the kernel has just opened it for us, and nobody else knows it.
    let file = unsafe { OwnedFd::from_raw_fd(file) };
    let owner = Owner { kind: F_OWNER_TID, id: tid };
    // SAFETY: the file is open, and the owner lives on while the kernel reads it.
    unsafe {
        checked(libc::fcntl(file.as_raw_fd(), F_SETSIG, libc::SIGPROF).into())?;
        checked(libc::fcntl(file.as_raw_fd(), F_SETOWN_EX, &raw const owner).into())?;
        // Last: without it no signal is sent, and with it none but SIGPROF to that thread.
        checked(libc::fcntl(file.as_raw_fd(), libc::F_SETFL, libc::O_ASYNC).into())?;
    }
    Ok(file)
}

fn checked(result: libc::c_long) -> io::Result<libc::c_long> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The thread that calls.
pub(super) fn own_tid() -> libc::pid_t {
    // SAFETY: has no preconditions and cannot fail.
    unsafe { libc::gettid() }
}
