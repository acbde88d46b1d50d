//! The exponential function that CatBoost uses for probabilities and exponents, to the bit.
//!
//! It is `expd` of herumi's fmath: a table of 2^(i/2048) and a polynomial of third degree; up to an ulp from libm's.
//! CatBoost calls its vector form for each four neighbours and its scalar form for the rest; they differ past the ends
//! of the range only, see [`exp_each`].

use std::sync::LazyLock;

/// Bits of the exponent that the table covers.
const TABLE_BITS: u32 = 11;
/// Entries of the table.
const TABLE_SIZE: usize = 1 << TABLE_BITS;
/// Bits of a double's fraction.
const FRACTION_BITS: u32 = 52;
/// Adding it rounds a double to an integer, which then stands in the low bits.
const ROUNDER: f64 = (3_u64 << 51) as f64;
/// Where the result would be subnormal.
const LOWEST: f64 = -708.396_418_532_264_1;
/// Where it would be infinite.
const HIGHEST: f64 = 709.782_712_893_384;
/// The width of CatBoost's vectors.
const LANES: usize = 4;

/// Fractions of 2^(i/2048).
static TABLE: LazyLock<[u64; TABLE_SIZE]> = LazyLock::new(|| {
    std::array::from_fn(|i| (i as f64 / TABLE_SIZE as f64).exp2().to_bits() & ((1 << FRACTION_BITS) - 1))
});

/// `exp(x)`, 0 and infinity past the ends: CatBoost's scalar form.
pub(super) fn exp(x: f64) -> f64 {
    if x <= LOWEST {
        0.0
    } else if x >= HIGHEST {
        f64::INFINITY
    } else {
        in_range(x)
    }
}

/// `exp` of each value as CatBoost computes it for a whole list: whole vectors stop at the ends of the range.
pub(super) fn exp_each(values: &mut [f64]) {
    let mut vectors = values.chunks_exact_mut(LANES);
    for vector in &mut vectors {
        for value in vector {
            // Like the processor's min and max, which give the second one for NaN.
            let capped = if *value < HIGHEST { *value } else { HIGHEST };
            *value = in_range(if capped > LOWEST { capped } else { LOWEST });
        }
    }
    for value in vectors.into_remainder() {
        *value = exp(*value);
    }
}

fn in_range(x: f64) -> f64 {
    const PER_UNIT: f64 = TABLE_SIZE as f64 / std::f64::consts::LN_2;
    const UNIT: f64 = 1.0 / PER_UNIT;
    const BIAS: u64 = (1 << (TABLE_BITS + 10)) - (1 << TABLE_BITS);
    let rounded = x * PER_UNIT + ROUNDER;
    let steps = rounded.to_bits();
    let fraction = TABLE[(steps & (TABLE_SIZE as u64 - 1)) as usize];
    let rest = (rounded - ROUNDER) * UNIT - x;
    let exponent = (steps.wrapping_add(BIAS) >> TABLE_BITS) << FRACTION_BITS;
    let polynomial = (3.000_000_002_795_539_4 - rest) * (rest * rest) * 0.166_666_666_852_278_35 - rest + 1.0;
    polynomial * f64::from_bits(exponent | fraction)
}
