//! Prints what a row costs on the models of `fixtures/engines/gen_lgb.py` and `docs/benchmarks/engines_lightgbm_large.py`,
//! on one thread, beside LightGBM's own library.
//!
//! ```text
//! YUMMY_ENGINE_MODELS=/some/folder cargo run --release -p yummy-models --example lightgbm_table --features reference-lightgbm
//! ```
//!
//! CPU time of the thread, the least of many rounds, the engines taking turns: a busy machine changes it little, which
//! wall time would not survive.

#![allow(unsafe_code, reason = "the CPU clock of a thread is a C function")]
#![allow(clippy::print_stdout, reason = "it prints a table")]

use std::{path::Path, time::Duration};

use yummy_models::{
    Frame, Method, Scorer,
    engine::lightgbm::{Estimator, LightGbm, text},
};

const ROWS: [usize; 5] = [1, 10, 100, 1_000, 10_000];
/// Rounds go on until an engine has had this much time, but there are at least three.
const BUDGET: Duration = Duration::from_millis(400);
const LEAST_ROUNDS: usize = 3;
/// A round repeats a short call until it takes about this long.
const ROUND: Duration = Duration::from_micros(200);

type Engine<'a> = (&'static str, Box<dyn FnMut() + 'a>);

fn main() {
    let folder = std::env::var("YUMMY_ENGINE_MODELS").unwrap_or_else(|_| ".".into());
    for name in ["a", "b", "c", "deep", "wide"] {
        if let Some(text) = Path::new(&folder)
            .join(format!("lgb_{name}.txt"))
            .to_str()
            .and_then(|path| std::fs::read_to_string(path).ok())
        {
            table(name, &text, &rows_of(&folder, name));
        }
    }
}

fn rows_of(folder: &str, name: &str) -> Vec<f64> {
    let bytes = std::fs::read(Path::new(folder).join(format!("lgb_{name}.x.f64"))).expect("rows beside the model");
    let (doubles, _) = bytes.as_chunks::<8>();
    doubles.iter().map(|&double| f64::from_le_bytes(double)).collect()
}

fn table(name: &str, text: &str, cells: &[f64]) {
    let before = cpu_time();
    let booster = text::parse(name, text).expect("a model");
    let parsed = cpu_time();
    let scorer = LightGbm::new(booster, Estimator::Booster, &[]).expect("a model");
    let summary = scorer.summary();
    println!(
        "\nmodel {name}: {} bytes of text, read in {:.1?}, laid out and timed in {:.1?}, {} bytes in memory; {}",
        text.len(),
        parsed.saturating_sub(before),
        cpu_time().saturating_sub(parsed),
        summary.memory_bytes,
        summary.kernels,
    );
    let (features, scorer) = (scorer.features().len(), &scorer);
    #[cfg(feature = "reference-lightgbm")]
    let library = library(text);
    for rows in ROWS {
        // Each call gets other rows: a branch predictor learns a row that comes again and again by heart.
        let blocks = (cells.len() / features / rows).clamp(1, 1_000);
        let frames = cells.chunks_exact(rows * features).take(blocks);
        let frames: Vec<Frame> =
            frames.map(|cells| Frame::from_cells(cells.to_vec(), rows, features).expect("whole rows")).collect();
        let (mut out, mut next) = (Vec::new(), frames.iter().cycle());
        let mut engines: Vec<Engine<'_>> = vec![(
            "yummy",
            Box::new(move || {
                let frame = next.next().expect("there are frames");
                scorer.score(Method::Predict, frame, &mut out).expect("its own columns");
            }),
        )];
        #[cfg(feature = "reference-lightgbm")]
        add_library(&mut engines, &library, &frames);
        let times = least_times(&mut engines);
        let per_row = |time: Duration| time.as_secs_f64() * 1e9 / rows as f64;
        let columns = engines.iter().zip(&times).map(|((engine, _), &time)| {
            format!("{engine} {:.0} ns ({:.1}x)", per_row(time), time.as_secs_f64() / times[0].as_secs_f64())
        });
        println!("  {rows:>6} rows: {}", columns.collect::<Vec<_>>().join(", "));
    }
}

#[cfg(feature = "reference-lightgbm")]
fn library(text: &str) -> lightgbm3::Booster {
    let before = cpu_time();
    let mut booster = lightgbm3::Booster::from_string(text).expect("a model");
    println!("  LightGBM reads it in {:.1?}", cpu_time().saturating_sub(before));
    booster.single_row_fast_init::<f64>(None).expect("the fast path");
    booster
}

#[cfg(feature = "reference-lightgbm")]
fn add_library<'a>(engines: &mut Vec<Engine<'a>>, library: &'a lightgbm3::Booster, frames: &'a [Frame]) {
    let features = i32::try_from(frames[0].cols()).expect("few features");
    let mut next = frames.iter().map(Frame::cells).cycle();
    let predict = move || {
        let cells = next.next().expect("there are frames");
        drop(library.predict(cells, features, true).expect("a prediction"));
    };
    engines.push(("LightGBM", Box::new(predict)));
    if frames[0].rows() == 1 {
        let mut next = frames.iter().map(Frame::cells).cycle();
        let fast = move || {
            let cells = next.next().expect("there are frames");
            drop(library.predict_single_row_fast(cells).expect("a prediction"));
        };
        engines.push(("LightGBM single row fast", Box::new(fast)));
    }
}

/// The least time of one call of each engine.
fn least_times(engines: &mut [Engine<'_>]) -> Vec<Duration> {
    let mut repeats = Vec::new();
    for (_, call) in engines.iter_mut() {
        call();
        let once = timed(call, 1).max(Duration::from_nanos(100));
        repeats.push(u32::try_from(ROUND.as_nanos() / once.as_nanos()).unwrap_or(1).max(1));
    }
    let mut least = vec![Duration::MAX; engines.len()];
    let mut spent = vec![Duration::ZERO; engines.len()];
    let mut round = 0;
    while round < LEAST_ROUNDS || spent.iter().all(|&spent| spent < BUDGET) {
        for (index, (_, call)) in engines.iter_mut().enumerate() {
            let time = timed(call, repeats[index]);
            spent[index] += time;
            least[index] = least[index].min(time / repeats[index]);
        }
        round += 1;
    }
    least
}

fn timed(call: &mut dyn FnMut(), repeats: u32) -> Duration {
    let before = cpu_time();
    (0..repeats).for_each(|_| call());
    cpu_time().saturating_sub(before)
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a whole timespec of this frame.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
