//! Times our engine and CatBoost's own library on the models of `scripts/bench_catboost.py`, interleaved in one process.
//!
//! `YUMMY_CATBOOST_BENCH=FOLDER cargo run --release -p yummy-models --features reference-catboost --example
//! catboost_speed`: nanoseconds of wall time per row and thread, the least of many rounds, all engines in each round.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // A program for developers, over files that they have just made.

use std::{env, fs, path::Path, time::Instant};

use serde_json::Value;
use yummy_models::{
    FeatureKind, Frame, Method, Scorer, category_hash,
    engine::catboost::{CatBoost, ModelType},
};

const SIZES: [usize; 5] = [1, 10, 100, 1_000, 10_000];
const ROUNDS: usize = 60;
/// Rows that one timing covers at least, so that the clock's own cost does not count.
const ROWS_PER_TIMING: usize = 200;

fn main() {
    let root = env::var("YUMMY_CATBOOST_BENCH").expect("YUMMY_CATBOOST_BENCH names the folder of bench_catboost.py");
    let only = env::args().nth(1).unwrap_or_default();
    println!("| model | rows | ours ns/row | library | Python | library / ours | Python / ours |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for kind in ["numeric", "ctr"] {
        for trees in [100, 1000, 5000] {
            let name = format!("{kind}_{trees}");
            if name.contains(&only) {
                measure(&Path::new(&root).join(&name), &name);
            }
        }
    }
}

fn measure(folder: &Path, name: &str) {
    let bytes = fs::read(folder.join("model.cbm")).unwrap();
    let ours = CatBoost::read("model.cbm", &bytes, ModelType::Regressor).unwrap();
    let python: Value = serde_json::from_slice(&fs::read(folder.join("python.json")).unwrap()).unwrap();
    let mut engines: Vec<Box<dyn Scorer>> = Vec::new();
    let frame = frame(folder, &ours);
    println!("<!-- {name}: {} -->", ours.summary().kernels);
    engines.push(Box::new(ours));
    #[cfg(feature = "reference-catboost")]
    engines.push(Box::new(
        yummy_models::engine::catboost::CatBoostReference::read("model.cbm", &bytes, ModelType::Regressor).unwrap(),
    ));
    let expected: Vec<f64> = doubles(&fs::read(folder.join("expected.f64")).unwrap());
    for engine in &engines {
        let mut answer = Vec::new();
        engine.score(Method::Predict, &frame, &mut answer).unwrap();
        assert!(
            answer.iter().zip(&expected).all(|(own, theirs)| own.to_bits() == theirs.to_bits()),
            "{name}: {engine:?}"
        );
    }
    for rows in SIZES {
        let mut best = vec![f64::INFINITY; engines.len()];
        let parts: Vec<Frame> = (0..frame.rows() / rows)
            .take(64)
            .map(|part| {
                let cells = frame.cells()[part * rows * frame.cols()..][..rows * frame.cols()].to_vec();
                Frame::from_cells(cells, rows, frame.cols()).unwrap()
            })
            .collect();
        let repeat = (ROWS_PER_TIMING / rows).max(1);
        for round in 0..ROUNDS / if rows == 10_000 { 6 } else { 1 } {
            for (best, engine) in best.iter_mut().zip(&engines) {
                let mut answer = Vec::new();
                let start = Instant::now();
                for at in 0..repeat {
                    engine.score(Method::Predict, &parts[(round + at) % parts.len()], &mut answer).unwrap();
                }
                let per_row = start.elapsed().as_nanos() as f64 / (repeat * rows) as f64;
                *best = best.min(per_row);
            }
        }
        let python = python[rows.to_string()].as_f64().unwrap();
        let library = best.get(1).copied().unwrap_or(f64::NAN);
        println!(
            "| {name} | {rows} | {:.0} | {library:.0} | {python:.0} | {:.2} | {:.1} |",
            best[0],
            library / best[0],
            python / best[0]
        );
    }
}

fn frame(folder: &Path, model: &CatBoost) -> Frame {
    let numbers = doubles(&fs::read(folder.join("numbers.f64")).unwrap());
    let features = model.features();
    let number_count = features.iter().filter(|feature| feature.kind == FeatureKind::Number).count();
    let rows = numbers.len() / number_count;
    let texts: Vec<String> = features[number_count..]
        .iter()
        .map(|feature| fs::read_to_string(folder.join(format!("{}.txt", feature.name))).unwrap())
        .collect();
    let hashes: Vec<Vec<f64>> =
        texts.iter().map(|text| text.split('\n').map(|line| category_hash(line.as_bytes())).collect()).collect();
    let cells = (0..rows).flat_map(|row| {
        let own = numbers[row * number_count..][..number_count].to_vec();
        own.into_iter().chain(hashes.iter().map(move |column| column[row])).collect::<Vec<f64>>()
    });
    Frame::from_cells(cells.collect(), rows, features.len()).unwrap()
}

fn doubles(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect()
}
