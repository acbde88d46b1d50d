//! Makes the pictures in `docs/screens` from the real program, in a pseudo-terminal:
//!
//! ```text
//! cargo build --release -p yummyd -p yummy-tui
//! cargo run --release -p yummy-tui --example screens -- target/release/yummy-tui docs/screens
//! ```
//!
//! With a `yummyd` beside the program they show it under a real burst, else the canned data of `--demo`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::{fmt::Write as _, path::Path, time::Duration};

use support::{Daemon, Pty};

/// A cell in the picture, pixels.
const CELL: (f64, f64) = (8.4, 17.0);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let program = arguments.next().expect("usage: screens PROGRAM DIRECTORY");
    let directory = arguments.next().expect("usage: screens PROGRAM DIRECTORY");
    let (program, directory) = (Path::new(&program), Path::new(&directory));
    let daemon = Daemon::start(program);
    let url = daemon.as_ref().map_or(String::new(), |d| d.url.clone());
    let target: Vec<&str> = if daemon.is_some() { vec!["--url", &url] } else { vec!["--demo"] };
    let with = |more: &[&'static str]| -> Vec<&str> { target.iter().copied().chain(more.iter().copied()).collect() };

    let mut pty = Pty::spawn(program, &with(&["--palette", "dark"]), (120, 40));
    let patience = Duration::from_secs(30);
    pty.expect("ready", patience);
    // 300/s for a minute: long enough for all pictures of a busy daemon.
    pty.send("3e\u{7f}\u{7f}\u{7f}300\r\u{7f}\u{7f}60\r");
    pty.watch(KEY_PAUSE);
    pty.send("\u{1b}");
    pty.watch(KEY_PAUSE);
    pty.send("1");
    pty.watch(KEY_PAUSE);
    pty.send("b");
    pty.expect("▶ burst", patience);
    pty.watch(Duration::from_secs(20));
    save(&pty, directory, "overview");
    pty.send("4c");
    pty.expect("flame graph", Duration::from_secs(60));
    pty.send("jjjj");
    pty.watch(Duration::from_secs(1));
    save(&pty, directory, "profile");
    pty.send("t");
    pty.watch(Duration::from_secs(1));
    save(&pty, directory, "profile-table");
    for (key, name) in [("2", "models"), ("5", "events"), ("1?", "help")] {
        pty.send(key);
        pty.watch(Duration::from_millis(1500));
        save(&pty, directory, name);
    }
    pty.send("?2t\r");
    pty.watch(Duration::from_millis(1500));
    save(&pty, directory, "try-a-row");
    // The first Esc stops the burst, the next one leaves the form; then a whole search for the breaking point is seen.
    pty.send("\u{1b}");
    assert!(pty.until(patience, |screen| !screen.contains("▶ burst")), "the burst goes on");
    pty.send("\u{1b}");
    pty.watch(KEY_PAUSE);
    pty.send("3js");
    pty.expect("▶ find", patience);
    assert!(pty.until(SEARCH, |screen| !screen.contains("▶ find")), "the search goes on");
    pty.watch(Duration::from_secs(1));
    save(&pty, directory, "load");
    drop(pty);

    for (size, name, look) in [
        ((80, 24), "overview-80x24", &["--palette", "dark"][..]),
        ((40, 10), "overview-40x10", &["--palette", "dark"][..]),
        ((80, 24), "overview-ascii", &["--ascii", "--palette", "off"][..]),
    ] {
        let mut pty = Pty::spawn(program, &with(look), size);
        pty.expect("ready", patience);
        pty.send("b");
        pty.watch(Duration::from_secs(6));
        save(&pty, directory, name);
    }
}

/// The search ends by itself after its budget of five minutes; then it looks above the limit and settles.
const SEARCH: Duration = Duration::from_secs(400);
/// Escape with a key right behind it would be read as Alt and that key.
const KEY_PAUSE: Duration = Duration::from_millis(400);

fn save(pty: &Pty, directory: &Path, name: &str) {
    let path = directory.join(format!("{name}.svg"));
    std::fs::write(&path, svg(pty.terminal.screen())).expect("the directory is writable");
    let text = directory.join(format!("{name}.txt"));
    let lines: String = pty.terminal.screen().contents().lines().map(|l| format!("{}\n", l.trim_end())).collect();
    std::fs::write(&text, lines).expect("the directory is writable");
}

/// A screen as SVG. Blocks and braille are drawn, not written: fonts differ in how they place them.
fn svg(screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    let (wide, high) = (f64::from(columns) * CELL.0 + 16.0, f64::from(rows) * CELL.1 + 16.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide:.0}\" height=\"{high:.0}\" font-size=\"14\" \
         font-family=\"'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{}\"/>\n",
        background()
    );
    for row in 0..rows {
        for column in 0..columns {
            if let Some(cell) = screen.cell(row, column) {
                draw_cell(&mut out, cell, 8.0 + f64::from(column) * CELL.0, 8.0 + f64::from(row) * CELL.1);
            }
        }
    }
    out.push_str("</svg>\n");
    out
}

fn background() -> String {
    "#16181d".into()
}

fn draw_cell(out: &mut String, cell: &vt100::Cell, x: f64, y: f64) {
    let (front, back) = colours(cell);
    if back != background() {
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{}\" fill=\"{back}\"/>",
            CELL.0 + 0.2,
            CELL.1
        );
    }
    let text = cell.contents();
    let Some(c) = text.chars().next().filter(|c| *c != ' ') else { return };
    let opacity = if cell.dim() { " opacity=\"0.55\"" } else { "" };
    match c {
        '▁'..='█' => {
            let eighths = f64::from(c as u32 - '▁' as u32 + 1);
            let part = CELL.1 * eighths / 8.0;
            let top = y + CELL.1 - part;
            let _ = writeln!(
                out,
                "<rect x=\"{x:.1}\" y=\"{top:.2}\" width=\"{}\" height=\"{part:.2}\" fill=\"{front}\"{opacity}/>",
                CELL.0
            );
        }
        '▏' => {
            let _ = writeln!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"1\" height=\"{}\" fill=\"{front}\"{opacity}/>",
                CELL.1
            );
        }
        '\u{2801}'..='\u{28ff}' => braille(out, c as u32 - 0x2800, x, y, &front),
        _ => {
            let weight = if cell.bold() { " font-weight=\"bold\"" } else { "" };
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let base = y + CELL.1 * 0.76;
            let _ =
                writeln!(out, "<text x=\"{x:.1}\" y=\"{base:.1}\" fill=\"{front}\"{weight}{opacity}>{escaped}</text>");
        }
    }
}

fn braille(out: &mut String, bits: u32, x: f64, y: f64, front: &str) {
    const PLACES: [(f64, f64); 8] =
        [(0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (1.0, 0.0), (1.0, 1.0), (1.0, 2.0), (0.0, 3.0), (1.0, 3.0)];
    for (bit, (right, down)) in PLACES.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1) {
        let _ = bit;
        let (cx, cy) = (x + CELL.0 * (0.25 + right * 0.5), y + CELL.1 * (0.125 + down * 0.25));
        let _ = writeln!(out, "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"1.4\" fill=\"{front}\"/>");
    }
}

fn colours(cell: &vt100::Cell) -> (String, String) {
    let front = colour(cell.fgcolor()).unwrap_or_else(|| "#d7dae0".into());
    let back = colour(cell.bgcolor()).unwrap_or_else(background);
    if cell.inverse() { (back, front) } else { (front, back) }
}

fn colour(colour: vt100::Color) -> Option<String> {
    const NAMED: [&str; 16] = [
        "#1e2127", "#e06c75", "#98c379", "#d19a66", "#61afef", "#c678dd", "#56b6c2", "#abb2bf", "#5c6370", "#e06c75",
        "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#ffffff",
    ];
    match colour {
        vt100::Color::Default => None,
        vt100::Color::Idx(index @ 0..=15) => Some(NAMED[usize::from(index)].into()),
        vt100::Color::Idx(index @ 16..=231) => {
            let level = |n: u8| if n == 0 { 0 } else { 55 + n * 40 };
            let n = index - 16;
            Some(format!("#{:02x}{:02x}{:02x}", level(n / 36), level(n / 6 % 6), level(n % 6)))
        }
        vt100::Color::Idx(index) => {
            let grey = 8 + (index - 232) * 10;
            Some(format!("#{grey:02x}{grey:02x}{grey:02x}"))
        }
        vt100::Color::Rgb(r, g, b) => Some(format!("#{r:02x}{g:02x}{b:02x}")),
    }
}
