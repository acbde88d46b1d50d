//! Statistics of the target over combinations of categories (CTRs), turned into bins when the model is loaded.
//!
//! What a CTR says of a row depends on the row's entry in the table alone, so its bins are looked up, not computed:
//! by its place ([`direct`]) for one category with a few splits, which most combinations are, by its hash ([`table`]) for
//! several categories. All CTRs over one combination are looked up together; [`statistic`] makes their numbers, [`plan`]
//! lays them out.

mod direct;
mod plan;
mod statistic;
mod table;

use direct::{Dictionary, DirectGroup};
pub(super) use plan::CtrPlan;
use table::{BINS_PER_WORD, HashTable};

use super::columns::Test;

/// All CTRs over the same categories, with whatever splits.
#[derive(Debug)]
pub(super) struct Categories {
    /// The frame's columns of the categories.
    cells: Vec<usize>,
    /// For one category, if any of its groups are direct.
    dictionary: Option<Dictionary>,
    direct: Vec<DirectGroup>,
    hashed: Vec<HashedGroup>,
}

/// All CTRs over one combination, found by its hash.
#[derive(Debug)]
struct HashedGroup {
    /// Splits whose outcomes are hashed after the categories.
    tests: Vec<Test>,
    /// The first of its columns.
    first: usize,
    /// Number of columns.
    width: usize,
    table: HashTable,
}

impl Categories {
    /// Writes the bins of up to `N` rows (row-major cells, `width` each); the columns that are tested are there already.
    pub(super) fn fill<const N: usize>(&self, cells: &[f64], width: usize, bins: &mut [[i8; N]]) {
        let rows = cells.len() / width;
        if let (Some(dictionary), &[cell]) = (&self.dictionary, self.cells.as_slice()) {
            let mut codes = [0; N];
            for (code, row) in codes.iter_mut().zip(cells.chunks_exact(width)) {
                *code = dictionary.code(row[cell] as u32);
            }
            for group in &self.direct {
                group.fill(&codes[..rows], bins);
            }
        }
        if self.hashed.is_empty() {
            return;
        }
        let mut hashes = [0; N];
        for &cell in &self.cells {
            for (hash, row) in hashes.iter_mut().zip(cells.chunks_exact(width)) {
                *hash = combine(*hash, widened(row[cell] as u32));
            }
        }
        for group in &self.hashed {
            group.fill(&hashes, rows, bins);
        }
    }

    /// Bytes that they hold.
    pub(super) fn memory_bytes(&self) -> usize {
        let direct: usize = self.direct.iter().map(DirectGroup::memory_bytes).sum();
        let hashed: usize = self.hashed.iter().map(|group| group.table.memory_bytes()).sum();
        self.dictionary.as_ref().map_or(0, Dictionary::memory_bytes) + direct + hashed
    }
}

impl HashedGroup {
    /// Writes the bins of `rows` rows whose categories have these hashes.
    fn fill<const N: usize>(&self, hashes: &[u64; N], rows: usize, bins: &mut [[i8; N]]) {
        let mut hashes = *hashes;
        for test in &self.tests {
            for (hash, &bin) in hashes.iter_mut().zip(&bins[test.column as usize]) {
                *hash = combine(*hash, test.holds(bin).into());
            }
        }
        let mut places = [0; N];
        for (place, &hash) in places[..rows].iter_mut().zip(&hashes) {
            *place = self.table.find(hash);
        }
        let columns = &mut bins[self.first..][..self.width];
        for (word, columns) in columns.chunks_mut(BINS_PER_WORD).enumerate() {
            let mut words = [0; N];
            for (own, &place) in words.iter_mut().zip(&places[..rows]) {
                *own = self.table.word(place, word);
            }
            for (at, column) in columns.iter_mut().enumerate() {
                for (bin, word) in column.iter_mut().zip(&words) {
                    *bin = (word >> (8 * at)) as i8;
                }
            }
        }
    }
}

/// CatBoost's multiplier.
const MUL: u64 = 0x4906_ba49_4954_cb65;

/// The hash of what has hash `a`, and then `b`.
fn combine(a: u64, b: u64) -> u64 {
    MUL.wrapping_mul(a.wrapping_add(MUL.wrapping_mul(b)))
}

/// The hash of a category, widened with its sign, as CatBoost does with an `int`.
fn widened(hash: u32) -> u64 {
    i64::from(hash.cast_signed()).cast_unsigned()
}
