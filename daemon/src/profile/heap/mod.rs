//! Heap profiles: what is in use and what was allocated, by where it was allocated, estimated from samples.
//!
//! [`Sampling`] stands before the program's allocator and looks at one allocation every so many bytes; `countdown` says
//! which, `stacks` knows where they were made, `live` which of them are still in use. Whether a program has it is
//! decided by its `#[global_allocator]`; without one there are no heap profiles.

mod allocator;
mod countdown;
mod live;
mod stacks;

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

pub use self::allocator::Sampling;
use self::stacks::Amount;
use super::{
    error::ProfileError,
    names,
    proto::{Row, Table},
    symbols::{Frame, Symbols},
};

/// Bytes between two samples unless told otherwise. Each costs some 10 µs, allocating and filling so many bytes some
/// 100: Go's tools and tcmalloc have the same.
pub const DEFAULT_INTERVAL: usize = 512 << 10;

/// Samples one allocation every `interval` bytes from now on; 0 for none. The first call of a process that is not 0
/// counts. Nothing happens in a program whose allocator is not [`Sampling`].
pub fn start(interval: usize) {
    if interval > 0 && countdown::is_installed() {
        stacks::prepare();
        countdown::set_interval(interval);
    }
}

/// The heap as its samples show it.
pub(crate) struct HeapProfile {
    interval: usize,
    at_unix_ms: u64,
    turned_away: usize,
    stacks: Vec<HeapStack>,
}

struct HeapStack {
    /// From the root to the function that asked for memory.
    frames: Vec<Arc<Frame>>,
    allocated: Amount,
    in_use: Amount,
}

impl HeapProfile {
    /// Reads the counts of this moment and finds their names, which takes a second the first time.
    pub(crate) fn now() -> Result<Self, ProfileError> {
        if !countdown::is_installed() {
            return Err(ProfileError::NoHeap);
        }
        let interval = countdown::interval();
        if interval == 0 {
            return Err(ProfileError::HeapOff);
        }
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let counts: Vec<_> = stacks::all().into_iter().map(|stack| (stack.addresses, stack.read())).collect();
        let mut symbols = Symbols::new();
        let resolve = |(addresses, (allocated, in_use)): (&[usize], _)| {
            let mut frames: Vec<_> = symbols.stack(addresses).into_iter().map(Arc::new).collect();
            // Who wanted the memory is the leaf, as in Go's heap profiles, and not the way into the allocator.
            if let Some(entry) = frames.iter().position(|frame| names::is_allocator(&frame.name)) {
                frames.truncate(entry);
            }
            while frames.len() > 1 && frames.last().is_some_and(of_std) {
                frames.pop();
            }
            HeapStack { frames, allocated, in_use }
        };
        let stacks = counts.into_iter().filter(|(_, (allocated, _))| allocated.objects > 0).map(resolve).collect();
        let at_unix_ms = u64::try_from(since.as_millis()).unwrap_or(0);
        Ok(Self { interval, at_unix_ms, turned_away: live::turned_away(), stacks })
    }

    /// Bytes in use by folded stack, trimmed for reading unless `raw`.
    pub(crate) fn folded(&self, raw: bool) -> BTreeMap<String, u64> {
        let mut folded = BTreeMap::new();
        for stack in self.stacks.iter().filter(|stack| stack.in_use.bytes > 0) {
            *folded.entry(stack.line(raw).join(";")).or_default() += stack.in_use.bytes;
        }
        folded
    }

    /// One line for a person: how much, from how many samples, and how far to believe it.
    pub(crate) fn subtitle(&self) -> String {
        let sum = |of: fn(&HeapStack) -> u64| self.stacks.iter().map(of).sum::<u64>() as f64 / f64::from(1 << 20);
        let (in_use, allocated) = (sum(|stack| stack.in_use.bytes), sum(|stack| stack.allocated.bytes));
        let every = self.interval >> 10;
        let mut line = format!(
            "{in_use:.1} MiB in use · {allocated:.0} MiB allocated since the start · one sample each {every} KiB"
        );
        if self.turned_away > 0 {
            line += &format!(" · {} samples had no place", self.turned_away);
        }
        line
    }

    /// For Go's tools, in the order of values that their heap profiles have.
    pub(crate) fn table(&self) -> Table<'_> {
        let row = |stack: &'_ HeapStack| -> Vec<u64> {
            [stack.allocated, stack.in_use].into_iter().flat_map(|amount| [amount.objects, amount.bytes]).collect()
        };
        Table {
            types: vec![
                ["alloc_objects", "count"],
                ["alloc_space", "bytes"],
                ["inuse_objects", "count"],
                ["inuse_space", "bytes"],
            ],
            default_type: "inuse_space",
            period: (["space", "bytes"], self.interval as u64),
            at_unix_ms: self.at_unix_ms,
            seconds: 0.0,
            rows: self
                .stacks
                .iter()
                .map(|stack| Row { frames: &stack.frames, values: row(stack), thread: None })
                .collect(),
        }
    }
}

fn of_std(frame: &Arc<Frame>) -> bool {
    names::is_std(&names::short(&frame.name), frame.file.as_deref())
}

impl HeapStack {
    fn line(&self, raw: bool) -> Vec<String> {
        if self.frames.is_empty() {
            return vec!["[other stacks]".to_owned()];
        }
        let frames = self.frames.iter();
        if raw {
            return frames.map(|frame| names::no_separator(&frame.name)).collect();
        }
        names::trim_leaf(frames.map(|frame| (&*frame.name, frame.file.as_deref())))
    }
}
