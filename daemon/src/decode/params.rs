//! `params` of a request: checked against the model's own schema, or the choice of what to answer.
//!
//! The packages served here ignore the values that MLflow checks, so that only the check is done.

use yummy_models::{
    Method,
    signature::{DataType, ParamSpec},
};

use super::{
    error::ProtocolError,
    plan::Plan,
    python::{Value, value::Dict},
};

/// The parameter that chooses what is answered.
pub(crate) const PREDICT_METHOD: &str = "predict_method";

/// Checks the parameters and finds the method.
///
/// # Errors
/// [`ProtocolError`] of kind params.
pub(crate) fn method(params: Option<&Value>, plan: &Plan) -> Result<Method, ProtocolError> {
    let own = plan.params.as_deref().unwrap_or_default();
    if let Some(specs) = &plan.params {
        check(params, specs)?;
    }
    match params {
        Some(Value::Dict(dict)) if !own.iter().any(|spec| spec.name == PREDICT_METHOD) => chosen(dict, plan),
        _ => Ok(Method::Predict),
    }
}

fn chosen(dict: &Dict, plan: &Plan) -> Result<Method, ProtocolError> {
    let wanted = match dict.get(PREDICT_METHOD) {
        None | Some(Value::Null) => return Ok(Method::Predict),
        Some(Value::Text(name)) => Method::from_name(name),
        Some(_) => None,
    };
    wanted.filter(|method| plan.methods.contains(method)).ok_or_else(|| {
        let names: Vec<&str> = plan.methods.iter().map(|method| method.as_str()).collect();
        ProtocolError::params(&format!("Invalid parameters found: predict_method of this model is one of {names:?}"))
    })
}

fn check(params: Option<&Value>, specs: &[ParamSpec]) -> Result<(), ProtocolError> {
    let dict = match params {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Dict(dict)) => dict,
        Some(other) => {
            let what = other.type_name();
            return Err(ProtocolError::params(&format!("Parameters must be a dictionary. Got type '{what}'.")));
        }
    };
    let mut invalid = Vec::new();
    for spec in specs {
        if let Some(Err(reason)) = dict.get(&spec.name).map(|value| check_one(value, spec)) {
            invalid.push(format!("('{}', \"{reason}\")", spec.name));
        }
    }
    if invalid.is_empty() {
        return Ok(());
    }
    Err(ProtocolError::params(&format!("Invalid parameters found: {{{}}}", invalid.join(", "))))
}

fn check_one(value: &Value, spec: &ParamSpec) -> Result<(), String> {
    let reason = match (&spec.shape, value) {
        (None, Value::List(_)) if !matches!(spec.kind, DataType::Object(_)) => {
            Err(format!("Value must be a scalar for type `DataType.{}`", spec.kind.name()))
        }
        (None, value) => check_type(value, &spec.kind),
        (Some(_), Value::Null) => Ok(()),
        (Some(shape), Value::List(items)) if !items.iter().any(Value::is_list) => {
            let fits = shape.first().is_none_or(|&len| len == -1 || i64::try_from(items.len()) == Ok(len));
            if fits {
                items.iter().try_for_each(|item| check_type(item, &spec.kind))
            } else {
                return Err(wrong_shape(value, spec));
            }
        }
        (Some(_), _) => return Err(wrong_shape(value, spec)),
    };
    let kind = spec.kind.name();
    reason.map_err(|reason| format!("Failed to validate type and shape for '{}': {kind}, error: {reason}", spec.name))
}

fn wrong_shape(value: &Value, spec: &ParamSpec) -> String {
    let nested = matches!(value, Value::List(items) if items.iter().any(Value::is_list));
    let dimensions = usize::from(value.is_list()) + usize::from(nested);
    format!(
        "Value must be a 1D array with shape (-1,) for param '{}': {}, received {} with ndim {dimensions}",
        spec.name,
        spec.kind.name(),
        value.type_name()
    )
}

/// What MLflow lets pass: the type itself, and integers where a wider number is asked for.
fn check_type(value: &Value, kind: &DataType) -> Result<(), String> {
    let integer = matches!(value, Value::Int(_) | Value::BigInt(_));
    let good = match kind {
        _ if *value == Value::Null && !matches!(kind, DataType::Object(_)) => true,
        DataType::Boolean => matches!(value, Value::Bool(_)),
        DataType::Integer | DataType::Long => integer,
        DataType::Float | DataType::Double => integer || matches!(value, Value::Float(_)),
        DataType::String => matches!(value, Value::Text(_) | Value::Surrogates),
        DataType::Datetime => match value {
            Value::Text(text) if is_datetime(text) => true,
            _ => {
                return Err(format!(
                    "Failed to convert value from type `<class '{}'>` to `DataType.datetime`",
                    value.type_name()
                ));
            }
        },
        DataType::Object(properties) => return check_object(value, properties),
        DataType::Any => true,
        DataType::Binary | DataType::Array(_) | DataType::Map(_) => false,
    };
    if good {
        return Ok(());
    }
    Err(format!("Can not safely convert `<class '{}'>` to `DataType.{}`", value.type_name(), kind.name()))
}

fn check_object(value: &Value, properties: &[(String, DataType, bool)]) -> Result<(), String> {
    let Value::Dict(dict) = value else {
        return Err(format!("Expected data to be dictionary, got {}", value.type_name()));
    };
    let missing = properties.iter().find(|(name, _, required)| *required && dict.get(name).is_none());
    if let Some((name, ..)) = missing {
        return Err(format!("Missing required properties: {{'{name}'}}"));
    }
    for (key, value) in dict.entries() {
        let Some((_, kind, required)) = properties.iter().find(|(name, ..)| **name == **key) else {
            return Err("Invalid properties not defined in the schema found".into());
        };
        let fits = (*value == Value::Null && !required) || (*value != Value::Null && check_type(value, kind).is_ok());
        if !fits {
            return Err(format!(
                "Failed to enforce schema for key `{key}`. Expected type {}, received type {}",
                kind.name(),
                value.type_name()
            ));
        }
    }
    Ok(())
}

/// ISO 8601 dates and times as numpy reads them: `2024`, `2024-05`, `2024-05-01`, `2024-05-01T01:02:03.5`.
fn is_datetime(text: &str) -> bool {
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let number = |part: &str, width: usize, range: std::ops::RangeInclusive<u32>| {
        part.len() == width
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse().is_ok_and(|value| range.contains(&value))
    };
    let mut parts = date.trim_start_matches('-').splitn(3, '-');
    let year = parts.next().is_some_and(|year| number(year, 4, 0..=9999));
    let month = parts.next().is_none_or(|month| number(month, 2, 1..=12));
    let day = parts.next().is_none_or(|day| number(day, 2, 1..=31));
    let clock = time.is_none_or(|time| {
        let time = time.trim_end_matches('Z');
        let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let mut parts = whole.splitn(3, ':');
        parts.next().is_some_and(|hour| number(hour, 2, 0..=23))
            && parts.next().is_none_or(|minute| number(minute, 2, 0..=59))
            && parts.next().is_none_or(|second| number(second, 2, 0..=59))
            && fraction.bytes().all(|byte| byte.is_ascii_digit())
    });
    year && month && day && clock
}
