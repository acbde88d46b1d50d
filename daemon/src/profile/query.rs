//! What a request for a profile asks for, and the bounds of that.

use std::{collections::HashMap, time::Duration};

use super::{ClockKind, ProfileError, Request};
use crate::telemetry::clock;

/// Samples a second unless asked otherwise: not a divisor of the round rates that programs work at.
pub(crate) const DEFAULT_HZ: u32 = 99;
/// Highest rate that was measured to give its samples, where each thread has its clock (docs/profiling.md).
const MAX_HZ: u32 = 999;
/// Highest rate that was measured to cost nothing (profiling.md §1.2): of what always runs, and of the kernel's tick.
pub(crate) const MAX_STEADY_HZ: u32 = 250;
/// Shortest and longest capture. Longer than a minute blurs what happens; two is for quiet daemons.
const MIN_LENGTH: Duration = Duration::from_millis(100);
const MAX_LENGTH: Duration = Duration::from_secs(120);
/// Furthest look back: what the rolling capture holds.
const MAX_LAST: Duration = Duration::from_secs(600);

/// Where a profile is to come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Source {
    Kept(u64),
    New(Request),
}

/// A parsed query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) source: Source,
    /// Whether plumbing frames stay.
    pub(crate) raw: bool,
}

impl Query {
    /// Reads `id`, or `last`, or `seconds` and `hz`; and `raw`. Others are not ours: tools add their own.
    pub(crate) fn parse(fields: &HashMap<String, String>, default_seconds: u64) -> Result<Self, ProfileError> {
        let raw = raw(fields)?;
        let length = |key: &str| fields.get(key).map(|text| seconds(key, text)).transpose();
        let source = if let Some(text) = fields.get("id") {
            Source::Kept(text.parse().map_err(|_| wrong("id", text, "a number from /debug/profiles"))?)
        } else if let Some(length) = length("last")? {
            Source::New(Request::Last { length })
        } else {
            let length = length("seconds")?.unwrap_or(Duration::from_secs(default_seconds));
            let hz = fields.get("hz").map_or(Ok(DEFAULT_HZ), |text| {
                text.parse().map_err(|_| wrong("hz", text, "a whole number of samples a second"))
            })?;
            Source::New(Request::Next { length, hz })
        };
        Ok(Self { source, raw })
    }
}

/// Whether plumbing frames stay.
pub(crate) fn raw(fields: &HashMap<String, String>) -> Result<bool, ProfileError> {
    match fields.get("raw").map(String::as_str) {
        None | Some("0" | "false") => Ok(false),
        Some("" | "1" | "true") => Ok(true),
        Some(other) => Err(wrong("raw", other, "0 or 1")),
    }
}

/// Two numbers of kept captures.
pub(crate) fn pair(fields: &HashMap<String, String>) -> Result<(u64, u64), ProfileError> {
    let id = |key: &str| {
        let text = fields.get(key).map_or("", String::as_str);
        text.parse().map_err(|_| wrong(key, text, "a number from /debug/profiles"))
    };
    Ok((id("a")?, id("b")?))
}

/// What can be captured here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) max_hz: u32,
    /// How often the kernel looks, where that bounds the rate.
    tick_hz: Option<u32>,
}

impl Bounds {
    pub(crate) fn of_this_kernel() -> Self {
        match ClockKind::of_this_kernel() {
            ClockKind::Thread | ClockKind::ThreadUser => Self { max_hz: MAX_HZ, tick_hz: None },
            ClockKind::Process => Self::of_tick(clock::tick_hz()),
        }
    }

    fn of_tick(tick_hz: u32) -> Self {
        Self { max_hz: tick_hz.min(MAX_STEADY_HZ), tick_hz: Some(tick_hz) }
    }

    fn why_not_more(self) -> String {
        match self.tick_hz {
            None => "more samples would slow down what they are to show".to_owned(),
            Some(tick_hz) => format!(
                "this kernel's timer ticks {tick_hz} times a second and gives a thread no more samples than that, so \
                 a higher rate would only look like one"
            ),
        }
    }

    pub(crate) fn check(self, request: &Request) -> Result<(), ProfileError> {
        let (length, bounds) = match request {
            Request::Next { hz, .. } if *hz == 0 || *hz > self.max_hz => {
                let (most, reason) = (self.max_hz, self.why_not_more());
                return Err(ProfileError::Parameter(format!("hz must be 1 to {most}, not {hz}: {reason}")));
            }
            Request::Next { length, .. } => (length, ("seconds", MIN_LENGTH, MAX_LENGTH)),
            Request::Last { length } => (length, ("last", MIN_LENGTH, MAX_LAST)),
        };
        let (key, shortest, longest) = bounds;
        if (shortest..=longest).contains(length) {
            return Ok(());
        }
        Err(ProfileError::Parameter(format!(
            "{key} must be {} to {}, not {}",
            shortest.as_secs_f64(),
            longest.as_secs(),
            length.as_secs_f64()
        )))
    }
}

/// `5`, `0.5`, `60s`, `2m`.
fn seconds(key: &str, text: &str) -> Result<Duration, ProfileError> {
    let expected = "seconds like 5, 0.5, 60s or 2m";
    let (number, unit) = match text.strip_suffix('m') {
        Some(number) => (number, 60.0),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let number: f64 = number.parse().map_err(|_| wrong(key, text, expected))?;
    Duration::try_from_secs_f64(number * unit).map_err(|_| wrong(key, text, expected))
}

fn wrong(key: &str, text: &str, expected: &str) -> ProfileError {
    // A client's text comes back to that client only, and not at length.
    let text: String = text.chars().take(40).collect();
    ProfileError::Parameter(format!("{key} must be {expected}, not {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &[(&str, &str)]) -> Result<Query, ProfileError> {
        let fields = query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Query::parse(&fields, 5)
    }

    fn next(seconds: f64, hz: u32) -> Source {
        Source::New(Request::Next { length: Duration::from_secs_f64(seconds), hz })
    }

    #[test]
    fn a_query_says_what_to_capture() {
        for (query, source) in [
            (&[][..], next(5.0, 99)),
            (&[("seconds", "0.5"), ("hz", "250")], next(0.5, 250)),
            (&[("seconds", "30s"), ("debug", "1")], next(30.0, 99)),
            (&[("last", "2m")], Source::New(Request::Last { length: Duration::from_secs(120) })),
            (&[("id", "7"), ("seconds", "x")], Source::Kept(7)),
        ] {
            assert_eq!(parse(query).expect("it is right").source, source, "{query:?}");
        }
        assert!(parse(&[("raw", "1")]).expect("it is right").raw);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, message) in [
            ([("seconds", "long")], "seconds must be seconds like 5, 0.5, 60s or 2m, not \"long\""),
            ([("seconds", "-1")], "seconds must be seconds like 5, 0.5, 60s or 2m, not \"-1\""),
            ([("seconds", "NaN")], "seconds must be seconds like 5, 0.5, 60s or 2m, not \"NaN\""),
            ([("hz", "fast")], "hz must be a whole number of samples a second, not \"fast\""),
            ([("id", "x")], "id must be a number from /debug/profiles, not \"x\""),
            ([("raw", "2")], "raw must be 0 or 1, not \"2\""),
        ] {
            assert_eq!(parse(&query).expect_err("it is wrong").to_string(), message);
        }
    }

    #[test]
    fn bounds_are_those_of_the_kernel_and_of_sense() {
        let bounds = Bounds::of_tick(250);
        let check = |seconds: f64, hz| bounds.check(&Request::Next { length: Duration::from_secs_f64(seconds), hz });
        for (seconds, hz) in [(0.1, 1), (5.0, 99), (120.0, 250)] {
            assert!(check(seconds, hz).is_ok());
        }
        assert!(check(5.0, 251).expect_err("too fast").to_string().contains("timer ticks 250 times"));
        assert!(check(5.0, 0).is_err());
        let threads = Bounds { max_hz: MAX_HZ, tick_hz: None };
        let check_hz = |hz| threads.check(&Request::Next { length: Duration::from_secs(5), hz });
        assert!(check_hz(999).is_ok());
        assert!(check_hz(1000).expect_err("too fast").to_string().starts_with("hz must be 1 to 999, not 1000: "));
        assert_eq!(check(121.0, 99).expect_err("long").to_string(), "seconds must be 0.1 to 120, not 121");
        assert_eq!(check(0.0, 99).expect_err("short").to_string(), "seconds must be 0.1 to 120, not 0");
    }
}
