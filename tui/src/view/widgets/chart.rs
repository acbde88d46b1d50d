//! Lines over a common x, in braille (two by four points a cell), with a frame of labels that does not move.

use ratatui::layout::Rect;

use super::{super::Canvas, width};
use crate::{format, theme::Tone};

/// Columns of the labels at the left, a blank behind them.
const LABELS: u16 = 6;

/// One line: two values per column, oldest first; `None` breaks it.
#[derive(Debug)]
pub(in crate::view) struct Series {
    pub(in crate::view) values: Vec<Option<f64>>,
    pub(in crate::view) tone: Tone,
    /// Mark in ASCII.
    pub(in crate::view) mark: &'static str,
    /// Whether only points are drawn, no line between them.
    pub(in crate::view) points: bool,
}

/// A label below the chart.
#[derive(Debug)]
pub(in crate::view) struct XLabel {
    /// Columns back from the right edge of the plot.
    pub(in crate::view) back: usize,
    pub(in crate::view) text: String,
}

/// See the module.
#[derive(Debug)]
pub(in crate::view) struct Chart {
    pub(in crate::view) series: Vec<Series>,
    /// Values at the lower and the upper edge.
    pub(in crate::view) low: f64,
    pub(in crate::view) high: f64,
    pub(in crate::view) log: bool,
    /// A line across, drawn where it lies within the edges.
    pub(in crate::view) limit: Option<f64>,
    pub(in crate::view) labels: Vec<XLabel>,
}

impl Chart {
    /// Columns of the plot in an area of this width.
    pub(in crate::view) fn plot_width(area_width: u16) -> usize {
        usize::from(area_width.saturating_sub(LABELS))
    }

    /// Draws the chart; values stand at the right edge when there are fewer than fit.
    pub(in crate::view) fn draw(&self, canvas: &mut Canvas<'_>, area: Rect) {
        if area.width <= LABELS || area.height < 3 {
            return;
        }
        let plot = Rect { x: area.x + LABELS, y: area.y, width: area.width - LABELS, height: area.height - 1 };
        self.frame(canvas, area, plot);
        for series in &self.series {
            self.line(canvas, plot, series);
        }
    }

    /// Position of a value, 0 at the lower edge and 1 at the upper one.
    fn position(&self, value: f64) -> f64 {
        if self.log {
            let (low, high) = (self.low.max(1e-9).log10(), self.high.max(1e-9).log10());
            (value.max(1e-9).log10() - low) / (high - low).max(1e-9)
        } else {
            (value - self.low) / (self.high - self.low).max(1e-12)
        }
    }

    fn value_at(&self, position: f64) -> f64 {
        if self.log {
            let (low, high) = (self.low.max(1e-9).log10(), self.high.max(1e-9).log10());
            10_f64.powf(low + (high - low) * position)
        } else {
            self.low + (self.high - self.low) * position
        }
    }

    fn frame(&self, canvas: &mut Canvas<'_>, area: Rect, plot: Rect) {
        let dim = canvas.dim();
        let last = plot.height - 1;
        let ticks: &[f64] = if plot.height >= 9 { &[0.0, 0.5, 1.0] } else { &[0.0, 1.0] };
        let labels = Rect { width: LABELS - 1, ..area };
        for &tick in ticks {
            let y = last - (tick * f64::from(last)).round() as u16;
            let value = self.value_at(tick);
            let text = if value == 0.0 { "0".into() } else { format::ms(value) };
            canvas.text_right(labels, y, &text, dim);
            if tick > 0.0 {
                for x in (0..plot.width).step_by(2) {
                    canvas.text(plot, x, y, "·", dim);
                }
            }
        }
        if let Some(limit) = self.limit {
            let at = self.position(limit);
            if (0.0..=1.0).contains(&at) {
                let y = last - (at * f64::from(last)).round() as u16;
                let style = canvas.tone(Tone::Warn);
                for x in 0..plot.width {
                    canvas.text(plot, x, y, "╌", style);
                }
                canvas.text_right(labels, y, "SLO", style);
            }
        }
        let below = Rect { y: plot.y + plot.height, height: 1, ..plot };
        for label in &self.labels {
            let wide = width(&label.text);
            let right = plot.width.saturating_sub(label.back.min(usize::from(u16::MAX)) as u16);
            if label.back < usize::from(plot.width) {
                let x = right.saturating_sub(wide.div_ceil(2)).min(plot.width.saturating_sub(wide));
                canvas.text(below, x, 0, &label.text, dim);
            }
        }
    }

    fn line(&self, canvas: &mut Canvas<'_>, plot: Rect, series: &Series) {
        let (columns, rows) = (usize::from(plot.width), usize::from(plot.height));
        let mut dots = vec![0_u8; columns * rows];
        let skip = series.values.len().saturating_sub(columns * 2);
        let values = &series.values[skip..];
        let left = columns * 2 - values.len();
        let high = (rows * 4 - 1) as f64;
        let mut before: Option<usize> = None;
        for (x, value) in values.iter().enumerate() {
            let at = value.map(|v| (self.position(v).clamp(0.0, 1.0) * high).round() as usize);
            if let Some(y) = at {
                let from = before.filter(|_| !series.points).unwrap_or(y);
                // The step from the value before, without its own point.
                let range = if from < y { (from + 1).min(y)..=y } else { y..=from.saturating_sub(1).max(y) };
                for y in range {
                    let (column, row) = ((left + x) / 2, rows - 1 - y / 4);
                    dots[row * columns + column] |= dot((left + x) % 2, y % 4);
                }
            }
            before = at;
        }
        let style = canvas.tone(series.tone);
        for row in 0..rows {
            for column in 0..columns {
                let own = dots[row * columns + column];
                if own == 0 {
                    continue;
                }
                let (x, y) = (column as u16, row as u16);
                if canvas.ascii {
                    canvas.text(plot, x, y, series.mark, style);
                    continue;
                }
                // Points of a line that was drawn before stay.
                let under = canvas.buf[(plot.x + x, plot.y + y)].symbol().chars().next().unwrap_or(' ');
                let kept = u32::from(under).checked_sub(0x2800).filter(|bits| *bits < 256).unwrap_or(0);
                let glyph = char::from_u32(0x2800 + (kept | u32::from(own))).unwrap_or(' ');
                canvas.text(plot, x, y, glyph.encode_utf8(&mut [0; 4]), style);
            }
        }
    }
}

/// Bit of a braille point; `y` counts from below.
fn dot(x: usize, y: usize) -> u8 {
    const BITS: [[u8; 4]; 2] = [[0x40, 0x04, 0x02, 0x01], [0x80, 0x20, 0x10, 0x08]];
    BITS[x][y]
}

/// The least round number that is not below a value, so that a scale seldom changes.
pub(in crate::view) fn nice_ceiling(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| step * power >= value * (1.0 - 1e-9)).unwrap_or(10.0);
    step * power
}

/// Whole decades around values, for a logarithmic scale.
pub(in crate::view) fn log_bounds(low: f64, high: f64) -> (f64, f64) {
    let low = if low.is_finite() && low > 0.0 { low } else { 0.01 };
    let high = if high.is_finite() { high.max(low) } else { low };
    let floor = 10_f64.powf(low.log10().floor());
    let ceiling = 10_f64.powf(high.log10().ceil());
    (floor, if ceiling > floor { ceiling } else { floor * 10.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        for (value, top) in
            [(0.0, 1.0), (0.031, 0.04), (1.0, 1.0), (4.8, 6.0), (61.0, 80.0), (81.0, 100.0), (f64::NAN, 1.0)]
        {
            assert!((nice_ceiling(value) - top).abs() < 1e-9, "{value} -> {}", nice_ceiling(value));
        }
        assert_eq!(log_bounds(0.03, 22.0), (0.01, 100.0));
        assert_eq!(log_bounds(0.0, 0.0), (0.01, 0.1));
    }
}
