//! Scores the rows that `scripts/compare_lightgbm.py` wrote and counts the answers that differ from Python's by a bit.
//!
//! `cargo run -p yummy-models --example lightgbm_compare -- FOLDER`, run by that script. What is not served natively is
//! listed by its reason, so that a gap cannot hide among the equal ones.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // A program for developers, over files that it has just been given.

use std::{collections::BTreeMap, env, fs, path::Path, process::ExitCode};

use serde_json::Value;
use yummy_models::{FeatureKind, Frame, Labels, LoadOptions, Method, Model, Output, Scorer, Shape, Values};

fn main() -> ExitCode {
    let root = env::args_os().nth(1).expect("usage: lightgbm_compare FOLDER");
    let mut folders: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let (mut models, mut values, mut differing) = (0, 0, 0);
    let mut unserved: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in folders.iter().filter(|folder| folder.join("about.json").exists()) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        match Model::load(&folder.join("model"), &LoadOptions::default()) {
            Ok(model) => {
                let (all, wrong) = compare(&name, folder, model.scorer());
                (models, values, differing) = (models + 1, values + all, differing + wrong);
            }
            Err(error) => unserved.entry(error.to_string()).or_default().push(name),
        }
    }
    for (reason, names) in &unserved {
        println!("not loaded: {reason}: {}", names.join(" "));
    }
    println!("{models} models, {values} values, {differing} differ");
    if differing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Values compared, and those that differ.
fn compare(name: &str, folder: &Path, scorer: &dyn Scorer) -> (usize, usize) {
    let about: Value = serde_json::from_slice(&fs::read(folder.join("about.json")).unwrap()).unwrap();
    let frame = frame(folder, &about, scorer);
    let doubles = doubles(&folder.join("answers.f64"));
    let (mut all, mut wrong) = (0, 0);
    for (method, expected) in about["answers"].as_object().unwrap() {
        let method = Method::from_name(method).unwrap();
        let Some(output) = scorer.output(method) else {
            println!("{name}: no {}", method.as_str());
            wrong += 1;
            continue;
        };
        let shape: Vec<usize> = serde_json::from_value(expected["shape"].clone()).unwrap();
        let differing = match describe(output, shape[0]) == (shape.clone(), kind(expected)) {
            true => differing(scorer, method, output, &first_rows(&frame, shape[0]), expected, &doubles),
            false => {
                println!("{name} {}: {output:?} instead of {expected}", method.as_str());
                1
            }
        };
        if differing > 0 {
            println!("{name} {}: {differing} of {} differ", method.as_str(), shape.iter().product::<usize>());
        }
        (all, wrong) = (all + shape.iter().product::<usize>(), wrong + differing);
    }
    (all, wrong)
}

fn differing(
    scorer: &dyn Scorer,
    method: Method,
    output: &Output,
    frame: &Frame,
    expected: &Value,
    doubles: &[f64],
) -> usize {
    let mut got = Vec::new();
    scorer.score(method, frame, &mut got).unwrap();
    if let Some(at) = expected["at"].as_u64() {
        let theirs = &doubles[at as usize..][..got.len()];
        let same = |a: &f64, b: &f64| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
        return got.iter().zip(theirs).filter(|(ours, theirs)| !same(&label_number(output, **ours), theirs)).count();
    }
    let Values::Labels(labels) = &output.values else { return got.len() };
    let theirs = expected["values"].as_array().unwrap();
    got.iter().zip(theirs).filter(|(ours, theirs)| label(labels, **ours as usize) != **theirs).count()
}

/// Shape, and numpy's letter for the type.
fn describe(output: &Output, rows: usize) -> (Vec<usize>, &'static str) {
    let shape = match output.shape {
        Shape::Vector => vec![rows],
        Shape::Matrix(width) => vec![rows, width],
    };
    let kind = match &output.values {
        Values::Float => "f",
        Values::Int => "i",
        Values::Labels(labels) => match **labels {
            Labels::Int(_) => "i",
            Labels::Float(_) => "f",
            Labels::Bool(_) => "b",
            Labels::Text(_) => "U",
        },
    };
    (shape, kind)
}

/// Unsigned integers are integers, and objects are told apart by what they are.
fn kind(expected: &Value) -> &'static str {
    let first = expected["values"].as_array().and_then(|values| values.first());
    match (expected["kind"].as_str().unwrap(), first) {
        ("O", Some(Value::Bool(_))) => "b",
        ("O", Some(Value::Number(number))) if number.is_f64() => "f",
        ("O", Some(Value::Number(_))) | ("u" | "i", _) => "i",
        ("O" | "U" | "T", _) => "U",
        ("b", _) => "b",
        _ => "f",
    }
}

fn label_number(output: &Output, value: f64) -> f64 {
    match &output.values {
        Values::Labels(labels) => match &**labels {
            Labels::Float(labels) => labels[value as usize],
            _ => f64::NAN,
        },
        Values::Float | Values::Int => value,
    }
}

fn label(labels: &Labels, at: usize) -> Value {
    match labels {
        Labels::Int(labels) => labels[at].into(),
        Labels::Float(labels) => labels[at].into(),
        Labels::Bool(labels) => labels[at].into(),
        Labels::Text(labels) => labels[at].as_str().into(),
    }
}

fn first_rows(frame: &Frame, rows: usize) -> Frame {
    Frame::from_cells(frame.cells()[..rows * frame.cols()].to_vec(), rows, frame.cols()).unwrap()
}

fn frame(folder: &Path, about: &Value, scorer: &dyn Scorer) -> Frame {
    let rows = about["rows"].as_u64().unwrap() as usize;
    let features = scorer.features();
    let Ok(text) = fs::read(folder.join("cells.json")) else {
        return Frame::from_cells(doubles(&folder.join("cells.f64")), rows, features.len()).unwrap();
    };
    let cells: Vec<Vec<Value>> = serde_json::from_slice(&text).unwrap();
    let cell = |(value, kind): (&Value, &FeatureKind)| match (kind, value) {
        (FeatureKind::ListedCategory(list), Value::String(text)) => list.code_of_text(text),
        (FeatureKind::ListedCategory(list), Value::Number(number)) => list.code_of_number(number.as_f64().unwrap()),
        (FeatureKind::ListedCategory(list), Value::Bool(value)) => list.code_of_bool(*value),
        (_, Value::Bool(value)) => f64::from(u8::from(*value)),
        (_, value) => value.as_f64().unwrap_or(f64::NAN),
    };
    let kinds = || features.iter().map(|feature| &feature.kind);
    let cells = cells.iter().flat_map(|row| row.iter().zip(kinds()).map(cell)).collect();
    Frame::from_cells(cells, rows, features.len()).unwrap()
}

fn doubles(path: &Path) -> Vec<f64> {
    let bytes = fs::read(path).unwrap();
    bytes.chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect()
}
