//! A numpy array, as MLflow makes one of `inputs` and `instances`.

use yummy_models::signature::DataType;

use super::{
    compose, narrow,
    python::{
        Value,
        number::{NotNumber, to_float, to_int},
    },
    table::{Column, Data, Label, Table, build},
};

/// Values in row-major order with their shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    /// Sizes; none for a single value.
    pub(crate) shape: Vec<usize>,
    /// The values.
    pub(crate) data: Data,
    /// What it is when it has no dimensions.
    pub(crate) nature: Nature,
}

/// What a value without dimensions is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// An array.
    Array,
    /// A numpy scalar.
    Scalar,
    /// Whatever JSON has, which MLflow leaves as it is for some types.
    Python,
}

/// What a value should become.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spec<'a> {
    /// Whatever numpy finds.
    Unknown,
    /// The type of a column.
    Column(&'a DataType),
    /// A composed type of a column, and whether the column is required.
    Composed(&'a DataType, bool),
    /// The dtype of a tensor.
    Tensor(&'a str),
}

/// `np.array(value, dtype)`.
///
/// # Errors
/// numpy's exception, without the value.
pub(crate) fn convert(value: Value, spec: Spec<'_>) -> Result<Array, NotNumber> {
    let nature = if !value.is_list() && matches!(spec, Spec::Column(_)) { Nature::Scalar } else { Nature::Array };
    let (value, spec) = match spec {
        Spec::Composed(kind, required) => (compose::enforce(value, kind, required).map_err(NotNumber)?, spec),
        spec => (value, spec),
    };
    if let Spec::Composed(DataType::Any | DataType::Object(_) | DataType::Map(_), _) = spec {
        return Ok(Array { shape: Vec::new(), data: Data::Object(vec![value]), nature: Nature::Python });
    }
    // Of objects, those are lists where the shape ends.
    let (shape, leaves) = flatten(value, matches!(spec, Spec::Tensor("object")))?;
    let data = match spec {
        Spec::Unknown | Spec::Composed(..) => infer(leaves),
        Spec::Column(DataType::Double) | Spec::Tensor("float64") => {
            Data::Float(leaves.iter().map(to_float).collect::<Result<_, _>>()?)
        }
        Spec::Column(DataType::Float) | Spec::Tensor("float32") => {
            Data::Single(leaves.iter().map(|leaf| Ok(to_float(leaf)? as f32)).collect::<Result<_, NotNumber>>()?)
        }
        Spec::Column(DataType::Long) | Spec::Tensor("int64") => {
            Data::Int(leaves.iter().map(|leaf| to_int(leaf, 64)).collect::<Result<_, _>>()?)
        }
        Spec::Column(DataType::Integer) | Spec::Tensor("int32") => {
            Data::Int32(leaves.iter().map(|leaf| Ok(to_int(leaf, 32)? as i32)).collect::<Result<_, NotNumber>>()?)
        }
        Spec::Column(DataType::Boolean) | Spec::Tensor("bool") => Data::Bool(leaves.iter().map(Value::truth).collect()),
        Spec::Column(DataType::String) | Spec::Tensor("str") => texts(&leaves),
        Spec::Tensor("object") => Data::Object(leaves),
        Spec::Column(DataType::Binary) => {
            Data::Object(leaves.iter().map(compose::bytes).collect::<Result<_, _>>().map_err(NotNumber)?)
        }
        Spec::Column(DataType::Datetime) => narrow::times(&leaves)?,
        Spec::Column(_) => Data::Opaque("object", leaves.len()),
        Spec::Tensor(dtype) => match narrow::array(&leaves, dtype) {
            Some(data) => data?,
            None => Data::Opaque("object", leaves.len()),
        },
    };
    Ok(Array { shape, data, nature })
}

/// The shape of nested lists and what is in the innermost of them.
fn flatten(value: Value, ragged: bool) -> Result<(Vec<usize>, Vec<Value>), NotNumber> {
    let Value::List(mut level) = value else { return Ok((Vec::new(), vec![value])) };
    let mut shape = vec![level.len()];
    loop {
        let lists = level.iter().filter(|item| item.is_list()).count();
        if lists == 0 {
            return Ok((shape, level));
        }
        let len = |item: &Value| if let Value::List(items) = item { Some(items.len()) } else { None };
        let width = level.first().and_then(len);
        let uneven = level.iter().any(|item| len(item) != width);
        if uneven && ragged {
            return Ok((shape, level));
        }
        if uneven {
            return Err(NotNumber(format!(
                "setting an array element with a sequence. The requested array has an inhomogeneous shape after {} \
                 dimensions. The detected shape was {} + inhomogeneous part.",
                shape.len(),
                tuple(&shape)
            )));
        }
        shape.push(width.unwrap_or(0));
        let inner = level.into_iter().flat_map(|item| if let Value::List(items) = item { items } else { Vec::new() });
        level = inner.collect();
    }
}

/// The dtype that numpy finds for values without one.
fn infer(values: Vec<Value>) -> Data {
    let any = |found: fn(&Value) -> bool| values.iter().any(found);
    let beyond = |value: &Value| matches!(value, Value::BigInt(digits) if digits.parse::<u64>().is_err());
    if any(|value| matches!(value, Value::Null | Value::Dict(_))) {
        return Data::Object(values);
    }
    if any(|value| matches!(value, Value::Text(_) | Value::Surrogates)) {
        return texts(&values);
    }
    if values.iter().any(beyond) {
        return Data::Object(values);
    }
    let number = |value: &Value| match value {
        Value::BigInt(digits) => digits.parse::<u64>().map_or(f64::NAN, |value| value as f64),
        other => to_float(other).unwrap_or(f64::NAN),
    };
    let bools = values.iter().filter(|value| matches!(value, Value::Bool(_))).count();
    let unsigned = values.iter().filter(|value| matches!(value, Value::BigInt(_))).count();
    if values.is_empty() || any(|value| matches!(value, Value::Float(_))) {
        Data::Float(values.iter().map(number).collect())
    } else if bools == values.len() {
        Data::Bool(values.iter().map(Value::truth).collect())
    } else if unsigned == values.len() {
        Data::Uint(values.iter().map(|value| value.to_text().parse().unwrap_or(0)).collect())
    } else if unsigned > 0 {
        Data::Float(values.iter().map(number).collect())
    } else {
        Data::Int(values.iter().map(|value| to_int(value, 64).unwrap_or(0)).collect())
    }
}

fn texts(values: &[Value]) -> Data {
    Data::Text(values.iter().map(|value| Some(value.to_text().into())).collect())
}

/// A shape as Python prints a tuple.
pub(crate) fn tuple<T: std::fmt::Display>(sizes: &[T]) -> String {
    match sizes {
        [one] => format!("({one},)"),
        many => format!("({})", many.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// Stacks the values that the rows of `instances` have for one name: `np.array(list of scalars and arrays)`.
///
/// # Errors
/// numpy's exception when they are not of one shape.
pub(crate) fn stack(rows: Vec<Array>) -> Result<Array, NotNumber> {
    let count = rows.len();
    let Some(first) = rows.first() else {
        return Ok(Array { shape: vec![0], data: Data::Float(Vec::new()), nature: Nature::Array });
    };
    if first.nature == Nature::Python {
        let values = rows.into_iter().flat_map(|row| row.data.into_values()).collect();
        return convert(Value::List(values), Spec::Unknown);
    }
    if rows.iter().any(|row| row.shape != first.shape) {
        return Err(NotNumber(format!(
            "setting an array element with a sequence. The requested array has an inhomogeneous shape after 1 \
             dimensions. The detected shape was {} + inhomogeneous part.",
            tuple(&[count])
        )));
    }
    let shape: Vec<usize> = std::iter::once(count).chain(first.shape.iter().copied()).collect();
    // Arrays of no dimensions that hold an object stay arrays, and single values beside them become such.
    let boxed =
        |row: &Array| row.nature == Nature::Array && row.shape.is_empty() && matches!(row.data, Data::Object(_));
    if rows.iter().any(boxed) {
        let values = rows.into_iter().flat_map(|row| row.data.into_values());
        let data = Data::Object(values.map(|value| Value::List(vec![value])).collect());
        return Ok(Array { shape, data, nature: Nature::Array });
    }
    let same = rows.iter().all(|row| std::mem::discriminant(&row.data) == std::mem::discriminant(&first.data));
    let mut rows = rows.into_iter().map(|row| row.data);
    let data = if same {
        let first = rows.next().unwrap_or(Data::Float(Vec::new()));
        rows.fold(first, joined)
    } else {
        infer(rows.flat_map(Data::into_values).collect())
    };
    Ok(Array { shape, data, nature: Nature::Array })
}

/// Two columns of one dtype as one.
fn joined(mut first: Data, second: Data) -> Data {
    match (&mut first, second) {
        (Data::Bool(values), Data::Bool(more)) => values.extend(more),
        (Data::Int(values), Data::Int(more)) => values.extend(more),
        (Data::Uint(values), Data::Uint(more)) => values.extend(more),
        (Data::Int32(values), Data::Int32(more)) => values.extend(more),
        (Data::Float(values), Data::Float(more)) => values.extend(more),
        (Data::Single(values), Data::Single(more)) => values.extend(more),
        (Data::Text(values), Data::Text(more)) => values.extend(more),
        (Data::Object(values), Data::Object(more)) => values.extend(more),
        (Data::Time(values, _), Data::Time(more, _)) => values.extend(more),
        (Data::Opaque(_, len), Data::Opaque(_, more)) => *len += more,
        // Callers have looked that both are of one dtype.
        _ => {}
    }
    first
}

impl Array {
    /// Whether it is a numpy scalar.
    pub(crate) fn is_scalar(&self) -> bool {
        self.nature == Nature::Scalar
    }

    /// The value as Python sees it, with lists for arrays.
    pub(crate) fn to_value(&self) -> Value {
        let mut values = self.data.clone().into_values();
        for &width in self.shape.iter().skip(1).rev() {
            let mut cells = values.into_iter();
            let count = cells.len().checked_div(width).unwrap_or(0);
            values = (0..count).map(|_| Value::List(cells.by_ref().take(width).collect())).collect();
        }
        match self.shape.first() {
            // Rows without a value have left nothing to count them by.
            Some(&rows) if self.shape.contains(&0) => Value::List(vec![Value::List(Vec::new()); rows]),
            Some(_) => Value::List(values),
            None => values.into_iter().next().unwrap_or(Value::Null),
        }
    }

    /// `DataFrame(array)`: columns 0, 1, …
    ///
    /// # Errors
    /// pandas' exception for more than two dimensions.
    pub(crate) fn into_table(self) -> Result<Table, String> {
        if self.nature == Nature::Python {
            return match self.to_value() {
                Value::List(rows) => build::records(rows).map_err(|error| error.0),
                scalar => build::records(vec![scalar]).map_err(|error| error.0),
            };
        }
        let (rows, width) = match self.shape[..] {
            [] => (1, 1),
            [rows] => (rows, 1),
            [rows, width] => (rows, width),
            _ => return Err(format!("Must pass 2-d input. shape={}", tuple(&self.shape))),
        };
        let column = |place: usize| Column {
            label: Label::Int(i64::try_from(place).unwrap_or(i64::MAX)),
            data: self.data.strided(place, width),
        };
        Ok(Table::new((0..width).map(column).collect(), rows))
    }
}

impl Data {
    /// Every `step`th value from `start` on.
    fn strided(&self, start: usize, step: usize) -> Self {
        fn pick<T: Clone>(values: &[T], start: usize, step: usize) -> Vec<T> {
            values.iter().skip(start).step_by(step.max(1)).cloned().collect()
        }
        match self {
            Self::Bool(values) => Self::Bool(pick(values, start, step)),
            Self::Int(values) => Self::Int(pick(values, start, step)),
            Self::Uint(values) => Self::Uint(pick(values, start, step)),
            Self::Int32(values) => Self::Int32(pick(values, start, step)),
            Self::Float(values) => Self::Float(pick(values, start, step)),
            Self::Single(values) => Self::Single(pick(values, start, step)),
            Self::Text(values) => Self::Text(pick(values, start, step)),
            Self::Object(values) => Self::Object(pick(values, start, step)),
            Self::Other(dtype, values) => Self::Other(*dtype, pick(values, start, step)),
            Self::Time(values, clock) => Self::Time(pick(values, start, step), *clock),
            Self::Opaque(name, len) => Self::Opaque(name, len / step.max(1)),
        }
    }
}
