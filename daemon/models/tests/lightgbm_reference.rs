//! The native engine against LightGBM's own library, bit for bit, on rows that nobody has seen
//! (`make check-reference-lightgbm`).
//!
//! `YUMMY_REFERENCE_ROWS` sets how many rows each model gets; without it, some thousands.

#![cfg(feature = "reference-lightgbm")]

mod common;

use std::fs;

use common::{awkward_rows, goldens, read_json};
use yummy_models::{
    Frame, LoadOptions, Method, Model, Scorer,
    engine::{
        forest::Tree,
        lightgbm::{Estimator, LightGbm, text},
    },
};

const DEFAULT_ROWS: usize = 5_000;

/// Rows are made and compared in portions of this many, to bound memory.
const PORTION: usize = 10_000;

#[test]
fn recorded_models_score_as_lightgbm_does() {
    for golden in goldens("lgb_") {
        let native = Model::load(&golden.dir, &LoadOptions::default()).expect("a model");
        let options = LoadOptions { lightgbm_reference: true, ..LoadOptions::default() };
        let reference = Model::load(&golden.dir, &options).expect("a model");
        let trees = fs::read_to_string(golden.dir.join("model.lgb")).map_or(Vec::new(), |model| trees(&model));
        compare(&golden.name, native.scorer(), reference.scorer(), &trees);
    }
}

#[test]
fn models_of_every_kind_score_as_lightgbm_does() {
    let outputs = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/lightgbm/outputs.json");
    for (name, model) in read_json(outputs.as_ref())["models"].as_object().expect("models") {
        let model = model["model"].as_str().expect("text");
        let booster = text::parse(name, model).expect("a model");
        let native = LightGbm::new(booster.clone(), Estimator::Booster, &[]).expect("a model");
        let reference = LightGbm::reference(booster, Estimator::Booster, &[], model).expect("a model");
        compare(name, &native, &reference, &trees(model));
    }
}

/// The models of `fixtures/engines/gen_lgb.py`, where `YUMMY_ENGINE_MODELS` names the folder that it wrote.
#[test]
fn large_models_score_as_lightgbm_does() {
    let Some(folder) = std::env::var_os("YUMMY_ENGINE_MODELS") else { return };
    for name in ["lgb_a.txt", "lgb_b.txt", "lgb_c.txt"] {
        let Ok(model) = fs::read_to_string(std::path::Path::new(&folder).join(name)) else { continue };
        let booster = text::parse(name, &model).expect("a model");
        let native = LightGbm::new(booster.clone(), Estimator::Booster, &[]).expect("a model");
        let reference = LightGbm::reference(booster, Estimator::Booster, &[], &model).expect("a model");
        compare(name, &native, &reference, &trees(&model));
    }
}

fn trees(model: &str) -> Vec<std::sync::Arc<Tree>> {
    text::parse("model", model).expect("a model").trees.into_iter().map(|tree| tree.tree).collect()
}

fn compare(name: &str, native: &dyn Scorer, reference: &dyn Scorer, trees: &[std::sync::Arc<Tree>]) {
    let rows = std::env::var("YUMMY_REFERENCE_ROWS").map_or(DEFAULT_ROWS, |rows| rows.parse().expect("a number"));
    let features = native.features().len();
    let trees: Vec<&Tree> = trees.iter().map(|tree| &**tree).collect();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for portion in 0..rows.div_ceil(PORTION) {
        // Portions differ in their length, which seeds their rows.
        let rows = PORTION.min(rows) - portion;
        let frame = Frame::from_cells(awkward_rows(&trees, features, rows), rows, features).expect("whole rows");
        for method in [Method::RawScore, Method::Predict] {
            native.score(method, &frame, &mut ours).expect("a score");
            reference.score(method, &frame, &mut theirs).expect("a score");
            assert_eq!(ours.len(), theirs.len(), "{name}");
            for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                let same = ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan();
                assert!(same, "{name} {} value {index}: {ours:e}, LightGBM {theirs:e}", method.as_str());
            }
        }
    }
}
