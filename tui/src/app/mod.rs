//! The dashboard's state and its one way to change: [`update`](App::update) takes a [`Msg`] and returns [`Command`]s.
//!
//! Nothing here does I/O or reads a clock: the time of day comes in with every tick, and what is to be done goes out
//! as commands.

mod actions;
pub(crate) mod data;
pub(crate) mod history;
pub(crate) mod load;
pub(crate) mod profile;
pub(crate) mod rows;
pub(crate) mod text;
pub(crate) mod try_row;
mod typing;
mod update;

use ratatui::crossterm::event::{KeyEvent, MouseEvent};
use yummy_api::{catalog::CatalogInfo, event::Level, load::LoadReport, stats::StatsFrame};

use self::{
    data::Data,
    load::{LoadPlan, LoadScreen, Progress},
    profile::{Capture, ProfileScreen},
    rows::{ModelKey, Sort},
    text::Line,
    try_row::{Answer, TryRow},
};
use crate::theme::Palette;

/// The screens, in the order of their keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Screen {
    #[default]
    Overview,
    Models,
    Load,
    Profile,
    Events,
}

impl Screen {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Overview, Self::Models, Self::Load, Self::Profile, Self::Events];

    /// Name on the tab.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Models => "Models",
            Self::Load => "Load",
            Self::Profile => "Profile",
            Self::Events => "Events",
        }
    }

    /// The screen `step` tabs away, round the ends.
    fn moved(self, step: usize) -> Self {
        Self::ALL[(self as usize + step) % Self::ALL.len()]
    }
}

/// Everything that can happen to the dashboard.
#[derive(Debug)]
pub(crate) enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// The terminal has a new size.
    Resize(u16, u16),
    /// Time of day, milliseconds since the epoch; once a second.
    Tick(u64),
    /// The live stream has news.
    Feed(Feed),
    /// The catalog was fetched.
    Catalog(Result<Box<CatalogInfo>, String>),
    /// The answer of a tried row.
    Answer(Result<Answer, String>),
    /// A load run goes on.
    LoadProgress(Box<Progress>),
    /// A load run ended.
    LoadDone(Result<Box<LoadReport>, String>),
    /// A saved baseline was read.
    Baseline(Option<Box<LoadReport>>),
    /// A profile was captured.
    Captured(Result<Box<Capture>, String>),
    /// Something that was asked for is done, or failed.
    Note(Level, String),
    /// The process was asked to end.
    Terminate,
}

/// News of the live stream.
#[derive(Debug)]
pub(crate) enum Feed {
    /// A connection is being made.
    Connecting,
    /// The stream stands; the address is the one that answers.
    Connected(String),
    /// One second's numbers.
    Frame(Box<StatsFrame>),
    /// Something happened in the daemon.
    Event(yummy_api::event::Event),
    /// The stream broke, or could not be made.
    Lost {
        /// Why.
        reason: String,
        /// Attempts since it last stood.
        attempt: u32,
        /// Until the next attempt, milliseconds.
        retry_ms: u64,
    },
}

/// Work for the runtime.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Leave.
    Quit,
    /// Connect now instead of at the next attempt.
    Reconnect,
    /// Leave the daemon and play canned data.
    StartDemo,
    /// Fetch the catalog.
    FetchCatalog,
    /// Post to a route that takes no body; the text says what it is for.
    Post {
        /// Path on the daemon.
        path: String,
        /// What it does, as "reload of wine".
        what: String,
    },
    /// Send a body to a scoring route.
    Try {
        /// Path on the daemon.
        path: String,
        /// JSON text.
        body: String,
    },
    /// Start a load run.
    StartLoad(Box<LoadPlan>),
    /// Stop the load run.
    StopLoad,
    /// Capture a CPU profile.
    Capture {
        /// How long.
        seconds: u32,
    },
    /// Put a text into the terminal's clipboard.
    CopyText(String),
    /// Write a file below the export directory.
    Write {
        /// Its name.
        name: String,
        /// Its contents.
        contents: String,
    },
    /// Keep a report as the baseline of its scenario and target.
    SaveBaseline(Box<LoadReport>),
    /// Read the baseline of a scenario.
    LoadBaseline(String),
}

/// The state of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// No answer yet, first attempt.
    Connecting,
    /// Frames arrive.
    Live,
    /// Broken.
    Lost {
        /// Why.
        reason: String,
        /// Attempts since it last stood.
        attempt: u32,
        /// When the next attempt is made, milliseconds since the epoch.
        retry_at_ms: u64,
    },
}

/// What the user is typing into.
#[derive(Clone, Debug)]
pub(crate) enum Typing {
    /// The filter of the screen.
    Filter(Line),
    /// The given field of the load settings.
    Setting(usize, Line),
}

/// A line of news that goes away by itself.
#[derive(Clone, Debug)]
pub(crate) struct Toast {
    pub(crate) level: Level,
    pub(crate) text: String,
    pub(crate) until_ms: u64,
}

/// How long news stays, milliseconds: long enough to read a line twice.
const TOAST_MS: u64 = 6_000;

/// What is decided at the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Address of the daemon as `host:port`.
    pub(crate) target: String,
    /// Canned data instead of a daemon.
    pub(crate) demo: bool,
    /// No glyphs beyond ASCII.
    pub(crate) ascii: bool,
    /// Colours.
    pub(crate) palette: Palette,
    /// Seconds that local time is ahead of UTC.
    pub(crate) utc_offset_s: i32,
}

/// Windows of the charts, seconds.
pub(crate) const WINDOWS: [u64; 4] = [120, 600, 3600, 30];

/// Everything the dashboard knows.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) options: Options,
    pub(crate) size: (u16, u16),
    pub(crate) now_ms: u64,
    pub(crate) screen: Screen,
    /// Lines scrolled in the open help, when it is open.
    pub(crate) help: Option<u16>,
    /// Whether the question "a burst is running: quit?" stands.
    pub(crate) asking_to_quit: bool,
    pub(crate) link: Link,
    /// Address that answers, once one did.
    pub(crate) connected_to: Option<String>,
    pub(crate) live: Data,
    /// What is shown while paused.
    pub(crate) frozen: Option<Box<Data>>,
    pub(crate) window: usize,
    pub(crate) log_scale: bool,
    pub(crate) focused: bool,
    pub(crate) filters: [String; Screen::ALL.len()],
    pub(crate) typing: Option<Typing>,
    pub(crate) selected: Option<ModelKey>,
    pub(crate) sort: Sort,
    pub(crate) try_row: Option<TryRow>,
    pub(crate) load: LoadScreen,
    pub(crate) profile: ProfileScreen,
    pub(crate) events: EventsScreen,
    pub(crate) toast: Option<Toast>,
    /// Whether something visible changed since the last frame was drawn.
    pub(crate) dirty: bool,
}

/// What the Events screen remembers.
#[derive(Clone, Debug)]
pub(crate) struct EventsScreen {
    pub(crate) level: Level,
    /// Only events of the selected model.
    pub(crate) model_only: bool,
    /// How many events newer than the selected one there are; 0 follows.
    pub(crate) back: usize,
}

impl App {
    /// The state at the start.
    pub(crate) fn new(options: Options, now_ms: u64) -> Self {
        Self {
            options,
            size: (80, 24),
            now_ms,
            screen: Screen::default(),
            help: None,
            asking_to_quit: false,
            link: Link::Connecting,
            connected_to: None,
            live: Data::default(),
            frozen: None,
            window: 0,
            log_scale: false,
            focused: false,
            filters: Default::default(),
            typing: None,
            selected: None,
            sort: Sort::default(),
            try_row: None,
            load: LoadScreen::default(),
            profile: ProfileScreen::default(),
            events: EventsScreen { level: Level::Info, model_only: false, back: 0 },
            toast: None,
            dirty: true,
        }
    }

    /// What is shown: the live data, or what it was when the display was paused.
    pub(crate) fn shown(&self) -> &Data {
        self.frozen.as_deref().unwrap_or(&self.live)
    }

    /// Filter of the screen that is shown.
    pub(crate) fn filter(&self) -> &str {
        &self.filters[self.screen as usize]
    }

    /// Length of the charts' window, seconds.
    pub(crate) fn window_s(&self) -> u64 {
        WINDOWS[self.window]
    }

    /// The second at the right edge of the charts, by the daemon's clock. It moves on while the connection is down,
    /// so that the gap is seen growing.
    pub(crate) fn chart_now_s(&self) -> u64 {
        let data = self.shown();
        let at_ms = data.frame.as_ref().map_or(self.now_ms, |f| f.at_unix_ms);
        let silent_ms = match self.link {
            Link::Lost { .. } if self.frozen.is_none() => self.now_ms.saturating_sub(data.received_ms),
            _ => 0,
        };
        (at_ms + silent_ms) / 1000
    }

    /// Shows a line of news for a while.
    pub(crate) fn say(&mut self, level: Level, text: impl Into<String>) {
        self.toast = Some(Toast { level, text: text.into(), until_ms: self.now_ms + TOAST_MS });
    }

    /// Host and port for people, as the header shows it.
    pub(crate) fn address(&self) -> &str {
        self.connected_to.as_deref().unwrap_or(&self.options.target)
    }

    /// Base URL that scores: the daemon's first serving address, with the host that the user named where the daemon
    /// listens on all of them.
    pub(crate) fn serving_url(&self) -> String {
        let target = &self.options.target;
        let listen = self.live.frame.as_ref().and_then(|f| f.daemon.listen.first());
        let address = listen.map_or_else(|| target.clone(), |listen| reachable(listen, target));
        format!("http://{address}")
    }
}

/// The events that are shown, oldest first: of the chosen level, model and filter.
pub(crate) fn events_shown(app: &App) -> Vec<&data::Logged> {
    let filter = app.filters[Screen::Events as usize].to_lowercase();
    let model = app.events.model_only.then_some(app.selected.as_ref()).flatten();
    let keep = |line: &&data::Logged| {
        line.level >= app.events.level
            && model.is_none_or(|m| line.model.as_ref() == Some(&m.name))
            && (filter.is_empty()
                || line.message.to_lowercase().contains(&filter)
                || line.kind.contains(&filter)
                || line.model.as_ref().is_some_and(|m| m.to_lowercase().contains(&filter)))
    };
    app.shown().events.iter().filter(keep).collect()
}

/// An address that a daemon says it listens on, as seen from here: an unspecified host is the one that the user named.
pub(crate) fn reachable(listen: &str, target: &str) -> String {
    let host_of = |address: &str| address.rsplit_once(':').map_or(address.to_owned(), |(host, _)| host.to_owned());
    match listen.rsplit_once(':') {
        Some(("0.0.0.0" | "[::]" | "", port)) => format!("{}:{port}", host_of(target)),
        _ => listen.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unspecified_address_is_reached_by_the_name_that_the_user_gave() {
        assert_eq!(reachable("0.0.0.0:8081", "box:8080"), "box:8081");
        assert_eq!(reachable("[::]:8081", "[::1]:8080"), "[::1]:8081");
        assert_eq!(reachable("127.0.0.1:8081", "localhost:8080"), "127.0.0.1:8081");
    }
}
