//! `repr()` of a Python float.

/// Adds the shortest digits that read back as `value`, laid out as Python lays them out: `1e-05`, `1e+16`, `100.0`,
/// and JSON's `NaN`, `Infinity`, `-Infinity` as Python writes them.
pub fn push_float(value: f64, out: &mut Vec<u8>) {
    if !value.is_finite() {
        let word: &[u8] = match value {
            f64::INFINITY => b"Infinity",
            f64::NEG_INFINITY => b"-Infinity",
            _ => b"NaN",
        };
        out.extend_from_slice(word);
        return;
    }
    let mut buffer = zmij::Buffer::new();
    let digits = buffer.format_finite(value).as_bytes();
    match memchr::memchr(b'e', digits) {
        None if value.abs() >= SMALLEST_PLAIN || value == 0.0 => out.extend_from_slice(digits),
        None => push_small(digits, out),
        Some(at) => push_scientific(&digits[..at], &digits[at + 1..], out),
    }
}

/// Python writes smaller numbers with an exponent.
const SMALLEST_PLAIN: f64 = 1e-4;

/// `0.0000123` as `1.23e-05`.
fn push_small(digits: &[u8], out: &mut Vec<u8>) {
    let unsigned = digits.strip_prefix(b"-").unwrap_or(digits);
    out.extend_from_slice(&digits[..digits.len() - unsigned.len()]);
    let fraction = unsigned.strip_prefix(b"0.").unwrap_or(unsigned);
    let zeros = fraction.iter().take_while(|&&digit| digit == b'0').count();
    let (first, rest) = fraction[zeros..].split_at(1.min(fraction.len() - zeros));
    out.extend_from_slice(first);
    if !rest.is_empty() {
        out.push(b'.');
        out.extend_from_slice(rest);
    }
    push_exponent(b'-', (zeros + 1).to_string().as_bytes(), out);
}

/// Python writes the exponent with a sign and at least two digits.
fn push_scientific(mantissa: &[u8], exponent: &[u8], out: &mut Vec<u8>) {
    let (sign, size) = match exponent {
        [b'-', size @ ..] => (b'-', size),
        [b'+', size @ ..] => (b'+', size),
        size => (b'+', size),
    };
    out.extend_from_slice(mantissa.strip_suffix(b".0").unwrap_or(mantissa));
    push_exponent(sign, size, out);
}

fn push_exponent(sign: u8, size: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'e', sign]);
    if size.len() < 2 {
        out.push(b'0');
    }
    out.extend_from_slice(size);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_pythons() {
        for (value, text) in [
            (0.1, "0.1"),
            (1.0 / 3.0, "0.3333333333333333"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (123_456_789.0, "123456789.0"),
            (1e-5, "1e-05"),
            (-2.5e-5, "-2.5e-05"),
            (9.999e-5, "9.999e-05"),
            (1e-6, "1e-06"),
            (1.5e-7, "1.5e-07"),
            (1.234e-5, "1.234e-05"),
            (1e-4, "0.0001"),
            (0.000_123_456, "0.000123456"),
            (1e22, "1e+22"),
            (5e-324, "5e-324"),
            (-0.0, "-0.0"),
            (100.0, "100.0"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
            (1_234_567_890_123_456.0, "1234567890123456.0"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (12_345_678_901_234_568.0, "1.2345678901234568e+16"),
            (f64::from(0.1_f32), "0.10000000149011612"),
            (4.032_903_726_798_815_4e-5, "4.0329037267988154e-05"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            let mut out = Vec::new();
            push_float(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
