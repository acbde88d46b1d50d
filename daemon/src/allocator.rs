//! The program's allocator: jemalloc, sampled for heap profiles. It is as fast here as the system's, and what replaced
//! versions held goes back to the system while others come, where glibc's keeps a third more of it. With the feature
//! `measure`, the one that `YUMMY_ALLOCATOR` names, so that allocators can be compared in one binary
//! (docs/benchmarks/telemetry.md).

use yummyd::profile::heap::Sampling;

#[cfg(not(feature = "measure"))]
#[global_allocator]
static ALLOCATOR: Sampling<tikv_jemallocator::Jemalloc> = Sampling(tikv_jemallocator::Jemalloc);

#[cfg(feature = "measure")]
#[global_allocator]
static ALLOCATOR: Sampling<chosen::Chosen> = Sampling(chosen::Chosen);

#[cfg(feature = "measure")]
#[allow(unsafe_code)]
mod chosen {
    use std::{
        alloc::{GlobalAlloc, Layout, System},
        ffi::CStr,
        sync::atomic::{AtomicU8, Ordering::Relaxed},
    };

    use mimalloc::MiMalloc;
    use tikv_jemallocator::Jemalloc;

    const UNKNOWN: u8 = 0;
    const SYSTEM: u8 = 1;
    const MIMALLOC: u8 = 2;
    const JEMALLOC: u8 = 3;

    static CHOICE: AtomicU8 = AtomicU8::new(UNKNOWN);

    /// One of three, for the life of the process.
    pub(super) struct Chosen;

    /// Reads the environment, before the first allocation and so without one.
    #[cold]
    fn choose() -> u8 {
        // SAFETY: the name is a C string; nobody changes the environment while the first allocation is made.
        let value = unsafe {
            let value = libc::getenv(c"YUMMY_ALLOCATOR".as_ptr());
            if value.is_null() { c"" } else { CStr::from_ptr(value) }
        };
        let choice = match value.to_bytes() {
            b"mimalloc" => MIMALLOC,
            b"system" => SYSTEM,
            _ => JEMALLOC,
        };
        CHOICE.store(choice, Relaxed);
        choice
    }

    #[inline]
    fn choice() -> u8 {
        let choice = CHOICE.load(Relaxed);
        if choice == UNKNOWN { choose() } else { choice }
    }

    macro_rules! pass {
        ($method:ident($($argument:expr),*)) => {
            // SAFETY: the caller's promises are passed on, always to the same allocator.
            unsafe {
                match choice() {
                    MIMALLOC => MiMalloc.$method($($argument),*),
                    SYSTEM => System.$method($($argument),*),
                    _ => Jemalloc.$method($($argument),*),
                }
            }
        };
    }

    // SAFETY: each call goes to the same one of three allocators.
    unsafe impl GlobalAlloc for Chosen {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            pass!(alloc(layout))
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            pass!(alloc_zeroed(layout))
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            pass!(dealloc(block, layout));
        }

        unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            pass!(realloc(block, layout, size))
        }
    }
}
