//! The fixtures' models with their recorded answers, and how an answer is compared with one.

use std::{fs, path::PathBuf};

use serde_json::Value;
use yummy_models::{FeatureKind, Frame, Labels, Method, Model, Scorer, Shape, Values, category_hash};

/// One model of the fixtures.
pub(crate) struct Fixture {
    pub(crate) name: String,
    /// What the fixtures say of it: `yes` or `expected_unsupported`.
    pub(crate) support: String,
    /// Its directory.
    pub(crate) dir: PathBuf,
    /// Its recorded answers.
    pub(crate) golden: Value,
}

/// All CatBoost models of the fixtures.
pub(crate) fn fixtures() -> Vec<Fixture> {
    let root = yummy_fixtures::mlflow();
    let index = json(&root.join("index.json"));
    let models = index["models"].as_array().unwrap().iter();
    let fixture = |model: &Value| {
        let name = model["name"].as_str().unwrap().to_owned();
        let golden = json(&root.join(format!("golden/{name}.json")));
        let dir = root.join(model["path"].as_str().unwrap());
        Fixture { name, support: model["support"].as_str().unwrap().to_owned(), dir, golden }
    };
    let found: Vec<Fixture> =
        models.filter(|model| model["name"].as_str().unwrap().starts_with("cb_")).map(fixture).collect();
    assert!(found.len() >= 24, "only {} CatBoost models in {}", found.len(), root.display());
    found
}

fn json(path: &PathBuf) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The frame of recorded rows: numbers as they are, categories hashed from the text that Python would hash.
pub(crate) fn frame(model: &dyn Scorer, rows: &[Value]) -> Frame {
    let mut frame = Frame::new(model.features().len());
    for row in rows {
        let cells = frame.push_row();
        for ((cell, feature), value) in cells.iter_mut().zip(model.features()).zip(row.as_array().unwrap()) {
            *cell = match (&feature.kind, value) {
                (FeatureKind::HashedCategory, Value::String(text)) => category_hash(text.as_bytes()),
                (FeatureKind::HashedCategory, other) => category_hash(other.to_string().as_bytes()),
                (_, value) => number(value),
            };
        }
    }
    frame
}

/// A recorded number.
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) if text == "NaN" => f64::NAN,
        Value::String(text) if text == "Infinity" => f64::INFINITY,
        Value::String(text) if text == "-Infinity" => f64::NEG_INFINITY,
        Value::Bool(value) => f64::from(u8::from(*value)),
        value => value.as_f64().unwrap_or_else(|| panic!("{value} is no number")),
    }
}

/// Asserts that `method` answers `expected` to the recorded rows: the same shape, kind and bits.
pub(crate) fn check(fixture: &Fixture, model: &Model, method: Method, expected: &Value, kind: &Value) {
    let (name, scorer) = (&fixture.name, model.scorer());
    let rows = fixture.golden["rows"].as_array().unwrap();
    let output = scorer.output(method).unwrap_or_else(|| panic!("{name} has no {}", method.as_str()));
    let shape: Vec<u64> = kind["shape"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap()).collect();
    let own_shape = match output.shape {
        Shape::Vector => vec![rows.len() as u64],
        Shape::Matrix(width) => vec![rows.len() as u64, width as u64],
    };
    assert_eq!(own_shape, shape, "{name} {}", method.as_str());
    let mut answer = Vec::new();
    scorer.score(method, &frame(scorer, rows), &mut answer).unwrap();
    let expected = flat(expected);
    assert_eq!(answer.len(), expected.len(), "{name} {}", method.as_str());
    for (at, (&own, theirs)) in answer.iter().zip(&expected).enumerate() {
        let same = match &output.values {
            Values::Float => own.to_bits() == number(theirs).to_bits(),
            Values::Int => theirs.as_i64() == Some(own as i64),
            Values::Labels(labels) => label(labels, own as usize) == **theirs,
        };
        assert!(same, "{name} {} value {at}: {own:?} instead of {theirs}", method.as_str());
    }
}

fn flat(values: &Value) -> Vec<&Value> {
    match values {
        Value::Array(values) => values.iter().flat_map(flat).collect(),
        value => vec![value],
    }
}

fn label(labels: &Labels, at: usize) -> Value {
    match labels {
        Labels::Int(labels) => labels[at].into(),
        Labels::Float(labels) => labels[at].into(),
        Labels::Bool(labels) => labels[at].into(),
        Labels::Text(labels) => labels[at].clone().into(),
    }
}
