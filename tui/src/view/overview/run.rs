//! The burst: what `b` would do, how it is going, and how it ended. Always in the same place.

use ratatui::layout::Rect;

use super::{
    super::{
        Canvas,
        widgets::{gauge, panel, width},
    },
    inset,
};
use crate::{
    app::{
        App,
        load::{DURATION, RATE, Run, outcome},
        rows,
    },
    format::{clip, count, ms, or_unknown},
    theme::Tone,
};

/// Columns of the gauge at most.
const GAUGE: u16 = 24;

/// Draws the panel, or only its line where it has no frame.
pub(super) fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let (title, remark) = match (&app.load.run, &app.load.last) {
        (Some(run), _) => (format!("{} at {}", run.plan.scenario, run.plan.model.label()), "Esc stops it"),
        (None, Some((plan, _))) => (format!("last {} at {}", plan.scenario, plan.model.label()), "b again  3 details"),
        (None, None) => ("burst".into(), "3 settings"),
    };
    let inner = panel(canvas, area, &title, remark);
    line(app, inset(inner), canvas);
}

/// The line alone.
pub(super) fn line(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    if let Some(run) = &app.load.run {
        return running(run, area, canvas);
    }
    let dim = canvas.dim();
    let plain = ratatui::style::Style::new();
    let room = usize::from(area.width);
    match &app.load.last {
        Some((_, Ok(report))) => {
            canvas.text(area, 0, 0, &clip(&outcome(report), room), plain);
        }
        Some((_, Err(reason))) => {
            let bad = canvas.tone(Tone::Bad);
            canvas.text(area, 0, 0, &clip(&format!("✗ {reason}"), room), bad);
        }
        None => {
            let settings = &app.load.settings;
            let aim = rows::selected(app).map_or_else(|| "a model".into(), |r| r.key().label());
            let text =
                format!("b sends {}/s for {} s to {aim}", count(settings[RATE].value), count(settings[DURATION].value));
            canvas.text(area, 0, 0, &clip(&text, room), dim);
        }
    }
}

fn running(run: &Run, area: Rect, canvas: &mut Canvas<'_>) {
    let progress = &run.progress;
    let (load, strong, dim) = (canvas.tone(Tone::Load), canvas.strong(), canvas.dim());
    let mut x = 0;
    let wide = GAUGE.min(area.width.saturating_sub(72));
    if wide >= 4
        && let Some(total) = progress.total_s
    {
        let share = if total > 0.0 { progress.elapsed_s / total } else { 1.0 };
        gauge(canvas, Rect { width: wide, ..area }, share, load);
        x = wide + 2;
    }
    let time = match progress.total_s {
        Some(total) => format!("{:>4.1} of {total:.0} s", progress.elapsed_s),
        None => format!("{:>4.1} s", progress.elapsed_s),
    };
    let number = |value: Option<f64>, form: fn(f64) -> String| format!("{:>5}", or_unknown(value, form));
    let (achieved, offered) = (number(progress.achieved, count), count(progress.offered));
    let (p50, p99) = (number(progress.p50_ms, ms), number(progress.p99_ms, ms));
    let errors = count(progress.errors as f64);
    let parts = [
        (time.as_str(), load),
        ("  ", dim),
        (achieved.as_str(), strong),
        ("/s of ", dim),
        (offered.as_str(), dim),
        ("  p99 ", dim),
        (p99.as_str(), strong),
        (" ms", dim),
        ("  p50 ", dim),
        (p50.as_str(), strong),
        ("  errors ", dim),
        (errors.as_str(), strong),
        ("  ", dim),
        (progress.phase.as_str(), dim),
    ];
    // Whole parts only: half a number is a wrong number.
    let groups: [&[(&str, ratatui::style::Style)]; 5] =
        [&parts[..4], &parts[4..7], &parts[7..9], &parts[9..11], &parts[11..]];
    for group in groups {
        let wide: u16 = group.iter().map(|(text, _)| width(text)).sum();
        if x + wide > area.width {
            break;
        }
        x += canvas.texts(area, x, 0, group);
    }
}
