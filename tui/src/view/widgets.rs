//! Building blocks: text that never leaves its place, panels, tables, bars, line charts and numbers in cells.

mod bars;
mod chart;
mod kpi;
mod panel;
mod table;

pub(super) use bars::{Bars, gauge};
pub(super) use chart::{Chart, Series, XLabel, log_bounds, nice_ceiling};
pub(super) use kpi::{Kpi, draw as draw_kpis, lines as kpi_lines};
pub(super) use panel::panel;
pub(super) use table::{Cell, Column, Table};

use ratatui::{layout::Rect, style::Style};
use unicode_width::UnicodeWidthStr;

use super::Canvas;
use crate::{
    format::clip,
    theme::{Theme, Tone},
};

impl Canvas<'_> {
    /// Writes a text at a place within an area, clipped to it. Returns the columns it took.
    pub(super) fn text(&mut self, area: Rect, x: u16, y: u16, text: &str, style: Style) -> u16 {
        let area = area.intersection(self.buf.area);
        if x >= area.width || y >= area.height {
            return 0;
        }
        let room = usize::from(area.width - x);
        let (end, _) = self.buf.set_stringn(area.x + x, area.y + y, text, room, style);
        end - area.x - x
    }

    /// Writes texts of different styles one after another. Returns the columns they took.
    pub(super) fn texts(&mut self, area: Rect, x: u16, y: u16, parts: &[(&str, Style)]) -> u16 {
        let mut at = x;
        for (text, style) in parts {
            at += self.text(area, at, y, text, *style);
        }
        at - x
    }

    /// Writes a text that ends at the right edge of an area.
    pub(super) fn text_right(&mut self, area: Rect, y: u16, text: &str, style: Style) {
        let text = clip(text, usize::from(area.width));
        let x = area.width.saturating_sub(width(&text));
        self.text(area, x, y, &text, style);
    }

    /// Style of a tone.
    pub(super) fn tone(&self, tone: Tone) -> Style {
        self.theme.style(tone)
    }

    /// Secondary text.
    pub(super) fn dim(&self) -> Style {
        self.tone(Tone::Dim)
    }

    /// Text that a screen is about.
    pub(super) fn strong(&self) -> Style {
        Theme::strong(self.theme)
    }
}

/// Columns of a text.
pub(super) fn width(text: &str) -> u16 {
    u16::try_from(text.width()).unwrap_or(u16::MAX)
}

/// The area without its first `rows` rows.
pub(super) fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect { y: area.y + rows, height: area.height - rows, ..area }
}

/// The first `rows` rows of an area.
pub(super) fn top(area: Rect, rows: u16) -> Rect {
    Rect { height: rows.min(area.height), ..area }
}
