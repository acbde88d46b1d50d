//! Leaves become scores: the values of the leaves that a [`Forest`] finds, added in LightGBM's order.

use super::booster::Booster;
use crate::engine::forest::{Forest, LEAF_BYTES, Lookup, Sink, Tree, ZERO_THRESHOLD};

/// A forest and its leaves' values.
#[derive(Debug)]
pub(super) struct Sums {
    forest: Forest,
    /// Values of all leaves, tree after tree, each from left to right.
    values: Vec<f64>,
    /// Where each tree's values start; at the end, where the last ones end.
    starts: Vec<u32>,
    lookup: Lookup,
}

impl Sums {
    pub(super) fn new(booster: &Booster) -> Self {
        let trees: Vec<&Tree> = booster.scored_trees().iter().map(|tree| &*tree.tree).collect();
        let forest = Forest::new(&trees, booster.feature_names.len(), ZERO_THRESHOLD);
        let mut values =
            Vec::with_capacity(trees.iter().map(|tree| tree.leaves_in_order().len()).sum::<usize>() + LEAF_BYTES);
        let mut starts = Vec::with_capacity(trees.len() + 1);
        for tree in booster.scored_trees() {
            // A child is an i32, and a file of 1 GiB cannot hold as many leaves as a u32 counts.
            starts.push(values.len() as u32);
            values.extend(tree.tree.leaves_in_order().iter().map(|&leaf| tree.leaf_values[leaf as usize]));
        }
        starts.push(values.len() as u32);
        // As many values as a leaf byte can name are always there to be looked up.
        values.resize(values.len() + LEAF_BYTES, 0.0);
        Self { forest, values, starts, lookup: Lookup::detect() }
    }

    /// Adds each row's scores to `out`, which is row-major.
    pub(super) fn add_scores(&self, booster: &Booster, cells: &[f64], out: &mut [f64]) {
        let outputs = booster.outputs;
        if booster.linear {
            let features = booster.feature_names.len();
            self.forest.leaves(cells, &mut AddLinear { booster, cells, features, out });
            return;
        }
        let rows = out.len() / outputs;
        if rows == 1 || outputs == 1 {
            self.forest.leaves(cells, &mut Add { sums: self, outputs, rows, out });
            return;
        }
        // The scores of one tree for many rows side by side, as vectors are added.
        let mut columns = vec![0.0; out.len()];
        let scores = |out: &mut [f64], columns: &mut [f64], put: fn(&mut f64, &mut f64)| {
            for (row, scores) in out.chunks_exact_mut(outputs).enumerate() {
                scores.iter_mut().zip(columns[row..].iter_mut().step_by(rows)).for_each(|(one, other)| put(one, other));
            }
        };
        scores(out, &mut columns, |score, column| *column = *score);
        self.forest.leaves(cells, &mut Add { sums: self, outputs, rows, out: &mut columns });
        scores(out, &mut columns, |score, column| *score = *column);
    }

    /// Writes the number of each row's leaf in each tree.
    pub(super) fn leaf_indices(&self, booster: &Booster, cells: &[f64], out: &mut [f64]) {
        self.forest.leaves(cells, &mut Indices { booster, out });
    }

    pub(super) fn describe(&self) -> String {
        self.forest.describe()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.forest.memory_bytes() + self.values.len() * 8 + self.starts.len() * 4
    }
}

/// Adds leaf values. Each row gets its trees in their order, which is what makes the sum LightGBM's.
struct Add<'a> {
    sums: &'a Sums,
    outputs: usize,
    rows: usize,
    /// The scores of all rows for the first output, then for the next.
    out: &'a mut [f64],
}

impl Add<'_> {
    #[inline(always)]
    fn place(&self, tree: usize, row: usize) -> usize {
        tree % self.outputs * self.rows + row
    }
}

impl Sink for Add<'_> {
    #[inline(always)]
    fn row(&mut self, tree: usize, row: usize, leaf: usize) {
        let value = self.sums.values[self.sums.starts[tree] as usize + leaf];
        let place = self.place(tree, row);
        self.out[place] += value;
    }

    #[inline(always)]
    fn rows(&mut self, tree: usize, first_row: usize, leaves: &[u8]) {
        let (start, end) = (self.sums.starts[tree] as usize, self.sums.starts[tree + 1] as usize);
        let Some(values) = self.sums.values[start..].first_chunk::<LEAF_BYTES>() else { return };
        let place = self.place(tree, first_row);
        self.sums.lookup.add(values, end - start, leaves, &mut self.out[place..][..leaves.len()]);
    }

    #[inline(always)]
    fn rows_of_large(&mut self, tree: usize, first_row: usize, leaves: &[u32]) {
        let values = &self.sums.values[self.sums.starts[tree] as usize..];
        let place = self.place(tree, first_row);
        self.out[place..].iter_mut().zip(leaves).for_each(|(score, &leaf)| *score += values[leaf as usize]);
    }

    #[inline(always)]
    fn lanes(&mut self, row: usize, places: &[u32], leaves: &[u8]) {
        let value =
            |(&start, &place): (&u32, &u32)| self.sums.values[start as usize + usize::from(leaves[place as usize])];
        if self.outputs == 1 {
            let score = &mut self.out[row];
            *score = self.sums.starts.iter().zip(places).map(value).fold(*score, |sum, value| sum + value);
            return;
        }
        let iterations = self.sums.starts.chunks_exact(self.outputs).zip(places.chunks_exact(self.outputs));
        for (starts, places) in iterations {
            let scores = self.out[row..].iter_mut().step_by(self.rows);
            scores.zip(starts.iter().zip(places)).for_each(|(score, tree)| *score += value(tree));
        }
    }
}

/// Adds what linear models in the leaves give.
struct AddLinear<'a> {
    booster: &'a Booster,
    cells: &'a [f64],
    features: usize,
    out: &'a mut [f64],
}

impl Sink for AddLinear<'_> {
    fn row(&mut self, tree: usize, row: usize, leaf: usize) {
        let scored = &self.booster.trees[tree];
        let leaf = scored.tree.leaves_in_order()[leaf];
        let value = scored.value(leaf, &self.cells[row * self.features..][..self.features]);
        self.out[row * self.booster.outputs + tree % self.booster.outputs] += value;
    }

    fn rows(&mut self, tree: usize, first_row: usize, leaves: &[u8]) {
        leaves.iter().zip(first_row..).for_each(|(&leaf, row)| self.row(tree, row, usize::from(leaf)));
    }

    fn lanes(&mut self, row: usize, places: &[u32], leaves: &[u8]) {
        let trees = places.iter().enumerate();
        trees.for_each(|(tree, &place)| self.row(tree, row, usize::from(leaves[place as usize])));
    }
}

/// Writes leaf numbers.
struct Indices<'a> {
    booster: &'a Booster,
    out: &'a mut [f64],
}

impl Sink for Indices<'_> {
    fn row(&mut self, tree: usize, row: usize, leaf: usize) {
        let trees = self.booster.scored_trees();
        self.out[row * trees.len() + tree] = f64::from(trees[tree].tree.leaves_in_order()[leaf]);
    }

    fn rows(&mut self, tree: usize, first_row: usize, leaves: &[u8]) {
        leaves.iter().zip(first_row..).for_each(|(&leaf, row)| self.row(tree, row, usize::from(leaf)));
    }

    fn lanes(&mut self, row: usize, places: &[u32], leaves: &[u8]) {
        let trees = places.iter().enumerate();
        trees.for_each(|(tree, &place)| self.row(tree, row, usize::from(leaves[place as usize])));
    }
}
