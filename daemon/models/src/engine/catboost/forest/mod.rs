//! The trees over bins: from the bins of rows to sums of leaves.
//!
//! Sums run over the trees in file order, in `f64`, row by row: the order in which CatBoost adds, and so its bits.

mod nodes;
mod oblivious;
mod one_row;

use nodes::{NodeTree, node_tree};
use oblivious::{ObliviousTree, REACH, add_block, oblivious};
use one_row::OneRow;

use super::{
    columns::Test,
    error::{Fault, invalid},
    file::{Node, Trees},
    has_avx2,
};

/// Rows that are scored together: their bins of one column fill two cache lines.
pub(super) const BLOCK: usize = 128;

/// Rows that are scored together when there are few: one vector of bins.
pub(super) const SMALL_BLOCK: usize = 32;

/// From this many rows on a small block is quicker than row by row (docs/benchmarks/engines-catboost.md).
pub(super) const ROWS_FOR_SMALL_BLOCK: usize = 8;

/// From this many rows on one block is quicker than two small ones.
pub(super) const ROWS_FOR_BLOCK: usize = SMALL_BLOCK + 1;

/// The trees of a model.
#[derive(Debug)]
pub(super) struct Forest {
    /// Values per leaf.
    dimension: usize,
    leaf_values: Vec<f64>,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Oblivious {
        trees: Vec<ObliviousTree>,
        one_row: OneRow,
        /// The leaf values by tree and dimension, for [`add_block`]; empty when that is how they are anyway.
        planes: Vec<f64>,
    },
    NonSymmetric(Vec<NodeTree>),
}

impl Forest {
    /// Lays out `trees` over the list of all splits.
    ///
    /// # Errors
    /// [`Fault::Invalid`] for a split or leaf that is not there, and for steps that do not lead onwards.
    pub(super) fn new(
        trees: &Trees,
        splits: &[Test],
        dimension: usize,
        mut leaf_values: Vec<f64>,
    ) -> Result<Self, Fault> {
        if dimension == 0 || !leaf_values.len().is_multiple_of(dimension) {
            return Err(invalid("the leaf values are not whole leaves"));
        }
        let shape = match trees {
            Trees::Oblivious(trees) => {
                let trees = oblivious(trees, splits, dimension, leaf_values.len())?;
                let planes = if dimension == 1 { Vec::new() } else { planes(&trees, &leaf_values, dimension) };
                leaf_values.extend([0.0; REACH]);
                Shape::Oblivious { one_row: OneRow::new(&trees, leaf_values.len()), trees, planes }
            }
            Trees::NonSymmetric(trees) => {
                let last_leaf =
                    leaf_values.len().checked_sub(dimension).ok_or_else(|| invalid("there are no leaves"))?;
                let tree = |nodes: &Vec<Node>| node_tree(nodes, splits, last_leaf);
                Shape::NonSymmetric(trees.iter().map(tree).collect::<Result<_, _>>()?)
            }
        };
        Ok(Self { dimension, leaf_values, shape })
    }

    /// Number of trees.
    pub(super) fn trees(&self) -> usize {
        match &self.shape {
            Shape::Oblivious { trees, .. } => trees.len(),
            Shape::NonSymmetric(trees) => trees.len(),
        }
    }

    /// Values per leaf.
    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    /// How it scores, for people.
    pub(super) fn kernels(&self) -> String {
        match &self.shape {
            Shape::Oblivious { one_row, .. } => {
                let vectors = if has_avx2() { "avx2" } else { "portable" };
                let one_row = one_row.name();
                format!(
                    "{one_row} below {ROWS_FOR_SMALL_BLOCK} rows, blocks of {SMALL_BLOCK} and {BLOCK} ({vectors}) above"
                )
            }
            Shape::NonSymmetric(_) => "node by node".to_owned(),
        }
    }

    /// Bytes that it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        let shape = match &self.shape {
            Shape::Oblivious { trees, one_row, planes } => {
                let trees: usize = trees.iter().map(|tree| size_of_val(&*tree.tests) + size_of_val(tree)).sum();
                trees + size_of_val(&**planes) + one_row.memory_bytes()
            }
            Shape::NonSymmetric(trees) => trees.iter().map(NodeTree::memory_bytes).sum(),
        };
        shape + size_of_val(&*self.leaf_values)
    }

    /// How many bins of a row [`Self::sum_row`] may read; those past the last column may be anything.
    pub(super) fn row_bins(&self) -> usize {
        match &self.shape {
            Shape::Oblivious { one_row, .. } => one_row.columns(),
            Shape::NonSymmetric(_) => 0,
        }
    }

    /// Writes the sum of the leaves of one row, whose column `c` is `bins[c]`.
    pub(super) fn sum_row(&self, bins: &[i8], sums: &mut [f64]) {
        match &self.shape {
            Shape::Oblivious { trees, one_row, .. } => one_row.sum(trees, &self.leaf_values, bins, sums),
            Shape::NonSymmetric(_) => self.sum_leaves(bins, 1, sums),
        }
    }

    /// Writes the sum of the leaves of up to `N` rows: row-major, `dimension` values each. Column `c` of row `r` is
    /// `bins[c * N + r]`.
    pub(super) fn sum_block<const N: usize>(&self, bins: &[i8], sums: &mut [f64]) {
        let Shape::Oblivious { trees, planes, .. } = &self.shape else { return self.sum_leaves(bins, N, sums) };
        let planes = if planes.is_empty() { &self.leaf_values } else { planes };
        let rows = sums.len() / self.dimension;
        let mut by_dimension = vec![[0.0; N]; self.dimension];
        add_block(trees, planes, bins.as_chunks::<N>().0, rows, &mut by_dimension);
        for (row, sums) in sums.chunks_exact_mut(self.dimension).enumerate() {
            for (sum, column) in sums.iter_mut().zip(&by_dimension) {
                *sum = column[row];
            }
        }
    }

    fn sum_leaves(&self, bins: &[i8], stride: usize, sums: &mut [f64]) {
        sums.fill(0.0);
        self.each_leaf(bins, stride, sums.len() / self.dimension, |row, _, leaf| {
            let sums = &mut sums[row * self.dimension..][..self.dimension];
            for (sum, value) in sums.iter_mut().zip(&self.leaf_values[leaf..]) {
                *sum += value;
            }
        });
    }

    /// All leaf values.
    pub(super) fn leaf_values(&self) -> &[f64] {
        &self.leaf_values
    }

    /// The number within its tree of the leaf whose values are at `place`.
    pub(super) fn leaf_number(&self, tree: usize, place: usize) -> usize {
        let first = match &self.shape {
            Shape::Oblivious { trees, .. } => trees[tree].leaves,
            Shape::NonSymmetric(trees) => trees[tree].leaves,
        };
        (place - first) / self.dimension
    }

    /// Calls `visit` with row, tree and the place of the leaf's values, tree after tree, for up to [`BLOCK`] rows.
    pub(super) fn each_leaf(
        &self,
        bins: &[i8],
        stride: usize,
        rows: usize,
        mut visit: impl FnMut(usize, usize, usize),
    ) {
        match &self.shape {
            Shape::Oblivious { trees, .. } => {
                for (number, tree) in trees.iter().enumerate() {
                    for row in 0..rows {
                        visit(
                            row,
                            number,
                            tree.leaves + tree.leaf(bins.get(row..).unwrap_or_default(), stride) * self.dimension,
                        );
                    }
                }
            }
            Shape::NonSymmetric(trees) => {
                for (number, tree) in trees.iter().enumerate() {
                    tree.each_leaf(bins, stride, rows, |row, place| visit(row, number, place));
                }
            }
        }
    }
}

/// The leaf values of each tree with those of one dimension side by side, and [`REACH`] zeros.
fn planes(trees: &[ObliviousTree], leaf_values: &[f64], dimension: usize) -> Vec<f64> {
    let mut planes = Vec::with_capacity(leaf_values.len() + REACH);
    for tree in trees {
        let own = &leaf_values[tree.leaves..][..dimension << tree.tests.len()];
        for k in 0..dimension {
            planes.extend(own[k..].iter().step_by(dimension));
        }
    }
    planes.extend([0.0; REACH]);
    planes
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Forest, SMALL_BLOCK, Shape, oblivious::add_block_portable, one_row::OneRow};
    use crate::engine::catboost::{columns::Test, file::Trees};

    /// Numbers that are the same in every run (xorshift64*).
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
        }
    }

    /// A forest of trees of many depths, over borders and single values.
    fn forest(random: &mut Random, trees: usize, columns: usize, dimension: usize, deepest: usize) -> Forest {
        let splits: Vec<Test> = (0..300)
            .map(|_| {
                let (first, k) = (random.below(columns), random.below(255));
                if random.below(3) == 0 { Test::value(first, k) } else { Test::border(first, k) }
            })
            .collect();
        let depths: Vec<usize> = (0..trees).map(|_| random.below(deepest + 1)).collect();
        let values: usize = depths.iter().map(|depth| dimension << depth).sum();
        let trees = depths.iter().map(|&depth| (0..depth).map(|_| random.below(splits.len())).collect()).collect();
        let values = (0..values).map(|_| random.below(1 << 30) as f64 / 7.0 - 5e7).collect();
        Forest::new(&Trees::Oblivious(trees), &splits, dimension, values).unwrap()
    }

    #[test]
    fn all_kernels_add_the_same_leaves_in_the_same_order() {
        let mut random = Random(7);
        for (trees, columns, dimension, deepest) in [
            (0, 1, 1, 0),
            (1, 1, 1, 6),
            (31, 5, 1, 8),
            (100, 40, 1, 6),
            (70, 300, 2, 6),
            (65, 17, 5, 10),
            (9, 3, 3, 16),
        ] {
            let forest = forest(&mut random, trees, columns, dimension, deepest);
            check_blocks::<SMALL_BLOCK>(&forest, columns, &mut random);
            check_blocks::<BLOCK>(&forest, columns, &mut random);
        }
    }

    fn check_blocks<const N: usize>(forest: &Forest, columns: usize, random: &mut Random) {
        let Shape::Oblivious { trees, planes, .. } = &forest.shape else { panic!("trees of levels") };
        let bins: Vec<i8> = (0..columns * N).map(|_| random.below(256) as u8 as i8).collect();
        let dimension = forest.dimension();
        // What every other way must give: one tree after the other, in plain code.
        let mut expected = vec![0.0; N * dimension];
        for (row, sums) in expected.chunks_exact_mut(dimension).enumerate() {
            let own: Vec<i8> = bins.iter().skip(row).step_by(N).copied().collect();
            OneRow::Plain.sum(trees, &forest.leaf_values, &own, sums);
            let mut padded = own;
            padded.resize(columns.max(forest.row_bins()), 0);
            let mut shuffled = vec![f64::NAN; dimension];
            forest.sum_row(&padded, &mut shuffled);
            assert_eq!(shuffled, sums, "row {row} of {columns} columns");
        }
        for rows in [1, 7, 8, N - 1, N] {
            let mut sums = vec![f64::NAN; rows * dimension];
            forest.sum_block::<N>(&bins, &mut sums);
            assert_eq!(sums, expected[..rows * dimension], "{rows} rows");
        }
        let planes = if planes.is_empty() { &forest.leaf_values } else { planes };
        let mut sums = vec![[0.0; N]; dimension];
        add_block_portable(trees, planes, bins.as_chunks().0, N, &mut sums);
        let portable: Vec<f64> = (0..N * dimension).map(|at| sums[at % dimension][at / dimension]).collect();
        assert_eq!(portable, expected);
    }
}
