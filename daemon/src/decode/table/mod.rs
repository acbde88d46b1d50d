//! A pandas `DataFrame`, as far as MLflow's requests make one: labelled columns, each with a dtype.
//!
//! Only on the slow path; see [`super::fast`].

pub(crate) mod build;
pub(crate) mod cast;
pub(crate) mod dtype;
pub(crate) mod infer;
pub(crate) mod time;

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
    /// A dtype that only a Parquet file can bring, and its values; [`Value::Null`] is `pandas.NA`.
    Other(Dtype, Vec<Value>),
    /// `datetime64`, in nanoseconds since 1970; [`NAT`](crate::decode::python::date::NAT) is missing.
    Time(Vec<i64>, Clock),
    /// A dtype that no model served here takes (durations, nested columns of a Parquet file), and its length.
    Opaque(&'static str, usize),
}

/// What kind of `datetime64` a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// Nanoseconds, which CatBoost takes for numbers.
    Nanoseconds,
    /// A coarser unit, of which CatBoost makes nothing.
    Coarse,
    /// With a time zone.
    Zoned,
}

/// A dtype as MLflow looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dtype {
    /// pandas' name.
    pub(crate) name: &'static str,
    /// numpy's letter: `b`, `i`, `u`, `f`, `M` for times, or `O` for what is no number.
    pub(crate) kind: char,
    /// Bytes of a value.
    pub(crate) size: usize,
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
            Self::Object(values) | Self::Other(_, values) => values.len(),
            Self::Time(values, _) => values.len(),
            Self::Opaque(_, len) => *len,
        }
    }

    /// pandas' name of the dtype.
    pub(crate) fn dtype(&self) -> &'static str {
        self.described().name
    }

    /// The dtype as MLflow looks at it.
    pub(crate) fn described(&self) -> Dtype {
        let (name, kind, size) = match self {
            Self::Bool(_) => ("bool", 'b', 1),
            Self::Int(_) => ("int64", 'i', 8),
            Self::Uint(_) => ("uint64", 'u', 8),
            Self::Int32(_) => ("int32", 'i', 4),
            Self::Float(_) => ("float64", 'f', 8),
            Self::Single(_) => ("float32", 'f', 4),
            Self::Text(_) => ("str", 'O', 8),
            Self::Object(_) => ("object", 'O', 8),
            Self::Other(dtype, _) => return *dtype,
            Self::Time(_, Clock::Nanoseconds) => ("datetime64[ns]", 'M', 8),
            Self::Time(_, Clock::Coarse) => ("datetime64[us]", 'M', 8),
            Self::Time(_, Clock::Zoned) => ("datetime64[ns, UTC]", 'M', 8),
            Self::Opaque(name, _) => (*name, 'O', 8),
        };
        Dtype { name, kind, size }
    }

    /// Whether pandas has a number for each value.
    pub(crate) fn is_numeric(&self) -> bool {
        !matches!(self.described().kind, 'O' | 'M')
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
            Self::Object(values) | Self::Other(_, values) => values.get(row)?.clone(),
            Self::Time(..) | Self::Opaque(..) => return None,
        })
    }

    /// Whether a value is `pandas.NA`.
    pub(crate) fn has_na(&self) -> bool {
        matches!(self, Self::Other(_, values) if values.contains(&Value::Null))
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
            Self::Time(values, clock) => {
                Self::Time(values.iter().take(1).cycle().take(rows).copied().collect(), *clock)
            }
            other if rows == 0 => other.clone().stretched_as_is(0),
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
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    /// The columns, each of `rows` values.
    pub(crate) columns: Vec<Column>,
    /// Number of rows, which a table without columns has too.
    pub(crate) rows: usize,
    /// Whether a row is labelled 0, which MLflow asks of a `DataFrame` for a tensor of one column.
    pub(crate) zero_is_a_label: bool,
}

impl Default for Table {
    fn default() -> Self {
        Self::new(Vec::new(), 0)
    }
}

impl Table {
    /// A table on a new index.
    pub(crate) fn new(columns: Vec<Column>, rows: usize) -> Self {
        Self { columns, rows, zero_is_a_label: true }
    }

    /// Places of the columns of that name: several when a request repeats it.
    pub(crate) fn places(&self, name: &str) -> impl Iterator<Item = usize> {
        self.columns.iter().enumerate().filter(move |(_, column)| column.label.is(name)).map(|(place, _)| place)
    }
}
