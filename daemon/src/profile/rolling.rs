//! The rolling capture: low-rate samples of the last minutes, so that a spike can be looked at after it happened.
//!
//! Kept as addresses; names are looked for when somebody asks.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    capture::Measured,
    sampler::{RawProfile, Sampler},
    worker::Began,
};
use crate::telemetry::Telemetry;

/// Length of a segment: what a look back is exact to.
const SEGMENT: Duration = Duration::from_secs(5);
/// Segments kept: ten minutes.
const KEPT: usize = 120;
/// Segments after which the sampler starts afresh: it keeps every stack that it has seen since its start.
const SEGMENTS_PER_START: usize = 60;

pub(crate) struct Rolling {
    hz: u32,
    telemetry: Option<Arc<Telemetry>>,
    current: Option<Current>,
    segments: VecDeque<Segment>,
}

/// The sampler that runs, and what it had seen when the current segment began.
struct Current {
    sampler: Sampler,
    seen: RawProfile,
    began: Began,
    segments: usize,
}

struct Segment {
    ended: Instant,
    raw: RawProfile,
    measured: Measured,
}

impl Rolling {
    pub(crate) fn new(hz: u32, telemetry: Option<Arc<Telemetry>>) -> Self {
        Self { hz, telemetry, current: None, segments: VecDeque::new() }
    }

    /// Time until the current segment is to be closed.
    pub(crate) fn until_next(&mut self) -> Duration {
        if self.current.is_none() {
            self.start();
        }
        self.current.as_ref().map_or(SEGMENT, |current| SEGMENT.saturating_sub(current.began.at.elapsed()))
    }

    /// Stops sampling until the next call of [`Rolling::until_next`].
    pub(crate) fn pause(&mut self) {
        self.close_segment();
        self.current = None;
    }

    /// Keeps what was sampled since the last segment.
    pub(crate) fn close_segment(&mut self) {
        let Some(current) = &mut self.current else { return };
        let measured = current.began.measure(self.hz, self.telemetry.as_deref());
        let all = match current.sampler.read() {
            Ok(all) => all,
            Err(error) => {
                tracing::warn!(%error, "the rolling capture starts afresh");
                self.current = None;
                return;
            }
        };
        let raw = difference(&all, &current.seen);
        current.seen = all;
        current.began = Began::now(self.telemetry.as_deref());
        current.segments += 1;
        if current.segments >= SEGMENTS_PER_START {
            self.current = None;
        }
        self.segments.push_back(Segment { ended: Instant::now(), raw, measured });
        if self.segments.len() > KEPT {
            self.segments.pop_front();
        }
    }

    /// All samples of the segments that ended within the last `length`.
    pub(crate) fn last(&mut self, length: Duration) -> (RawProfile, Measured) {
        self.close_segment();
        let now = Instant::now();
        let recent = self.segments.iter().filter(|segment| now.duration_since(segment.ended) < length);
        let (mut raw, mut sum) = (RawProfile::new(), Measured { hz: self.hz, ..Measured::default() });
        for segment in recent {
            for (stack, count) in &segment.raw {
                *raw.entry(stack.clone()).or_default() += count;
            }
            if sum.at_unix_ms == 0 {
                sum.at_unix_ms = segment.measured.at_unix_ms;
            }
            sum.seconds += segment.measured.seconds;
            sum.on_cpu_seconds += segment.measured.on_cpu_seconds;
            sum.activity.add(&segment.measured.activity);
        }
        (raw, sum)
    }

    fn start(&mut self) {
        match Sampler::start(self.hz) {
            Ok(sampler) => {
                let began = Began::now(self.telemetry.as_deref());
                self.current = Some(Current { sampler, seen: RawProfile::new(), began, segments: 0 });
            }
            Err(error) => tracing::warn!(%error, "the rolling capture cannot start, it will be tried again"),
        }
    }
}

fn difference(all: &RawProfile, seen: &RawProfile) -> RawProfile {
    let grown = all.iter().map(|(stack, n)| (stack, n.saturating_sub(seen.get(stack).copied().unwrap_or(0))));
    grown.filter(|(_, n)| *n > 0).map(|(stack, n)| (stack.clone(), n)).collect()
}
