//! Trees whose levels share one split each: the leaf's number is made of one bit per level.

use super::super::{
    columns::Test,
    error::{Fault, invalid},
    has_avx2,
};

/// CatBoost grows no deeper tree.
const MAX_DEPTH: usize = 16;

/// Levels whose bits fill a byte.
pub(super) const LOW_LEVELS: usize = 8;

/// Trees whose leaves are added in one pass over the rows: their sums stay in registers meanwhile.
const TOGETHER: usize = 16;

/// Rows whose sums stay in registers.
const ABREAST: usize = 8;

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
    pub(super) fn leaf(&self, bins: &[i8], stride: usize) -> usize {
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

/// Adds the leaves of all trees for up to `N` rows to `sums`. The leaf values of dimension `k` are a plane: those of a
/// tree that begins at `t` lie from `planes[t + k * leaves]` on, and [`REACH`] more values follow the last ones.
///
/// Row `r` has `bins[c][r]` in column `c`, and `sums[k][r]` in dimension `k`; rows past `rows` get any sum.
pub(super) fn add_block<const N: usize>(
    trees: &[ObliviousTree],
    planes: &[f64],
    bins: &[[i8; N]],
    rows: usize,
    sums: &mut [[f64; N]],
) {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        #[allow(unsafe_code)]
        // SAFETY: the processor has AVX2.
        return unsafe { avx2::add_block(trees, planes, bins, rows, sums) };
    }
    add_block_portable(trees, planes, bins, rows, sums);
}

/// The same for every processor.
pub(super) fn add_block_portable<const N: usize>(
    trees: &[ObliviousTree],
    planes: &[f64],
    bins: &[[i8; N]],
    rows: usize,
    sums: &mut [[f64; N]],
) {
    add_block_with(trees, planes, bins, rows, sums, |tests, bins, numbers, _| leaf_numbers(tests, bins, numbers));
}

#[inline(always)] // Into the function that is compiled for the vectors of `leaf_numbers`.
fn add_block_with<const N: usize>(
    trees: &[ObliviousTree],
    planes: &[f64],
    bins: &[[i8; N]],
    rows: usize,
    sums: &mut [[f64; N]],
    leaf_numbers: impl Fn(&[Test], &[[i8; N]], &mut [u8; N], &[f64]),
) {
    let is_low = |tree: &ObliviousTree| tree.tests.len() <= LOW_LEVELS;
    let mut numbers = [[0; N]; TOGETHER];
    for trees in trees.chunk_by(|one, next| is_low(one) && is_low(next)) {
        if !is_low(&trees[0]) {
            let [low, high, ..] = &mut numbers;
            let tests = trees[0].tests.split_at(LOW_LEVELS);
            leaf_numbers(tests.0, bins, low, &[]);
            leaf_numbers(tests.1, bins, high, &[]);
            add_deep(&trees[0], planes, low, high, sums);
            continue;
        }
        for trees in trees.chunks(TOGETHER) {
            for (numbers, tree) in numbers.iter_mut().zip(trees) {
                let leaves = &planes[tree.leaves..][..sums.len() << tree.tests.len()];
                leaf_numbers(&tree.tests, bins, numbers, leaves);
            }
            for (k, sums) in sums.iter_mut().enumerate() {
                add_leaves(trees, planes, k, &numbers, rows, sums);
            }
        }
    }
}

/// Adds dimension `k` of the leaves with these numbers: tree after tree for each row.
#[inline(always)]
fn add_leaves<const N: usize>(
    trees: &[ObliviousTree],
    planes: &[f64],
    k: usize,
    numbers: &[[u8; N]; TOGETHER],
    rows: usize,
    sums: &mut [f64; N],
) {
    let leaves: [&[f64; REACH]; TOGETHER] = std::array::from_fn(|t| {
        let start = trees.get(t).map_or(0, |tree| tree.leaves + (k << tree.tests.len()));
        planes[start..].first_chunk().expect("the planes are followed by REACH values")
    });
    let leaves = &leaves[..trees.len()];
    let (groups, _) = sums.as_chunks_mut::<ABREAST>();
    for (group, sums) in groups.iter_mut().take(rows.div_ceil(ABREAST)).enumerate() {
        let mut own = *sums;
        for (leaves, numbers) in leaves.iter().zip(numbers) {
            // One load for all rows: loads are what this loop waits for.
            let numbers = u64::from_le_bytes(numbers.as_chunks::<ABREAST>().0[group]);
            for (row, sum) in own.iter_mut().enumerate() {
                *sum += leaves[usize::from((numbers >> (8 * row)) as u8)];
            }
        }
        *sums = own;
    }
}

/// Adds the leaves of a tree whose numbers take two bytes.
#[inline(always)]
fn add_deep<const N: usize>(
    tree: &ObliviousTree,
    planes: &[f64],
    low: &[u8; N],
    high: &[u8; N],
    sums: &mut [[f64; N]],
) {
    for (k, sums) in sums.iter_mut().enumerate() {
        let leaves = &planes[tree.leaves + (k << tree.tests.len())..][..1 << tree.tests.len()];
        for ((sum, &low), &high) in sums.iter_mut().zip(low).zip(high) {
            *sum += leaves[usize::from(low) | usize::from(high) << LOW_LEVELS];
        }
    }
}

/// Writes one bit per test and row, the first test's lowest.
#[inline(always)]
fn leaf_numbers<const N: usize>(tests: &[Test], bins: &[[i8; N]], numbers: &mut [u8; N]) {
    numbers.fill(0);
    for (level, test) in tests.iter().enumerate() {
        for (number, &bin) in numbers.iter_mut().zip(&bins[test.column as usize]) {
            *number |= u8::from(test.holds(bin)) << level;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        _MM_HINT_T0, _mm_prefetch, _mm256_add_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_set1_epi8,
        _mm256_setzero_si256, _mm256_storeu_si256, _mm256_sub_epi8, _mm256_xor_si256,
    };

    use super::{ObliviousTree, Test, add_block_with};

    /// Bytes of a vector.
    const LANES: usize = 32;

    /// Values of a cache line.
    const LINE: usize = 8;

    /// Cache lines that are worth asking for: the leaves of six levels.
    const LINES: usize = 8;

    /// Vectors whose numbers stay in registers.
    const VECTORS: usize = 4;

    #[target_feature(enable = "avx2")]
    pub(super) fn add_block<const N: usize>(
        trees: &[ObliviousTree],
        planes: &[f64],
        bins: &[[i8; N]],
        rows: usize,
        sums: &mut [[f64; N]],
    ) {
        add_block_with(trees, planes, bins, rows, sums, |tests, bins, numbers, leaves| {
            prefetch(leaves);
            leaf_numbers(tests, bins, numbers);
        });
    }

    /// Asks for the first cache lines of a tree's leaves, which are read in no order.
    #[inline(always)]
    fn prefetch(leaves: &[f64]) {
        for line in leaves.chunks(LINE).take(LINES) {
            #[allow(unsafe_code)]
            // SAFETY: it reads nothing.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
            }
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn leaf_numbers<const N: usize>(tests: &[Test], bins: &[[i8; N]], numbers: &mut [u8; N]) {
        if N.is_multiple_of(VECTORS * LANES) {
            leaf_numbers_by::<N, VECTORS>(tests, bins, numbers);
        } else {
            const { assert!(N.is_multiple_of(LANES), "a block is whole vectors") };
            leaf_numbers_by::<N, 1>(tests, bins, numbers);
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn leaf_numbers_by<const N: usize, const V: usize>(tests: &[Test], bins: &[[i8; N]], numbers: &mut [u8; N]) {
        for (part, numbers) in numbers.chunks_exact_mut(V * LANES).enumerate() {
            let mut own = [_mm256_setzero_si256(); V];
            for test in tests.iter().rev() {
                let above = _mm256_set1_epi8(test.above);
                let bins = &bins[test.column as usize][part * V * LANES..][..V * LANES];
                for (own, bins) in own.iter_mut().zip(bins.as_chunks::<LANES>().0) {
                    #[allow(unsafe_code)]
                    // SAFETY: the array has the 32 bytes that are read.
                    let mut bins = unsafe { _mm256_loadu_si256(bins.as_ptr().cast()) };
                    if test.flip != 0 {
                        bins = _mm256_xor_si256(bins, _mm256_set1_epi8(test.flip));
                    }
                    // What is true is -1.
                    *own = _mm256_sub_epi8(_mm256_add_epi8(*own, *own), _mm256_cmpgt_epi8(bins, above));
                }
            }
            for (own, numbers) in own.iter().zip(numbers.as_chunks_mut::<LANES>().0) {
                #[allow(unsafe_code)]
                // SAFETY: the array has the 32 bytes that are written.
                unsafe {
                    _mm256_storeu_si256(numbers.as_mut_ptr().cast(), *own);
                }
            }
        }
    }
}
