//! `float()` and `int()` of Python: of texts, and of other values the way numpy stores them into an array.

use super::{Value, digits::in_ascii};

/// Why a value does not become a number: Python's exception, without the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotNumber(pub(crate) String);

impl NotNumber {
    fn new(message: &str) -> Self {
        Self(message.into())
    }
}

/// `float(text)`.
pub(crate) fn float_of_text(text: &str) -> Option<f64> {
    let text = in_ascii(strip(text));
    let body = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let starts_like_number = body.as_bytes().first().is_some_and(|first| first.is_ascii_digit() || *first == b'.');
    if !starts_like_number {
        let size = if body.eq_ignore_ascii_case("inf") || body.eq_ignore_ascii_case("infinity") {
            f64::INFINITY
        } else if body.eq_ignore_ascii_case("nan") {
            f64::NAN
        } else {
            return None;
        };
        return Some(if text.starts_with('-') { -size } else { size });
    }
    let joined = without_underscores(&text)?;
    fast_float2::parse(joined.as_bytes()).ok()
}

/// `int(text)`: the digits with their sign, or a 64-bit number.
pub(crate) fn int_of_text(text: &str) -> Option<Value> {
    let text = in_ascii(strip(text));
    let joined = without_underscores(&text)?;
    let digits = joined.strip_prefix(['+', '-']).unwrap_or(&joined);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some(joined.parse().map_or_else(|_| Value::BigInt(joined.trim_start_matches('+').into()), Value::Int))
}

/// The number that numpy stores into a `float64` array for a value.
///
/// # Errors
/// Python's exception.
pub(crate) fn to_float(value: &Value) -> Result<f64, NotNumber> {
    match value {
        Value::Null => Ok(f64::NAN),
        Value::Bool(value) => Ok(f64::from(*value)),
        Value::Int(value) => Ok(*value as f64),
        Value::BigInt(digits) => big_to_float(digits),
        Value::Float(value) => Ok(*value),
        Value::Text(text) => {
            float_of_text(text).ok_or_else(|| NotNumber::new("ValueError(\"could not convert string to float\")"))
        }
        Value::Surrogates | Value::Bytes(_) => Err(NotNumber::new("ValueError(\"could not convert string to float\")")),
        Value::List(_) => Err(NotNumber::new("ValueError('setting an array element with a sequence.')")),
        Value::Dict(_) => {
            Err(NotNumber::new("TypeError(\"float() argument must be a string or a real number, not 'dict'\")"))
        }
    }
}

/// `float()` of an `int` that has more than 64 bits.
///
/// # Errors
/// `OverflowError`.
pub(crate) fn big_to_float(digits: &str) -> Result<f64, NotNumber> {
    match fast_float2::parse::<f64, _>(digits.as_bytes()) {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(NotNumber::new("OverflowError('int too large to convert to float')")),
    }
}

/// The number that numpy stores into an integer array of `bits` (32 or 64) for a value.
///
/// # Errors
/// Python's exception.
pub(crate) fn to_int(value: &Value, bits: u32) -> Result<i64, NotNumber> {
    let wide = match value {
        Value::Bool(value) => i64::from(*value),
        Value::Int(value) => *value,
        Value::BigInt(_) => return Err(too_large()),
        Value::Float(value) => whole(*value)?,
        Value::Text(text) => match int_of_text(text) {
            Some(Value::Int(value)) => value,
            Some(_) => return Err(too_large()),
            None => return Err(NotNumber::new("ValueError(\"invalid literal for int() with base 10\")")),
        },
        Value::Surrogates | Value::Bytes(_) => {
            return Err(NotNumber::new("ValueError(\"invalid literal for int() with base 10\")"));
        }
        Value::Null | Value::List(_) | Value::Dict(_) => {
            return Err(NotNumber(format!(
                "TypeError(\"int() argument must be a string, a bytes-like object or a real number, not '{}'\")",
                value.type_name()
            )));
        }
    };
    if bits == 32 && i32::try_from(wide).is_err() {
        return Err(NotNumber::new("OverflowError('Python integer out of bounds for int32')"));
    }
    Ok(wide)
}

fn whole(value: f64) -> Result<i64, NotNumber> {
    if value.is_nan() {
        return Err(NotNumber::new("ValueError('cannot convert float NaN to integer')"));
    }
    if value.is_infinite() {
        return Err(NotNumber::new("OverflowError('cannot convert float infinity to integer')"));
    }
    // 2^63 is exact in f64; everything below it in magnitude fits.
    if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value.trunc()) {
        return Err(too_large());
    }
    Ok(value as i64)
}

fn too_large() -> NotNumber {
    NotNumber::new("OverflowError('Python int too large to convert to C long')")
}

/// Without the white space around it. Python's `str.strip()` knows four control characters more, its numbers do not.
fn strip(text: &str) -> &str {
    text.trim_matches(char::is_whitespace)
}

/// Takes out underscores, each of which must stand between two digits.
fn without_underscores(text: &str) -> Option<std::borrow::Cow<'_, str>> {
    if !text.contains('_') {
        return Some(text.into());
    }
    let bytes = text.as_bytes();
    let digit = |place: Option<usize>| place.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let placed = |(at, byte): (usize, &u8)| *byte != b'_' || (digit(at.checked_sub(1)) && digit(Some(at + 1)));
    bytes.iter().enumerate().all(placed).then(|| text.replace('_', "").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_floats_as_in_python() {
        for (text, value) in [
            (" 1.4 ", 1.4),
            ("2e-1", 0.2),
            ("1_000", 1000.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("+1.5", 1.5),
            ("-Infinity", f64::NEG_INFINITY),
            ("InF", f64::INFINITY),
            ("1e400", f64::INFINITY),
            ("\u{a0}7\u{2028}", 7.0),
            ("٣_١.٥", 31.5),
        ] {
            assert_eq!(float_of_text(text), Some(value), "{text:?}");
        }
        assert!(float_of_text("NaN").unwrap().is_nan());
        for text in ["", "abc", "1__0", "_1", "1_", "1_.5", "0x10", "--1", "1e", "1 2", ".", "infinit", "e5", "7\u{1f}"]
        {
            assert_eq!(float_of_text(text), None, "{text:?}");
        }
    }

    #[test]
    fn texts_become_integers_as_in_python() {
        assert_eq!(int_of_text(" 012_3 "), Some(Value::Int(123)));
        assert_eq!(int_of_text("+5"), Some(Value::Int(5)));
        assert_eq!(int_of_text("9223372036854775808"), Some(Value::BigInt("9223372036854775808".into())));
        for text in ["", "1.5", "1e3", "+", "1__0", "0x1"] {
            assert_eq!(int_of_text(text), None, "{text:?}");
        }
    }

    #[test]
    fn integers_out_of_range_are_refused() {
        assert!(to_int(&Value::Float(3e9), 32).unwrap_err().0.contains("out of bounds"));
        assert!(to_int(&Value::Float(1e20), 64).unwrap_err().0.contains("C long"));
        assert_eq!(to_int(&Value::Float(-1.9), 32), Ok(-1));
        assert!(to_int(&Value::Float(f64::NAN), 64).is_err());
        assert!(to_int(&Value::Null, 64).unwrap_err().0.contains("NoneType"));
    }
}
