//! What the daemon said: the newest frame, the series made of all frames, events and the catalog.

use std::collections::{BTreeMap, VecDeque};

use yummy_api::{
    catalog::CatalogInfo,
    event::{Event, Level},
    stats::StatsFrame,
};

use super::{
    history::{History, Point},
    rows::ModelKey,
};

/// Seconds of the whole daemon that are kept: the longest window of the charts.
const TOTAL_POINTS: usize = 3600;
/// Seconds kept for each version: the second window; 100 versions take 5 MB.
const MODEL_POINTS: usize = 600;
/// Versions with a series of their own; more are shown without charts.
const MODEL_SERIES: usize = 200;
/// Events that are kept; the oldest goes first.
const EVENTS: usize = 2000;

/// One line of the Events screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) at_ms: u64,
    pub(crate) level: Level,
    /// `reload`, `watch`, … of the daemon, or `client` for what the dashboard itself saw.
    pub(crate) kind: &'static str,
    pub(crate) model: Option<String>,
    pub(crate) version: Option<u64>,
    pub(crate) message: String,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub(crate) frame: Option<StatsFrame>,
    /// When the newest frame arrived, by the local clock.
    pub(crate) received_ms: u64,
    pub(crate) total: History,
    pub(crate) models: BTreeMap<ModelKey, History>,
    pub(crate) events: VecDeque<Logged>,
    pub(crate) catalog: Option<CatalogInfo>,
    /// Sequence number of the daemon's newest event that is in `events`.
    newest_event: u64,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            frame: None,
            received_ms: 0,
            total: History::new(TOTAL_POINTS),
            models: BTreeMap::new(),
            events: VecDeque::new(),
            catalog: None,
            newest_event: 0,
        }
    }
}

impl Data {
    /// Takes in a frame. Returns whether it has news of the catalog: states or versions changed.
    pub(crate) fn take_frame(&mut self, frame: StatsFrame, now_ms: u64) -> bool {
        let restarted = self.frame.as_ref().is_some_and(|old| {
            (old.daemon.pid, old.daemon.started_unix_ms) != (frame.daemon.pid, frame.daemon.started_unix_ms)
        });
        if restarted {
            self.newest_event = 0;
        }
        let at_s = frame.at_unix_ms / 1000;
        self.total.push(Point {
            cpu: frame.process.cpu_cores,
            rss: Some(frame.process.rss_bytes as f64),
            in_flight: frame.in_flight as f64,
            ..Point::of(at_s, &frame.total.s1)
        });
        // A version that a frame has no windows of is not idle: there is nothing to draw.
        for model in frame.models.iter().filter(|model| !model.windows_left_out) {
            let key = ModelKey::new(&model.name, model.version);
            let room = self.models.len() < MODEL_SERIES;
            let point = Point {
                cpu: model.cpu_cores,
                rss: model.memory_bytes.map(|b| b as f64),
                in_flight: model.in_flight as f64,
                ..Point::of(at_s, &model.windows.s1)
            };
            match self.models.get_mut(&key) {
                Some(series) => series.push(point),
                None if room => self.models.entry(key).or_insert_with(|| History::new(MODEL_POINTS)).push(point),
                None => {}
            }
        }
        for event in &frame.events {
            self.take_event(event);
        }
        let shape = |f: &StatsFrame| f.models.iter().map(|m| (m.name.clone(), m.version, m.state)).collect::<Vec<_>>();
        let changed = restarted || self.frame.as_ref().is_none_or(|old| shape(old) != shape(&frame));
        if changed {
            let keys: Vec<_> = frame.models.iter().map(|m| ModelKey::new(&m.name, m.version)).collect();
            self.models.retain(|key, _| keys.contains(key));
        }
        self.frame = Some(frame);
        self.received_ms = now_ms;
        changed
    }

    /// Takes in one of the daemon's events; one that is known already changes nothing. Frames repeat the newest.
    pub(crate) fn take_event(&mut self, event: &Event) -> bool {
        if event.seq <= self.newest_event {
            return false;
        }
        self.newest_event = event.seq;
        self.log(Logged {
            at_ms: event.at_unix_ms,
            level: event.level,
            kind: event.kind.as_str(),
            model: event.model.clone(),
            version: event.version,
            message: event.message.clone(),
        });
        true
    }

    /// Adds a line, in the order of time.
    pub(crate) fn log(&mut self, line: Logged) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        let place = self.events.partition_point(|other| other.at_ms <= line.at_ms);
        self.events.insert(place, line);
    }
}
