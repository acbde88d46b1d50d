//! The pure function from state to frame. One file per screen; `widgets` knows numbers and cells, not the daemon.

mod events;
mod footer;
mod header;
mod help;
mod load;
mod models;
mod overview;
mod profile;
mod try_row;
mod welcome;
mod widgets;

use ratatui::{
    Frame,
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
};

use crate::{
    app::{App, Screen},
    theme::{Theme, to_ascii},
};

pub(crate) use header::tab_at;

/// What every part of a screen draws with.
struct Canvas<'a> {
    buf: &'a mut Buffer,
    theme: Theme,
    ascii: bool,
}

/// Draws the state. Any size is fine, down to one cell.
pub(crate) fn view(app: &App, frame: &mut Frame<'_>) {
    draw_into(app, frame.buffer_mut());
}

/// Draws the state into a buffer of any size.
pub(crate) fn draw_into(app: &App, buf: &mut Buffer) {
    let area = buf.area;
    let mut canvas = Canvas { buf, theme: Theme::new(app.options.palette), ascii: app.options.ascii };
    draw(app, area, &mut canvas);
    if app.options.ascii {
        to_ascii(canvas.buf);
    }
}

/// Whether nothing was heard from a daemon yet.
fn waiting(app: &App) -> bool {
    app.live.frame.is_none() && app.live.catalog.is_none()
}

fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let [top, body, bottom] = area.layout(&Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(u16::from(area.height > 2)),
    ]));
    header::draw(app, top, canvas);
    match app.screen {
        _ if waiting(app) && app.screen != Screen::Events => welcome::draw(app, body, canvas),
        Screen::Overview => overview::draw(app, body, canvas),
        Screen::Models if app.try_row.is_some() => try_row::draw(app, body, canvas),
        Screen::Models => models::draw(app, body, canvas),
        Screen::Load => load::draw(app, body, canvas),
        Screen::Profile => profile::draw(app, body, canvas),
        Screen::Events => events::draw(app, body, canvas),
    }
    footer::draw(app, bottom, canvas);
    if let Some(scrolled) = app.help {
        help::draw(app, scrolled, area, canvas);
    }
}
