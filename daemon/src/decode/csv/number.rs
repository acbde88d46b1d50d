//! The number parsers of pandas' reader, of which the one for floats rounds correctly since pandas 3.

/// What a text is as an integer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// A number of 64 bits.
    Signed(i64),
    /// A larger one that has no sign.
    Unsigned(u64),
    /// Digits of more than 64 bits.
    Overflow,
}

/// `float64` of a field; `None` when it is no number.
pub(super) fn float(text: &str) -> Option<f64> {
    parse(text).or_else(|| infinity(text))
}

fn infinity(text: &str) -> Option<f64> {
    let (sign, word) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    let infinite = word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("infinity");
    infinite.then_some(sign * f64::INFINITY)
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t'..='\r')
}

fn parse(text: &str) -> Option<f64> {
    let text = text.trim_matches(is_space);
    // A sign before a word, or no digit at all, is not for the number parser, which knows words of its own.
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let begins = body.strip_prefix('.').unwrap_or(body).as_bytes().first()?;
    if !begins.is_ascii_digit() {
        return None;
    }
    fast_float2::parse(text).ok()
}

/// An integer field; `None` when it is none.
pub(super) fn whole(text: &str) -> Option<Whole> {
    let text = text.trim_matches(is_space);
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(match (text.parse(), text.parse()) {
        (Ok(signed), _) => Whole::Signed(signed),
        (_, Ok(unsigned)) => Whole::Unsigned(unsigned),
        _ => Whole::Overflow,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_pandas_reads_them() {
        for (text, value) in [
            ("5.1", 5.1),
            (" +5.1 ", 5.1),
            ("-0", -0.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1E-3", 0.001),
            ("inf", f64::INFINITY),
            ("-INFINITY", f64::NEG_INFINITY),
            ("1e400", f64::INFINITY),
            ("1e-400", 0.0),
            // Versions before 3 were off by one bit here.
            ("128621e-200", 128_621e-200),
            ("-0.00046023167337858045", -0.000_460_231_673_378_580_45),
        ] {
            assert_eq!(float(text).map(f64::to_bits), Some(value.to_bits()), "{text:?}");
        }
        for text in ["", "abc", "1_000", "1e", "1e+", "--1", "1.5.5", "0x10", "inf ", "1 2", "nan"] {
            assert_eq!(float(text), None, "{text:?}");
        }
    }

    #[test]
    fn integers_overflow_in_two_steps() {
        assert_eq!(whole(" +7 "), Some(Whole::Signed(7)));
        assert_eq!(whole("9223372036854775808"), Some(Whole::Unsigned(1 << 63)));
        assert_eq!(whole("-9223372036854775809"), Some(Whole::Overflow));
        assert_eq!(whole("1.0"), None);
        assert_eq!(whole(""), None);
    }
}
