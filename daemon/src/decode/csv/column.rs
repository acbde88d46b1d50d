//! One column of a CSV becomes values: of the dtype that the signature asks for, or of the one that pandas infers.

use yummy_models::signature::DataType;

use super::{
    number::{Whole, float, whole},
    tokens::Tokens,
};
use crate::decode::{
    python::{
        Value,
        number::{float_of_text, int_of_text},
    },
    table::{Clock, Data, unsigned},
};

/// The words that `read_csv` takes for missing.
const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// Longest of [`MISSING`].
const MAX_MISSING: usize = 8;

pub(in crate::decode) fn is_missing(text: &str) -> bool {
    // Nearly all fields begin with a digit and are in no need of a search.
    match text.as_bytes().first() {
        None => true,
        Some(b'0' | b'2'..=b'9') => false,
        _ => text.len() <= MAX_MISSING && MISSING.contains(&text),
    }
}

/// The fields of one column.
pub(super) struct Cells<'a> {
    tokens: &'a Tokens,
    place: usize,
}

impl<'a> Cells<'a> {
    pub(super) fn new(tokens: &'a Tokens, place: usize) -> Self {
        Self { tokens, place }
    }

    fn iter(&self) -> impl Iterator<Item = &'a str> {
        (0..self.tokens.rows()).map(|row| self.tokens.field(row, self.place))
    }

    /// All fields, `None` for what is missing.
    fn present(&self) -> impl Iterator<Item = Option<&'a str>> {
        self.iter().map(|text| (!is_missing(text)).then_some(text))
    }

    fn floats(&self) -> Option<Vec<f64>> {
        self.present().map(|text| text.map_or(Some(f64::NAN), float)).collect()
    }

    fn texts(&self) -> Data {
        let text = |text: Option<&str>| text.map_or(Value::Float(f64::NAN), |text| Value::Text(text.into()));
        Data::Object(self.present().map(text).collect())
    }

    /// All fields as booleans, `None` for what is missing.
    fn bools(&self) -> Option<Vec<Option<bool>>> {
        self.present().map(|text| text.map_or(Some(None), |text| boolean(text).map(Some))).collect()
    }

    fn has_missing(&self) -> bool {
        self.iter().any(is_missing)
    }
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Converts a column; `place` is its number, for messages.
///
/// # Errors
/// pandas' message, without the value.
pub(super) fn convert(cells: &Cells<'_>, kind: Option<&DataType>, place: usize) -> Result<Data, String> {
    match kind {
        None => Ok(infer(cells)),
        Some(DataType::Double) => doubles(cells, place, "float64").map(Data::Float),
        Some(DataType::Float) => {
            Ok(Data::Single(doubles(cells, place, "float32")?.into_iter().map(|value| value as f32).collect()))
        }
        Some(DataType::Long) => longs(cells, place, "int64").map(Data::Int),
        Some(DataType::Integer) => {
            let narrow = |value| i32::try_from(value).map_err(|_| not_safe("int32", "int64", place));
            longs(cells, place, "int32")?.into_iter().map(narrow).collect::<Result<_, _>>().map(Data::Int32)
        }
        Some(DataType::Boolean) => bools(cells, place).map(Data::Bool),
        Some(DataType::Datetime) if cells.tokens.rows() > 0 => {
            Err("the dtype datetime64[ns] is not supported for parsing, pass this column using parse_dates instead"
                .into())
        }
        Some(DataType::Datetime) => Ok(Data::Time(Vec::new(), Clock::Nanoseconds)),
        Some(_) => Ok(cells.texts()),
    }
}

fn not_safe(wanted: &str, got: &str, place: usize) -> String {
    format!("cannot safely convert passed user dtype of {wanted} for {got} dtyped data in column {place}")
}

fn doubles(cells: &Cells<'_>, place: usize, dtype: &str) -> Result<Vec<f64>, String> {
    if let Some(values) = cells.floats() {
        return Ok(values);
    }
    if let Some(values) = cells.bools() {
        return Ok(values.into_iter().map(|value| value.map_or(f64::NAN, f64::from)).collect());
    }
    // Not even Python's own float() would change the outcome: pandas refuses both.
    let python = cells.present().flatten().all(|text| float_of_text(text).is_some());
    Err(if python { not_safe(dtype, "object", place) } else { "could not convert string to float".into() })
}

fn longs(cells: &Cells<'_>, place: usize, dtype: &str) -> Result<Vec<i64>, String> {
    let wholes: Option<Vec<Option<Whole>>> =
        cells.present().map(|text| text.map_or(Some(None), |text| whole(text).map(Some))).collect();
    if let Some(wholes) = wholes {
        let signed = |whole: Option<Whole>| match whole {
            None => Err(format!("Integer column has NA values in column {place}")),
            Some(Whole::Signed(value)) => Ok(value),
            Some(Whole::Unsigned(_)) => Err(not_safe(dtype, "uint64", place)),
            Some(Whole::Overflow) => Err("Overflow".into()),
        };
        return wholes.into_iter().map(signed).collect();
    }
    if let Some(values) = cells.floats() {
        let fits = |value: f64| value.trunc() == value && value.abs() < 9_223_372_036_854_775_808.0;
        if values.iter().all(|&value| fits(value)) {
            return Ok(values.into_iter().map(|value| value as i64).collect());
        }
        return Err(not_safe(dtype, "float64", place));
    }
    let bools = cells.bools().and_then(|values| values.into_iter().collect::<Option<Vec<bool>>>());
    if let Some(values) = bools {
        return Ok(values.into_iter().map(i64::from).collect());
    }
    let python = cells.present().flatten().all(|text| int_of_text(text).is_some());
    Err(if python { not_safe(dtype, "object", place) } else { "invalid literal for int() with base 10".into() })
}

fn bools(cells: &Cells<'_>, place: usize) -> Result<Vec<bool>, String> {
    if let Some(values) = cells.bools() {
        let present = values.into_iter().collect::<Option<_>>();
        return present.ok_or_else(|| format!("Bool column has NA values in column {place}"));
    }
    let values = cells.floats().unwrap_or_default();
    if !values.is_empty() && values.iter().all(|&value| value == 0.0 || value == 1.0) {
        return Ok(values.into_iter().map(|value| value != 0.0).collect());
    }
    let found = infer(cells);
    Err(not_safe("bool", if matches!(found, Data::Text(_)) { "object" } else { found.dtype() }, place))
}

/// The dtype that pandas finds without being told.
fn infer(cells: &Cells<'_>) -> Data {
    if let Some(data) = integers(cells) {
        return data;
    }
    let missing = cells.has_missing();
    if let Some(values) = cells.floats().filter(|values| !values.is_empty()) {
        return Data::Float(values);
    }
    match cells.bools() {
        Some(values) if !missing && !values.is_empty() => {
            Data::Bool(values.into_iter().map(|value| value.unwrap_or(false)).collect())
        }
        Some(values) => {
            let value = |value: Option<bool>| value.map_or(Value::Float(f64::NAN), Value::Bool);
            Data::Object(values.into_iter().map(value).collect())
        }
        None => texts(cells),
    }
}

fn texts(cells: &Cells<'_>) -> Data {
    Data::Text(cells.present().map(|text| text.map(Into::into)).collect())
}

/// A column of integers; `None` when it is to be tried as floats. The first field that is no 64-bit integer decides:
/// too large, and it will not be floats.
fn integers(cells: &Cells<'_>) -> Option<Data> {
    let mut signed = Vec::new();
    let mut fields = cells.present().flatten();
    let overflow = loop {
        match fields.next().map(whole) {
            None => break false,
            Some(None) => return None,
            Some(Some(Whole::Signed(value))) => signed.push(value),
            Some(Some(Whole::Unsigned(_) | Whole::Overflow)) => break true,
        }
    };
    let missing = cells.has_missing();
    if !overflow {
        return (!missing && !signed.is_empty()).then_some(Data::Int(signed));
    }
    let Some(wholes) = cells.present().flatten().map(whole).collect::<Option<Vec<Whole>>>() else {
        return Some(texts(cells));
    };
    let positive = |whole: &Whole| match whole {
        Whole::Unsigned(value) => Some(*value),
        Whole::Signed(value) => u64::try_from(*value).ok(),
        Whole::Overflow => None,
    };
    if let Some(values) = wholes.iter().map(positive).collect() {
        return Some(if missing { texts(cells) } else { Data::Uint(values) });
    }
    if !wholes.contains(&Whole::Overflow) {
        // Numbers above 2^63 beside negative ones.
        return Some(texts(cells));
    }
    let mut wholes = wholes.into_iter();
    let value = |text: Option<&str>| match (text, text.and_then(|_| wholes.next())) {
        (_, Some(Whole::Signed(value))) => Value::Int(value),
        (_, Some(Whole::Unsigned(value))) => unsigned(value),
        (Some(text), _) => Value::BigInt(text.trim().into()),
        (None, _) => Value::Float(f64::NAN),
    };
    Some(Data::Object(cells.present().map(value).collect()))
}
