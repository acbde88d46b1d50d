//! Every screen in every state at three sizes, as text. `INSTA_UPDATE=always cargo test -p yummy-tui screens` writes
//! them anew; look at the difference before committing it.

use super::stage::{self, draw, text};
use crate::{
    app::{App, Screen},
    theme::Palette,
};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 10)];

type Stage = (&'static str, fn() -> App);

const STAGES: [Stage; 5] = [
    ("empty", stage::empty),
    ("normal", stage::normal),
    ("disconnected", stage::disconnected),
    ("error", stage::error),
    ("burst", stage::burst),
];

fn snapshot(name: &str, app: &mut App) {
    let mut all = String::new();
    for (width, height) in SIZES {
        all.push_str(&format!("{width}x{height}\n{}\n", text(&draw(app, width, height))));
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, all);
    });
}

fn all_stages(screen: Screen) {
    for (name, stage) in STAGES {
        let mut app = stage();
        if screen == Screen::Profile && !matches!(name, "empty" | "error") {
            stage::captured(&mut app);
        }
        app.screen = screen;
        app.toast = None;
        snapshot(&format!("{}_{name}", screen.title().to_lowercase()), &mut app);
    }
}

#[test]
fn overview() {
    all_stages(Screen::Overview);
}

#[test]
fn models() {
    all_stages(Screen::Models);
}

#[test]
fn load() {
    all_stages(Screen::Load);
}

#[test]
fn profile() {
    all_stages(Screen::Profile);
}

#[test]
fn events() {
    all_stages(Screen::Events);
}

#[test]
fn help() {
    let mut app = stage::normal();
    stage::press(&mut app, "?");
    snapshot("help", &mut app);
}

#[test]
fn first_start_without_a_daemon() {
    snapshot("nobody", &mut stage::nobody());
}

#[test]
fn a_tried_row_and_its_answer() {
    let mut app = stage::normal();
    stage::press(&mut app, "2tEnter");
    app.try_row = None;
    stage::press(&mut app, "t Enter");
    app.update(crate::app::Msg::Answer(Ok(crate::demo::answer("/models/wine_lgbm/versions/7/invocations"))));
    snapshot("try_row", &mut app);
}

#[test]
fn two_captures_compared_as_graph_and_as_table() {
    let mut app = stage::normal();
    stage::captured(&mut app);
    stage::press(&mut app, "4 d Down Down Down");
    snapshot("profile_diff", &mut app);
    stage::press(&mut app, "t Down");
    snapshot("profile_table", &mut app);
}

#[test]
fn a_search_and_its_limit() {
    let mut app = stage::burst();
    let plan = app.load.run.as_ref().expect("a burst runs").plan.clone();
    let report = crate::demo::search_report(&plan);
    app.update(crate::app::Msg::LoadDone(Ok(Box::new(report.clone()))));
    app.update(crate::app::Msg::Baseline(Some(Box::new(report))));
    app.screen = Screen::Load;
    app.toast = None;
    snapshot("load_found", &mut app);
}

#[test]
fn ascii_uses_nothing_else_and_no_colour_means_none() {
    for (name, stage) in STAGES {
        for screen in Screen::ALL {
            let mut app = stage();
            stage::captured(&mut app);
            app.screen = screen;
            app.options.palette = Palette::Off;
            for (width, height) in SIZES {
                app.options.ascii = false;
                let rich = draw(&mut app, width, height);
                app.options.ascii = true;
                let buffer = draw(&mut app, width, height);
                for (cell, rich) in buffer.content.iter().zip(&rich.content) {
                    assert!(cell.symbol().is_ascii(), "{name} {screen:?}: {:?}", cell.symbol());
                    let lost = cell.symbol() == "?" && rich.symbol() != "?";
                    assert!(!lost, "{name} {screen:?}: {:?} has no likeness", rich.symbol());
                    let colours = (cell.fg, cell.bg);
                    assert_eq!(colours, (ratatui::style::Color::Reset, ratatui::style::Color::Reset));
                }
            }
        }
    }
}

#[test]
fn every_palette_draws_on_the_terminals_own_background() {
    let mut app = stage::burst();
    for _ in 0..5 {
        for screen in Screen::ALL {
            app.screen = screen;
            let buffer = draw(&mut app, 120, 40);
            assert!(
                buffer.content.iter().all(|cell| cell.bg == ratatui::style::Color::Reset),
                "{:?}",
                app.options.palette
            );
        }
        app.options.palette = app.options.palette.next();
    }
}
