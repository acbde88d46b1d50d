//! A pandas `DataFrame`, as far as MLflow's requests make one: labelled columns, each with a dtype.
//!
//! Only on the slow path; see [`super::fast`].

pub(crate) mod build;
pub(crate) mod cast;
pub(crate) mod dtype;
pub(crate) mod infer;

use super::python::Value;

/// A column's label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Label {
    /// A name.
    Text(Box<str>),
    /// A number, as pandas gives to columns without names.
    Int(i64),
    /// Anything else that can label a column: equal to no name.
    Other,
}

impl Label {
    /// Whether the label is this name.
    pub(crate) fn is(&self, name: &str) -> bool {
        matches!(self, Self::Text(text) if &**text == name)
    }
}

/// A column's values by dtype.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    /// `bool`.
    Bool(Vec<bool>),
    /// `int64`.
    Int(Vec<i64>),
    /// `uint64`.
    Uint(Vec<u64>),
    /// `int32`.
    Int32(Vec<i32>),
    /// `float64`.
    Float(Vec<f64>),
    /// `float32`.
    Single(Vec<f32>),
    /// pandas' `str`; `None` is missing.
    Text(Vec<Option<Box<str>>>),
    /// `object`.
    Object(Vec<Value>),
    /// A dtype that no model served here takes (times, bytes, composed types), and its length.
    Opaque(&'static str, usize),
}

impl Data {
    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bool(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Uint(values) => values.len(),
            Self::Int32(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Single(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Object(values) => values.len(),
            Self::Opaque(_, len) => *len,
        }
    }

    /// pandas' name of the dtype.
    pub(crate) fn dtype(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::Int(_) => "int64",
            Self::Uint(_) => "uint64",
            Self::Int32(_) => "int32",
            Self::Float(_) => "float64",
            Self::Single(_) => "float32",
            Self::Text(_) => "str",
            Self::Object(_) => "object",
            Self::Opaque(name, _) => name,
        }
    }

    /// The value at `row` as Python would see it; `None` for what has no Python value here.
    pub(crate) fn value(&self, row: usize) -> Option<Value> {
        Some(match self {
            Self::Bool(values) => Value::Bool(*values.get(row)?),
            Self::Int(values) => Value::Int(*values.get(row)?),
            Self::Uint(values) => unsigned(*values.get(row)?),
            Self::Int32(values) => Value::Int(i64::from(*values.get(row)?)),
            Self::Float(values) => Value::Float(*values.get(row)?),
            Self::Single(values) => Value::Float(f64::from(*values.get(row)?)),
            Self::Text(values) => values.get(row)?.clone().map_or(Value::Float(f64::NAN), Value::Text),
            Self::Object(values) => values.get(row)?.clone(),
            Self::Opaque(..) => return None,
        })
    }

    /// All values as Python would see them.
    pub(crate) fn into_values(self) -> Vec<Value> {
        match self {
            Self::Object(values) => values,
            other => (0..other.len()).map(|row| other.value(row).unwrap_or(Value::Null)).collect(),
        }
    }

    /// Repeats a single value `rows` times, as pandas stretches it over an index.
    pub(crate) fn stretched(&self, rows: usize) -> Self {
        match self {
            Self::Opaque(name, _) => Self::Opaque(name, rows),
            other => infer::column(vec![other.value(0).unwrap_or(Value::Null); rows]),
        }
    }
}

/// The `int` that an unsigned number is.
pub(crate) fn unsigned(value: u64) -> Value {
    i64::try_from(value).map_or_else(|_| Value::BigInt(value.to_string().into()), Value::Int)
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    /// Its label.
    pub(crate) label: Label,
    /// Its values.
    pub(crate) data: Data,
}

/// A `DataFrame`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    /// The columns, each of `rows` values.
    pub(crate) columns: Vec<Column>,
    /// Number of rows, which a table without columns has too.
    pub(crate) rows: usize,
}

impl Table {
    /// Places of the columns of that name: several when a request repeats it.
    pub(crate) fn places(&self, name: &str) -> impl Iterator<Item = usize> {
        self.columns.iter().enumerate().filter(move |(_, column)| column.label.is(name)).map(|(place, _)| place)
    }
}
