//! MLflow's check that a column's dtype is the one of the signature, or can become it without loss
//! (`_enforce_mlflow_datatype`).

use yummy_models::signature::DataType;

use super::{Clock, Data, Dtype, Value, cast, infer, time};
use crate::decode::python::number::float_of_text;

/// Gives the column in the signature's type.
///
/// # Errors
/// MLflow's message.
pub(crate) fn enforce(name: &str, data: Data, kind: &DataType) -> Result<Data, String> {
    let data = match data {
        Data::Object(values) if !matches!(kind, DataType::Binary | DataType::String) => infer::column(values),
        other => other,
    };
    match (kind, data) {
        (DataType::Any | DataType::Array(_) | DataType::Object(_) | DataType::Map(_), data) => Ok(data),
        (DataType::String | DataType::Binary, data @ (Data::Object(_) | Data::Text(_))) => Ok(data),
        (DataType::String | DataType::Binary, data @ Data::Opaque("object", _)) => Ok(data),
        (DataType::Boolean, data @ Data::Object(_)) => Ok(data),
        (DataType::Datetime, Data::Time(_, Clock::Zoned)) => {
            Err("Please ensure that the input data of datetime column \
            only contains timezone-naive datetime objects."
                .into())
        }
        (DataType::Datetime, Data::Time(values, _)) => Ok(Data::Time(values, Clock::Nanoseconds)),
        (DataType::Datetime, Data::Object(values)) => time::objects(&values)
            .map_err(|_| format!("Failed to convert column {name} from type object to DataType.datetime.")),
        (DataType::Double, Data::Object(values)) => numbers(name, values),
        (kind, data) if fits(data.described(), kind) || (is_float(kind) && zeros_and_ones(&data)) => {
            convert(data, kind)
        }
        (kind, data) => Err(unsafe_conversion(name, &data, kind)),
    }
}

/// Whether every value of the dtype is one of the type: numpy's kinds and sizes.
fn fits(dtype: Dtype, kind: &DataType) -> bool {
    let (wanted, size) = match kind {
        DataType::Boolean => ('b', 1),
        DataType::Integer => ('i', 4),
        DataType::Long => ('i', 8),
        DataType::Float => ('f', 4),
        DataType::Double => ('f', 8),
        _ => return false,
    };
    match (dtype.kind, wanted) {
        (got, wanted) if got == wanted => dtype.size <= size,
        ('u', 'i') => dtype.size < size,
        ('i' | 'u', 'f') => size == 8 && dtype.size <= 6,
        _ => false,
    }
}

/// The values in the type; only a missing one can fail.
fn convert(data: Data, kind: &DataType) -> Result<Data, String> {
    let gap = matches!(&data, Data::Other(_, values) if values.contains(&Value::Null));
    if gap && !is_float(kind) {
        return Err("cannot convert NA to integer".into());
    }
    cast::cast(data, kind).map_err(|reason| reason.0)
}

fn is_float(kind: &DataType) -> bool {
    matches!(kind, DataType::Float | DataType::Double)
}

/// Integers of which all are 0 or 1 may become floats.
fn zeros_and_ones(data: &Data) -> bool {
    matches!(data, Data::Int(values) if values.iter().all(|value| matches!(value, 0 | 1)))
}

/// `pd.to_numeric` of objects, which nothing missing or empty stops.
fn numbers(name: &str, values: Vec<Value>) -> Result<Data, String> {
    let failed = || format!("Failed to convert column {name} from type object to DataType.double.");
    let number = |(place, value): (usize, &Value)| match value {
        Value::Null => Ok(f64::NAN),
        Value::Bool(value) => Ok(f64::from(*value)),
        Value::Int(value) => Ok(*value as f64),
        Value::Float(value) => Ok(*value),
        Value::Text(text) if text.is_empty() => Ok(f64::NAN),
        Value::Text(text) if text.bytes().all(|byte| b"0123456789+-.eE \t".contains(&byte)) => {
            float_of_text(text).ok_or_else(failed)
        }
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok().and_then(float_of_text).ok_or_else(failed),
        Value::Text(_) | Value::Surrogates => Err(failed()),
        Value::List(items) if items.is_empty() => Ok(f64::NAN),
        Value::Dict(dict) if dict.is_empty() => Ok(f64::NAN),
        Value::BigInt(_) | Value::List(_) | Value::Dict(_) => Err(format!("Invalid object type at position {place}")),
    };
    if values.iter().any(|value| matches!(value, Value::BigInt(_))) {
        return Ok(Data::Object(values));
    }
    values.iter().enumerate().map(number).collect::<Result<_, _>>().map(Data::Float)
}

fn unsafe_conversion(name: &str, data: &Data, kind: &DataType) -> String {
    let wanted = match kind {
        DataType::String => "<U0".into(),
        DataType::Binary => "|S0".into(),
        other => cast::dtype(other),
    };
    let hint = if counts_with_gaps(data, kind) { HINT } else { "" };
    format!("Incompatible input types for column {name}. Can not safely convert {} to {wanted}.{hint}", data.dtype())
}

/// What MLflow says of whole numbers that became floats because one is missing.
const HINT: &str = " Hint: the type mismatch is likely caused by missing values. Integer columns in python can not \
    represent missing values and are therefore encoded as floats. The best way to avoid this problem is to infer the model \
    schema based on a realistic data sample (training dataset) that includes missing values. Alternatively, you can \
    declare integer columns as doubles (float64) whenever these columns may have missing values. See `Handling Integers \
    With Missing Values <https://www.mlflow.org/docs/latest/models.html#handling-integers-with-missing-values>`_ for more \
    details.";

fn counts_with_gaps(data: &Data, kind: &DataType) -> bool {
    let Data::Float(values) = data else { return false };
    let gap = values.iter().any(|value| value.is_nan());
    let whole = values.iter().all(|value| value.is_nan() || value.trunc() == *value);
    matches!(kind, DataType::Integer | DataType::Long) && gap && whole
}
