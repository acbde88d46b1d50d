//! Help over any screen: keys, marks and what the numbers mean. Made from the key table.

use ratatui::{
    layout::{Constraint, Rect},
    style::Style,
    widgets::{Clear, Widget as _},
};

use super::{Canvas, widgets::panel};
use crate::{
    app::App,
    format::wrap,
    keys::{self, Scope},
    theme::Tone,
};

/// Width of the text at most: longer lines are hard to read.
const WIDE: u16 = 108;

/// Marks, as glyph and meaning.
const MARKS: [(&str, &str); 6] = [
    ("●", "ready, connected, as expected"),
    ("◐", "loading, connecting, being captured"),
    ("✗", "failed; the version before it goes on serving"),
    ("–", "not served: unsupported flavor, or retired"),
    ("▲", "above the objective, or a warning"),
    ("·", "no data was received: a gap, not a zero"),
];

/// What the numbers are.
const NUMBERS: [&str; 7] = [
    "Latency is the daemon's: from reading the request to having the answer. p50 is what half of the requests stay below, p99 what 99 of 100 do. Read from histograms of at most 1 % error.",
    "The line on top of Overview is the last second; tables are the last ten.",
    "Charts show the largest p99 and the mean rate of the time behind each column.",
    "CPU is the daemon's, 100 % is one core. RSS is the memory it holds, MB are 10^6 bytes.",
    "Load counts from when a request should have been sent, so a server that stalls cannot hide it. 'slow' is the share of requests above the p99 objective, failed, or never sent.",
    "lag is the generator's own lateness: while it is small, the server is what is measured.",
    "A dash is a number that is not known. It is never a zero.",
];

/// Draws help over the whole area, scrolled by some lines.
pub(super) fn draw(app: &App, scrolled: u16, area: Rect, canvas: &mut Canvas<'_>) {
    let wide = area.width.min(WIDE + 4);
    let high = area.height.saturating_sub(2).max(area.height.min(3));
    let place = area.centered(Constraint::Length(wide), Constraint::Length(high));
    Clear.render(place, canvas.buf);
    let title = format!("help: {}", app.screen.title());
    let inner = panel(canvas, place, &title, "↑↓ scroll  Esc closes");
    let inner = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let lines = lines(app, canvas, inner.width);
    let most = (lines.len() as u16).saturating_sub(inner.height);
    for (y, line) in lines.iter().skip(usize::from(scrolled.min(most))).take(usize::from(inner.height)).enumerate() {
        let parts: Vec<_> = line.iter().map(|(text, style)| (text.as_str(), *style)).collect();
        canvas.texts(inner, 0, y as u16, &parts);
    }
}

type Line = Vec<(String, Style)>;

fn lines(app: &App, canvas: &Canvas<'_>, wide: u16) -> Vec<Line> {
    let (accent, strong, dim) = (canvas.tone(Tone::Accent), canvas.strong(), canvas.dim());
    let plain = Style::new();
    let mut lines: Vec<Line> = Vec::new();
    let heading = |lines: &mut Vec<Line>, text: &str| {
        if !lines.is_empty() {
            lines.push(Vec::new());
        }
        lines.push(vec![(text.to_owned(), accent)]);
    };
    let two = wide >= 100;
    for (scope, title) in [(Scope::On(app.screen), app.screen.title()), (Scope::Anywhere, "Anywhere")] {
        heading(&mut lines, title);
        let rows: Vec<_> = keys::on(app.screen).filter(|b| b.scope == scope).collect();
        let column = if two { rows.len().div_ceil(2) } else { rows.len() };
        for at in 0..column {
            let mut line = Vec::new();
            for row in [rows.get(at), rows.get(at + column).filter(|_| two)].into_iter().flatten() {
                line.push((format!("{:<8}", row.shown), strong));
                let help = if two { format!("{:<46}", crate::format::clip(row.help, 45)) } else { row.help.to_owned() };
                line.push((help, plain));
            }
            lines.push(line);
        }
    }
    heading(&mut lines, "Marks");
    lines.extend(MARKS.iter().map(|(glyph, text)| vec![(format!("{glyph:<8}"), strong), ((*text).to_owned(), plain)]));
    heading(&mut lines, "Numbers");
    for text in NUMBERS {
        lines.extend(wrap(text, usize::from(wide)).into_iter().map(|part| vec![(part, plain)]));
    }
    heading(&mut lines, "Connection");
    let version = app
        .live
        .frame
        .as_ref()
        .map(|f| format!("yummyd {} on {}, mlruns {}", f.daemon.version, app.address(), f.daemon.mlruns));
    lines.push(vec![(version.unwrap_or_else(|| format!("nobody answers at {}", app.address())), plain)]);
    lines.push(vec![("More in docs/tui.md; `yummy-tui load --help` runs load without a screen.".into(), dim)]);
    lines
}
