//! Models: every version with its state, and beside it all that is known of the selected one.

use ratatui::{
    layout::{Constraint, Layout, Rect},
    style::Style,
};
use yummy_api::{
    catalog::{ColumnInfo, ModelState},
    stats::ModelStats,
};

use super::{
    Canvas,
    overview::state_text,
    widgets::{Bars, Cell, Column, Table, below, nice_ceiling, panel, top},
};
use crate::{
    app::{
        App,
        history::Merge,
        rows::{self, Row},
    },
    format::{UNKNOWN, bytes, clock, count, megabytes, ms, or_unknown, percent, wrap},
    theme::Tone,
};

/// Least width for list and details side by side.
const SIDE_BY_SIDE: u16 = 90;

/// Draws the screen.
pub(super) fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let list = rows::shown(app);
    let selected = rows::selected_index(app, &list);
    let [left, right] = if area.width >= SIDE_BY_SIDE {
        area.layout(&Layout::horizontal([Constraint::Fill(4), Constraint::Fill(3)]))
    } else {
        let rows = (list.len() as u16 + 3).min(area.height / 2).max(3);
        area.layout(&Layout::vertical([Constraint::Length(rows), Constraint::Fill(1)]))
    };
    let mlruns = app.shown().frame.as_ref().map_or("mlruns", |f| f.daemon.mlruns.as_str());
    let filter = app.filter();
    let remark = if filter.is_empty() { format!("by {}", app.sort.name()) } else { format!("filter '{filter}'") };
    let inner = inset(panel(canvas, left, &format!("models in {mlruns} ({})", list.len()), &remark));
    table(&list, selected, inner, canvas);
    if let Some(at) = selected {
        let row = &list[at];
        let inner = inset(panel(canvas, right, &row.key().label(), ""));
        details(app, row, &list, inner, canvas);
    } else {
        let dim = canvas.dim();
        canvas.text(inner, 0, 1, "nothing here; the daemon watches the directory", dim);
    }
}

fn inset(area: Rect) -> Rect {
    Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area }
}

const COLUMNS: [Column; 6] = [
    Column::text("model", 9, 0),
    Column::word("version", 7, 1),
    Column::text("aliases", 7, 5),
    Column::text("state", 13, 2),
    Column::number("req/s", 5, 3),
    Column::number("p99 ms", 6, 4),
];

fn table(list: &[Row<'_>], selected: Option<usize>, area: Rect, canvas: &mut Canvas<'_>) {
    let rows = list
        .iter()
        .map(|row| {
            let serves = row.state() == ModelState::Ready;
            let tone = if serves { Tone::Plain } else { Tone::Dim };
            let window = row.window().filter(|_| serves);
            let (state, state_tone) = state_text(row, list);
            let aliases = row.info.map(|i| i.aliases.join(" ")).unwrap_or_default();
            vec![
                Cell::new(row.name(), tone),
                Cell::new(row.version().map_or_else(|| UNKNOWN.into(), |v| format!("v{v}")), tone),
                Cell::new(aliases, Tone::Accent),
                Cell::new(state, state_tone),
                Cell::new(or_unknown(window.map(|w| w.rps), count), tone),
                Cell::new(or_unknown(window.and_then(|w| w.latency_ms).map(|q| q.p99), ms), tone),
            ]
        })
        .collect();
    Table { columns: &COLUMNS, rows, selected }.draw(canvas, area);
}

/// Writes lines downwards, each wrapped.
struct Writer<'c, 'b> {
    canvas: &'c mut Canvas<'b>,
    area: Rect,
    y: u16,
}

/// Columns of the names at the left.
const NAME: u16 = 10;

impl Writer<'_, '_> {
    fn line(&mut self, name: &str, text: &str, style: Style) {
        if text.is_empty() {
            return;
        }
        let dim = self.canvas.dim();
        self.canvas.text(self.area, 0, self.y, name, dim);
        let indent = if name.is_empty() { 0 } else { NAME };
        let room = usize::from(self.area.width.saturating_sub(indent));
        for part in wrap(text, room) {
            self.canvas.text(self.area, indent, self.y, &part, style);
            self.y += 1;
        }
    }

    fn gap(&mut self) {
        self.y += 1;
    }
}

fn details(app: &App, row: &Row<'_>, all: &[Row<'_>], area: Rect, canvas: &mut Canvas<'_>) {
    let plain = Style::new();
    let strong = canvas.strong();
    let (state, tone) = state_text(row, all);
    let (state_style, bad, dim) = (canvas.tone(tone), canvas.tone(Tone::Bad), canvas.dim());
    let mut out = Writer { canvas, area, y: 0 };
    out.line("state", &state, state_style);
    if let Some(reason) = row.reason() {
        out.line("reason", reason, if row.state() == ModelState::Failed { bad } else { plain });
    }
    if row.state() == ModelState::Failed {
        out.line("try", "fix or finish the files; the daemon retries when they change, r at once", dim);
    }
    identity(app, row, &mut out);
    out.gap();
    if let Some(stats) = row.stats.filter(|_| row.state() == ModelState::Ready) {
        numbers(stats, &mut out, strong);
        out.gap();
        let room = area.height.saturating_sub(out.y);
        if room >= 8 {
            let bars = Rect { y: area.y + out.y, height: 3, ..area };
            history(app, row, bars, out.canvas);
            out.y += 4;
        }
    }
    let Some(info) = row.info else { return };
    out.line("inputs", &columns(info.inputs.as_deref()), plain);
    let output = info.output.clone().unwrap_or_else(|| columns(info.outputs.as_deref()));
    out.line("output", &output, plain);
    out.gap();
    let curl = app.curl(row);
    let y = out.y;
    if area.height > y {
        canvas.text(area, 0, y, "curl", dim);
        for (at, part) in wrap(&curl, usize::from(area.width.saturating_sub(NAME))).iter().enumerate() {
            canvas.text(area, NAME, y + at as u16, part, dim);
        }
    }
}

fn identity(app: &App, row: &Row<'_>, out: &mut Writer<'_, '_>) {
    let plain = Style::new();
    let Some(info) = row.info else {
        out.line("flavor", row.flavor().unwrap_or(UNKNOWN), plain);
        return;
    };
    let mut flavor = row.flavor().unwrap_or(UNKNOWN).to_owned();
    let parts = [
        info.model_class.clone(),
        info.trees.map(|t| format!("{t} trees")),
        info.features.map(|f| format!("{f} features")),
    ];
    for part in parts.into_iter().flatten() {
        flavor.push_str("  ");
        flavor.push_str(&part);
    }
    out.line("flavor", &flavor, plain);
    let mut names = info.aliases.iter().map(|a| format!("@{a}")).collect::<Vec<_>>();
    names.extend(row.newest().then(|| "what the bare name stands for".to_owned()));
    names.extend(info.stage.clone().filter(|s| s != "None"));
    out.line("serves as", &names.join("  "), plain);
    let short = |id: &Option<String>, keep: usize| id.as_ref().map(|id| id.chars().take(keep).collect::<String>());
    let ids = [short(&info.model_id, 14), short(&info.run_id, 12).map(|r| format!("run {r}"))];
    out.line("from", &ids.into_iter().flatten().collect::<Vec<_>>().join("  "), plain);
    let loaded = [
        info.size_bytes.map(bytes),
        info.load_ms.map(|t| format!("loaded in {} ms", ms(t))),
        info.ready_unix_ms.map(|t| format!("serves since {}", clock(t, app.options.utc_offset_s))),
    ];
    out.line("files", &loaded.into_iter().flatten().collect::<Vec<_>>().join("  "), plain);
}

fn numbers(stats: &ModelStats, out: &mut Writer<'_, '_>, strong: Style) {
    let windows = &stats.windows;
    let latency = |pick: fn(&yummy_api::stats::Quantiles) -> f64| {
        [windows.s1, windows.s10, windows.s60, windows.start].map(|w| or_unknown(w.latency_ms.as_ref().map(pick), ms))
    };
    let line = |cells: [String; 4]| cells.iter().map(|c| format!("{c:>8}")).collect::<String>();
    let dim = out.canvas.dim();
    out.line("", &format!("{:10}{:>8}{:>8}{:>8}{:>8}", "", "1 s", "10 s", "60 s", "start"), dim);
    out.line("req/s", &line([windows.s1, windows.s10, windows.s60, windows.start].map(|w| count(w.rps))), strong);
    out.line("p50 ms", &line(latency(|q| q.p50)), strong);
    out.line("p99 ms", &line(latency(|q| q.p99)), strong);
    let errors = [windows.s1, windows.s10, windows.s60, windows.start].map(|w| or_unknown(w.error_share(), percent));
    out.line("errors %", &line(errors), strong);
    if let Some(stages) = windows.s10.stages_ms {
        let text = format!(
            "decode {}  queue {}  predict {}  encode {}",
            ms(stages.decode.p50),
            ms(stages.queue.p50),
            ms(stages.predict.p50),
            ms(stages.encode.p50)
        );
        out.line("p50 by", &text, Style::new());
    }
    let more = [
        Some(format!("in flight {}", stats.in_flight)),
        stats.cpu_cores.map(|c| format!("CPU {:.0} %", c * 100.0)),
        stats.memory_bytes.map(|b| format!("memory {} MB", megabytes(b as f64))),
    ];
    out.line("now", &more.into_iter().flatten().collect::<Vec<_>>().join("  "), Style::new());
}

/// Rate of the version over the window.
fn history(app: &App, row: &Row<'_>, area: Rect, canvas: &mut Canvas<'_>) {
    let Some(series) = app.shown().models.get(&row.key()) else { return };
    let n = usize::from(area.width.saturating_sub(NAME));
    let values = series.columns(app.chart_now_s(), app.window_s(), n, Merge::Mean, |p| Some(p.rps));
    let largest = values.iter().flatten().copied().fold(0.0, f64::max);
    let dim = canvas.dim();
    canvas.text(area, 0, 0, "req/s", dim);
    canvas.text(below(area, 1), 0, 0, &format!("to {}", count(nice_ceiling(largest))), dim);
    let style = canvas.tone(Tone::P50);
    let plot = Rect { x: area.x + NAME.min(area.width), width: area.width.saturating_sub(NAME), ..area };
    Bars { values: &values, top: nice_ceiling(largest), style }.draw(canvas, top(plot, 3));
}

/// Columns of a signature: the first few by name and type, and how many there are.
fn columns(columns: Option<&[ColumnInfo]>) -> String {
    /// Enough to recognise the model; the rest is in `GET /models/{name}`.
    const SHOWN: usize = 8;
    let Some(columns) = columns else { return "no signature".into() };
    let one = |c: &ColumnInfo| {
        let name = c.name.as_deref().unwrap_or("(unnamed)");
        format!("{name}: {}{}", c.kind, if c.required { "" } else { "?" })
    };
    let shown: Vec<_> = columns.iter().take(SHOWN).map(one).collect();
    let more = if columns.len() > SHOWN { format!(", … {} in all", columns.len()) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
