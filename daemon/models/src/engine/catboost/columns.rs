//! A row becomes bins: one byte per column, computed once, so that every split is one comparison of bytes.
//!
//! A feature has one column per 255 borders (or one-hot values), so a bin always fits its byte. A border `k` of a
//! column is passed when `bin > k`; a one-hot value `k` is met when `bin == k + 1`. [`Test`] is both.

use super::{ctr::CtrGroup, file::Missing};

/// Borders or values per column.
pub(super) const PER_COLUMN: usize = 255;

/// A split over bins: true when `bin ^ flip >= at_least`.
///
/// For a border, `flip` is 0. For a one-hot value, `flip` is the complement of its bin, and only that bin becomes 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) column: u32,
    pub(super) flip: u8,
    pub(super) at_least: u8,
}

impl Test {
    /// The split over border `k` of the feature whose columns begin at `first`.
    pub(super) fn border(first: usize, k: usize) -> Self {
        Self { column: column(first, k), flip: 0, at_least: code(k) }
    }

    /// The split over value `k` of the one-hot feature whose columns begin at `first`.
    pub(super) fn value(first: usize, k: usize) -> Self {
        Self { column: column(first, k), flip: !code(k), at_least: u8::MAX }
    }

    /// Whether `bin` passes.
    pub(super) fn holds(self, bin: u8) -> bool {
        bin ^ self.flip >= self.at_least
    }
}

fn column(first: usize, k: usize) -> u32 {
    u32::try_from(first + k / PER_COLUMN).expect("the number of columns was checked when they were laid out")
}

/// The bin from which border `k` is passed, or that value `k` has: 1 to 255.
fn code(k: usize) -> u8 {
    u8::try_from(k % PER_COLUMN + 1).expect("k % 255 + 1 is at most 255")
}

/// Number of columns for that many borders or values.
pub(super) fn columns_for(count: usize) -> usize {
    count.div_ceil(PER_COLUMN)
}

/// How all columns are filled.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) floats: Vec<FloatColumns>,
    pub(super) one_hots: Vec<OneHotColumns>,
    pub(super) ctrs: Vec<CtrGroup>,
    /// Number of columns.
    pub(super) count: usize,
}

impl Columns {
    /// Writes the bins of `rows` (row-major cells, `width` each): column `c` of row `r` goes to `bins[c * stride + r]`.
    pub(super) fn fill(&self, cells: &[f64], width: usize, stride: usize, bins: &mut [u8]) {
        if self.count == 0 {
            return;
        }
        for (r, row) in cells.chunks_exact(width).enumerate() {
            for float in &self.floats {
                float.fill(row, &mut bins[float.first * stride + r..], stride);
            }
            for one_hot in &self.one_hots {
                one_hot.fill(row, &mut bins[one_hot.first * stride + r..], stride);
            }
        }
        // Combinations look at the bins of the other columns.
        for ctr in &self.ctrs {
            for (r, row) in cells.chunks_exact(width).enumerate() {
                ctr.fill(row, r, stride, bins);
            }
        }
    }

    /// Bytes that they hold.
    pub(super) fn memory_bytes(&self) -> usize {
        let floats = self.floats.iter().map(|float| size_of_val(&*float.borders));
        let one_hots = self.one_hots.iter().map(|one_hot| size_of_val(&*one_hot.values));
        floats.chain(one_hots).chain(self.ctrs.iter().map(CtrGroup::memory_bytes)).sum()
    }
}

/// A number against its borders.
#[derive(Debug)]
pub(super) struct FloatColumns {
    /// The frame's column.
    pub(super) cell: usize,
    pub(super) missing: Missing,
    pub(super) borders: Vec<f32>,
    /// The first of its columns.
    pub(super) first: usize,
}

impl FloatColumns {
    fn fill(&self, row: &[f64], bins: &mut [u8], stride: usize) {
        // The cast rounds, and overflows to infinity, as numpy's does.
        let mut value = row[self.cell] as f32;
        if value.is_nan() {
            value = match self.missing {
                Missing::NotANumber => value,
                Missing::Lowest => f32::NEG_INFINITY,
                Missing::Highest => f32::INFINITY,
            };
        }
        for (chunk, borders) in self.borders.chunks(PER_COLUMN).enumerate() {
            bins[chunk * stride] = bin(value, borders);
        }
    }
}

/// The number of `borders` (increasing, at most 255) that `value` is above; none for NaN.
pub(super) fn bin(value: f32, borders: &[f32]) -> u8 {
    let passed = borders.partition_point(|&border| value > border);
    u8::try_from(passed).expect("a column has at most 255 borders")
}

/// A category against single values.
#[derive(Debug)]
pub(super) struct OneHotColumns {
    /// The frame's column.
    pub(super) cell: usize,
    /// Hash and number of each value, by hash.
    pub(super) values: Vec<(u32, u32)>,
    /// The first of its columns.
    pub(super) first: usize,
}

impl OneHotColumns {
    fn fill(&self, row: &[f64], bins: &mut [u8], stride: usize) {
        for chunk in 0..columns_for(self.values.len()) {
            bins[chunk * stride] = 0;
        }
        let hash = row[self.cell] as u32;
        if let Ok(found) = self.values.binary_search_by_key(&hash, |&(value, _)| value) {
            let k = self.values[found].1 as usize;
            bins[k / PER_COLUMN * stride] = code(k);
        }
    }
}
