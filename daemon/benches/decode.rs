//! Requests of 1x13, 100x50 and 1000x50 numbers into a frame, in JSON and CSV, beside serde_json in the same run.
//!
//! `cargo bench -p yummyd --bench decode`. serde_json has the feature `float_roundtrip` here, without which it reads
//! 11.8 % of doubles wrongly; it only makes vectors, checks no names and fills no frame.

use std::{collections::HashMap, fmt::Write as _, hint::black_box, time::Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;
use yummy_models::{
    Feature, FeatureKind, Frame, Method, Signature,
    signature::{ColumnSpec, DataType, Schema},
};
use yummyd::decode::{Library, Plan, decode, decode_exactly};

#[derive(Deserialize)]
struct Split {
    columns: Vec<String>,
    data: Vec<Vec<f64>>,
}

fn plan(cols: usize) -> Plan {
    let names = || (0..cols).map(|place| format!("f{place}"));
    let column = |name| ColumnSpec { name: Some(name), kind: DataType::Double, required: true };
    let inputs = Some(Schema::Columns(names().map(column).collect()));
    let features = names().map(|name| Feature { name, kind: FeatureKind::Number }).collect();
    Plan::of_parts(&Signature { inputs, ..Signature::default() }, Library::LightGbm, features, vec![Method::Predict])
}

/// Doubles of 17 digits, the same in every run.
fn numbers(count: usize) -> Vec<f64> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64 * 200.0 - 100.0
    };
    (0..count).map(|_| next()).collect()
}

/// 17 significant digits without an exponent, as most programs write numbers of this size.
fn digits(value: f64) -> String {
    let whole = value.abs().log10().floor().max(0.0) as usize + 1;
    format!("{value:.*}", 17 - whole)
}

fn json(rows: usize, cols: usize) -> String {
    let names: Vec<String> = (0..cols).map(|place| format!("\"f{place}\"")).collect();
    let row = |row: &[f64]| format!("[{}]", row.iter().copied().map(digits).collect::<Vec<_>>().join(", "));
    let data: Vec<String> = numbers(rows * cols).chunks(cols).map(row).collect();
    format!("{{\"dataframe_split\": {{\"columns\": [{}], \"data\": [{}]}}}}", names.join(", "), data.join(", "))
}

fn csv(rows: usize, cols: usize) -> String {
    let mut out = (0..cols).map(|place| format!("f{place}")).collect::<Vec<_>>().join(",");
    for row in numbers(rows * cols).chunks(cols) {
        out.push('\n');
        for (place, &cell) in row.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            let _ = write!(out, "{comma}{}", digits(cell));
        }
    }
    out
}

fn bench(criterion: &mut Criterion) {
    for (rows, cols) in [(1, 13), (100, 50), (1000, 50)] {
        let plan = plan(cols);
        let mut group = criterion.benchmark_group(format!("decode {rows}x{cols}"));
        let (json, csv) = (json(rows, cols), csv(rows, cols));
        let mut frame = Frame::new(cols);
        group.throughput(Throughput::Bytes(json.len() as u64));
        group.bench_function(BenchmarkId::from_parameter("json"), |bench| {
            bench.iter(|| decode(&plan, Some("application/json"), black_box(json.as_bytes()), &mut frame).is_ok());
        });
        group.bench_function(BenchmarkId::from_parameter("json, exact path"), |bench| {
            bench.iter(|| {
                decode_exactly(&plan, Some("application/json"), black_box(json.as_bytes()), &mut frame).is_ok()
            });
        });
        group.bench_function(BenchmarkId::from_parameter("json, serde_json to vectors"), |bench| {
            bench.iter(|| vectors(black_box(json.as_bytes())));
        });
        group.throughput(Throughput::Bytes(csv.len() as u64));
        group.bench_function(BenchmarkId::from_parameter("csv"), |bench| {
            bench.iter(|| decode(&plan, Some("text/csv"), black_box(csv.as_bytes()), &mut frame).is_ok());
        });
        group.finish();
        interleaved(rows, cols, &plan, &json);
    }
}

fn vectors(body: &[u8]) -> usize {
    let body: HashMap<String, Split> = serde_json::from_slice(body).expect("the body is JSON");
    body.into_values().map(|split| split.data.len() * split.columns.len()).sum()
}

/// The least of many short rounds, taken in turns: what a busy machine does to one side it does to the other.
fn interleaved(rows: usize, cols: usize, plan: &Plan, json: &str) {
    let mut frame = Frame::new(cols);
    let repeats = 100_000 / (rows * cols) + 1;
    let (mut ours, mut theirs) = (f64::MAX, f64::MAX);
    for _ in 0..61 {
        let start = Instant::now();
        for _ in 0..repeats {
            black_box(decode(plan, Some("application/json"), black_box(json.as_bytes()), &mut frame).is_ok());
        }
        ours = ours.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        for _ in 0..repeats {
            black_box(vectors(black_box(json.as_bytes())));
        }
        theirs = theirs.min(start.elapsed().as_secs_f64());
    }
    let rate = |time: f64| (json.len() * repeats) as f64 / time / 1e6;
    #[allow(clippy::print_stdout, reason = "a benchmark reports on stdout")]
    {
        println!(
            "interleaved {rows}x{cols} ({} bytes): {:.3} µs, {:.0} MB/s; serde_json {:.0} MB/s; ratio {:.2}\n",
            json.len(),
            ours / repeats as f64 * 1e6,
            rate(ours),
            rate(theirs),
            theirs / ours
        );
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .measurement_time(std::time::Duration::from_secs(1))
        .warm_up_time(std::time::Duration::from_millis(200))
        .sample_size(10);
    targets = bench
}
criterion_main!(benches);
