//! Every recorded LightGBM model gives exactly what Python gave: the same bits, shapes and labels.

mod common;

use common::{Golden, flatten, goldens};
use serde_json::Value;
use yummy_models::{Labels, LoadOptions, Method, Model, Output, Scorer, Shape, Values};

/// Recorded LightGBM models.
const MODELS: usize = 45;

#[test]
fn every_model_predicts_the_same_bits() {
    let all = goldens("lgb_");
    if all.is_empty() {
        return;
    }
    assert!(all.len() >= MODELS, "only {} models", all.len());
    all.iter().for_each(check);
}

fn check(golden: &Golden) {
    let model = load(golden);
    let predictions = match golden.json.get("predict_error") {
        // MLflow itself cannot serve it: the answer is what LightGBM gives when the frame has the category type.
        Some(_) => &golden.json["extras"]["with_categories"],
        None => &golden.json,
    };
    let values = predictions.get("predictions").unwrap_or(&predictions["values"]);
    equal(golden, model.scorer(), Method::Predict, values, &predictions["kind"]);
    for (method, name) in [(Method::RawScore, "raw_score"), (Method::PredictProba, "predict_proba")] {
        let extra = &golden.json["extras"][name];
        if extra.get("values").is_some() {
            equal(golden, model.scorer(), method, &extra["values"], &extra["kind"]);
        }
    }
}

fn load(golden: &Golden) -> Model {
    Model::load(&golden.dir, &LoadOptions::default()).unwrap_or_else(|error| panic!("{}: {error}", golden.name))
}

fn equal(golden: &Golden, scorer: &dyn Scorer, method: Method, expected: &Value, kind: &Value) {
    let name = &golden.name;
    let frame = golden.frame(scorer.features());
    let output = scorer.output(method).unwrap_or_else(|| panic!("{name} has no {}", method.as_str()));
    let mut got = Vec::new();
    scorer.score(method, &frame, &mut got).expect("a frame of the model's own columns");
    assert_eq!(shape_of(output, frame.rows()), kind["shape"], "{name}");
    if let Values::Labels(labels) = &output.values {
        let got: Vec<Value> = got.iter().map(|&index| label(labels, index as usize)).collect();
        assert_eq!(Value::from(got), *expected, "{name}");
        return;
    }
    let mut wanted = Vec::new();
    flatten(expected, &mut wanted);
    assert_eq!(got.len(), wanted.len(), "{name}");
    for (index, (got, wanted)) in got.iter().zip(&wanted).enumerate() {
        let same = got.to_bits() == wanted.to_bits() || got.is_nan() && wanted.is_nan();
        assert!(same, "{name} {} value {index}: {got:e} instead of {wanted:e}", method.as_str());
    }
}

fn shape_of(output: &Output, rows: usize) -> Value {
    match output.shape {
        Shape::Vector => Value::from(vec![rows]),
        Shape::Matrix(width) => Value::from(vec![rows, width]),
    }
}

fn label(labels: &Labels, index: usize) -> Value {
    match labels {
        Labels::Int(labels) => labels[index].into(),
        Labels::Float(labels) => labels[index].into(),
        Labels::Bool(labels) => labels[index].into(),
        Labels::Text(labels) => labels[index].as_str().into(),
    }
}
