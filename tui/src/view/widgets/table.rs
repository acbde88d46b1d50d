//! A table: fixed columns with numbers aligned right, the least important columns left out where there is no room.

use ratatui::{layout::Rect, style::Style};

use super::{super::Canvas, below, width};
use crate::{format::clip, theme::Tone};

/// Columns between two columns.
const GAP: u16 = 2;

/// One column.
#[derive(Clone, Copy, Debug)]
pub(in crate::view) struct Column {
    /// Head; the unit stands here, once.
    pub(in crate::view) title: &'static str,
    /// Least width.
    pub(in crate::view) width: u16,
    /// Numbers stand right.
    pub(in crate::view) right: bool,
    /// Most important first: 0 is never left out.
    pub(in crate::view) rank: u8,
    /// Whether it grows to its longest text when there is room.
    pub(in crate::view) grows: bool,
}

impl Column {
    /// A column of text that grows.
    pub(in crate::view) const fn text(title: &'static str, width: u16, rank: u8) -> Self {
        Self { title, width, right: false, rank, grows: true }
    }

    /// A column of short words.
    pub(in crate::view) const fn word(title: &'static str, width: u16, rank: u8) -> Self {
        Self { title, width, right: false, rank, grows: false }
    }

    /// A column of numbers.
    pub(in crate::view) const fn number(title: &'static str, width: u16, rank: u8) -> Self {
        Self { title, width, right: true, rank, grows: false }
    }
}

/// One cell.
#[derive(Clone, Debug)]
pub(in crate::view) struct Cell {
    pub(in crate::view) text: String,
    pub(in crate::view) tone: Tone,
}

impl Cell {
    /// A cell of a tone.
    pub(in crate::view) fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }

    /// A cell of plain text.
    pub(in crate::view) fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// See the module.
#[derive(Debug)]
pub(in crate::view) struct Table<'a> {
    pub(in crate::view) columns: &'a [Column],
    pub(in crate::view) rows: Vec<Vec<Cell>>,
    pub(in crate::view) selected: Option<usize>,
}

impl Table<'_> {
    /// Draws the head, when there is room for more than it, and the rows around the selected one.
    pub(in crate::view) fn draw(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let widths = self.widths(area.width);
        let body = if area.height > 1 {
            let dim = canvas.dim();
            self.line(canvas, area, 0, &widths, |at| (self.columns[at].title, dim));
            below(area, 1)
        } else {
            area
        };
        let shown = usize::from(body.height);
        let first = self.selected.map_or(0, |s| (s + 1).saturating_sub(shown));
        for (y, (index, row)) in self.rows.iter().enumerate().skip(first).take(shown).enumerate() {
            let y = y as u16;
            let styles: Vec<_> = row.iter().map(|cell| canvas.tone(cell.tone)).collect();
            self.line(canvas, body, y, &widths, |at| (row[at].text.as_str(), styles[at]));
            debug_assert!(row.len() >= self.columns.len());
            if self.selected == Some(index) {
                let line = Rect { y: body.y + y, height: 1, ..body };
                canvas.buf.set_style(line, canvas.theme.selected());
            }
        }
    }

    fn line<'t>(
        &self,
        canvas: &mut Canvas<'_>,
        area: Rect,
        y: u16,
        widths: &[Option<u16>],
        content: impl Fn(usize) -> (&'t str, Style),
    ) {
        let mut x = 0;
        for (at, column) in self.columns.iter().enumerate() {
            let Some(wide) = widths[at] else { continue };
            let (text, style) = content(at);
            let text = clip(text, usize::from(wide));
            let indent = if column.right { wide.saturating_sub(width(&text)) } else { 0 };
            canvas.text(area, x + indent, y, &text, style);
            x += wide + GAP;
        }
    }

    /// Width of each column; `None` where it is left out.
    fn widths(&self, room: u16) -> Vec<Option<u16>> {
        let mut widths: Vec<_> = self.columns.iter().map(|c| Some(c.width)).collect();
        let total = |widths: &[Option<u16>]| widths.iter().flatten().map(|w| w + GAP).sum::<u16>().saturating_sub(GAP);
        while total(&widths) > room {
            let least = (0..self.columns.len()).filter(|&c| widths[c].is_some()).max_by_key(|&c| self.columns[c].rank);
            match least {
                Some(at) if self.columns[at].rank > 0 => widths[at] = None,
                _ => break,
            }
        }
        for (at, column) in self.columns.iter().enumerate().filter(|(_, c)| c.grows) {
            let spare = room.saturating_sub(total(&widths));
            if let Some(wide) = &mut widths[at] {
                let longest = self.rows.iter().map(|row| width(&row[at].text)).max().unwrap_or(0);
                *wide += longest.saturating_sub(*wide).min(spare);
                debug_assert!(*wide >= column.width);
            }
        }
        widths
    }
}
