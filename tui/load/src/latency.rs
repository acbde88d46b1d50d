//! Histograms of durations: constant memory however long a run is (oha #475 is what happens without).

use std::time::Duration;

use hdrhistogram::Histogram;
use yummy_api::load::LoadQuantiles;

/// Shortest duration that is told from zero, nanoseconds.
const LOWEST_NS: u64 = 1_000;
/// Longest duration that is recorded as itself, nanoseconds; longer ones count as this. Ten times the longest timeout.
const HIGHEST_NS: u64 = 600_000_000_000;
/// Significant decimal digits: an error of at most 0.1 %.
const DIGITS: u8 = 3;
const NANOS_PER_MS: f64 = 1e6;

/// One histogram of durations, 3 digits from 1 µs to 10 minutes.
#[derive(Clone, Debug)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, DIGITS).expect("the bounds are constants that fit"))
    }
}

impl Latency {
    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        self.0.saturating_record(u64::try_from(duration.as_nanos()).unwrap_or(HIGHEST_NS));
    }

    /// Adds another histogram's counts.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all histograms have the same bounds");
    }

    /// Durations that were counted.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One quantile (0 to 1), milliseconds; zero when nothing was counted.
    #[must_use]
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / NANOS_PER_MS
    }

    /// Arithmetic mean, milliseconds.
    #[must_use]
    pub fn mean_ms(&self) -> f64 {
        self.0.mean() / NANOS_PER_MS
    }

    /// The usual quantiles; `None` when nothing was counted.
    #[must_use]
    pub fn quantiles(&self) -> Option<LoadQuantiles> {
        (!self.is_empty()).then(|| LoadQuantiles {
            p50: self.quantile_ms(0.5),
            p90: self.quantile_ms(0.9),
            p99: self.quantile_ms(0.99),
            p99_9: self.quantile_ms(0.999),
            max: self.quantile_ms(1.0),
            mean: self.mean_ms(),
        })
    }

    /// Steps of the cumulative distribution for plots and `.hgrm` files: (quantile, milliseconds, count up to there).
    pub fn steps(&self, ticks_per_half: u32) -> impl Iterator<Item = (f64, f64, u64)> + '_ {
        let mut total = 0;
        self.0.iter_quantiles(ticks_per_half).map(move |step| {
            total += step.count_since_last_iteration();
            (step.quantile(), step.value_iterated_to() as f64 / NANOS_PER_MS, total)
        })
    }

    /// Standard deviation, milliseconds.
    #[must_use]
    pub fn stdev_ms(&self) -> f64 {
        self.0.stdev() / NANOS_PER_MS
    }
}
