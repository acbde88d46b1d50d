//! The first screen when no daemon has answered yet: what to do, and when the next attempt is made.

use ratatui::layout::{Constraint, Rect};

use super::{
    Canvas,
    widgets::{panel, width},
};
use crate::{
    app::{App, Link},
    format::wrap,
    theme::Tone,
};

/// Draws the box.
pub(super) fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let (strong, dim, bad) = (canvas.strong(), canvas.dim(), canvas.tone(Tone::Bad));
    let plain = ratatui::style::Style::new();
    let target = app.address();
    let lines = match &app.link {
        Link::Lost { reason, attempt, retry_at_ms } => {
            let seconds = retry_at_ms.saturating_sub(app.now_ms).div_ceil(1000);
            vec![
                (format!("✗ no yummyd at {target}"), bad),
                (reason.clone(), dim),
                (String::new(), plain),
                ("Start one in another terminal:".into(), plain),
                ("  yummyd --mlruns ./mlruns".into(), strong),
                ("or name another with --url, or press D for demo data.".into(), plain),
                (String::new(), plain),
                (format!("attempt {attempt}, next in {seconds} s   R tries now"), dim),
            ]
        }
        Link::Connecting => vec![(format!("◐ connecting to {target}"), plain)],
        Link::Live => vec![(format!("● connected to {target}, waiting for the first numbers"), plain)],
    };
    let room = area.width.saturating_sub(4).min(64);
    let lines: Vec<_> = lines
        .into_iter()
        .flat_map(|(text, style)| {
            let parts = if text.is_empty() { vec![text] } else { wrap_indented(&text, usize::from(room)) };
            parts.into_iter().map(move |part| (part, style))
        })
        .collect();
    let wide = lines.iter().map(|(text, _)| width(text)).max().unwrap_or(0) + 4;
    let high = lines.len() as u16 + 2;
    let inner = if area.height >= high && area.width >= wide {
        let place = area.centered(Constraint::Length(wide), Constraint::Length(high));
        let framed = panel(canvas, place, "yummy", "");
        Rect { x: framed.x + 1, width: framed.width.saturating_sub(2), ..framed }
    } else {
        area
    };
    for (y, (text, style)) in lines.iter().enumerate() {
        canvas.text(inner, 0, y as u16, text, *style);
    }
}

/// Wraps a text whose leading blanks mean something.
fn wrap_indented(text: &str, room: usize) -> Vec<String> {
    if text.len() <= room { vec![text.to_owned()] } else { wrap(text, room) }
}
