//! The cast of a column to its signature type, as MLflow does it for `dataframe_split` and `dataframe_records`.
//!
//! pandas' `astype`, with its silent truncation and wrap-around.

use yummy_models::signature::DataType;

use super::{Clock, Data, Value, time};
use crate::decode::python::{
    base64,
    date::NAT,
    number::{NotNumber, float_of_text, to_float, to_int},
};

type Result<T> = std::result::Result<T, NotNumber>;

/// `column.astype(kind)`.
///
/// # Errors
/// Python's exception, without the value.
pub(crate) fn cast(data: Data, kind: &DataType) -> Result<Data> {
    match kind {
        DataType::Double => to_doubles(&data).map(Data::Float),
        DataType::Float => to_singles(&data).map(Data::Single),
        DataType::Long => to_longs(&data).map(Data::Int),
        DataType::Integer => to_ints(&data).map(Data::Int32),
        DataType::Boolean => Ok(Data::Bool(to_bools(&data))),
        DataType::String => Ok(if matches!(data, Data::Text(_)) { data } else { Data::Object(data.into_values()) }),
        DataType::Any => Ok(data),
        // Nothing is mapped, and the dtype stays.
        DataType::Binary if data.len() == 0 => Ok(data),
        DataType::Binary => data.into_values().iter().map(of_base64).collect::<Result<_>>().map(Data::Object),
        DataType::Datetime => time::to_datetime(data),
        // Of composed types it matters whether they are required, see `compose`.
        DataType::Array(_) | DataType::Object(_) | DataType::Map(_) => Ok(data),
    }
}

fn of_base64(value: &Value) -> Result<Value> {
    match value {
        Value::Text(text) => base64::decode(text).map(Value::Bytes),
        _ => Err(NotNumber("TypeError('encoding without a string argument')".into())),
    }
}

/// pandas' name of the dtype that a signature type is cast to.
pub(crate) fn dtype(kind: &DataType) -> String {
    match kind {
        DataType::Double => "float64".into(),
        DataType::Float => "float32".into(),
        DataType::Long => "int64".into(),
        DataType::Integer => "int32".into(),
        DataType::Boolean => "bool".into(),
        DataType::String | DataType::Binary | DataType::Any => "<class 'object'>".into(),
        DataType::Datetime => "datetime64[ns]".into(),
        DataType::Array(_) | DataType::Object(_) | DataType::Map(_) => kind.name(),
    }
}

/// As `float64`.
///
/// # Errors
/// Python's exception for a value that is no number.
pub(crate) fn to_doubles(data: &Data) -> Result<Vec<f64>> {
    match data {
        Data::Bool(values) => Ok(values.iter().map(|&value| f64::from(value)).collect()),
        Data::Int(values) => Ok(values.iter().map(|&value| value as f64).collect()),
        Data::Uint(values) => Ok(values.iter().map(|&value| value as f64).collect()),
        Data::Int32(values) => Ok(values.iter().map(|&value| f64::from(value)).collect()),
        Data::Float(values) => Ok(values.clone()),
        Data::Single(values) => Ok(values.iter().map(|&value| f64::from(value)).collect()),
        Data::Text(values) => values.iter().map(|text| text_to_float(text.as_deref())).collect(),
        Data::Object(values) | Data::Other(_, values) => values.iter().map(to_float).collect(),
        // CatBoost reads the nanoseconds, unless one is missing.
        Data::Time(values, Clock::Nanoseconds) if !values.contains(&NAT) => {
            Ok(values.iter().map(|&value| value as f64).collect())
        }
        Data::Time(..) | Data::Opaque(..) => Err(not_castable(data)),
    }
}

fn to_singles(data: &Data) -> Result<Vec<f32>> {
    match data {
        // Integers are rounded once, not through f64.
        Data::Int(values) => Ok(values.iter().map(|&value| value as f32).collect()),
        Data::Uint(values) => Ok(values.iter().map(|&value| value as f32).collect()),
        other => Ok(to_doubles(other)?.into_iter().map(|value| value as f32).collect()),
    }
}

fn to_longs(data: &Data) -> Result<Vec<i64>> {
    match data {
        Data::Bool(values) => Ok(values.iter().map(|&value| i64::from(value)).collect()),
        Data::Int(values) => Ok(values.clone()),
        Data::Uint(values) => Ok(values.iter().map(|&value| value as i64).collect()),
        Data::Int32(values) => Ok(values.iter().map(|&value| i64::from(value)).collect()),
        Data::Float(values) => {
            all_finite(values)?;
            // What does not fit becomes the smallest number, as on x86.
            let fits = -9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0;
            Ok(values.iter().map(|value| if fits.contains(value) { *value as i64 } else { i64::MIN }).collect())
        }
        Data::Single(_) => to_longs(&Data::Float(to_doubles(data)?)),
        Data::Text(values) => values.iter().map(|text| text_to_int(text.as_deref(), 64)).collect(),
        Data::Object(values) | Data::Other(_, values) => values.iter().map(|value| to_int(value, 64)).collect(),
        Data::Time(..) | Data::Opaque(..) => Err(not_castable(data)),
    }
}

fn to_ints(data: &Data) -> Result<Vec<i32>> {
    match data {
        Data::Float(values) => {
            all_finite(values)?;
            let fits = |value: f64| (-2_147_483_648.0..2_147_483_648.0).contains(&value.trunc());
            Ok(values.iter().map(|&value| if fits(value) { value as i32 } else { i32::MIN }).collect())
        }
        Data::Single(_) => to_ints(&Data::Float(to_doubles(data)?)),
        Data::Text(values) => values.iter().map(|text| Ok(text_to_int(text.as_deref(), 32)? as i32)).collect(),
        Data::Object(values) => values.iter().map(|value| Ok(to_int(value, 32)? as i32)).collect(),
        // 64-bit integers wrap around.
        other => Ok(to_longs(other)?.into_iter().map(|value| value as i32).collect()),
    }
}

fn to_bools(data: &Data) -> Vec<bool> {
    match data {
        Data::Bool(values) => values.clone(),
        Data::Int(values) => values.iter().map(|&value| value != 0).collect(),
        Data::Uint(values) => values.iter().map(|&value| value != 0).collect(),
        Data::Int32(values) => values.iter().map(|&value| value != 0).collect(),
        Data::Float(values) => values.iter().map(|&value| value != 0.0).collect(),
        Data::Single(values) => values.iter().map(|&value| value != 0.0).collect(),
        Data::Text(values) => values.iter().map(|text| text.as_deref() != Some("")).collect(),
        Data::Object(values) | Data::Other(_, values) => values.iter().map(Value::truth).collect(),
        Data::Time(..) | Data::Opaque(..) => vec![true; data.len()],
    }
}

fn all_finite(values: &[f64]) -> Result<()> {
    if values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(NotNumber(
        "IntCastingNaNError(\"Cannot convert non-finite values (NA or inf) to integer. Replace or remove non-finite values \
         or cast to an integer type that supports these values (e.g. 'Int64')\")"
            .into(),
    ))
}

fn text_to_float(text: Option<&str>) -> Result<f64> {
    let Some(text) = text else { return Ok(f64::NAN) };
    float_of_text(text).ok_or_else(|| NotNumber("ValueError(\"could not convert string to float\")".into()))
}

fn text_to_int(text: Option<&str>, bits: u32) -> Result<i64> {
    to_int(&text.map_or(Value::Float(f64::NAN), |text| Value::Text(text.into())), bits)
}

fn not_castable(data: &Data) -> NotNumber {
    NotNumber(format!("TypeError('a column of {} is not numeric')", data.dtype()))
}
