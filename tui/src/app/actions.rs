//! What each action of the key table does.

use yummy_api::{catalog::ModelState, event::Level, routes};

use super::{
    App, Command, Link, Screen, Typing, WINDOWS,
    data::Data,
    load::{BUDGET, Progress, Run, SCENARIOS, Scenario},
    profile::{CAPTURE_S, Step},
    rows::{self, ModelKey, Row},
    text::Line,
    try_row::TryRow,
};
use crate::keys::Action;

/// Rows that PgUp and PgDn move.
const PAGE: isize = 10;

impl App {
    /// Does what a key asked for.
    pub(super) fn act(&mut self, action: Action) -> Vec<Command> {
        if self.help.is_some() {
            return self.act_in_help(action);
        }
        match action {
            Action::Quit if self.load.run.is_some() => self.asking_to_quit = true,
            Action::Quit => return vec![Command::Quit],
            Action::Go(screen) => self.go(screen),
            Action::NextScreen => self.go(self.screen.moved(1)),
            Action::PreviousScreen => self.go(self.screen.moved(Screen::ALL.len() - 1)),
            Action::Back => return self.back(),
            Action::Pause => self.pause(),
            Action::Help => self.help = Some(0),
            Action::Filter if self.screen != Screen::Load => {
                self.typing = Some(Typing::Filter(Line::with(self.filter())));
            }
            Action::Filter => {}
            Action::Palette => {
                self.options.palette = self.options.palette.next();
                self.say(Level::Info, format!("palette {}", self.options.palette.name()));
            }
            Action::Window => self.window = (self.window + 1) % WINDOWS.len(),
            Action::Reconnect => return vec![Command::Reconnect],
            Action::Demo if self.link != Link::Live => {
                self.options.demo = true;
                self.options.target = "demo".into();
                self.live = Data::default();
                self.link = Link::Connecting;
                return vec![Command::StartDemo];
            }
            Action::Demo => {}
            Action::Up => self.step(-1),
            Action::Down => self.step(1),
            Action::PageUp => self.step(-PAGE),
            Action::PageDown => self.step(PAGE),
            Action::First => self.step(isize::MIN / 2),
            Action::Last => self.step(isize::MAX / 2),
            Action::Left => self.profile.walk(Step::Left),
            Action::Right => self.profile.walk(Step::Right),
            Action::LogScale => self.log_scale = !self.log_scale,
            Action::Focus => {
                self.focused = !self.focused;
                self.selected = rows::selected(self).map(|r| r.key());
            }
            Action::Sort => self.sort = self.sort.next(),
            Action::Level => {
                self.events.level = match self.events.level {
                    Level::Info => Level::Warn,
                    Level::Warn => Level::Error,
                    Level::Error => Level::Info,
                };
                self.events.back = 0;
            }
            Action::Follow => self.events.back = 0,
            Action::ModelOnly => {
                self.events.model_only = !self.events.model_only;
                self.events.back = 0;
            }
            Action::Table => self.profile.table = !self.profile.table,
            Action::OtherCapture => self.profile.show_other(),
            Action::Diff => {
                if !self.profile.toggle_diff() {
                    self.say(Level::Info, "nothing before this capture to compare with; c captures another");
                }
            }
            Action::NextMatch | Action::PreviousMatch => self.find(action == Action::NextMatch),
            Action::Edit => {
                let first = if self.load.chosen().takes_rate { 0 } else { super::load::P99 };
                self.edit_setting(first);
            }
            Action::NextModel => self.next_model(),
            Action::Open => self.open(),
            Action::TryRow => self.open_try_row(),
            Action::Copy => return self.copy(),
            Action::Reload => return self.reload(),
            Action::Burst => return self.start(&SCENARIOS[0]),
            Action::Start => return self.start(self.load.chosen()),
            Action::Capture => return self.capture(),
            Action::Export => return self.export(),
            Action::SaveBaseline => return self.save_baseline(),
            Action::Compare => return self.compare(),
            Action::SaveProfile => return self.save_profile(),
        }
        Vec::new()
    }

    fn act_in_help(&mut self, action: Action) -> Vec<Command> {
        let scrolled = self.help.unwrap_or(0);
        self.help = match action {
            Action::Up => Some(scrolled.saturating_sub(1)),
            Action::Down => Some(scrolled.saturating_add(1)),
            Action::PageUp => Some(scrolled.saturating_sub(PAGE as u16)),
            Action::PageDown => Some(scrolled.saturating_add(PAGE as u16)),
            Action::First => Some(0),
            Action::Back => return self.back(),
            Action::Help | Action::Quit => None,
            _ => Some(scrolled),
        };
        Vec::new()
    }

    /// Stops a burst if one runs, and goes one step back.
    fn back(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        let running = self.load.run.is_some();
        if let Some(run) = &mut self.load.run {
            run.stopping = true;
            commands.push(Command::StopLoad);
        }
        if self.help.take().is_some() || self.typing_cancelled() {
        } else if running {
            // Stopping was the step.
        } else if self.screen == Screen::Models && self.try_row.take().is_some() {
        } else if !self.filter().is_empty() {
            self.filters[self.screen as usize].clear();
        } else if self.screen == Screen::Profile && self.profile.zoom != 0 {
            let parent = self.profile.tree.as_ref().and_then(|t| t.nodes[self.profile.zoom].parent);
            self.profile.zoom = parent.unwrap_or(0);
        } else if self.frozen.take().is_some() {
        } else if self.screen == Screen::Overview && self.focused {
            self.focused = false;
        } else {
            self.screen = Screen::Overview;
        }
        commands
    }

    fn typing_cancelled(&mut self) -> bool {
        match self.typing.take() {
            Some(Typing::Filter(_)) => {
                self.filters[self.screen as usize].clear();
                true
            }
            Some(Typing::Setting(..)) => true,
            None => false,
        }
    }

    fn go(&mut self, screen: Screen) {
        self.screen = screen;
    }

    fn pause(&mut self) {
        self.frozen = match self.frozen.take() {
            Some(_) => None,
            None => Some(Box::new(self.live.clone())),
        };
    }

    /// Moves the selection of the screen by `by` rows.
    fn step(&mut self, by: isize) {
        match self.screen {
            Screen::Overview | Screen::Models => {
                let rows = rows::shown(self);
                if let Some(at) = rows::selected_index(self, &rows) {
                    let next = at.saturating_add_signed(by).min(rows.len() - 1);
                    self.selected = Some(rows[next].key());
                }
            }
            Screen::Load => {
                self.load.scenario = self.load.scenario.saturating_add_signed(by).min(SCENARIOS.len() - 1);
            }
            Screen::Profile if self.profile.table => {
                let last = self.profile.functions.len().saturating_sub(1);
                self.profile.row = self.profile.row.saturating_add_signed(by).min(last);
            }
            Screen::Profile => {
                let step = if by < 0 { Step::Up } else { Step::Down };
                (0..by.unsigned_abs().min(PAGE.unsigned_abs())).for_each(|_| self.profile.walk(step));
            }
            Screen::Events => {
                let last = super::events_shown(self).len().saturating_sub(1);
                self.events.back = self.events.back.saturating_add_signed(by).min(last);
            }
        }
    }

    fn open(&mut self) {
        match self.screen {
            Screen::Profile if self.profile.table => {
                let name = self.profile.functions.get(self.profile.row).map(|f| f.name.clone());
                self.profile.table = false;
                if let Some(name) = name {
                    self.profile.zoom = 0;
                    self.profile.selected = 0;
                    self.profile.find(&name, true);
                }
            }
            Screen::Profile => self.profile.zoom = self.profile.selected,
            _ => {
                self.selected = rows::selected(self).map(|r| r.key());
                self.screen = Screen::Models;
            }
        }
    }

    fn find(&mut self, forward: bool) {
        let text = self.filter().to_owned();
        if !self.profile.find(&text, forward) {
            self.say(
                Level::Info,
                if text.is_empty() { "/ searches".to_owned() } else { format!("no frame holds '{text}'") },
            );
        }
    }

    fn open_try_row(&mut self) {
        let Some(row) = rows::selected(self) else { return };
        let key = row.key();
        let example = row.info.and_then(|i| i.example.clone()).unwrap_or_default();
        let path = path_of(&row);
        self.selected = Some(key.clone());
        self.try_row = Some(TryRow::new(key.label(), path, &example));
    }

    fn copy(&mut self) -> Vec<Command> {
        let text = match self.screen {
            Screen::Overview | Screen::Models | Screen::Load => rows::selected(self).map(|row| self.curl(&row)),
            Screen::Profile => {
                let selected = self.profile.selected;
                self.profile.tree.as_ref().map(|t| t.nodes[selected].name.clone())
            }
            Screen::Events => {
                let lines = super::events_shown(self);
                let at = lines.len().checked_sub(1 + self.events.back.min(lines.len().saturating_sub(1)));
                at.map(|at| lines[at].message.clone())
            }
        };
        let Some(text) = text else { return Vec::new() };
        self.say(Level::Info, format!("copied: {text}"));
        vec![Command::CopyText(text)]
    }

    /// A line for a shell that scores the input example with this very version.
    pub(crate) fn curl(&self, row: &Row<'_>) -> String {
        let url = format!("{}{}", self.serving_url(), path_of(row));
        let body = row.info.and_then(|i| i.example.as_deref()).unwrap_or("{\"dataframe_split\": {}}");
        let quoted = body.replace('\'', r"'\''");
        format!("curl -s {url} -H 'content-type: application/json' -d '{quoted}'")
    }

    fn reload(&mut self) -> Vec<Command> {
        let Some(row) = rows::selected(self) else { return Vec::new() };
        let name = row.name().to_owned();
        let path = routes::MODEL_RELOAD.replace("{name}", &routes::encode_segment(&name));
        vec![Command::Post { path, what: format!("reload of {name}") }]
    }

    fn start(&mut self, scenario: &'static Scenario) -> Vec<Command> {
        if self.load.run.is_some() {
            self.say(Level::Info, "a run is going on; Esc stops it");
            return Vec::new();
        }
        let Some(row) = rows::selected(self) else {
            self.say(Level::Info, "no model to aim at");
            return Vec::new();
        };
        if row.state() != ModelState::Ready {
            let text = format!("{} is {}; only ready versions take load", row.key().label(), row.state().as_str());
            self.say(Level::Warn, text);
            return Vec::new();
        }
        let key = row.key();
        let body = row.info.and_then(|i| i.example.clone());
        let mut plan = self.load.plan(scenario, self.serving_url(), key.clone(), path_of(&row));
        plan.body = body;
        self.selected = Some(key.clone());
        self.load.scenario = SCENARIOS.iter().position(|s| s.name == scenario.name).unwrap_or(0);
        self.load.last = None;
        let progress =
            Progress { phase: "starting".into(), offered: plan.rate, total_s: plan.total_s(), ..Progress::default() };
        self.load.run = Some(Run { plan: plan.clone(), progress, stopping: false });
        let text = format!("{} at {} started", scenario.name, key.label());
        self.log(Level::Info, "load", &text);
        vec![Command::StartLoad(Box::new(plan))]
    }

    fn next_model(&mut self) {
        let rows = rows::shown(self);
        let ready: Vec<ModelKey> = rows.iter().filter(|r| r.state() == ModelState::Ready).map(Row::key).collect();
        let at = rows::selected_index(self, &rows).and_then(|i| ready.iter().position(|k| *k == rows[i].key()));
        let next = at.map_or(0, |at| (at + 1) % ready.len().max(1));
        self.selected = ready.get(next).cloned().or(self.selected.take());
    }

    fn capture(&mut self) -> Vec<Command> {
        self.screen = Screen::Profile;
        if self.profile.capturing_since_ms.is_some() {
            return Vec::new();
        }
        self.profile.capturing_since_ms = Some(self.now_ms);
        self.profile.failed = None;
        vec![Command::Capture { seconds: CAPTURE_S }]
    }

    fn export(&mut self) -> Vec<Command> {
        let Some(report) = self.load.report() else {
            self.say(Level::Info, "no report yet; s starts the scenario");
            return Vec::new();
        };
        let name = format!("load-{}-{}.json", report.scenario, self.now_ms / 1000);
        match serde_json::to_string_pretty(report) {
            Ok(contents) => vec![Command::Write { name, contents }],
            Err(_) => Vec::new(),
        }
    }

    fn save_baseline(&mut self) -> Vec<Command> {
        match self.load.report() {
            Some(report) => vec![Command::SaveBaseline(Box::new(report.clone()))],
            None => {
                self.say(Level::Info, "no report to keep yet; s starts the scenario");
                Vec::new()
            }
        }
    }

    fn compare(&mut self) -> Vec<Command> {
        if self.load.baseline.take().is_some() {
            return Vec::new();
        }
        vec![Command::LoadBaseline(self.load.chosen().name.to_owned())]
    }

    fn save_profile(&mut self) -> Vec<Command> {
        let (Some(capture), Some(tree)) = (self.profile.capture(), &self.profile.tree) else { return Vec::new() };
        let stem = format!("profile-{}-{}", self.now_ms / 1000, capture.number);
        let title = format!("{} samples in {:.0} s", capture.samples, capture.seconds);
        vec![
            Command::Write { name: format!("{stem}.svg"), contents: crate::flame::svg(tree, &title) },
            Command::Write { name: format!("{stem}.folded"), contents: capture.folded() },
        ]
    }

    /// Opens a field of the load settings for typing; past the last one, none.
    pub(super) fn edit_setting(&mut self, index: usize) {
        let open = index <= BUDGET && self.load.run.is_none();
        self.typing = open.then(|| Typing::Setting(index, Line::with(self.load.settings[index].value.to_string())));
    }
}

/// The path that scores with exactly this version.
pub(crate) fn path_of(row: &Row<'_>) -> String {
    let own = row.info.map(|i| i.invocations.clone()).filter(|p| p.starts_with('/'));
    own.unwrap_or_else(|| routes::invocations(row.name(), row.version()))
}
