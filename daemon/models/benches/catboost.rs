//! Our CatBoost engine over recorded models, 1 to 10,000 rows; beside CatBoost's own library with the cargo feature
//! `reference-catboost`. The models are small; `examples/catboost_speed.rs` measures large ones, and Python.

use std::{fs, hint::black_box, path::PathBuf};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use yummy_models::{
    Frame, Method, Scorer,
    engine::catboost::{CatBoost, ModelType},
};

const SIZES: [usize; 5] = [1, 10, 100, 1_000, 10_000];

fn catboost(criterion: &mut Criterion) {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/catboost/data");
    for name in ["nan_min", "cat_mixed", "lossguide_multi", "multi_more_classes"] {
        let bytes =
            fs::read(data.join(format!("{name}.cbm/model.cb"))).expect("the recorded models are in the repository");
        let ours = CatBoost::read("model.cb", &bytes, ModelType::Base).expect("the recorded models are sound");
        bench(criterion, name, "ours", &ours);
        #[cfg(feature = "reference-catboost")]
        match yummy_models::engine::catboost::CatBoostReference::read("model.cb", &bytes, ModelType::Base) {
            Ok(reference) => bench(criterion, name, "library", &reference),
            Err(error) => eprintln!("{name}: {error}"),
        }
    }
}

fn bench(criterion: &mut Criterion, name: &str, engine: &str, model: &dyn Scorer) {
    let mut group = criterion.benchmark_group(name);
    let cols = model.features().len();
    for rows in SIZES {
        // Values of every size and sign; categories that no table has among them.
        let cells = (0..rows * cols).map(|cell| ((cell * 7919) % 1999) as f64 / 400.0 - 2.5).collect();
        let frame = Frame::from_cells(cells, rows, cols).expect("rows * cols cells");
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(BenchmarkId::new(engine, rows), |bencher| {
            let mut answer = Vec::new();
            bencher.iter(|| {
                model
                    .score(Method::RawScore, black_box(&frame), &mut answer)
                    .expect("the frame has the model's columns");
                black_box(answer.last().copied())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, catboost);
criterion_main!(benches);
