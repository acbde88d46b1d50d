//! MLflow's check that a column's dtype is the one of the signature, or can become it without loss
//! (`_enforce_mlflow_datatype`).

use yummy_models::signature::DataType;

use super::{Data, Value, cast::to_doubles, infer};

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
        (DataType::String | DataType::Binary, data @ (Data::Object(_) | Data::Text(_))) => Ok(data),
        (DataType::Boolean, data @ (Data::Bool(_) | Data::Object(_))) => Ok(data),
        (DataType::Integer, data @ Data::Int32(_)) => Ok(data),
        (DataType::Long, data @ Data::Int(_)) => Ok(data),
        (DataType::Long, Data::Int32(values)) => Ok(Data::Int(values.into_iter().map(i64::from).collect())),
        (DataType::Float, data @ Data::Single(_)) => Ok(data),
        (DataType::Double, data @ Data::Float(_)) => Ok(data),
        (DataType::Double, data @ (Data::Single(_) | Data::Int32(_))) => as_double(name, &data, kind),
        (DataType::Double, data @ Data::Int(_)) if zeros_and_ones(&data) => as_double(name, &data, kind),
        (DataType::Float, Data::Int(values)) if values.iter().all(|value| matches!(value, 0 | 1)) => {
            Ok(Data::Single(values.into_iter().map(|value| value as f32).collect()))
        }
        (DataType::Any | DataType::Array(_) | DataType::Object(_) | DataType::Map(_) | DataType::Datetime, data) => {
            Ok(data)
        }
        (DataType::Binary, data @ Data::Opaque(..)) => Ok(data),
        (DataType::Double, Data::Object(values)) if values.iter().any(Value::is_list) => {
            let place = values.iter().position(Value::is_list).unwrap_or(0);
            Err(format!("Invalid object type at position {place}"))
        }
        (_, data) => Err(unsafe_conversion(name, &data, kind)),
    }
}

fn as_double(name: &str, data: &Data, kind: &DataType) -> Result<Data, String> {
    to_doubles(data).map(Data::Float).map_err(|_| unsafe_conversion(name, data, kind))
}

fn zeros_and_ones(data: &Data) -> bool {
    (0..data.len()).all(|row| matches!(data.value(row), Some(Value::Int(0 | 1))))
}

fn unsafe_conversion(name: &str, data: &Data, kind: &DataType) -> String {
    let wanted = match kind {
        DataType::String => "<U0".into(),
        other => super::cast::dtype(other),
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
