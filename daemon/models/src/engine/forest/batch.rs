//! Many rows at once: every node is shown to every row of a block (engines.md calls it k9).
//!
//! The work does not depend on the rows, so that nothing is predicted wrongly, and the inner loop over the rows is a
//! comparison of bytes that the compiler turns into vector instructions.

use super::layout::Step;

/// The steps of all trees, one after the other.
#[derive(Debug)]
pub(super) struct Batch {
    steps: Vec<Step>,
    /// Where each tree's steps end.
    ends: Vec<u32>,
}

impl Batch {
    pub(super) fn new(trees: &[Vec<Step>]) -> Self {
        let mut batch = Self { steps: Vec::with_capacity(trees.iter().map(Vec::len).sum()), ends: Vec::new() };
        for steps in trees {
            batch.steps.extend_from_slice(steps);
            // A forest's steps are counted in u32 nodes: its text would have 100 GB otherwise.
            batch.ends.push(batch.steps.len() as u32);
        }
        batch
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.steps.len() * size_of::<Step>() + self.ends.len() * 4
    }

    /// The steps of each tree.
    #[inline(always)]
    pub(super) fn trees(&self) -> impl Iterator<Item = &[Step]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.steps[start as usize..end as usize])
    }
}

/// Shows all steps of a tree to all rows of a block. `bytes` are those of each column; `places` become the rows' leaves.
#[inline(always)]
pub(super) fn part<const N: usize>(steps: &[Step], bytes: &[[i8; N]], places: &mut [u8; N]) {
    places.fill(0);
    for step in steps {
        for (place, &byte) in places.iter_mut().zip(&bytes[usize::from(step.column)]) {
            let goes = (*place == step.lo) & (byte > step.bin);
            *place = if goes { step.mid } else { *place };
        }
    }
}
