//! The encodings that `json.loads` finds out by itself: UTF-8, 16 and 32, with or without a byte order mark.

use std::borrow::Cow;

/// A body that cannot be decoded: Python's `UnicodeDecodeError`, without the bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotText(pub(crate) String);

enum Width {
    Two,
    Four,
}

/// Gives the text of a JSON body.
///
/// Lone surrogates, which Python lets pass, are written as the escapes that JSON has for them.
///
/// # Errors
/// [`NotText`] when the bytes are not of the encoding that they look like.
pub(crate) fn decode(body: &[u8]) -> Result<Cow<'_, str>, NotText> {
    match body {
        [0, 0, 0xFE, 0xFF, rest @ ..] => wide(rest, &Width::Four, u32::from_be_bytes, "utf-32-be"),
        [0xFF, 0xFE, 0, 0, rest @ ..] => wide(rest, &Width::Four, u32::from_le_bytes, "utf-32-le"),
        [0xFE, 0xFF, rest @ ..] => wide(rest, &Width::Two, u32::from_be_bytes, "utf-16-be"),
        [0xFF, 0xFE, rest @ ..] => wide(rest, &Width::Two, u32::from_le_bytes, "utf-16-le"),
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest),
        [0, 0, _, _, ..] => wide(body, &Width::Four, u32::from_be_bytes, "utf-32-be"),
        [0, _, _, _, ..] | [0, _] => wide(body, &Width::Two, u32::from_be_bytes, "utf-16-be"),
        [_, 0, 0, 0, ..] => wide(body, &Width::Four, u32::from_le_bytes, "utf-32-le"),
        [_, 0, _, _, ..] | [_, 0] => wide(body, &Width::Two, u32::from_le_bytes, "utf-16-le"),
        _ => utf8(body),
    }
}

fn utf8(body: &[u8]) -> Result<Cow<'_, str>, NotText> {
    if let Ok(text) = std::str::from_utf8(body) {
        return Ok(text.into());
    }
    let mut out = String::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        match std::str::from_utf8(rest) {
            Ok(text) => {
                out.push_str(text);
                break;
            }
            Err(error) => {
                let (valid, bad) = rest.split_at(error.valid_up_to());
                out.push_str(std::str::from_utf8(valid).expect("valid up to here"));
                let [0xED, second @ 0xA0..=0xBF, third @ 0x80..=0xBF, after @ ..] = bad else {
                    let at = body.len() - bad.len();
                    return Err(NotText(format!("UnicodeDecodeError('utf-8', position {at})")));
                };
                push_surrogate(0xD000 | (u32::from(*second & 0x3F) << 6) | u32::from(*third & 0x3F), &mut out);
                rest = after;
            }
        }
    }
    Ok(out.into())
}

fn wide<'a>(body: &[u8], width: &Width, number: fn([u8; 4]) -> u32, name: &str) -> Result<Cow<'a, str>, NotText> {
    let size = match width {
        Width::Two => 2,
        Width::Four => 4,
    };
    let cut = || NotText(format!("UnicodeDecodeError('{name}', 'truncated data')"));
    if !body.len().is_multiple_of(size) {
        return Err(cut());
    }
    let mut out = String::with_capacity(body.len() / 2);
    let mut units = body.chunks_exact(size).map(|unit| match *unit {
        // Both byte orders of two bytes are those of four with zeros on the far side.
        [first, second] if number([0, 0, 0, 1]) == 1 => number([0, 0, first, second]),
        [first, second] => number([first, second, 0, 0]),
        [a, b, c, d] => number([a, b, c, d]),
        _ => u32::MAX,
    });
    let mut pending = None;
    while let Some(unit) = pending.take().or_else(|| units.next()) {
        if size == 2 && (0xD800..0xDC00).contains(&unit) {
            match units.next() {
                Some(low) if (0xDC00..0xE000).contains(&low) => {
                    let letter = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                    out.extend(char::from_u32(letter));
                }
                None => return Err(cut()),
                next => {
                    push_surrogate(unit, &mut out);
                    pending = next;
                }
            }
        } else if (0xD800..0xE000).contains(&unit) {
            push_surrogate(unit, &mut out);
        } else if let Some(letter) = char::from_u32(unit) {
            out.push(letter);
        } else {
            return Err(NotText(format!("UnicodeDecodeError('{name}', 'code point not in range(0x110000)')")));
        }
    }
    Ok(out.into())
}

fn push_surrogate(unit: u32, out: &mut String) {
    use std::fmt::Write;
    // Writing to a String cannot fail.
    let _ = write!(out, "\\u{unit:04x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn every_encoding_of_python_is_found_out() {
        let text = "{\"ü\": \"😀\"}";
        let utf32 = |order: fn(u32) -> [u8; 4]| text.chars().flat_map(|c| order(u32::from(c))).collect::<Vec<u8>>();
        let with = |mark: &[u8], body: Vec<u8>| [mark, &body].concat();
        for body in [
            text.as_bytes().to_vec(),
            with(b"\xEF\xBB\xBF", text.as_bytes().to_vec()),
            utf16(text, u16::to_le_bytes),
            utf16(text, u16::to_be_bytes),
            with(b"\xFF\xFE", utf16(text, u16::to_le_bytes)),
            with(b"\xFE\xFF", utf16(text, u16::to_be_bytes)),
            utf32(u32::to_le_bytes),
            utf32(u32::to_be_bytes),
            with(b"\xFF\xFE\0\0", utf32(u32::to_le_bytes)),
            with(b"\0\0\xFE\xFF", utf32(u32::to_be_bytes)),
        ] {
            assert_eq!(decode(&body).as_deref(), Ok(text), "{body:?}");
        }
    }

    #[test]
    fn lone_surrogates_pass_as_escapes() {
        assert_eq!(decode(b"\"\xED\xA0\x80\"").as_deref(), Ok("\"\\ud800\""));
        let lone: Vec<u8> = [0x22, 0xD800, 0x22].iter().flat_map(|&unit: &u16| unit.to_le_bytes()).collect();
        assert_eq!(decode(&lone).as_deref(), Ok("\"\\ud800\""));
    }

    #[test]
    fn what_is_not_text_is_refused() {
        assert!(decode(b"{\"a\":\"\xFF\xFE\"}").is_err());
        assert!(decode(b"\xFF\xFE{").is_err());
        assert!(decode(&[0xFF, 0xFE, 0, 0xD8]).is_err());
        assert!(decode(b"\0\0\xFE\xFF\xFF\xFF\xFF\xFF").is_err());
    }
}
