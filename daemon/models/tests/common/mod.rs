//! What the tests share: where the recorded fixtures are, and how a golden file becomes a frame.

#![allow(clippy::print_stderr, reason = "a skipped test says so")]
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::path::{Path, PathBuf};

use serde_json::Value;
use yummy_models::{Feature, FeatureKind, Frame};

/// The folder of recorded fixtures, or `None` with a note where it is not to be had.
pub(crate) fn shared() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var_os("YUMMY_SHARED").map_or_else(beside, PathBuf::from);
    if folder.join("fixtures/mlflow").is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: ../shared is not there");
    None
}

/// A model with what Python predicted for it.
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    pub(crate) json: Value,
}

/// All golden models whose name starts with `prefix`.
pub(crate) fn goldens(prefix: &str) -> Vec<Golden> {
    let Some(shared) = shared() else { return Vec::new() };
    let folder = shared.join("fixtures/mlflow");
    let index = read_json(&folder.join("index.json"));
    let models = index["models"].as_array().expect("models");
    let named = models.iter().filter(|model| model["name"].as_str().is_some_and(|name| name.starts_with(prefix)));
    named
        .map(|model| {
            let name = model["name"].as_str().expect("a name").to_owned();
            let dir = folder.join(model["path"].as_str().expect("a path"));
            let json = read_json(&folder.join(format!("golden/{name}.json")));
            Golden { name, dir, json }
        })
        .collect()
}

impl Golden {
    /// The rows as the model takes them.
    pub(crate) fn frame(&self, features: &[Feature]) -> Frame {
        let mut frame = Frame::new(features.len());
        for row in self.json["rows"].as_array().expect("rows") {
            let cells = row.as_array().expect("a row");
            assert_eq!(cells.len(), features.len(), "{}", self.name);
            for ((cell, value), feature) in frame.push_row().iter_mut().zip(cells).zip(features) {
                *cell = code(feature, value);
            }
        }
        frame
    }
}

fn code(feature: &Feature, value: &Value) -> f64 {
    match &feature.kind {
        FeatureKind::ListedCategory(categories) => match value {
            Value::String(text) => categories.code_of_text(text),
            Value::Number(number) => categories.code_of_number(number.as_f64().expect("a double")),
            Value::Bool(value) => categories.code_of_bool(*value),
            _ => f64::NAN,
        },
        FeatureKind::Number | FeatureKind::HashedCategory => number(value),
    }
}

/// A golden number: JSON's, or the three that JSON has not.
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::Number(number) => number.as_f64().expect("a double"),
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Null => f64::NAN,
        Value::String(text) => text.parse().expect("NaN or an infinity"),
        _ => panic!("{value} is not a cell"),
    }
}

/// All numbers of a value, however deep its lists are.
pub(crate) fn flatten(value: &Value, out: &mut Vec<f64>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| flatten(value, out)),
        _ => out.push(number(value)),
    }
}

pub(crate) fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
