//! The protobuf that Go's `pprof`, Parca and Pyroscope read (`perftools.profiles.Profile`, gzipped). The message is
//! small enough to be written by hand; field numbers are those of pprof's `profile.proto`.

use std::{
    collections::HashMap,
    io::{self, Write},
    sync::Arc,
};

use flate2::{Compression, write::GzEncoder};

use super::{names, symbols::Frame};

/// What a profile of any kind says.
pub(crate) struct Table<'a> {
    /// What each row has a value of, with its unit.
    pub(crate) types: Vec<[&'a str; 2]>,
    /// The one that tools show first.
    pub(crate) default_type: &'a str,
    /// Distance of samples, with what it is of and its unit.
    pub(crate) period: ([&'a str; 2], u64),
    pub(crate) at_unix_ms: u64,
    /// Length of time that it is of; 0 for a moment.
    pub(crate) seconds: f64,
    pub(crate) rows: Vec<Row<'a>>,
}

/// One stack.
pub(crate) struct Row<'a> {
    /// From the root to the leaf.
    pub(crate) frames: &'a [Arc<Frame>],
    /// One for each type.
    pub(crate) values: Vec<u64>,
    pub(crate) thread: Option<&'a str>,
}

/// The table as gzipped protobuf. Frames are whole: tools have their own filters.
pub(crate) fn gzipped(table: &Table<'_>) -> io::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&message(table))?;
    gzip.finish()
}

fn message(table: &Table<'_>) -> Vec<u8> {
    let mut tables = Tables::new();
    let mut profile = Message::default();
    for kind in &table.types {
        profile.message(1, &value_type(&mut tables, kind));
    }
    let thread = tables.string("thread");
    for row in &table.rows {
        let mut sample = Message::default();
        sample.packed(1, &tables.locations(row.frames));
        sample.packed(2, &row.values);
        if let Some(name) = row.thread {
            let mut label = Message::default();
            label.number(1, thread);
            label.number(2, tables.string(name));
            sample.message(3, &label);
        }
        profile.message(2, &sample);
    }
    let binary = std::env::current_exe().unwrap_or_default();
    let binary = tables.string(&binary.file_name().unwrap_or_default().to_string_lossy());
    profile.message(3, &mapping(binary));
    let (period_type, default_type) = (value_type(&mut tables, &table.period.0), tables.string(table.default_type));
    tables.write(&mut profile);
    profile.number(9, table.at_unix_ms * 1_000_000);
    profile.number(10, (table.seconds * 1e9) as u64);
    profile.message(11, &period_type);
    profile.number(12, table.period.1);
    profile.number(14, default_type);
    profile.0
}

fn value_type(tables: &mut Tables, [kind, unit]: &[&str; 2]) -> Message {
    let mut message = Message::default();
    message.number(1, tables.string(kind));
    message.number(2, tables.string(unit));
    message
}

/// One mapping for all: names are in the profile, so nobody needs the file.
fn mapping(binary: u64) -> Message {
    let mut message = Message::default();
    message.number(1, 1);
    message.number(5, binary);
    // has_functions, has_filenames, has_line_numbers, has_inline_frames
    (7..=10).for_each(|field| message.number(field, 1));
    message
}

/// Strings, functions and locations, each once. One location is one frame: its function and line.
struct Tables {
    strings: Vec<String>,
    string_ids: HashMap<String, u64>,
    functions: Vec<Message>,
    function_ids: HashMap<(u64, u64), u64>,
    locations: Vec<Message>,
    location_ids: HashMap<Arc<Frame>, u64>,
}

impl Tables {
    fn new() -> Self {
        let mut tables = Self {
            strings: Vec::new(),
            string_ids: HashMap::new(),
            functions: Vec::new(),
            function_ids: HashMap::new(),
            locations: Vec::new(),
            location_ids: HashMap::new(),
        };
        // The first string must be empty.
        tables.string("");
        tables
    }

    fn string(&mut self, text: &str) -> u64 {
        if let Some(id) = self.string_ids.get(text) {
            return *id;
        }
        let id = self.strings.len() as u64;
        self.strings.push(text.to_owned());
        self.string_ids.insert(text.to_owned(), id);
        id
    }

    /// Locations from the leaf to the root.
    fn locations(&mut self, frames: &[Arc<Frame>]) -> Vec<u64> {
        frames.iter().rev().map(|frame| self.location(frame)).collect()
    }

    fn location(&mut self, frame: &Arc<Frame>) -> u64 {
        if let Some(id) = self.location_ids.get(frame) {
            return *id;
        }
        let function = self.function(frame);
        let id = self.locations.len() as u64 + 1;
        let mut line = Message::default();
        line.number(1, function);
        line.number(2, u64::from(frame.line.unwrap_or(0)));
        let mut location = Message::default();
        location.number(1, id);
        location.number(2, 1);
        location.message(4, &line);
        self.locations.push(location);
        self.location_ids.insert(Arc::clone(frame), id);
        id
    }

    fn function(&mut self, frame: &Frame) -> u64 {
        let name = self.string(&names::short(&frame.name));
        let system_name = self.string(&frame.name);
        let file = self.string(frame.file.as_deref().unwrap_or_default());
        let next = self.functions.len() as u64 + 1;
        *self.function_ids.entry((system_name, file)).or_insert_with(|| {
            let mut function = Message::default();
            for (field, value) in [(1, next), (2, name), (3, system_name), (4, file)] {
                function.number(field, value);
            }
            self.functions.push(function);
            next
        })
    }

    fn write(&self, profile: &mut Message) {
        self.locations.iter().for_each(|location| profile.message(4, location));
        self.functions.iter().for_each(|function| profile.message(5, function));
        self.strings.iter().for_each(|text| profile.bytes(6, text.as_bytes()));
    }
}

/// A protobuf message being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(&mut self, field: u64, value: u64) {
        // Zero is what a missing field means.
        if value != 0 {
            self.varint(field << 3);
            self.varint(value);
        }
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }

    fn packed(&mut self, field: u64, values: &[u64]) {
        let mut packed = Self::default();
        values.iter().for_each(|value| packed.varint(*value));
        self.message(field, &packed);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}
