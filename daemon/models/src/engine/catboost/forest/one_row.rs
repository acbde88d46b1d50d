//! One row through all oblivious trees: the bits of 32 trees' leaf numbers at a time.
//!
//! With AVX2 a byte shuffle looks up the bins of 32 splits at once, from 16 columns; only shuffles that find something are
//! made. The leaves are added one after the other, and each addition waits for the last one: so those of one group of
//! trees are added between the levels of the next.

#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code))] // No other architecture has such vectors.

use super::{
    super::{columns::Test, has_avx2},
    oblivious::{LOW_LEVELS, ObliviousTree, REACH},
};

/// Trees whose leaf numbers are made together: bytes of a vector.
const LANES: usize = 32;

/// Bins that one shuffle can look up.
const SHUFFLE: usize = 16;

/// Columns up to which looking up beats reading one by one.
const MAX_COLUMNS: usize = 2048;

/// The index of a shuffle that gives zero.
const NOT_HERE: u8 = 0x80;

/// Leaves that are added after each level: all of a group after four.
const SOME: usize = 8;

/// Values of a leaf that are added at once when there are several.
const WIDE: usize = 4;
const _: () = assert!(WIDE <= REACH, "what is read past the last leaf is there");

/// How a single row is scored.
#[derive(Debug)]
pub(super) enum OneRow {
    /// Tree by tree.
    Plain,
    /// By [`LANES`] trees.
    Shuffled(Shuffled),
}

/// What is known of [`LANES`] bytes.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Lanes([u8; LANES]);

/// The splits of all trees, in the order in which they are needed.
#[derive(Debug, Default)]
pub(super) struct Shuffled {
    /// Bins of a row, in whole shuffles.
    columns: usize,
    groups: Vec<Group>,
    /// One of each level of each group, topmost (the highest bit) first.
    levels: Vec<Level>,
    /// Which 16 columns each shuffle of all levels looks at.
    tables: Vec<u16>,
    /// The place of each split's column among them.
    places: Vec<Lanes>,
}

/// [`LANES`] trees.
#[derive(Debug)]
struct Group {
    depth: usize,
    trees: usize,
    /// Where the leaf values of each begin.
    leaves: [u32; LANES],
}

/// One split of each tree of a group.
#[derive(Debug)]
struct Level {
    flips: Lanes,
    above: Lanes,
    /// Number of its shuffles.
    shuffles: usize,
}

impl OneRow {
    /// Chooses and lays out, for trees with that many leaf values in all.
    pub(super) fn new(trees: &[ObliviousTree], values: usize) -> Self {
        let columns = trees.iter().flat_map(|tree| &tree.tests).map(|test| test.column as usize + 1).max().unwrap_or(0);
        if columns > MAX_COLUMNS || u32::try_from(values).is_err() || !has_avx2() {
            return Self::Plain;
        }
        let mut shuffled = Shuffled { columns: columns.next_multiple_of(SHUFFLE), ..Shuffled::default() };
        for trees in trees.chunks(LANES) {
            let depth = trees.iter().map(|tree| tree.tests.len()).max().unwrap_or(0);
            let mut leaves = [0; LANES];
            for (own, tree) in leaves.iter_mut().zip(trees) {
                *own = u32::try_from(tree.leaves).expect("all leaf values were counted");
            }
            shuffled.groups.push(Group { depth, trees: trees.len(), leaves });
            for level in (0..depth).rev() {
                let tests: Vec<Option<Test>> = trees.iter().map(|tree| tree.tests.get(level).copied()).collect();
                shuffled.push_level(&tests);
            }
        }
        Self::Shuffled(shuffled)
    }

    /// Its name, for people.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Plain => "tree by tree",
            Self::Shuffled(_) => "32 trees at a time (avx2)",
        }
    }

    /// How many bins of a row it reads; those past the last column may be anything.
    pub(super) fn columns(&self) -> usize {
        match self {
            Self::Plain => 0,
            Self::Shuffled(shuffled) => shuffled.columns,
        }
    }

    /// Bytes that it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        let Self::Shuffled(Shuffled { groups, levels, tables, places, .. }) = self else { return 0 };
        size_of_val(&**groups) + size_of_val(&**levels) + size_of_val(&**tables) + size_of_val(&**places)
    }

    /// Writes the sum of the leaves of the row with these bins. [`REACH`] values follow the last leaf's.
    pub(super) fn sum(&self, trees: &[ObliviousTree], leaf_values: &[f64], bins: &[i8], sums: &mut [f64]) {
        sums.fill(0.0);
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Shuffled(shuffled) => {
                #[allow(unsafe_code)]
                // SAFETY: splits are laid out so only on a processor with AVX2.
                unsafe {
                    avx2::sum(shuffled, leaf_values, bins, sums);
                }
            }
            _ => {
                for tree in trees {
                    let values = &leaf_values[tree.leaves + tree.leaf(bins, 1) * sums.len()..];
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum += value;
                    }
                }
            }
        }
    }
}

impl Shuffled {
    /// Appends one level of a group: a split of each tree, or none.
    fn push_level(&mut self, tests: &[Option<Test>]) {
        let first = self.tables.len();
        let (mut flips, mut above) = ([0; LANES], [i8::MAX; LANES]);
        for (lane, test) in tests.iter().enumerate() {
            let Some(test) = test else { continue };
            let (table, place) = (test.column as usize / SHUFFLE, test.column as usize % SHUFFLE);
            let table = u16::try_from(table).expect("the columns were counted");
            let known = self.tables[first..].iter().position(|&own| own == table);
            let at = known.map_or(self.tables.len(), |known| first + known);
            if at == self.tables.len() {
                self.tables.push(table);
                self.places.push(Lanes([NOT_HERE; LANES]));
            }
            self.places[at].0[lane] = place as u8;
            flips[lane] = test.flip.cast_unsigned();
            above[lane] = test.above;
        }
        let above = above.map(i8::cast_unsigned);
        self.levels.push(Level { flips: Lanes(flips), above: Lanes(above), shuffles: self.tables.len() - first });
    }
}

/// Leaves that are found and not added yet.
struct Pending {
    /// Where the values of each begin.
    starts: [u32; LANES],
    /// Those that are still to be added, of the first ones.
    next: usize,
    count: usize,
}

impl Pending {
    const NONE: Self = Self { starts: [0; LANES], next: 0, count: 0 };

    /// Adds the values of some leaves, tree after tree, when there is one value each.
    #[inline(always)] // Between what the processor does meanwhile.
    fn add_some(&mut self, leaf_values: &[f64], sums: &mut [f64]) {
        if let (Some(starts), [sum]) = (self.starts[self.next..self.count].first_chunk::<SOME>(), sums) {
            for &start in starts {
                *sum += leaf_values[start as usize];
            }
            self.next += SOME;
        }
    }

    /// Adds the values of all others.
    #[inline(always)]
    fn add_all(&self, leaf_values: &[f64], sums: &mut [f64]) {
        let starts = &self.starts[self.next..self.count];
        if let [sum] = sums {
            for &start in starts {
                *sum += leaf_values[start as usize];
            }
            return;
        }
        for (part, sums) in sums.chunks_mut(WIDE).enumerate() {
            let mut own = [0.0; WIDE];
            own[..sums.len()].copy_from_slice(sums);
            for &start in starts {
                let values: &[f64; WIDE] = leaf_values[start as usize + part * WIDE..]
                    .first_chunk()
                    .expect("REACH values follow the last leaf's");
                for (sum, value) in own.iter_mut().zip(values) {
                    *sum += value;
                }
            }
            sums.copy_from_slice(&own[..sums.len()]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_loadu_si128, _mm256_add_epi8, _mm256_broadcastsi128_si256, _mm256_cmpgt_epi8, _mm256_load_si256,
        _mm256_or_si256, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_storeu_si256, _mm256_sub_epi8,
        _mm256_xor_si256,
    };

    use super::{LANES, LOW_LEVELS, Lanes, Pending, SHUFFLE, Shuffled};

    #[target_feature(enable = "avx2")]
    pub(super) fn sum(shuffled: &Shuffled, leaf_values: &[f64], bins: &[i8], sums: &mut [f64]) {
        let dimension = u32::try_from(sums.len()).expect("all leaf values were counted");
        let mut levels = Levels { shuffled, level: 0, shuffle: 0, bins: bins.as_chunks().0 };
        let mut pending = Pending::NONE;
        for group in &shuffled.groups {
            let high_levels = group.depth.saturating_sub(LOW_LEVELS);
            let mut starts = group.leaves;
            if high_levels > 0 {
                let high = store(levels.leaf_bits(high_levels, || ()));
                for (start, &high) in starts.iter_mut().zip(&high) {
                    *start += (u32::from(high) << LOW_LEVELS) * dimension;
                }
            }
            let low = levels.leaf_bits(group.depth - high_levels, || pending.add_some(leaf_values, sums));
            for (start, &low) in starts.iter_mut().zip(&store(low)) {
                *start += u32::from(low) * dimension;
            }
            pending.add_all(leaf_values, sums);
            pending = Pending { starts, next: 0, count: group.trees };
        }
        pending.add_all(leaf_values, sums);
    }

    /// The levels that are still to be looked at, and the row's bins.
    struct Levels<'a> {
        shuffled: &'a Shuffled,
        level: usize,
        shuffle: usize,
        bins: &'a [[i8; SHUFFLE]],
    }

    impl Levels<'_> {
        /// One bit for each of the next levels, for each tree of a group; calls `meanwhile` after each level.
        #[target_feature(enable = "avx2")]
        #[inline]
        fn leaf_bits(&mut self, count: usize, mut meanwhile: impl FnMut()) -> __m256i {
            let mut numbers = _mm256_setzero_si256();
            for level in &self.shuffled.levels[self.level..][..count] {
                let tables = &self.shuffled.tables[self.shuffle..][..level.shuffles];
                let places = &self.shuffled.places[self.shuffle..][..level.shuffles];
                let mut bins = _mm256_setzero_si256();
                // A shuffle answers zero where a column is not among its own, so the answers can be merged.
                for (&table, places) in tables.iter().zip(places) {
                    let table = twice(&self.bins[usize::from(table)]);
                    bins = _mm256_or_si256(bins, _mm256_shuffle_epi8(table, load(places)));
                }
                let holds = _mm256_cmpgt_epi8(_mm256_xor_si256(bins, load(&level.flips)), load(&level.above));
                // What is true is -1.
                numbers = _mm256_sub_epi8(_mm256_add_epi8(numbers, numbers), holds);
                self.shuffle += level.shuffles;
                meanwhile();
            }
            self.level += count;
            numbers
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn twice(table: &[i8; SHUFFLE]) -> __m256i {
        #[allow(unsafe_code)]
        // SAFETY: the array has the 16 bytes that are read.
        let table = unsafe { _mm_loadu_si128(table.as_ptr().cast()) };
        _mm256_broadcastsi128_si256(table)
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn load(lanes: &Lanes) -> __m256i {
        #[allow(unsafe_code)]
        // SAFETY: the array has the 32 bytes that are read, and it is aligned to as many.
        unsafe {
            _mm256_load_si256(lanes.0.as_ptr().cast())
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn store(vector: __m256i) -> [u8; LANES] {
        let mut bytes = [0; LANES];
        #[allow(unsafe_code)]
        // SAFETY: the array has the 32 bytes that are written.
        unsafe {
            _mm256_storeu_si256(bytes.as_mut_ptr().cast(), vector);
        }
        bytes
    }
}
