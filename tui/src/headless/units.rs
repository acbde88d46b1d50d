//! Durations and shares as people type them: `20ms`, `10s`, `5m`, `0.1%`.

use std::time::Duration;

/// A number and one of `us`, `ms`, `s`, `m`, `h`; seconds without a unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.trim().parse().map_err(|_| "write it like 20ms, 10s or 5m".to_owned())?;
    let seconds = match unit {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "" | "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        other => return Err(format!("unit {other:?} is none of us, ms, s, m, h")),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| "it must not be negative".to_owned())
}

/// A share, `0.1%` or `0.001`, from 0 to 1.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let (number, scale) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let number: f64 = number.trim().parse().map_err(|_| "write it like 0.1% or 0.001".to_owned())?;
    let share = number / scale;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("it must be from 0% to 100%".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        let cases = [("20ms", 20_000), ("10s", 10_000_000), ("1.5", 1_500_000), ("5m", 300_000_000), ("100us", 100)];
        for (text, micros) in cases {
            assert_eq!(duration(text), Ok(Duration::from_micros(micros)), "{text}");
        }
        for text in ["", "ms", "10 parsecs", "-1s", "nan", "1e400s"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn shares_are_percentages_or_fractions() {
        assert_eq!(share("0.1%"), Ok(0.001));
        assert_eq!(share("0.25"), Ok(0.25));
        assert!(share("120%").is_err() && share("-1%").is_err() && share("nan").is_err());
    }
}
