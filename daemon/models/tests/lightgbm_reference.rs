//! The native engine against LightGBM's own library, bit for bit, on rows that nobody has seen
//! (`make check-reference-lightgbm`).
//!
//! `YUMMY_REFERENCE_ROWS` sets how many rows each model gets; without it, some thousands. `YUMMY_REFERENCE_MODELS` names
//! the models (parts of their names, with commas between them), so that a long run can be done in pieces.

#![cfg(feature = "reference-lightgbm")]
#![allow(clippy::print_stdout, reason = "a long run says how far it is")]

mod common;

use std::fs;

use common::{Golden, awkward_rows, goldens, read_json};
use yummy_models::{
    Frame, LoadOptions, Method, Model, Scorer,
    container::{pickle::Pickle, skops::Skops},
    engine::{
        forest::Tree,
        lightgbm::{Estimator, LightGbm, text},
    },
};

const DEFAULT_ROWS: usize = 5_000;

/// Rows are made and compared in portions of this many, to bound memory.
const PORTION: usize = 10_000;

const CONTRIBUTION_ROWS: usize = 1_000;

#[test]
fn recorded_models_score_as_lightgbm_does() {
    for golden in goldens("lgb_").into_iter().filter(|golden| wanted(&golden.name)) {
        let native = Model::load(&golden.dir, &LoadOptions::default()).expect("a model");
        let options = LoadOptions { lightgbm_reference: true, ..LoadOptions::default() };
        let reference = Model::load(&golden.dir, &options).expect("a model");
        compare(&golden.name, native.scorer(), reference.scorer(), &trees(&text_of(&golden)));
    }
}

#[test]
fn models_of_every_kind_score_as_lightgbm_does() {
    let outputs = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/lightgbm/outputs.json");
    for (name, model) in read_json(outputs.as_ref())["models"].as_object().expect("models") {
        if !wanted(name) {
            continue;
        }
        let model = model["model"].as_str().expect("text");
        let booster = text::parse(name, model).expect("a model");
        let native = LightGbm::new(booster.clone(), Estimator::Booster, &[]).expect("a model");
        let reference = LightGbm::reference(booster, Estimator::Booster, &[], model).expect("a model");
        compare(name, &native, &reference, &trees(model));
        compare_contributions(name, model, &native);
    }
}

/// The models of `fixtures/engines/gen_lgb.py`, where `YUMMY_ENGINE_MODELS` names the folder that it wrote.
#[test]
fn large_models_score_as_lightgbm_does() {
    let Some(folder) = std::env::var_os("YUMMY_ENGINE_MODELS") else { return };
    for name in ["lgb_a.txt", "lgb_b.txt", "lgb_c.txt", "lgb_deep.txt", "lgb_wide.txt"] {
        let path = std::path::Path::new(&folder).join(name);
        let Some(model) = fs::read_to_string(path).ok().filter(|_| wanted(name)) else { continue };
        let booster = text::parse(name, &model).expect("a model");
        let native = LightGbm::new(booster.clone(), Estimator::Booster, &[]).expect("a model");
        let reference = LightGbm::reference(booster, Estimator::Booster, &[], &model).expect("a model");
        compare(name, &native, &reference, &trees(&model));
    }
}

fn wanted(name: &str) -> bool {
    std::env::var("YUMMY_REFERENCE_MODELS").map_or(true, |parts| parts.split(',').any(|part| name.contains(part)))
}

/// LightGBM's text, wherever the flavor has put it.
fn text_of(golden: &Golden) -> String {
    let file = ["model.lgb", "model.skops", "model.pkl"].map(|name| golden.dir.join(name));
    let bytes = fs::read(file.iter().find(|file| file.exists()).expect("a model file")).expect("its bytes");
    if bytes.starts_with(b"tree") {
        return String::from_utf8(bytes).expect("text");
    }
    if bytes.starts_with(b"PK") {
        let archive = Skops::open(&bytes).expect("an archive");
        let booster = archive.root().expect("a schema").get("_Booster").expect("a booster");
        return booster.get("_handle").and_then(|handle| handle.json()).expect("its text");
    }
    let pickle = Pickle::parse(&bytes).expect("a pickle");
    let booster = pickle.root().attribute("_Booster").expect("a booster");
    booster.attribute("_handle").and_then(|handle| handle.text()).expect("its text").to_owned()
}

fn trees(model: &str) -> Vec<std::sync::Arc<Tree>> {
    text::parse("model", model).expect("a model").trees.into_iter().map(|tree| tree.tree).collect()
}

fn compare(name: &str, native: &dyn Scorer, reference: &dyn Scorer, trees: &[std::sync::Arc<Tree>]) {
    let rows = std::env::var("YUMMY_REFERENCE_ROWS").map_or(DEFAULT_ROWS, |rows| rows.parse().expect("a number"));
    let features = native.features().len();
    let trees: Vec<&Tree> = trees.iter().map(|tree| &**tree).collect();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for (portion, start) in (0..rows).step_by(PORTION).enumerate() {
        let rows = PORTION.min(rows - start);
        let cells = awkward_rows(&trees, features, rows, portion as u64);
        let frame = Frame::from_cells(cells, rows, features).expect("whole rows");
        for method in [Method::RawScore, Method::Predict] {
            native.score(method, &frame, &mut ours).expect("a score");
            reference.score(method, &frame, &mut theirs).expect("a score");
            equal(&format!("{name} {}", method.as_str()), &ours, &theirs);
        }
    }
    println!("{name}: {rows} rows equal");
}

/// The library's crate gives contributions too, though only those of one output fit into what it makes room for.
fn compare_contributions(name: &str, model: &str, native: &dyn Scorer) {
    let booster = lightgbm3::Booster::from_string(model).expect("a model");
    if booster.num_classes() != 1 || native.output(Method::Contributions).is_none() {
        return;
    }
    let (features, trees) = (native.features().len(), trees(model));
    let trees: Vec<&Tree> = trees.iter().map(|tree| &**tree).collect();
    let cells = awkward_rows(&trees, features, CONTRIBUTION_ROWS, 7);
    let theirs = booster.predict_contrib(&cells, booster.num_features(), true).expect("contributions");
    let frame = Frame::from_cells(cells, CONTRIBUTION_ROWS, features).expect("whole rows");
    let mut ours = Vec::new();
    native.score(Method::Contributions, &frame, &mut ours).expect("contributions");
    equal(&format!("{name} contributions"), &ours, &theirs);
}

fn equal(what: &str, ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let same = ours.to_bits() == theirs.to_bits() || ours.is_nan() && theirs.is_nan();
        assert!(same, "{what} value {index}: {ours:e}, LightGBM {theirs:e}");
    }
}
