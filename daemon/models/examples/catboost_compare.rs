//! Scores the rows that `scripts/compare_catboost.py` wrote and counts the answers that differ from Python's by a bit.
//!
//! `cargo run -p yummy-models --example catboost_compare -- FOLDER`, run by that script. With the cargo feature
//! `reference-catboost` CatBoost's own library is compared too, on the binary models.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // A program for developers, over files that it has just been given.

#[path = "../tests/catboost/compared.rs"]
mod compared;

use std::{env, fs, path::Path, process::ExitCode};

use compared::Recorded;
use yummy_models::{
    LoadError, Scorer,
    engine::catboost::{CatBoost, ModelType},
};

fn main() -> ExitCode {
    let root = env::args_os().nth(1).expect("usage: catboost_compare FOLDER");
    let mut folders: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let mut differing = 0;
    for folder in &folders {
        if let Some(what) = Recorded::refused(folder) {
            differing += refused(folder, &what);
            continue;
        }
        let recorded = Recorded::read(folder);
        match recorded.load() {
            Ok(model) => differing += report(folder, "ours", &recorded, &model),
            Err(error) => {
                println!("{}: {error}", folder.display());
                differing += 1;
            }
        }
        #[cfg(feature = "reference-catboost")]
        match yummy_models::engine::catboost::CatBoostReference::read("model.cb", &recorded.bytes, recorded.model_type)
        {
            Ok(model) => differing += report(folder, "reference", &recorded, &model),
            Err(error) => println!("{} reference: {error}", folder.display()),
        }
    }
    println!("{} models, {differing} values differ", folders.len());
    if differing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// 1 unless the model is refused as unsupported, by name.
fn refused(folder: &Path, what: &str) -> usize {
    let bytes = fs::read(folder.join("model.cb")).unwrap();
    match CatBoost::read("model.cb", &bytes, ModelType::Classifier) {
        Err(LoadError::Unsupported { what: found }) if found.contains(what) => {
            println!("{}: unsupported, {found}", folder.display());
            0
        }
        other => {
            println!("{}: {what} are not refused: {other:?}", folder.display());
            1
        }
    }
}

fn report(folder: &Path, engine: &str, recorded: &Recorded, model: &dyn Scorer) -> usize {
    let name = folder.file_name().unwrap().to_string_lossy();
    let mut sum = 0;
    for comparison in recorded.compare(folder, model) {
        let method = comparison.method.as_str();
        match comparison.differing {
            Some(differing) => {
                println!("{name} {engine} {method}: {differing} differ, by {:e} at most", comparison.largest);
            }
            None => println!("{name} {engine} {method}: not offered"),
        }
        sum += comparison.differing.unwrap_or(0);
    }
    sum
}
