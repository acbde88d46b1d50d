//! What is known of one connection from one request to the next: whether it is one that scores, and so one that waits for
//! its turn to be read.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::execute::turn::Turn;

/// One connection. It stays on one thread: its atomics are never contended.
pub struct Connection {
    /// The turn of its thread.
    pub(super) turn: Arc<Turn>,
    /// Whether its last request was to be scored.
    scores: AtomicBool,
    /// Whether the request that is being read has its place in the turn.
    has_place: AtomicBool,
}

impl Connection {
    /// One that is new, on the thread with that turn.
    #[must_use]
    pub fn new(turn: Arc<Turn>) -> Self {
        Self { turn, scores: AtomicBool::new(false), has_place: AtomicBool::new(false) }
    }

    /// Whether its next request waits for its turn before it is read. Who asked for a score is expected to do so again, and
    /// is then read, predicted and answered in one go, while all of it is in the caches; anybody else, who may ask `/ping`,
    /// is read at once.
    pub(super) fn reads_on_turn(&self) -> bool {
        self.scores.load(Relaxed)
    }

    /// The request that is about to be read has its place in the turn.
    pub(super) fn has_place(&self) {
        self.has_place.store(true, Relaxed);
    }

    /// A request that is to be scored has come.
    pub(super) fn scores(&self) -> Place<'_> {
        self.scores.store(true, Relaxed);
        Place { turn: &self.turn, taken: self.has_place.swap(false, Relaxed) }
    }

    /// A request that is none of those has come.
    pub(super) fn asks_otherwise(&self) {
        self.scores.store(false, Relaxed);
        self.has_place.store(false, Relaxed);
    }
}

/// A request's place in a turn of its thread.
pub(super) struct Place<'a> {
    turn: &'a Turn,
    taken: bool,
}

impl Place<'_> {
    /// Waits for it, where the request has none yet; gives the time.
    pub(super) async fn take(&mut self) -> Duration {
        if mem::replace(&mut self.taken, true) { Duration::ZERO } else { self.turn.take().await }
    }

    /// Waits for one more.
    pub(super) async fn take_another(&mut self) {
        self.turn.take().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_takes_one_place_however_often_it_is_asked() {
        let turn = Arc::new(Turn::default());
        let connection = Connection::new(Arc::clone(&turn));
        let size = turn.places();
        let mut first = connection.scores();
        first.take().await;
        first.take().await;
        assert_eq!(turn.places(), size - 1);
        connection.has_place();
        connection.scores().take().await;
        assert_eq!(turn.places(), size - 1, "it had one");
        connection.scores().take().await;
        assert_eq!(turn.places(), size - 2, "that was the one before");
    }

    #[test]
    fn the_last_request_says_what_the_next_one_is_expected_to_be() {
        let connection = Connection::new(Arc::default());
        assert!(!connection.reads_on_turn());
        let _ = connection.scores();
        assert!(connection.reads_on_turn());
        connection.asks_otherwise();
        assert!(!connection.reads_on_turn());
    }
}
