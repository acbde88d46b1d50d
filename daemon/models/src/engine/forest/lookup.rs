//! Leaf values added for many rows of one tree: looked up in vector registers where they fit, one by one where not.
//!
//! Each row gets exactly one addition per call, so that the order of additions, and with it every bit of a sum, is the
//! caller's. That is also why nothing is added up here across trees.

#![allow(unsafe_code)]

use super::simd::Level;

/// A leaf byte can name this many values, so that many must be there to be looked up.
pub const LEAF_BYTES: usize = 256;

/// How this machine looks up leaf values.
#[derive(Clone, Copy, Debug)]
pub struct Lookup(Level);

impl Lookup {
    /// The best that this machine has.
    #[must_use]
    pub fn detect() -> Self {
        Self(Level::detect())
    }

    /// Every way that this machine has: what tests compare.
    #[must_use]
    pub fn available() -> Vec<Self> {
        Level::available().into_iter().map(Self).collect()
    }

    /// Adds `values[leaf]` to the score of each row. Of `values` the tree has the first `used`, and no leaf is beyond.
    #[inline(always)]
    pub fn add(self, values: &[f64; LEAF_BYTES], used: usize, leaves: &[u8], scores: &mut [f64]) {
        let done = match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `detect` found avx512f, avx512bw, avx512vl and avx512dq.
            Level::Avx512 | Level::Avx512Vbmi => unsafe {
                match used {
                    0..=16 => x86::add::<1>(values, leaves, scores),
                    17..=32 => x86::add::<2>(values, leaves, scores),
                    33..=64 => x86::add::<4>(values, leaves, scores),
                    65..=128 => x86::add::<8>(values, leaves, scores),
                    _ => 0,
                }
            },
            _ => 0,
        };
        let rest = scores[done..].iter_mut().zip(&leaves[done..]);
        rest.for_each(|(score, &leaf)| *score += values[usize::from(leaf)]);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::LEAF_BYTES;

    /// Eight rows at a time, from `P` pairs of registers of eight values each; gives how many rows it has done.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    #[inline]
    pub(super) fn add<const P: usize>(values: &[f64; LEAF_BYTES], leaves: &[u8], scores: &mut [f64]) -> usize {
        let (values, _) = values.as_chunks::<8>();
        let mut tables = [[_mm512_setzero_pd(); 2]; P];
        for (pair, table) in tables.iter_mut().enumerate() {
            *table = [load(&values[2 * pair]), load(&values[2 * pair + 1])];
        }
        let (leaves, _) = leaves.as_chunks::<8>();
        let (scores, _) = scores.as_chunks_mut::<8>();
        for (leaves, scores) in leaves.iter().zip(scores.iter_mut()) {
            let leaf = _mm512_cvtepu8_epi64(_mm_cvtsi64_si128(i64::from_le_bytes(*leaves)));
            let mut found = [_mm512_setzero_pd(); P];
            for (found, [low, high]) in found.iter_mut().zip(tables) {
                // The low four bits of an index choose among sixteen.
                *found = _mm512_permutex2var_pd(low, leaf, high);
            }
            let mut left = P;
            let mut bit = 16;
            while left > 1 {
                let upper = _mm512_test_epi64_mask(leaf, _mm512_set1_epi64(bit));
                for pair in 0..left / 2 {
                    found[pair] = _mm512_mask_blend_pd(upper, found[2 * pair], found[2 * pair + 1]);
                }
                left /= 2;
                bit *= 2;
            }
            let sum = _mm512_add_pd(load(scores), found[0]);
            // SAFETY: the store needs no alignment, and the array has its 64 bytes.
            unsafe { _mm512_storeu_pd(scores.as_mut_ptr(), sum) };
        }
        leaves.len().min(scores.len()) * 8
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn load(values: &[f64; 8]) -> __m512d {
        // SAFETY: the load needs no alignment, and the array has its 64 bytes.
        unsafe { _mm512_loadu_pd(values.as_ptr()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_adds_the_same_value_to_each_row() {
        let values: [f64; LEAF_BYTES] = std::array::from_fn(|leaf| 1.0 / (leaf as f64 + 3.0));
        for used in [1, 2, 16, 17, 31, 32, 33, 64, 65, 100, 128, 129, 256] {
            for rows in [1, 7, 8, 9, 63, 256] {
                let leaves: Vec<u8> = (0..rows).map(|row| ((row * 37 + row / 5) % used) as u8).collect();
                let expected: Vec<f64> = leaves
                    .iter()
                    .zip(0..)
                    .map(|(&leaf, row)| f64::from(row) / 7.0 + values[usize::from(leaf)])
                    .collect();
                for lookup in Lookup::available() {
                    let mut scores: Vec<f64> = (0..rows).map(|row| row as f64 / 7.0).collect();
                    lookup.add(&values, used, &leaves, &mut scores);
                    assert_eq!(scores, expected, "{used} leaves, {rows} rows, {lookup:?}");
                }
            }
        }
    }
}
