//! Profile: where the CPU time goes, as an icicle (root on top) or as a table of functions.

use ratatui::{
    layout::{Constraint, Layout, Rect},
    style::{Modifier, Style},
};

use super::{
    Canvas,
    widgets::{Cell, Column, Table, gauge, panel},
};
use crate::{
    app::{
        App,
        profile::{CAPTURE_S, Capture},
    },
    flame::{Tree, place},
    format::{clip, clock, count, percent},
    theme::Tone,
};

/// Growth, in points of one, from which on a frame is coloured: below it is the noise of sampling.
const NOTABLE: f64 = 0.005;

/// Draws the screen.
pub(super) fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let profile = &app.profile;
    let Some(tree) = &profile.tree else { return empty(app, area, canvas) };
    let head_h = if area.height >= 20 { 3 } else { 1 };
    let foot_h = if area.height >= 20 { 5 } else { u16::from(area.height >= 6) };
    let [head, graph, foot] =
        area.layout(&Layout::vertical([Constraint::Length(head_h), Constraint::Fill(1), Constraint::Length(foot_h)]));
    let inner = inset(panel(canvas, head, "capture", &capturing(app)));
    capture_line(app, inner, canvas);
    let search = app.filter();
    let remark = if search.is_empty() { String::new() } else { matched(tree, search) };
    if profile.table {
        let inner = inset(panel(canvas, graph, &format!("functions ({})", profile.functions.len()), &remark));
        table(app, inner, canvas);
    } else {
        let zoomed = if profile.zoom == 0 { String::new() } else { format!(": {}", tree.nodes[profile.zoom].name) };
        let inner = panel(canvas, graph, &format!("flame graph{zoomed}"), &remark);
        icicle(app, tree, inner, canvas);
    }
    let inner = inset(panel(canvas, foot, "frame", ""));
    frame_text(app, tree, inner, canvas);
}

fn inset(area: Rect) -> Rect {
    Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area }
}

fn capturing(app: &App) -> String {
    if app.profile.capturing_since_ms.is_some() {
        return format!("◐ capturing {CAPTURE_S} s");
    }
    app.profile.failed.as_ref().map(|why| format!("✗ {why}")).unwrap_or_default()
}

/// Before the first capture: what to do, or how it is going.
fn empty(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let inner = inset(panel(canvas, area, "profile", ""));
    let dim = canvas.dim();
    if let Some(since) = app.profile.capturing_since_ms {
        let seconds = app.now_ms.saturating_sub(since) as f64 / 1000.0;
        let text = format!("◐ capturing {CAPTURE_S} s of CPU samples; the daemon goes on serving");
        canvas.text(inner, 0, 1, &text, Style::new());
        let bar =
            Rect { y: inner.y + 3, height: inner.height.saturating_sub(3).min(1), width: inner.width.min(40), ..inner };
        let style = canvas.tone(Tone::Accent);
        gauge(canvas, bar, seconds / f64::from(CAPTURE_S), style);
        return;
    }
    if let Some(why) = &app.profile.failed {
        let bad = canvas.tone(Tone::Bad);
        for (y, part) in crate::format::wrap(&format!("✗ {why}"), usize::from(inner.width)).iter().enumerate() {
            canvas.text(inner, 0, 4 + y as u16, part, bad);
        }
    }
    let strong = canvas.strong();
    canvas.texts(inner, 0, 1, &[("c", strong), (" captures 10 s of CPU samples and shows where the time goes", dim)]);
    canvas.text(inner, 0, 2, "best under load: b on the Overview starts some", dim);
}

/// Which capture this is, and what it is compared with.
fn capture_line(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let profile = &app.profile;
    let Some(capture) = profile.capture() else { return };
    let text = |c: &Capture| {
        let load = c.rps.map(|r| format!("  at {} req/s", count(r))).unwrap_or_default();
        format!(
            "#{} {}  {:.0} s  {} samples{load}",
            c.number,
            clock(c.at_ms, app.options.utc_offset_s),
            c.seconds,
            c.samples
        )
    };
    let (strong, dim) = (canvas.strong(), canvas.dim());
    let mut line = vec![(text(capture), strong)];
    match profile.compared() {
        Some(before) => {
            let grew = canvas.tone(Tone::Bad);
            let shrank = canvas.tone(Tone::P50);
            line.push((format!("   against #{}: ", before.number), dim));
            line.push(("▲ grew".into(), grew));
            line.push(("  ".into(), dim));
            line.push(("▼ shrank".into(), shrank));
        }
        None if profile.captures.len() > 1 => {
            line.push((
                format!("   {} captures: v another, d compares with the one before", profile.captures.len()),
                dim,
            ));
        }
        None => {}
    }
    let parts: Vec<_> = line.iter().map(|(text, style)| (text.as_str(), *style)).collect();
    canvas.texts(area, 0, 0, &parts);
}

/// How much of all samples runs through frames that match the search.
fn matched(tree: &Tree, search: &str) -> String {
    let needle = search.to_lowercase();
    let hit = |at: usize| tree.nodes[at].name.to_lowercase().contains(&needle);
    let topmost = |at: &usize| {
        let path = tree.path(*at);
        hit(*at) && !path[..path.len() - 1].iter().any(|&a| hit(a))
    };
    let samples: u64 = (1..tree.nodes.len()).filter(topmost).map(|at| tree.nodes[at].total).sum();
    format!("'{search}' {} %  n N next", percent(tree.share(samples)))
}

fn icicle(app: &App, tree: &Tree, area: Rect, canvas: &mut Canvas<'_>) {
    let profile = &app.profile;
    let depth = tree.nodes[profile.selected].depth as u16;
    // Keeps the selected frame in sight, with a row of its children.
    let skip = (depth + 2).saturating_sub(area.height);
    let needle = app.filter().to_lowercase();
    for frame in place(tree, profile.zoom, area.width, area.height, skip) {
        let node = &tree.nodes[frame.node];
        let cell =
            Rect { x: area.x + frame.x, y: area.y + frame.row, width: frame.width, height: 1 }.intersection(area);
        let selected = frame.node == profile.selected;
        let hit = !needle.is_empty() && node.name.to_lowercase().contains(&needle);
        let style = frame_style(canvas, tree, frame.node, selected, hit);
        canvas.buf.set_style(cell, style);
        // A thin line at the left edge tells neighbours of one colour apart.
        canvas.text(cell, 0, 0, "▏", style);
        if frame.width > 2 {
            let share = format!(" {}%", percent(tree.share(node.total)));
            let growth = tree.growth(frame.node).filter(|g| g.abs() >= NOTABLE).map(growth_text).unwrap_or_default();
            let room = usize::from(frame.width - 1);
            let short = shorten(&node.name);
            let full = format!("{short}{share}{growth}");
            let text = if full.chars().count() <= room { full } else { clip(short, room) };
            canvas.text(cell, 1, 0, &text, style);
        }
    }
}

/// `▲+9.4` in percent points.
fn growth_text(growth: f64) -> String {
    format!(" {}{:+.1}", if growth > 0.0 { "▲" } else { "▼" }, growth * 100.0)
}

/// A name without generic arguments' insides is what one recognises; the whole name stands below the graph.
fn shorten(name: &str) -> &str {
    name.split_once('<').map_or(name, |(head, _)| if head.is_empty() { name } else { head.trim_end_matches("::") })
}

fn frame_style(canvas: &Canvas<'_>, tree: &Tree, at: usize, selected: bool, hit: bool) -> Style {
    if selected {
        return canvas.theme.selected().add_modifier(Modifier::BOLD);
    }
    if hit {
        return canvas.tone(Tone::Load).add_modifier(Modifier::REVERSED | Modifier::BOLD);
    }
    let tone = match tree.growth(at) {
        Some(growth) if growth >= NOTABLE => Some(Tone::Bad),
        Some(growth) if growth <= -NOTABLE => Some(Tone::P50),
        Some(_) => None,
        None => kind(&tree.nodes[at].name),
    };
    match tone.and_then(|tone| canvas.theme.color(tone)) {
        Some(color) => Style::new().fg(color).add_modifier(Modifier::REVERSED),
        None => Style::new().add_modifier(Modifier::UNDERLINED),
    }
}

/// Whose code a frame is: ours, the server's libraries, or the system's.
fn kind(name: &str) -> Option<Tone> {
    const SERVER: [&str; 9] = ["tokio", "hyper", "axum", "tower", "mio", "http", "bytes", "<hyper", "<tokio"];
    if name.contains("yummy") {
        Some(Tone::P99)
    } else if SERVER.iter().any(|s| name.starts_with(s)) {
        Some(Tone::P50)
    } else if name.starts_with('_') || name.contains("libc") || !name.contains("::") {
        None
    } else {
        Some(Tone::Good)
    }
}

const TABLE: [Column; 4] = [
    Column::number("self %", 6, 0),
    Column::number("total %", 7, 1),
    Column::number("points", 7, 2),
    Column::text("function", 20, 0),
];

fn table(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let needle = app.filter().to_lowercase();
    let rows = app
        .profile
        .functions
        .iter()
        .map(|f| {
            let hit = !needle.is_empty() && f.name.to_lowercase().contains(&needle);
            let grew = f.growth.filter(|g| g.abs() >= NOTABLE);
            let tone = match grew {
                _ if hit => Tone::Load,
                Some(g) if g > 0.0 => Tone::Bad,
                Some(_) => Tone::P50,
                None => Tone::Plain,
            };
            vec![
                Cell::plain(percent(f.own)),
                Cell::plain(percent(f.total)),
                Cell::new(f.growth.map_or_else(String::new, |g| format!("{:+.1}", g * 100.0)), tone),
                Cell::new(f.name.clone(), tone),
            ]
        })
        .collect();
    Table { columns: &TABLE, rows, selected: Some(app.profile.row) }.draw(canvas, area);
}

/// The selected frame in words.
fn frame_text(app: &App, tree: &Tree, area: Rect, canvas: &mut Canvas<'_>) {
    let profile = &app.profile;
    let (name, words) = if profile.table {
        let Some(f) = profile.functions.get(profile.row) else { return };
        let growth = f.growth.map(|g| format!("   self {}", in_words(g))).unwrap_or_default();
        (
            f.name.as_str(),
            format!("self {} %   total {} %{growth}   Enter finds it in the graph", percent(f.own), percent(f.total)),
        )
    } else {
        let node = &tree.nodes[profile.selected];
        let growth = tree.growth(profile.selected).map(|g| format!("   {}", in_words(g))).unwrap_or_default();
        let words = format!(
            "self {} %   total {} %   {} of {} samples{growth}",
            percent(tree.share(node.own)),
            percent(tree.share(node.total)),
            node.total,
            tree.nodes[0].total
        );
        (node.name.as_str(), words)
    };
    let (strong, plain) = (canvas.strong(), Style::new());
    if area.height == 1 {
        canvas.texts(area, 0, 0, &[(name, strong), ("  ", plain), (&words, plain)]);
        return;
    }
    canvas.text(area, 0, 0, &clip(name, usize::from(area.width)), strong);
    canvas.text(area, 0, 1, &words, plain);
    let dim = canvas.dim();
    let callers: Vec<_> =
        tree.path(profile.selected).iter().rev().skip(1).map(|&at| shorten(&tree.nodes[at].name)).collect();
    let text = if profile.table || callers.is_empty() {
        String::new()
    } else {
        format!("called by {}", callers.join(" ‹ "))
    };
    canvas.text(area, 0, 2, &clip(&text, usize::from(area.width)), dim);
}

/// A change of share as a sentence.
fn in_words(growth: f64) -> String {
    let points = growth * 100.0;
    match points {
        p if p.abs() < 0.05 => "as before".into(),
        p if p > 0.0 => format!("▲ {p:.1} points more than before"),
        p => format!("▼ {:.1} points less than before", -p),
    }
}
