//! The first screen: is it well, what is it doing, and for whom. Charts become bars and then numbers as room shrinks.

mod charts;
mod run;

use ratatui::layout::{Constraint, Layout, Rect};
use yummy_api::{catalog::ModelState, event::Level};

use super::{
    Canvas,
    widgets::{Cell, Column, Kpi, Table, below, draw_kpis, kpi_lines, panel, top},
};
use crate::{
    app::{
        App, Link,
        rows::{self, Row},
    },
    format::{UNKNOWN, clip, clock, count, megabytes, ms, or_unknown, percent},
    theme::Tone,
};

/// Least room for the whole picture.
const FULL: (u16, u16) = (60, 18);

/// Draws the screen.
pub(super) fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    if area.width >= FULL.0 && area.height >= FULL.1 {
        full(app, area, canvas);
    } else {
        compact(app, area, canvas);
    }
}

fn full(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let kpis = kpis(app);
    let tall = area.height >= 30;
    let kpi_h = if tall { 2 + kpi_lines(&kpis, area.width - 4) } else { kpi_lines(&kpis, area.width - 2) };
    let run_h = if tall { 3 } else { 1 };
    let events_h = if tall { 4 } else { 1 };
    let sparks_h = if tall { 6 } else { 4 };
    let list = rows::shown(app);
    let left = area.height.saturating_sub(kpi_h + run_h + events_h + sparks_h);
    let models_h = (list.len() as u16 + 3).clamp(5, left.saturating_sub(7).max(5));
    let [kpi, chart, sparks, models, burst, events] = area.layout(&Layout::vertical([
        Constraint::Length(kpi_h),
        Constraint::Fill(1),
        Constraint::Length(sparks_h),
        Constraint::Length(models_h),
        Constraint::Length(run_h),
        Constraint::Length(events_h),
    ]));
    let inner = if tall { panel(canvas, kpi, &now_title(app), &slo_text(app)) } else { kpi };
    draw_kpis(canvas, inset(inner), &kpis);
    charts::latency(app, chart, canvas);
    charts::sparks(app, sparks, canvas);
    let remark = format!("last 10 s, by {}{}", app.sort.name(), filter_text(app));
    let inner = panel(canvas, models, &format!("models ({})", list.len()), &remark);
    models_table(app, &list, inset(inner), canvas);
    run::draw(app, burst, canvas);
    if tall {
        let inner = panel(canvas, events, "events", "5 shows all");
        newest_events(app, inset(inner), canvas);
    } else {
        newest_events(app, inset(events), canvas);
    }
}

fn compact(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let kpis = kpis(app);
    let busy = app.load.run.is_some() || app.load.last.is_some();
    let kpi_h = kpi_lines(&kpis, area.width).min(3).min(area.height);
    draw_kpis(canvas, top(area, kpi_h), &kpis);
    let mut rest = below(area, kpi_h);
    if busy {
        run::line(app, top(rest, 1), canvas);
        rest = below(rest, 1);
    }
    let bar_h = match rest.height {
        0..8 => 1,
        8..12 => 2,
        _ => 3,
    };
    charts::strips(app, top(rest, bar_h * 2), bar_h, canvas);
    let rest = below(rest, bar_h * 2);
    let list = rows::shown(app);
    if rest.height > 2 {
        let events_h = u16::from(rest.height > 4);
        models_table(app, &list, top(rest, rest.height - events_h), canvas);
        newest_events(app, below(rest, rest.height - events_h), canvas);
    } else {
        newest_events(app, rest, canvas);
    }
}

/// One column of air at both sides.
fn inset(area: Rect) -> Rect {
    Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area }
}

fn filter_text(app: &App) -> String {
    let filter = app.filter();
    if filter.is_empty() { String::new() } else { format!(", filter '{filter}'") }
}

/// The numbers of the last second, most important first.
fn kpis(app: &App) -> Vec<Kpi> {
    let frame = app.shown().frame.as_ref();
    let now = frame.map(|f| &f.total.s1);
    let latency = now.and_then(|w| w.latency_ms);
    let errors = now.and_then(yummy_api::stats::Window::error_share);
    let over = latency.is_some_and(|q| q.p99 > app.load.slo_ms());
    let kpi = |label, value: String, wide, unit, tone| Kpi { label, value, wide, unit, tone };
    // Numbers of a daemon that no longer answers are the past, and look like it.
    let stale = matches!(app.link, Link::Lost { .. }) && app.frozen.is_none();
    let plain = if stale { Tone::Dim } else { Tone::Plain };
    let p99_tone = if over && !stale { Tone::Bad } else { plain };
    let error_tone = if errors.is_some_and(|e| e > 0.0) && !stale { Tone::Warn } else { plain };
    let p99 = format!("{}{}", if over { "▲" } else { "" }, or_unknown(latency.map(|q| q.p99), ms));
    let cpu = frame.and_then(|f| f.process.cpu_cores).map(|c| c * 100.0);
    let load = now.map(|w| if w.seconds > 0.0 { w.load_requests as f64 / w.seconds } else { 0.0 });
    let load_tone = if load.is_some_and(|l| l > 0.0) && !stale { Tone::Load } else { plain };
    vec![
        kpi("RPS", or_unknown(now.map(|w| w.rps), count), 5, "", plain),
        kpi("p50", or_unknown(latency.map(|q| q.p50), ms), 5, "", plain),
        kpi("p99", p99, 6, "ms", p99_tone),
        kpi("errors", or_unknown(errors, percent), 4, "%", error_tone),
        kpi("CPU", cpu.map_or_else(|| UNKNOWN.into(), |c| format!("{c:.0}")), 3, "%", plain),
        kpi("RSS", or_unknown(frame.map(|f| f.process.rss_bytes as f64), megabytes), 4, "MB", plain),
        kpi("in flight", or_unknown(frame.map(|f| f.in_flight as f64), count), 3, "", plain),
        kpi("load", or_unknown(load, count), 5, "/s", load_tone),
    ]
}

/// What the numbers on top are of.
fn now_title(app: &App) -> String {
    match &app.link {
        Link::Lost { .. } if app.frozen.is_none() => {
            let seconds = app.now_ms.saturating_sub(app.live.received_ms) / 1000;
            format!("last heard {} ago", crate::format::duration(seconds as f64))
        }
        _ => "now".into(),
    }
}

/// The objective, and whether the last ten seconds kept it.
fn slo_text(app: &App) -> String {
    let slo = app.load.slo_ms();
    let latency = app.shown().frame.as_ref().and_then(|f| f.total.s10.latency_ms);
    let word = latency.map_or("", |q| if q.p99 <= slo { "  ok" } else { "  ▲ OVER" });
    format!("last 1 s    SLO p99 ≤ {slo} ms{word}")
}

const MODELS: [Column; 9] = [
    Column::text("model", 10, 0),
    Column::word("version", 7, 1),
    Column::word("flavor", 8, 6),
    Column::text("state", 13, 2),
    Column::number("req/s", 6, 3),
    Column::number("p50 ms", 6, 5),
    Column::number("p99 ms", 6, 4),
    Column::number("errors %", 8, 7),
    Column::number("CPU %", 6, 8),
];

fn models_table(app: &App, list: &[Row<'_>], area: Rect, canvas: &mut Canvas<'_>) {
    if list.is_empty() {
        let dim = canvas.dim();
        let text = match app.filter() {
            "" => "no models in mlruns yet; the daemon watches and will show them".to_owned(),
            filter => format!("no model matches '{filter}'; Esc clears the filter"),
        };
        canvas.text(area, 0, 0, &clip(&text, usize::from(area.width)), dim);
        return;
    }
    let rows = list.iter().map(|row| model_cells(row, list)).collect();
    Table { columns: &MODELS, rows, selected: rows::selected_index(app, list) }.draw(canvas, area);
}

fn model_cells(row: &Row<'_>, all: &[Row<'_>]) -> Vec<Cell> {
    let serves = row.state() == ModelState::Ready;
    let window = row.window().filter(|_| serves);
    let latency = window.and_then(|w| w.latency_ms);
    let errors = window.and_then(yummy_api::stats::Window::error_share);
    let tone = if serves { Tone::Plain } else { Tone::Dim };
    let (state, state_tone) = state_text(row, all);
    let cpu = row.stats.filter(|_| serves).and_then(|s| s.cpu_cores).map(|c| c * 100.0);
    vec![
        Cell::new(row.name(), tone),
        Cell::new(row.version().map_or_else(|| UNKNOWN.into(), |v| format!("v{v}")), tone),
        Cell::new(row.flavor().unwrap_or(UNKNOWN), tone),
        Cell::new(state, state_tone),
        Cell::new(or_unknown(window.map(|w| w.rps), count), tone),
        Cell::new(or_unknown(latency.map(|q| q.p50), ms), tone),
        Cell::new(or_unknown(latency.map(|q| q.p99), ms), tone),
        Cell::new(or_unknown(errors, percent), if errors.is_some_and(|e| e > 0.0) { Tone::Warn } else { tone }),
        Cell::new(or_unknown(cpu, |c| format!("{c:.0}")), tone),
    ]
}

/// State as glyph and word; a broken version names the one that serves in its place.
pub(super) fn state_text(row: &Row<'_>, all: &[Row<'_>]) -> (String, Tone) {
    let kept = row.stand_in(all).map(|v| format!(", v{v} serves")).unwrap_or_default();
    match row.state() {
        ModelState::Ready => ("● ready".into(), Tone::Good),
        ModelState::Loading => ("◐ loading".into(), Tone::Warn),
        ModelState::Incomplete => ("◐ incomplete".into(), Tone::Warn),
        ModelState::Failed if kept.is_empty() => ("✗ failed".into(), Tone::Bad),
        ModelState::Failed => (format!("✗ failed{kept}"), Tone::Bad),
        ModelState::Unsupported => ("– unsupported".into(), Tone::Dim),
        ModelState::Retired => ("– retired".into(), Tone::Dim),
    }
}

/// The newest events, newest first, as many as there is room for.
fn newest_events(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    for (y, line) in app.shown().events.iter().rev().take(usize::from(area.height)).enumerate() {
        let (tone, mark) = level_mark(line.level);
        let (dim, style) = (canvas.dim(), canvas.tone(tone));
        let time = clock(line.at_ms, app.options.utc_offset_s);
        let parts = [(time.as_str(), dim), (" ", dim), (mark, style), (" ", dim)];
        let y = y as u16;
        let x = canvas.texts(area, 0, y, &parts);
        let text = clip(&line.message, usize::from(area.width.saturating_sub(x)));
        canvas.text(area, x, y, &text, ratatui::style::Style::new());
    }
}

/// Colour and glyph of a level.
pub(super) fn level_mark(level: Level) -> (Tone, &'static str) {
    match level {
        Level::Info => (Tone::Good, "●"),
        Level::Warn => (Tone::Warn, "▲"),
        Level::Error => (Tone::Bad, "✗"),
    }
}
