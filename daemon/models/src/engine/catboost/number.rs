//! Numbers of JSON as CatBoost reads them, which is not always the nearest double.
//!
//! CatBoost's parser is RapidJSON without its full precision: up to 17 digits become an integer, that a double, and that
//! is divided by a power of ten. Each step rounds, so a number with 16 digits or more may come out a neighbour of what
//! was written. Models in JSON hold such numbers, and Python's answers come from them.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::value::RawValue;

/// Largest integer to which a further digit is added exactly.
const EXACT: u64 = (1 << 53) - 1;

/// Digits that count.
const DIGITS: u32 = 17;

/// A number of a JSON text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number(pub(super) f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: &RawValue = Deserialize::deserialize(deserializer)?;
        parse(raw.get()).map(Self).ok_or_else(|| D::Error::custom("something else where a number belongs"))
    }
}

/// A list of numbers, or its only number.
#[derive(Debug)]
pub(super) struct Numbers(pub(super) Vec<f64>);

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: &RawValue = Deserialize::deserialize(deserializer)?;
        if let Some(number) = parse(raw.get()) {
            return Ok(Self(vec![number]));
        }
        // CatBoost writes an empty list as null.
        let numbers: Option<Vec<Number>> = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        Ok(Self(numbers.unwrap_or_default().into_iter().map(|Number(number)| number).collect()))
    }
}

/// The number that JSON's `text` is to CatBoost; `None` when it is no number.
fn parse(text: &str) -> Option<f64> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    // An exponent that does not fit is far out of range either way.
    let exponent: i32 = exponent.parse().unwrap_or(if exponent.starts_with('-') { i32::MIN / 2 } else { i32::MAX / 2 });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut significand = Significand::default();
    significand.add_whole(whole, negative);
    significand.add_fraction(fraction);
    let value = scale(significand.value(), exponent.saturating_sub(significand.fraction_digits));
    Some(if negative { -value } else { value })
}

/// The digits read so far.
#[derive(Default)]
struct Significand {
    integer: u64,
    /// What they are once they no longer fit the integer.
    double: Option<f64>,
    counted: u32,
    fraction_digits: i32,
}

impl Significand {
    fn add_whole(&mut self, digits: &str, negative: bool) {
        let limit = if negative { i64::MIN.unsigned_abs() } else { u64::MAX };
        for (at, digit) in digits.bytes().map(|digit| u64::from(digit - b'0')).enumerate() {
            let sum = self.integer.checked_mul(10).and_then(|tens| tens.checked_add(digit)).filter(|&sum| sum <= limit);
            match (self.double, sum) {
                (Some(double), _) => self.double = Some(double * 10.0 + digit as f64),
                (None, None) => self.double = Some(self.integer as f64 * 10.0 + digit as f64),
                (None, Some(sum)) => {
                    self.integer = sum;
                    self.counted += u32::from(at > 0);
                }
            }
        }
    }

    fn add_fraction(&mut self, digits: &str) {
        for digit in digits.bytes().map(|digit| u64::from(digit - b'0')) {
            if self.double.is_none() && self.integer <= EXACT {
                self.integer = self.integer * 10 + digit;
                self.fraction_digits += 1;
                self.counted += u32::from(self.integer != 0);
                continue;
            }
            let double = self.value();
            self.double = Some(double);
            if self.counted < DIGITS {
                self.double = Some(double * 10.0 + digit as f64);
                self.fraction_digits += 1;
                self.counted += 1;
            }
        }
    }

    fn value(&self) -> f64 {
        self.double.unwrap_or(self.integer as f64)
    }
}

/// `significand * 10^exponent` in at most two steps.
fn scale(significand: f64, exponent: i32) -> f64 {
    if exponent < -308 {
        return scale_once(scale_once(significand, -308), exponent.saturating_add(308));
    }
    scale_once(significand, exponent)
}

fn scale_once(significand: f64, exponent: i32) -> f64 {
    match exponent {
        ..-308 => 0.0,
        -308..0 => significand / power_of_ten(-exponent),
        0..=308 => significand * power_of_ten(exponent),
        _ if significand == 0.0 => 0.0,
        _ => f64::INFINITY,
    }
}

/// 1e0 to 1e308, each the nearest double.
fn power_of_ten(exponent: i32) -> f64 {
    static POWERS: std::sync::LazyLock<Vec<f64>> = std::sync::LazyLock::new(|| {
        (0..=308).map(|exponent| format!("1e{exponent}").parse().expect("1e0 to 1e308 are doubles")).collect()
    });
    POWERS[exponent.unsigned_abs() as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_are_exact() {
        for text in
            ["0", "1", "-1", "0.1", "-0.25", "1e3", "1.5e-7", "123456789.125", "2147483648", "18446744073709551615"]
        {
            assert_eq!(parse(text), text.parse().ok(), "{text}");
        }
        assert_eq!(parse("-0").map(f64::to_bits), Some((-0.0_f64).to_bits()));
    }

    /// Seen in the fixture `cb_json_format`: what was written, and what CatBoost 1.2.10 made of it.
    #[test]
    fn long_numbers_are_catboosts() {
        assert_eq!(parse("1.9165586048860739"), Some(1.916_558_604_886_074));
        assert_ne!(parse("1.9165586048860739"), "1.9165586048860739".parse().ok());
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["null", "true", "\"1\"", "[1]", "{}", "-"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn far_exponents_do_not_overflow() {
        assert_eq!(parse("1e999"), Some(f64::INFINITY));
        assert_eq!(parse("1e-999"), Some(0.0));
        assert_eq!(parse("1e-99999999999"), Some(0.0));
        assert_eq!(parse("1e99999999999"), Some(f64::INFINITY));
    }
}
