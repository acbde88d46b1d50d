//! The allocator that samples: an allocator of anyone's, and a look at one allocation every so many bytes.
//!
//! What an allocation pays that is not sampled is a subtraction in its own thread; what a free pays is a comparison.
//! No thread ever waits for another one here: where a lock would be waited for, the allocation is not sampled.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};

use super::{countdown, live, stacks};

/// Sampled allocations below [`LARGE`] begin at a multiple of this, so that a free knows by its address which pointers
/// can be sampled ones. Others of that size do so by chance only.
const PAGE: usize = 4096;
/// From this size on every free looks whether it is of a sampled allocation: few, and each costs far more than the
/// look. Their layout is left alone, so that large blocks still grow in place.
const LARGE: usize = 64 << 10;

/// An allocator whose allocations are sampled once [`start`](super::start) was called. To be the program's
/// `#[global_allocator]`.
pub struct Sampling<A>(pub A);

// SAFETY: every block comes from the inner allocator and goes back to it with the layout that it was asked for with:
// `placed` is a function of the size and the alignment, and `live` knows the blocks that it was used for.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Sampling<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on, here and below.
        unsafe {
            if countdown::is_due(layout.size()) {
                return sampled(layout, |layout| self.0.alloc(layout), |block, layout| self.0.dealloc(block, layout));
            }
            self.0.alloc(layout)
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe {
            if countdown::is_due(layout.size()) {
                let alloc = |layout| self.0.alloc_zeroed(layout);
                return sampled(layout, alloc, |block, layout| self.0.dealloc(block, layout));
            }
            self.0.alloc_zeroed(layout)
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let layout = if may_be_sampled(block, layout) && live::remove(block) { placed(layout) } else { layout };
        // SAFETY: as above.
        unsafe { self.0.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let due = countdown::is_due(size);
        // SAFETY: as above.
        unsafe {
            if due || (may_be_sampled(block, layout) && live::contains(block)) {
                return self.move_block(block, layout, size, due);
            }
            self.0.realloc(block, layout, size)
        }
    }
}

impl<A: GlobalAlloc> Sampling<A> {
    /// Reallocates where the old block is a sample, or the new one is due to be: the end of one allocation and the
    /// beginning of another.
    #[cold]
    unsafe fn move_block(&self, block: *mut u8, layout: Layout, size: usize, due: bool) -> *mut u8 {
        // SAFETY: the caller of `realloc` has checked the size against the alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the layouts are those that the blocks have been, and will be, asked for with; both blocks hold what is
        // copied.
        unsafe {
            if layout.size() >= LARGE && size >= LARGE {
                // Before the address is given back: another thread may get it at once. Where there is no memory for the
                // new size, the old block goes on without being a sample.
                live::remove(block);
                let stack = due.then(stacks::here).flatten();
                let moved = self.0.realloc(block, layout, size);
                if let Some(stack) = stack.filter(|_| !moved.is_null()) {
                    live::insert(moved, size, stack);
                }
                return moved;
            }
            let alloc = |layout| self.0.alloc(layout);
            let dealloc = |block, layout| self.0.dealloc(block, layout);
            let moved = if due { sampled(wanted, alloc, dealloc) } else { alloc(wanted) };
            if !moved.is_null() {
                std::ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

/// Allocates, and keeps where that was.
#[cold]
#[inline(never)]
fn sampled(layout: Layout, alloc: impl Fn(Layout) -> *mut u8, dealloc: impl Fn(*mut u8, Layout)) -> *mut u8 {
    let Some(stack) = stacks::here() else { return alloc(layout) };
    let placed = placed(layout);
    let block = alloc(placed);
    if block.is_null() || live::insert(block, layout.size(), stack) {
        return block;
    }
    // No place for it: as if it had not been sampled, in its layout too.
    dealloc(block, placed);
    alloc(layout)
}

fn may_be_sampled(block: *mut u8, layout: Layout) -> bool {
    layout.size() >= LARGE || block.addr().is_multiple_of(PAGE)
}

/// The layout of a sampled allocation.
fn placed(layout: Layout) -> Layout {
    if layout.size() >= LARGE {
        return layout;
    }
    // Alignments are powers of two, and less than 64 KiB at 4 KiB overflows nothing.
    layout.align_to(PAGE).unwrap_or(layout)
}
