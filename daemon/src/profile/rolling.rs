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
    sampler::{RawProfile, Sampler, visit_every},
    worker::Began,
};
use crate::telemetry::Telemetry;

/// Length of a segment: what a look back is exact to.
const SEGMENT: Duration = Duration::from_secs(5);
/// Segments kept: ten minutes.
const KEPT: usize = 120;

pub(crate) struct Rolling {
    hz: u32,
    telemetry: Option<Arc<Telemetry>>,
    current: Option<Current>,
    segments: VecDeque<Segment>,
}

/// The sampler that runs, and when the current segment began.
struct Current {
    sampler: Sampler,
    began: Began,
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

    /// Time until the next [`visit`](Self::visit).
    pub(crate) fn until_next(&mut self) -> Duration {
        if self.current.is_none() {
            self.start();
        }
        visit_every(self.hz)
    }

    /// Takes what was sampled; closes the segment when it is long enough.
    pub(crate) fn visit(&mut self) {
        let Some(current) = &mut self.current else { return };
        current.sampler.collect();
        if current.began.at.elapsed() >= SEGMENT {
            self.close_segment();
        }
    }

    /// Stops sampling until the next call of [`Rolling::until_next`].
    pub(crate) fn pause(&mut self) {
        self.close_segment();
        self.current = None;
    }

    /// Keeps what was sampled since the last segment.
    fn close_segment(&mut self) {
        let Some(current) = &mut self.current else { return };
        let measured = current.began.measure(&current.sampler, self.hz, self.telemetry.as_deref());
        let raw = current.sampler.take();
        current.began = Began::now(&current.sampler, self.telemetry.as_deref());
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
            sum.clock = segment.measured.clock;
            sum.seconds += segment.measured.seconds;
            sum.on_cpu_seconds += segment.measured.on_cpu_seconds;
            sum.activity.add(&segment.measured.activity);
        }
        (raw, sum)
    }

    fn start(&mut self) {
        match Sampler::start(self.hz) {
            Ok(sampler) => {
                let began = Began::now(&sampler, self.telemetry.as_deref());
                self.current = Some(Current { sampler, began });
            }
            Err(error) => tracing::warn!(%error, "the rolling capture cannot start, it will be tried again"),
        }
    }
}
