//! What is asked of the system beside files and sockets: that a thread steps back behind the others, and that memory which
//! is free goes back. It decides nothing: those who call know when.

/// Niceness of threads that no request waits for: beside one that answers requests, such a thread gets a tenth of a core.
/// Not less, because a load must go on while all cores are busy with requests: at 19 it would get a seventieth.
#[cfg(target_os = "linux")]
const BACKGROUND: libc::c_int = 10;

/// Puts the calling thread behind the others: a request that comes in while it works is answered at once, and it gets
/// what they leave. For threads that load models and look at directories.
///
/// Elsewhere than on Linux niceness is the whole process', and this does nothing.
pub(crate) fn step_back() {
    #[cfg(target_os = "linux")]
    #[allow(unsafe_code)]
    // SAFETY: a system call without pointers; `0` is the calling thread.
    unsafe {
        // It fails only where niceness is forbidden altogether: then all is as it was.
        libc::setpriority(libc::PRIO_PROCESS, 0, BACKGROUND);
    }
}

/// Gives memory back that was freed and that the allocator keeps. Takes milliseconds and, for some of them, the locks by
/// which threads allocate: not for times when much is going on.
pub(crate) fn trim_memory() {
    // SAFETY: malloc_trim has no preconditions and may be called by any thread at any time.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

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
