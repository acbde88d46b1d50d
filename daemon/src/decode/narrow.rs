//! numpy's dtypes that only a signature of tensors can name: small and unsigned integers, `float16`, bytes, times.

use super::{
    compose::bytes,
    python::{
        Value,
        date::{self, NAT},
        number::{NotNumber, to_float, to_int},
    },
    table::{Clock, Data, Dtype, cast, time, unsigned},
};

type Result<T> = std::result::Result<T, NotNumber>;

/// Integers of other sizes than columns have, and `float16`.
fn described(name: &str) -> Option<Dtype> {
    let (name, kind, size) = match name {
        "int8" => ("int8", 'i', 1),
        "int16" => ("int16", 'i', 2),
        "uint8" => ("uint8", 'u', 1),
        "uint16" => ("uint16", 'u', 2),
        "uint32" => ("uint32", 'u', 4),
        "uint64" => ("uint64", 'u', 8),
        "float16" => ("float16", 'f', 2),
        _ => return None,
    };
    Some(Dtype { name, kind, size })
}

/// `np.array(values, dtype)`; none for a dtype that is not known here.
pub(crate) fn array(values: &[Value], dtype: &str) -> Option<Result<Data>> {
    if dtype == "bytes" {
        let cells: std::result::Result<_, String> = values.iter().map(bytes).collect();
        return Some(cells.map(Data::Object).map_err(|reason| NotNumber(format!("UnicodeEncodeError(\"{reason}\")"))));
    }
    if dtype == "datetime64[ns]" {
        return Some(times(values));
    }
    let dtype = described(dtype)?;
    let cells = values.iter().map(|value| if dtype.kind == 'f' { half(value) } else { bounded(value, dtype) });
    Some(cells.collect::<Result<_>>().map(|cells| data(dtype, cells)))
}

/// `np.array(values, "datetime64[ns]")`.
///
/// # Errors
/// numpy's exception, without the value.
pub(crate) fn times(values: &[Value]) -> Result<Data> {
    let failed = |class: &str, reason: &str| NotNumber(format!("{class}('{reason}')"));
    let time = |value: &Value| match value {
        Value::Null => Ok(NAT),
        Value::Bool(value) => Ok(i64::from(*value)),
        Value::Int(value) => Ok(*value),
        Value::Text(text) => date::numpy(text).ok_or_else(|| failed("ValueError", "Error parsing datetime string")),
        Value::BigInt(_) => Err(failed("OverflowError", "int too big to convert")),
        _ => Err(failed("ValueError", "Could not convert object to NumPy datetime")),
    };
    values.iter().map(time).collect::<Result<_>>().map(|times| Data::Time(times, Clock::Nanoseconds))
}

/// `column.astype(dtype)`; none for a dtype that is not known here.
pub(crate) fn column(data: &Data, dtype: &str) -> Option<Result<Data>> {
    match dtype {
        "bytes" => {
            let utf8 = |value: Value| match value {
                Value::Text(text) => Ok(Value::Bytes(text.as_bytes().into())),
                _ => Err(NotNumber("TypeError('encoding without a string argument')".into())),
            };
            return Some(data.clone().into_values().into_iter().map(utf8).collect::<Result<_>>().map(Data::Object));
        }
        "datetime64[ns]" => return Some(time::to_datetime(data.clone())),
        _ => {}
    }
    let dtype = described(dtype)?;
    Some(cells(data, dtype).map(|cells| self::data(dtype, cells)))
}

fn data(dtype: Dtype, cells: Vec<Value>) -> Data {
    if dtype.name == "uint64" {
        let whole = |value: &Value| match value {
            Value::BigInt(digits) => digits.parse().unwrap_or(0),
            Value::Int(value) => value.cast_unsigned(),
            _ => 0,
        };
        return Data::Uint(cells.iter().map(whole).collect());
    }
    Data::Other(dtype, cells)
}

fn cells(data: &Data, dtype: Dtype) -> Result<Vec<Value>> {
    if dtype.kind == 'f' {
        return cast::to_doubles(data)
            .map(|values| values.into_iter().map(|value| Value::Float(halved(value))).collect());
    }
    match data {
        Data::Text(_) | Data::Object(_) => {
            data.clone().into_values().iter().map(|value| bounded(value, dtype)).collect()
        }
        Data::Float(_) | Data::Single(_) => {
            let values = cast::to_doubles(data)?;
            if values.iter().any(|value| !value.is_finite()) {
                return Err(NotNumber(
                    "IntCastingNaNError(\"Cannot convert non-finite values (NA or inf) to integer\")".into(),
                ));
            }
            if dtype.kind == 'u' && values.iter().any(|&value| value < 0.0) {
                return Err(NotNumber(format!(
                    "ValueError('Cannot losslessly cast from {} to {}')",
                    data.dtype(),
                    dtype.name
                )));
            }
            Ok(values.into_iter().map(|value| wrapped(truncated(value, dtype), dtype)).collect())
        }
        Data::Uint(values) => Ok(values.iter().map(|&value| wrapped(value.cast_signed(), dtype)).collect()),
        other => {
            Ok(other.clone().into_values().iter().map(|value| wrapped(to_int(value, 64).unwrap_or(0), dtype)).collect())
        }
    }
}

/// A float as the processor cuts it off: through 32 bits for the small integers.
fn truncated(value: f64, dtype: Dtype) -> i64 {
    match dtype.size {
        8 => (value as u64).cast_signed(),
        4 => value as i64,
        _ if (-2_147_483_649.0..2_147_483_648.0).contains(&value) => value as i64,
        _ => i64::from(i32::MIN),
    }
}

/// The low bits of an integer.
fn wrapped(value: i64, dtype: Dtype) -> Value {
    match (dtype.kind, dtype.size) {
        ('i', 1) => Value::Int(i64::from(value as i8)),
        ('i', _) => Value::Int(i64::from(value as i16)),
        (_, 1) => Value::Int(i64::from(value as u8)),
        (_, 2) => Value::Int(i64::from(value as u16)),
        (_, 4) => Value::Int(i64::from(value as u32)),
        _ => unsigned(value.cast_unsigned()),
    }
}

/// `int(value)`, which must fit.
fn bounded(value: &Value, dtype: Dtype) -> Result<Value> {
    if dtype.size == 8 {
        let large = match value {
            Value::BigInt(digits) => digits.parse::<u64>().ok(),
            Value::Float(value) if (9.223_372_036_854_776e18..1.844_674_407_370_955_2e19).contains(value) => {
                Some(*value as u64)
            }
            _ => None,
        };
        if let Some(large) = large {
            return Ok(unsigned(large));
        }
    }
    let whole = to_int(value, 64)?;
    let fits = match (dtype.kind, dtype.size) {
        ('i', size) => whole.unsigned_abs() < 1 << (8 * size - 1) || whole == -(1 << (8 * size - 1)),
        (_, 8) => whole >= 0,
        (_, size) => (0..1 << (8 * size)).contains(&whole),
    };
    if fits {
        Ok(Value::Int(whole))
    } else {
        Err(NotNumber(format!("OverflowError('Python integer out of bounds for {}')", dtype.name)))
    }
}

fn half(value: &Value) -> Result<Value> {
    to_float(value).map(|value| Value::Float(halved(value)))
}

/// The nearest number of 16 bits, ties to even.
fn halved(value: f64) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    // The distance of neighbours: 2^-24 below 2^-14, then 2^-10 of the power of two.
    let exponent = i32::try_from(value.to_bits() >> 52 & 0x7FF).unwrap_or(0) - 1023;
    let step = 2_f64.powi(exponent.max(-14) - 10);
    let rounded = (value / step).round_ties_even() * step;
    if rounded.abs() > 65_504.0 { f64::INFINITY.copysign(value) } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{python::json, table::infer};

    fn values(list: &str) -> Vec<Value> {
        let Ok(Value::List(values)) = json::parse(list) else { panic!("a list") };
        values
    }

    #[test]
    fn columns_wrap_around_and_arrays_do_not() {
        for (list, dtype, column_is, array_is) in [
            ("[300.7]", "uint8", Some("44"), None),
            ("[-1.5]", "uint8", None, None),
            ("[-1.5]", "int8", Some("-1"), Some("-1")),
            ("[1e20]", "int8", Some("0"), None),
            ("[1e10]", "uint32", Some("1410065408"), None),
            ("[-1]", "uint8", Some("255"), None),
            ("[\"300\"]", "uint8", None, None),
            ("[\"5\"]", "uint8", Some("5"), Some("5")),
            ("[null]", "uint8", None, None),
            ("[1e10]", "int16", Some("0"), None),
            ("[1e19]", "uint64", Some("10000000000000000000"), Some("10000000000000000000")),
            ("[true]", "uint8", Some("1"), Some("1")),
            ("[9223372036854775808]", "uint8", Some("0"), None),
            ("[300.5, \"1\"]", "uint8", None, None),
            ("[70000]", "float16", Some("inf"), Some("inf")),
            ("[\"1.5\"]", "float16", Some("1.5"), Some("1.5")),
            ("[0.1]", "float16", Some("0.0999755859375"), Some("0.0999755859375")),
        ] {
            let text = |data: Result<Data>| data.ok().and_then(|data| data.value(0)).map(|value| value.to_text());
            let got = column(&infer::column(values(list)), dtype).and_then(text);
            assert_eq!(got.as_deref(), column_is, "{list} {dtype}");
            assert_eq!(array(&values(list), dtype).and_then(text).as_deref(), array_is, "{list} {dtype}");
        }
        assert!(column(&Data::Int(vec![1]), "complex64").is_none());
    }
}
