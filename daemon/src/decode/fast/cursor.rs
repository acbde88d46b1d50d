//! Walks over JSON; `None` whenever it meets something that is not plain.

use super::float;
use crate::decode::python::{Value, json};

/// A place in a body.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A JSON number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    /// Its value, correctly rounded.
    pub(super) value: f64,
    /// Whether it has neither a point nor an exponent: Python's `int`.
    pub(super) whole: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next byte that is no white space; 0 at the end.
    #[inline]
    pub(super) fn peek(&mut self) -> u8 {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(&byte) => return byte,
                None => return 0,
            }
        }
    }

    /// Passes over one byte.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek() == byte).then(|| self.at += 1)
    }

    /// Passes over one byte when it is there.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        self.expect(byte).is_some()
    }

    /// Between two items: `true` after a comma, `false` after `close`.
    #[inline]
    pub(super) fn more(&mut self, close: u8) -> Option<bool> {
        let byte = self.peek();
        self.at += 1;
        if byte == b',' {
            Some(true)
        } else if byte == close {
            Some(false)
        } else {
            None
        }
    }

    /// Whether only white space is left.
    pub(super) fn end(&mut self) -> Option<()> {
        self.peek();
        (self.at == self.bytes.len()).then_some(())
    }

    /// A string without escapes.
    #[inline]
    pub(super) fn plain_text(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let rest = self.bytes.get(self.at..)?;
        let len = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20)?;
        if rest[len] != b'"' {
            return None;
        }
        let text = &rest[..len];
        // Nothing but strings can hold more than ASCII: what is no UTF-8 is an error, which is the exact path's.
        if !text.is_ascii() {
            std::str::from_utf8(text).ok()?;
        }
        self.at += len + 1;
        Some(text)
    }

    /// Passes over `text` as a string, when it is the next one.
    #[inline]
    pub(super) fn take_text(&mut self, text: &[u8]) -> bool {
        if self.peek() != b'"' {
            return false;
        }
        let start = self.at + 1;
        let end = start + text.len();
        let same = self.bytes.get(end) == Some(&b'"') && self.bytes[start..end] == *text;
        if same {
            self.at = end + 1;
        }
        same
    }

    /// Passes over a word.
    #[inline]
    pub(super) fn word(&mut self, word: &[u8]) -> Option<()> {
        self.peek();
        self.bytes.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    /// A number in JSON's grammar, with the bytes that it is written in.
    #[inline]
    pub(super) fn number(&mut self) -> Option<(Number, &'a [u8])> {
        self.peek();
        let rest = self.bytes.get(self.at..)?;
        let written = float::read(rest)?;
        // Python refuses an int that no float can hold.
        if written.whole && !written.value.is_finite() {
            return None;
        }
        // Python's `-0` is the integer 0.
        let value = if written.whole { written.value + 0.0 } else { written.value };
        self.at += written.len;
        Some((Number { value, whole: written.whole }, &rest[..written.len]))
    }

    /// Passes over a scalar that is not used.
    pub(super) fn skip_scalar(&mut self) -> Option<()> {
        match self.peek() {
            b'"' => self.plain_text().map(|_| ()),
            b'n' => self.word(b"null"),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            _ => self.number().map(|_| ()),
        }
    }

    /// A value of any form, as Python's; `None` when it is none.
    pub(super) fn value(&mut self) -> Option<Value> {
        self.peek();
        let rest = std::str::from_utf8(self.bytes.get(self.at..)?).ok()?;
        let (value, len) = json::parse_first(rest).ok()?;
        self.at += len;
        Some(value)
    }
}
