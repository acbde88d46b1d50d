//! States to look at, made by the very messages that make them in life.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{Terminal, backend::TestBackend, buffer::Buffer};
use yummy_api::event::Level;

use crate::{
    app::{App, Command, Feed, Msg, Options, load::Progress, profile::Capture},
    demo,
    theme::Palette,
    view::view,
};

/// A moment without meaning: 2026-11-21 12:00:00 UTC.
pub(super) const NOON_MS: u64 = 1_795_262_400_000;

pub(super) fn options() -> Options {
    Options { target: "127.0.0.1:8080".into(), palette: Palette::Basic, ..Options::default() }
}

/// Nothing was heard yet.
pub(super) fn connecting() -> App {
    let mut app = App::new(options(), NOON_MS);
    app.update(Msg::Tick(NOON_MS));
    app
}

/// Nobody answers, from the start.
pub(super) fn nobody() -> App {
    let mut app = connecting();
    lose(&mut app, "cannot connect to 127.0.0.1:8080: Connection refused (os error 111)", 3);
    app
}

/// A daemon without models.
pub(super) fn empty() -> App {
    let mut app = connecting();
    app.update(Msg::Feed(Feed::Connected("127.0.0.1:8081".into())));
    let mut frame = demo::frame(NOON_MS, 0.0);
    frame.models.clear();
    frame.events.clear();
    frame.in_flight = 0;
    frame.total = yummy_api::stats::Windows::default();
    app.update(Msg::Feed(Feed::Frame(Box::new(frame))));
    let mut catalog = demo::catalog();
    catalog.models.clear();
    catalog.default_model = None;
    app.update(Msg::Catalog(Ok(Box::new(catalog))));
    app
}

/// Two minutes of traffic.
pub(super) fn normal() -> App {
    let mut app = connecting();
    app.update(Msg::Feed(Feed::Connected("127.0.0.1:8081".into())));
    play(&mut app, 150, 0.0);
    app.update(Msg::Catalog(Ok(Box::new(demo::catalog()))));
    app
}

/// Traffic, a lost connection for 12 seconds, traffic, and lost again 8 seconds ago.
pub(super) fn disconnected() -> App {
    let mut app = normal();
    lose(&mut app, "no answer from 127.0.0.1:8081 in time", 1);
    pass(&mut app, 12);
    app.update(Msg::Feed(Feed::Connected("127.0.0.1:8081".into())));
    play(&mut app, 20, 0.0);
    lose(&mut app, "connection to 127.0.0.1:8081: connection reset", 4);
    pass(&mut app, 3);
    app
}

/// Everything that can go wrong on one screen each.
pub(super) fn error() -> App {
    let mut app = normal();
    let mut frame = demo::frame(app.now_ms + 1000, 0.0);
    for window in [&mut frame.total.s1, &mut frame.total.s10] {
        window.server_errors = window.requests / 5;
        if let Some(latency) = &mut window.latency_ms {
            latency.p99 = 148.2;
        }
    }
    app.update(Msg::Feed(Feed::Frame(Box::new(frame))));
    choose(&mut app, "fraud", 3);
    app.update(Msg::Captured(Err("/debug/profile.folded answers 409: a capture is running, 7 s are left".into())));
    start_burst(&mut app);
    app.update(Msg::LoadDone(Err("127.0.0.1:8080 answers 400 to the very first request".into())));
    choose(&mut app, "fraud", 3);
    app.update(Msg::Note(Level::Error, "reload of fraud: /models/fraud/reload answers 500".into()));
    pass(&mut app, 1);
    app
}

/// A burst in its seventh second, after a search.
pub(super) fn burst() -> App {
    let mut app = normal();
    start_burst(&mut app);
    play(&mut app, 7, 500.0);
    app.update(Msg::LoadProgress(Box::new(Progress {
        phase: "measuring".into(),
        elapsed_s: 6.8,
        total_s: Some(10.0),
        offered: 500.0,
        achieved: Some(499.6),
        sent: 3398,
        errors: 0,
        p50_ms: Some(0.213),
        p99_ms: Some(1.87),
        slow_share: Some(0.0004),
        lag_p99_ms: Some(0.21),
        in_flight: Some(3),
        generator_cpu: Some(0.18),
        trials: demo::trials(&[50.0, 200.0, 800.0, 1600.0], 20.0),
    })));
    app
}

/// Two captures, the second compared with the first.
pub(super) fn captured(app: &mut App) {
    for number in 0..2 {
        app.update(Msg::Captured(Ok(Box::new(Capture::from_folded(&demo::folded(number), 10.0)))));
    }
}

pub(super) fn start_burst(app: &mut App) {
    app.selected = None;
    app.update(Msg::Feed(Feed::Frame(Box::new(demo::frame(app.now_ms, 0.0)))));
    let commands = press(app, "b");
    assert!(matches!(commands[..], [Command::StartLoad(_)]), "{commands:?}");
}

pub(super) fn choose(app: &mut App, name: &str, version: u64) {
    app.selected = Some(crate::app::rows::ModelKey::new(name, Some(version)));
}

/// `seconds` of frames, one a second.
pub(super) fn play(app: &mut App, seconds: u64, load_rps: f64) {
    for _ in 0..seconds {
        let now = app.now_ms + 1000;
        app.update(Msg::Tick(now));
        app.update(Msg::Feed(Feed::Frame(Box::new(demo::frame(now, load_rps)))));
    }
}

/// `seconds` in which nothing arrives.
pub(super) fn pass(app: &mut App, seconds: u64) {
    for _ in 0..seconds {
        app.update(Msg::Tick(app.now_ms + 1000));
    }
}

pub(super) fn lose(app: &mut App, reason: &str, attempt: u32) {
    app.update(Msg::Feed(Feed::Lost { reason: reason.into(), attempt, retry_ms: 4000 }));
}

/// Presses keys: a letter each, or `Esc`, `Enter`, `Tab`, `Up`, `Down`, `Space` between blanks.
pub(super) fn press(app: &mut App, keys: &str) -> Vec<Command> {
    keys.split(' ')
        .flat_map(|word| {
            let codes = match word {
                "Esc" => vec![KeyCode::Esc],
                "Enter" => vec![KeyCode::Enter],
                "Tab" => vec![KeyCode::Tab],
                "Up" => vec![KeyCode::Up],
                "Down" => vec![KeyCode::Down],
                "Space" => vec![KeyCode::Char(' ')],
                word => word.chars().map(KeyCode::Char).collect(),
            };
            codes
                .into_iter()
                .flat_map(|code| app.update(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE))))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The frame of a state at a size.
pub(super) fn draw(app: &mut App, width: u16, height: u16) -> Buffer {
    app.update(Msg::Resize(width, height));
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a test backend cannot fail");
    terminal.draw(|frame| view(app, frame)).expect("a test backend cannot fail");
    terminal.backend().buffer().clone()
}

/// A frame as lines of text.
pub(super) fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let line: String = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
