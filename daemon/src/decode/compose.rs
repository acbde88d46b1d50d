//! Values of composed types: lists, objects and maps (`_enforce_array`, `_enforce_object`, `_enforce_map` of MLflow).
//!
//! No model served here takes a list, but it matters which error a request with one ends in, and an optional column may
//! hold nothing at all.

use yummy_models::signature::DataType;

use super::{
    python::Value,
    table::{Data, dtype, infer},
};

/// Whether the type is made of others.
pub(crate) fn is_composed(kind: &DataType) -> bool {
    matches!(kind, DataType::Any | DataType::Array(_) | DataType::Object(_) | DataType::Map(_))
}

/// The values of a column in a composed type.
///
/// # Errors
/// MLflow's message for the first value that does not fit, without the value.
pub(crate) fn column(data: Data, kind: &DataType, required: bool) -> Result<Data, String> {
    // What nothing is known of is left to the model.
    if matches!(data, Data::Opaque(..)) || (*kind == DataType::Any && !matches!(data, Data::Object(_))) {
        return Ok(data);
    }
    // `pandas.NA` is neither `None` nor a list.
    let gaps = matches!(data, Data::Other(..));
    let missing = |value: Value| if gaps && value == Value::Null { Value::Float(f64::NAN) } else { value };
    let values = data.into_values().into_iter();
    values.map(|value| enforce(missing(value), kind, required)).collect::<Result<_, _>>().map(infer::column)
}

/// One value in a type.
///
/// # Errors
/// MLflow's message, without the value.
pub(crate) fn enforce(value: Value, kind: &DataType, required: bool) -> Result<Value, String> {
    match kind {
        DataType::Any => Ok(value),
        DataType::Array(inner) => array(value, inner, required),
        DataType::Object(properties) => object(value, properties, required),
        DataType::Map(inner) => map(value, inner, required),
        kind => single(value, kind, required),
    }
}

fn array(value: Value, inner: &DataType, required: bool) -> Result<Value, String> {
    let empty = matches!(&value, Value::List(items) if items.is_empty());
    if (!required || *inner == DataType::Any) && (value == Value::Null || empty) {
        return Ok(value);
    }
    let Value::List(items) = value else {
        return Err(format!("Expected data to be list or numpy array, got {}", value.type_name()));
    };
    if is_composed(inner) {
        let enforced = items.into_iter().map(|item| enforce(item, inner, required));
        return enforced.collect::<Result<_, _>>().map(Value::List);
    }
    if items.is_empty() {
        return Ok(Value::List(items));
    }
    let data = dtype::enforce("", infer::column(items), inner)?;
    let values = match (inner, data) {
        // A list of times is one of nanoseconds.
        (_, Data::Time(times, _)) => times.into_iter().map(Value::Int).collect(),
        (DataType::String | DataType::Binary, data) if holds_lists(&data) => {
            return Err("setting an array element with a sequence.".into());
        }
        (DataType::String, data) => {
            data.into_values().iter().map(|value| Value::Text(value.to_text().into())).collect()
        }
        (DataType::Boolean, data) => data.into_values().iter().map(|value| Value::Bool(value.truth())).collect(),
        (DataType::Binary, data) => data.into_values().iter().map(bytes).collect::<Result<_, _>>()?,
        (_, data) => data.into_values(),
    };
    Ok(Value::List(values))
}

fn holds_lists(data: &Data) -> bool {
    matches!(data, Data::Object(values) if values.iter().any(Value::is_list))
}

/// A value as numpy makes bytes of it.
///
/// # Errors
/// `UnicodeEncodeError`: only ASCII has bytes.
pub(crate) fn bytes(value: &Value) -> Result<Value, String> {
    let text = match value {
        Value::Bytes(bytes) => return Ok(Value::Bytes(bytes.clone())),
        Value::Surrogates => None,
        value => Some(value.to_text()).filter(|text| text.is_ascii()),
    };
    let text = text.ok_or("'ascii' codec can't encode a character: ordinal not in range(128)")?;
    // numpy takes zeros at the end for padding.
    Ok(Value::Bytes(text.trim_end_matches('\0').as_bytes().into()))
}

fn object(value: Value, properties: &[(String, DataType, bool)], required: bool) -> Result<Value, String> {
    let empty = matches!(&value, Value::Dict(dict) if dict.is_empty());
    if !required && (value == Value::Null || empty) {
        return Ok(value);
    }
    let Value::Dict(dict) = value else {
        return Err(format!("Expected data to be dictionary, got {}", value.type_name()));
    };
    let missing = properties.iter().find(|(name, _, required)| *required && dict.get(name).is_none());
    if let Some((name, ..)) = missing {
        return Err(format!("Missing required properties: {{'{name}'}}"));
    }
    let known = |key: &str| properties.iter().find(|(name, ..)| name == key);
    if dict.keys().any(|key| known(key).is_none()) {
        return Err("Invalid properties not defined in the schema found".into());
    }
    let one = |(key, value): (Box<str>, Value)| {
        let Some((_, kind, required)) = known(&key) else { return Ok((key, value)) };
        let got = value.type_name();
        let enforced = enforce(value, kind, *required).map_err(|_| {
            format!("Failed to enforce schema for key `{key}`. Expected type {}, received type {got}", kind.name())
        })?;
        Ok((key, enforced))
    };
    let pairs: Vec<_> = dict.into_entries().into_iter().map(one).collect::<Result<_, String>>()?;
    Ok(Value::Dict(super::python::value::Dict::from_pairs(pairs)))
}

fn map(value: Value, inner: &DataType, required: bool) -> Result<Value, String> {
    let empty = matches!(&value, Value::Dict(dict) if dict.is_empty());
    if (!required || *inner == DataType::Any) && (value == Value::Null || empty) {
        return Ok(value);
    }
    let Value::Dict(dict) = value else {
        return Err(format!("Expected data to be a dict, got {}", value.type_name()));
    };
    let one = |(key, value): (Box<str>, Value)| enforce(value, inner, required).map(|value| (key, value));
    let pairs: Vec<_> = dict.into_entries().into_iter().map(one).collect::<Result<_, String>>()?;
    Ok(Value::Dict(super::python::value::Dict::from_pairs(pairs)))
}

fn single(value: Value, kind: &DataType, required: bool) -> Result<Value, String> {
    let nothing = value == Value::Null || matches!(&value, Value::Float(value) if value.is_nan());
    if !required && nothing {
        return Ok(Value::Null);
    }
    if !value.is_scalar() {
        return Err(format!("Expected data to be scalar, got {}", value.type_name()));
    }
    let failed = |_| format!("Failed to enforce schema of data with dtype `{}`", kind.name());
    let data = dtype::enforce("", infer::column(vec![value.clone()]), kind).map_err(failed)?;
    Ok(data.value(0).unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::python::json;

    fn fits(text: &str, kind: &DataType, required: bool) -> bool {
        enforce(json::parse(text).unwrap(), kind, required).is_ok()
    }

    #[test]
    fn lists_objects_and_maps_are_checked_as_mlflow_does() {
        let doubles = DataType::Array(Box::new(DataType::Double));
        for (text, required, good) in [
            ("[1.5, 2]", true, true),
            ("[1, 2]", true, false),
            ("[0, 1]", true, true),
            ("[]", true, true),
            ("null", true, false),
            ("null", false, true),
            ("1.5", false, false),
            ("[\"x\"]", true, false),
            ("[[1.5]]", true, false),
            ("[1.5, null]", true, true),
        ] {
            assert_eq!(fits(text, &doubles, required), good, "{text}");
        }
        let texts = DataType::Array(Box::new(DataType::String));
        assert!(fits(r#"["a", "b"]"#, &texts, true) && !fits(r#"[["a"]]"#, &texts, true));
        let object = DataType::Object(vec![("k".into(), DataType::String, true), ("n".into(), DataType::Long, false)]);
        for (text, good) in [
            (r#"{"k": "v"}"#, true),
            (r#"{"k": "v", "n": null}"#, true),
            (r#"{"k": "v", "n": "1"}"#, false),
            (r#"{"n": 1}"#, false),
            (r#"{"k": "v", "z": 1}"#, false),
            ("{}", false),
            ("5", false),
        ] {
            assert_eq!(fits(text, &object, true), good, "{text}");
        }
        assert!(fits("{}", &object, false));
        let map = DataType::Map(Box::new(DataType::Long));
        assert!(fits(r#"{"a": 1}"#, &map, true) && !fits(r#"{"a": 1.5}"#, &map, true) && fits("{}", &map, true));
        assert!(fits("[null, {}]", &DataType::Array(Box::new(DataType::Any)), true));
    }
}
