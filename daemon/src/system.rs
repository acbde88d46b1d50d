//! What is asked of the system beside files and sockets: that a thread steps back behind the others, and that memory which
//! is free goes back. It decides nothing: those who call know when.

/// Niceness of threads that no request waits for: beside one that answers requests, such a thread gets a tenth of a core.
/// Not less, because a load must go on while all cores are busy with requests: at 19 it would get a seventieth.
#[cfg(target_os = "linux")]
const BACKGROUND: libc::c_int = 10;
/// How long such a thread may keep a core from one that wakes, nanoseconds: the least that Linux takes. Without it that is
/// what the scheduler gives everybody, 3 ms and more, niceness or not. Kernels before 6.12 do not look at it.
#[cfg(target_os = "linux")]
const SLICE_NS: u64 = 100_000;

/// `struct sched_attr` of sched_setattr(2), in its first version.
#[cfg(target_os = "linux")]
#[repr(C)]
struct SchedAttr {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// Puts the calling thread behind the others: it gets what they leave, does not push aside one that is answering when it
/// wakes (`SCHED_BATCH`), and is pushed aside by one that wakes. For threads that load models and look at directories.
///
/// Elsewhere than on Linux niceness is the whole process', and this does nothing.
pub(crate) fn step_back() {
    #[cfg(target_os = "linux")]
    #[allow(unsafe_code)]
    // SAFETY: system calls on the calling thread (`0`); the pointer is to a live local of the size that it says.
    unsafe {
        let attributes = SchedAttr {
            size: size_of::<SchedAttr>() as u32,
            policy: libc::SCHED_BATCH as u32,
            flags: 0,
            nice: BACKGROUND,
            priority: 0,
            runtime: SLICE_NS,
            deadline: 0,
            period: 0,
        };
        // Where policies are forbidden, niceness may not be; where that is too, all is as it was.
        if libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) != 0 {
            libc::setpriority(libc::PRIO_PROCESS, 0, BACKGROUND);
        }
    }
}

/// Gives memory back that was freed and that the allocator keeps: jemalloc's, which does that itself bit by bit, in threads
/// that go on allocating, and what libraries in C have from the system's. Takes milliseconds and, for some of them, the
/// locks by which threads allocate: not for times when much is going on.
pub(crate) fn trim_memory() {
    // It can only fail for a name that is not jemalloc's, which a test rules out.
    let _ = purge();
    // SAFETY: malloc_trim has no preconditions and may be called by any thread at any time.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Has all of jemalloc's arenas (`MALLCTL_ARENAS_ALL` is 4096) give back what is free in them. Where another allocator is
/// the program's there is nothing in them. Returns an error number, or 0.
fn purge() -> libc::c_int {
    use std::ptr::null_mut;
    // SAFETY: the name is a C string; nothing is read or written by the null pointers, of no length.
    #[allow(unsafe_code)]
    unsafe {
        tikv_jemalloc_sys::mallctl(c"arena.4096.purge".as_ptr(), null_mut(), null_mut(), null_mut(), 0)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn jemalloc_knows_what_it_is_asked_for() {
        assert_eq!(purge(), 0);
    }

    #[test]
    fn only_the_calling_thread_steps_back() {
        // The 17th field after the command's name.
        let niceness = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            stat.rsplit(')').next().unwrap().split_whitespace().nth(16).unwrap().parse::<i32>().unwrap()
        };
        let before = niceness();
        let other = std::thread::spawn(move || {
            step_back();
            niceness()
        });
        assert_eq!(other.join().unwrap(), before.max(BACKGROUND));
        assert_eq!(niceness(), before);
    }
}
