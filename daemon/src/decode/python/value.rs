//! One Python value out of a request.

use std::{collections::HashMap, fmt::Write};

use crate::encode::push_float;

/// What `json.loads` can give.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// `None`.
    Null,
    /// `bool`.
    Bool(bool),
    /// An `int` of 64 bits.
    Int(i64),
    /// Any larger `int`, as its digits.
    BigInt(Box<str>),
    /// `float`.
    Float(f64),
    /// `str`.
    Text(Box<str>),
    /// A `str` with a lone surrogate: Python keeps it, and fails when it must be encoded.
    Surrogates,
    /// `bytes`, which no JSON has: a column of the type `binary` is made of them.
    Bytes(Box<[u8]>),
    /// `list`.
    List(Vec<Value>),
    /// `dict`.
    Dict(Dict),
}

/// A `dict` with text keys, in order of insertion.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Dict(Vec<(Box<str>, Value)>);

impl Dict {
    /// Keeps the last value of equal keys, at the place of the first, as Python does.
    pub(crate) fn from_pairs(pairs: Vec<(Box<str>, Value)>) -> Self {
        let mut places: HashMap<Box<str>, usize> = HashMap::with_capacity(pairs.len());
        let mut kept: Vec<(Box<str>, Value)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            if let Some(&place) = places.get(&key) {
                kept[place].1 = value;
            } else {
                places.insert(key.clone(), kept.len());
                kept.push((key, value));
            }
        }
        Self(kept)
    }

    /// The value of one key.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| &**name == key).map(|(_, value)| value)
    }

    /// Takes one key out.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Value> {
        let place = self.0.iter().position(|(name, _)| &**name == key)?;
        Some(self.0.remove(place).1)
    }

    /// The keys, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| &**key)
    }

    /// The entries, in order.
    pub(crate) fn entries(&self) -> &[(Box<str>, Value)] {
        &self.0
    }

    /// The entries, given away.
    pub(crate) fn into_entries(self) -> Vec<(Box<str>, Value)> {
        self.0
    }

    /// Number of keys.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Value {
    /// `type(value).__name__`.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::BigInt(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) | Self::Surrogates => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Dict(_) => "dict",
        }
    }

    /// Whether it is a `list`.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self, Self::List(_))
    }

    /// Whether it is a `dict`.
    pub(crate) fn is_dict(&self) -> bool {
        matches!(self, Self::Dict(_))
    }

    /// numpy's `isscalar`, which `None`, lists and dictionaries are not.
    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self, Self::Null | Self::List(_) | Self::Dict(_))
    }

    /// `bool(value)`.
    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::BigInt(_) | Self::Surrogates => true,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Dict(dict) => !dict.is_empty(),
        }
    }

    /// `str(value)`.
    pub(crate) fn to_text(&self) -> String {
        if let Self::Text(text) = self {
            return text.to_string();
        }
        let mut out = String::new();
        self.push_repr(&mut out);
        out
    }

    /// `repr(value)`, as far as it can be met inside of a category.
    fn push_repr(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("None"),
            Self::Bool(true) => out.push_str("True"),
            Self::Bool(false) => out.push_str("False"),
            Self::Int(value) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "{value}");
            }
            Self::BigInt(digits) => out.push_str(digits),
            Self::Float(value) => out.push_str(&float_text(*value)),
            Self::Text(text) => push_quoted(text, out),
            Self::Surrogates => out.push_str("'\\ud800'"),
            Self::Bytes(bytes) => push_bytes(bytes, out),
            Self::List(items) => {
                out.push('[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        out.push_str(", ");
                    }
                    item.push_repr(out);
                }
                out.push(']');
            }
            Self::Dict(dict) => {
                out.push('{');
                for (place, (key, value)) in dict.entries().iter().enumerate() {
                    if place > 0 {
                        out.push_str(", ");
                    }
                    push_quoted(key, out);
                    out.push_str(": ");
                    value.push_repr(out);
                }
                out.push('}');
            }
        }
    }
}

/// `str()` of a float: like JSON's, but with Python's own words for what is not finite.
fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let mut digits = Vec::with_capacity(24);
    push_float(value, &mut digits);
    String::from_utf8(digits).expect("digits are ASCII")
}

/// `repr()` of a text: single quotes unless only those occur in it.
pub(crate) fn push_quoted(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if letter == quote => {
                out.push('\\');
                out.push(letter);
            }
            _ if letter.is_ascii_control() => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\x{:02x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push(quote);
}

/// `repr()` of bytes.
fn push_bytes(bytes: &[u8], out: &mut String) {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    out.push('b');
    out.push(quote);
    for &byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b' '..=b'~' => {
                if char::from(byte) == quote {
                    out.push('\\');
                }
                out.push(char::from(byte));
            }
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push(quote);
}

/// `repr()` of a list of texts, at most `limit` of them.
pub(crate) fn quoted_list<'a>(names: impl Iterator<Item = &'a str>, limit: usize) -> String {
    let mut out = String::from("[");
    for (place, name) in names.enumerate() {
        if place > 0 {
            out.push_str(", ");
        }
        if place == limit {
            out.push_str("...");
            break;
        }
        push_quoted(name, &mut out);
    }
    out.push(']');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_equal_keys_counts_at_the_place_of_the_first() {
        let dict = Dict::from_pairs(vec![
            ("a".into(), Value::Int(1)),
            ("b".into(), Value::Int(2)),
            ("a".into(), Value::Int(3)),
        ]);
        assert_eq!(dict.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(dict.get("a"), Some(&Value::Int(3)));
    }

    #[test]
    fn texts_are_pythons() {
        let inner = Dict::from_pairs(vec![("a".into(), Value::Int(1)), ("it's".into(), Value::Null)]);
        let list = Value::List(vec![Value::Float(1000.0), Value::Text("x'\n".into()), Value::Dict(inner)]);
        assert_eq!(list.to_text(), r#"[1000.0, "x'\n", {'a': 1, "it's": None}]"#);
        assert_eq!(Value::Float(1e20).to_text(), "1e+20");
        assert_eq!(Value::Float(f64::NEG_INFINITY).to_text(), "-inf");
        assert_eq!(Value::Bool(true).to_text(), "True");
    }
}
