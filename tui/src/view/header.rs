//! Line 1: who answers and how well, the tabs, and what is going on wherever one looks.

use ratatui::layout::Rect;

use super::{Canvas, widgets::width};
use crate::{
    app::{App, Link, Screen},
    format::{clip, duration},
    theme::Tone,
};

/// Columns kept for address and connection state, so that the tabs stay where they are.
const STATE: u16 = 42;

/// Draws the line.
pub(super) fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let (accent, dim) = (canvas.tone(Tone::Accent), canvas.dim());
    let mut x = canvas.text(area, 0, 0, " yummy  ", accent);
    let (state, tone) = state(app);
    let state_style = canvas.tone(tone);
    let room = STATE.saturating_sub(x + 1 + width(&state)).max(4);
    let address = clip(app.address(), usize::from(room));
    x += canvas.texts(area, x, 0, &[(&address, dim), (" ", dim), (&state, state_style)]);
    for (screen, at, label) in tabs(app) {
        let style = if screen == app.screen { canvas.theme.selected() } else { dim };
        canvas.text(area, at, 0, &label, style);
        x = at + width(&label);
    }
    let (flag, tone) = flag(app);
    if !flag.is_empty() && x + width(&flag) + 2 <= area.width {
        let style = canvas.tone(tone);
        let inset = Rect { width: area.width - 1, ..area };
        canvas.text_right(inset, 0, &flag, style);
    }
}

/// The connection in a few words.
fn state(app: &App) -> (String, Tone) {
    match &app.link {
        Link::Connecting => ("◐ connecting".into(), Tone::Warn),
        Link::Live if app.options.demo => ("● demo data".into(), Tone::Good),
        Link::Live => ("● live".into(), Tone::Good),
        Link::Lost { attempt, retry_at_ms, .. } => {
            let seconds = retry_at_ms.saturating_sub(app.now_ms).div_ceil(1000);
            (format!("✗ retry {attempt} in {seconds} s"), Tone::Bad)
        }
    }
}

/// What is going on, at the right edge: a run, a capture, a pause, else the daemon's uptime.
fn flag(app: &App) -> (String, Tone) {
    if let Some(run) = &app.load.run {
        let word = if run.stopping { "stopping" } else { "Esc stops" };
        return (format!("▶ {} {:>3.0} s  {word}", run.plan.scenario, run.progress.elapsed_s), Tone::Load);
    }
    if app.frozen.is_some() {
        return ("PAUSED  Space goes on".into(), Tone::Warn);
    }
    if let Some(since) = app.profile.capturing_since_ms {
        let seconds = app.now_ms.saturating_sub(since) / 1000;
        return (format!("◐ capturing {seconds} s"), Tone::Accent);
    }
    let uptime = app.live.frame.as_ref().map(|f| format!("up {}", duration(f.uptime_s)));
    (uptime.unwrap_or_default(), Tone::Dim)
}

/// The tabs with their places: whole names, two letters or the digit alone, as there is room; none on a narrow line.
fn tabs(app: &App) -> Vec<(Screen, u16, String)> {
    let room = app.size.0;
    let from = STATE;
    let label = |digits: usize, letters: usize, screen: Screen| {
        let title: String = screen.title().chars().take(letters).collect();
        let digit = if digits > 0 { (screen as usize + 1).to_string() } else { String::new() };
        format!(" {digit}{}{title} ", if letters > 0 { " " } else { "" })
    };
    for letters in [9, 2, 0] {
        let labels = Screen::ALL.map(|screen| (screen, label(1, letters, screen)));
        let wide: u16 = labels.iter().map(|(_, l)| width(l)).sum();
        if from + wide <= room {
            let mut x = from;
            return labels
                .into_iter()
                .map(|(screen, label)| {
                    let at = x;
                    x += width(&label);
                    (screen, at, label)
                })
                .collect();
        }
    }
    Vec::new()
}

/// The screen whose tab covers a column of line 1.
pub(crate) fn tab_at(app: &App, column: u16) -> Option<Screen> {
    tabs(app).into_iter().find(|(_, at, label)| (*at..at + width(label)).contains(&column)).map(|(screen, ..)| screen)
}
