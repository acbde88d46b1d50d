//! A row becomes bins: one byte per column, computed once, so that every split is one comparison of bytes.
//!
//! A feature has one column per 255 borders (or one-hot values), so a bin always fits its byte. Bins are signed, from
//! [`ZERO`] on, because that is how every processor's vectors compare bytes: a border `k` of a column is passed when
//! `bin > ZERO + k`; a one-hot value `k` is met when `bin == ZERO + k + 1`. [`Test`] is both.
//!
//! Rows are binned `N` at a time, column after column: column `c` of row `r` is `bins[c * N + r]`.

use super::{ctr::Categories, file::Missing, search::Borders};

/// Borders or values per column.
pub(super) const PER_COLUMN: usize = 255;

/// The bin of what is above no border and is no value.
pub(super) const ZERO: i8 = i8::MIN;

/// A split over bins: true when `bin ^ flip > above`.
///
/// For a border, `flip` is 0. For a one-hot value, `flip` makes the largest bin of its own, and that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) column: u32,
    pub(super) flip: i8,
    pub(super) above: i8,
}

impl Test {
    /// No row passes it, whatever its first column has.
    pub(super) const NEVER: Self = Self { column: 0, flip: 0, above: i8::MAX };

    /// The split over border `k` of the feature whose columns begin at `first`.
    pub(super) fn border(first: usize, k: usize) -> Self {
        Self { column: column(first, k), flip: 0, above: bin(k % PER_COLUMN) }
    }

    /// The split over value `k` of the one-hot feature whose columns begin at `first`.
    pub(super) fn value(first: usize, k: usize) -> Self {
        Self { column: column(first, k), flip: bin_of_value(k) ^ i8::MAX, above: i8::MAX - 1 }
    }

    /// Whether `bin` passes.
    #[inline]
    pub(super) fn holds(self, bin: i8) -> bool {
        bin ^ self.flip > self.above
    }
}

fn column(first: usize, k: usize) -> u32 {
    u32::try_from(first + k / PER_COLUMN).expect("the number of columns was checked when they were laid out")
}

/// The bin of what is above that many borders of a column.
pub(super) fn bin(passed: usize) -> i8 {
    let passed = u8::try_from(passed).expect("a column has at most 255 borders");
    passed.cast_signed() ^ ZERO
}

/// The bin of value `k` in its own column.
fn bin_of_value(k: usize) -> i8 {
    bin(k % PER_COLUMN + 1)
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
    pub(super) ctrs: Vec<Categories>,
    /// Number of columns.
    pub(super) count: usize,
}

impl Columns {
    /// Writes the bins of up to `N` rows (row-major cells, `width` each); `values` is room for their numbers.
    pub(super) fn fill<const N: usize>(&self, cells: &[f64], width: usize, bins: &mut [i8], values: &mut [f32]) {
        if self.count == 0 {
            return;
        }
        let (bins, _) = bins.as_chunks_mut::<N>();
        let (values, _) = values.as_chunks_mut::<N>();
        self.fill_floats(cells, width, bins, values);
        for one_hot in &self.one_hots {
            one_hot.fill(cells, width, bins);
        }
        // Combinations look at the bins of the other columns.
        for ctr in &self.ctrs {
            ctr.fill(cells, width, bins);
        }
    }

    /// Reads the numbers of all rows, row after row as they lie in memory, then finds the bins feature by feature.
    fn fill_floats<const N: usize>(&self, cells: &[f64], width: usize, bins: &mut [[i8; N]], values: &mut [[f32; N]]) {
        for (r, row) in cells.chunks_exact(width).enumerate() {
            for (float, values) in self.floats.iter().zip(&mut *values) {
                // The cast rounds, and overflows to infinity, as numpy's does.
                values[r] = row[float.cell] as f32;
            }
        }
        #[cfg(target_arch = "x86_64")]
        if super::has_avx2() {
            #[allow(unsafe_code)]
            // SAFETY: the processor has both.
            return unsafe { fill_floats_avx2(&self.floats, values, cells.len() / width, bins) };
        }
        for (float, values) in self.floats.iter().zip(values) {
            float.fill(values, bins, Borders::bins);
        }
    }

    /// Bytes that they hold.
    pub(super) fn memory_bytes(&self) -> usize {
        let borders = self.floats.iter().flat_map(|float| &float.borders).map(Borders::memory_bytes);
        let one_hots = self.one_hots.iter().map(|one_hot| size_of_val(&*one_hot.values));
        borders.chain(one_hots).chain(self.ctrs.iter().map(Categories::memory_bytes)).sum()
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn fill_floats_avx2<const N: usize>(
    floats: &[FloatColumns],
    values: &mut [[f32; N]],
    rows: usize,
    bins: &mut [[i8; N]],
) {
    for (float, values) in floats.iter().zip(values) {
        float.fill(values, bins, |borders, values, bins| borders.bins_avx2(values, rows, bins));
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
    fn fill<const N: usize>(
        &self,
        values: &mut [f32; N],
        bins: &mut [[i8; N]],
        search: impl Fn(&Borders, &[f32; N], &mut [i8; N]),
    ) {
        // NaN is above no border, and so is minus infinity.
        if self.missing == Missing::Highest {
            for value in &mut *values {
                *value = if value.is_nan() { f32::INFINITY } else { *value };
            }
        }
        for (borders, bins) in self.borders.iter().zip(&mut bins[self.first..]) {
            search(borders, values, bins);
        }
    }
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
    fn fill<const N: usize>(&self, cells: &[f64], width: usize, bins: &mut [[i8; N]]) {
        let bins = &mut bins[self.first..][..columns_for(self.values.len())];
        bins.as_flattened_mut().fill(ZERO);
        for (r, row) in cells.chunks_exact(width).enumerate() {
            let hash = row[self.cell] as u32;
            if let Ok(found) = self.values.binary_search_by_key(&hash, |&(value, _)| value) {
                let k = self.values[found].1 as usize;
                bins[k / PER_COLUMN][r] = bin_of_value(k);
            }
        }
    }
}
