//! The dtype that pandas infers for a column of Python values (`lib.maybe_convert_objects`).

use super::{Data, Value, build::ConstructError};

#[derive(Default)]
struct Seen {
    nulls: bool,
    nans: bool,
    bools: bool,
    ints: bool,
    unsigned: bool,
    negative: bool,
    huge: bool,
    floats: bool,
    texts: bool,
    other: bool,
}

impl Seen {
    fn look(&mut self, value: &Value) {
        match value {
            Value::Null => self.nulls = true,
            Value::Bool(_) => self.bools = true,
            Value::Int(value) => {
                self.ints = true;
                self.negative |= *value < 0;
            }
            Value::BigInt(digits) => {
                self.ints = true;
                let fits = digits.parse::<u64>().is_ok();
                self.unsigned |= fits;
                self.huge |= !fits;
            }
            Value::Float(value) if value.is_nan() => self.nans = true,
            Value::Float(_) => self.floats = true,
            Value::Text(_) | Value::Surrogates => self.texts = true,
            Value::Bytes(_) | Value::List(_) | Value::Dict(_) => self.other = true,
        }
    }
}

/// Infers a column.
pub(crate) fn column(values: Vec<Value>) -> Data {
    let mut seen = Seen::default();
    for value in &values {
        seen.look(value);
    }
    let missing = seen.nulls || seen.nans;
    if seen.other || seen.huge || (seen.unsigned && seen.negative) {
        return Data::Object(values);
    }
    if seen.texts {
        let only_texts = !(seen.bools || seen.ints || seen.floats);
        return if only_texts { Data::Text(values.into_iter().map(text).collect()) } else { Data::Object(values) };
    }
    if seen.bools {
        let only_bools = !(seen.ints || seen.floats || missing);
        return if only_bools { Data::Bool(values.iter().map(Value::truth).collect()) } else { Data::Object(values) };
    }
    if seen.floats || seen.nans || (seen.ints && missing) {
        return Data::Float(values.iter().map(number).collect());
    }
    if seen.ints {
        return if seen.unsigned {
            Data::Uint(values.iter().map(|value| value.to_text().parse().unwrap_or(0)).collect())
        } else {
            Data::Int(values.iter().map(|value| if let Value::Int(value) = value { *value } else { 0 }).collect())
        };
    }
    Data::Object(values)
}

/// Infers a column of a request, where a text that cannot be encoded is an error in a column of texts.
///
/// # Errors
/// What pyarrow says of a lone surrogate.
pub(crate) fn request_column(values: Vec<Value>) -> Result<Data, ConstructError> {
    let surrogates = values.contains(&Value::Surrogates);
    match column(values) {
        Data::Text(_) if surrogates => {
            Err(ConstructError::new("'utf-8' codec can't encode a lone surrogate: surrogates not allowed"))
        }
        data => Ok(data),
    }
}

fn text(value: Value) -> Option<Box<str>> {
    if let Value::Text(text) = value { Some(text) } else { None }
}

/// A number of a column that holds only numbers and what is missing.
fn number(value: &Value) -> f64 {
    match value {
        Value::Int(value) => *value as f64,
        Value::BigInt(digits) => digits.parse::<u64>().map_or(f64::NAN, |value| value as f64),
        Value::Float(value) => *value,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::python::json;

    fn dtype(list: &str) -> &'static str {
        let Ok(Value::List(values)) = json::parse(list) else { panic!("a list") };
        column(values).dtype()
    }

    #[test]
    fn dtypes_are_those_of_pandas() {
        for (list, expected) in [
            ("[1, 2]", "int64"),
            ("[9223372036854775808]", "uint64"),
            ("[9223372036854775808, -1]", "object"),
            ("[18446744073709551616]", "object"),
            ("[18446744073709551616, 1.5]", "object"),
            ("[9223372036854775808, 1.5]", "float64"),
            ("[9223372036854775808, null]", "float64"),
            ("[1, null]", "float64"),
            ("[1.5, null]", "float64"),
            ("[NaN, null]", "float64"),
            ("[1, NaN]", "float64"),
            ("[true, null]", "object"),
            ("[true, 1]", "object"),
            ("[true, 1.5]", "object"),
            ("[NaN, true]", "object"),
            ("[true, false]", "bool"),
            ("[\"1\", null]", "str"),
            ("[NaN, \"a\"]", "str"),
            ("[\"1\", 2]", "object"),
            ("[\"1\", Infinity]", "object"),
            ("[null]", "object"),
            ("[]", "object"),
            ("[[1]]", "object"),
            ("[{\"a\": 1}, 1]", "object"),
        ] {
            assert_eq!(dtype(list), expected, "{list}");
        }
    }
}
