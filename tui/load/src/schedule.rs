//! When each request is meant to be sent. Fixed before a trial starts, whatever the server does.
//!
//! A schedule yields offsets from the start of the trial in nanoseconds, never decreasing. It does not sleep and reads
//! no clock.

use yummy_api::load::Arrivals;

use crate::rng::Rng;

const NANOS: f64 = 1e9;

/// A stretch of time in which the rate goes in a straight line from one value to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// Requests a second at the start.
    pub from: f64,
    /// Requests a second at the end.
    pub to: f64,
    /// Length, seconds.
    pub seconds: f64,
}

impl Segment {
    /// One rate all the time.
    #[must_use]
    pub fn constant(rate: f64, seconds: f64) -> Self {
        Self { from: rate, to: rate, seconds }
    }

    /// Requests within the whole segment.
    fn total(&self) -> f64 {
        (self.from + self.to) / 2.0 * self.seconds
    }

    fn rate_at(&self, t: f64) -> f64 {
        if self.seconds <= 0.0 {
            self.to
        } else {
            self.from + (self.to - self.from) * (t / self.seconds).clamp(0.0, 1.0)
        }
    }

    /// The moment, seconds from the segment's start, at which `count` requests are due: the positive root of
    /// `from·t + (to − from)·t²/(2·seconds) = count`, written so that a constant rate does not divide by zero.
    fn time_of(&self, count: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        let root = self.from.mul_add(self.from, 2.0 * slope * count).max(0.0).sqrt();
        let t = 2.0 * count / (self.from + root);
        if t.is_finite() { t.min(self.seconds) } else { 0.0 }
    }
}

/// The intended send times of one trial.
#[derive(Clone, Debug)]
pub struct Schedule {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Profile { segments: Vec<Segment>, position: Position, spacing: Spacing },
    Listed { offsets_ns: Vec<u64>, next: usize },
}

#[derive(Clone, Debug, Default)]
struct Position {
    segment: usize,
    /// Seconds before the current segment.
    start: f64,
    /// Requests due before the current segment.
    due_before: f64,
    /// Requests due at the next arrival, counted from the start.
    due: f64,
}

#[derive(Clone, Debug)]
enum Spacing {
    Constant,
    Poisson(Rng),
}

impl Spacing {
    fn step(&mut self) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Poisson(rng) => rng.exponential(),
        }
    }
}

impl Schedule {
    /// Arrivals along `segments`, one after the other.
    ///
    /// The first constant arrival is at once; Poisson arrivals are drawn from `seed`.
    #[must_use]
    pub fn new(segments: Vec<Segment>, arrivals: Arrivals, seed: u64) -> Self {
        let mut spacing = match arrivals {
            Arrivals::Constant => Spacing::Constant,
            Arrivals::Poisson => Spacing::Poisson(Rng::new(seed)),
        };
        let due = match &mut spacing {
            Spacing::Constant => 0.0,
            Spacing::Poisson(_) => spacing.step(),
        };
        Self { kind: Kind::Profile { segments, position: Position { due, ..Position::default() }, spacing } }
    }

    /// One rate for `seconds`.
    #[must_use]
    pub fn constant(rate: f64, seconds: f64, arrivals: Arrivals, seed: u64) -> Self {
        Self::new(vec![Segment::constant(rate, seconds)], arrivals, seed)
    }

    /// The times of a recording, nanoseconds from its start; they are sorted.
    #[must_use]
    pub fn replay(mut offsets_ns: Vec<u64>) -> Self {
        offsets_ns.sort_unstable();
        Self { kind: Kind::Listed { offsets_ns, next: 0 } }
    }

    /// Length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        match &self.kind {
            Kind::Profile { segments, .. } => segments.iter().map(|s| s.seconds).sum(),
            Kind::Listed { offsets_ns, .. } => offsets_ns.last().map_or(0.0, |&last| (last + 1) as f64 / NANOS),
        }
    }

    /// Mean requests a second over the whole length.
    #[must_use]
    pub fn mean_rate(&self) -> f64 {
        let total = match &self.kind {
            Kind::Profile { segments, .. } => segments.iter().map(Segment::total).sum::<f64>(),
            Kind::Listed { offsets_ns, .. } => offsets_ns.len() as f64,
        };
        let seconds = self.seconds();
        if seconds > 0.0 { total / seconds } else { 0.0 }
    }

    /// Requests a second that are asked for at `t` seconds.
    #[must_use]
    pub fn rate_at(&self, t: f64) -> f64 {
        let Kind::Profile { segments, .. } = &self.kind else { return self.mean_rate() };
        let mut start = 0.0;
        for segment in segments {
            if t < start + segment.seconds {
                return segment.rate_at(t - start);
            }
            start += segment.seconds;
        }
        0.0
    }

    /// The highest rate of the whole length.
    #[must_use]
    pub fn peak_rate(&self) -> f64 {
        match &self.kind {
            Kind::Profile { segments, .. } => segments.iter().fold(0.0, |peak, s| s.from.max(s.to).max(peak)),
            Kind::Listed { .. } => self.mean_rate(),
        }
    }
}

impl Iterator for Schedule {
    /// Nanoseconds from the start of the trial.
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        match &mut self.kind {
            Kind::Listed { offsets_ns, next } => {
                let offset = offsets_ns.get(*next).copied();
                *next += 1;
                offset
            }
            Kind::Profile { segments, position, spacing } => loop {
                let segment = segments.get(position.segment)?;
                let total = segment.total();
                let within = position.due - position.due_before;
                if within < total {
                    let at = position.start + segment.time_of(within);
                    position.due += spacing.step();
                    return Some((at * NANOS) as u64);
                }
                position.due_before += total;
                position.start += segment.seconds;
                position.segment += 1;
            },
        }
    }
}
