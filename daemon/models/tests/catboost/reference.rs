//! Our engine against CatBoost's own library (cargo feature `reference-catboost`, `make check-reference-catboost`): the
//! same bits for the same rows, on every model that the library reads.

use std::{env, fs};

use yummy_models::{
    Frame, LoadError, LoadOptions, Method, Model, Scorer,
    engine::catboost::{CatBoostReference, LIBRARY_VARIABLE},
};

use crate::{
    compared::Recorded,
    recorded::folders,
    support::{fixtures, frame},
};

#[test]
fn reference_gives_the_same_bits_for_recorded_models() {
    if !has_library() {
        return;
    }
    let mut compared = 0;
    for folder in folders() {
        let recorded = Recorded::read(&folder);
        let ours = recorded.load().unwrap();
        match CatBoostReference::read("model.cb", &recorded.bytes, recorded.model_type) {
            Ok(reference) => {
                same(&folder.display().to_string(), &ours, &reference, &recorded.rows(40));
                compared += 1;
            }
            Err(error) => assert!(matches!(error, LoadError::Unsupported { .. }), "{}: {error}", folder.display()),
        }
    }
    println!("{compared} recorded models compared with CatBoost's own library");
    assert!(compared >= 8, "only {compared} models");
}

#[test]
fn reference_gives_the_same_bits_for_the_fixtures() {
    if !has_library() {
        return;
    }
    let mut compared = 0;
    for fixture in fixtures().iter().filter(|fixture| fixture.support == "yes") {
        let ours = Model::load(&fixture.dir, &LoadOptions::default()).unwrap();
        let options = LoadOptions { catboost_reference: true, ..LoadOptions::default() };
        match Model::load(&fixture.dir, &options) {
            Ok(reference) => {
                let rows = frame(ours.scorer(), fixture.golden["rows"].as_array().unwrap());
                same(&fixture.name, ours.scorer(), reference.scorer(), &rows);
                compared += 1;
            }
            // JSON.
            Err(error) => assert!(matches!(error, LoadError::Unsupported { .. }), "{}: {error}", fixture.name),
        }
    }
    println!("{compared} models of the fixtures compared with CatBoost's own library");
}

fn has_library() -> bool {
    let is_there = env::var_os(LIBRARY_VARIABLE).is_some_and(|path| fs::exists(path).unwrap_or(false));
    if !is_there {
        eprintln!("skipped: {LIBRARY_VARIABLE} names no file; make check-reference-catboost fetches the library");
    }
    is_there
}

/// Compares all methods that both offer, on all rows together and on the first rows one by one.
fn same(name: &str, ours: &dyn Scorer, reference: &dyn Scorer, rows: &Frame) {
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    for method in [Method::Predict, Method::RawScore, Method::PredictProba] {
        assert_eq!(ours.output(method), reference.output(method), "{name}");
        if ours.output(method).is_none() {
            continue;
        }
        ours.score(method, rows, &mut own).unwrap();
        reference.score(method, rows, &mut theirs).unwrap();
        assert!(own.iter().map(|value| value.to_bits()).eq(theirs.iter().map(|value| value.to_bits())), "{name}");
        let width = own.len() / rows.rows();
        for row in 0..rows.rows().min(20) {
            let single = Frame::from_cells(rows.row(row).to_vec(), 1, rows.cols()).unwrap();
            let mut alone = Vec::new();
            ours.score(method, &single, &mut alone).unwrap();
            assert!(
                alone.iter().zip(&own[row * width..]).all(|(one, all)| one.to_bits() == all.to_bits()),
                "{name} {row}"
            );
        }
    }
}
