//! Counters that one thread writes and the ticker reads, without a lock and without a shared cache line.
//!
//! Each thread that records gets a slot number, once; a recorder has one [`Shard`] per slot. A shard with one writer
//! counts by a load and a store. Threads beyond [`SLOTS`] share the last slot and count by atomic addition: slower,
//! still right. A slot goes back when its thread ends; the next thread goes on counting where it stopped.

use std::{
    cell::Cell,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use super::histogram::{BUCKETS, bucket};

/// Threads with a slot of their own: more than the I/O and compute threads of any machine that we know of. A recorder
/// spends 16 bytes per slot, and 41 KB per slot that has recorded.
const SLOTS: usize = 128;
/// The slot that all further threads share.
pub(crate) const SHARED: usize = SLOTS;
/// Slots of a recorder.
pub(crate) const SLOTS_AND_SHARED: usize = SLOTS + 1;
/// Not a slot: the thread has none yet.
const UNREGISTERED: usize = usize::MAX;

/// Indices of a shard's counters.
pub(crate) mod counter {
    use super::{CLASSES, Class, TIMINGS};

    /// Requests that began.
    pub(crate) const STARTED: usize = 0;
    /// Requests that ended, in whatever way.
    pub(crate) const FINISHED: usize = 1;
    /// Answers by class, first of traffic and then of load.
    const BY_CLASS: usize = 2;
    pub(crate) const ROWS: usize = BY_CLASS + 2 * CLASSES;
    pub(crate) const IN_BYTES: usize = ROWS + 1;
    pub(crate) const OUT_BYTES: usize = ROWS + 2;
    /// Nanoseconds, one for each [`super::Timing`].
    pub(crate) const SUMS: usize = ROWS + 3;
    /// Number of counters.
    pub(crate) const COUNTERS: usize = SUMS + TIMINGS;

    /// The counter of one class, apart for load and traffic.
    pub(crate) fn class(class: Class, load: bool) -> usize {
        BY_CLASS + usize::from(load) * CLASSES + class as usize
    }
}

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timing {
    Total,
    Decode,
    Queue,
    Predict,
    Encode,
}

/// Number of timings.
pub(crate) const TIMINGS: usize = 5;

/// All of them, in their order.
pub(crate) const ALL: [Timing; TIMINGS] =
    [Timing::Total, Timing::Decode, Timing::Queue, Timing::Predict, Timing::Encode];

/// How an answer ended: below 400, 4xx, 5xx, or with the client gone before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Ok,
    ClientError,
    ServerError,
    Gone,
}

/// Number of classes.
const CLASSES: usize = 4;

/// One thread's counters. Aligned to two cache lines, which is what x86 prefetches together.
#[repr(align(128))]
pub(crate) struct Shard {
    /// One writer: count by load and store. Otherwise by atomic addition.
    exclusive: bool,
    counters: [AtomicU64; counter::COUNTERS],
    /// 32 bits: the ticker takes differences every second, and they wrap around rightly.
    buckets: [[AtomicU32; BUCKETS]; TIMINGS],
}

impl Shard {
    pub(crate) fn new(slot: usize) -> Self {
        Self {
            exclusive: slot != SHARED,
            counters: [const { AtomicU64::new(0) }; counter::COUNTERS],
            buckets: [const { [const { AtomicU32::new(0) }; BUCKETS] }; TIMINGS],
        }
    }

    /// A shard that no thread has for itself, and that has counted this already.
    pub(crate) fn resume(counters: &[u64; counter::COUNTERS], counts: impl Fn(Timing) -> Vec<(usize, u64)>) -> Self {
        let shard = Self::new(SHARED);
        for (cell, n) in shard.counters.iter().zip(counters) {
            cell.store(*n, Ordering::Relaxed);
        }
        for timing in ALL {
            for (bucket, n) in counts(timing) {
                // The low bits are what is compared.
                shard.buckets[timing as usize][bucket].store(n as u32, Ordering::Relaxed);
            }
        }
        shard
    }

    #[inline]
    pub(crate) fn add(&self, counter: usize, n: u64) {
        let cell = &self.counters[counter];
        if self.exclusive {
            cell.store(cell.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
        } else {
            cell.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// Counts the end of a request after everything else of it: whoever sees this count with [`Shard::finished`]
    /// sees the rest too.
    #[inline]
    pub(crate) fn finish(&self) {
        let cell = &self.counters[counter::FINISHED];
        if self.exclusive {
            cell.store(cell.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
        } else {
            cell.fetch_add(1, Ordering::Release);
        }
    }

    #[inline]
    pub(crate) fn time(&self, timing: Timing, ns: u64) {
        let cell = &self.buckets[timing as usize][bucket(ns)];
        if self.exclusive {
            cell.store(cell.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        } else {
            cell.fetch_add(1, Ordering::Relaxed);
        }
        self.add(counter::SUMS + timing as usize, ns);
    }

    pub(crate) fn finished(&self) -> u64 {
        self.counters[counter::FINISHED].load(Ordering::Acquire)
    }

    pub(crate) fn counter(&self, counter: usize) -> u64 {
        self.counters[counter].load(Ordering::Relaxed)
    }

    pub(crate) fn buckets(&self, timing: usize) -> impl Iterator<Item = u32> {
        self.buckets[timing].iter().map(|cell| cell.load(Ordering::Relaxed))
    }
}

/// This thread's slot; the first call of a thread takes one.
#[inline]
pub(crate) fn slot() -> usize {
    let slot = SLOT.get();
    if slot == UNREGISTERED { register() } else { slot }
}

thread_local! {
    /// Without a destructor, so that reading it is one load.
    static SLOT: Cell<usize> = const { Cell::new(UNREGISTERED) };
    /// Gives the slot back when the thread ends.
    static LEASE: Cell<Option<Lease>> = const { Cell::new(None) };
}

/// Slots that no thread has.
static FREE: Mutex<FreeSlots> = Mutex::new(FreeSlots { fresh: 0, returned: Vec::new() });

struct FreeSlots {
    fresh: usize,
    returned: Vec<usize>,
}

struct Lease(usize);

impl Drop for Lease {
    fn drop(&mut self) {
        // What other destructors of this thread still record goes to the shared slot.
        SLOT.set(SHARED);
        FREE.lock().unwrap_or_else(PoisonError::into_inner).returned.push(self.0);
    }
}

#[cold]
fn register() -> usize {
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    let slot = free.returned.pop().unwrap_or_else(|| {
        let slot = free.fresh.min(SHARED);
        free.fresh = slot + usize::from(slot < SHARED);
        slot
    });
    drop(free);
    SLOT.set(slot);
    if slot != SHARED {
        // A thread that is ending cannot keep a lease: the slot comes back at once and the shared one is used.
        let lease = Lease(slot);
        if LEASE.try_with(|kept| kept.set(Some(lease))).is_err() {
            return SHARED;
        }
    }
    slot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_used_again_after_its_thread() {
        // More threads than slots, one after the other: they never fall back to the shared slot for good.
        let slots: Vec<_> = (0..3 * SLOTS).map(|_| std::thread::spawn(slot).join().expect("no panic")).collect();
        assert!(slots.iter().any(|slot| *slot != SHARED));
        assert_eq!(slot(), slot(), "a thread keeps its slot");
    }

    #[test]
    fn classes_have_counters_of_their_own() {
        let all = [Class::Ok, Class::ClientError, Class::ServerError, Class::Gone];
        let mut seen: Vec<_> = all.iter().flat_map(|c| [counter::class(*c, false), counter::class(*c, true)]).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 8);
        assert!(seen.iter().all(|index| (2..counter::ROWS).contains(index)));
    }
}
