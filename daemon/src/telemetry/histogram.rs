//! The log-linear histogram: which bucket a duration falls into, and percentiles of counted buckets.
//!
//! 64 buckets an octave: values below 128 ns are exact, above that a bucket is at most 1/64 of its value wide and
//! stands for its middle, so that a percentile is wrong by at most 0.79 %. Nothing here is shared between threads;
//! the cells that threads count in are in [`super::shard`].

use std::time::Duration;

use yummy_api::stats::Quantiles;

/// Buckets an octave, as a power of two.
const SUB_BITS: u32 = 6;
/// Values from 2^37 ns (137 s) on count as that: longer than any request timeout that makes sense.
const MAX_BITS: u32 = 37;
/// Number of buckets.
pub(crate) const BUCKETS: usize = ((MAX_BITS - SUB_BITS + 1) as usize) << SUB_BITS;

/// Nanoseconds per millisecond.
const NS_PER_MS: f64 = 1e6;

/// The bucket of a duration.
#[inline]
pub(crate) fn bucket(ns: u64) -> usize {
    let ns = ns.min((1 << MAX_BITS) - 1);
    let shift = (u64::BITS - 1 - SUB_BITS).saturating_sub(ns.leading_zeros());
    // At most 30 * 64 + 127: fits any usize.
    ((shift << SUB_BITS) as u64 + (ns >> shift)) as usize
}

/// The duration, in nanoseconds, that a bucket stands for: its middle.
pub(crate) fn middle(bucket: usize) -> u64 {
    let shift = (bucket >> SUB_BITS).saturating_sub(1);
    let low = ((bucket - (shift << SUB_BITS)) as u64) << shift;
    low + ((1_u64 << shift) >> 1)
}

/// Whole nanoseconds; a duration past 584 years is that.
#[inline]
pub(crate) fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(duration.subsec_nanos()))
}

/// Percentiles of buckets that counted something, in rising order; `None` when there are none.
pub(crate) fn quantiles(counts: impl Iterator<Item = (usize, u64)> + Clone, sum_ns: u64) -> Option<Quantiles> {
    let count: u64 = counts.clone().map(|(_, n)| n).sum();
    if count == 0 {
        return None;
    }
    // Rank of a percentile among `count` sorted values, 1-based: ceil(p * count) in integers.
    let ranks = [500, 900, 990, 999, 1000].map(|per_mille: u64| (count * per_mille).div_ceil(1000).max(1));
    let mut found = [0.0; 5];
    let (mut next, mut seen) = (0, 0);
    for (index, n) in counts {
        seen += n;
        while next < ranks.len() && seen >= ranks[next] {
            found[next] = middle(index) as f64 / NS_PER_MS;
            next += 1;
        }
    }
    let [p50, p90, p99, p99_9, max] = found;
    Some(Quantiles { p50, p90, p99, p99_9, max, mean: sum_ns as f64 / count as f64 / NS_PER_MS })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_values_are_exact() {
        for ns in 0..128 {
            assert_eq!(middle(bucket(ns)), ns);
        }
    }

    #[test]
    fn the_longest_value_has_the_last_bucket() {
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn nothing_counted_has_no_percentile() {
        assert_eq!(quantiles(std::iter::empty(), 0), None);
    }

    proptest! {
        #[test]
        fn a_bucket_is_within_one_percent(ns in 1_u64..(1 << MAX_BITS)) {
            let error = (middle(bucket(ns)) as f64 - ns as f64).abs() / ns as f64;
            prop_assert!(error <= 0.0079, "{ns} is shown as {}", middle(bucket(ns)));
        }

        #[test]
        fn buckets_grow_with_values(a in 0_u64..(1 << 40), b in 0_u64..(1 << 40)) {
            prop_assert!(a > b || bucket(a) <= bucket(b));
        }

        #[test]
        fn percentiles_are_those_of_the_sorted_values(mut values in prop::collection::vec(1_u64..10_000_000_000, 1..500)) {
            let mut buckets = std::collections::BTreeMap::new();
            for &ns in &values {
                *buckets.entry(bucket(ns)).or_default() += 1;
            }
            values.sort_unstable();
            let found = quantiles(buckets.iter().map(|(bucket, n)| (*bucket, *n)), values.iter().sum()).expect("values were counted");
            for (per_mille, shown) in [(500, found.p50), (900, found.p90), (990, found.p99), (999, found.p99_9), (1000, found.max)] {
                let exact = values[(values.len() * per_mille).div_ceil(1000) - 1] as f64;
                prop_assert!((shown * NS_PER_MS - exact).abs() <= exact * 0.0079);
            }
        }
    }
}
