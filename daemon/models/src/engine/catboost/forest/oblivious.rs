//! Trees whose levels share one split each: the leaf's number is made of one bit per level.

use super::{
    super::{
        columns::Test,
        error::{Fault, invalid},
    },
    BLOCK,
};

/// CatBoost grows no deeper tree.
const MAX_DEPTH: usize = 16;

/// Levels whose bits fill a byte.
pub(super) const LOW_LEVELS: usize = 8;

/// Trees whose leaves are added in one pass over the rows: their sums stay in a register meanwhile.
const TOGETHER: usize = 4;

/// Leaf values that a leaf number of one byte can reach.
pub(super) const REACH: usize = 1 << LOW_LEVELS;

#[derive(Debug)]
pub(super) struct ObliviousTree {
    /// The split of each level; the first one is the lowest bit of the leaf's number.
    pub(super) tests: Vec<Test>,
    /// Where its leaf values begin.
    pub(super) leaves: usize,
}

impl ObliviousTree {
    /// The leaf of one row, whose column `c` is `bins[c * stride]`.
    pub(super) fn leaf(&self, bins: &[u8], stride: usize) -> usize {
        let bit = |(level, test): (usize, &Test)| usize::from(test.holds(bins[test.column as usize * stride])) << level;
        self.tests.iter().enumerate().map(bit).sum()
    }
}

/// Lays out the trees over the list of all splits, for a file of `values` leaf values.
pub(super) fn oblivious(
    trees: &[Vec<usize>],
    splits: &[Test],
    dimension: usize,
    values: usize,
) -> Result<Vec<ObliviousTree>, Fault> {
    let mut leaves = 0_usize;
    let laid_out = trees.iter().enumerate().map(|(number, tree)| {
        if tree.len() > MAX_DEPTH {
            return Err(invalid(format!("tree {number} has {} levels, more than {MAX_DEPTH}", tree.len())));
        }
        let tests = tree.iter().map(|&split| splits.get(split).copied()).collect::<Option<_>>();
        let tests = tests.ok_or_else(|| invalid(format!("tree {number} has a split that is not there")))?;
        let own = leaves;
        leaves = leaves.saturating_add(dimension << tree.len());
        Ok(ObliviousTree { tests, leaves: own })
    });
    let laid_out = laid_out.collect::<Result<_, _>>()?;
    if leaves != values {
        return Err(invalid(format!("the trees have {leaves} leaf values, the file {values}")));
    }
    Ok(laid_out)
}

/// Adds the leaves of all trees for [`BLOCK`] rows to `sums`. The leaf values of dimension `k` are a plane: those of a
/// tree that begins at `t` lie from `planes[t + k * leaves]` on, and [`REACH`] more values follow the last ones.
///
/// Column `c` of row `r` is `bins[c * BLOCK + r]`, dimension `k` of it `sums[k][r]`.
pub(super) fn add_block(trees: &[ObliviousTree], planes: &[f64], bins: &[u8], sums: &mut [[f64; BLOCK]]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[allow(unsafe_code)]
        // SAFETY: the processor has AVX2.
        return unsafe { add_block_avx2(trees, planes, bins, sums) };
    }
    add_block_portable(trees, planes, bins, sums);
}

/// The same code, compiled for processors with 32-byte vectors.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn add_block_avx2(trees: &[ObliviousTree], planes: &[f64], bins: &[u8], sums: &mut [[f64; BLOCK]]) {
    add_block_portable(trees, planes, bins, sums);
}

#[inline(always)] // Into the function above, to be compiled for its processor.
fn add_block_portable(trees: &[ObliviousTree], planes: &[f64], bins: &[u8], sums: &mut [[f64; BLOCK]]) {
    let mut numbers = [[0; BLOCK]; TOGETHER];
    for trees in trees.chunks(TOGETHER) {
        if trees.len() < TOGETHER || trees.iter().any(|tree| tree.tests.len() > LOW_LEVELS) {
            for tree in trees {
                add_tree(tree, planes, bins, sums);
            }
            continue;
        }
        for (numbers, tree) in numbers.iter_mut().zip(trees) {
            leaf_numbers(&tree.tests, bins, numbers);
        }
        for (k, sums) in sums.iter_mut().enumerate() {
            let leaves: [&[f64; REACH]; TOGETHER] = std::array::from_fn(|t| {
                let start = trees[t].leaves + (k << trees[t].tests.len());
                planes[start..].first_chunk().expect("the planes are followed by REACH values")
            });
            for (row, sum) in sums.iter_mut().enumerate() {
                for t in 0..TOGETHER {
                    *sum += leaves[t][usize::from(numbers[t][row])];
                }
            }
        }
    }
}

#[inline(always)]
fn add_tree(tree: &ObliviousTree, planes: &[f64], bins: &[u8], sums: &mut [[f64; BLOCK]]) {
    let (mut low, mut high) = ([0; BLOCK], [0; BLOCK]);
    let (low_tests, high_tests) = tree.tests.split_at(tree.tests.len().min(LOW_LEVELS));
    leaf_numbers(low_tests, bins, &mut low);
    leaf_numbers(high_tests, bins, &mut high);
    for (k, sums) in sums.iter_mut().enumerate() {
        let leaves = &planes[tree.leaves + (k << tree.tests.len())..][..1 << tree.tests.len()];
        for ((sum, &low), &high) in sums.iter_mut().zip(&low).zip(&high) {
            *sum += leaves[usize::from(low) | usize::from(high) << LOW_LEVELS];
        }
    }
}

/// Writes one bit per test and row, the first test's lowest.
#[inline(always)]
fn leaf_numbers(tests: &[Test], bins: &[u8], numbers: &mut [u8; BLOCK]) {
    numbers.fill(0);
    for (level, test) in tests.iter().enumerate() {
        let bins: &[u8; BLOCK] =
            bins[test.column as usize * BLOCK..].first_chunk().expect("each column has the bins of a block");
        for (number, &bin) in numbers.iter_mut().zip(bins) {
            *number |= u8::from(bin ^ test.flip >= test.at_least) << level;
        }
    }
}
