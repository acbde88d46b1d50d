//! What the model's library does with the data that the signature let pass: columns become the cells of a frame.
//!
//! LightGBM takes columns by position, CatBoost by name; each refuses what its Python package refuses.

use std::collections::HashMap;

use yummy_models::{Feature, FeatureKind, Frame, engine::Categories};

use super::{
    array::Array,
    enforce::Ready,
    error::ProtocolError,
    plan::{Library, Plan},
    python::{Value, number::to_float},
    table::{Column, Data, Label, Table, cast::to_doubles},
};

/// Rows that were written, and whether the request was one flat row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) rows: usize,
    pub(crate) single: bool,
}

/// Fills `frame` with the request's cells.
///
/// # Errors
/// [`ProtocolError`] of kind model: what the Python package would raise.
pub(crate) fn bind(ready: Ready, plan: &Plan, frame: &mut Frame) -> Result<Bound, ProtocolError> {
    frame.reset(plan.features.len());
    let bound = match (ready, plan.library) {
        (Ready::Unusable(reason), _) => Err(reason),
        (Ready::Table(table), Library::LightGbm) => lightgbm_table(&table, &plan.features, frame),
        (Ready::Table(table), Library::CatBoost) => catboost_table(&table, &plan.features, frame),
        (Ready::Array(array), Library::LightGbm) => lightgbm_array(&array, &plan.features, frame),
        (Ready::Array(array), Library::CatBoost) => catboost_array(&array, &plan.features, frame),
    };
    bound.map_err(|reason| ProtocolError::model(&reason))
}

fn lightgbm_table(table: &Table, features: &[Feature], frame: &mut Frame) -> Result<Bound, String> {
    if table.rows == 0 {
        return Err("Input data must be 2 dimensional and non empty.".into());
    }
    let columns: Vec<&Column> = table.columns.iter().collect();
    same_count(columns.len(), features)?;
    let listed = |feature: &Feature| matches!(feature.kind, FeatureKind::ListedCategory(_));
    let bad = columns.iter().zip(features).find(|(column, feature)| {
        !listed(feature) && matches!(column.data, Data::Text(_) | Data::Object(_) | Data::Opaque(..))
    });
    if let Some((column, _)) = bad {
        return Err(format!("pandas dtypes must be int, float or bool, not {}", column.data.dtype()));
    }
    fill(&columns, features, table.rows, frame)
}

/// LightGBM's own check, in its words.
fn same_count(got: usize, features: &[Feature]) -> Result<(), String> {
    if got == features.len() {
        return Ok(());
    }
    Err(format!(
        "The number of features in data ({got}) is not the same as it was in training data ({}).",
        features.len()
    ))
}

fn lightgbm_array(array: &Array, features: &[Feature], frame: &mut Frame) -> Result<Bound, String> {
    let [rows, width] = array.shape[..] else {
        return Err("Input numpy.ndarray or list must be 2 dimensional".into());
    };
    same_count(width, features)?;
    if rows == 0 {
        return Err("Input data must be 2 dimensional and non empty.".into());
    }
    // Whatever is not of a float dtype goes through float32.
    let narrow = !matches!(array.data, Data::Float(_) | Data::Single(_));
    let cells = to_doubles(&array.data).map_err(|reason| reason.0)?;
    for row in cells.chunks_exact(width) {
        for ((cell, &value), feature) in frame.push_row().iter_mut().zip(row).zip(features) {
            let value = if narrow { f64::from(value as f32) } else { value };
            *cell = match &feature.kind {
                FeatureKind::ListedCategory(categories) => listed(&Value::Float(value), categories),
                FeatureKind::Number | FeatureKind::HashedCategory => value,
            };
        }
    }
    Ok(Bound { rows, single: false })
}

fn catboost_table(table: &Table, features: &[Feature], frame: &mut Frame) -> Result<Bound, String> {
    if table.columns.is_empty() {
        return Err("Input data must have at least one feature".into());
    }
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(table.columns.len());
    for (place, column) in table.columns.iter().enumerate() {
        if let Label::Text(name) = &column.label
            && places.insert(name, place).is_some()
        {
            return Err("All feature names should be different, but one is used more than once.".into());
        }
    }
    let by_name: Option<Vec<&Column>> =
        features.iter().map(|feature| places.get(feature.name.as_str()).map(|&place| &table.columns[place])).collect();
    let columns = match by_name {
        Some(columns) => columns,
        None => catboost_by_position(table, features)?,
    };
    fill(&columns, features, table.rows, frame)
}

fn catboost_by_position<'a>(table: &'a Table, features: &[Feature]) -> Result<Vec<&'a Column>, String> {
    for (place, feature) in features.iter().enumerate() {
        let Some(column) = table.columns.get(place) else {
            return Err(format!("Feature {} is present in model but not in pool.", feature.name));
        };
        let same = match &column.label {
            Label::Text(name) => **name == *feature.name,
            Label::Int(number) => number.to_string() == feature.name,
            Label::Other => false,
        };
        // Models that were trained without names check none.
        if !same && feature.name != place.to_string() {
            return Err(format!("At position {place} should be feature with name {}.", feature.name));
        }
    }
    Ok(table.columns.iter().take(features.len()).collect())
}

fn catboost_array(array: &Array, features: &[Feature], frame: &mut Frame) -> Result<Bound, String> {
    let (rows, width, single) = match array.shape[..] {
        [width] => (1, width, true),
        [rows, width] => (rows, width, false),
        _ => return Err("Input data has invalid shape. Must be 2 dimensional".into()),
    };
    if array.scalar || width == 0 {
        return Err("Input data must have at least one feature".into());
    }
    if let Some(feature) = features.get(width) {
        return Err(format!("Feature {} is present in model but not in pool.", feature.name));
    }
    let hashed = features.iter().any(|feature| feature.kind == FeatureKind::HashedCategory);
    if hashed && matches!(array.data, Data::Float(_) | Data::Single(_)) {
        return Err("'data' is numpy array of floating point numerical type, it means no categorical features".into());
    }
    for row in 0..rows {
        let cells = frame.push_row();
        for ((place, cell), feature) in cells.iter_mut().enumerate().zip(features) {
            let value = array.data.value(row * width + place).ok_or("a value of no accepted type")?;
            *cell = self::cell(&value, feature)?;
        }
    }
    Ok(Bound { rows, single })
}

/// Fills the frame column by column.
fn fill(columns: &[&Column], features: &[Feature], rows: usize, frame: &mut Frame) -> Result<Bound, String> {
    for _ in 0..rows {
        frame.push_row();
    }
    for (place, (column, feature)) in columns.iter().zip(features).enumerate() {
        let numeric = !matches!(column.data, Data::Text(_) | Data::Object(_) | Data::Opaque(..));
        if feature.kind == FeatureKind::Number && numeric {
            let values = to_doubles(&column.data).map_err(|reason| reason.0)?;
            for (row, value) in values.into_iter().enumerate() {
                frame.row_mut(row)[place] = value;
            }
            continue;
        }
        for row in 0..rows {
            let value = column.data.value(row).ok_or("a value of no accepted type")?;
            frame.row_mut(row)[place] = cell(&value, feature)?;
        }
    }
    Ok(Bound { rows, single: false })
}

/// The cell of one Python value.
pub(crate) fn cell(value: &Value, feature: &Feature) -> Result<f64, String> {
    match &feature.kind {
        FeatureKind::Number => match value {
            Value::List(_) | Value::Dict(_) | Value::Surrogates => Err("Cannot convert obj to float".into()),
            Value::Text(text) => catboost_float(text).ok_or_else(|| "Cannot convert text to float".into()),
            value => to_float(value).map_err(|reason| reason.0),
        },
        FeatureKind::HashedCategory => match value {
            Value::Text(text) => Ok(hashed(text)),
            Value::Bool(value) => Ok(hashed(if *value { "1" } else { "0" })),
            Value::Int(value) => Ok(hashed(&value.to_string())),
            // numpy's unsigned integers have a decimal text, Python's larger ones overflow.
            Value::BigInt(digits) if digits.parse::<u64>().is_ok() => Ok(hashed(digits)),
            Value::BigInt(_) => Err("Python int too large to convert to C long".into()),
            Value::Null => Err("must be real number, not NoneType".into()),
            Value::Float(_) | Value::List(_) | Value::Dict(_) | Value::Surrogates => Err(
                "Invalid type for cat_feature : cat_features must be integer or string, real number values and NaN \
                     values should be converted to string."
                    .into(),
            ),
        },
        FeatureKind::ListedCategory(categories) => Ok(listed(value, categories)),
    }
}

/// Words that CatBoost takes for a missing number, in any case.
const CATBOOST_MISSING: [&str; 15] = [
    "", "-", "nan", "null", "none", "na", "n/a", "#n/a", "#na", "#n/a n/a", "-nan", "-1.#ind", "1.#ind", "-1.#qnan",
    "1.#qnan",
];

/// The number that CatBoost reads from a text; it is stricter than Python, and knows words for what is missing.
fn catboost_float(text: &str) -> Option<f64> {
    if CATBOOST_MISSING.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Some(f64::NAN);
    }
    let text = text.trim_start();
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    let first = body.strip_prefix('.').unwrap_or(body).as_bytes().first()?;
    if first.is_ascii_digit() { fast_float2::parse(text).ok() } else { None }
}

/// The code of a value in a pandas category, NaN when it is not in the list.
pub(crate) fn listed(value: &Value, categories: &Categories) -> f64 {
    match value {
        Value::Text(text) => categories.code_of_text(text),
        Value::Bool(value) => categories.code_of_bool(*value),
        Value::Int(value) => categories.code_of_number(*value as f64),
        Value::Float(value) => categories.code_of_number(*value),
        Value::Null | Value::BigInt(_) | Value::Surrogates | Value::List(_) | Value::Dict(_) => f64::NAN,
    }
}

/// The cell of a CatBoost category: the 32-bit hash of its text.
fn hashed(text: &str) -> f64 {
    yummy_models::category_hash(text.as_bytes())
}
