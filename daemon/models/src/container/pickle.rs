//! A pickle as data: what its program would build, without building it.
//!
//! All opcodes of protocols 0 to 5 are understood. A call (`REDUCE`, `NEWOBJ`, `OBJ`, …) is not made: it becomes an
//! object that names the function and holds the arguments and the state. Persistent ids, the extension registry,
//! out-of-band buffers and Python 2 text are refused.

use std::borrow::Cow;

use super::pickle_machine::{Item, Machine};

/// Why bytes are not a pickle that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// The bytes end within an opcode, or without `STOP`.
    #[error("the pickle ends at byte {0}, before its end")]
    Truncated(usize),
    /// An opcode that takes more than is on the stack, or something of the wrong kind.
    #[error("opcode 0x{opcode:02x} at byte {at} does not fit what is before it")]
    Malformed {
        /// The opcode.
        opcode: u8,
        /// Where it is.
        at: usize,
    },
    /// An opcode that does not exist, or that needs something outside of the file.
    #[error("opcode 0x{opcode:02x} at byte {at} is not supported")]
    Unsupported {
        /// The opcode.
        opcode: u8,
        /// Where it is.
        at: usize,
    },
    /// More opcodes or objects than any real model has.
    #[error("the pickle has more than {0} opcodes")]
    TooLarge(usize),
}

/// A whole pickle, read.
#[derive(Debug)]
pub struct Pickle<'a> {
    items: Vec<Item<'a>>,
    root: u32,
}

/// One object of a pickle. Objects may be shared, and may hold themselves.
#[derive(Clone, Copy, Debug)]
pub struct Object<'p, 'a> {
    pickle: &'p Pickle<'a>,
    item: &'p Item<'a>,
}

impl<'a> Pickle<'a> {
    /// Reads a pickle.
    ///
    /// # Errors
    /// [`PickleError`] says where it is damaged.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PickleError> {
        let (items, root) = Machine::run(bytes)?;
        Ok(Self { items, root })
    }

    /// The object that the pickle holds.
    #[must_use]
    pub fn root(&self) -> Object<'_, 'a> {
        self.object(self.root)
    }

    fn object(&self, id: u32) -> Object<'_, 'a> {
        Object { pickle: self, item: &self.items[id as usize] }
    }
}

impl<'p, 'a> Object<'p, 'a> {
    /// Module and name of the function or class that would have been called to make it.
    #[must_use]
    pub fn class(self) -> Option<(&'p str, &'p str)> {
        match self.item {
            Item::Call { function, .. } => self.pickle.object(*function).global(),
            _ => None,
        }
    }

    /// The arguments of that call.
    #[must_use]
    pub fn arguments(self) -> Vec<Object<'p, 'a>> {
        match self.item {
            Item::Call { arguments, .. } => self.pickle.object(*arguments).elements(),
            _ => Vec::new(),
        }
    }

    /// What would have been given to the new object as its state.
    #[must_use]
    pub fn state(self) -> Option<Object<'p, 'a>> {
        match self.item {
            Item::Call { state, .. } => state.map(|state| self.pickle.object(state)),
            _ => None,
        }
    }

    /// One attribute of the new object.
    #[must_use]
    pub fn attribute(self, name: &str) -> Option<Object<'p, 'a>> {
        let state = self.state()?;
        // With slots the state is a pair: the attributes, the slots.
        match state.item {
            Item::List(_) => state.elements().into_iter().find_map(|part| part.entry(name)),
            _ => state.entry(name),
        }
    }

    /// One value of a dictionary, by a key that is text. The last one counts, as in Python.
    #[must_use]
    pub fn entry(self, key: &str) -> Option<Object<'p, 'a>> {
        let Item::Dict(pairs) = self.item else { return None };
        let is_key = |&&(name, _): &&(u32, u32)| self.pickle.object(name).text() == Some(key);
        pairs.iter().rev().find(is_key).map(|&(_, value)| self.pickle.object(value))
    }

    /// The elements of a list, tuple or set.
    #[must_use]
    pub fn elements(self) -> Vec<Object<'p, 'a>> {
        match self.item {
            Item::List(ids) => ids.iter().map(|&id| self.pickle.object(id)).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether it is a list, tuple or set.
    #[must_use]
    pub fn is_list(self) -> bool {
        matches!(self.item, Item::List(_))
    }

    /// Whether it is `None`.
    #[must_use]
    pub fn is_none(self) -> bool {
        matches!(self.item, Item::None)
    }

    /// The text that it is.
    #[must_use]
    pub fn text(self) -> Option<&'p str> {
        match self.item {
            Item::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes that it is. Before protocol 3 they are Latin-1 text, wrapped in a call of `_codecs.encode`.
    #[must_use]
    pub fn bytes(self) -> Option<Cow<'p, [u8]>> {
        match self.item {
            Item::Bytes(bytes) => Some(Cow::Borrowed(*bytes)),
            Item::Call { .. } if self.class() == Some(("_codecs", "encode")) => {
                let text = self.arguments().first()?.text()?;
                text.chars().map(|char| u8::try_from(u32::from(char)).ok()).collect::<Option<Vec<u8>>>().map(Cow::Owned)
            }
            _ => None,
        }
    }

    /// The integer that it is.
    #[must_use]
    pub fn int(self) -> Option<i64> {
        match self.item {
            Item::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The float that it is.
    #[must_use]
    pub fn float(self) -> Option<f64> {
        match self.item {
            Item::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The boolean that it is.
    #[must_use]
    pub fn bool(self) -> Option<bool> {
        match self.item {
            Item::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Module and name, if it is a function or class itself.
    #[must_use]
    pub fn global(self) -> Option<(&'p str, &'p str)> {
        match self.item {
            Item::Global { module, name } => Some((module, name)),
            _ => None,
        }
    }
}
