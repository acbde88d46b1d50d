//! YAML as PyYAML writes it, as a tree of texts.
//!
//! A scalar keeps the text that stands in the file: PyYAML is YAML 1.1 and leaves ids like `1e5` or `08` unquoted,
//! where a typed YAML 1.2 reader makes numbers of them. Whoever asks for a number parses it. Aliases are refused, size
//! and depth are bounded.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// How deep a document may nest: `MLmodel` needs 4.
const MAX_DEPTH: usize = 32;

/// One YAML value.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `null`, `~` or nothing.
    Null,
    /// Any other scalar, as it is written.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in file order.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// Reads one document.
    ///
    /// # Errors
    /// One line that says what is wrong and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut builder = Builder::default();
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| error.to_string())?;
            if let Some(root) =
                builder.event(event).map_err(|reason| format!("{reason} at line {}", span.start.line()))?
            {
                return Ok(root);
            }
        }
        Err("empty document".into())
    }

    /// The value under `key`; `None` when this is no mapping or has no such key. The last of equal keys counts, as in
    /// Python.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().rev().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The text under `key`; `None` when it is not there, or is null or composed.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Self::Text(text) => Some(text),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// The entries of a mapping; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[(String, Self)] {
        if let Self::Map(entries) = self { entries } else { &[] }
    }

    /// The items of a sequence; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }
}

/// A container that is being read.
enum Open {
    List(Vec<Node>),
    Map(Vec<(String, Node)>, Option<String>),
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
}

impl Builder {
    /// Takes one event; gives the root when it is complete.
    fn event(&mut self, event: Event<'_>) -> Result<Option<Node>, String> {
        let node = match event {
            Event::Scalar(text, style, ..) => {
                let null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                if null { Node::Null } else { Node::Text(text.into_owned()) }
            }
            Event::SequenceStart(..) => return self.start(Open::List(Vec::new())),
            Event::MappingStart(..) => return self.start(Open::Map(Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(items)) => Node::List(items),
                Some(Open::Map(entries, _)) => Node::Map(entries),
                None => return Err("unbalanced YAML".into()),
            },
            Event::Alias(_) => return Err("aliases are not accepted".into()),
            _ => return Ok(None),
        };
        match self.open.last_mut() {
            None => return Ok(Some(node)),
            Some(Open::List(items)) => items.push(node),
            Some(Open::Map(entries, key)) => match (key.take(), node) {
                (Some(key), node) => entries.push((key, node)),
                (None, Node::Text(text)) => *key = Some(text),
                (None, Node::Null) => *key = Some("null".into()),
                (None, Node::List(_) | Node::Map(_)) => return Err("a key that is not text".into()),
            },
        }
        Ok(None)
    }

    fn start(&mut self, open: Open) -> Result<Option<Node>, String> {
        if self.open.len() == MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH}"));
        }
        self.open.push(open);
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pyyaml_leaves_unquoted_stays_text() {
        let node = Node::parse("a: 1e5\nb: 08\nc: 0o17\nd: 'null'\ne: null\nf:\n- 1.50\n").unwrap();
        assert_eq!(node.text("a"), Some("1e5"));
        assert_eq!(node.text("b"), Some("08"));
        assert_eq!(node.text("c"), Some("0o17"));
        assert_eq!(node.text("d"), Some("null"));
        assert_eq!(node.get("e"), Some(&Node::Null));
        assert_eq!(node.get("f").unwrap().items(), [Node::Text("1.50".into())]);
    }

    #[test]
    fn folded_json_comes_back_on_one_line() {
        let node = Node::parse("s: '[{\"type\": \"double\",\n    \"name\": \"it''s\"}]'\n").unwrap();
        assert_eq!(node.text("s"), Some(r#"[{"type": "double", "name": "it's"}]"#));
    }

    #[test]
    fn bombs_end_in_an_error() {
        assert!(Node::parse("a: &x [1]\nb: *x\n").is_err());
        assert!(Node::parse(&"[".repeat(100_000)).is_err());
        assert!(Node::parse(&"- ".repeat(10_000)).is_err());
        assert!(Node::parse("").is_err());
    }
}
