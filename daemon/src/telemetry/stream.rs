//! `GET /stats/stream`: frames and events as server-sent events.
//!
//! A frame is serialized once for all subscribers. One that does not read keeps nothing alive but the newest frame;
//! when it reads again and is too far behind, it is told so and its stream ends.

use std::{
    convert::Infallible,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};
use yummy_api::{event::Event, stats::StatsFrame};

use super::Telemetry;

/// Frames that a subscriber may miss before its stream ends: as many seconds.
const MAX_MISSED_FRAMES: u64 = 10;
/// Streams at once: dashboards and scripts. Each holds a connection and is sent a frame a second.
const MAX_SUBSCRIBERS: usize = 64;

/// The newest frame, and how it stands on the wire.
#[derive(Clone)]
pub(super) struct Published {
    pub(super) frame: Arc<StatsFrame>,
    /// Made when the first subscriber needs it: without any, a frame costs no text.
    message: Arc<OnceLock<Bytes>>,
    /// The daemon is going: streams end.
    pub(super) closed: bool,
}

impl Published {
    pub(super) fn new(frame: StatsFrame) -> Self {
        Self { frame: Arc::new(frame), message: Arc::default(), closed: false }
    }

    pub(super) fn message(&self) -> Bytes {
        self.message.get_or_init(|| message("stats", self.frame.seq, &*self.frame)).clone()
    }
}

/// Places for subscribers.
#[derive(Clone, Default)]
pub(super) struct Seats(Arc<AtomicUsize>);

struct Seat(Arc<AtomicUsize>);

impl Seats {
    fn take(&self) -> Option<Seat> {
        let seat = Seat(Arc::clone(&self.0));
        // The seat that is one too many gives itself back.
        (self.0.fetch_add(1, Ordering::Relaxed) < MAX_SUBSCRIBERS).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Subscriber {
    frames: watch::Receiver<Published>,
    events: broadcast::Receiver<Arc<Event>>,
    /// Number of the last frame sent; none before the first.
    sent: Option<u64>,
    ended: bool,
    _seat: Seat,
}

/// A new subscriber's stream; `None` when there are too many.
pub(super) fn subscribe(telemetry: &Telemetry) -> Option<impl Stream<Item = Result<Bytes, Infallible>> + use<>> {
    let seat = telemetry.seats.take()?;
    let events = telemetry.about.events.listen();
    let subscriber = Subscriber { frames: telemetry.frames.subscribe(), events, sent: None, ended: false, _seat: seat };
    Some(stream::unfold(subscriber, |mut subscriber| async {
        let message = subscriber.next().await?;
        Some((Ok(message), subscriber))
    }))
}

impl Subscriber {
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        if self.sent.is_none() {
            return self.newest_frame();
        }
        tokio::select! {
            biased;
            event = self.events.recv() => match event {
                Ok(event) => Some(message("event", event.seq, &event)),
                Err(RecvError::Lagged(missed)) => Some(self.drop_slow(missed, "events")),
                Err(RecvError::Closed) => None,
            },
            changed = self.frames.changed() => {
                changed.ok()?;
                self.newest_frame()
            }
        }
    }

    fn newest_frame(&mut self) -> Option<Bytes> {
        let newest = self.frames.borrow_and_update().clone();
        if newest.closed {
            return None;
        }
        let seq = newest.frame.seq;
        let missed = self.sent.map_or(0, |sent| seq.saturating_sub(sent + 1));
        if missed > MAX_MISSED_FRAMES {
            return Some(self.drop_slow(missed, "frames"));
        }
        self.sent = Some(seq);
        Some(newest.message())
    }

    /// The last message of one who reads too slowly.
    fn drop_slow(&mut self, missed: u64, what: &str) -> Bytes {
        self.ended = true;
        tracing::warn!(missed, what, "stats subscriber reads too slowly, its stream ends");
        let reason = format!("this stream ends because {missed} {what} were missed: read faster, or ask /stats");
        message("dropped", missed, &serde_json::json!({ "missed": missed, "reason": reason }))
    }
}

/// One server-sent event. JSON has no raw line feed, so it is one `data` line.
fn message(kind: &str, id: u64, data: &impl Serialize) -> Bytes {
    let data =
        serde_json::to_string(data).expect("stats and events are maps with text keys and finite or null numbers");
    Bytes::from(format!("event: {kind}\nid: {id}\ndata: {data}\n\n"))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::StreamExt;
    use yummy_api::event::{EventKind, Level};

    use super::*;
    use crate::telemetry::tests::telemetry;

    fn text(message: Option<Result<Bytes, Infallible>>) -> String {
        String::from_utf8(message.expect("the stream goes on").expect("never fails").to_vec()).expect("text")
    }

    #[tokio::test]
    async fn the_last_frame_comes_at_once_and_then_what_happens() {
        let telemetry = telemetry();
        telemetry.tick();
        let mut stream = pin!(subscribe(&telemetry).expect("a seat"));
        assert!(text(stream.next().await).starts_with("event: stats\nid: 1\ndata: {\"api\":2,"));
        telemetry.event(Level::Info, EventKind::Reload, Some("wine"), Some(2), "swapped in");
        telemetry.tick();
        assert!(text(stream.next().await).starts_with("event: event\nid: 0\n"), "events do not wait for frames");
        assert!(text(stream.next().await).starts_with("event: stats\nid: 2\n"));
    }

    #[tokio::test]
    async fn a_slow_subscriber_skips_to_the_newest_frame_and_is_dropped_when_too_slow() {
        let telemetry = telemetry();
        let mut stream = pin!(subscribe(&telemetry).expect("a seat"));
        text(stream.next().await);
        for _ in 0..=MAX_MISSED_FRAMES {
            telemetry.tick();
        }
        assert!(text(stream.next().await).contains("id: 11\n"), "ten missed frames are forgiven");
        for _ in 0..=MAX_MISSED_FRAMES + 1 {
            telemetry.tick();
        }
        let last = text(stream.next().await);
        assert!(last.starts_with("event: dropped\n") && last.contains("11 frames were missed"), "{last}");
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn there_are_so_many_seats_and_they_come_back() {
        let telemetry = telemetry();
        let streams: Vec<_> = (0..MAX_SUBSCRIBERS).map(|_| subscribe(&telemetry)).collect();
        assert!(streams.iter().all(Option::is_some));
        assert!(subscribe(&telemetry).is_none());
        drop(streams);
        assert!(subscribe(&telemetry).is_some());
    }

    #[tokio::test]
    async fn closing_ends_the_streams() {
        let telemetry = telemetry();
        let mut stream = pin!(subscribe(&telemetry).expect("a seat"));
        text(stream.next().await);
        telemetry.close();
        assert!(stream.next().await.is_none());
    }
}
