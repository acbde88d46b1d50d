//! How CatBoost's Python package binds a request: it reads every column, categories where the model has them, and then
//! looks for those that its trees use, by name where all have one, else by place.

use std::collections::HashMap;

use yummy_models::{Feature, FeatureKind, Frame, category_hash};

use super::Bound;
use crate::decode::{
    array::Array,
    plan::Plan,
    python::{Value, number::to_float},
    table::{Column, Data, Label, Table, cast::to_doubles},
};

/// Fills `frame` from a `DataFrame`.
///
/// # Errors
/// What the package would raise.
pub(super) fn table(table: &Table, plan: &Plan, frame: &mut Frame) -> Result<Bound, String> {
    let names: Vec<String> = table.columns.iter().map(|column| column_name(&column.label)).collect();
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        if places.insert(name, place).is_some() {
            return Err("All feature names should be different, but one is used more than once.".into());
        }
    }
    let categories = Categories::new(plan, table.columns.len())?;
    let cells = table.columns.iter().enumerate().map(|(place, column)| cells(column, categories.at(place)));
    let cells = cells.collect::<Result<Vec<_>, _>>()?;
    for _ in 0..table.rows {
        frame.push_row();
    }
    // Without rows, nothing is looked for.
    if table.rows > 0 {
        for (feature, place) in columns(plan, &names, &places, &categories)?.into_iter().enumerate() {
            let Some(values) = place.and_then(|place| cells.get(place)) else { continue };
            for (row, &value) in values.iter().enumerate() {
                frame.row_mut(row)[feature] = value;
            }
        }
    }
    Ok(Bound { rows: table.rows, single: false })
}

/// Fills `frame` from an array, whose columns have no names.
///
/// # Errors
/// What the package would raise.
pub(super) fn array(array: &Array, plan: &Plan, frame: &mut Frame) -> Result<Bound, String> {
    let (rows, width, single) = match array.shape[..] {
        [width] => (1, width, true),
        [rows, width] => (rows, width, false),
        _ => return Err("Input data has invalid shape. Must be 2 dimensional".into()),
    };
    if array.is_scalar() {
        return Err("Input data has invalid shape. Must be 2 dimensional".into());
    }
    let categories = Categories::new(plan, width)?;
    let places = if rows > 0 { by_place(plan, width, |_| None)? } else { vec![None; plan.features.len()] };
    if categories.any() && matches!(array.data, Data::Float(_) | Data::Single(_)) {
        return Err("'data' is numpy array of floating point numerical type, it means no categorical features".into());
    }
    for row in 0..rows {
        let cells = frame.push_row();
        for place in 0..width {
            let value = array.data.value(row * width + place).ok_or("a value of no accepted type")?;
            let value = if categories.at(place) { category(&value)? } else { number(&value)? };
            if let (Some(Some(_)), Some(cell)) = (places.get(place), cells.get_mut(place)) {
                *cell = value;
            }
        }
    }
    Ok(Bound { rows, single })
}

/// The places at which the model has categories: the request's columns there are read as such, whatever their names.
struct Categories<'a>(&'a [Feature]);

impl<'a> Categories<'a> {
    fn new(plan: &'a Plan, width: usize) -> Result<Self, String> {
        if width == 0 {
            return Err("Input data must have at least one feature".into());
        }
        let categories = Self(&plan.features);
        match (width..plan.features.len()).find(|&place| categories.at(place)) {
            Some(place) => Err(format!("Invalid cat_features value {place}: index must be < {width}.")),
            None => Ok(categories),
        }
    }

    fn at(&self, place: usize) -> bool {
        self.0.get(place).is_some_and(|feature| feature.kind == FeatureKind::HashedCategory)
    }

    fn any(&self) -> bool {
        (0..self.0.len()).any(|place| self.at(place))
    }
}

fn column_name(label: &Label) -> String {
    match label {
        Label::Text(name) => name.to_string(),
        Label::Int(number) => number.to_string(),
        // A tuple, which is the name of nothing.
        Label::Other => "()".into(),
    }
}

/// The request's column of each feature; `None` for a feature that no tree uses.
fn columns(
    plan: &Plan,
    names: &[String],
    places: &HashMap<&str, usize>,
    categories: &Categories<'_>,
) -> Result<Vec<Option<usize>>, String> {
    let used = || plan.features.iter().zip(&plan.demands).filter(|(_, demand)| demand.used);
    let found: Option<HashMap<&str, usize>> = used()
        .map(|(feature, demand)| {
            let place = *places.get(feature.name.as_str()).filter(|_| demand.named)?;
            Some((feature.name.as_str(), place))
        })
        .collect();
    let Some(found) = found.filter(|found| found.len() == used().count()) else {
        return by_place(plan, names.len(), |place| names.get(place).map(String::as_str));
    };
    let bind = |(place, feature): (usize, &Feature)| {
        let Some(&column) = found.get(feature.name.as_str()) else { return Ok(None) };
        if categories.at(column) != categories.at(place) {
            let kind = if categories.at(place) { "Categorical" } else { "Float" };
            return Err(format!("Feature {} is {kind} in model but marked different in the dataset", feature.name));
        }
        Ok(plan.demands[place].used.then_some(column))
    };
    plan.features.iter().enumerate().map(bind).collect()
}

/// Columns at the places of their features, each with the name that the model has for it, where both have one.
fn by_place<'a>(
    plan: &Plan,
    width: usize,
    name_at: impl Fn(usize) -> Option<&'a str>,
) -> Result<Vec<Option<usize>>, String> {
    let bind = |(place, feature): (usize, &Feature)| {
        let demand = plan.demands[place];
        if !demand.used {
            return Ok(None);
        }
        if place >= width {
            return Err(format!("Feature {} is present in model but not in pool.", feature.name));
        }
        if demand.named && name_at(place).is_some_and(|name| !name.is_empty() && *name != *feature.name) {
            return Err(format!("At position {place} should be feature with name {}.", feature.name));
        }
        Ok(Some(place))
    };
    plan.features.iter().enumerate().map(bind).collect()
}

/// The cells of a column.
fn cells(column: &Column, is_category: bool) -> Result<Vec<f64>, String> {
    let values = |read: fn(&Value) -> Result<f64, String>| {
        (0..column.data.len()).map(|row| read(&column.data.value(row).ok_or("a value of no accepted type")?)).collect()
    };
    match &column.data {
        // numpy's unsigned integers have a decimal text; of Python's, those of more than 64 bits with sign overflow.
        Data::Uint(numbers) if is_category => Ok(numbers.iter().map(|number| hashed(&number.to_string())).collect()),
        _ if is_category => values(category),
        data if data.is_numeric() || matches!(data, Data::Time(..)) => to_doubles(data).map_err(|reason| reason.0),
        _ => values(number),
    }
}

/// The number that the package reads from a value.
fn number(value: &Value) -> Result<f64, String> {
    match value {
        Value::List(_) | Value::Dict(_) | Value::Surrogates => Err("Cannot convert obj to float".into()),
        Value::Text(text) => float(text).ok_or_else(|| "Cannot convert text to float".into()),
        Value::Bytes(bytes) => {
            let number = std::str::from_utf8(bytes).ok().and_then(float);
            number.ok_or_else(|| "Cannot convert bytes to float".into())
        }
        value => to_float(value).map_err(|reason| reason.0),
    }
}

/// The category that a value is.
pub(super) fn category(value: &Value) -> Result<f64, String> {
    match value {
        Value::Text(text) => Ok(hashed(text)),
        Value::Bytes(bytes) => Ok(category_hash(bytes)),
        Value::Bool(value) => Ok(hashed(if *value { "1" } else { "0" })),
        Value::Int(value) => Ok(hashed(&value.to_string())),
        Value::BigInt(_) => Err("Python int too large to convert to C long".into()),
        Value::Null => Err("must be real number, not NoneType".into()),
        Value::Float(_) | Value::List(_) | Value::Dict(_) | Value::Surrogates => Err(
            "Invalid type for cat_feature : cat_features must be integer or string, real number values and NaN values \
             should be converted to string."
                .into(),
        ),
    }
}

/// Words that CatBoost takes for a missing number, in any case.
const MISSING: [&str; 15] = [
    "", "-", "nan", "null", "none", "na", "n/a", "#n/a", "#na", "#n/a n/a", "-nan", "-1.#ind", "1.#ind", "-1.#qnan",
    "1.#qnan",
];

/// The number that CatBoost reads from a text; it is stricter than Python, and knows words for what is missing.
fn float(text: &str) -> Option<f64> {
    if MISSING.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Some(f64::NAN);
    }
    let text = text.trim_start();
    if text.is_empty() {
        return Some(0.0);
    }
    let (negative, body) = match text.as_bytes()[0] {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if let Some(digits) = body.strip_prefix("0x").or_else(|| body.strip_prefix("0X")) {
        // More digits than 64 bits hold are nobody's feature.
        let all_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let size = u64::from_str_radix(digits, 16).ok().filter(|_| all_hex)? as f64;
        return Some(if negative { -size } else { size });
    }
    let first = body.strip_prefix('.').unwrap_or(body).as_bytes().first()?;
    if first.is_ascii_digit() { fast_float2::parse(text).ok() } else { None }
}

/// The cell of a category: the 32-bit hash of its text.
fn hashed(text: &str) -> f64 {
    category_hash(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_numbers_that_catboost_reads() {
        for (text, value) in [
            ("1", 1.0),
            (" 1", 1.0),
            ("\t+1", 1.0),
            ("0x1F", 31.0),
            ("-.5", -0.5),
            ("5.", 5.0),
            ("1e400", f64::INFINITY),
            ("00012", 12.0),
            (" ", 0.0),
        ] {
            assert_eq!(float(text), Some(value), "{text:?}");
        }
        for text in ["", "-", "NaN", "None", "n/a", "#N/A N/A", "1.#IND"] {
            assert!(float(text).is_some_and(f64::is_nan), "{text:?}");
        }
        for text in
            ["1f", "1e", "1_0", "1 ", "inf", "-Infinity", "0x", "0x1p3", "0x+1", "١", "true", "--1", "<NA>", "1L"]
        {
            assert_eq!(float(text), None, "{text:?}");
        }
    }
}
