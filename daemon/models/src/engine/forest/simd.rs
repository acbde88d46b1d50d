//! The kernels compiled for what the machine has, and the lane kernels, which are written in vector instructions.
//!
//! The only unsafe code of the crate: calls of functions that need an instruction set, made only with a [`Level`] that
//! was detected, and loads and stores of whole arrays.

#![allow(unsafe_code)]

use super::{
    Sink,
    batch::{self, Batch},
    columns::{self, Columns},
    descent::Descent,
    lanes::Lanes,
    layout::Step,
};

/// An instruction set that this machine has: only [`Level::detect`] makes any but the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// What every machine of this architecture has.
    Baseline,
    /// 32-byte vectors.
    Avx2,
    /// 64-byte vectors of bytes.
    Avx512,
    /// 64-byte vectors of bytes that can be shuffled.
    Avx512Vbmi,
}

impl Level {
    /// The best that this machine has.
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("popcnt")
            {
                return if is_x86_feature_detected!("avx512vbmi") { Self::Avx512Vbmi } else { Self::Avx512 };
            }
            if is_x86_feature_detected!("avx2") {
                return Self::Avx2;
            }
        }
        Self::Baseline
    }

    /// All that this machine has.
    pub(super) fn available() -> Vec<Self> {
        let best = Self::detect();
        let all = [Self::Baseline, Self::Avx2, Self::Avx512, Self::Avx512Vbmi];
        all.into_iter().filter(|&level| level <= best).collect()
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Vbmi => "avx512vbmi",
        }
    }
}

/// The rows of a block, and room for their bytes.
pub(super) struct Block<'a> {
    pub(super) columns: &'a Columns,
    pub(super) cells: &'a [f64],
    pub(super) width: usize,
    pub(super) bytes: &'a mut [i8],
    pub(super) first_row: usize,
}

/// Scores up to `N` rows, all trees of each.
pub(super) fn batch<const N: usize, S: Sink>(level: Level, batch: &Batch, block: Block<'_>, sink: &mut S) {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Avx512Vbmi => {
            // SAFETY: `detect` found avx512f, avx512bw, avx512vl, avx512dq and popcnt.
            unsafe { x86::batch_avx512::<N, S>(batch, block, sink) }
        }
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            // SAFETY: `detect` found avx2.
            unsafe { x86::batch_avx2::<N, S>(batch, block, sink) }
        }
        _ => batch_body::<N, S>(batch, block, sink, columns::count_below, batch::part::<N>),
    }
}

#[inline(always)]
fn batch_body<const N: usize, S: Sink>(
    batch: &Batch,
    block: Block<'_>,
    sink: &mut S,
    count: impl Fn(&[f64; columns::BLOCK], f64) -> usize + Copy,
    part: impl Fn(&[Step], &[[i8; N]], &mut [u8; N]),
) {
    let Block { columns, cells, width, bytes, first_row } = block;
    columns.fill(cells, width, N, bytes, count);
    let (bytes, _) = bytes.as_chunks::<N>();
    let rows = cells.len() / width;
    let mut places = [0; N];
    for (tree, steps) in batch.trees().enumerate() {
        part(steps, bytes, &mut places);
        sink.rows(tree, first_row, &places[..rows]);
    }
}

/// Scores up to `N` rows, one tree after the other. Only filling in the bytes gains from an instruction set.
pub(super) fn descent<const N: usize, S: Sink>(level: Level, descent: &Descent, block: Block<'_>, sink: &mut S) {
    let Block { columns, cells, width, bytes, first_row } = block;
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Avx512Vbmi => {
            // SAFETY: `detect` found avx512f, avx512bw, avx512vl, avx512dq and popcnt.
            unsafe { x86::fill_avx512(columns, cells, width, N, bytes) }
        }
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            // SAFETY: `detect` found avx2.
            unsafe { x86::fill_avx2(columns, cells, width, N, bytes) }
        }
        _ => columns.fill(cells, width, N, bytes, columns::count_below),
    }
    let (bytes, _) = bytes.as_chunks::<N>();
    descent.run(bytes, first_row, cells.len() / width, sink);
}

/// Lanes for the instruction set of this machine.
#[derive(Debug)]
pub(super) enum AnyLanes {
    /// For [`Level::Avx2`] and [`Level::Avx512`].
    #[cfg(target_arch = "x86_64")]
    Avx2(Lanes<32>),
    /// For [`Level::Avx512Vbmi`].
    #[cfg(target_arch = "x86_64")]
    Vbmi(Lanes<64>),
}

impl AnyLanes {
    /// Lanes for this level, if it has any.
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "no other architecture has lanes"))]
    pub(super) fn new(level: Level, trees: &[Vec<Step>]) -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        match level {
            Level::Baseline => {}
            Level::Avx2 | Level::Avx512 => return Some(Self::Avx2(Lanes::new(trees))),
            Level::Avx512Vbmi => return Some(Self::Vbmi(Lanes::new(trees))),
        }
        None
    }

    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(lanes) => lanes.memory_bytes(),
            #[cfg(target_arch = "x86_64")]
            Self::Vbmi(lanes) => lanes.memory_bytes(),
        }
    }

    /// Scores one row. `block.bytes` is room for one byte of each column, up to a multiple of 64.
    pub(super) fn run<S: Sink>(&self, block: Block<'_>, places: &mut Vec<u8>, sink: &mut S) {
        let Block { columns, cells, width, bytes, first_row } = block;
        let of_trees = match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(lanes) => {
                places.resize(lanes.width(), 0);
                let bytes = &mut bytes[..columns.count().next_multiple_of(16)];
                // SAFETY: these lanes are only made for levels that have avx2.
                unsafe {
                    x86::fill_avx2(columns, cells, width, 1, bytes);
                    x86::lanes_avx2(lanes, bytes, places);
                }
                lanes.places()
            }
            #[cfg(target_arch = "x86_64")]
            Self::Vbmi(lanes) => {
                places.resize(lanes.width(), 0);
                // SAFETY: these lanes are only made for the level that has avx512vbmi and what `detect` wants beside it.
                unsafe {
                    x86::fill_avx512(columns, cells, width, 1, bytes);
                    x86::lanes_vbmi(lanes, bytes, places);
                }
                lanes.places()
            }
        };
        sink.lanes(first_row, of_trees, places);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Batch, Block, Columns, Lanes, Sink, Step, batch_body, columns};

    #[target_feature(enable = "avx2")]
    pub(super) fn batch_avx2<const N: usize, S: Sink>(batch: &Batch, block: Block<'_>, sink: &mut S) {
        batch_body::<N, S>(batch, block, sink, columns::count_below, |steps, bytes, places| match N {
            64 => part_avx2::<N, 2>(steps, bytes, places),
            128 => part_avx2::<N, 4>(steps, bytes, places),
            _ => part_avx2::<N, 8>(steps, bytes, places),
        });
    }

    /// Shows all steps of a tree to `V * 32` rows, whose places stay in registers meanwhile.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn part_avx2<const N: usize, const V: usize>(steps: &[Step], bytes: &[[i8; N]], places: &mut [u8; N]) {
        let mut at = [_mm256_setzero_si256(); V];
        for step in steps {
            let (values, _) = bytes[usize::from(step.column)].as_chunks::<32>();
            let bin = _mm256_set1_epi8(step.bin);
            let lo = _mm256_set1_epi8(step.lo.cast_signed());
            let mid = _mm256_set1_epi8(step.mid.cast_signed());
            for v in 0..V {
                let right = _mm256_cmpgt_epi8(load(as_bytes(&values[v])), bin);
                let here = _mm256_cmpeq_epi8(at[v], lo);
                at[v] = _mm256_blendv_epi8(at[v], mid, _mm256_and_si256(right, here));
            }
        }
        let (places, _) = places.as_chunks_mut::<32>();
        for (places, at) in places.iter_mut().zip(at) {
            // SAFETY: the store needs no alignment, and the array has its 32 bytes.
            unsafe { _mm256_storeu_si256(places.as_mut_ptr().cast(), at) };
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,popcnt")]
    pub(super) fn batch_avx512<const N: usize, S: Sink>(batch: &Batch, block: Block<'_>, sink: &mut S) {
        let count = |thresholds: &_, value| count_below_512(thresholds, value);
        batch_body::<N, S>(batch, block, sink, count, |steps, bytes, places| match N {
            64 => part_avx512::<N, 1>(steps, bytes, places),
            128 => part_avx512::<N, 2>(steps, bytes, places),
            _ => part_avx512::<N, 4>(steps, bytes, places),
        });
    }

    /// Shows all steps of a tree to `V * 64` rows, whose places stay in registers meanwhile.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,popcnt")]
    #[inline]
    fn part_avx512<const N: usize, const V: usize>(steps: &[Step], bytes: &[[i8; N]], places: &mut [u8; N]) {
        let mut at = [_mm512_setzero_si512(); V];
        for step in steps {
            let (values, _) = bytes[usize::from(step.column)].as_chunks::<64>();
            let bin = _mm512_set1_epi8(step.bin);
            let lo = _mm512_set1_epi8(step.lo.cast_signed());
            let mid = _mm512_set1_epi8(step.mid.cast_signed());
            for v in 0..V {
                let here = _mm512_cmpeq_epi8_mask(at[v], lo);
                let goes = _mm512_mask_cmpgt_epi8_mask(here, load_512(as_bytes(&values[v])), bin);
                at[v] = _mm512_mask_mov_epi8(at[v], goes, mid);
            }
        }
        let (places, _) = places.as_chunks_mut::<64>();
        for (places, at) in places.iter_mut().zip(at) {
            // SAFETY: the store needs no alignment, and the array has its 64 bytes.
            unsafe { _mm512_storeu_si512(places.as_mut_ptr().cast(), at) };
        }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn fill_avx2(columns: &Columns, cells: &[f64], width: usize, stride: usize, bytes: &mut [i8]) {
        columns.fill(cells, width, stride, bytes, columns::count_below);
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,popcnt")]
    pub(super) fn fill_avx512(columns: &Columns, cells: &[f64], width: usize, stride: usize, bytes: &mut [i8]) {
        columns.fill(cells, width, stride, bytes, |thresholds, value| count_below_512(thresholds, value));
    }

    /// [`columns::count_below`] in two comparisons: the compiler takes the masks of its own apart bit by bit.
    #[target_feature(enable = "avx512f,popcnt")]
    #[inline]
    fn count_below_512(thresholds: &[f64; columns::BLOCK], value: f64) -> usize {
        let value = _mm512_set1_pd(value);
        let (halves, _) = thresholds.as_chunks::<8>();
        let below = |half: &[f64; 8]| {
            // SAFETY: the load needs no alignment, and the array has its 64 bytes.
            let half = unsafe { _mm512_loadu_pd(half.as_ptr()) };
            _mm512_cmp_pd_mask::<_CMP_LT_OQ>(half, value).count_ones()
        };
        halves.iter().map(below).sum::<u32>() as usize
    }

    /// The places of all trees for one row.
    #[target_feature(enable = "avx2")]
    pub(super) fn lanes_avx2(lanes: &Lanes<32>, row: &[i8], places: &mut [u8]) {
        let (tables, _) = row.as_chunks::<16>();
        match tables.len() {
            0..=1 => lanes_avx2_tables::<1>(lanes, tables, places),
            2 => lanes_avx2_tables::<2>(lanes, tables, places),
            3 => lanes_avx2_tables::<3>(lanes, tables, places),
            4 => lanes_avx2_tables::<4>(lanes, tables, places),
            5..=6 => lanes_avx2_tables::<6>(lanes, tables, places),
            7..=8 => lanes_avx2_tables::<8>(lanes, tables, places),
            9..=10 => lanes_avx2_tables::<10>(lanes, tables, places),
            11..=13 => lanes_avx2_tables::<13>(lanes, tables, places),
            _ => lanes_avx2_tables::<16>(lanes, tables, places),
        }
    }

    #[target_feature(enable = "avx2")]
    fn lanes_avx2_tables<const T: usize>(lanes: &Lanes<32>, row: &[[i8; 16]], places: &mut [u8]) {
        let mut tables = [_mm256_setzero_si256(); T];
        for (table, bytes) in tables.iter_mut().zip(row) {
            // SAFETY: the load needs no alignment, and the array has its 16 bytes.
            *table = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) });
        }
        let (places, _) = places.as_chunks_mut::<32>();
        for (group, places) in lanes.groups().zip(places) {
            let mut at = _mm256_setzero_si256();
            for slot in group {
                let value = lookup(&tables, load(&slot.columns));
                let right = _mm256_cmpgt_epi8(value, load(as_bytes(&slot.bins)));
                let here = _mm256_cmpeq_epi8(at, load(&slot.lo));
                at = _mm256_blendv_epi8(at, load(&slot.mid), _mm256_and_si256(right, here));
            }
            // SAFETY: the store needs no alignment, and the array has its 32 bytes.
            unsafe { _mm256_storeu_si256(places.as_mut_ptr().cast(), at) };
        }
    }

    /// The bytes of 32 columns, of 16 per table: the low four bits of a column are looked up in every table, the high
    /// ones choose between neighbours, then between the chosen, and so on.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn lookup<const T: usize>(tables: &[__m256i; T], columns: __m256i) -> __m256i {
        if T == 1 {
            return _mm256_shuffle_epi8(tables[0], columns);
        }
        let low = _mm256_and_si256(columns, _mm256_set1_epi8(0x0f));
        let mut found = [_mm256_setzero_si256(); T];
        for (found, table) in found.iter_mut().zip(tables) {
            *found = _mm256_shuffle_epi8(*table, low);
        }
        // A blend looks at the highest bit of each byte; shifts bring bits 4, 5 and 6 there.
        let choices = [
            _mm256_slli_epi16::<3>(columns),
            _mm256_slli_epi16::<2>(columns),
            _mm256_slli_epi16::<1>(columns),
            columns,
        ];
        let mut left = T;
        for choice in choices {
            for pair in 0..left / 2 {
                found[pair] = _mm256_blendv_epi8(found[2 * pair], found[2 * pair + 1], choice);
            }
            if left % 2 == 1 {
                found[left / 2] = found[left - 1];
            }
            left = left.div_ceil(2);
        }
        found[0]
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn load(bytes: &[u8; 32]) -> __m256i {
        // SAFETY: the load needs no alignment, and the array has its 32 bytes.
        unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
    }

    fn as_bytes<const L: usize>(bytes: &[i8; L]) -> &[u8; L] {
        // SAFETY: both have the same size, alignment and valid values.
        unsafe { &*std::ptr::from_ref(bytes).cast() }
    }

    /// The places of all trees for one row.
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub(super) fn lanes_vbmi(lanes: &Lanes<64>, row: &[i8], places: &mut [u8]) {
        let (tables, _) = row.as_chunks::<64>();
        match tables.len() {
            0..=1 => lanes_vbmi_tables::<1>(lanes, tables, places),
            2 => lanes_vbmi_tables::<2>(lanes, tables, places),
            _ => lanes_vbmi_tables::<4>(lanes, tables, places),
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn lanes_vbmi_tables<const T: usize>(lanes: &Lanes<64>, row: &[[i8; 64]], places: &mut [u8]) {
        let mut tables = [_mm512_setzero_si512(); T];
        for (table, bytes) in tables.iter_mut().zip(row) {
            *table = load_512(as_bytes(bytes));
        }
        let (places, _) = places.as_chunks_mut::<64>();
        for (group, places) in lanes.groups().zip(places) {
            let mut at = _mm512_setzero_si512();
            for slot in group {
                let columns = load_512(&slot.columns);
                let value = match T {
                    1 => _mm512_permutexvar_epi8(columns, tables[0]),
                    2 => _mm512_permutex2var_epi8(tables[0], columns, tables[1]),
                    _ => {
                        // The highest bit of the column chooses between the first and the second 128.
                        let low = _mm512_permutex2var_epi8(tables[0], columns, tables[1]);
                        let high = _mm512_permutex2var_epi8(tables[2], columns, tables[3]);
                        _mm512_mask_blend_epi8(_mm512_movepi8_mask(columns), low, high)
                    }
                };
                let here = _mm512_cmpeq_epi8_mask(at, load_512(&slot.lo));
                let goes = _mm512_mask_cmpgt_epi8_mask(here, value, load_512(as_bytes(&slot.bins)));
                at = _mm512_mask_blend_epi8(goes, at, load_512(&slot.mid));
            }
            // SAFETY: the store needs no alignment, and the array has its 64 bytes.
            unsafe { _mm512_storeu_si512(places.as_mut_ptr().cast(), at) };
        }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn load_512(bytes: &[u8; 64]) -> __m512i {
        // SAFETY: the load needs no alignment, and the array has its 64 bytes.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }
}
