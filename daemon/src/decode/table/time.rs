//! `pd.to_datetime` of a column, as MLflow does it for `dataframe_split` and `dataframe_records`.

use super::{Clock, Data, Value};
use crate::decode::python::{
    date::{self, Found, NAT, is_nat},
    number::NotNumber,
};

type Result<T> = std::result::Result<T, NotNumber>;

/// Points in time of any column.
///
/// # Errors
/// pandas' exception, without the value.
pub(crate) fn to_datetime(data: Data) -> Result<Data> {
    let clock = Clock::Nanoseconds;
    match data {
        Data::Time(..) => Ok(data),
        Data::Bool(_) => Err(refused("TypeError", "dtype bool cannot be converted to datetime64[ns]")),
        Data::Int(values) => Ok(Data::Time(values, clock)),
        Data::Int32(values) => Ok(Data::Time(values.into_iter().map(i64::from).collect(), clock)),
        Data::Float(values) => Ok(Data::Time(values.into_iter().map(of_float).collect(), clock)),
        Data::Single(values) => Ok(Data::Time(values.into_iter().map(|value| of_float(value.into())).collect(), clock)),
        Data::Uint(_) => Err(out_of_bounds()),
        Data::Opaque(..) => Err(refused("TypeError", "not convertible to datetime")),
        other => objects(&other.into_values()),
    }
}

/// Points in time of Python values: all texts of one form, or each by itself when the first value is no text.
///
/// # Errors
/// pandas' exception, without the value.
pub(crate) fn objects(values: &[Value]) -> Result<Data> {
    let first = values.iter().find(|value| !is_missing(value) && !is_now(value));
    let form = match first {
        Some(Value::Text(text)) => Some(date::pandas(text, false).ok_or_else(unknown)?),
        _ => None,
    };
    let day_first = form.as_ref().is_some_and(|form| form.format.starts_with("%d"));
    let mut zone = None;
    let mut times = Vec::with_capacity(values.len());
    for value in values {
        let found = if is_missing(value) {
            None
        } else if let Some(form) = &form {
            let text = value.to_text();
            let found = date::pandas(&text, day_first).ok_or_else(unknown)?;
            if found.format != form.format && !is_now(value) {
                return Err(refused("ValueError", "time data doesn't match format"));
            }
            Some(found)
        } else {
            Some(one(value)?)
        };
        let Some(found) = found else {
            times.push(NAT);
            continue;
        };
        if *zone.get_or_insert(found.zone) != found.zone {
            return Err(refused("ValueError", "Mixed timezones detected"));
        }
        times.push(found.nanos.ok_or_else(out_of_bounds)?);
    }
    let zoned = zone.flatten().is_some();
    Ok(Data::Time(times, if zoned { Clock::Zoned } else { Clock::Nanoseconds }))
}

/// A value in a column of which the first is no text.
fn one(value: &Value) -> Result<Found> {
    let nanos = match value {
        Value::Int(value) => Some(*value),
        Value::Float(value) if value.is_finite() && value.abs() < 9.2e18 => Some(*value as i64),
        Value::Text(text) => return date::pandas(text, false).ok_or_else(unknown),
        Value::Float(_) | Value::BigInt(_) => None,
        _ => return Err(refused("TypeError", "not convertible to datetime")),
    };
    Ok(Found { format: String::new(), nanos, zone: None })
}

/// What no integer holds is no time.
fn of_float(value: f64) -> i64 {
    if value.is_finite() && value.abs() < 9_223_372_036_854_775_808.0 { value as i64 } else { NAT }
}

fn is_missing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Float(value) => value.is_nan(),
        Value::Text(text) => is_nat(text),
        _ => false,
    }
}

fn is_now(value: &Value) -> bool {
    matches!(value, Value::Text(text) if matches!(&**text, "now" | "today"))
}

fn unknown() -> NotNumber {
    refused("DateParseError", "Unknown datetime string format, unable to parse")
}

fn out_of_bounds() -> NotNumber {
    refused("OutOfBoundsDatetime", "Out of bounds nanosecond timestamp")
}

fn refused(class: &str, reason: &str) -> NotNumber {
    NotNumber(format!("{class}('{reason}')"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{python::json, table::infer};

    fn read(list: &str) -> Result<Data> {
        let Ok(Value::List(values)) = json::parse(list) else { panic!("a list") };
        to_datetime(infer::column(values))
    }

    #[test]
    fn columns_are_read_as_pandas_reads_them() {
        for list in [
            r#"["2024-01-01", null, "", "NaT"]"#,
            r#"[1, "2024-01-01"]"#,
            "[1.5, null]",
            "[null]",
            "[Infinity, 1]",
            r#"[NaN, "2024-01-01"]"#,
            r#"["13/02/2024", "01/02/2024"]"#,
            r#"["2024-01-01", "2024-1-2"]"#,
            r#"["01/02/2024", "02/01/2024"]"#,
        ] {
            assert!(matches!(read(list), Ok(Data::Time(_, Clock::Nanoseconds))), "{list}");
        }
        let zoned = r#"["2024-01-01T10:00:00Z", null]"#;
        assert!(matches!(read(zoned), Ok(Data::Time(_, Clock::Zoned))));
        for list in [
            r#"["2024-01-01", "2024-01-02T10:00:00"]"#,
            r#"["2024-01-01T10:00:00Z", "2024-01-01T10:00:00+01:00"]"#,
            r#"["2024-01-01", 1]"#,
            r#"["2024-01-01", true]"#,
            r#"["01/02/2024", "13/02/2024"]"#,
            "[true]",
            "[true, null]",
            "[[1]]",
            "[9223372036854775808]",
            r#"["abc", null]"#,
            r#"["9999-12-31"]"#,
        ] {
            assert!(read(list).is_err(), "{list}");
        }
    }
}
