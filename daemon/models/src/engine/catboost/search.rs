//! How many borders a value is above: the step from numbers to bins.
//!
//! Borders stand in blocks of eight. A first look at the last border of each block finds the block, a second one at its
//! eight borders the place in it. With AVX2 each look at eight borders is one comparison; without it, the plain binary
//! search is as good.

/// Borders that are compared at once.
const LANES: usize = 8;

/// At most 255 increasing borders, laid out for searching.
#[derive(Debug)]
pub(super) struct Borders {
    count: usize,
    /// In blocks of [`LANES`]; the last block ends in infinities, which no value is above.
    blocks: Vec<[f32; LANES]>,
    /// The last border of each block but the last, in blocks themselves.
    lasts: Vec<[f32; LANES]>,
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
        Self { count: borders.len(), blocks: in_blocks(borders), lasts: in_blocks(lasts) }
    }

    /// Bytes that they take.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(self) + size_of_val(&*self.blocks) + size_of_val(&*self.lasts)
    }

    /// The number of borders that `value` is above; none for NaN.
    #[inline]
    pub(super) fn bin(&self, value: f32) -> u8 {
        let passed = self.blocks.as_flattened()[..self.count].partition_point(|&border| value > border);
        u8::try_from(passed).expect("there are at most 255 borders")
    }

    /// The same with AVX2.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,popcnt")]
    #[inline]
    pub(super) fn bin_avx2(&self, value: f32) -> u8 {
        use std::arch::x86_64::{_CMP_GT_OQ, _mm256_cmp_ps, _mm256_loadu_ps, _mm256_movemask_ps, _mm256_set1_ps};
        let value = _mm256_set1_ps(value);
        let above = |block: &[f32; LANES]| {
            #[allow(unsafe_code)]
            // SAFETY: the array has the eight numbers that are read.
            let borders = unsafe { _mm256_loadu_ps(block.as_ptr()) };
            _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(value, borders)).count_ones()
        };
        let block: u32 = self.lasts.iter().map(above).sum();
        let place = above(&self.blocks[block as usize]);
        (LANES as u32 * block + place) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::Borders;

    #[test]
    fn both_searches_count_the_borders_below() {
        for count in 1..=255_u8 {
            let borders: Vec<f32> = (0..count).map(|border| f32::from(border) / 2.0).collect();
            let laid_out = Borders::new(&borders);
            for step in -2..260_i16 {
                let value = f32::from(step) / 4.0;
                check(&laid_out, &borders, value);
            }
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0] {
                check(&laid_out, &borders, value);
            }
        }
    }

    fn check(laid_out: &Borders, borders: &[f32], value: f32) {
        let expected = borders.iter().filter(|&&border| value > border).count() as u8;
        assert_eq!(laid_out.bin(value), expected, "{value} among {}", borders.len());
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("popcnt") {
            #[allow(unsafe_code)]
            // SAFETY: the processor has both.
            let own = unsafe { laid_out.bin_avx2(value) };
            assert_eq!(own, expected, "{value} among {}", borders.len());
        }
    }
}
