//! Load: which scenario, by which objectives, how it is going, what was found.

mod curve;

use ratatui::layout::{Constraint, Layout, Rect};
use yummy_api::load::{LimitKind, LoadReport, Trial, Verdict};

use super::{
    Canvas,
    widgets::{Cell, Column, Table, gauge, panel},
};
use crate::{
    app::{
        App, Typing,
        load::{SCENARIOS, outcome, verdict},
        rows,
    },
    format::{UNKNOWN, clip, count, ms, or_unknown, percent, wrap},
    theme::Tone,
};

/// Least width for settings beside results.
const SIDE_BY_SIDE: u16 = 76;
/// Columns of the settings.
const LEFT: u16 = 34;
/// Columns of a scenario's name.
const NAMES: u16 = 16;

/// Draws the screen.
pub(super) fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    if area.width >= SIDE_BY_SIDE && area.height >= 12 {
        let [left, right] = area.layout(&Layout::horizontal([Constraint::Length(LEFT), Constraint::Fill(1)]));
        settings_side(app, left, canvas);
        results(app, right, canvas);
    } else {
        compact(app, area, canvas);
    }
}

fn inset(area: Rect) -> Rect {
    Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area }
}

fn settings_side(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let generator_h = if area.height >= 26 { 7 } else { 0 };
    let settings_h = 8.min(area.height.saturating_sub(generator_h + 3));
    let [scenarios, settings, generator] = area.layout(&Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(settings_h),
        Constraint::Length(generator_h),
    ]));
    let inner = inset(panel(canvas, scenarios, "scenario", ""));
    scenario_list(app, inner, canvas);
    let inner = inset(panel(canvas, settings, "settings", "e edits"));
    setting_list(app, inner, canvas);
    if generator_h > 0 {
        let inner = inset(panel(canvas, generator, "generator", ""));
        generator_health(app, inner, canvas);
    }
}

fn scenario_list(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let chosen = app.load.scenario;
    let first = (chosen + 1).saturating_sub(usize::from(area.height));
    let (strong, dim) = (canvas.strong(), canvas.dim());
    for (y, scenario) in (0..area.height).zip(&SCENARIOS[first..]) {
        canvas.text(area, 0, y, scenario.name, strong);
        canvas.text(area, NAMES, y, &clip(scenario.short, usize::from(area.width.saturating_sub(NAMES))), dim);
        if first + usize::from(y) == chosen {
            let line = Rect { y: area.y + y, height: 1, ..area };
            canvas.buf.set_style(line, canvas.theme.selected());
        }
    }
}

fn setting_list(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let (strong, dim) = (canvas.strong(), canvas.dim());
    let editing = match &app.typing {
        Some(Typing::Setting(index, _)) => Some(*index),
        _ => None,
    };
    let relations = ["", "", "≤", "≤", "≥", ""];
    for (y, setting) in app.load.settings.iter().enumerate() {
        let used = y > 1 || app.load.chosen().takes_rate;
        let y16 = y as u16;
        let value = format!("{:>6}", setting.value);
        let style = if used { strong } else { dim };
        canvas.texts(
            area,
            0,
            y16,
            &[
                (&format!("{:<10}{:<2}", setting.name, relations[y]), dim),
                (&value, style),
                (" ", dim),
                (setting.unit, dim),
            ],
        );
        if editing == Some(y) && y16 < area.height {
            canvas.buf.set_style(Rect { y: area.y + y16, height: 1, ..area }, canvas.theme.selected());
        }
    }
}

/// Whether the generator itself can be trusted, and what the server makes of it.
fn generator_health(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let progress = app.load.run.as_ref().map(|r| &r.progress);
    let last = app.load.report().and_then(|r| r.trials.last());
    let lag = progress.map_or_else(|| last.and_then(|t| t.lag_ms).map(|q| q.p99), |p| p.lag_p99_ms);
    let cpu = progress.map_or_else(|| last.and_then(|t| t.cpu.generator), |p| p.generator_cpu);
    let server = app.shown().frame.as_ref().and_then(|f| f.process.cpu_cores);
    let late = lag.is_some_and(|l| l > (app.load.slo_ms() * 0.05).max(1.0));
    let cores = |c: f64| format!("{:.0}", c * 100.0);
    let lines = [
        ("own CPU %", or_unknown(cpu, cores), Tone::Plain),
        ("own lag p99 ms", or_unknown(lag, ms), if late { Tone::Bad } else { Tone::Plain }),
        (
            "in flight",
            progress.and_then(|p| p.in_flight).map_or_else(|| UNKNOWN.into(), |n| n.to_string()),
            Tone::Plain,
        ),
        ("server CPU %", or_unknown(server, cores), Tone::Plain),
    ];
    let dim = canvas.dim();
    for (y, (name, value, tone)) in lines.iter().enumerate() {
        let style = canvas.tone(*tone).patch(canvas.strong());
        canvas.texts(area, 0, y as u16, &[(&format!("{name:<16}"), dim), (&format!("{value:>7}"), style)]);
    }
    let (word, tone) = match lag {
        Some(_) if late => ("▲ late: not the server's fault", Tone::Bad),
        Some(_) => ("● keeps up", Tone::Good),
        None => ("", Tone::Dim),
    };
    let style = canvas.tone(tone);
    canvas.text(area, 0, 4, word, style);
}

fn results(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let head_h = if area.height >= 20 { 5 } else { 4 };
    let trials = app.load.trials().len() as u16;
    let table_h = (trials + 3).clamp(5, (area.height.saturating_sub(head_h) / 2).max(5));
    let [head, chart, table] =
        area.layout(&Layout::vertical([Constraint::Length(head_h), Constraint::Fill(1), Constraint::Length(table_h)]));
    headline(app, head, canvas);
    curve::draw(app, chart, canvas);
    let remark = if app.load.baseline.is_some() { "± against the baseline" } else { "" };
    let inner = inset(panel(canvas, table, "trials, newest first", remark));
    trial_table(app, inner, canvas);
}

fn compact(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let head_h = 2.min(area.height);
    let [head, list, table] = area.layout(&Layout::vertical([
        Constraint::Length(head_h),
        Constraint::Length(if app.load.run.is_some() { 0 } else { (SCENARIOS.len() as u16).min(area.height / 3) }),
        Constraint::Fill(1),
    ]));
    headline(app, head, canvas);
    scenario_list(app, list, canvas);
    trial_table(app, table, canvas);
}

/// What goes on or what came out.
fn headline(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let aim = match (&app.load.run, &app.load.last) {
        (Some(run), _) => run.plan.model.label(),
        (None, Some((plan, _))) => plan.model.label(),
        (None, None) => rows::selected(app).map_or_else(|| "no model".into(), |r| r.key().label()),
    };
    let scenario = match (&app.load.run, &app.load.last) {
        (Some(run), _) => run.plan.scenario,
        (None, Some((plan, _))) => plan.scenario,
        (None, None) => app.load.chosen().name,
    };
    let inner = inset(panel(canvas, area, &format!("{scenario} at {aim}"), "m another model"));
    if let Some(run) = &app.load.run {
        return going_on(&run.progress, run.stopping, inner, canvas);
    }
    match &app.load.last {
        Some((_, Ok(report))) => came_out(report, inner, canvas),
        Some((_, Err(reason))) => {
            let bad = canvas.tone(Tone::Bad);
            for (y, part) in wrap(&format!("✗ {reason}"), usize::from(inner.width)).iter().enumerate() {
                canvas.text(inner, 0, y as u16, part, bad);
            }
        }
        None => {
            let dim = canvas.dim();
            let strong = canvas.strong();
            canvas.texts(
                inner,
                0,
                0,
                &[("s", strong), (" starts it, ", dim), ("Esc", strong), (" stops it from any screen", dim)],
            );
            for (y, part) in (1..).zip(wrap(app.load.chosen().about, usize::from(inner.width))) {
                canvas.text(inner, 0, y, &part, dim);
            }
        }
    }
}

fn going_on(progress: &crate::app::load::Progress, stopping: bool, area: Rect, canvas: &mut Canvas<'_>) {
    let (load, strong, dim) = (canvas.tone(Tone::Load), canvas.strong(), canvas.dim());
    let phase = if stopping { "stopping" } else { progress.phase.as_str() };
    let time = match progress.total_s {
        Some(total) => format!("{:.0} of {total:.0} s", progress.elapsed_s),
        None => format!("{:.0} s", progress.elapsed_s),
    };
    canvas.texts(area, 0, 0, &[(phase, load), ("   ", dim), (&time, dim)]);
    let number = |value: Option<f64>, form: fn(f64) -> String| format!("{:>5}", or_unknown(value, form));
    let offered = count(progress.offered);
    let (achieved, p50, p99) =
        (number(progress.achieved, count), number(progress.p50_ms, ms), number(progress.p99_ms, ms));
    let slow = number(progress.slow_share, percent);
    let parts = [
        (achieved.as_str(), strong),
        ("/s of ", dim),
        (&offered, strong),
        ("   p50 ", dim),
        (&p50, strong),
        ("   p99 ", dim),
        (&p99, strong),
        (" ms   slow ", dim),
        (&slow, strong),
        (" %   errors ", dim),
        (&progress.errors.to_string(), strong),
    ];
    canvas.texts(area, 0, 1, &parts);
    if let Some(total) = progress.total_s.filter(|_| area.height > 2) {
        let bar = Rect { y: area.y + 2, height: 1, ..area };
        gauge(canvas, bar, if total > 0.0 { progress.elapsed_s / total } else { 0.0 }, load);
    }
}

fn came_out(report: &LoadReport, area: Rect, canvas: &mut Canvas<'_>) {
    let strong = canvas.strong();
    let (mark, tone) = match (&report.limit, report.trials.last().map(|t| &t.verdict)) {
        (Some(limit), _) if limit.kind == LimitKind::Generator => ("▲ ", Tone::Warn),
        (Some(_), _) | (None, Some(Verdict::Pass)) => ("● ", Tone::Good),
        (None, Some(Verdict::Fail(_))) => ("✗ ", Tone::Bad),
        _ => ("– ", Tone::Dim),
    };
    let style = canvas.tone(tone);
    let text = clip(&outcome(report), usize::from(area.width.saturating_sub(2)));
    canvas.texts(area, 0, 0, &[(mark, style), (&text, strong)]);
    let notes = report.notes.iter().flat_map(|note| wrap(note, usize::from(area.width)));
    let dim = canvas.dim();
    for (y, part) in notes.enumerate() {
        canvas.text(area, 0, 1 + y as u16, &part, dim);
    }
}

const TRIALS: [Column; 8] = [
    Column::number("offered/s", 9, 0),
    Column::number("achieved", 8, 2),
    Column::number("p50 ms", 6, 4),
    Column::number("p99 ms", 6, 1),
    Column::number("slow %", 6, 6),
    Column::number("errors", 6, 5),
    Column::text("verdict", 8, 3),
    Column::number("± %", 6, 7),
];

fn trial_table(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let trials = app.load.trials();
    if trials.is_empty() {
        let dim = canvas.dim();
        canvas.text(area, 0, 0, "none yet", dim);
        return;
    }
    let baseline = app.load.baseline_trials();
    let rows = trials.iter().rev().map(|trial| trial_cells(trial, baseline)).collect();
    // The change stands last, so that without a baseline it is simply left away.
    let columns = if baseline.is_empty() { &TRIALS[..TRIALS.len() - 1] } else { &TRIALS[..] };
    Table { columns, rows, selected: None }.draw(canvas, area);
}

fn trial_cells(trial: &Trial, baseline: &[Trial]) -> Vec<Cell> {
    let p99 = trial.response_ms.map(|q| q.p99);
    // Rates of a search differ from run to run; within 5 %, its own precision, they are the same trial.
    let same = baseline.iter().find(|b| (b.offered - trial.offered).abs() <= trial.offered * 0.05);
    let change = match (p99, same.and_then(|b| b.response_ms).map(|q| q.p99)) {
        (Some(now), Some(before)) if before > 0.0 => Some((now / before - 1.0) * 100.0),
        _ => None,
    };
    let change_tone = match change {
        Some(c) if c > 10.0 => Tone::Bad,
        Some(c) if c < -10.0 => Tone::Good,
        _ => Tone::Dim,
    };
    let tone = match trial.verdict {
        Verdict::Pass => Tone::Good,
        Verdict::Fail(_) => Tone::Bad,
        Verdict::Measured => Tone::Plain,
        _ => Tone::Warn,
    };
    let errors: u64 = trial.errors.values().sum();
    vec![
        Cell::plain(count(trial.offered)),
        Cell::plain(count(trial.achieved)),
        Cell::plain(or_unknown(trial.response_ms.map(|q| q.p50), ms)),
        Cell::plain(or_unknown(p99, ms)),
        Cell::plain(or_unknown(trial.slow_share, percent)),
        Cell::new(errors.to_string(), if errors > 0 { Tone::Warn } else { Tone::Dim }),
        Cell::new(verdict(trial), tone),
        Cell::new(change.map_or_else(String::new, |c| format!("{c:+.0}")), change_tone),
    ]
}
