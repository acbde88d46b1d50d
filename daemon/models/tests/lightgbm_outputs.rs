//! Every output of small models of every kind, and estimators from every container: as Python gave them
//! (`data/lightgbm/make.py`).

mod common;

use std::{fs, path::Path};

use common::{flatten, number, read_json};
use serde_json::{Value, json};
use yummy_models::{
    Frame, Labels, LoadOptions, Method, MlModel, Scorer, Shape, Values,
    engine::lightgbm::{Estimator, LightGbm, text},
    flavor,
};

#[test]
fn all_outputs_of_boosters_have_the_bits_of_python() {
    let recorded = read_json(&data("outputs.json"));
    let frame = frame(&recorded["rows"]);
    for (name, model) in recorded["models"].as_object().expect("models") {
        let booster = text::parse(name, model["model"].as_str().expect("text")).expect(name);
        let scorer = LightGbm::new(booster, Estimator::Booster, &[]).expect(name);
        for method in [Method::Predict, Method::RawScore, Method::LeafIndex, Method::Contributions] {
            let expected = &model[method.as_str()];
            if *expected == Value::Null {
                assert_eq!(scorer.output(method), None, "{name}");
            } else {
                equal(&format!("{name} {}", method.as_str()), &scorer, method, &frame, expected);
            }
        }
    }
}

#[test]
fn estimators_of_every_container_give_the_labels_of_python() {
    let recorded = read_json(&data("estimators.json"));
    let frame = frame(&recorded["rows"]);
    for (name, expected) in recorded["files"].as_object().expect("files") {
        let scorer = load_estimator(name);
        equal(name, &*scorer, Method::Predict, &frame, &expected["predict"]);
        if expected["predict_proba"] == Value::Null {
            assert_eq!(scorer.output(Method::PredictProba), None, "{name}");
        } else {
            equal(name, &*scorer, Method::PredictProba, &frame, &expected["predict_proba"]);
        }
        let dtype = match &scorer.output(Method::Predict).expect("predict").values {
            Values::Labels(labels) => kind(labels),
            Values::Float | Values::Int => "f",
        };
        let expected = expected["dtype"].as_str().expect("a dtype");
        assert_eq!(dtype, expected.replace('u', "i").replace('O', "U"), "{name}");
    }
}

fn load_estimator(name: &str) -> Box<dyn Scorer> {
    let dir = tempfile::tempdir().expect("a folder");
    fs::copy(data(name), dir.path().join(name)).expect("a copy");
    let text = format!("flavors:\n  lightgbm:\n    data: {name}\n");
    let mlmodel = MlModel::parse(&text).expect("an MLmodel");
    flavor::load(dir.path(), &mlmodel, &LoadOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn equal(name: &str, scorer: &dyn Scorer, method: Method, frame: &Frame, expected: &Value) {
    let output = scorer.output(method).unwrap_or_else(|| panic!("{name}: no such output"));
    let mut got = Vec::new();
    scorer.score(method, frame, &mut got).expect(name);
    assert_eq!(shape(expected), shape_of(output.shape, frame.rows()), "{name}");
    if let Values::Labels(labels) = &output.values {
        let got: Vec<Value> = got.iter().map(|&index| label(labels, index as usize)).collect();
        assert_eq!(Value::from(got), *expected, "{name}");
        return;
    }
    let mut wanted = Vec::new();
    flatten(expected, &mut wanted);
    for (index, (got, wanted)) in got.iter().zip(&wanted).enumerate() {
        let same = got.to_bits() == wanted.to_bits() || got.is_nan() && wanted.is_nan();
        assert!(same, "{name} value {index}: {got:e} instead of {wanted:e}");
    }
    assert_eq!(got.len(), wanted.len(), "{name}");
}

fn shape(value: &Value) -> Vec<usize> {
    let Some(list) = value.as_array() else { return Vec::new() };
    let mut sizes = vec![list.len()];
    sizes.extend(shape(&list[0]));
    sizes
}

fn shape_of(shape: Shape, rows: usize) -> Vec<usize> {
    match shape {
        Shape::Vector => vec![rows],
        Shape::Matrix(width) => vec![rows, width],
    }
}

fn frame(rows: &Value) -> Frame {
    let rows = rows.as_array().expect("rows");
    let mut frame = Frame::new(rows[0].as_array().expect("a row").len());
    for row in rows {
        for (cell, value) in frame.push_row().iter_mut().zip(row.as_array().expect("a row")) {
            *cell = number(value);
        }
    }
    frame
}

fn label(labels: &Labels, index: usize) -> Value {
    match labels {
        Labels::Int(labels) => json!(labels[index]),
        Labels::Float(labels) => json!(labels[index]),
        Labels::Bool(labels) => json!(labels[index]),
        Labels::Text(labels) => json!(labels[index]),
    }
}

/// numpy's letter for the type of the labels.
fn kind(labels: &Labels) -> &'static str {
    match labels {
        Labels::Int(_) => "i",
        Labels::Float(_) => "f",
        Labels::Bool(_) => "b",
        Labels::Text(_) => "U",
    }
}

fn data(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lightgbm").join(name)
}
