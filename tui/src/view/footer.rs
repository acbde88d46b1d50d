//! The last line: a question, what is being typed, news, or the keys of the screen.

use ratatui::layout::Rect;
use yummy_api::event::Level;

use super::{Canvas, widgets::width};
use crate::{
    app::{App, Screen, Typing, WINDOWS},
    format::{clip, duration},
    keys::{self, Action},
    theme::Tone,
};

/// Draws the line.
pub(super) fn draw(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    if area.height == 0 {
        return;
    }
    if app.asking_to_quit {
        let style = canvas.tone(Tone::Warn).patch(canvas.theme.selected());
        canvas.text(area, 0, 0, " a burst is running: q or Enter stops it and quits, any other key goes on ", style);
    } else if let Some(typing) = &app.typing {
        prompt(app, typing, area, canvas);
    } else if let Some(toast) = &app.toast {
        let (glyph, tone) = match toast.level {
            Level::Info => ("●", Tone::Good),
            Level::Warn => ("▲", Tone::Warn),
            Level::Error => ("✗", Tone::Bad),
        };
        let style = canvas.tone(tone);
        let x = canvas.texts(area, 1, 0, &[(glyph, style), (" ", style)]);
        let text = clip(&toast.text, usize::from(area.width.saturating_sub(x + 2)));
        canvas.text(area, x + 1, 0, &text, ratatui::style::Style::new());
    } else if app.screen == Screen::Models && app.try_row.is_some() {
        hints(area, canvas, &[("Enter", "send"), ("Alt-Enter", "new line"), ("Esc", "back")]);
    } else if super::waiting(app) {
        waiting_keys(area, canvas);
    } else {
        keys(app, area, canvas);
    }
}

fn prompt(app: &App, typing: &Typing, area: Rect, canvas: &mut Canvas<'_>) {
    let (accent, dim) = (canvas.tone(Tone::Accent), canvas.dim());
    let (label, line) = match typing {
        Typing::Filter(line) if app.screen == Screen::Profile => ("search ".to_owned(), line),
        Typing::Filter(line) => ("filter ".to_owned(), line),
        Typing::Setting(index, line) => {
            let setting = &app.load.settings[*index];
            (format!("{} ({}) ", setting.name, setting.unit), line)
        }
    };
    let x = canvas.text(area, 1, 0, &label, accent) + 1;
    // The end of a long text matters: that is where one types.
    let room = usize::from(area.width.saturating_sub(x + 1));
    let skip = line.text.chars().count().saturating_sub(room);
    let visible: String = line.text.chars().skip(skip).collect();
    let x = x + canvas.text(area, x, 0, &visible, ratatui::style::Style::new());
    let cursor = canvas.theme.selected();
    let x = x + canvas.text(area, x, 0, " ", cursor);
    let rest = area.width.saturating_sub(x);
    if rest > 34 {
        canvas.text(area, x + 2, 0, "Enter keeps  Esc leaves", dim);
    }
}

/// The keys that have a word for the footer, as many as fit; help and quit always stand at the end.
fn keys(app: &App, area: Rect, canvas: &mut Canvas<'_>) {
    let window = duration(WINDOWS[app.window] as f64);
    let window = window.strip_suffix(" 00s").or(window.strip_suffix(" 00m")).unwrap_or(&window);
    let window = format!("window {window}");
    let all: Vec<_> = keys::on(app.screen)
        .filter(|b| !b.word.is_empty() && applies(app.screen, b.action))
        .map(|b| match b.action {
            Action::Window => (b.shown, window.as_str()),
            Action::Filter if app.screen == Screen::Profile => (b.shown, "search"),
            _ => (b.shown, b.word),
        })
        .collect();
    // Whatever else fits, how to get help and how to leave is always told.
    let (last, own): (Vec<_>, Vec<_>) = all.into_iter().partition(|(key, _)| matches!(*key, "?" | "q"));
    let reserved: u16 = last.iter().map(|(key, word)| width(key) + width(word) + 3).sum();
    let x = hints(Rect { width: area.width.saturating_sub(reserved), ..area }, canvas, &own);
    hints(Rect { x: area.x + x, width: area.width - x, ..area }, canvas, &last);
}

/// Whether a key that holds anywhere has anything to do on a screen.
fn applies(screen: Screen, action: Action) -> bool {
    match action {
        Action::Window => matches!(screen, Screen::Overview | Screen::Models),
        Action::Filter => screen != Screen::Load,
        Action::Pause => screen != Screen::Load,
        _ => true,
    }
}

/// The keys before anything was heard from a daemon.
fn waiting_keys(area: Rect, canvas: &mut Canvas<'_>) {
    hints(area, canvas, &[("R", "reconnect now"), ("D", "demo data"), ("?", "help"), ("q", "quit")]);
}

/// Writes keys with their words, as many as fit; returns where the next one would stand.
fn hints(area: Rect, canvas: &mut Canvas<'_>, all: &[(&str, &str)]) -> u16 {
    let (strong, dim) = (canvas.strong(), canvas.dim());
    let mut x = 1;
    for (key, word) in all {
        let wide = width(key) + 1 + width(word);
        if x + wide > area.width {
            break;
        }
        canvas.texts(area, x, 0, &[(key, strong), (" ", dim), (word, dim)]);
        x += wide + 2;
    }
    x.saturating_sub(1).min(area.width)
}
