//! The pickle virtual machine, without its hands: it moves data and calls nothing.

use std::{borrow::Cow, collections::HashMap};

use super::pickle::PickleError;

/// A pickled estimator has some hundred opcodes, one with long evaluation records some 100,000. Each costs at most one
/// item, so that this also bounds memory.
const MAX_OPCODES: usize = 1 << 22;

/// What an opcode made. Numbers are places in the list of all items.
#[derive(Debug)]
pub(super) enum Item<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits: no model needs its value.
    HugeInt,
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
    /// List, tuple, set or frozen set.
    List(Vec<u32>),
    Dict(Vec<(u32, u32)>),
    Global {
        module: Cow<'a, str>,
        name: Cow<'a, str>,
    },
    Call {
        function: u32,
        arguments: u32,
        state: Option<u32>,
    },
}

pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The opcode that is being done and where it is, for errors.
    opcode: u8,
    opcode_at: usize,
    items: Vec<Item<'a>>,
    stack: Vec<u32>,
    /// Heights of the stack at each open `MARK`.
    marks: Vec<usize>,
    memo: HashMap<u32, u32>,
}

type Done<T = ()> = Result<T, PickleError>;

impl<'a> Machine<'a> {
    /// Runs a program to its `STOP`; gives all items and the one that was on top.
    pub(super) fn run(bytes: &'a [u8]) -> Done<(Vec<Item<'a>>, u32)> {
        let mut machine = Self {
            bytes,
            at: 0,
            opcode: 0,
            opcode_at: 0,
            items: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        for _ in 0..MAX_OPCODES {
            machine.opcode_at = machine.at;
            machine.opcode = machine.take(1)?[0];
            if machine.opcode == b'.' {
                let root = machine.pop()?;
                return Ok((machine.items, root));
            }
            machine.step()?;
        }
        Err(PickleError::TooLarge(MAX_OPCODES))
    }

    fn step(&mut self) -> Done {
        match self.opcode {
            b'N' => self.push(Item::None),
            0x88 => self.push(Item::Bool(true)),
            0x89 => self.push(Item::Bool(false)),
            b'I' | b'L' | b'J' | b'K' | b'M' | 0x8a | 0x8b | b'F' | b'G' => self.number(),
            b'V' | b'X' | 0x8c | 0x8d => self.text(),
            b'B' | b'C' | 0x8e | 0x96 | b'T' | b'U' => self.byte_string(),
            b'(' | b'0' | b'1' | b'2' => self.stack_operation(),
            b']' | b')' | 0x8f | b'l' | b't' | 0x91 | 0x85 | 0x86 | 0x87 | b'a' | b'e' | 0x90 => self.list(),
            b'}' | b'd' | b's' | b'u' => self.dict(),
            b'g' | b'h' | b'j' | b'p' | b'q' | b'r' | 0x94 => self.memo(),
            b'c' | 0x93 | b'R' | 0x81 | 0x92 | b'i' | b'o' | b'b' => self.call(),
            // PROTO and FRAME only say how the rest is written.
            0x80 => self.take(1).map(drop),
            0x95 => self.take(8).map(drop),
            opcode => Err(PickleError::Unsupported { opcode, at: self.opcode_at }),
        }
    }

    fn number(&mut self) -> Done {
        let item = match self.opcode {
            b'K' => Item::Int(i64::from(self.take(1)?[0])),
            b'M' => Item::Int(i64::from(u16::from_le_bytes(self.array()?))),
            b'J' => Item::Int(i64::from(i32::from_le_bytes(self.array()?))),
            b'G' => Item::Float(f64::from_be_bytes(self.array()?)),
            b'F' => Item::Float(self.line()?.parse().map_err(|_| self.malformed())?),
            0x8a => {
                let length = usize::from(self.take(1)?[0]);
                long(self.take(length)?)
            }
            0x8b => {
                let length = self.length::<4>()?;
                long(self.take(length)?)
            }
            // INT also carries the booleans of protocol 0 and 1.
            _ => match self.line()? {
                "00" => Item::Bool(false),
                "01" => Item::Bool(true),
                digits => digits.trim_end_matches('L').parse().map_or(Item::HugeInt, Item::Int),
            },
        };
        self.push(item)
    }

    fn text(&mut self) -> Done {
        if self.opcode == b'V' {
            let text = unescape(self.raw_line()?).ok_or_else(|| self.malformed())?;
            return self.push(Item::Text(text.into()));
        }
        let length = match self.opcode {
            0x8c => self.length::<1>()?,
            0x8d => self.length::<8>()?,
            _ => self.length::<4>()?,
        };
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| self.malformed())?;
        self.push(Item::Text(text.into()))
    }

    fn byte_string(&mut self) -> Done {
        let length = match self.opcode {
            b'C' | b'U' => self.length::<1>()?,
            b'B' | b'T' => self.length::<4>()?,
            _ => self.length::<8>()?,
        };
        let bytes = self.take(length)?;
        self.push(Item::Bytes(bytes))
    }

    fn stack_operation(&mut self) -> Done {
        match self.opcode {
            b'(' => self.marks.push(self.stack.len()),
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            // POP takes an open mark off where there is nothing above it.
            _ => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
        }
        Ok(())
    }

    fn list(&mut self) -> Done {
        let made = match self.opcode {
            b']' | b')' | 0x8f => Vec::new(),
            b'l' | b't' | 0x91 => self.pop_mark()?,
            tuple @ 0x85..=0x87 => {
                let mut parts = Vec::with_capacity(3);
                for _ in 0x84..tuple {
                    parts.push(self.pop()?);
                }
                parts.reverse();
                parts
            }
            append => {
                let more = if append == b'a' { vec![self.pop()?] } else { self.pop_mark()? };
                let list = self.top()?;
                return match &mut self.items[list as usize] {
                    Item::List(elements) => {
                        elements.extend(more);
                        Ok(())
                    }
                    // `append` on an instance of a list-like class: it is not called, and nobody asks for the elements.
                    Item::Call { .. } => Ok(()),
                    _ => Err(self.malformed()),
                };
            }
        };
        self.push(Item::List(made))
    }

    fn dict(&mut self) -> Done {
        if self.opcode == b'}' {
            return self.push(Item::Dict(Vec::new()));
        }
        let flat = if self.opcode == b's' {
            let value = self.pop()?;
            vec![self.pop()?, value]
        } else {
            self.pop_mark()?
        };
        let (pairs, []) = flat.as_chunks::<2>() else { return Err(self.malformed()) };
        let pairs = pairs.iter().map(|&[key, value]| (key, value));
        if self.opcode == b'd' {
            let pairs = pairs.collect();
            return self.push(Item::Dict(pairs));
        }
        let dict = self.top()?;
        match &mut self.items[dict as usize] {
            Item::Dict(entries) => entries.extend(pairs),
            // `__setitem__` of an OrderedDict or another class: not called.
            Item::Call { .. } => {}
            _ => return Err(self.malformed()),
        }
        Ok(())
    }

    fn memo(&mut self) -> Done {
        let index = match self.opcode {
            b'g' | b'p' => self.line()?.parse().map_err(|_| self.malformed())?,
            b'h' | b'q' => u32::from(self.take(1)?[0]),
            b'j' | b'r' => u32::from_le_bytes(self.array()?),
            _ => u32::try_from(self.memo.len()).map_err(|_| self.malformed())?,
        };
        if matches!(self.opcode, b'g' | b'h' | b'j') {
            let id = *self.memo.get(&index).ok_or_else(|| self.malformed())?;
            self.stack.push(id);
        } else {
            let top = self.top()?;
            self.memo.insert(index, top);
        }
        Ok(())
    }

    fn call(&mut self) -> Done {
        match self.opcode {
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Item::Global { module: module.into(), name: name.into() })
            }
            0x93 => {
                let (name, module) = (self.pop_text()?, self.pop_text()?);
                self.push(Item::Global { module, name })
            }
            b'b' => {
                let state = self.pop()?;
                let object = self.top()?;
                match &mut self.items[object as usize] {
                    Item::Call { state: old, .. } => *old = Some(state),
                    _ => return Err(self.malformed()),
                }
                Ok(())
            }
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                let arguments = self.pop_mark()?;
                let arguments = self.add(Item::List(arguments))?;
                let function = self.add(Item::Global { module: module.into(), name: name.into() })?;
                self.push(Item::Call { function, arguments, state: None })
            }
            b'o' => {
                let mut arguments = self.pop_mark()?;
                if arguments.is_empty() {
                    return Err(self.malformed());
                }
                let function = arguments.remove(0);
                let arguments = self.add(Item::List(arguments))?;
                self.push(Item::Call { function, arguments, state: None })
            }
            opcode => {
                if opcode == 0x92 {
                    self.pop()?; // keyword arguments
                }
                let arguments = self.pop()?;
                let function = self.pop()?;
                self.push(Item::Call { function, arguments, state: None })
            }
        }
    }

    fn push(&mut self, item: Item<'a>) -> Done {
        let id = self.add(item)?;
        self.stack.push(id);
        Ok(())
    }

    fn add(&mut self, item: Item<'a>) -> Done<u32> {
        let id = u32::try_from(self.items.len()).map_err(|_| PickleError::TooLarge(MAX_OPCODES))?;
        self.items.push(item);
        Ok(id)
    }

    /// Nothing below an open mark can be taken.
    fn pop(&mut self) -> Done<u32> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.malformed());
        }
        self.stack.pop().ok_or_else(|| self.malformed())
    }

    fn top(&self) -> Done<u32> {
        self.stack.last().copied().ok_or_else(|| self.malformed())
    }

    fn pop_mark(&mut self) -> Done<Vec<u32>> {
        let height = self.marks.pop().ok_or_else(|| self.malformed())?;
        Ok(self.stack.split_off(height))
    }

    fn pop_text(&mut self) -> Done<Cow<'a, str>> {
        let id = self.pop()?;
        match &self.items[id as usize] {
            Item::Text(text) => Ok(text.clone()),
            _ => Err(self.malformed()),
        }
    }

    fn take(&mut self, count: usize) -> Done<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or(PickleError::Truncated(self.bytes.len()))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Done<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| self.malformed())
    }

    /// A little-endian length of `N` bytes.
    fn length<const N: usize>(&mut self) -> Done<usize> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(self.take(N)?);
        usize::try_from(u64::from_le_bytes(wide)).map_err(|_| PickleError::Truncated(self.bytes.len()))
    }

    fn line(&mut self) -> Done<&'a str> {
        let line = self.raw_line()?;
        std::str::from_utf8(line).map_err(|_| self.malformed())
    }

    fn raw_line(&mut self) -> Done<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let end = memchr::memchr(b'\n', rest).ok_or(PickleError::Truncated(self.bytes.len()))?;
        self.at += end + 1;
        Ok(&rest[..end])
    }

    fn malformed(&self) -> PickleError {
        PickleError::Malformed { opcode: self.opcode, at: self.opcode_at }
    }
}

/// A little-endian two's complement integer of any length.
fn long(bytes: &[u8]) -> Item<'static> {
    if bytes.len() > 8 {
        return Item::HugeInt;
    }
    let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Item::Int(i64::from_le_bytes(wide))
}

/// Python's `raw-unicode-escape`, which protocol 0 writes text in: Latin-1, and for everything else `\u`
/// with four hexadecimal digits or `\U` with eight.
fn unescape(line: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = match (byte, after.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => {
                text.push(char::from(byte));
                rest = after;
                continue;
            }
        };
        let code = std::str::from_utf8(after.get(1..=digits)?).ok()?;
        text.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
        rest = &after[1 + digits..];
    }
    Some(text)
}
