//! The four forms of a request, each filling the frame.

use std::collections::HashSet;

use yummy_models::Frame;

use super::{
    NamedPlan, PositionalCells, PositionalPlan,
    cell::{double, single},
    cursor::Cursor,
};

/// A column of the request that the signature does not name.
pub(super) const EXTRA: usize = usize::MAX;

/// The request's columns.
pub(super) enum Order {
    /// Those of the signature, in its order.
    Same,
    /// Places in the signature, or [`EXTRA`].
    Other(Vec<usize>),
}

/// `{"columns": […], "index": […], "data": [[…]]}`, the columns before the data.
pub(super) fn split(plan: &NamedPlan, cursor: &mut Cursor<'_>, frame: &mut Frame) -> Option<()> {
    let mut order = None;
    let fields = split_fields(cursor, |cursor, field| match field {
        Field::Columns => {
            order = Some(columns(plan, cursor)?);
            Some(())
        }
        Field::Data => rows(plan, order.as_ref()?, cursor, frame),
    })?;
    (fields.data && fields.index.is_none_or(|len| len == frame.rows())).then_some(())
}

enum Field {
    Columns,
    Data,
}

#[derive(Default)]
struct SplitFields {
    columns: bool,
    data: bool,
    index: Option<usize>,
}

fn split_fields(
    cursor: &mut Cursor<'_>,
    mut read: impl FnMut(&mut Cursor<'_>, Field) -> Option<()>,
) -> Option<SplitFields> {
    let mut seen = SplitFields::default();
    cursor.expect(b'{')?;
    loop {
        let name = cursor.plain_text()?;
        cursor.expect(b':')?;
        match name {
            b"columns" if !seen.columns && !seen.data => {
                read(cursor, Field::Columns)?;
                seen.columns = true;
            }
            b"index" if seen.index.is_none() => seen.index = Some(index(cursor)?),
            b"data" if !seen.data => {
                read(cursor, Field::Data)?;
                seen.data = true;
            }
            _ => return None,
        }
        if !cursor.more(b'}')? {
            return Some(seen);
        }
    }
}

/// Number of labels of an index, which is not looked at further.
fn index(cursor: &mut Cursor<'_>) -> Option<usize> {
    cursor.expect(b'[')?;
    let mut len = 0;
    loop {
        cursor.skip_scalar()?;
        len += 1;
        if !cursor.more(b']')? {
            return Some(len);
        }
    }
}

/// Number of column labels: texts, each of them once.
fn labels(cursor: &mut Cursor<'_>) -> Option<usize> {
    let mut seen = HashSet::new();
    cursor.expect(b'[')?;
    loop {
        if !seen.insert(cursor.plain_text()?) {
            return None;
        }
        if !cursor.more(b']')? {
            return Some(seen.len());
        }
    }
}

/// The request's columns; every column of the plan once.
fn columns(plan: &NamedPlan, cursor: &mut Cursor<'_>) -> Option<Order> {
    cursor.expect(b'[')?;
    let mut same = 0;
    loop {
        if !plan.columns.get(same).is_some_and(|column| cursor.take_text(&column.name)) {
            return other_columns(plan, same, cursor);
        }
        same += 1;
        if !cursor.more(b']')? {
            return (same == plan.columns.len()).then_some(Order::Same);
        }
    }
}

/// Goes on where `same` columns were in the plan's order.
fn other_columns(plan: &NamedPlan, same: usize, cursor: &mut Cursor<'_>) -> Option<Order> {
    let mut order: Vec<usize> = (0..same).collect();
    loop {
        order.push(place(plan, order.len(), cursor)?);
        if !cursor.more(b']')? {
            break;
        }
    }
    complete(plan, &order).then_some(Order::Other(order))
}

/// The place of the next name, which is most often `expected`.
#[inline]
fn place(plan: &NamedPlan, expected: usize, cursor: &mut Cursor<'_>) -> Option<usize> {
    if plan.columns.get(expected).is_some_and(|column| cursor.take_text(&column.name)) {
        return Some(expected);
    }
    let name = cursor.plain_text()?;
    Some(plan.places.get(name).copied().unwrap_or(EXTRA))
}

pub(super) fn complete(plan: &NamedPlan, order: &[usize]) -> bool {
    if order.iter().copied().eq(0..plan.columns.len()) {
        return true;
    }
    let mut seen = vec![false; plan.columns.len()];
    let repeated = order.iter().any(|&place| place != EXTRA && std::mem::replace(&mut seen[place], true));
    !repeated && seen.iter().all(|&seen| seen)
}

fn rows(plan: &NamedPlan, order: &Order, cursor: &mut Cursor<'_>, frame: &mut Frame) -> Option<()> {
    match order {
        Order::Same if plan.plain_doubles => each_row(cursor, frame, |cursor, cells| doubles(cells, cursor)),
        Order::Same => {
            each_row(cursor, frame, |cursor, cells| row(plan, 0..plan.columns.len(), plan.columns.len(), cells, cursor))
        }
        Order::Other(order) => {
            each_row(cursor, frame, |cursor, cells| row(plan, order.iter().copied(), order.len(), cells, cursor))
        }
    }
}

/// `[[…], …]`; `read` reads a row after its bracket, up to and with the closing one.
#[inline]
fn each_row<'a>(
    cursor: &mut Cursor<'a>,
    frame: &mut Frame,
    read: impl Fn(&mut Cursor<'a>, &mut [f64]) -> Option<()>,
) -> Option<()> {
    cursor.expect(b'[')?;
    loop {
        cursor.expect(b'[')?;
        read(cursor, frame.push_row())?;
        if !cursor.more(b']')? {
            return Some(());
        }
    }
}

/// A row whose cells are `double` numbers at their places.
#[inline]
fn doubles(cells: &mut [f64], cursor: &mut Cursor<'_>) -> Option<()> {
    let last = cells.len() - 1;
    for (at, cell) in cells.iter_mut().enumerate() {
        *cell = double(cursor)?;
        if cursor.more(b']')? != (at < last) {
            return None;
        }
    }
    Some(())
}

fn row(
    plan: &NamedPlan,
    order: impl Iterator<Item = usize>,
    len: usize,
    cells: &mut [f64],
    cursor: &mut Cursor<'_>,
) -> Option<()> {
    for (at, place) in order.enumerate() {
        value(plan, place, cells, cursor)?;
        if cursor.more(b']')? != (at + 1 < len) {
            return None;
        }
    }
    Some(())
}

#[inline]
fn value(plan: &NamedPlan, place: usize, cells: &mut [f64], cursor: &mut Cursor<'_>) -> Option<()> {
    let Some(column) = plan.columns.get(place) else { return cursor.skip_scalar() };
    *cells.get_mut(column.feature)? = column.target.read(cursor)?;
    Some(())
}

/// `[{"a": 1, …}, …]`, all rows with the names of the first, in its order.
pub(super) fn records(plan: &NamedPlan, cursor: &mut Cursor<'_>, frame: &mut Frame) -> Option<()> {
    cursor.expect(b'[')?;
    let mut order: Vec<(usize, &[u8])> = Vec::with_capacity(plan.columns.len());
    first_record(plan, &mut order, cursor, frame.push_row())?;
    let places: Vec<usize> = order.iter().map(|(place, _)| *place).collect();
    if !complete(plan, &places) {
        return None;
    }
    let last = order.len() - 1;
    while cursor.more(b']')? {
        cursor.expect(b'{')?;
        let cells = frame.push_row();
        for (at, (place, name)) in order.iter().enumerate() {
            if !cursor.take_text(name) {
                return None;
            }
            cursor.expect(b':')?;
            value(plan, *place, cells, cursor)?;
            if cursor.more(b'}')? != (at < last) {
                return None;
            }
        }
    }
    Some(())
}

fn first_record<'a>(
    plan: &NamedPlan,
    order: &mut Vec<(usize, &'a [u8])>,
    cursor: &mut Cursor<'a>,
    cells: &mut [f64],
) -> Option<()> {
    cursor.expect(b'{')?;
    loop {
        let name = cursor.plain_text()?;
        let expected = plan.columns.get(order.len()).is_some_and(|column| *column.name == *name);
        let place = if expected { order.len() } else { plan.places.get(name).copied().unwrap_or(EXTRA) };
        // The last of equal names counts, and two unknown ones may be equal.
        if place == EXTRA && order.iter().any(|(_, known)| *known == name) {
            return None;
        }
        order.push((place, name));
        cursor.expect(b':')?;
        value(plan, place, cells, cursor)?;
        if !cursor.more(b'}')? {
            return Some(());
        }
    }
}

/// `{"a": [1, …], …}`, `{"a": 1, …}` or rows.
pub(super) fn inputs(plan: &NamedPlan, cursor: &mut Cursor<'_>, frame: &mut Frame) -> Option<()> {
    if cursor.peek() == b'[' {
        return if plan.all_double { records(plan, cursor, frame) } else { None };
    }
    cursor.expect(b'{')?;
    let mut order = Vec::with_capacity(plan.columns.len());
    let mut scalars = None;
    loop {
        let place = place(plan, order.len(), cursor)?;
        let column = plan.columns.get(place)?;
        cursor.expect(b':')?;
        let scalar = !cursor.take(b'[');
        if *scalars.get_or_insert(scalar) != scalar {
            return None;
        }
        let first = order.is_empty();
        order.push(place);
        let mut row = 0;
        loop {
            let cell = column.target.read(cursor)?;
            if first {
                frame.push_row();
            } else if row == frame.rows() {
                return None;
            }
            frame.row_mut(row)[column.feature] = cell;
            row += 1;
            if scalar || !cursor.more(b']')? {
                break;
            }
        }
        if row != frame.rows() {
            return None;
        }
        if !cursor.more(b'}')? {
            return complete(plan, &order).then_some(());
        }
    }
}

/// `dataframe_split` for columns by position; whether the columns are listed.
pub(super) fn positional_split(plan: &PositionalPlan, cursor: &mut Cursor<'_>, frame: &mut Frame) -> Option<bool> {
    let fields = split_fields(cursor, |cursor, field| match field {
        Field::Columns => (labels(cursor)? == plan.width).then_some(()),
        Field::Data => matrix(plan, cursor, frame).map(|_| ()),
    })?;
    // A tensor of one column is refused when no row of the index is labelled 0.
    if plan.width == 1 && fields.index.is_some() {
        return None;
    }
    (fields.data && fields.index.is_none_or(|len| len == frame.rows())).then_some(fields.columns)
}

/// `[[1, …], …]`.
pub(super) fn array(plan: &PositionalPlan, cursor: &mut Cursor<'_>, frame: &mut Frame) -> Option<()> {
    let floats = matrix(plan, cursor, frame)?;
    // An array of integers only is one of another dtype, which LightGBM rounds to f32.
    (floats || plan.cells != PositionalCells::Unknown).then_some(())
}

/// Reads a matrix; whether a number in it was no integer.
fn matrix(plan: &PositionalPlan, cursor: &mut Cursor<'_>, frame: &mut Frame) -> Option<bool> {
    let mut floats = false;
    cursor.expect(b'[')?;
    loop {
        cursor.expect(b'[')?;
        for (at, cell) in frame.push_row().iter_mut().enumerate() {
            *cell = match plan.cells {
                PositionalCells::Double => double(cursor)?,
                PositionalCells::Single => single(cursor)?,
                PositionalCells::Unknown => {
                    let (number, _) = cursor.number()?;
                    floats |= !number.whole;
                    // Larger integers make pandas and numpy choose other dtypes.
                    if number.whole && number.value.abs() >= 9e18 {
                        return None;
                    }
                    number.value
                }
            };
            if cursor.more(b']')? != (at + 1 < plan.width) {
                return None;
            }
        }
        if !cursor.more(b']')? {
            return Some(floats);
        }
    }
}
