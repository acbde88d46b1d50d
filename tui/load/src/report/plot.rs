//! Line charts as SVG, without a library: axes, points, lines, a limit line.

use std::fmt::Write as _;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 40.0;

/// One line of a chart.
pub(super) struct Series {
    pub(super) name: &'static str,
    /// One of the style sheet's classes `a`, `b`, `c`.
    pub(super) class: &'static str,
    /// Also joined by a line, or points only.
    pub(super) joined: bool,
    pub(super) points: Vec<(f64, f64)>,
}

/// What a chart shows.
pub(super) struct Chart {
    pub(super) title: &'static str,
    pub(super) x: &'static str,
    pub(super) y: &'static str,
    /// Powers of ten on both axes.
    pub(super) log: bool,
    /// A horizontal line: the objective.
    pub(super) limit: Option<f64>,
    pub(super) series: Vec<Series>,
}

struct Axis {
    low: f64,
    high: f64,
    log: bool,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>, log: bool) -> Self {
        let usable = values.filter(|value| value.is_finite() && (!log || *value > 0.0));
        let (low, high) = usable.fold((f64::INFINITY, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
        if !low.is_finite() {
            return Self { low: if log { 0.1 } else { 0.0 }, high: 1.0, log };
        }
        // A logarithmic axis needs an extent, a linear one starts at zero.
        let low = if log { low / 1.2 } else { 0.0 };
        Self { low, high: if high > low { high * 1.1 } else { low + 1.0 }, log }
    }

    /// Position from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let place = if self.log {
            (value.max(self.low).ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        };
        place.clamp(0.0, 1.0)
    }

    fn ticks(&self) -> Vec<f64> {
        if !self.log {
            return (0..=4).map(|n| self.low + (self.high - self.low) * f64::from(n) / 4.0).collect();
        }
        let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let steps = decades.flat_map(|decade| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(decade)));
        steps.filter(|tick| (self.low..=self.high).contains(tick)).collect()
    }
}

/// The chart as an `<svg>` element.
pub(super) fn render(chart: &Chart) -> String {
    let points = || chart.series.iter().flat_map(|series| series.points.iter());
    let x = Axis::over(points().map(|point| point.0), chart.log);
    let y = Axis::over(points().map(|point| point.1).chain(chart.limit), chart.log);
    let px = |value: f64| LEFT + x.place(value) * (WIDTH - LEFT - RIGHT);
    let py = |value: f64| HEIGHT - BOTTOM - y.place(value) * (HEIGHT - TOP - BOTTOM);
    let mut out = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n", chart.title);
    // Writing to a String cannot fail.
    let _ = writeln!(out, "<text class=\"title\" x=\"{LEFT}\" y=\"16\">{}</text>", chart.title);
    for tick in x.ticks() {
        let at = px(tick);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/><text class=\"tick\" \
             text-anchor=\"middle\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 14.0,
            short(tick)
        );
    }
    for tick in y.ticks() {
        let at = py(tick);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text class=\"tick\" \
             text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            short(tick)
        );
    }
    if let Some(limit) = chart.limit {
        let at = py(limit);
        let _ = writeln!(
            out,
            "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>",
            WIDTH - RIGHT
        );
    }
    for (index, series) in chart.series.iter().enumerate() {
        if series.joined {
            let line: Vec<String> = series.points.iter().map(|(a, b)| format!("{:.1},{:.1}", px(*a), py(*b))).collect();
            let _ = writeln!(out, "<polyline class=\"{}\" points=\"{}\"/>", series.class, line.join(" "));
        }
        for (a, b) in &series.points {
            let _ =
                writeln!(out, "<circle class=\"{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>", series.class, px(*a), py(*b));
        }
        let _ = writeln!(
            out,
            "<text class=\"key {}\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            series.class,
            WIDTH - RIGHT - 4.0,
            TOP + 14.0 + 15.0 * index as f64,
            series.name
        );
    }
    let _ = writeln!(
        out,
        "<text class=\"tick\" text-anchor=\"middle\" x=\"{:.1}\" y=\"{:.1}\">{}</text><text class=\"tick\" x=\"4\" \
         y=\"{:.1}\">{}</text>\n</svg>",
        f64::midpoint(LEFT, WIDTH - RIGHT),
        HEIGHT - 8.0,
        chart.x,
        TOP - 4.0,
        chart.y
    );
    out
}

fn short(value: f64) -> String {
    if value >= 1000.0 {
        format!("{}k", super::text::number(value / 1000.0).trim_end_matches(".00"))
    } else {
        super::text::number(value)
    }
}
