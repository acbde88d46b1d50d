//! Where sampled allocations were made: each distinct stack once, with what was allocated and freed there.

use std::{
    collections::HashMap,
    panic::catch_unwind,
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    super::sampler::{Sample, Unwinder},
    countdown,
};

/// Distinct stacks kept; a daemon has some hundred. Allocations at further ones are counted together.
const MAX_STACKS: usize = 4096;

/// What was allocated by one stack, as estimated from its samples. Lives as long as the program.
pub(crate) struct StackCounts {
    /// From the leaf to the root; empty for the stacks beyond the bound.
    pub(super) addresses: &'static [usize],
    allocated: Counts,
    freed: Counts,
}

#[derive(Default)]
struct Counts {
    objects: AtomicU64,
    bytes: AtomicU64,
}

/// Objects and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
}

impl StackCounts {
    const fn new(addresses: &'static [usize]) -> Self {
        Self { addresses, allocated: Counts::none(), freed: Counts::none() }
    }

    pub(super) fn allocated(&self, size: usize) {
        self.allocated.add(estimate(size, countdown::interval()));
    }

    pub(super) fn freed(&self, size: usize) {
        self.freed.add(estimate(size, countdown::interval()));
    }

    /// All that was ever allocated, and what of that is still in use.
    pub(super) fn read(&self) -> (Amount, Amount) {
        // What is freed first: a block that comes and goes meanwhile is then in use, never less than nothing.
        let freed = self.freed.read();
        let allocated = self.allocated.read();
        let in_use = Amount {
            objects: allocated.objects.saturating_sub(freed.objects),
            bytes: allocated.bytes.saturating_sub(freed.bytes),
        };
        (allocated, in_use)
    }
}

impl Counts {
    const fn none() -> Self {
        Self { objects: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    fn add(&self, amount: Amount) {
        self.objects.fetch_add(amount.objects, Relaxed);
        self.bytes.fetch_add(amount.bytes, Relaxed);
    }

    fn read(&self) -> Amount {
        Amount { objects: self.objects.load(Relaxed), bytes: self.bytes.load(Relaxed) }
    }
}

/// What one sample of `size` stands for: such an allocation is sampled with the chance 1 - e^(-size / interval).
fn estimate(size: usize, interval: usize) -> Amount {
    let chance = -(-(size.max(1) as f64) / interval.max(1) as f64).exp_m1();
    Amount { objects: (1.0 / chance).round() as u64, bytes: (size as f64 / chance).round() as u64 }
}

/// All stacks, and what it takes to find out which one is ours.
struct Stacks {
    unwinder: Unwinder,
    copied: Box<Sample>,
    known: HashMap<&'static [usize], &'static StackCounts>,
}

static STACKS: Mutex<Option<Stacks>> = Mutex::new(None);
/// Stacks beyond the bound.
static OTHERS: StackCounts = StackCounts::new(&[]);

/// Reads the unwind tables. Before the interval is set.
pub(super) fn prepare() {
    let mut stacks = STACKS.lock().unwrap_or_else(PoisonError::into_inner);
    stacks.get_or_insert_with(|| Stacks {
        unwinder: Unwinder::of_this_process(),
        copied: Box::new(Sample::empty()),
        known: HashMap::new(),
    });
}

/// The stack of the caller, when that allocation is to be sampled and nobody else is just finding out theirs. Never
/// waits: another thread has the tables for some 10 µs, and the next allocation of this one is sampled instead.
pub(super) fn here() -> Option<&'static StackCounts> {
    if !countdown::begin() {
        return None;
    }
    // An allocator must not unwind, and this one must not be why a program ends.
    let found = catch_unwind(|| Some(try_lock()?.as_mut()?.here())).unwrap_or_default();
    if found.is_some() {
        countdown::next();
    } else {
        countdown::again();
    }
    found
}

fn try_lock() -> Option<MutexGuard<'static, Option<Stacks>>> {
    match STACKS.try_lock() {
        Ok(stacks) => Some(stacks),
        Err(TryLockError::Poisoned(stacks)) => Some(stacks.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// All stacks with what they hold.
pub(super) fn all() -> Vec<&'static StackCounts> {
    let stacks = STACKS.lock().unwrap_or_else(PoisonError::into_inner);
    stacks.iter().flat_map(|stacks| stacks.known.values().copied()).chain([&OTHERS]).collect()
}

impl Stacks {
    fn here(&mut self) -> &'static StackCounts {
        let Self { unwinder, copied, known } = self;
        copied.copy_own();
        let addresses = unwinder.unwind(copied);
        if let Some(counts) = known.get(addresses.as_slice()) {
            return counts;
        }
        if known.len() == MAX_STACKS {
            return &OTHERS;
        }
        let addresses: &'static [usize] = addresses.leak();
        let counts: &'static StackCounts = Box::leak(Box::new(StackCounts::new(addresses)));
        known.insert(addresses, counts);
        counts
    }
}
