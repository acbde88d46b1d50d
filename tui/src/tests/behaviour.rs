//! What keys and messages do, as a user would say it.

use yummy_api::event::{Event, EventKind, Level};

use super::stage::{self, draw, press, text};
use crate::app::{Command, Feed, Link, Msg, Screen};

#[test]
fn escape_stops_a_burst_from_every_screen_and_over_help() {
    for keys in ["1", "2", "3", "4", "5", "2t", "/wine", "?"] {
        let mut app = stage::burst();
        press(&mut app, keys);
        let commands = press(&mut app, "Esc");
        assert_eq!(commands, [Command::StopLoad], "after {keys}");
    }
}

#[test]
fn quitting_during_a_burst_asks_once() {
    let mut app = stage::burst();
    assert_eq!(press(&mut app, "q"), []);
    assert!(text(&draw(&mut app, 80, 24)).contains("a burst is running"));
    assert_eq!(press(&mut app, "x"), [], "any other key goes on");
    assert_eq!(press(&mut app, "qq"), [Command::StopLoad, Command::Quit]);
    assert_eq!(press(&mut stage::normal(), "q"), [Command::Quit]);
}

#[test]
fn a_signal_ends_it_without_a_question() {
    assert_eq!(stage::burst().update(Msg::Terminate), [Command::StopLoad, Command::Quit]);
}

#[test]
fn escape_goes_one_step_back_at_a_time() {
    let mut app = stage::normal();
    press(&mut app, "2/wine Enter t ?");
    // The letters after t are typed into the editor; help is another way round.
    assert!(app.try_row.is_some());
    press(&mut app, "Esc");
    assert!(app.try_row.is_none() && app.filter() == "wine");
    press(&mut app, "Esc");
    assert!(app.filter().is_empty() && app.screen == Screen::Models);
    press(&mut app, "Esc");
    assert_eq!(app.screen, Screen::Overview);
}

#[test]
fn a_pause_freezes_what_is_shown_and_loses_nothing() {
    let mut app = stage::normal();
    press(&mut app, "Space");
    let before = text(&draw(&mut app, 120, 40));
    stage::play(&mut app, 5, 300.0);
    assert_eq!(text(&draw(&mut app, 120, 40)), before);
    press(&mut app, "Space");
    assert_ne!(text(&draw(&mut app, 120, 40)), before);
    assert_eq!(app.live.total.since(app.chart_now_s(), 5).count(), 5);
}

#[test]
fn a_lost_connection_leaves_a_gap_and_keeps_the_history() {
    let app = stage::disconnected();
    let columns = app.live.total.columns(app.chart_now_s(), 40, 40, crate::app::history::Merge::Max, |p| p.p99);
    let gaps = columns.iter().filter(|c| c.is_none()).count();
    assert_eq!(gaps, 3 + 12, "3 s now and 12 s before: {columns:?}");
    assert!(matches!(app.link, Link::Lost { attempt: 4, .. }));
}

#[test]
fn a_reload_fetches_the_catalog_and_the_same_event_twice_is_one() {
    let mut app = stage::normal();
    let lines = app.live.events.len();
    let event = Event {
        seq: 99,
        at_unix_ms: stage::NOON_MS,
        level: Level::Info,
        kind: EventKind::Reload,
        model: Some("wine_lgbm".into()),
        version: Some(8),
        message: "wine_lgbm v7 -> v8 swapped in 1.8 ms".into(),
    };
    assert_eq!(app.update(Msg::Feed(Feed::Event(event.clone()))), [Command::FetchCatalog]);
    assert_eq!(app.update(Msg::Feed(Feed::Event(event))), []);
    assert_eq!(app.live.events.len(), lines + 1);
}

#[test]
fn the_selection_follows_its_model_and_not_its_row() {
    let mut app = stage::normal();
    stage::choose(&mut app, "wine_lgbm", 7);
    press(&mut app, "2ss");
    let row = crate::app::rows::selected(&app).expect("rows");
    assert_eq!(row.key().label(), "wine_lgbm v7");
}

#[test]
fn load_is_only_sent_to_what_serves() {
    let mut app = stage::normal();
    stage::choose(&mut app, "churn", 1);
    assert_eq!(press(&mut app, "b"), []);
    assert!(app.toast.as_ref().is_some_and(|t| t.text.contains("only ready versions")));
}

#[test]
fn a_burst_takes_the_edited_settings_and_the_serving_address() {
    let mut app = stage::normal();
    press(&mut app, "3e");
    for _ in 0..3 {
        app.update(Msg::Key(ratatui::crossterm::event::KeyCode::Backspace.into()));
    }
    press(&mut app, "1500 Enter");
    press(&mut app, "Esc");
    let commands = press(&mut app, "s");
    let [Command::StartLoad(plan)] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!((plan.rate, plan.url.as_str()), (1500.0, "http://127.0.0.1:8080"));
    assert_eq!(plan.path, "/models/wine_lgbm/versions/7/invocations");
    assert!(plan.body.as_ref().is_some_and(|b| b.contains("alcohol")));
}

#[test]
fn the_curl_line_survives_a_shell() {
    let mut app = stage::normal();
    stage::choose(&mut app, "wine_lgbm", 7);
    if let Some(catalog) = &mut app.live.catalog {
        catalog.models.iter_mut().for_each(|m| m.example = Some("{\"inputs\": [\"it's\"]}".into()));
    }
    let commands = press(&mut app, "2y");
    let [Command::CopyText(line)] = &commands[..] else { panic!("{commands:?}") };
    assert!(line.ends_with(r#"-d '{"inputs": ["it'\''s"]}'"#), "{line}");
}

#[test]
fn retries_are_counted_down_and_logged_once() {
    let mut app = stage::normal();
    let lines = app.live.events.len();
    for attempt in 1..5 {
        stage::lose(&mut app, "refused", attempt);
        app.update(Msg::Feed(Feed::Connecting));
    }
    stage::lose(&mut app, "refused", 5);
    assert_eq!(app.live.events.len(), lines + 1);
    assert!(text(&draw(&mut app, 80, 24)).contains("retry 5 in 4 s"));
    stage::pass(&mut app, 2);
    assert!(text(&draw(&mut app, 80, 24)).contains("retry 5 in 2 s"));
}

#[test]
fn nothing_is_drawn_anew_while_nothing_changes() {
    let mut app = stage::normal();
    app.dirty = false;
    app.update(Msg::Tick(app.now_ms + 1000));
    assert!(!app.dirty, "a live stream is the clock");
    stage::lose(&mut app, "refused", 1);
    app.dirty = false;
    app.update(Msg::Tick(app.now_ms + 1000));
    assert!(app.dirty, "a countdown moves");
}

#[test]
fn an_event_that_is_read_stays_in_place_when_newer_ones_arrive() {
    let mut app = stage::normal();
    press(&mut app, "5 Down Down");
    let read = |app: &crate::app::App| {
        let lines = crate::app::events_shown(app);
        lines[lines.len() - 1 - app.events.back].message.clone()
    };
    let before = read(&app);
    let event = Event {
        seq: 50,
        at_unix_ms: app.now_ms + 500,
        level: Level::Warn,
        kind: EventKind::Watch,
        model: None,
        version: None,
        message: "new".into(),
    };
    app.update(Msg::Feed(Feed::Event(event)));
    assert_eq!(read(&app), before);
    press(&mut app, "f");
    assert_eq!(read(&app), "new");
}
