//! Many rows at once: every node is shown to every row of a block (engines.md calls it k9).
//!
//! The work does not depend on the rows, so that nothing is predicted wrongly, and the inner loop over the rows is a
//! comparison of bytes that the compiler turns into vector instructions.

use super::{Sink, columns::Columns, layout::Step};

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

    /// Scores up to `N` rows. `bytes` is room for `N` bytes of each column.
    #[inline(always)]
    pub(super) fn run<const N: usize, S: Sink>(
        &self,
        columns: &Columns,
        cells: &[f64],
        width: usize,
        bytes: &mut [i8],
        first_row: usize,
        sink: &mut S,
    ) {
        columns.fill(cells, width, N, bytes);
        let (bytes, _) = bytes.as_chunks::<N>();
        let rows = cells.len() / width;
        let mut start = 0;
        for (tree, &end) in self.ends.iter().enumerate() {
            let mut places = [0; N];
            for step in &self.steps[start..end as usize] {
                part(&mut places, &bytes[usize::from(step.column)], *step);
            }
            sink.rows(tree, first_row, &places[..rows]);
            start = end as usize;
        }
    }
}

/// Moves the rows that are at this node and go right.
#[inline(always)]
fn part<const N: usize>(places: &mut [u8; N], bytes: &[i8; N], step: Step) {
    for (place, &byte) in places.iter_mut().zip(bytes) {
        let goes = (*place == step.lo) & (byte > step.bin);
        *place = if goes { step.mid } else { *place };
    }
}
