//! One recorder's history: what each of the last seconds added, and the totals since the start; read as the windows
//! of a stats frame. Percentiles are of merged buckets, never means of percentiles.

use std::collections::VecDeque;

use yummy_api::stats::{Stages, Window, Windows};

use super::{
    histogram::{BUCKETS, quantiles},
    recorder::Recorder,
    shard::{Class, Shard, TIMINGS, Timing, counter},
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
    /// One row of [`BUCKETS`] for each [`Timing`]; empty before the first request, so that idle models cost nothing.
    buckets: Vec<u64>,
}

impl Totals {
    pub(crate) fn new() -> Self {
        Self { counters: [0; counter::COUNTERS], buckets: Vec::new() }
    }

    pub(crate) fn add(&mut self, delta: &Delta) {
        for (total, n) in self.counters.iter_mut().zip(delta.counters) {
            *total += n;
        }
        if delta.counts.iter().any(|counts| !counts.is_empty()) {
            self.buckets.resize(BUCKETS * TIMINGS, 0);
        }
        for (timing, counts) in delta.counts.iter().enumerate() {
            for &(bucket, n) in counts {
                self.buckets[timing * BUCKETS + usize::from(bucket)] += u64::from(n);
            }
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (total, n) in self.counters.iter_mut().zip(other.counters) {
            *total += n;
        }
        self.buckets.resize(self.buckets.len().max(other.buckets.len()), 0);
        for (total, n) in self.buckets.iter_mut().zip(&other.buckets) {
            *total += n;
        }
    }

    /// Counts by bucket; empty before the first request.
    pub(crate) fn buckets(&self, timing: Timing) -> &[u64] {
        let start = timing as usize * BUCKETS;
        self.buckets.get(start..start + BUCKETS).unwrap_or_default()
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
        let of = |timing| quantiles(self.buckets(timing), self.sum_ns(timing));
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
    seconds: f64,
    counters: [u64; counter::COUNTERS],
    /// Buckets that grew, for each [`Timing`].
    counts: [Vec<(u16, u32)>; TIMINGS],
}

impl Delta {
    /// CPU that decoding, predicting and encoding took, in cores. Wall time of these stages: they do not wait.
    pub(crate) fn cpu_cores(&self) -> Option<f64> {
        let stages = [Timing::Decode, Timing::Predict, Timing::Encode];
        let ns: u64 = stages.iter().map(|timing| self.counters[counter::SUMS + *timing as usize]).sum();
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
    ticks: VecDeque<Delta>,
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
        self.ticks.push_front(sparse(&self.pending, seconds));
        self.pending = Totals::new();
        self.ticks.truncate(TICKS_KEPT);
    }

    /// The newest closed second.
    pub(crate) fn last(&self) -> Option<&Delta> {
        self.ticks.front()
    }

    /// Requests that ended within the longest window.
    pub(crate) fn recent(&self) -> u64 {
        let ended = |counters: &[u64; counter::COUNTERS]| counters[counter::FINISHED];
        ended(&self.pending.counters) + self.ticks.iter().map(|tick| ended(&tick.counters)).sum::<u64>()
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
                merged.add(tick);
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
        *counts = grown(&sums, known.buckets.get(timing * BUCKETS..).unwrap_or_default());
    }
    Some(delta)
}

/// Buckets whose low 32 bits have moved on.
fn grown(sums: &[u32], known: &[u64]) -> Vec<(u16, u32)> {
    let known = known.iter().copied().chain(std::iter::repeat(0));
    // BUCKETS is below 2^16; the cast to u32 keeps the low bits, which is what is compared.
    let grown = sums.iter().zip(known).enumerate().map(|(i, (sum, old))| (i as u16, sum.wrapping_sub(old as u32)));
    grown.filter(|(_, n)| *n > 0).collect()
}

fn sparse(totals: &Totals, seconds: f64) -> Delta {
    let mut delta = Delta { seconds, counters: totals.counters, ..Delta::default() };
    for (counts, row) in delta.counts.iter_mut().zip(totals.buckets.chunks(BUCKETS)) {
        // A second holds fewer than 2^32 requests.
        *counts = row.iter().enumerate().filter(|(_, n)| **n > 0).map(|(i, n)| (i as u16, *n as u32)).collect();
    }
    delta
}
