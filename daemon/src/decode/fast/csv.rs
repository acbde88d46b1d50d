//! CSV without quotes, rows all as long as the header: what `to_csv` writes of numbers and plain texts.
//!
//! pandas decides a column's dtype by all of its fields. Here each field is read alone, so that only those are accepted
//! which mean the same whatever stands below them; anything else is the exact path's.

use memchr::{memchr, memchr2};
use yummy_models::{Frame, category_hash};

use super::{
    FastPlan, NamedPlan, PositionalCells, PositionalPlan,
    cell::{MAX_EXACT, Target},
    float,
    forms::{EXTRA, complete},
};
use crate::decode::{csv::is_missing, plan::Plan};
use yummy_models::signature::Schema;

/// Reads a body.
pub(super) fn read(plan: &Plan, fast: &FastPlan, body: &[u8], frame: &mut Frame) -> Option<()> {
    // The header of a tensor is an error.
    if matches!(plan.schema, Some(Schema::Tensors(_))) || memchr(b'"', body).is_some() {
        return None;
    }
    std::str::from_utf8(body).ok()?;
    let mut fields = Fields { bytes: body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body), at: 0 };
    match fast {
        FastPlan::Named(plan) => named(plan, &mut fields, frame),
        FastPlan::Positional(plan) => positional(plan, &mut fields, frame),
    }
}

fn named(plan: &NamedPlan, fields: &mut Fields<'_>, frame: &mut Frame) -> Option<()> {
    let mut order = Vec::with_capacity(plan.columns.len());
    fields.header(|name| {
        let expected = plan.columns.get(order.len()).is_some_and(|column| *column.name == *name);
        let place = if expected { order.len() } else { plan.places.get(name).copied().unwrap_or(EXTRA) };
        order.push(place);
    })?;
    if !complete(plan, &order) {
        return None;
    }
    let in_order = order.iter().copied().eq(0..plan.columns.len());
    if plan.plain_doubles && in_order {
        return fields.rows(frame, |fields, cells| fields.each(cells, |fields| fields.number(Cell::Double)));
    }
    let last = order.len() - 1;
    fields.rows(frame, |fields, cells| {
        for (at, &place) in order.iter().enumerate() {
            match plan.columns.get(place) {
                Some(column) => *cells.get_mut(column.feature)? = fields.target(&column.target)?,
                None => {
                    fields.text();
                }
            }
            fields.after(at == last)?;
        }
        Some(())
    })
}

fn positional(plan: &PositionalPlan, fields: &mut Fields<'_>, frame: &mut Frame) -> Option<()> {
    let mut width = 0;
    fields.header(|_| width += 1)?;
    if width != plan.width {
        return None;
    }
    let cell = match plan.cells {
        PositionalCells::Double => Cell::Double,
        PositionalCells::Single => Cell::Single,
        PositionalCells::Unknown => Cell::Unknown,
    };
    fields.rows(frame, |fields, cells| fields.each(cells, |fields| fields.number(cell)))
}

/// How a number is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Double,
    Single,
    /// Of the dtype that pandas finds.
    Unknown,
}

/// A place in a file.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn here(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// The first line, which must have a name for each column.
    fn header(&mut self, mut name: impl FnMut(&'a [u8])) -> Option<()> {
        loop {
            let text = self.text();
            if text.is_empty() || text.iter().all(|letter| matches!(letter, b' ' | b'\t')) {
                return None;
            }
            name(text);
            let more = self.here() == b',';
            self.after(!more)?;
            if !more {
                return Some(());
            }
        }
    }

    /// All further lines.
    fn rows(&mut self, frame: &mut Frame, mut read: impl FnMut(&mut Self, &mut [f64]) -> Option<()>) -> Option<()> {
        while self.at < self.bytes.len() {
            // A line of nothing but white space is no row, and one that begins with it is looked at more closely.
            if matches!(self.here(), b'\n' | b'\r' | b' ' | b'\t') {
                return None;
            }
            read(self, frame.push_row())?;
        }
        Some(())
    }

    /// A row of as many numbers as there are cells.
    #[inline]
    fn each(&mut self, cells: &mut [f64], mut read: impl FnMut(&mut Self) -> Option<f64>) -> Option<()> {
        let last = cells.len() - 1;
        for (at, cell) in cells.iter_mut().enumerate() {
            *cell = read(self)?;
            self.after(at == last)?;
        }
        Some(())
    }

    /// Passes over what ends a field: a comma, or after the last one the end of the line.
    #[inline]
    fn after(&mut self, last: bool) -> Option<()> {
        match self.here() {
            b',' if !last => self.at += 1,
            b'\n' if last => self.at += 1,
            b'\r' if last && self.bytes.get(self.at + 1) == Some(&b'\n') => self.at += 2,
            0 if last && self.at == self.bytes.len() => {}
            _ => return None,
        }
        Some(())
    }

    /// A field as it is.
    fn text(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        let line = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let len = memchr(b',', &rest[..line]).unwrap_or(line);
        self.at += len;
        &rest[..len]
    }

    /// A number, or nothing for one that is missing.
    #[inline]
    fn number(&mut self, cell: Cell) -> Option<f64> {
        let rest = self.bytes.get(self.at..)?;
        let Some(written) = float::read(rest) else { return self.missing() };
        self.at += written.len;
        let minus_zero = written.value == 0.0 && written.value.is_sign_negative();
        // The sign of an integer's zero, and integers of more than 64 bits, depend on the column's dtype.
        if cell == Cell::Unknown && written.whole && (minus_zero || written.value.abs() >= 9e18) {
            return None;
        }
        Some(if cell == Cell::Single { f64::from(written.value as f32) } else { written.value })
    }

    #[cold]
    fn missing(&self) -> Option<f64> {
        matches!(self.here(), b',' | b'\n' | b'\r' | 0).then_some(f64::NAN)
    }

    /// An integer with its decimal digits.
    fn whole(&mut self, limit: f64) -> Option<(f64, &'a [u8])> {
        let rest = self.bytes.get(self.at..)?;
        let written = float::read(rest)?;
        self.at += written.len;
        let digits = &rest[..written.len];
        // Adding zero makes a negative zero positive, as an integer is.
        (written.whole && written.value.abs() <= limit && digits != b"-0").then_some((written.value + 0.0, digits))
    }

    /// A word of a text column.
    fn word(&mut self) -> Option<&'a str> {
        let text = std::str::from_utf8(self.text()).ok()?;
        (!is_missing(text)).then_some(text)
    }

    fn target(&mut self, target: &Target) -> Option<f64> {
        const MAX_INT32: f64 = 2_147_483_647.0;
        match target {
            Target::Double => self.number(Cell::Double),
            Target::Single => self.number(Cell::Single),
            Target::Long => self.whole(MAX_EXACT).map(|(value, _)| value),
            Target::Int32 => self.whole(MAX_INT32).map(|(value, _)| value),
            Target::Bool => match self.text() {
                b"True" | b"true" | b"TRUE" => Some(1.0),
                b"False" | b"false" | b"FALSE" => Some(0.0),
                _ => None,
            },
            Target::HashedText => self.word().map(|text| category_hash(text.as_bytes())),
            Target::HashedWhole => self.whole(MAX_INT32).map(|(_, digits)| category_hash(digits)),
            Target::ListedText(list) => self.word().map(|text| list.code_of_text(text)),
            Target::ListedWhole(list) => self.whole(MAX_INT32).map(|(value, _)| list.code_of_number(value)),
        }
    }
}
