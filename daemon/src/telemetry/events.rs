//! The newest events: a bounded ring for those who connect later, and a channel for those who listen.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::broadcast;
use yummy_api::event::{Event, EventKind, Level};

use super::unix_ms;

/// Events kept for a client that has just connected: a screen's worth and some to scroll.
const KEPT: usize = 100;
/// Events that a subscriber may be behind: a start-up with this many models. One that is further behind is told how
/// many it missed.
const CHANNEL: usize = 256;
/// Longest message: events hold reasons of failed loads, and a reason may hold a whole file.
const MAX_MESSAGE: usize = 1000;

/// What happened, without its number and time.
pub(crate) struct Happening<'a> {
    pub(crate) level: Level,
    pub(crate) kind: EventKind,
    pub(crate) model: Option<&'a str>,
    pub(crate) version: Option<u64>,
    pub(crate) message: String,
}

pub(crate) struct EventLog {
    ring: Mutex<Ring>,
    listeners: broadcast::Sender<Arc<Event>>,
}

#[derive(Default)]
struct Ring {
    next: u64,
    events: VecDeque<Event>,
}

impl EventLog {
    pub(crate) fn new() -> Self {
        Self { ring: Mutex::default(), listeners: broadcast::channel(CHANNEL).0 }
    }

    /// Keeps an event, logs it, and sends it to whoever listens.
    pub(crate) fn record(&self, happening: Happening<'_>) {
        let Happening { level, kind, model, version, mut message } = happening;
        message.truncate(message.floor_char_boundary(MAX_MESSAGE));
        log(level, kind, model, version, &message);
        // Numbered and sent under one lock, so that listeners see numbers in order. Nothing here waits.
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let (seq, model) = (ring.next, model.map(str::to_owned));
        let event = Event { seq, at_unix_ms: unix_ms(), level, kind, model, version, message };
        ring.next += 1;
        ring.events.push_back(event.clone());
        if ring.events.len() > KEPT {
            ring.events.pop_front();
        }
        // Nobody listening is no error.
        let _ = self.listeners.send(Arc::new(event));
    }

    /// The newest events, oldest first.
    pub(crate) fn newest(&self) -> Vec<Event> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).events.iter().cloned().collect()
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Event>> {
        self.listeners.subscribe()
    }
}

fn log(level: Level, kind: EventKind, model: Option<&str>, version: Option<u64>, message: &str) {
    let kind = kind.as_str();
    match level {
        Level::Info => tracing::info!(kind, model, version, "{message}"),
        Level::Warn => tracing::warn!(kind, model, version, "{message}"),
        Level::Error => tracing::error!(kind, model, version, "{message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(log: &EventLog, message: String) {
        log.record(Happening { level: Level::Info, kind: EventKind::Serve, model: None, version: None, message });
    }

    #[test]
    fn the_ring_keeps_the_newest_in_order() {
        let log = EventLog::new();
        for i in 0..KEPT + 5 {
            say(&log, i.to_string());
        }
        let kept: Vec<_> = log.newest().into_iter().map(|event| event.seq).collect();
        assert_eq!(kept, (5..KEPT as u64 + 5).collect::<Vec<_>>());
    }

    #[test]
    fn a_message_has_a_bound_and_stays_text() {
        let log = EventLog::new();
        say(&log, "é".repeat(MAX_MESSAGE));
        assert_eq!(log.newest()[0].message.chars().count(), MAX_MESSAGE / 2);
    }
}
