//! What a request leaves behind: the recorder of a model version, the guard of a request in flight, and the
//! observation that ends it. No lock, no allocation, no cache line that two threads write.

use std::{ops::Deref, sync::OnceLock, time::Duration};

use super::{
    histogram::nanos,
    series::Totals,
    shard::{Class, SHARED, SLOTS_AND_SHARED, Shard, Timing, counter, slot},
};

/// Time that a scored request spent in each stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageTimes {
    /// Body bytes to frame.
    pub decode: Duration,
    /// Waiting: for a place among the requests of its model, for a turn of its thread, for a compute thread.
    pub queue: Duration,
    /// The engine.
    pub predict: Duration,
    /// Predictions to body bytes.
    pub encode: Duration,
}

impl StageTimes {
    /// The value of a `server-timing` header: milliseconds by stage, in the order in which they happen.
    #[must_use]
    pub fn server_timing(&self) -> String {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        format!(
            "decode;dur={:.3}, queue;dur={:.3}, predict;dur={:.3}, encode;dur={:.3}",
            ms(self.decode),
            ms(self.queue),
            ms(self.predict),
            ms(self.encode)
        )
    }
}

/// How one request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// HTTP status of the answer.
    pub status: u16,
    /// Whether the request carried `x-yummy-load`.
    pub load: bool,
    /// Rows scored.
    pub rows: u64,
    /// Bytes of the request's body.
    pub in_bytes: u64,
    /// Bytes of the answer's body.
    pub out_bytes: u64,
    /// From the request's head being read to the answer being ready.
    pub total: Duration,
    /// Where that time went; `None` for a request that was not scored.
    pub stages: Option<StageTimes>,
}

/// Counts the requests of one model version, or those that reached none.
pub struct Recorder {
    name: String,
    version: Option<u64>,
    shards: Box<[OnceLock<Box<Shard>>]>,
}

impl Recorder {
    pub(crate) fn new(name: &str, version: Option<u64>) -> Self {
        Self { name: name.to_owned(), version, shards: (0..SLOTS_AND_SHARED).map(|_| OnceLock::new()).collect() }
    }

    /// One that goes on from what another counted.
    pub(crate) fn resume(name: &str, version: Option<u64>, known: &Totals) -> Self {
        let recorder = Self::new(name, version);
        if known.counters[counter::STARTED] > 0 {
            let shard = Shard::resume(&known.counters, |timing| known.counts(timing).collect());
            recorder.shards[SHARED].get_or_init(|| Box::new(shard));
        }
        recorder
    }

    /// Registered model's name, or `m-<id>`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Version, if the model is registered.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.version
    }

    /// A request begins. Borrows the recorder, because counting references would be a cache line that all threads
    /// write; where the guard must own it, use [`InFlight::new`] with an `Arc`.
    pub fn start(&self) -> InFlight<&Self> {
        InFlight::new(self)
    }

    pub(crate) fn shards(&self) -> impl Iterator<Item = &Shard> {
        self.shards.iter().filter_map(OnceLock::get).map(Box::as_ref)
    }

    /// Requests that began and did not end.
    pub(crate) fn in_flight(&self) -> u64 {
        // Ends first: a request that moves on meanwhile is then counted as still in flight, never as minus one.
        let finished: u64 = self.shards().map(Shard::finished).sum();
        let started: u64 = self.shards().map(|shard| shard.counter(counter::STARTED)).sum();
        started.saturating_sub(finished)
    }

    #[inline]
    fn shard(&self) -> &Shard {
        let slot = slot();
        self.shards[slot].get_or_init(|| Box::new(Shard::new(slot)))
    }

    #[inline]
    fn record(&self, seen: &Observation) {
        if is_off() {
            return;
        }
        let class = match seen.status {
            0..400 => Class::Ok,
            400..500 => Class::ClientError,
            _ => Class::ServerError,
        };
        let shard = self.shard();
        shard.add(counter::class(class, seen.load), 1);
        shard.add(counter::ROWS, seen.rows);
        shard.add(counter::IN_BYTES, seen.in_bytes);
        shard.add(counter::OUT_BYTES, seen.out_bytes);
        shard.time(Timing::Total, nanos(seen.total));
        if let Some(stages) = &seen.stages {
            shard.time(Timing::Decode, nanos(stages.decode));
            shard.time(Timing::Queue, nanos(stages.queue));
            shard.time(Timing::Predict, nanos(stages.predict));
            shard.time(Timing::Encode, nanos(stages.encode));
        }
        shard.finish();
    }

    fn record_gone(&self) {
        if is_off() {
            return;
        }
        let shard = self.shard();
        // A dropped request has not said whether it is load; clients that leave are counted as traffic.
        shard.add(counter::class(Class::Gone, false), 1);
        shard.finish();
    }
}

/// A request being answered. Dropped without [`finish`](InFlight::finish), it counts as one whose client has gone.
#[must_use = "a request that is not kept in flight is counted as abandoned at once"]
pub struct InFlight<R: Deref<Target = Recorder>> {
    recorder: R,
    done: bool,
}

impl<R: Deref<Target = Recorder>> InFlight<R> {
    /// A request begins.
    pub fn new(recorder: R) -> Self {
        if !is_off() {
            recorder.shard().add(counter::STARTED, 1);
        }
        Self { recorder, done: false }
    }

    /// The request has been answered.
    #[inline]
    pub fn finish(mut self, seen: &Observation) {
        self.done = true;
        self.recorder.record(seen);
    }
}

impl<R: Deref<Target = Recorder>> Drop for InFlight<R> {
    fn drop(&mut self) {
        if !self.done {
            self.recorder.record_gone();
        }
    }
}

/// Whether nothing is recorded: never, but in the comparison of docs/benchmarks/telemetry.md.
#[cfg(not(feature = "measure"))]
const fn is_off() -> bool {
    false
}

#[cfg(feature = "measure")]
fn is_off() -> bool {
    static OFF: std::sync::LazyLock<bool> =
        std::sync::LazyLock::new(|| std::env::var_os("YUMMY_RECORD").is_some_and(|value| value == "off"));
    *OFF
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_in_flight_until_it_is_finished_or_dropped() {
        let recorder = Recorder::new("wine", Some(1));
        let (first, second) = (recorder.start(), recorder.start());
        assert_eq!(recorder.in_flight(), 2);
        first.finish(&Observation { status: 200, ..Observation::default() });
        assert_eq!(recorder.in_flight(), 1);
        drop(second);
        assert_eq!(recorder.in_flight(), 0);
        let gone: u64 = recorder.shards().map(|shard| shard.counter(counter::class(Class::Gone, false))).sum();
        assert_eq!(gone, 1);
    }

    #[test]
    fn a_request_may_end_on_another_thread() {
        let recorder = std::sync::Arc::new(Recorder::new("wine", None));
        let in_flight = InFlight::new(std::sync::Arc::clone(&recorder));
        std::thread::spawn(move || in_flight.finish(&Observation::default())).join().expect("no panic");
        assert_eq!(recorder.in_flight(), 0);
    }

    #[test]
    fn server_timing_is_milliseconds_by_stage() {
        let stages = StageTimes {
            decode: Duration::from_micros(12),
            queue: Duration::ZERO,
            predict: Duration::from_nanos(1_234_567),
            encode: Duration::from_micros(3),
        };
        assert_eq!(stages.server_timing(), "decode;dur=0.012, queue;dur=0.000, predict;dur=1.235, encode;dur=0.003");
    }
}
