//! `base64.decodebytes` of Python, which skips whatever is none of its letters.

use super::number::NotNumber;

/// The bytes of a text.
///
/// # Errors
/// Python's exception, when letters are left over.
pub(crate) fn decode(text: &str) -> Result<Box<[u8]>, NotNumber> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    // Letters of the group that is being read, their bits, and the padding right behind them.
    let (mut letters, mut bits, mut padding) = (0_u32, 0_u32, 0);
    for byte in text.bytes() {
        if byte == b'=' {
            if letters >= 2 {
                padding += 1;
                if letters + padding >= 4 {
                    return Ok(bytes.into());
                }
            }
            continue;
        }
        let Some(value) = value(byte) else { continue };
        padding = 0;
        bits = bits << 6 | value;
        letters = (letters + 1) % 4;
        if letters != 1 {
            let spare = [0, 0, 4, 2][letters as usize];
            bytes.push((bits >> spare) as u8);
            bits &= (1 << spare) - 1;
        }
    }
    match letters {
        0 => Ok(bytes.into()),
        1 => Err(NotNumber("Error('Invalid base64-encoded string: one data character too many')".into())),
        _ => Err(NotNumber("Error('Incorrect padding')".into())),
    }
}

fn value(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn letters_are_read_as_python_reads_them() {
        for (text, bytes) in [
            ("eA==", &b"x"[..]),
            ("aGVsbG8=", b"hello"),
            ("eA===", b"x"),
            ("====", b""),
            ("eA==eA==", b"x"),
            ("abc=d", b"i\xb7"),
            ("a!b?c=", b"i\xb7"),
            ("YWJj=", b"abc"),
            ("YWJjZA=x=", b"abcd\x0c"),
            ("=eA==", b"x"),
            ("é", b""),
            ("YWJj\nZA==", b"abcd"),
        ] {
            assert_eq!(decode(text).as_deref(), Ok(bytes), "{text}");
        }
        for text in ["eA=", "eA", "e", "ab=c", "YWJjZA", "YWJjZA=", "e=A="] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
