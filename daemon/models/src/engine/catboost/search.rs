//! How many borders a value is above: the step from numbers to bins.
//!
//! Few borders are compared with all values of a block one after the other. Many stand in blocks of eight: comparing with
//! the last border of each block finds the block, one look at its eight borders the place in it.
//!
//! Which borders are passed decides the bin, so both ways give the same for every number; NaN passes none.

use super::columns::bin;

/// Borders that are compared at once.
const LANES: usize = 8;

/// Up to this many borders, comparing a block's values with each of them is quicker than searching (`bench_catboost.py`).
#[cfg(target_arch = "x86_64")]
const FEW: usize = 56;

/// At most 255 increasing borders, laid out for searching.
#[derive(Debug)]
pub(super) struct Borders {
    count: usize,
    /// Number of [`Self::blocks`] that have the last border of each block of the others but the last.
    lasts: usize,
    /// The last borders of the blocks, then all borders; both filled up with infinities, which no value is above.
    blocks: Vec<[f32; LANES]>,
}

impl Borders {
    /// Lays out increasing borders, at most 255 of them.
    pub(super) fn new(borders: &[f32]) -> Self {
        let in_blocks = |borders: &[f32]| {
            let block = |borders: &[f32]| {
                let mut block = [f32::INFINITY; LANES];
                block[..borders.len()].copy_from_slice(borders);
                block
            };
            borders.chunks(LANES).map(block).collect::<Vec<_>>()
        };
        let lasts: Vec<f32> = borders.chunks_exact(LANES).map(|block| block[LANES - 1]).collect();
        // Being above the last border of the last block leads nowhere.
        let lasts = if borders.len().is_multiple_of(LANES) { &lasts[..lasts.len().saturating_sub(1)] } else { &lasts };
        let mut blocks = in_blocks(lasts);
        let lasts = blocks.len();
        blocks.extend(in_blocks(borders));
        Self { count: borders.len(), lasts, blocks }
    }

    /// Bytes that they take.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(self) + size_of_val(&*self.blocks)
    }

    fn all(&self) -> &[f32] {
        &self.blocks[self.lasts..].as_flattened()[..self.count]
    }

    /// Writes the bin of each value.
    pub(super) fn bins<const N: usize>(&self, values: &[f32; N], bins: &mut [i8; N]) {
        let borders = self.all();
        for (own, &value) in bins.iter_mut().zip(values) {
            *own = bin(borders.partition_point(|&border| value > border));
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        _CMP_GT_OQ, _mm256_castps_si256, _mm256_cmp_ps, _mm256_loadu_ps, _mm256_movemask_ps, _mm256_packs_epi32,
        _mm256_packus_epi16, _mm256_permutevar8x32_epi32, _mm256_set1_epi8, _mm256_set1_ps, _mm256_setr_epi32,
        _mm256_setzero_ps, _mm256_setzero_si256, _mm256_storeu_si256, _mm256_sub_epi32, _mm256_xor_si256,
    };

    use super::{Borders, FEW, LANES};
    use crate::engine::catboost::columns::ZERO;

    /// Values that are counted for together: four vectors.
    const TOGETHER: usize = 4 * LANES;

    impl Borders {
        /// [`Borders::bins`] of the first `rows` values with AVX2.
        #[target_feature(enable = "avx2,popcnt")]
        #[inline]
        pub(in crate::engine::catboost) fn bins_avx2<const N: usize>(
            &self,
            values: &[f32; N],
            rows: usize,
            bins: &mut [i8; N],
        ) {
            let (few, _) = values.as_chunks::<TOGETHER>();
            if few.is_empty() {
                for (bin, &value) in bins.iter_mut().zip(values) {
                    *bin = self.bin(value);
                }
                return;
            }
            let borders = if self.count <= FEW { self.all() } else { self.blocks[..self.lasts].as_flattened() };
            let (chunks, _) = bins.as_chunks_mut::<TOGETHER>();
            for (values, bins) in few.iter().zip(chunks).take(rows.div_ceil(TOGETHER)) {
                let passed = passed(borders, values);
                if self.count <= FEW {
                    *bins = passed;
                    continue;
                }
                for ((bin, block), &value) in bins.iter_mut().zip(passed).zip(values) {
                    *bin = self.in_block((block ^ ZERO).cast_unsigned().into(), value);
                }
            }
        }

        #[target_feature(enable = "avx2,popcnt")]
        #[inline]
        fn bin(&self, value: f32) -> i8 {
            let block = self.blocks[..self.lasts].iter().map(|block| above(block, value)).sum();
            self.in_block(block, value)
        }

        /// The bin of a value that is above the borders of that many whole blocks.
        #[target_feature(enable = "avx2,popcnt")]
        #[inline]
        fn in_block(&self, block: u32, value: f32) -> i8 {
            let place = above(&self.blocks[self.lasts + block as usize], value);
            (LANES as u32 * block + place) as i8 ^ ZERO
        }
    }

    /// The number of these borders that `value` is above.
    #[target_feature(enable = "avx2,popcnt")]
    #[inline]
    fn above(borders: &[f32; LANES], value: f32) -> u32 {
        #[allow(unsafe_code)]
        // SAFETY: the array has the eight numbers that are read.
        let borders = unsafe { _mm256_loadu_ps(borders.as_ptr()) };
        _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(_mm256_set1_ps(value), borders)).count_ones()
    }

    /// For each value, the bin of the number of borders that it is above.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn passed(borders: &[f32], values: &[f32; TOGETHER]) -> [i8; TOGETHER] {
        let mut vectors = [_mm256_setzero_ps(); TOGETHER / LANES];
        for (vector, values) in vectors.iter_mut().zip(values.as_chunks::<LANES>().0) {
            #[allow(unsafe_code)]
            // SAFETY: the array has the eight numbers that are read.
            let loaded = unsafe { _mm256_loadu_ps(values.as_ptr()) };
            *vector = loaded;
        }
        let mut passed = [_mm256_setzero_si256(); TOGETHER / LANES];
        for &border in borders {
            let border = _mm256_set1_ps(border);
            for (passed, value) in passed.iter_mut().zip(vectors) {
                // What is true is -1.
                *passed = _mm256_sub_epi32(*passed, _mm256_castps_si256(_mm256_cmp_ps::<_CMP_GT_OQ>(value, border)));
            }
        }
        // Packing interleaves the halves of vectors; the permutation undoes it.
        let words = [_mm256_packs_epi32(passed[0], passed[1]), _mm256_packs_epi32(passed[2], passed[3])];
        let bytes = _mm256_packus_epi16(words[0], words[1]);
        let bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        let mut bins = [0; TOGETHER];
        #[allow(unsafe_code)]
        // SAFETY: the array has the 32 bytes that are written.
        unsafe {
            _mm256_storeu_si256(bins.as_mut_ptr().cast(), _mm256_xor_si256(bytes, _mm256_set1_epi8(ZERO)));
        }
        bins
    }
}

#[cfg(test)]
mod tests {
    use super::{super::columns::bin, Borders};

    #[test]
    fn all_searches_count_the_borders_below() {
        for count in 1..=255_u8 {
            let borders: Vec<f32> = (0..count).map(|border| f32::from(border) / 2.0).collect();
            let laid_out = Borders::new(&borders);
            let mut values: Vec<f32> = (-2..260_i16).map(|step| f32::from(step) / 2.0).collect();
            values.extend(values.clone().iter().map(|value| value + 0.25));
            values.extend([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0]);
            for values in values.chunks(32) {
                let mut block = [f32::NAN; 32];
                block[..values.len()].copy_from_slice(values);
                check(&laid_out, &borders, block);
                block.iter().for_each(|&value| check(&laid_out, &borders, [value]));
            }
        }
    }

    fn check<const N: usize>(laid_out: &Borders, borders: &[f32], values: [f32; N]) {
        let expected = values.map(|value| bin(borders.iter().filter(|&&border| value > border).count()));
        let mut bins = [0; N];
        laid_out.bins(&values, &mut bins);
        assert_eq!(bins, expected, "{values:?} among {}", borders.len());
        #[cfg(target_arch = "x86_64")]
        if crate::engine::catboost::has_avx2() {
            #[allow(unsafe_code)]
            // SAFETY: the processor has both.
            unsafe {
                laid_out.bins_avx2(&values, N, &mut bins);
            }
            assert_eq!(bins, expected, "{values:?} among {}", borders.len());
        }
    }
}
