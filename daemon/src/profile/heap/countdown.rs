//! When the next sample is due: after an exponentially distributed number of bytes in each thread, so that every byte
//! has the same chance to be sampled, whatever the program allocates in turn.

use std::{
    cell::Cell,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

/// Mean bytes between samples; 0 while nothing is sampled.
static INTERVAL: AtomicUsize = AtomicUsize::new(0);
/// Whether this program's allocations come by here at all.
static INSTALLED: AtomicBool = AtomicBool::new(false);
/// Bytes after which a thread looks again whether sampling is on.
const LOOK_AGAIN: i64 = 1 << 20;
/// What is not reached before a sample has been taken.
const NEVER: i64 = i64::MAX / 2;

thread_local! {
    // Constants without destructors: reading them allocates nothing, and they outlive all that frees memory.
    static LEFT: Cell<i64> = const { Cell::new(0) };
    static RANDOM: Cell<u64> = const { Cell::new(0) };
}

/// Counts bytes; whether enough have been.
#[inline]
pub(super) fn is_due(bytes: usize) -> bool {
    // Sizes of allocations fit an i64.
    let left = LEFT.get().wrapping_sub(bytes as i64);
    LEFT.set(left);
    left < 0
}

/// Whether the allocation that is due is to be sampled. Until [`next`] or [`again`], no other is due: finding out where
/// we are allocates too.
pub(super) fn begin() -> bool {
    INSTALLED.store(true, Relaxed);
    if interval() == 0 {
        LEFT.set(LOOK_AGAIN);
        return false;
    }
    if RANDOM.get() == 0 {
        // A thread begins with a distance of its own, not with a sample.
        RANDOM.set(seed());
        next();
        return false;
    }
    LEFT.set(NEVER);
    true
}

/// Draws the distance to the next sample.
pub(super) fn next() {
    let random = RANDOM.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    RANDOM.set(random);
    // The upper 53 bits as a number above 0, at most 1.
    let uniform = ((random >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    LEFT.set((-uniform.ln() * interval() as f64) as i64);
}

/// The next allocation is due instead.
pub(super) fn again() {
    LEFT.set(0);
}

/// Samples one allocation every `bytes` in the mean, in all threads within a megabyte of theirs. The first call counts:
/// what a sample stands for is found from its size and this.
pub(super) fn set_interval(bytes: usize) {
    // Later calls fail, as they should.
    let _ = INTERVAL.compare_exchange(0, bytes, Relaxed, Relaxed);
}

pub(super) fn interval() -> usize {
    INTERVAL.load(Relaxed)
}

pub(super) fn is_installed() -> bool {
    INSTALLED.load(Relaxed)
}

/// Different for each thread and each run: where this thread's variables are, and the time.
fn seed() -> u64 {
    let here = LEFT.with(|left| std::ptr::from_ref(left).addr() as u64);
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live local; the call writes nothing else.
    #[allow(unsafe_code)]
    unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time);
    }
    // Mixed once, and never 0, which means none.
    (here ^ (time.tv_nsec as u64) << 20).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
}
