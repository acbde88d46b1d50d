//! One recorder's history: what each of the last seconds added, and the totals since the start; read as the windows
//! of a stats frame. Percentiles are of merged buckets, never means of percentiles.

use std::collections::VecDeque;

use yummy_api::stats::{Stages, Window, Windows};

use super::{
    histogram::{BUCKETS, quantiles},
    packed::Packed,
    recorder::Recorder,
    shard::{ALL, Class, Shard, TIMINGS, Timing, counter},
};

/// Seconds of the longest window.
const LONGEST: f64 = 60.0;
/// Ticks kept: those of the longest window, and some for ticks that came early.
pub(super) const TICKS_KEPT: usize = 64;
/// A tick that came this much early still fills its second.
const TICK_TOLERANCE: f64 = 0.05;

/// Counters and buckets added up.
#[derive(Clone)]
pub(crate) struct Totals {
    pub(crate) counters: [u64; counter::COUNTERS],
    /// One row of [`BUCKETS`] for each [`Timing`]; empty before the first request, so that idle models cost nothing, and
    /// while it is packed.
    buckets: Vec<u64>,
    /// Instead of `buckets`, when nothing is to be added for a while.
    packed: Counts,
}

/// Buckets that counted something, for each [`Timing`].
type Counts = [Packed; TIMINGS];

impl Totals {
    pub(crate) fn new() -> Self {
        Self { counters: [0; counter::COUNTERS], buckets: Vec::new(), packed: Counts::default() }
    }

    pub(crate) fn add(&mut self, delta: &Delta) {
        for (total, n) in self.counters.iter_mut().zip(delta.counters) {
            *total += n;
        }
        self.add_counts(delta.counts.each_ref().map(Packed::iter));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (total, n) in self.counters.iter_mut().zip(other.counters) {
            *total += n;
        }
        self.add_counts(ALL.map(|timing| other.counts(timing)));
    }

    fn add_counts(&mut self, counts: [impl Iterator<Item = (usize, u64)>; TIMINGS]) {
        for (timing, counts) in counts.into_iter().enumerate() {
            let mut counts = counts.peekable();
            if counts.peek().is_none() {
                continue;
            }
            self.unpack();
            for (bucket, n) in counts {
                self.buckets[timing * BUCKETS + bucket] += n;
            }
        }
    }

    /// What was added since it was new, small; it is new then.
    fn take(&mut self) -> Option<Box<Delta>> {
        let mut all = std::mem::replace(self, Self::new());
        all.pack();
        let is_new = all.counters.iter().all(|n| *n == 0);
        (!is_new).then(|| Box::new(Delta { counters: all.counters, counts: all.packed }))
    }

    /// Makes it small: 82 KB become some hundred bytes to some KB.
    pub(crate) fn pack(&mut self) {
        if !self.buckets.is_empty() {
            self.packed = ALL.map(|timing| Packed::of(self.counts(timing)));
            self.buckets = Vec::new();
        }
    }

    fn unpack(&mut self) {
        if self.buckets.is_empty() {
            self.buckets.resize(BUCKETS * TIMINGS, 0);
            for (timing, counts) in std::mem::take(&mut self.packed).iter().enumerate() {
                counts.iter().for_each(|(bucket, n)| self.buckets[timing * BUCKETS + bucket] = n);
            }
        }
    }

    /// Buckets that counted something, in rising order.
    pub(crate) fn counts(&self, timing: Timing) -> impl Iterator<Item = (usize, u64)> + Clone {
        let start = timing as usize * BUCKETS;
        let row = self.buckets.get(start..start + BUCKETS).unwrap_or_default();
        let counted = row.iter().copied().enumerate().filter(|(_, n)| *n > 0);
        counted.chain(self.packed[timing as usize].iter())
    }

    pub(crate) fn class(&self, class: Class, load: bool) -> u64 {
        self.counters[counter::class(class, load)]
    }

    pub(crate) fn sum_ns(&self, timing: Timing) -> u64 {
        self.counters[counter::SUMS + timing as usize]
    }

    fn window(&self, seconds: f64) -> Window {
        let both = |class| self.class(class, false) + self.class(class, true);
        let (client_errors, server_errors) = (both(Class::ClientError), both(Class::ServerError));
        let requests = both(Class::Ok) + client_errors + server_errors;
        let load = [Class::Ok, Class::ClientError, Class::ServerError].map(|class| self.class(class, true));
        let rows = self.counters[counter::ROWS];
        let per_second = |n: u64| if seconds > 0.0 { n as f64 / seconds } else { 0.0 };
        let of = |timing| quantiles(self.counts(timing), self.sum_ns(timing));
        Window {
            seconds,
            requests,
            load_requests: load.iter().sum(),
            client_errors,
            server_errors,
            client_gone: both(Class::Gone),
            rows,
            in_bytes: self.counters[counter::IN_BYTES],
            out_bytes: self.counters[counter::OUT_BYTES],
            rps: per_second(requests),
            rows_per_s: per_second(rows),
            latency_ms: of(Timing::Total),
            stages_ms: of(Timing::Decode)
                .zip(of(Timing::Queue))
                .zip(of(Timing::Predict).zip(of(Timing::Encode)))
                .map(|((decode, queue), (predict, encode))| Stages { decode, queue, predict, encode }),
        }
    }
}

/// What a stretch of time added.
#[derive(Clone, Default)]
pub(crate) struct Delta {
    counters: [u64; counter::COUNTERS],
    /// What buckets grew by.
    counts: Counts,
}

/// A closed second.
pub(crate) struct Tick {
    seconds: f64,
    /// `None` when nothing happened: of most models' seconds that is all there is to keep.
    added: Option<Box<Delta>>,
}

impl Tick {
    /// CPU that decoding, predicting and encoding took, in cores. Wall time of these stages: they do not wait.
    pub(crate) fn cpu_cores(&self) -> Option<f64> {
        let stages = [Timing::Decode, Timing::Predict, Timing::Encode];
        let ns = |added: &Delta| stages.iter().map(|timing| added.counters[counter::SUMS + *timing as usize]).sum();
        let ns: u64 = self.added.as_deref().map_or(0, ns);
        (self.seconds > 0.0).then(|| ns as f64 / 1e9 / self.seconds)
    }
}

/// History of one recorder, or of all together.
pub(crate) struct Series {
    /// Seconds since it began.
    age: f64,
    /// Since it began, what is pending included.
    pub(crate) totals: Totals,
    /// Since the last tick.
    pending: Totals,
    /// Each tick, newest first.
    ticks: VecDeque<Tick>,
}

impl Series {
    pub(crate) fn new() -> Self {
        Self { age: 0.0, totals: Totals::new(), pending: Totals::new(), ticks: VecDeque::new() }
    }

    /// Takes what the recorder has counted since the last call; returns it for the sum over all models.
    pub(crate) fn collect(&mut self, recorder: &Recorder) -> Option<Delta> {
        let delta = difference(recorder, &self.totals)?;
        self.include(&delta);
        Some(delta)
    }

    pub(crate) fn include(&mut self, delta: &Delta) {
        self.totals.add(delta);
        self.pending.add(delta);
    }

    /// Closes a second.
    pub(crate) fn tick(&mut self, seconds: f64) {
        self.age += seconds;
        self.ticks.push_front(Tick { seconds, added: self.pending.take() });
        self.ticks.truncate(TICKS_KEPT);
    }

    /// Nothing more is to be counted for a while: keeps what it has, small. Counting may go on all the same.
    pub(crate) fn pack(&mut self) {
        self.totals.pack();
    }

    /// Bytes on the heap that its counts take.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        let packed = |counts: &Counts| counts.iter().map(Packed::bytes).sum::<usize>();
        let added = self.ticks.iter().filter_map(|tick| tick.added.as_deref());
        let ticks: usize = added.map(|added| size_of::<Delta>() + packed(&added.counts)).sum();
        size_of::<u64>() * self.totals.buckets.len() + packed(&self.totals.packed) + ticks
    }

    /// The newest closed second.
    pub(crate) fn last(&self) -> Option<&Tick> {
        self.ticks.front()
    }

    /// Requests that ended within the longest window.
    pub(crate) fn recent(&self) -> u64 {
        let ended = |counters: &[u64; counter::COUNTERS]| counters[counter::FINISHED];
        let added = self.ticks.iter().filter_map(|tick| tick.added.as_deref());
        ended(&self.pending.counters) + added.map(|added| ended(&added.counters)).sum::<u64>()
    }

    /// Whether nothing happened within the longest window.
    pub(crate) fn is_quiet(&self) -> bool {
        self.recent() == 0
    }

    /// The windows that end `pending_seconds` after the last tick.
    pub(crate) fn windows(&self, pending_seconds: f64) -> Windows {
        let mut windows = Windows { start: self.totals.window(self.age + pending_seconds), ..Windows::default() };
        let (mut merged, mut closed) = (self.pending.clone(), 0.0);
        let mut ticks = self.ticks.iter();
        for (length, window) in [(1.0, &mut windows.s1), (10.0, &mut windows.s10), (LONGEST, &mut windows.s60)] {
            while closed + TICK_TOLERANCE < length
                && let Some(tick) = ticks.next()
            {
                tick.added.iter().for_each(|added| merged.add(added));
                closed += tick.seconds;
            }
            *window = merged.window(closed + pending_seconds);
        }
        windows
    }
}

/// What a recorder has counted beyond `known`; `None` when no request began or ended.
fn difference(recorder: &Recorder, known: &Totals) -> Option<Delta> {
    let finished: u64 = recorder.shards().map(Shard::finished).sum();
    let started: u64 = recorder.shards().map(|shard| shard.counter(counter::STARTED)).sum();
    let counted = known.counters[counter::FINISHED];
    if finished == counted && started == known.counters[counter::STARTED] {
        return None;
    }
    let mut delta = Delta::default();
    delta.counters[counter::STARTED] = started - known.counters[counter::STARTED];
    if finished == counted {
        return Some(delta);
    }
    delta.counters[counter::FINISHED] = finished - counted;
    for index in counter::FINISHED + 1..counter::COUNTERS {
        let now: u64 = recorder.shards().map(|shard| shard.counter(index)).sum();
        delta.counters[index] = now - known.counters[index];
    }
    let mut sums = vec![0_u32; BUCKETS];
    for (timing, counts) in delta.counts.iter_mut().enumerate() {
        sums.fill(0);
        for shard in recorder.shards() {
            for (sum, n) in sums.iter_mut().zip(shard.buckets(timing)) {
                *sum = sum.wrapping_add(n);
            }
        }
        // Shards count in 32 bits, which wrap around: the cast keeps those of what is known.
        for (bucket, n) in known.counts(ALL[timing]) {
            sums[bucket] = sums[bucket].wrapping_sub(n as u32);
        }
        *counts = Packed::of(sums.iter().map(|n| u64::from(*n)).enumerate());
    }
    Some(delta)
}
