//! The one key table: dispatch, footer, help and the table in `docs/tui.md` are all made from it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::app::Screen;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Quit,
    Go(Screen),
    NextScreen,
    PreviousScreen,
    Back,
    Pause,
    Help,
    Filter,
    Palette,
    Window,
    Reconnect,
    Copy,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    First,
    Last,
    Open,
    Demo,
    Burst,
    Capture,
    LogScale,
    Focus,
    Reload,
    TryRow,
    Sort,
    Start,
    Edit,
    NextModel,
    Export,
    SaveBaseline,
    Compare,
    Diff,
    Table,
    SaveProfile,
    NextMatch,
    PreviousMatch,
    OtherCapture,
    Level,
    Follow,
    ModelOnly,
}

/// Where a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// On every screen.
    Anywhere,
    /// On one screen.
    On(Screen),
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Binding {
    /// Where it holds.
    pub(crate) scope: Scope,
    /// The keys, any of which will do.
    pub(crate) keys: &'static [Press],
    /// The keys as people read them.
    pub(crate) shown: &'static str,
    /// Word in the footer; empty when it does not stand there.
    pub(crate) word: &'static str,
    /// What it does, for help and docs.
    pub(crate) help: &'static str,
    /// What it asks for.
    pub(crate) action: Action,
}

/// One key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Press {
    code: KeyCode,
    control: bool,
}

const fn key(c: char) -> Press {
    Press { code: KeyCode::Char(c), control: false }
}

const fn ctrl(c: char) -> Press {
    Press { code: KeyCode::Char(c), control: true }
}

const fn named(code: KeyCode) -> Press {
    Press { code, control: false }
}

const fn row(
    scope: Scope,
    keys: &'static [Press],
    shown: &'static str,
    word: &'static str,
    help: &'static str,
    action: Action,
) -> Binding {
    Binding { scope, keys, shown, word, help, action }
}

use Action as A;
use Scope::{Anywhere, On};
use Screen as S;

/// Every key of the dashboard. A screen's own rows come before `Anywhere`, and win.
pub(crate) static TABLE: &[Binding] = &[
    // Overview
    row(On(S::Overview), &[key('b')], "b", "burst", "burst of load at the selected model (Esc stops it)", A::Burst),
    row(On(S::Overview), &[named(KeyCode::Enter)], "Enter", "details", "open the selected model in Models", A::Open),
    row(On(S::Overview), &[key('p')], "p", "profile", "capture a CPU profile and show it", A::Capture),
    row(On(S::Overview), &[key('f')], "f", "focus", "charts of the selected version only, or of all", A::Focus),
    row(On(S::Overview), &[key('l')], "l", "log", "latency chart linear or logarithmic", A::LogScale),
    // Models
    row(
        On(S::Models),
        &[key('t'), named(KeyCode::Enter)],
        "t Enter",
        "try a row",
        "edit the input example and send it",
        A::TryRow,
    ),
    row(On(S::Models), &[key('r')], "r", "reload", "load the selected model's files anew", A::Reload),
    row(On(S::Models), &[key('y')], "y", "copy curl", "copy a curl line for the selected version (OSC 52)", A::Copy),
    row(On(S::Models), &[key('s')], "s", "sort", "sort by name, rate, p99 or state", A::Sort),
    row(On(S::Models), &[key('b')], "b", "burst", "burst of load at the selected version (Esc stops it)", A::Burst),
    // Load
    row(On(S::Load), &[key('s'), named(KeyCode::Enter)], "s Enter", "start", "start the selected scenario", A::Start),
    row(On(S::Load), &[key('e')], "e", "edit", "edit rate, duration and objectives", A::Edit),
    row(On(S::Load), &[key('m')], "m", "model", "aim at the next model", A::NextModel),
    row(On(S::Load), &[key('x')], "x", "export", "write the last report as JSON", A::Export),
    row(On(S::Load), &[key('B')], "B", "baseline", "keep the last report as the scenario's baseline", A::SaveBaseline),
    row(On(S::Load), &[key('c')], "c", "compare", "compare with the saved baseline, or stop comparing", A::Compare),
    // Profile
    row(On(S::Profile), &[key('c'), key('p')], "c", "capture", "capture 10 s of CPU samples", A::Capture),
    row(
        On(S::Profile),
        &[named(KeyCode::Enter)],
        "Enter",
        "zoom",
        "zoom into the selected frame (Esc goes out)",
        A::Open,
    ),
    row(On(S::Profile), &[key('d')], "d", "diff", "compare with the capture before", A::Diff),
    row(On(S::Profile), &[key('t')], "t", "table", "icicle or table of functions", A::Table),
    row(On(S::Profile), &[key('o')], "o", "save", "save this capture as SVG and folded text", A::SaveProfile),
    row(On(S::Profile), &[key('n')], "n", "", "next match of the search", A::NextMatch),
    row(On(S::Profile), &[key('N')], "N", "", "previous match of the search", A::PreviousMatch),
    row(On(S::Profile), &[key('v')], "v", "", "show another capture", A::OtherCapture),
    // Events
    row(On(S::Events), &[key('f')], "f", "follow", "follow the newest event", A::Follow),
    row(On(S::Events), &[key('l')], "l", "level", "least level shown: info, warn, error", A::Level),
    row(On(S::Events), &[key('m')], "m", "model", "events of the selected model only, or of all", A::ModelOnly),
    // Anywhere
    row(Anywhere, &[key('?'), named(KeyCode::F(1))], "?", "help", "what keys, marks and numbers mean", A::Help),
    row(Anywhere, &[key('q'), ctrl('c')], "q", "quit", "quit (Ctrl-C too); asks once during a burst", A::Quit),
    row(Anywhere, &[named(KeyCode::Esc)], "Esc", "", "one step back; always stops a burst", A::Back),
    row(Anywhere, &[key('/')], "/", "filter", "filter or search this screen", A::Filter),
    row(Anywhere, &[key('w')], "w", "window", "window of the charts: 2 m, 10 m, 1 h, 30 s", A::Window),
    row(Anywhere, &[key(' ')], "Space", "pause", "freeze the display; data goes on arriving", A::Pause),
    row(Anywhere, &[key('1')], "1", "", "Overview", A::Go(S::Overview)),
    row(Anywhere, &[key('2')], "2", "", "Models", A::Go(S::Models)),
    row(Anywhere, &[key('3')], "3", "", "Load", A::Go(S::Load)),
    row(Anywhere, &[key('4')], "4", "", "Profile", A::Go(S::Profile)),
    row(Anywhere, &[key('5')], "5", "", "Events", A::Go(S::Events)),
    row(Anywhere, &[named(KeyCode::Tab)], "Tab", "", "next screen", A::NextScreen),
    row(Anywhere, &[named(KeyCode::BackTab)], "S-Tab", "", "previous screen", A::PreviousScreen),
    row(Anywhere, &[named(KeyCode::Up), key('k')], "↑ k", "", "up", A::Up),
    row(Anywhere, &[named(KeyCode::Down), key('j')], "↓ j", "", "down", A::Down),
    row(Anywhere, &[named(KeyCode::Left), key('h')], "← h", "", "left", A::Left),
    row(Anywhere, &[named(KeyCode::Right)], "→", "", "right", A::Right),
    row(Anywhere, &[named(KeyCode::PageUp), ctrl('b')], "PgUp", "", "a page up", A::PageUp),
    row(Anywhere, &[named(KeyCode::PageDown), ctrl('f')], "PgDn", "", "a page down", A::PageDown),
    row(Anywhere, &[named(KeyCode::Home), key('g')], "g Home", "", "first", A::First),
    row(Anywhere, &[named(KeyCode::End), key('G')], "G End", "", "last", A::Last),
    row(Anywhere, &[key('y')], "y", "", "copy what is selected (OSC 52)", A::Copy),
    row(Anywhere, &[key('T')], "T", "", "next palette: 16, dark, light, safe, off", A::Palette),
    row(Anywhere, &[key('R')], "R", "", "reconnect now", A::Reconnect),
    row(Anywhere, &[key('D')], "D", "", "demo data, when no daemon answers", A::Demo),
];

/// What a key asks for on a screen.
pub(crate) fn lookup(screen: Screen, event: KeyEvent) -> Option<Action> {
    let press = Press { code: event.code, control: event.modifiers.contains(KeyModifiers::CONTROL) };
    let find = |scope: Scope| TABLE.iter().find(|b| b.scope == scope && b.keys.contains(&press)).map(|b| b.action);
    find(On(screen)).or_else(|| find(Anywhere))
}

/// The rows that hold on a screen, in the table's order, its own first.
pub(crate) fn on(screen: Screen) -> impl Iterator<Item = &'static Binding> {
    TABLE.iter().filter(move |b| b.scope == On(screen) || b.scope == Anywhere)
}

/// The table as Markdown, for `docs/tui.md`.
#[cfg(test)]
pub(crate) fn markdown() -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    let scopes = [Anywhere].into_iter().chain(Screen::ALL.map(On));
    for scope in scopes {
        let title = match scope {
            Anywhere => "Anywhere",
            On(screen) => screen.title(),
        };
        let _ = write!(out, "\n### {title}\n\n| key | does |\n|---|---|\n");
        for binding in TABLE.iter().filter(|b| b.scope == scope) {
            let _ = writeln!(out, "| `{}` | {} |", binding.shown, binding.help);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_stands_twice_in_one_scope() {
        for (i, a) in TABLE.iter().enumerate() {
            for b in &TABLE[i + 1..] {
                let both = a.keys.iter().find(|k| b.keys.contains(k));
                assert!(a.scope != b.scope || both.is_none(), "{both:?} means {:?} and {:?}", a.action, b.action);
            }
        }
    }

    #[test]
    fn a_screens_own_key_wins() {
        let y = KeyEvent::new(KeyCode::Char('f'), KeyModifiers::NONE);
        assert_eq!(lookup(Screen::Events, y), Some(Action::Follow));
        assert_eq!(lookup(Screen::Overview, y), Some(Action::Focus));
        assert_eq!(lookup(Screen::Load, y), None);
    }

    /// `docs/tui.md` holds the table between two marks; `YUMMY_UPDATE_DOCS=1 cargo test -p yummy-tui keys` writes it.
    #[test]
    fn the_docs_hold_this_table() {
        const BEGIN: &str = "<!-- keys: begin, written by a test -->\n";
        const END: &str = "<!-- keys: end -->";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/tui.md");
        let docs = std::fs::read_to_string(path).expect("docs/tui.md");
        let (before, rest) = docs.split_once(BEGIN).expect("begin mark in docs/tui.md");
        let (_, after) = rest.split_once(END).expect("end mark in docs/tui.md");
        let expected = format!("{before}{BEGIN}{}\n{END}{after}", markdown());
        if std::env::var_os("YUMMY_UPDATE_DOCS").is_some() {
            std::fs::write(path, &expected).expect("docs/tui.md is writable");
        } else {
            assert!(docs == expected, "docs/tui.md is behind the key table; run with YUMMY_UPDATE_DOCS=1");
        }
    }
}
