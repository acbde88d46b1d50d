//! Bars over time, newest at the right, and a gauge. A second that was not heard of is a gap, not a zero.

use ratatui::{layout::Rect, style::Style};

use super::super::Canvas;

/// Eighths of a cell.
const LEVELS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// See the module.
#[derive(Debug)]
pub(in crate::view) struct Bars<'a> {
    /// One value per column, oldest first.
    pub(in crate::view) values: &'a [Option<f64>],
    /// Value of a full bar.
    pub(in crate::view) top: f64,
    pub(in crate::view) style: Style,
}

impl Bars<'_> {
    /// Draws the newest values into the area.
    pub(in crate::view) fn draw(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let skip = self.values.len().saturating_sub(usize::from(area.width));
        let values = &self.values[skip..];
        let heard = values.iter().position(Option::is_some).unwrap_or(values.len());
        let left = area.width - values.len() as u16;
        let eighths = f64::from(area.height) * 8.0;
        for (x, value) in values.iter().enumerate().skip(heard) {
            let column = left + x as u16;
            let Some(value) = value else {
                let dim = canvas.dim();
                canvas.text(area, column, area.height.saturating_sub(1), "·", dim);
                continue;
            };
            let share = if self.top > 0.0 { (value / self.top).clamp(0.0, 1.0) } else { 0.0 };
            // A known zero is a thin line, so that it is told from a gap.
            let filled = ((share * eighths).round() as u16).max(1);
            for row in 0..area.height {
                let level = filled.saturating_sub(row * 8).min(8);
                if level > 0 {
                    canvas.text(area, column, area.height - 1 - row, LEVELS[usize::from(level)], self.style);
                }
            }
        }
    }
}

/// A bar that fills from the left, `share` from 0 to 1.
pub(in crate::view) fn gauge(canvas: &mut Canvas<'_>, area: Rect, share: f64, style: Style) {
    let filled = (share.clamp(0.0, 1.0) * f64::from(area.width)).round() as u16;
    let dim = canvas.dim();
    for x in 0..area.width {
        let (glyph, style) = if x < filled { ("█", style) } else { ("░", dim) };
        canvas.text(area, x, 0, glyph, style);
    }
}
