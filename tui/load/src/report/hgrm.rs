//! A histogram as HdrHistogram's plotter reads it: value, quantile, count, 1 / (1 - quantile); milliseconds.

use std::fmt::Write as _;

use crate::latency::Latency;

/// Steps in each half of the distance to 100 %, as HdrHistogram's own tools write it.
const TICKS: u32 = 5;

/// The `.hgrm` text of `latency`.
#[must_use]
pub fn render(latency: &Latency) -> String {
    let mut out = String::from("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
    for (quantile, ms, count) in latency.steps(TICKS) {
        let inverse = if quantile < 1.0 { format!("{:>14.2}", 1.0 / (1.0 - quantile)) } else { String::new() };
        let _ = writeln!(out, "{ms:>12.3} {quantile:>2.12} {count:>10} {inverse}");
    }
    let _ = writeln!(out, "#[Mean    = {:>12.3}, StdDeviation   = {:>12.3}]", latency.mean_ms(), latency.stdev_ms());
    let _ = writeln!(out, "#[Max     = {:>12.3}, Total count    = {:>12}]", latency.quantile_ms(1.0), latency.len());
    out
}
