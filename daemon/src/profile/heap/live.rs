//! The sampled allocations that have not been freed. A fixed table without locks: allocating and freeing threads meet
//! in it only when they use the same cell.

use std::{
    ptr,
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
};

use super::stacks::StackCounts;

/// Addresses that share a line of cache and are looked through one after the other.
const WAYS: usize = 8;
/// 16,384 samples are some 8 GiB in use at one each 512 KiB. What finds its line full is not sampled, and counted.
const LINES: usize = 2048;

const FREE: usize = 0;
/// Taken, and its other columns are being written. No block has this address.
const BEING_WRITTEN: usize = 1;

#[repr(align(64))]
struct Line([AtomicUsize; WAYS]);

static ADDRESSES: [Line; LINES] = [const { Line([const { AtomicUsize::new(FREE) }; WAYS]) }; LINES];
static SIZES: [[AtomicUsize; WAYS]; LINES] = [const { [const { AtomicUsize::new(0) }; WAYS] }; LINES];
static STACKS: [[AtomicPtr<StackCounts>; WAYS]; LINES] =
    [const { [const { AtomicPtr::new(ptr::null_mut()) }; WAYS] }; LINES];
/// Samples that found no place.
static TURNED_AWAY: AtomicUsize = AtomicUsize::new(0);

/// Keeps a new block and counts it. `false` when there is no place for it.
pub(super) fn insert(block: *mut u8, size: usize, stack: &'static StackCounts) -> bool {
    let line = line(block);
    for (way, cell) in ADDRESSES[line].0.iter().enumerate() {
        if cell.compare_exchange(FREE, BEING_WRITTEN, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            SIZES[line][way].store(size, Ordering::Relaxed);
            STACKS[line][way].store(ptr::from_ref(stack).cast_mut(), Ordering::Relaxed);
            stack.allocated(size);
            cell.store(block.addr(), Ordering::Release);
            return true;
        }
    }
    TURNED_AWAY.fetch_add(1, Ordering::Relaxed);
    false
}

/// Forgets a block that is about to be freed and counts that. `false` when it was no sample.
#[inline]
pub(super) fn remove(block: *mut u8) -> bool {
    let line = line(block);
    let Some(way) = way(line, block) else { return false };
    let size = SIZES[line][way].load(Ordering::Relaxed);
    let stack = STACKS[line][way].load(Ordering::Relaxed);
    // Whose address it is frees it, and nobody else: the cell is ours until it is free.
    ADDRESSES[line].0[way].store(FREE, Ordering::Release);
    // SAFETY: it was written before the address, from a reference that lives as long as the program.
    #[allow(unsafe_code)]
    let stack = unsafe { &*stack };
    stack.freed(size);
    true
}

#[inline]
pub(super) fn contains(block: *mut u8) -> bool {
    way(line(block), block).is_some()
}

/// Samples that found no place since the start.
pub(super) fn turned_away() -> usize {
    TURNED_AWAY.load(Ordering::Relaxed)
}

#[inline]
fn way(line: usize, block: *mut u8) -> Option<usize> {
    ADDRESSES[line].0.iter().position(|cell| cell.load(Ordering::Acquire) == block.addr())
}

/// Fibonacci hashing: the upper bits of the product depend on all bits of the address.
#[inline]
fn line(block: *mut u8) -> usize {
    (block.addr() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> (usize::BITS - LINES.ilog2())
}
