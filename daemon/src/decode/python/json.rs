//! `json.loads` of Python: what it accepts, what it gives, and what it says of the rest.

use super::{Value, value::Dict};

/// How deep a body may nest. Python gives up near 1,000 with a 500; nothing that a model takes needs more than 4.
pub(crate) const MAX_DEPTH: usize = 256;

/// Python refuses integers of more digits with an error of its own.
const MAX_INT_DIGITS: usize = 4300;

/// Why a text is no JSON: `JSONDecodeError`'s message, with line, column and character as Python counts them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotJson(pub(crate) String);

/// Reads one document.
///
/// # Errors
/// [`NotJson`].
pub(crate) fn parse(text: &str) -> Result<Value, NotJson> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0 };
    reader.space();
    let value = reader.value(0)?;
    reader.space();
    if reader.at < reader.bytes.len() {
        return Err(reader.error("Extra data", reader.at));
    }
    Ok(value)
}

/// Reads the value that `text` begins with; gives it with the bytes that it takes.
///
/// # Errors
/// [`NotJson`].
pub(crate) fn parse_first(text: &str) -> Result<(Value, usize), NotJson> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0 };
    let value = reader.value(0)?;
    Ok((value, reader.at))
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn error(&self, what: &str, at: usize) -> NotJson {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &self.text[..at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        NotJson(format!("{what}: line {line} column {column} (char {})", before.chars().count()))
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, NotJson> {
        if depth > MAX_DEPTH {
            return Err(NotJson(format!("nested deeper than {MAX_DEPTH}")));
        }
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Ok(self.string()?.map_or(Value::Surrogates, Value::Text))
            }
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') if !self.bytes[self.at..].starts_with(b"-Infinity") => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Value, NotJson> {
        for (word, value) in [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("NaN", Value::Float(f64::NAN)),
            ("Infinity", Value::Float(f64::INFINITY)),
            ("-Infinity", Value::Float(f64::NEG_INFINITY)),
        ] {
            if self.bytes[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.error("Expecting value", self.at))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<Value, NotJson> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let whole = if self.peek() == Some(b'0') {
            self.at += 1;
            1
        } else {
            self.digits()
        };
        if whole == 0 {
            return Err(self.error("Expecting value", start));
        }
        let mut float = false;
        let end_of_whole = self.at;
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                self.at = end_of_whole;
            } else {
                float = true;
            }
        }
        if (float || self.at == end_of_whole) && matches!(self.peek(), Some(b'e' | b'E')) {
            let before = self.at;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                self.at = before;
            } else {
                float = true;
            }
        }
        let token = &self.text[start..self.at];
        if float {
            return fast_float2::parse(token).map(Value::Float).map_err(|_| self.error("Expecting value", start));
        }
        if whole > MAX_INT_DIGITS {
            return Err(NotJson(format!("an integer of more than {MAX_INT_DIGITS} digits")));
        }
        Ok(token.parse().map_or_else(|_| Value::BigInt(token.into()), Value::Int))
    }

    fn array(&mut self, depth: usize) -> Result<Value, NotJson> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::List(items));
                }
                _ => return Err(self.error("Expecting ',' delimiter", self.at)),
            }
            self.space();
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, NotJson> {
        self.at += 1;
        let mut pairs = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Dict(Dict::default()));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.error("Expecting property name enclosed in double quotes", self.at));
            }
            self.at += 1;
            // A key with a lone surrogate equals no name that anybody asks for.
            let key = self.string()?.unwrap_or_else(|| "\u{fffd}\u{d7ff}".into());
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.error("Expecting ':' delimiter", self.at));
            }
            self.at += 1;
            self.space();
            pairs.push((key, self.value(depth + 1)?));
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Dict(Dict::from_pairs(pairs)));
                }
                _ => return Err(self.error("Expecting ',' delimiter", self.at)),
            }
            self.space();
        }
    }

    /// The rest of a string after its first quote; `None` when it holds a lone surrogate.
    fn string(&mut self) -> Result<Option<Box<str>>, NotJson> {
        let quote = self.at - 1;
        let mut out = String::new();
        let mut whole = true;
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= 0x20) {
                self.at += 1;
            }
            out.push_str(&self.text[start..self.at]);
            match self.peek() {
                None => return Err(self.error("Unterminated string starting at", quote)),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(whole.then(|| out.into()));
                }
                Some(b'\\') => match self.escape(quote)? {
                    Some(letter) => out.push(letter),
                    None => whole = false,
                },
                Some(_) => return Err(self.error("Invalid control character at", self.at)),
            }
        }
    }

    /// One escape; `None` for a lone surrogate.
    fn escape(&mut self, quote: usize) -> Result<Option<char>, NotJson> {
        let start = self.at;
        self.at += 1;
        let letter = match self.peek() {
            None => return Err(self.error("Unterminated string starting at", quote)),
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            Some(_) => return Err(self.error("Invalid \\escape", start)),
        };
        self.at += 1;
        Ok(Some(letter))
    }

    fn unicode(&mut self) -> Result<Option<char>, NotJson> {
        let high = self.four_hex().ok_or_else(|| self.error("Invalid \\uXXXX escape", self.at))?;
        if !(0xD800..0xE000).contains(&high) {
            return Ok(char::from_u32(high));
        }
        if high < 0xDC00 && self.bytes[self.at..].starts_with(b"\\u") {
            let before = self.at;
            self.at += 1;
            if let Some(low) = self.four_hex().filter(|low| (0xDC00..0xE000).contains(low)) {
                return Ok(char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)));
            }
            self.at = before;
        }
        Ok(None)
    }

    /// Reads the `u` that the reader stands at and four hexadecimal digits; stays where it is when there are fewer.
    fn four_hex(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at + 1..self.at + 5)?;
        let number = digits.iter().try_fold(0, |sum, &byte| Some(sum * 16 + char::from(byte).to_digit(16)?))?;
        self.at += 5;
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_places_are_pythons() {
        for (text, message) in [
            ("", "Expecting value: line 1 column 1 (char 0)"),
            ("  ", "Expecting value: line 1 column 3 (char 2)"),
            ("{'a': 1}", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            ("[05]", "Expecting ',' delimiter: line 1 column 3 (char 2)"),
            ("[1,]", "Expecting value: line 1 column 4 (char 3)"),
            ("{\"a\":1,}", "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)"),
            ("[.5]", "Expecting value: line 1 column 2 (char 1)"),
            ("[1.]", "Expecting ',' delimiter: line 1 column 3 (char 2)"),
            ("[1e]", "Expecting ',' delimiter: line 1 column 3 (char 2)"),
            ("[-]", "Expecting value: line 1 column 2 (char 1)"),
            ("\"é\nx\"", "Invalid control character at: line 1 column 3 (char 2)"),
            ("\"abc", "Unterminated string starting at: line 1 column 1 (char 0)"),
            ("\"\\x\"", "Invalid \\escape: line 1 column 2 (char 1)"),
            ("\"\\u12\"", "Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
            ("{\"a\" 1}", "Expecting ':' delimiter: line 1 column 6 (char 5)"),
            ("[1]\n [2]", "Extra data: line 2 column 2 (char 5)"),
        ] {
            assert_eq!(parse(text), Err(NotJson(message.into())), "{text:?}");
        }
    }

    #[test]
    fn what_only_python_accepts() {
        let Ok(Value::List(items)) = parse("[NaN, -Infinity, 1e999, 18446744073709551616, -0, -0.0]") else {
            panic!("a list")
        };
        assert!(matches!(items[0], Value::Float(value) if value.is_nan()));
        assert_eq!(items[1], Value::Float(f64::NEG_INFINITY));
        assert_eq!(items[2], Value::Float(f64::INFINITY));
        assert_eq!(items[3], Value::BigInt("18446744073709551616".into()));
        assert_eq!(items[4], Value::Int(0));
        assert!(matches!(items[5], Value::Float(value) if value.is_sign_negative()));
    }

    #[test]
    fn escapes_are_read_and_lone_surrogates_marked() {
        assert_eq!(parse(r#""s\u006c\ud83d\ude00\n""#), Ok(Value::Text("sl😀\n".into())));
        assert_eq!(parse(r#""\ud800\u0041""#), Ok(Value::Surrogates));
        assert_eq!(parse(r#""\udc00""#), Ok(Value::Surrogates));
    }

    #[test]
    fn depth_is_bounded() {
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&format!("{}{}", "[".repeat(200), "]".repeat(200))).is_ok());
        assert!(parse(&format!("[{}]", "9".repeat(5000))).is_err());
    }
}
