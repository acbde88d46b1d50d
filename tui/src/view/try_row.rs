//! "Try a row": the body at the left or top, the answer beside or below it.

use ratatui::{
    layout::{Constraint, Layout, Rect},
    style::Style,
};

use super::{Canvas, widgets::panel};
use crate::{
    app::{
        App,
        text::pretty_json,
        try_row::{Answer, TryRow},
    },
    format::{ms, wrap},
    theme::Tone,
};

/// Draws the editor.
pub(super) fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let Some(open) = &app.try_row else { return };
    let [left, right] = if area.width >= 80 {
        area.layout(&Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]))
    } else {
        area.layout(&Layout::vertical([Constraint::Fill(3), Constraint::Fill(2)]))
    };
    let inner = panel(canvas, left, &format!("try a row: {}", open.label), &format!("POST {}", open.path));
    editor(open, inset(inner), canvas);
    let remark = if open.waiting { "◐ asking" } else { "" };
    let inner = panel(canvas, right, "answer", remark);
    answer(open, inset(inner), canvas);
}

fn inset(area: Rect) -> Rect {
    Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area }
}

/// The text around the cursor; long lines move sideways so that the cursor stays in sight.
fn editor(open: &TryRow, area: Rect, canvas: &mut Canvas<'_>) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    let (row, column) = (open.area.row, open.area.column);
    let first = (row + 1).saturating_sub(usize::from(area.height));
    let skip = (column + 1).saturating_sub(usize::from(area.width));
    for (y, line) in open.area.lines().skip(first).take(usize::from(area.height)).enumerate() {
        let visible: String = line.chars().skip(skip).collect();
        canvas.text(area, 0, y as u16, &visible, Style::new());
    }
    let before: String =
        open.area.lines().nth(row).unwrap_or_default().chars().skip(skip).take(column - skip.min(column)).collect();
    let cursor = Rect {
        x: area.x + super::widgets::width(&before).min(area.width - 1),
        y: area.y + (row - first) as u16,
        width: 1,
        height: 1,
    };
    let cursor = cursor.intersection(area);
    canvas.buf.set_style(cursor, canvas.theme.selected());
}

fn answer(open: &TryRow, area: Rect, canvas: &mut Canvas<'_>) {
    let (dim, bad) = (canvas.dim(), canvas.tone(Tone::Bad));
    match &open.answer {
        None if open.waiting => {}
        None => {
            canvas.text(area, 0, 0, "Enter sends the body and shows the answer here", dim);
        }
        Some(Err(reason)) => {
            for (y, part) in wrap(&format!("✗ {reason}"), usize::from(area.width)).iter().enumerate() {
                canvas.text(area, 0, y as u16, part, bad);
            }
        }
        Some(Ok(answer)) => answered(answer, area, canvas),
    }
}

fn answered(answer: &Answer, area: Rect, canvas: &mut Canvas<'_>) {
    let good = (200..300).contains(&answer.status);
    let status = canvas.tone(if good { Tone::Good } else { Tone::Bad });
    let dim = canvas.dim();
    let head = format!("{} {}", if good { "●" } else { "✗" }, answer.status);
    let by = answer.model.as_ref().map(|m| format!("  by {m}")).unwrap_or_default();
    canvas.texts(area, 0, 0, &[(&head, status), (&format!("  {} ms from here{by}", ms(answer.took_ms)), dim)]);
    let mut y = 1;
    if let Some(timing) = &answer.timing {
        let text = timing.replace(";dur=", " ").replace(',', " ");
        for part in wrap(&format!("in the daemon, ms: {text}"), usize::from(area.width)) {
            canvas.text(area, 0, y, &part, dim);
            y += 1;
        }
    }
    y += 1;
    for line in pretty_json(&answer.body).lines() {
        for part in wrap(line, usize::from(area.width)) {
            canvas.text(area, 0, y, &part, Style::new());
            y += 1;
            if y >= area.height {
                return;
            }
        }
    }
}
