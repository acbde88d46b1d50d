//! Times our engine and CatBoost's own library on the models of `scripts/bench_catboost.py`, interleaved in one process.
//!
//! `YUMMY_CATBOOST_BENCH=FOLDER make bench-catboost`: nanoseconds of wall time per row on one thread, the least of many
//! rounds, all engines in each round; then what loading takes. Words on the command line choose among the models.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // A program for developers, over files that they have just made.

use std::{env, fs, path::Path, time::Instant};

use serde_json::Value;
use yummy_models::{
    FeatureKind, Frame, Method, Scorer, category_hash,
    engine::catboost::{CatBoost, ModelType},
};

const SIZES: [usize; 7] = [1, 3, 6, 10, 100, 1_000, 10_000];
/// Rows that one timing covers at least, so that the clock's own cost does not count.
const ROWS_PER_TIMING: usize = 200;
/// Rounds of one size, for small and for large models.
const ROUNDS: (usize, usize) = (200, 20);
/// Trees from which a model is large.
const LARGE: usize = 5000;

fn main() {
    let root = env::var("YUMMY_CATBOOST_BENCH").expect("YUMMY_CATBOOST_BENCH names the folder of bench_catboost.py");
    let only: Vec<String> = env::args().skip(1).collect();
    println!("| model | rows | ours ns/row | library | Python | library / ours | Python / ours |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    let mut loads = Vec::new();
    for kind in ["numeric", "ctr"] {
        for trees in [100, 1000, LARGE] {
            let name = format!("{kind}_{trees}");
            let folder = Path::new(&root).join(&name);
            if folder.join("model.cbm").exists() && (only.is_empty() || only.contains(&name)) {
                loads.push(measure(&folder, &name));
            }
        }
    }
    println!("\n| model | file | ours, ms to load | library | Python | ours, MB held | library | Python |");
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    loads.iter().for_each(|load| println!("{load}"));
}

/// What loading one model took: milliseconds, and megabytes that the process has more.
struct Load {
    model: Box<dyn Scorer>,
    milliseconds: f64,
    megabytes: f64,
}

fn load(read: impl FnOnce() -> Box<dyn Scorer>) -> Load {
    let before = resident_megabytes();
    let start = Instant::now();
    let model = read();
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    Load { model, milliseconds, megabytes: resident_megabytes() - before }
}

fn resident_megabytes() -> f64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).map_or(f64::NAN, |pages| pages.parse::<f64>().unwrap() * 4096.0 / 1e6)
}

fn measure(folder: &Path, name: &str) -> String {
    let bytes = fs::read(folder.join("model.cbm")).unwrap();
    let ours = load(|| Box::new(CatBoost::read("model.cbm", &bytes, ModelType::Regressor).unwrap()));
    let frame = frame(folder, &*ours.model);
    println!("<!-- {name}: {} -->", ours.model.summary().kernels);
    let held = ours.model.summary().memory_bytes as f64 / 1e6;
    let engines = vec![
        ours,
        #[cfg(feature = "reference-catboost")]
        load(|| {
            use yummy_models::engine::catboost::CatBoostReference;
            Box::new(CatBoostReference::read("model.cbm", &bytes, ModelType::Regressor).unwrap())
        }),
    ];
    let expected: Vec<f64> = doubles(&fs::read(folder.join("expected.f64")).unwrap());
    for engine in &engines {
        check(name, &*engine.model, &frame, &expected);
    }
    let python: Value =
        fs::read(folder.join("python.json")).map_or(Value::Null, |text| serde_json::from_slice(&text).unwrap());
    let python = |key: &str| python[key].as_f64().unwrap_or(f64::NAN);
    for rows in SIZES {
        let best = best_times(&engines, &frame, rows);
        let (own, library, python) = (best[0], best.get(1).copied().unwrap_or(f64::NAN), python(&rows.to_string()));
        println!(
            "| {name} | {rows} | {own:.0} | {library:.0} | {python:.0} | {:.2} | {:.1} |",
            library / own,
            python / own
        );
    }
    // The reference engine reads a file twice, with our reader too: the library's part is the rest.
    let library = engines.get(1).map_or((f64::NAN, f64::NAN), |library| {
        (library.milliseconds - engines[0].milliseconds, library.megabytes - engines[0].megabytes)
    });
    format!(
        "| {name} | {:.1} MB | {:.1} | {:.1} | {:.1} | {held:.1} | {:.1} | {:.1} |",
        bytes.len() as f64 / 1e6,
        engines[0].milliseconds,
        library.0,
        python("load_ms"),
        library.1,
        python("load_bytes") / 1e6
    )
}

/// All rows at once, and rows in parts of every size class, give Python's bits.
fn check(name: &str, engine: &dyn Scorer, frame: &Frame, expected: &[f64]) {
    for rows in [frame.rows(), 1, 3, 10, 33, 100, 129] {
        for (part, expected) in expected.chunks(rows).enumerate().take(100) {
            let cells = frame.cells()[part * rows * frame.cols()..][..expected.len() * frame.cols()].to_vec();
            let mut answer = Vec::new();
            let part = Frame::from_cells(cells, expected.len(), frame.cols()).unwrap();
            engine.score(Method::Predict, &part, &mut answer).unwrap();
            let same = answer.iter().map(|value| value.to_bits()).eq(expected.iter().map(|value| value.to_bits()));
            assert!(same, "{name}: {rows} rows differ from Python's");
        }
    }
}

/// Nanoseconds per row of each engine, the least of all rounds.
fn best_times(engines: &[Load], frame: &Frame, rows: usize) -> Vec<f64> {
    let parts: Vec<Frame> = (0..frame.rows() / rows)
        .take(512)
        .map(|part| {
            let cells = frame.cells()[part * rows * frame.cols()..][..rows * frame.cols()].to_vec();
            Frame::from_cells(cells, rows, frame.cols()).unwrap()
        })
        .collect();
    let repeat = (ROWS_PER_TIMING / rows).max(1);
    let is_large = engines[0].model.summary().trees * rows.max(ROWS_PER_TIMING) >= LARGE * 1000;
    let mut best = vec![f64::INFINITY; engines.len()];
    let mut answer = Vec::new();
    for round in 0..if is_large { ROUNDS.1 } else { ROUNDS.0 } {
        for (best, engine) in best.iter_mut().zip(engines) {
            let start = Instant::now();
            for at in 0..repeat {
                engine.model.score(Method::Predict, &parts[(round * repeat + at) % parts.len()], &mut answer).unwrap();
            }
            *best = best.min(start.elapsed().as_nanos() as f64 / (repeat * rows) as f64);
        }
    }
    best
}

fn frame(folder: &Path, model: &dyn Scorer) -> Frame {
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
