//! Latency, rate, CPU and memory over time.

use ratatui::layout::{Constraint, Layout, Rect};

use super::{
    super::{
        Canvas,
        widgets::{Bars, Chart, Series, XLabel, log_bounds, nice_ceiling, panel},
    },
    inset, slo_text,
};
use crate::{
    app::{
        App,
        history::{Grid, History, Merge, Point},
        rows,
    },
    format::{count, duration, megabytes, ms, or_unknown},
    theme::Tone,
};

/// Errors a second that fill the bars at least: one error must not look like a wall.
const LEAST_ERRORS: f64 = 10.0;

/// Which series is shown, and its name in titles.
fn series(app: &App) -> (Option<&History>, String) {
    let data = app.shown();
    let key = app.focused.then(|| rows::selected(app).map(|r| r.key())).flatten();
    match key {
        Some(key) => {
            let label = format!(" of {}", key.label());
            (data.models.get(&key), label)
        }
        None => (Some(&data.total), String::new()),
    }
}

fn columns(
    app: &App,
    history: Option<&History>,
    n: usize,
    merge: Merge,
    pick: fn(&Point) -> Option<f64>,
) -> Vec<Option<f64>> {
    history.map_or_else(|| vec![None; n], |h| h.columns(app.chart_now_s(), app.window_s(), n, merge, pick))
}

fn largest(values: &[Option<f64>]) -> f64 {
    values.iter().flatten().copied().fold(0.0, f64::max)
}

/// The chart of p50 and p99.
pub(super) fn latency(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let (history, label) = series(app);
    let slo = app.load.slo_ms();
    let remark = if area.height < 3 { String::new() } else { slo_text(app) };
    let framed = panel(canvas, area, &format!("latency ms{label}"), if app.size.1 >= 32 { "" } else { &remark });
    let inner = inset(framed);
    if inner.height < 3 {
        return;
    }
    let cells = Chart::plot_width(inner.width);
    let n = cells * 2;
    let p50 = columns(app, history, n, Merge::Max, |p| p.p50);
    let p99 = columns(app, history, n, Merge::Max, |p| p.p99);
    let (low, high) = if app.log_scale {
        let least = p50.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        log_bounds(least, largest(&p99))
    } else {
        (0.0, nice_ceiling(largest(&p99)))
    };
    legend(canvas, framed, area, &p50, &p99);
    let grid = Grid::new(app.window_s(), n);
    let back = |ago: u64| grid.columns_back(ago) / 2;
    let window = app.window_s();
    let labels = [0, window / 2, window]
        .into_iter()
        .map(|ago| {
            let text = if ago == 0 { "now".into() } else { format!("-{}", short(ago)) };
            XLabel { back: back(ago), text }
        })
        .collect();
    Chart {
        series: vec![
            Series { values: p50, tone: Tone::P50, mark: ".", points: false },
            Series { values: p99, tone: Tone::P99, mark: "*", points: false },
        ],
        low,
        high,
        log: app.log_scale,
        limit: Some(slo),
        labels,
    }
    .draw(canvas, inner);
}

/// Which line is which, in the frame at the bottom, with the newest values.
fn legend(canvas: &mut Canvas<'_>, framed: Rect, area: Rect, p50: &[Option<f64>], p99: &[Option<f64>]) {
    if framed == area {
        return;
    }
    let newest = |values: &[Option<f64>]| or_unknown(values.last().copied().flatten(), ms);
    let (one, two, dim) = (canvas.tone(Tone::P50), canvas.tone(Tone::P99), canvas.dim());
    let (low, high) = (format!("p50 {:>5}", newest(p50)), format!("p99 {:>5}", newest(p99)));
    let bottom = Rect { y: area.y + area.height - 1, height: 1, ..area };
    canvas.texts(bottom, 2, 0, &[(" ", dim), (&low, one), ("   ", dim), (&high, two), (" ", dim)]);
}

/// A window as `30s`, `2m`, `1h`.
fn short(seconds: u64) -> String {
    let text = duration(seconds as f64);
    text.split_once(' ').filter(|(_, rest)| rest.starts_with("00")).map_or(text.clone(), |(first, _)| first.to_owned())
}

/// Rate, CPU and memory side by side, with the errors where there is room for a fourth.
pub(super) fn sparks(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let (history, label) = series(app);
    let four = area.width >= 100;
    let boxes = if four { 4 } else { 3 };
    let areas = area.layout_vec(&Layout::horizontal(vec![Constraint::Fill(1); boxes]));
    let frame = app.shown().frame.as_ref();
    let cores = frame.map_or(1.0, |f| f.machine.cores);
    let last = history.and_then(History::last);
    let n = usize::from(areas[0].width.saturating_sub(4));
    let rps = columns(app, history, n, Merge::Mean, |p| Some(p.rps));
    let cpu = columns(app, history, n, Merge::Mean, |p| p.cpu);
    let rss = columns(app, history, n, Merge::Max, |p| p.rss);
    let errors = columns(app, history, n, Merge::Max, |p| Some(p.errors));
    // Of the single seconds, which the bars average.
    let peak = history.map_or(0.0, |h| h.since(app.chart_now_s(), app.window_s()).map(|p| p.rps).fold(0.0, f64::max));
    let load = last.is_some_and(|p| p.load_rps > 0.0);
    let now = |value: Option<f64>, form: fn(f64) -> String, wide: usize| format!("{:>wide$}", or_unknown(value, form));
    let rate = format!("req/s{label} {}", now(last.map(|p| p.rps), count, 5));
    spark(
        canvas,
        areas[0],
        &rate,
        &format!("peak {}", count(peak)),
        &rps,
        nice_ceiling(largest(&rps)),
        if load { Tone::Load } else { Tone::Accent },
    );
    let cpu_title = format!("CPU % {}", now(last.and_then(|p| p.cpu), |c| format!("{:.0}", c * 100.0), 3));
    let of = format!("of {} cores", count(cores));
    spark(canvas, areas[1], &cpu_title, &of, &cpu, cores.max(largest(&cpu)), Tone::Good);
    let word = if label.is_empty() { "RSS MB" } else { "memory MB" };
    let rss_title = format!("{word} {}", now(last.and_then(|p| p.rss), megabytes, 4));
    spark(canvas, areas[2], &rss_title, &trend(history, app), &rss, nice_ceiling(largest(&rss)), Tone::P50);
    if four {
        let title = format!("errors/s {}", now(last.map(|p| p.errors), count, 4));
        let top = nice_ceiling(largest(&errors)).max(LEAST_ERRORS);
        spark(canvas, areas[3], &title, "", &errors, top, Tone::Bad);
    }
}

/// How memory moved over the window, per minute; nothing within the first half minute.
fn trend(history: Option<&History>, app: &App) -> String {
    let Some(history) = history else { return String::new() };
    let mut points = history.since(app.chart_now_s(), app.window_s()).filter_map(|p| p.rss.map(|rss| (p.at_s, rss)));
    let (Some(newest), Some(oldest)) = (points.next(), points.last()) else { return String::new() };
    let seconds = newest.0.saturating_sub(oldest.0);
    if seconds < 30 {
        return String::new();
    }
    format!("{:+.1}/min", (newest.1 - oldest.1) / 1e6 * 60.0 / seconds as f64)
}

fn spark(canvas: &mut Canvas<'_>, area: Rect, title: &str, remark: &str, values: &[Option<f64>], top: f64, tone: Tone) {
    let inner = inset(panel(canvas, area, title, remark));
    let style = canvas.tone(tone).remove_modifier(ratatui::style::Modifier::BOLD);
    Bars { values, top, style }.draw(canvas, inner);
}

/// p99 and rate as bars with their names at the left, each `rows` high.
pub(super) fn strips(app: &App, area: Rect, rows: u16, canvas: &mut Canvas<'_>) {
    const NAME: u16 = 7;
    let (history, _) = series(app);
    let n = usize::from(area.width.saturating_sub(NAME));
    let p99 = columns(app, history, n, Merge::Max, |p| p.p99);
    let rps = columns(app, history, n, Merge::Mean, |p| Some(p.rps));
    for (at, (name, values, tone)) in [("p99 ms", p99, Tone::P99), ("req/s", rps, Tone::Accent)].into_iter().enumerate()
    {
        let y = at as u16 * rows;
        if y >= area.height {
            return;
        }
        let strip = Rect { y: area.y + y, height: rows.min(area.height - y), ..area };
        let dim = canvas.dim();
        canvas.text(strip, 0, 0, name, dim);
        let plot = Rect { x: strip.x + NAME.min(strip.width), width: strip.width.saturating_sub(NAME), ..strip };
        let style = canvas.tone(tone).remove_modifier(ratatui::style::Modifier::BOLD);
        Bars { values: &values, top: nice_ceiling(largest(&values)), style }.draw(canvas, plot);
    }
}
