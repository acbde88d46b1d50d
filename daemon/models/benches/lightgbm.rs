//! LightGBM models a, b and c of engines.md at 1 to 10,000 rows on one thread, beside LightGBM's own library.
//!
//! ```text
//! OUT=/some/folder/ python shared/fixtures/engines/gen_lgb.py a b c
//! YUMMY_ENGINE_MODELS=/some/folder cargo bench -p yummy-models --bench lightgbm --features reference-lightgbm
//! ```
//!
//! Without the feature the library's rows are missing. `docs/benchmarks/engines-lightgbm.md` has the results.

#![allow(missing_docs, reason = "criterion's macros make functions without any")]

use std::{hint::black_box, path::PathBuf, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use yummy_models::{
    Frame, Method, Scorer,
    engine::lightgbm::{Estimator, LightGbm, text},
};

const ROWS: [usize; 5] = [1, 10, 100, 1_000, 10_000];

/// A model and the rows that its generator wrote beside it.
struct Subject {
    name: &'static str,
    text: String,
    cells: Vec<f64>,
}

fn subjects() -> Vec<Subject> {
    let Some(folder) = std::env::var_os("YUMMY_ENGINE_MODELS").map(PathBuf::from) else { return Vec::new() };
    let subject = |name: &'static str| {
        let text = std::fs::read_to_string(folder.join(format!("lgb_{name}.txt"))).ok()?;
        let bytes = std::fs::read(folder.join(format!("lgb_{name}.x.f64"))).ok()?;
        let (doubles, _) = bytes.as_chunks::<8>();
        Some(Subject { name, text, cells: doubles.iter().map(|&double| f64::from_le_bytes(double)).collect() })
    };
    ["a", "b", "c"].into_iter().filter_map(subject).collect()
}

fn score(criterion: &mut Criterion) {
    for subject in subjects() {
        let booster = text::parse(subject.name, &subject.text).expect("a model");
        let scorer = LightGbm::new(booster, Estimator::Booster, &[]).expect("a model");
        let features = scorer.features().len();
        let mut group = criterion.benchmark_group(format!("lightgbm_{}", subject.name));
        group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(10);
        for rows in ROWS {
            let cells = &subject.cells[..rows * features];
            let frame = Frame::from_cells(cells.to_vec(), rows, features).expect("whole rows");
            let mut out = Vec::new();
            group.throughput(Throughput::Elements(rows as u64));
            group.bench_function(BenchmarkId::new("yummy", rows), |bencher| {
                bencher.iter(|| scorer.score(Method::Predict, black_box(&frame), &mut out).expect("its own columns"));
            });
            #[cfg(feature = "reference-lightgbm")]
            library(&mut group, &subject.text, cells, rows);
        }
    }
}

/// LightGBM through `PredictForMat`, and through the fast path that it has for single rows.
#[cfg(feature = "reference-lightgbm")]
fn library(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    text: &str,
    cells: &[f64],
    rows: usize,
) {
    let mut booster = lightgbm3::Booster::from_string(text).expect("a model");
    let features = booster.num_features();
    group.bench_function(BenchmarkId::new("lightgbm3 predict", rows), |bencher| {
        bencher.iter(|| booster.predict(black_box(cells), features, true).expect("a prediction"));
    });
    if rows == 1 {
        booster.single_row_fast_init::<f64>(None).expect("the fast path");
        group.bench_function(BenchmarkId::new("lightgbm3 single row fast", rows), |bencher| {
            bencher.iter(|| booster.predict_single_row_fast(black_box(cells)).expect("a prediction"));
        });
    }
}

fn load(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lightgbm_load");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(10);
    for subject in subjects() {
        group.throughput(Throughput::Bytes(subject.text.len() as u64));
        group.bench_function(BenchmarkId::new("yummy", subject.name), |bencher| {
            bencher.iter(|| {
                let booster = text::parse(subject.name, black_box(&subject.text)).expect("a model");
                LightGbm::new(booster, Estimator::Booster, &[]).expect("a model")
            });
        });
        #[cfg(feature = "reference-lightgbm")]
        group.bench_function(BenchmarkId::new("lightgbm3", subject.name), |bencher| {
            bencher.iter(|| lightgbm3::Booster::from_string(black_box(&subject.text)).expect("a model"));
        });
    }
}

criterion_group!(benches, score, load);
criterion_main!(benches);
