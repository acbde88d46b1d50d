//! A row becomes bins: one byte per column, computed once, so that every split is one comparison of bytes.
//!
//! A feature has one column per 255 borders (or one-hot values), so a bin always fits its byte. A border `k` of a
//! column is passed when `bin > k`; a one-hot value `k` is met when `bin == k + 1`. [`Test`] is both.

use super::{ctr::CtrGroup, file::Missing, search::Borders};

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
        self.fill_floats(cells, width, stride, bins);
        for (r, row) in cells.chunks_exact(width).enumerate() {
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

    fn fill_floats(&self, cells: &[f64], width: usize, stride: usize, bins: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("popcnt") {
            #[allow(unsafe_code)]
            // SAFETY: the processor has both.
            return unsafe { fill_floats_avx2(&self.floats, cells, width, stride, bins) };
        }
        for (r, row) in cells.chunks_exact(width).enumerate() {
            for float in &self.floats {
                float.fill(row, &mut bins[float.first * stride + r..], stride, super::search::Borders::bin);
            }
        }
    }

    /// Bytes that they hold.
    pub(super) fn memory_bytes(&self) -> usize {
        let borders = self.floats.iter().flat_map(|float| &float.borders).map(Borders::memory_bytes);
        let one_hots = self.one_hots.iter().map(|one_hot| size_of_val(&*one_hot.values));
        borders.chain(one_hots).chain(self.ctrs.iter().map(CtrGroup::memory_bytes)).sum()
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn fill_floats_avx2(floats: &[FloatColumns], cells: &[f64], width: usize, stride: usize, bins: &mut [u8]) {
    for (r, row) in cells.chunks_exact(width).enumerate() {
        for float in floats {
            float.fill(row, &mut bins[float.first * stride + r..], stride, |borders, value| borders.bin_avx2(value));
        }
    }
}

/// A number against its borders.
#[derive(Debug)]
pub(super) struct FloatColumns {
    /// The frame's column.
    cell: usize,
    missing: Missing,
    /// Those of each column.
    borders: Vec<Borders>,
    /// The first of its columns.
    first: usize,
}

impl FloatColumns {
    /// The columns from `first` on, for the number in the frame's column `cell`.
    pub(super) fn new(cell: usize, missing: Missing, borders: &[f32], first: usize) -> Self {
        Self { cell, missing, borders: borders.chunks(PER_COLUMN).map(Borders::new).collect(), first }
    }

    #[inline(always)] // Into the function that is compiled for the search's processor.
    fn fill(&self, row: &[f64], bins: &mut [u8], stride: usize, search: impl Fn(&Borders, f32) -> u8) {
        // The cast rounds, and overflows to infinity, as numpy's does.
        let mut value = row[self.cell] as f32;
        if value.is_nan() {
            value = match self.missing {
                Missing::NotANumber => value,
                Missing::Lowest => f32::NEG_INFINITY,
                Missing::Highest => f32::INFINITY,
            };
        }
        for (column, borders) in self.borders.iter().enumerate() {
            bins[column * stride] = search(borders, value);
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
