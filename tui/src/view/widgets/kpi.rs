//! Numbers in cells of fixed width: label, value, unit. They wrap, and the least important leave first.

use ratatui::layout::Rect;

use super::{super::Canvas, width};
use crate::theme::Tone;

/// Columns between two cells.
const GAP: u16 = 3;

/// One number.
#[derive(Clone, Debug)]
pub(in crate::view) struct Kpi {
    pub(in crate::view) label: &'static str,
    pub(in crate::view) value: String,
    /// Columns kept for the value, so that nothing moves when it grows.
    pub(in crate::view) wide: u16,
    pub(in crate::view) unit: &'static str,
    pub(in crate::view) tone: Tone,
}

impl Kpi {
    fn width(&self) -> u16 {
        let unit = if self.unit.is_empty() { 0 } else { width(self.unit) + 1 };
        width(self.label) + 1 + self.wide.max(width(&self.value)) + unit
    }
}

/// Which of the numbers stand in which line.
fn wrap(kpis: &[Kpi], room: u16) -> Vec<Vec<&Kpi>> {
    let mut lines: Vec<Vec<&Kpi>> = vec![Vec::new()];
    let mut used = 0;
    for kpi in kpis {
        let wide = kpi.width();
        if used > 0 && used + GAP + wide > room {
            lines.push(Vec::new());
            used = 0;
        }
        used += wide + if used > 0 { GAP } else { 0 };
        if let Some(line) = lines.last_mut() {
            line.push(kpi);
        }
    }
    lines
}

/// Lines that the numbers take in a given width.
pub(in crate::view) fn lines(kpis: &[Kpi], room: u16) -> u16 {
    wrap(kpis, room).len() as u16
}

/// Draws the numbers, most important first; what does not fit is left out.
pub(in crate::view) fn draw(canvas: &mut Canvas<'_>, area: Rect, kpis: &[Kpi]) {
    let (dim, strong) = (canvas.dim(), canvas.strong());
    for (y, line) in wrap(kpis, area.width).into_iter().take(usize::from(area.height)).enumerate() {
        let (mut x, y) = (0, y as u16);
        for kpi in line {
            let style = if kpi.tone == Tone::Plain { strong } else { canvas.tone(kpi.tone).patch(strong) };
            let value = format!("{:>1$}", kpi.value, usize::from(kpi.wide));
            x += canvas.texts(area, x, y, &[(kpi.label, dim), (" ", dim), (&value, style)]);
            if !kpi.unit.is_empty() {
                x += canvas.texts(area, x, y, &[(" ", dim), (kpi.unit, dim)]);
            }
            x += GAP;
        }
    }
}
