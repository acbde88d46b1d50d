//! What each message does to the state.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use yummy_api::{
    event::{EventKind, Level},
    load::LoadReport,
};

use super::{App, Command, Feed, Link, Msg, Screen, data::Logged, load::outcome};
use crate::{keys, keys::Action};

impl App {
    /// Takes in a message; returns what is to be done.
    pub(crate) fn update(&mut self, msg: Msg) -> Vec<Command> {
        self.dirty |= !matches!(msg, Msg::Tick(_));
        match msg {
            Msg::Key(key) => return self.key(key),
            Msg::Paste(text) => self.paste(&text),
            Msg::Mouse(mouse) => return self.mouse(mouse),
            Msg::Resize(width, height) => self.size = (width, height),
            Msg::Tick(now_ms) => self.tick(now_ms),
            Msg::Feed(feed) => {
                let before = self.events_held();
                let commands = self.feed(feed);
                self.hold_events(before);
                return commands;
            }
            Msg::Catalog(Ok(catalog)) => self.live.catalog = Some(*catalog),
            Msg::Catalog(Err(reason)) => self.say(Level::Warn, format!("catalog: {reason}")),
            Msg::Answer(answer) => {
                if let Some(open) = &mut self.try_row {
                    open.waiting = false;
                    open.answer = Some(answer);
                }
            }
            Msg::LoadProgress(progress) => {
                if let Some(run) = &mut self.load.run {
                    run.progress = *progress;
                }
            }
            Msg::LoadDone(result) => return self.load_done(result.map(|r| *r)),
            Msg::Baseline(report) => match report {
                Some(report) => self.load.baseline = Some(*report),
                None => self.say(Level::Info, "no baseline saved for this scenario and model; B saves one"),
            },
            Msg::Captured(result) => self.captured(result),
            Msg::Note(level, text) => {
                self.log(level, "client", &text);
                self.say(level, text);
            }
            Msg::Terminate => return vec![Command::StopLoad, Command::Quit],
        }
        Vec::new()
    }

    fn tick(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        if self.toast.as_ref().is_some_and(|t| t.until_ms <= now_ms) {
            self.toast = None;
            self.dirty = true;
        }
        // While frames arrive, they are the clock; nothing on screen needs another.
        self.dirty |= self.link != Link::Live || self.profile.capturing_since_ms.is_some();
    }

    fn feed(&mut self, feed: Feed) -> Vec<Command> {
        match feed {
            Feed::Connecting => {
                if let Link::Lost { retry_at_ms, .. } = &mut self.link {
                    *retry_at_ms = self.now_ms;
                }
            }
            Feed::Connected(address) => {
                let again = self.link != Link::Connecting;
                self.connected_to = Some(address.clone());
                self.link = Link::Live;
                let word = if again { "connected again to" } else { "connected to" };
                self.log(Level::Info, "client", &format!("{word} {address}"));
                return vec![Command::FetchCatalog];
            }
            Feed::Frame(frame) => {
                self.link = Link::Live;
                let known = self.live.catalog.as_ref().is_some();
                if self.live.take_frame(*frame, self.now_ms) && known {
                    return vec![Command::FetchCatalog];
                }
            }
            Feed::Event(event) => {
                if self.live.take_event(&event) && matches!(event.kind, EventKind::Reload | EventKind::Watch) {
                    return vec![Command::FetchCatalog];
                }
            }
            Feed::Lost { reason, attempt, retry_ms } => {
                // One line for a broken connection, none for each retry.
                if self.link == Link::Live {
                    self.log(Level::Warn, "client", &format!("connection lost: {reason}; history is kept"));
                }
                self.link = Link::Lost { reason, attempt, retry_at_ms: self.now_ms + retry_ms };
            }
        }
        Vec::new()
    }

    /// How many events are shown while an older one is being read.
    fn events_held(&self) -> Option<usize> {
        (self.events.back > 0).then(|| super::events_shown(self).len())
    }

    /// Keeps the event that is being read in its place when newer ones arrive above it.
    fn hold_events(&mut self, before: Option<usize>) {
        if let Some(before) = before {
            self.events.back += super::events_shown(self).len().saturating_sub(before);
        }
    }

    fn load_done(&mut self, result: Result<LoadReport, String>) -> Vec<Command> {
        let Some(run) = self.load.run.take() else { return Vec::new() };
        let text = match &result {
            Ok(report) => format!("{} at {}: {}", run.plan.scenario, run.plan.model.label(), outcome(report)),
            Err(reason) => format!("{} at {}: {reason}", run.plan.scenario, run.plan.model.label()),
        };
        let level = if result.is_ok() { Level::Info } else { Level::Error };
        self.log(level, "load", &text);
        self.load.last = Some((run.plan, result));
        Vec::new()
    }

    fn captured(&mut self, result: Result<Box<super::Capture>, String>) {
        self.profile.capturing_since_ms = None;
        match result {
            Ok(mut capture) => {
                capture.at_ms = self.now_ms;
                capture.rps = self.live.frame.as_ref().map(|f| f.total.s10.rps);
                self.profile.failed = None;
                self.profile.add(*capture);
            }
            Err(reason) => {
                self.log(Level::Warn, "profile", &format!("capture failed: {reason}"));
                self.profile.failed = Some(reason);
            }
        }
    }

    /// Adds a line of the dashboard's own to the events.
    pub(crate) fn log(&mut self, level: Level, kind: &'static str, message: &str) {
        let at_ms = self.now_ms;
        self.live.log(Logged { at_ms, level, kind, model: None, version: None, message: message.to_owned() });
    }

    fn key(&mut self, key: KeyEvent) -> Vec<Command> {
        let control_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        if self.asking_to_quit {
            self.asking_to_quit = false;
            let yes = control_c || matches!(key.code, KeyCode::Char('q' | 'y') | KeyCode::Enter);
            return if yes { vec![Command::StopLoad, Command::Quit] } else { Vec::new() };
        }
        if control_c {
            return self.act(Action::Quit);
        }
        if key.code == KeyCode::Esc {
            return self.act(Action::Back);
        }
        if self.typing.is_some() {
            return self.type_line(key);
        }
        if self.try_row.is_some() && self.screen == Screen::Models {
            return self.type_row(key);
        }
        keys::lookup(self.screen, key).map(|action| self.act(action)).unwrap_or_default()
    }

    fn mouse(&mut self, mouse: MouseEvent) -> Vec<Command> {
        match mouse.kind {
            MouseEventKind::ScrollUp => self.act(Action::Up),
            MouseEventKind::ScrollDown => self.act(Action::Down),
            MouseEventKind::Down(MouseButton::Left) if mouse.row == 0 => {
                let screen = crate::view::tab_at(self, mouse.column);
                screen.map(|screen| self.act(Action::Go(screen))).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }
}
