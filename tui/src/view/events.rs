//! Events of the daemon and of the dashboard itself, newest on top.

use ratatui::layout::Rect;
use yummy_api::event::Level;

use super::{
    Canvas,
    widgets::{Cell, Column, Table, panel},
};
use crate::{
    app::{App, events_shown},
    format::{clock, wrap},
    theme::Tone,
};

const COLUMNS: [Column; 4] = [
    Column::word("time", 8, 2),
    Column::word("level", 7, 1),
    Column::word("kind", 7, 3),
    Column::text("message", 8, 0),
];

/// Draws the screen.
pub(super) fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let lines = events_shown(app);
    let level = match app.events.level {
        Level::Info => "all levels",
        Level::Warn => "warnings and errors",
        Level::Error => "errors",
    };
    let mut title = format!("events: {level}");
    if app.events.model_only
        && let Some(model) = &app.selected
    {
        title.push_str(&format!(", {}", model.name));
    }
    if !app.filter().is_empty() {
        title.push_str(&format!(", '{}'", app.filter()));
    }
    let all = app.shown().events.len();
    let following = if app.events.back == 0 { "following  " } else { "held, f follows  " };
    let remark = format!("{following}{} of {all}", lines.len());
    let inner = panel(canvas, area, &title, &remark);
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    if lines.is_empty() {
        let dim = canvas.dim();
        canvas.text(
            inner,
            0,
            0,
            if all == 0 { "nothing happened yet" } else { "nothing of this kind; Esc clears the filter, l the level" },
            dim,
        );
        return;
    }
    let selected = app.events.back.min(lines.len() - 1);
    // The selected line whole, below the list, when it does not fit into its row.
    let message = &lines[lines.len() - 1 - selected].message;
    let whole = wrap(message, usize::from(inner.width));
    let long = message.chars().count() + 28 > usize::from(inner.width) && inner.height > 6;
    let foot = if long { (whole.len() as u16 + 1).min(inner.height / 2) } else { 0 };
    let list = Rect { height: inner.height - foot, ..inner };
    let rows = lines
        .iter()
        .rev()
        .map(|line| {
            let (tone, word) = match line.level {
                Level::Info => (Tone::Dim, "● info"),
                Level::Warn => (Tone::Warn, "▲ warn"),
                Level::Error => (Tone::Bad, "✗ error"),
            };
            let text = if line.level == Level::Error { Tone::Bad } else { Tone::Plain };
            vec![
                Cell::new(clock(line.at_ms, app.options.utc_offset_s), Tone::Dim),
                Cell::new(word, tone),
                Cell::new(line.kind, Tone::Dim),
                Cell::new(line.message.replace('\n', " "), text),
            ]
        })
        .collect();
    Table { columns: &COLUMNS, rows, selected: Some(selected) }.draw(canvas, list);
    let strong = canvas.strong();
    let below = Rect { y: list.y + list.height, height: foot, ..inner };
    for (y, part) in whole.iter().enumerate() {
        canvas.text(below, 0, y as u16 + 1, part, strong);
    }
}
