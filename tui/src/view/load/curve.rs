//! p99 against the offered rate, both logarithmic because rates double: passes are a line, fails are crosses.

use ratatui::layout::Rect;
use yummy_api::load::{Trial, Verdict};

use super::{
    super::{
        Canvas,
        widgets::{Chart, Series, XLabel, log_bounds, panel},
    },
    inset,
};
use crate::{app::App, format::count, theme::Tone};

/// Draws the chart.
pub(super) fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let remark = if app.load.baseline.is_some() { "dotted: baseline" } else { "x fails" };
    let inner = inset(panel(canvas, area, "p99 ms against offered/s", remark));
    let trials = app.load.trials();
    let points: Vec<_> = trials.iter().filter_map(|t| Some((t, t.offered, t.response_ms?.p99))).collect();
    if points.is_empty() || inner.height < 4 {
        let dim = canvas.dim();
        canvas.text(inner, 0, 0, "each trial will be a point here", dim);
        return;
    }
    let before: Vec<_> =
        app.load.baseline_trials().iter().filter_map(|t| Some((t.offered, t.response_ms?.p99))).collect();
    let rates = || points.iter().map(|p| p.1).chain(before.iter().map(|b| b.0));
    let (least, most) = (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max));
    let (left, right) = (least / 1.15, most * 1.15);
    let latencies = || points.iter().map(|p| p.2).chain(before.iter().map(|b| b.1));
    let lowest = latencies().fold(f64::INFINITY, f64::min);
    let highest = latencies().fold(app.load.slo_ms() * 1.2, f64::max);
    let (low, high) = log_bounds(lowest, highest);
    let n = Chart::plot_width(inner.width) * 2;
    let column = |rate: f64| {
        let share = (rate.ln() - left.ln()) / (right.ln() - left.ln()).max(1e-9);
        (share.clamp(0.0, 1.0) * n.saturating_sub(1) as f64).round() as usize
    };
    let line = |points: &[(f64, f64)]| interpolated(points, &column, n);
    let passed: Vec<_> = points.iter().filter(|p| !failed(p.0)).map(|p| (p.1, p.2)).collect();
    let mut series = Vec::new();
    if !before.is_empty() {
        let mut dotted = line(&before);
        dotted.iter_mut().enumerate().filter(|(at, _)| at % 4 > 1).for_each(|(_, value)| *value = None);
        series.push(Series { values: dotted, tone: Tone::Dim, mark: ".", points: true });
    }
    series.push(Series { values: line(&passed), tone: Tone::P99, mark: "*", points: false });
    let labels = [left * 1.15, (least * most).sqrt(), most]
        .into_iter()
        .map(|rate| XLabel { back: (n.saturating_sub(column(rate))) / 2, text: count(rate) })
        .collect();
    Chart { series, low, high, log: true, limit: Some(app.load.slo_ms()), labels }.draw(canvas, inner);
    crosses(&points, &column, (low, high), inner, canvas);
}

fn failed(trial: &Trial) -> bool {
    matches!(trial.verdict, Verdict::Fail(_))
}

/// Values for every half column from points, straight between them.
fn interpolated(points: &[(f64, f64)], column: &impl Fn(f64) -> usize, n: usize) -> Vec<Option<f64>> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut values = vec![None; n];
    for pair in sorted.windows(2) {
        let (from, to) = (column(pair[0].0), column(pair[1].0));
        for (at, value) in values.iter_mut().enumerate().take(to + 1).skip(from) {
            let share = if to > from { (at - from) as f64 / (to - from) as f64 } else { 0.0 };
            // Straight on logarithmic paper.
            *value = Some((pair[0].1.ln() * (1.0 - share) + pair[1].1.ln() * share).exp());
        }
    }
    if let [only] = sorted[..] {
        let at = column(only.0).min(n.saturating_sub(1));
        values[at] = Some(only.1);
    }
    values
}

/// An `x` for each trial that failed.
fn crosses(
    points: &[(&Trial, f64, f64)],
    column: &impl Fn(f64) -> usize,
    (low, high): (f64, f64),
    area: Rect,
    canvas: &mut Canvas<'_>,
) {
    let bad = canvas.tone(Tone::Bad);
    let wide = Chart::plot_width(area.width) as u16;
    let plot = Rect { x: area.x + area.width - wide, width: wide, height: area.height.saturating_sub(1), ..area };
    for (_, rate, p99) in points.iter().filter(|p| failed(p.0)) {
        let share = (p99.max(1e-9).log10() - low.log10()) / (high.log10() - low.log10()).max(1e-9);
        let from_below = (share.clamp(0.0, 1.0) * f64::from(plot.height.saturating_sub(1))).round() as u16;
        let y = plot.height.saturating_sub(1 + from_below);
        canvas.text(plot, (column(*rate) / 2) as u16, y, "x", bad);
    }
}
