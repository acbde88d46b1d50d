//! pandas' `DataFrame(...)` constructor for what `dataframe_split` and `dataframe_records` can hold.

use std::collections::HashMap;

use super::{Column, Data, Label, Table, Value, infer::request_column};
use crate::decode::python::value::Dict;

/// pandas' exception, without the values.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ConstructError(pub(crate) String);

impl ConstructError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

type Result<T> = std::result::Result<T, ConstructError>;

/// `DataFrame(data=..., columns=..., index=...)`.
///
/// # Errors
/// [`ConstructError`] for what pandas refuses.
pub(crate) fn split(data: Value, columns: Option<Value>, index: Option<Value>) -> Result<Table> {
    let columns = columns.map(labels).transpose()?.flatten();
    let zero_is_a_label = index.as_ref().is_none_or(has_zero);
    let index = index.map(index_len).transpose()?.flatten();
    let table = match data {
        Value::Null => missing(columns.unwrap_or_default(), index.unwrap_or(0)),
        Value::List(rows) if rows.is_empty() => missing(columns.unwrap_or_default(), index.unwrap_or(0)),
        Value::List(rows) => over_index(list(rows, columns)?, index)?,
        Value::Dict(dict) => dictionary(dict, columns, index)?,
        scalar if columns.is_some() && index.is_some() => {
            let rows = index.unwrap_or(0);
            let columns = columns.unwrap_or_default().into_iter();
            let filled = columns.map(|label| Ok(Column { label, data: request_column(vec![scalar.clone(); rows])? }));
            Table::new(filled.collect::<Result<_>>()?, rows)
        }
        _ => return Err(ConstructError::new("DataFrame constructor not properly called!")),
    };
    Ok(Table { zero_is_a_label, ..table })
}

/// Whether an index has the label 0, once: of several rows pandas gives all.
fn has_zero(index: &Value) -> bool {
    match index {
        Value::Null => true,
        Value::List(labels) => one_zero(labels.iter()),
        _ => false,
    }
}

/// Whether exactly one label is the number 0.
pub(crate) fn one_zero<'a>(labels: impl Iterator<Item = &'a Value>) -> bool {
    let zero = |label: &&Value| match label {
        Value::Int(number) => *number == 0,
        Value::Float(number) => *number == 0.0,
        _ => false,
    };
    labels.filter(zero).count() == 1
}

/// `DataFrame(data=rows)` for a list of anything.
///
/// # Errors
/// [`ConstructError`] for what pandas refuses.
pub(crate) fn records(rows: Vec<Value>) -> Result<Table> {
    if rows.is_empty() {
        return Ok(Table::default());
    }
    list(rows, None)
}

/// `DataFrame(dict)` of scalars and lists, on a new index.
///
/// # Errors
/// [`ConstructError`] for what pandas refuses.
pub(crate) fn dictionary(dict: Dict, columns: Option<Vec<Label>>, index: Option<usize>) -> Result<Table> {
    let mut rows = index;
    let mut own_index = None;
    let mut lists = Vec::with_capacity(dict.len());
    for (name, value) in dict.into_entries() {
        let values = match value {
            value @ (Value::List(_) | Value::Dict(_)) => {
                let mut values = listed(value, &mut own_index)?;
                // A single value is repeated over an index that is given.
                if let (Some(rows), [value]) = (index, values.as_slice()) {
                    values = vec![value.clone(); rows];
                }
                match rows {
                    Some(rows) if rows != values.len() && index.is_some() => {
                        return Err(ConstructError::new(format!(
                            "Length of values ({}) does not match length of index ({rows})",
                            values.len()
                        )));
                    }
                    Some(rows) if rows != values.len() => {
                        return Err(ConstructError::new("All arrays must be of the same length"));
                    }
                    _ => rows = Some(values.len()),
                }
                Some(values)
            }
            scalar => {
                lists.push((name, None, Some(scalar)));
                continue;
            }
        };
        lists.push((name, values, None));
    }
    let Some(rows) = rows else {
        if lists.is_empty() {
            return Ok(missing(columns.unwrap_or_default(), 0));
        }
        return Err(ConstructError::new("If using all scalar values, you must pass an index"));
    };
    let mut made = Vec::with_capacity(lists.len());
    for (name, values, scalar) in lists {
        let values = values.unwrap_or_else(|| vec![scalar.unwrap_or(Value::Null); rows]);
        made.push(Column { label: Label::Text(name), data: request_column(values)? });
    }
    let Some(columns) = columns else { return Ok(Table::new(made, rows)) };
    let pick = |label: Label| {
        let found = made.iter().find(|column| column.label == label);
        let data = found.map_or_else(|| absent(rows), |column| column.data.clone());
        Column { label, data }
    };
    Ok(Table::new(columns.into_iter().map(pick).collect(), rows))
}

/// The values of a column; those of an object have an index of their own, which must be that of the other columns.
fn listed(value: Value, own_index: &mut Option<Vec<Box<str>>>) -> Result<Vec<Value>> {
    match value {
        Value::List(values) => Ok(values),
        Value::Dict(dict) => {
            let (keys, values): (Vec<_>, Vec<_>) = dict.into_entries().into_iter().unzip();
            if *own_index.get_or_insert_with(|| keys.clone()) != keys {
                return Err(ConstructError::new("columns with indexes of their own that differ are not accepted"));
            }
            Ok(values)
        }
        scalar => Ok(vec![scalar]),
    }
}

/// One row of named scalars.
///
/// # Errors
/// [`ConstructError`] for what pandas refuses.
pub(crate) fn one_row(dict: Dict) -> Result<Table> {
    list(vec![Value::Dict(dict)], None)
}

fn absent(rows: usize) -> Data {
    Data::Object(vec![Value::Float(f64::NAN); rows])
}

fn missing(columns: Vec<Label>, rows: usize) -> Table {
    Table::new(columns.into_iter().map(|label| Column { label, data: absent(rows) }).collect(), rows)
}

fn list(rows: Vec<Value>, columns: Option<Vec<Label>>) -> Result<Table> {
    match &rows[0] {
        Value::List(_) => list_of_lists(rows, columns),
        Value::Dict(_) => list_of_dicts(rows, columns),
        _ => {
            let width = columns.as_ref().map_or(1, Vec::len);
            let count = rows.len();
            if width != 1 {
                return Err(ConstructError::new(format!(
                    "Shape of passed values is ({count}, 1), indices imply ({count}, {width})"
                )));
            }
            let label = columns.and_then(|mut labels| labels.pop()).unwrap_or(Label::Int(0));
            Ok(Table::new(vec![Column { label, data: request_column(rows)? }], count))
        }
    }
}

fn list_of_lists(rows: Vec<Value>, columns: Option<Vec<Label>>) -> Result<Table> {
    let count = rows.len();
    let rows = rows.into_iter().map(cells).collect::<Result<Vec<_>>>()?;
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let labels = match columns {
        Some(labels) if labels.len() != width => {
            return Err(ConstructError::new(format!(
                "{} columns passed, passed data had {width} columns",
                labels.len()
            )));
        }
        Some(labels) => labels,
        None => (0..width).map(|place| Label::Int(i64::try_from(place).unwrap_or(i64::MAX))).collect(),
    };
    let mut by_column: Vec<Vec<Value>> = (0..width).map(|_| Vec::with_capacity(count)).collect();
    for row in rows {
        let mut cells = row.into_iter();
        for column in &mut by_column {
            column.push(cells.next().unwrap_or(Value::Null));
        }
    }
    let made = labels.into_iter().zip(by_column);
    let made = made.map(|(label, values)| Ok(Column { label, data: request_column(values)? }));
    Ok(Table::new(made.collect::<Result<_>>()?, count))
}

/// The cells of a row: Python takes the letters of a text and the keys of a dictionary for them.
fn cells(row: Value) -> Result<Vec<Value>> {
    match row {
        Value::List(cells) => Ok(cells),
        Value::Text(text) => Ok(text.chars().map(|letter| Value::Text(letter.to_string().into())).collect()),
        Value::Dict(dict) => Ok(dict.keys().map(|key| Value::Text(key.into())).collect()),
        other => Err(ConstructError::new(format!("object of type '{}' has no len()", other.type_name()))),
    }
}

fn list_of_dicts(rows: Vec<Value>, columns: Option<Vec<Label>>) -> Result<Table> {
    let count = rows.len();
    let mut places: HashMap<Label, usize> = HashMap::new();
    let mut made: Vec<(Label, Vec<Value>)> = Vec::new();
    let fixed = columns.is_some();
    for label in columns.unwrap_or_default() {
        places.entry(label.clone()).or_insert(made.len());
        made.push((label, Vec::with_capacity(count)));
    }
    for (row, value) in rows.into_iter().enumerate() {
        for (key, cell) in entries(value)? {
            let place = match places.get(&key) {
                Some(&place) => place,
                None if fixed => continue,
                None => {
                    places.insert(key.clone(), made.len());
                    made.push((key, Vec::with_capacity(count)));
                    made.len() - 1
                }
            };
            let column = &mut made[place].1;
            column.resize(row, Value::Float(f64::NAN));
            column.push(cell);
        }
    }
    let made = made.into_iter().map(|(label, mut values)| {
        // Inference sees NaN where a row has no such key.
        values.resize(count, Value::Float(f64::NAN));
        Ok(Column { label, data: request_column(values)? })
    });
    Ok(Table::new(made.collect::<Result<_>>()?, count))
}

/// `dict(row)`: of an object, or of pairs.
fn entries(row: Value) -> Result<Vec<(Label, Value)>> {
    match row {
        Value::Dict(dict) => {
            Ok(dict.into_entries().into_iter().map(|(key, value)| (Label::Text(key), value)).collect())
        }
        Value::List(items) => {
            let pairs = items.into_iter().enumerate().map(|(place, item)| pair(place, item));
            // The last of equal keys counts.
            let mut entries: Vec<(Label, Value)> = Vec::new();
            for (key, value) in pairs.collect::<Result<Vec<_>>>()? {
                match entries.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, known)) => *known = value,
                    None => entries.push((key, value)),
                }
            }
            Ok(entries)
        }
        Value::Text(text) if text.is_empty() => Ok(Vec::new()),
        Value::Text(_) | Value::Surrogates => {
            Err(ConstructError::new("dictionary update sequence element #0 has length 1; 2 is required"))
        }
        other => Err(ConstructError::new(format!("'{}' object is not iterable", other.type_name()))),
    }
}

/// A key and its value out of anything that has two items.
fn pair(place: usize, item: Value) -> Result<(Label, Value)> {
    let what = item.type_name();
    let items = cells(item).map_err(|_| {
        ConstructError::new(format!("cannot convert dictionary update sequence element #{place} to a sequence"))
    })?;
    let length = items.len();
    let Ok([key, value]) = <[Value; 2]>::try_from(items) else {
        return Err(ConstructError::new(format!(
            "dictionary update sequence element #{place} has length {length}; 2 is required"
        )));
    };
    match key {
        Value::List(_) | Value::Dict(_) => Err(ConstructError::new(format!("unhashable type: '{what}'"))),
        key => Ok((label(&key), value)),
    }
}

fn label(value: &Value) -> Label {
    match value {
        Value::Text(text) => Label::Text(text.clone()),
        Value::Int(number) => Label::Int(*number),
        _ => Label::Other,
    }
}

fn labels(columns: Value) -> Result<Option<Vec<Label>>> {
    match columns {
        Value::Null => Ok(None),
        Value::List(items) => match levels(&items)? {
            // Labels of several levels are tuples.
            Some(len) => Ok(Some(vec![Label::Other; len])),
            None => Ok(Some(items.iter().map(label).collect())),
        },
        Value::Dict(dict) => Ok(Some(dict.keys().map(|key| Label::Text(key.into())).collect())),
        _ => Err(ConstructError::new("Index(...) must be called with a collection of some kind")),
    }
}

fn index_len(index: Value) -> Result<Option<usize>> {
    match index {
        Value::Null => Ok(None),
        Value::List(items) => Ok(Some(levels(&items)?.unwrap_or(items.len()))),
        Value::Dict(dict) => Ok(Some(dict.len())),
        _ => Err(ConstructError::new("Index(...) must be called with a collection of some kind")),
    }
}

/// The length of an index of several levels, which a list of nothing but lists is: each of them is one level.
fn levels(items: &[Value]) -> Result<Option<usize>> {
    let lengths = items.iter().map(|item| if let Value::List(level) = item { Some(level.len()) } else { None });
    let Some(lengths) = lengths.collect::<Option<Vec<usize>>>().filter(|lengths| !lengths.is_empty()) else {
        return Ok(None);
    };
    if lengths.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(ConstructError::new("all arrays must be same length"));
    }
    Ok(lengths.first().copied())
}

fn over_index(mut table: Table, index: Option<usize>) -> Result<Table> {
    let Some(index) = index else { return Ok(table) };
    if index == table.rows {
        return Ok(table);
    }
    if table.rows == 1 {
        for column in &mut table.columns {
            column.data = column.data.stretched(index);
        }
        table.rows = index;
        return Ok(table);
    }
    let rows = table.rows;
    Err(ConstructError::new(format!("Length of values ({rows}) does not match length of index ({index})")))
}
