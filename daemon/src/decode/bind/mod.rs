//! What the model's library does with the data that the signature let pass: columns become the cells of a frame.
//!
//! LightGBM takes columns by position, CatBoost by name; each refuses what its Python package refuses.

mod catboost;

use yummy_models::{Feature, FeatureKind, Frame, engine::Categories};

use super::{
    array::Array,
    enforce::Ready,
    error::ProtocolError,
    plan::{Library, Plan},
    python::Value,
    table::{Column, Data, Table, cast::to_doubles},
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
        (Ready::Table(table), Library::LightGbm | Library::LightGbmEstimator) => {
            lightgbm_table(&table, &plan.features, frame)
        }
        (Ready::Table(table), Library::CatBoost) => catboost::table(&table, plan, frame),
        (Ready::Array(array), Library::LightGbm | Library::LightGbmEstimator) => lightgbm_array(&array, plan, frame),
        (Ready::Array(array), Library::CatBoost) => catboost::array(&array, plan, frame),
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
    let bad = columns.iter().zip(features).find(|(column, feature)| !listed(feature) && !column.data.is_numeric());
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

fn lightgbm_array(array: &Array, plan: &Plan, frame: &mut Frame) -> Result<Bound, String> {
    let features = &plan.features;
    let [rows, width] = array.shape[..] else {
        return Err("Input numpy.ndarray or list must be 2 dimensional".into());
    };
    same_count(width, features)?;
    if rows == 0 {
        return Err("Input data must be 2 dimensional and non empty.".into());
    }
    // Whatever is not of a float dtype goes through float32; scikit-learn's check makes float64 of objects before.
    let narrow = match (&array.data, plan.library) {
        (Data::Float(_) | Data::Single(_), _) | (Data::Object(_), Library::LightGbmEstimator) => false,
        (Data::Text(_), Library::LightGbmEstimator) => {
            return Err("dtype='numeric' is not compatible with arrays of bytes/strings.".into());
        }
        _ => true,
    };
    let cells = match &array.data {
        // Of an array, not even a missing time is looked at.
        Data::Time(times, _) => times.iter().map(|&time| time as f64).collect(),
        data => to_doubles(data).map_err(|reason| reason.0)?,
    };
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

/// Fills the frame column by column; a column of texts or objects is one of categories.
fn fill(columns: &[&Column], features: &[Feature], rows: usize, frame: &mut Frame) -> Result<Bound, String> {
    for _ in 0..rows {
        frame.push_row();
    }
    for (place, (column, feature)) in columns.iter().zip(features).enumerate() {
        if let FeatureKind::ListedCategory(categories) = &feature.kind {
            for row in 0..rows {
                let value = column.data.value(row).ok_or("a value of no accepted type")?;
                frame.row_mut(row)[place] = listed(&value, categories);
            }
            continue;
        }
        let values = to_doubles(&column.data).map_err(|reason| reason.0)?;
        for (row, value) in values.into_iter().enumerate() {
            frame.row_mut(row)[place] = value;
        }
    }
    Ok(Bound { rows, single: false })
}

/// The code of a value in a pandas category, NaN when it is not in the list.
pub(crate) fn listed(value: &Value, categories: &Categories) -> f64 {
    match value {
        Value::Text(text) => categories.code_of_text(text),
        Value::Bool(value) => categories.code_of_bool(*value),
        Value::Int(value) => categories.code_of_number(*value as f64),
        Value::Float(value) => categories.code_of_number(*value),
        Value::Null | Value::BigInt(_) | Value::Surrogates | Value::Bytes(_) | Value::List(_) | Value::Dict(_) => {
            f64::NAN
        }
    }
}
