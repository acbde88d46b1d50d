//! CTRs over one category and a few splits, without hashing: a table of bins by the category's number and the splits'
//! outcomes.
//!
//! A model file has the hashes of combinations only, but with one category they can be undone: hashing is two
//! multiplications by an odd number and an addition per part, so for each outcome of the splits there is one number that
//! the category's hash would have to be, and it is one if it fits 32 bits. Categories that no hash is made of are in no
//! table, whatever the splits say.

use std::collections::BTreeSet;

use super::{MUL, combine, table::HashTable, widened};
use crate::engine::catboost::columns::Test;

/// More splits than this are not enumerated: their outcomes fill a byte.
const MAX_TESTS: usize = 8;

/// The numbers of the categories of one feature.
#[derive(Debug)]
pub(super) struct Dictionary {
    /// By hash.
    numbers: HashTable,
    /// How many there are; also the number of those that are not there.
    count: usize,
}

impl Dictionary {
    /// Numbers these hashes.
    pub(super) fn new(hashes: &BTreeSet<u32>) -> Self {
        let count = hashes.len();
        let mut numbers = HashTable::new(count, &[count as u64]);
        for (number, &hash) in (0..).zip(hashes) {
            // Widened without its sign, so none is the hash that nothing can have.
            let place = numbers.claim(hash.into()).expect("a category's hash has 32 bits");
            numbers.set_word(place, number);
        }
        Self { numbers, count }
    }

    /// The number of the category with this hash.
    #[inline]
    pub(super) fn code(&self, hash: u32) -> u32 {
        self.numbers.word(self.numbers.find(hash.into()), 0) as u32
    }

    /// Bytes that it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        self.numbers.memory_bytes()
    }
}

/// All CTRs over one category and a few splits.
#[derive(Debug)]
pub(super) struct DirectGroup {
    /// The first one's outcome is the lowest bit.
    tests: Vec<Test>,
    /// The first of its columns.
    first: usize,
    /// For each column, bins by category and outcomes; the last category is the one that is not there.
    bins: Vec<Vec<i8>>,
}

impl DirectGroup {
    /// A group whose bins are those of a combination that is not in the table.
    pub(super) fn new(tests: Vec<Test>, first: usize, absent: &[i8], dictionary: &Dictionary) -> Self {
        let places = (dictionary.count + 1) << tests.len();
        Self { tests, first, bins: absent.iter().map(|&bin| vec![bin; places]).collect() }
    }

    /// Bytes of such a group; `None` when it has too many tests to be one.
    pub(super) fn bytes_for(categories: usize, tests: usize, width: usize) -> Option<usize> {
        (tests <= MAX_TESTS).then(|| ((categories + 1) << tests).saturating_mul(width))
    }

    /// Sets a bin of column `at` wherever category and outcomes have this hash.
    pub(super) fn set(&mut self, undo: &Undo, dictionary: &Dictionary, hash: u64, at: usize, bin: i8) {
        for (outcomes, category) in undo.categories(hash) {
            let place = ((dictionary.code(category) as usize) << self.tests.len()) + outcomes;
            self.bins[at][place] = bin;
        }
    }

    /// Writes the bins of rows whose categories have these numbers.
    pub(super) fn fill<const N: usize>(&self, codes: &[u32], bins: &mut [[i8; N]]) {
        let mut outcomes = [0_u8; N];
        for (bit, test) in self.tests.iter().enumerate() {
            for (outcomes, &bin) in outcomes.iter_mut().zip(&bins[test.column as usize]) {
                *outcomes |= u8::from(test.holds(bin)) << bit;
            }
        }
        for (table, column) in self.bins.iter().zip(&mut bins[self.first..]) {
            for ((bin, &code), &outcomes) in column.iter_mut().zip(codes).zip(&outcomes) {
                *bin = table[((code as usize) << self.tests.len()) | usize::from(outcomes)];
            }
        }
    }

    /// Bytes that it holds.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bins.iter().map(Vec::len).sum()
    }
}

/// How hashes of one category and some splits are undone.
pub(super) struct Undo {
    /// The hash of category 0 with each of the outcomes.
    of_zero: Vec<u64>,
    /// What the category is multiplied with, inverted.
    inverse: u64,
}

impl Undo {
    /// For that many splits; `None` when there are too many.
    pub(super) fn new(tests: usize) -> Option<Self> {
        let hash_of = |outcomes: usize| (0..tests).fold(0, |hash, bit| combine(hash, (outcomes >> bit & 1) as u64));
        let multiplied = (0..tests + 2).fold(1_u64, |product, _| product.wrapping_mul(MUL));
        (tests <= MAX_TESTS)
            .then(|| Self { of_zero: (0..1 << tests).map(hash_of).collect(), inverse: inverse(multiplied) })
    }

    /// All outcomes and categories whose hash it is: one as a rule.
    pub(super) fn categories(&self, hash: u64) -> impl Iterator<Item = (usize, u32)> {
        self.of_zero.iter().enumerate().filter_map(move |(outcomes, of_zero)| {
            let category = hash.wrapping_sub(*of_zero).wrapping_mul(self.inverse);
            (widened(category as u32) == category).then_some((outcomes, category as u32))
        })
    }
}

/// The number that gives 1 when an odd `number` is multiplied with it: each step doubles the bits that are right.
fn inverse(number: u64) -> u64 {
    (0..6).fold(number, |inverse, _| inverse.wrapping_mul(2_u64.wrapping_sub(number.wrapping_mul(inverse))))
}

#[cfg(test)]
mod tests {
    use super::{Dictionary, MUL, Undo, combine, inverse, widened};

    #[test]
    fn hashes_of_one_category_are_undone() {
        for tests in 0..=8 {
            let undo = Undo::new(tests).unwrap();
            for category in [0, 1, 77, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
                for outcomes in 0..1_usize << tests {
                    let hash = (0..tests)
                        .fold(combine(0, widened(category)), |hash, bit| combine(hash, (outcomes >> bit & 1) as u64));
                    let found: Vec<_> = undo.categories(hash).collect();
                    assert_eq!(found, [(outcomes, category)], "{tests} tests");
                }
            }
        }
        assert!(Undo::new(9).is_none());
    }

    #[test]
    fn odd_numbers_have_inverses() {
        for number in [1, 3, MUL, u64::MAX] {
            assert_eq!(number.wrapping_mul(inverse(number)), 1);
        }
    }

    #[test]
    fn categories_are_numbered_and_others_share_the_last_number() {
        let dictionary = Dictionary::new(&[5, 9, u32::MAX].into());
        assert_eq!([5, 9, u32::MAX].map(|hash| dictionary.code(hash)), [0, 1, 2]);
        assert_eq!([0, 6].map(|hash| dictionary.code(hash)), [3, 3]);
    }
}
