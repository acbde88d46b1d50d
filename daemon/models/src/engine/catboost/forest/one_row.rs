//! One row through all oblivious trees: the bits of 32 trees' leaf numbers at a time.
//!
//! With AVX2 a whole row's bins stay in a few vectors, and a byte shuffle looks up those of 32 splits at once. The leaves
//! are then added one after the other; the time that this takes is what remains (an addition waits for the last one).

use super::{
    super::columns::Test,
    has_avx2,
    oblivious::{LOW_LEVELS, ObliviousTree},
};

/// Trees whose leaf numbers are made together: bytes of a vector.
const LANES: usize = 32;

/// Bins that one shuffle can look up.
const SHUFFLE: usize = 16;

/// Columns up to which looking up beats reading one by one; more would not fit a byte beside [`NO_COLUMN`] either.
const MAX_COLUMNS: usize = 240;

/// A column that every row has zero in.
const NO_COLUMN: u8 = u8::MAX;

/// How a single row is scored.
#[derive(Debug)]
pub(super) enum OneRow {
    /// Tree by tree.
    Plain,
    /// By [`LANES`] trees.
    Shuffled(Vec<Group>),
}

/// The splits of [`LANES`] trees, level by level.
#[derive(Debug)]
pub(super) struct Group {
    levels: Vec<Level>,
}

/// One split of each tree of a group.
#[derive(Clone, Debug)]
#[repr(align(32))]
struct Level {
    columns: [u8; LANES],
    flips: [u8; LANES],
    at_least: [u8; LANES],
}

impl Level {
    /// Splits that are false for every row.
    const NEVER: Self = Self { columns: [NO_COLUMN; LANES], flips: [0; LANES], at_least: [1; LANES] };

    fn set(&mut self, lane: usize, test: Test) {
        self.columns[lane] = u8::try_from(test.column).expect("the columns were counted");
        self.flips[lane] = test.flip;
        self.at_least[lane] = test.at_least;
    }
}

impl OneRow {
    /// Chooses and lays out.
    pub(super) fn new(trees: &[ObliviousTree]) -> Self {
        let columns = trees.iter().flat_map(|tree| &tree.tests).map(|test| test.column as usize + 1).max().unwrap_or(0);
        if columns > MAX_COLUMNS || !has_avx2() {
            return Self::Plain;
        }
        let group = |trees: &[ObliviousTree]| {
            let depth = trees.iter().map(|tree| tree.tests.len()).max().unwrap_or(0);
            let mut levels = vec![Level::NEVER; depth];
            for (lane, tree) in trees.iter().enumerate() {
                for (level, &test) in levels.iter_mut().zip(&tree.tests) {
                    level.set(lane, test);
                }
            }
            Group { levels }
        };
        Self::Shuffled(trees.chunks(LANES).map(group).collect())
    }

    /// Its name, for people.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Plain => "tree by tree",
            Self::Shuffled(_) => "32 trees at a time (avx2)",
        }
    }

    /// Bytes that it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Self::Plain => 0,
            Self::Shuffled(groups) => groups.iter().map(|group| size_of_val(&*group.levels) + size_of_val(group)).sum(),
        }
    }

    /// Writes the sum of the leaves of the row with these bins.
    pub(super) fn sum(&self, trees: &[ObliviousTree], leaf_values: &[f64], bins: &[u8], sums: &mut [f64]) {
        sums.fill(0.0);
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Shuffled(groups) => {
                #[allow(unsafe_code)]
                // SAFETY: groups are only made on a processor with AVX2.
                unsafe {
                    avx2::sum(groups, trees, leaf_values, bins, sums);
                }
            }
            _ => {
                for tree in trees {
                    add(tree, tree.leaf(bins, 1), leaf_values, sums);
                }
            }
        }
    }
}

#[inline(always)]
fn add(tree: &ObliviousTree, leaf: usize, leaf_values: &[f64], sums: &mut [f64]) {
    let values = &leaf_values[tree.leaves + leaf * sums.len()..];
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_loadu_si128, _mm256_adds_epu8, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
        _mm256_load_si256, _mm256_max_epu8, _mm256_or_si256, _mm256_set1_epi8, _mm256_setzero_si256,
        _mm256_shuffle_epi8, _mm256_storeu_si256, _mm256_sub_epi8, _mm256_xor_si256,
    };

    use super::{Group, LANES, LOW_LEVELS, Level, MAX_COLUMNS, ObliviousTree, SHUFFLE, add};

    #[target_feature(enable = "avx2")]
    pub(super) fn sum(groups: &[Group], trees: &[ObliviousTree], leaf_values: &[f64], bins: &[u8], sums: &mut [f64]) {
        let mut tables = [_mm256_setzero_si256(); MAX_COLUMNS / SHUFFLE];
        let used = tables.len().min(bins.len().div_ceil(SHUFFLE));
        for (table, bins) in tables.iter_mut().zip(bins.chunks(SHUFFLE)) {
            let mut padded = [0_u8; SHUFFLE];
            padded[..bins.len()].copy_from_slice(bins);
            #[allow(unsafe_code)]
            // SAFETY: the array has the 16 bytes that are read.
            let half = unsafe { _mm_loadu_si128(padded.as_ptr().cast()) };
            *table = _mm256_broadcastsi128_si256(half);
        }
        let mut numbers = [[0_u8; LANES]; 2];
        for (group, trees) in groups.iter().zip(trees.chunks(LANES)) {
            let (low, high) = group.levels.split_at(group.levels.len().min(LOW_LEVELS));
            store(&mut numbers[0], leaf_bits(low, &tables[..used]));
            if high.is_empty() {
                for (tree, &low) in trees.iter().zip(&numbers[0]) {
                    add(tree, low.into(), leaf_values, sums);
                }
                continue;
            }
            store(&mut numbers[1], leaf_bits(high, &tables[..used]));
            for (lane, tree) in trees.iter().enumerate() {
                let number = usize::from(numbers[0][lane]) | usize::from(numbers[1][lane]) << LOW_LEVELS;
                add(tree, number, leaf_values, sums);
            }
        }
    }

    /// One bit per level, for each tree of a group.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn leaf_bits(levels: &[Level], tables: &[__m256i]) -> __m256i {
        let mut numbers = _mm256_setzero_si256();
        let mut bit = _mm256_set1_epi8(1);
        for level in levels {
            let bins = _mm256_xor_si256(look_up(load(&level.columns), tables), load(&level.flips));
            let holds = _mm256_cmpeq_epi8(_mm256_max_epu8(bins, load(&level.at_least)), bins);
            numbers = _mm256_or_si256(numbers, _mm256_and_si256(holds, bit));
            bit = std::arch::x86_64::_mm256_add_epi8(bit, bit);
        }
        numbers
    }

    /// The bins of 32 columns. A shuffle gives zero where its index has the highest bit, so each table answers for its
    /// own 16 columns only and the answers can be merged.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn look_up(columns: __m256i, tables: &[__m256i]) -> __m256i {
        let mut bins = _mm256_setzero_si256();
        let mut own = columns;
        for &table in tables {
            let index = _mm256_adds_epu8(own, _mm256_set1_epi8(0x70));
            bins = _mm256_or_si256(bins, _mm256_shuffle_epi8(table, index));
            own = _mm256_sub_epi8(own, _mm256_set1_epi8(SHUFFLE as i8));
        }
        bins
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn load(bytes: &[u8; LANES]) -> __m256i {
        #[allow(unsafe_code)]
        // SAFETY: the array has the 32 bytes that are read, and each of Level's is aligned to 32.
        unsafe {
            _mm256_load_si256(bytes.as_ptr().cast())
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn store(bytes: &mut [u8; LANES], vector: __m256i) {
        #[allow(unsafe_code)]
        // SAFETY: the array has the 32 bytes that are written.
        unsafe {
            _mm256_storeu_si256(bytes.as_mut_ptr().cast(), vector);
        }
    }
}
