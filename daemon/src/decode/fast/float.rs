//! A decimal number becomes the nearest double, eight digits at a time.
//!
//! Numbers of at most 19 digits with an exponent that is usual go through the algorithm of Eisel and Lemire ("Number
//! parsing at a gigabyte per second", 2021), which is exact for them; all others are left to `fast_float2`, which this
//! must agree with to the last bit.

/// A number as it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Written {
    /// The nearest double.
    pub(super) value: f64,
    /// Bytes that it takes.
    pub(super) len: usize,
    /// Whether it has neither a point nor an exponent.
    pub(super) whole: bool,
}

/// Reads the number that `bytes` begins with, in JSON's grammar; `None` when there is none.
#[inline]
pub(super) fn read(bytes: &[u8]) -> Option<Written> {
    let negative = bytes.first() == Some(&b'-');
    let start = usize::from(negative);
    let (mut digits, mut end) = scan(bytes, start, 0);
    let whole_digits = end - start;
    if whole_digits == 0 || (whole_digits > 1 && bytes[start] == b'0') {
        return None;
    }
    let mut count = whole_digits;
    let mut exponent = 0;
    let mut next = bytes.get(end).copied().unwrap_or(0);
    let mut whole = true;
    if next == b'.' {
        let first = end + 1;
        (digits, end) = scan(bytes, first, digits);
        if end == first {
            return None;
        }
        // A zero before the point is no digit that counts.
        count = end - first + if bytes[start] == b'0' { 0 } else { whole_digits };
        exponent = -((end - first) as i64);
        next = bytes.get(end).copied().unwrap_or(0);
        whole = false;
    }
    if (next | 0x20) == b'e' {
        let (power, after) = power(bytes, end + 1)?;
        exponent += power;
        end = after;
        whole = false;
    }
    let value = match nearest(digits, exponent, negative) {
        Some(value) if count <= MAX_DIGITS => value,
        _ => fast_float2::parse(&bytes[..end]).ok()?,
    };
    Some(Written { value, len: end, whole })
}

/// So many digits fit into 64 bits.
const MAX_DIGITS: usize = 19;

/// Adds the digits from `at` on to a number; gives it with the place after them. It is of no use after
/// [`MAX_DIGITS`] digits.
#[inline(always)]
fn scan(bytes: &[u8], mut at: usize, mut number: u64) -> (u64, usize) {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let letters = u64::from_le_bytes(*chunk);
        let count = leading_digits(letters);
        if count < 8 {
            return (number.wrapping_mul(POWERS_OF_TEN[count]).wrapping_add(eight(letters, count)), at + count);
        }
        // The place of the next eight is known before they are counted: the processor reads ahead.
        number = number.wrapping_mul(POWERS_OF_TEN[8]).wrapping_add(eight(letters, 8));
        at += 8;
    }
    while let Some(digit) = bytes.get(at).map(|letter| letter.wrapping_sub(b'0')).filter(|&digit| digit < 10) {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (number, at)
}

const POWERS_OF_TEN: [u64; 9] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// How many of eight letters are digits, up to the first that is none.
#[inline(always)]
fn leading_digits(letters: u64) -> usize {
    // The high bit of each byte that is above '9' or below '0'; a byte before the first such one carries nothing over.
    let above = letters.wrapping_add(0x4646_4646_4646_4646);
    let below = letters.wrapping_sub(0x3030_3030_3030_3030);
    ((above | below) & 0x8080_8080_8080_8080).trailing_zeros() as usize / 8
}

/// The number that the first `count` of eight letters make.
#[inline(always)]
fn eight(letters: u64, count: usize) -> u64 {
    if count == 0 {
        return 0;
    }
    // Zeros are put in front, then pairs, fours and eights of digits are joined.
    let digits = letters.wrapping_sub(0x3030_3030_3030_3030) << (8 * (8 - count));
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(0x000F_4240_0000_0064);
    let high = ((pairs >> 16) & 0x0000_00FF_0000_00FF).wrapping_mul(0x0000_2710_0000_0001);
    low.wrapping_add(high) >> 32
}

/// The exponent that is written at `at`, and the place after it.
fn power(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    /// Beyond, every number is zero or infinite.
    const ENOUGH: i64 = 100_000;
    let sign = bytes.get(at).copied().unwrap_or(0);
    let start = at + usize::from(matches!(sign, b'+' | b'-'));
    let digits = bytes.get(start..)?.iter().take_while(|letter| letter.is_ascii_digit());
    let (power, end) =
        digits.fold((0, start), |(power, end), &digit| ((power * 10 + i64::from(digit - b'0')).min(ENOUGH), end + 1));
    (end > start).then_some((if sign == b'-' { -power } else { power }, end))
}

/// The exponents that are usual, for which 128 bits of the power of five decide every rounding.
const SMALLEST: i64 = -27;
const LARGEST: i64 = 55;

/// The double that is nearest to `digits * 10^exponent`; `None` outside of the usual exponents.
#[inline]
fn nearest(digits: u64, exponent: i64, negative: bool) -> Option<f64> {
    let sign = u64::from(negative) << 63;
    if digits == 0 {
        return Some(f64::from_bits(sign));
    }
    if !(SMALLEST..=LARGEST).contains(&exponent) {
        return None;
    }
    let zeros = digits.leading_zeros();
    let factor = digits << zeros;
    let five = POWERS_OF_FIVE[(exponent - SMALLEST) as usize];
    let (mut low, mut high) = wide(factor, (five >> 64) as u64);
    // The product of the upper half decides unless all bits below those that are kept are set.
    if high & 0x1FF == 0x1FF {
        let (_, carry) = wide(factor, five as u64);
        let (sum, over) = low.overflowing_add(carry);
        low = sum;
        high += u64::from(over);
    }
    let upper = high >> 63;
    let shift = upper + 64 - 52 - 3;
    let mut fraction = high >> shift;
    // 217706 / 2^16 is the binary logarithm of ten, near enough.
    let mut power = ((exponent * 217_706) >> 16) + 63 + upper as i64 - i64::from(zeros) + 1023;
    // Exactly between two doubles: the even one.
    if low <= 1 && (-4..=23).contains(&exponent) && fraction & 3 == 1 && fraction << shift == high {
        fraction &= !1;
    }
    fraction = (fraction + (fraction & 1)) >> 1;
    if fraction >= 2 << 52 {
        fraction = 1 << 52;
        power += 1;
    }
    Some(f64::from_bits(sign | ((power as u64) << 52) | (fraction & !(1 << 52))))
}

/// The product as its lower and upper half.
#[inline(always)]
fn wide(a: u64, b: u64) -> (u64, u64) {
    let product = u128::from(a) * u128::from(b);
    (product as u64, (product >> 64) as u64)
}

/// The upper 128 bits of the powers of five: exact above, rounded up below zero.
static POWERS_OF_FIVE: [u128; (LARGEST - SMALLEST + 1) as usize] = powers_of_five();

const fn powers_of_five() -> [u128; (LARGEST - SMALLEST + 1) as usize] {
    let mut table = [0; (LARGEST - SMALLEST + 1) as usize];
    let mut place = 0;
    while place < table.len() {
        let exponent = place as i64 + SMALLEST;
        let power = 5_u128.pow(exponent.unsigned_abs() as u32);
        table[place] = if exponent < 0 { reciprocal(power) } else { power << power.leading_zeros() };
        place += 1;
    }
    table
}

/// `2^n / power`, rounded up, with the `n` that gives 128 bits.
const fn reciprocal(power: u128) -> u128 {
    let bits = 128 - (power - 1).leading_zeros();
    let (mut quotient, mut rest) = (0_u128, 1_u128);
    let mut step = 0;
    while step < bits + 127 {
        rest <<= 1;
        quotient <<= 1;
        if rest >= power {
            rest -= power;
            quotient |= 1;
        }
        step += 1;
    }
    quotient + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn agrees(text: &str) {
        let padded = format!("{text}, 1.5, 2.5");
        for bytes in [text.as_bytes(), padded.as_bytes()] {
            let read = read(bytes).unwrap_or_else(|| panic!("{text} is a number"));
            let value: f64 = text.parse().unwrap();
            assert_eq!((read.value.to_bits(), read.len), (value.to_bits(), text.len()), "{text}");
            assert_eq!(read.whole, !text.contains(['.', 'e', 'E']), "{text}");
        }
    }

    #[test]
    fn numbers_that_are_hard_to_round() {
        for text in [
            "0",
            "-0",
            "0.0",
            "-0.0",
            "1",
            "-1",
            "12345678",
            "123456789",
            "1234567890123456789",
            "9007199254740993",
            "9007199254740992.5",
            "9007199254740993.0",
            "1.00000000000000011102230246251565",
            "0.1",
            "0.3",
            "5e-324",
            "2.2250738585072011e-308",
            "1.7976931348623157e308",
            "1e400",
            "1e-400",
            "8.98846567431158e307",
            "1e23",
            "9.5e22",
            "123456789012345678901234567890",
            "0.000000000000000000000000001",
            "1e55",
            "1e-27",
            "9e-28",
            "1e56",
            "4503599627370496.5",
            "4503599627370497.5",
            "0.500000000000000166533453693773481063544750213623046875",
            "18446744073709551615",
            "18446744073709551616",
            "9999999999999999999",
            "10000000000000000000",
            "3.0540412E5",
            "8.1e-3",
            "7.2057594037927933e16",
            "1E+2",
            "0.00001234567890123456789",
            "1e99999999999999999999",
            "0e99999",
            "6.0221407600000000000e23",
            "1.234e-05",
        ] {
            agrees(text);
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", ".5", "-.5", "1.", "1.e5", "01", "-01", "1e", "1e+", "e5", "+1", "abc", "-a"] {
            assert_eq!(read(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(read(b"00"), None);
    }

    #[test]
    fn the_number_ends_where_its_grammar_does() {
        for (text, len) in
            [("1,2", 1), ("1.5]", 3), ("-3e2}", 4), ("12345678x", 8), ("1.5.5", 3), ("1-2", 1), ("7\u{ff}", 1)]
        {
            assert_eq!(read(text.as_bytes()).map(|read| read.len), Some(len), "{text:?}");
        }
    }

    /// Numbers of this many, `YUMMY_FLOATS` times a million, of each shape: `cargo test --release -p yummyd float`.
    #[test]
    fn many_numbers_of_all_shapes() {
        let millions = std::env::var("YUMMY_FLOATS").ok().and_then(|count| count.parse().ok()).unwrap_or(0_usize);
        let count = if millions == 0 { 20_000 } else { millions * 1_000_000 };
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut text = String::new();
        let mut check = |arguments: std::fmt::Arguments<'_>| {
            use std::fmt::Write as _;
            text.clear();
            write!(text, "{arguments}").unwrap();
            let (value, read) = (text.parse::<f64>().unwrap(), read(text.as_bytes()).unwrap());
            assert_eq!((read.value.to_bits(), read.len), (value.to_bits(), text.len()), "{text}");
        };
        for _ in 0..count {
            let (bits, other) = (next(), next());
            let any = f64::from_bits(bits);
            if any.is_finite() {
                check(format_args!("{any:?}"));
                check(format_args!("{any:e}"));
            }
            let usual = (bits >> 11) as f64 / (1_u64 << 53) as f64 * 10_f64.powi((other % 40) as i32 - 20);
            check(format_args!("{usual}"));
            check(format_args!("{usual:.*}", (other >> 8) as usize % 22));
            check(format_args!("{}.{}", bits % 1000, other));
            check(format_args!("{bits}e{}", (other % 100) as i64 - 50));
            check(format_args!("-{}", bits >> (other % 64)));
            // Halfway between two doubles, and a little beside.
            let half = usual.abs() + 1.0;
            let gap = f64::from_bits(half.to_bits() + 1) - half;
            check(format_args!("{half:.60}"));
            check(format_args!("{}5", format_args!("{:.*}", (other % 18) as usize, half + gap)));
        }
    }

    proptest! {
        #[test]
        fn texts_that_look_like_numbers(text in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,4})?") {
            agrees(&text);
        }
    }
}
