//! The `DataFrame` that MLflow makes of `inputs` and `instances` before it enforces a signature of columns.

use std::collections::HashMap;

use yummy_models::signature::{ColumnSpec, DataType};

use super::{
    array::{Array, Nature, stack},
    inputs::Input,
    python::{Value, value::Dict},
    table::{Column, Data, Label, Table, build, infer},
};

pub(crate) fn no_frame(reason: &str) -> String {
    format!(
        "This model contains a column-based signature, which suggests a DataFrame input. There was an error casting the \
         input data to a DataFrame: {reason}"
    )
}

/// The table of an input.
///
/// # Errors
/// What pandas says, in the words of MLflow.
pub(crate) fn into_table(input: Input, specs: &[ColumnSpec]) -> Result<Table, String> {
    match input {
        Input::Table(table) => Ok(table),
        Input::Array(array) => array.into_table(),
        Input::Columns(columns) => columns_table(columns, specs),
        Input::Records(rows) => Ok(records_table(rows)),
    }
}

/// `DataFrame(dict of arrays)`.
fn columns_table(columns: Vec<(Box<str>, Array)>, specs: &[ColumnSpec]) -> Result<Table, String> {
    let texts = |value: &Value| {
        value.is_scalar() || *value == Value::Null || matches!(value, Value::List(items) if items.iter().all(is_text))
    };
    let plain =
        |array: &Array| array.nature == Nature::Python && array.data.value(0).is_some_and(|value| texts(&value));
    let wide = specs.iter().any(|spec| matches!(spec.kind, DataType::Array(_) | DataType::Object(_)));
    let python = columns.iter().any(|(_, array)| array.nature == Nature::Python);
    if wide || (python && columns.iter().all(|(_, array)| array.is_scalar() || plain(array))) {
        // One row, whose cells are whatever the request has for a name.
        let cell = |array: Array| match array.nature {
            Nature::Scalar => array.data,
            _ => infer::column(vec![array.to_value()]),
        };
        let made = columns.into_iter().map(|(name, array)| Column { label: Label::Text(name), data: cell(array) });
        return Ok(Table::new(made.collect(), 1));
    }
    if python {
        return mixed_table(columns);
    }
    if columns.iter().all(|(_, array)| array.is_scalar()) {
        let made = columns.into_iter().map(|(name, array)| Column { label: Label::Text(name), data: array.data });
        return Ok(Table::new(made.collect(), 1));
    }
    if columns.iter().all(|(_, array)| array.shape.is_empty()) {
        return Err(no_frame("If using all scalar values, you must pass an index"));
    }
    let mut rows = None;
    // An array of no dimensions is repeated like a single value.
    for &len in columns.iter().filter_map(|(_, array)| array.shape.first()) {
        if *rows.get_or_insert(len) != len {
            return Err(no_frame("All arrays must be of the same length"));
        }
    }
    let rows = rows.unwrap_or(0);
    let made = columns.into_iter().map(|(name, array)| {
        let data = match array.shape.len() {
            0 => array.data.stretched_as_is(rows),
            1 => array.data,
            // The cells of such a column are lists, of which only matters whether they are empty.
            _ => Data::Object(vec![list_of(array.shape[1]); rows]),
        };
        Column { label: Label::Text(name), data }
    });
    Ok(Table::new(made.collect(), rows))
}

/// `DataFrame(dict of arrays and Python's own values)`.
fn mixed_table(columns: Vec<(Box<str>, Array)>) -> Result<Table, String> {
    let values = columns.into_iter().map(|(name, array)| match (array.nature, &array.shape[..]) {
        (Nature::Array, [_]) => (name, Ok(array.data)),
        _ => (name, Err(array.to_value())),
    });
    let values: Vec<(Box<str>, Result<Data, Value>)> = values.collect();
    let dicts = values.iter().filter(|(_, value)| matches!(value, Err(Value::Dict(_)))).count();
    let sized = |value: &Result<Data, Value>| matches!(value, Ok(_) | Err(Value::List(_)));
    if dicts > 0 && !values.iter().any(|(_, value)| sized(value)) {
        let pairs = values.into_iter().map(|(name, value)| (name, value.err().unwrap_or(Value::Null)));
        return build::dictionary(Dict::from_pairs(pairs.collect()), None, None).map_err(|error| no_frame(&error.0));
    }
    let mut rows = None;
    for (_, value) in &values {
        let len = match value {
            Ok(data) => data.len(),
            Err(Value::List(items)) => items.len(),
            Err(Value::Dict(_)) => {
                return Err(no_frame("Mixing dicts with non-Series may lead to ambiguous ordering."));
            }
            Err(_) => continue,
        };
        if *rows.get_or_insert(len) != len {
            return Err(no_frame("All arrays must be of the same length"));
        }
    }
    let rows = rows.ok_or_else(|| no_frame("If using all scalar values, you must pass an index"))?;
    let made = values.into_iter().map(|(name, value)| {
        let data = match value {
            Ok(data) => data,
            Err(Value::List(items)) => infer::column(items),
            Err(scalar) => infer::column(vec![scalar; rows]),
        };
        Column { label: Label::Text(name), data }
    });
    Ok(Table::new(made.collect(), rows))
}

fn is_text(value: &Value) -> bool {
    matches!(value, Value::Text(_) | Value::Surrogates)
}

fn list_of(len: usize) -> Value {
    Value::List(vec![Value::Null; len.min(1)])
}

/// `DataFrame(list of dicts of numpy scalars)`.
fn records_table(rows: Vec<Vec<(Box<str>, Array)>>) -> Table {
    let count = rows.len();
    let mut places = HashMap::new();
    let mut columns: Vec<(Label, Vec<Option<Array>>)> = Vec::new();
    for (row, cells) in rows.into_iter().enumerate() {
        for (name, array) in cells {
            let place = *places.entry(name.clone()).or_insert_with(|| {
                columns.push((Label::Text(name), Vec::new()));
                columns.len() - 1
            });
            let column = &mut columns[place].1;
            column.resize(row, None);
            column.push(Some(array));
        }
    }
    let column = |(label, mut cells): (Label, Vec<Option<Array>>)| {
        cells.resize(count, None);
        Column { label, data: scalars_column(cells) }
    };
    Table::new(columns.into_iter().map(column).collect(), count)
}

/// Scalars of one dtype keep it; a missing one, or a list among them, makes pandas look at the values.
fn scalars_column(cells: Vec<Option<Array>>) -> Data {
    let single = |array: &Array| array.shape.is_empty() && array.nature != Nature::Python;
    let whole = cells.iter().all(|cell| cell.as_ref().is_some_and(single));
    if whole && let Some(Ok(array)) = cells.iter().cloned().collect::<Option<Vec<_>>>().map(stack) {
        return array.data;
    }
    let value = |cell: Option<Array>| match cell {
        None => Value::Float(f64::NAN),
        Some(array) => array.to_value(),
    };
    infer::column(cells.into_iter().map(value).collect())
}

impl Data {
    /// A scalar of a typed column repeated: the dtype stays.
    pub(crate) fn stretched_as_is(self, rows: usize) -> Self {
        fn repeated<T: Clone>(values: &[T], rows: usize) -> Vec<T> {
            values.iter().take(1).cycle().take(rows).cloned().collect()
        }
        match self {
            Self::Bool(values) => Self::Bool(repeated(&values, rows)),
            Self::Int(values) => Self::Int(repeated(&values, rows)),
            Self::Int32(values) => Self::Int32(repeated(&values, rows)),
            Self::Float(values) => Self::Float(repeated(&values, rows)),
            Self::Single(values) => Self::Single(repeated(&values, rows)),
            Self::Text(values) => Self::Text(repeated(&values, rows)),
            Self::Uint(values) => Self::Uint(repeated(&values, rows)),
            Self::Object(_) if rows == 0 => Self::Object(Vec::new()),
            Self::Other(dtype, _) if rows == 0 => Self::Other(dtype, Vec::new()),
            other => other.stretched(rows),
        }
    }
}
