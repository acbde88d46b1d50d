//! Scores the rows that `scripts/compare_catboost.py` wrote and counts the answers that differ from Python's by a bit.
//!
//! `cargo run -p yummy-models --example catboost_compare -- FOLDER`, run by that script.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // A program for developers, over files that it has just been given.

use std::{env, fs, path::Path, process::ExitCode};

use serde_json::Value;
use yummy_models::{
    Frame, Labels, Method, Scorer, Shape, Values, category_hash,
    engine::catboost::{CatBoost, ModelType},
};

fn main() -> ExitCode {
    let root = env::args_os().nth(1).expect("usage: catboost_compare FOLDER");
    let mut folders: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let differing: usize = folders.iter().map(|folder| compare(folder)).sum();
    println!("{} models, {differing} answers differ", folders.len());
    if differing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn compare(folder: &Path) -> usize {
    let name = folder.file_name().unwrap().to_string_lossy();
    let about: Value = serde_json::from_slice(&fs::read(folder.join("about.json")).unwrap()).unwrap();
    let model_type = ModelType::from_name(about["model_type"].as_str().unwrap()).unwrap();
    let model = match CatBoost::read("model.cb", &fs::read(folder.join("model.cb")).unwrap(), model_type) {
        Ok(model) => model,
        Err(error) => {
            println!("{name}: {error}");
            return 1;
        }
    };
    let frame = frame(folder, &about);
    let answers = about["answers"].as_object().unwrap();
    answers
        .iter()
        .map(|(method, expected)| {
            let differing = differing(folder, &model, &frame, Method::from_name(method).unwrap(), expected);
            println!("{name} {method}: {differing} of {} rows' values differ", expected["shape"][0]);
            differing
        })
        .sum()
}

fn frame(folder: &Path, about: &Value) -> Frame {
    let rows = about["rows"].as_u64().unwrap() as usize;
    let columns: Vec<Vec<f64>> = about["columns"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(place, kind)| {
            let bytes = fs::read(folder.join(format!("column{place}"))).unwrap();
            match kind.as_str().unwrap() {
                "category" => bytes.split(|&byte| byte == b'\n').map(category_hash).collect(),
                _ => doubles(&bytes),
            }
        })
        .collect();
    let cells = (0..rows).flat_map(|row| columns.iter().map(move |column| column[row])).collect();
    Frame::from_cells(cells, rows, columns.len()).unwrap()
}

fn doubles(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect()
}

fn differing(folder: &Path, model: &CatBoost, frame: &Frame, method: Method, expected: &Value) -> usize {
    let shape: Vec<usize> =
        expected["shape"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap() as usize).collect();
    let Some(output) = model.output(method) else {
        println!("no {}", method.as_str());
        return 0;
    };
    let own = match output.shape {
        Shape::Vector => vec![shape[0]],
        Shape::Matrix(width) => vec![shape[0], width],
    };
    if own != shape {
        println!("shape {own:?} instead of {shape:?}");
        return 1;
    }
    let cells = frame.cells()[..shape[0] * frame.cols()].to_vec();
    let frame = Frame::from_cells(cells, shape[0], frame.cols()).unwrap();
    let mut answer = Vec::new();
    model.score(method, &frame, &mut answer).unwrap();
    let Some(values) = expected["values"].as_array() else {
        let expected = doubles(&fs::read(folder.join(method.as_str())).unwrap());
        assert_eq!(expected.len(), answer.len());
        let far = answer.iter().zip(&expected).map(|(own, theirs)| (own - theirs).abs()).fold(0.0, f64::max);
        let differing = answer.iter().zip(&expected).filter(|(own, theirs)| own.to_bits() != theirs.to_bits()).count();
        if differing > 0 {
            println!("largest difference {far:e}");
        }
        return differing;
    };
    let same = |(&own, theirs): (&f64, &Value)| match &output.values {
        Values::Float => Some(own) == theirs.as_f64(),
        Values::Int => Some(own as i64) == theirs.as_i64(),
        Values::Labels(labels) => label(labels, own as usize) == *theirs,
    };
    answer.iter().zip(values).filter(|&pair| !same(pair)).count()
}

fn label(labels: &Labels, at: usize) -> Value {
    match labels {
        Labels::Int(labels) => labels[at].into(),
        Labels::Float(labels) => labels[at].into(),
        Labels::Bool(labels) => labels[at].into(),
        Labels::Text(labels) => labels[at].clone().into(),
    }
}
