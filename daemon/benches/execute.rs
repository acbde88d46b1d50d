//! What handing a prediction over costs, and from which size on a batch is worth splitting: the figures behind
//! `INLINE_LIMIT` and `SPLIT_FROM`.
//!
//!     cargo bench -p yummyd --bench execute
//!
//! Prints a table; medians of interleaved rounds. Needs two idle cores.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use yummy_models::{Frame, Method};
use yummyd::{
    config::{Config, args::Settings},
    execute::{Executor, Mode, Pool, split},
    registry::Reference,
    run::Daemon,
};

const ROUNDS: usize = 41;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    hand_over(&runtime);
    split_or_whole(&runtime);
}

/// From asking for work that does nothing to having its result.
fn hand_over(runtime: &tokio::runtime::Runtime) {
    let pool = Executor::start(Mode::Pool, 2, 64).unwrap();
    let threads = Executor::start(Mode::ThreadPerRequest, 2, 64).unwrap();
    println!("| hand over | median µs | CPU µs |\n|---|---|---|");
    for (name, executor) in [("pool", &pool), ("thread per request", &threads)] {
        let mut times = Vec::new();
        let cpu = process_cpu();
        for _ in 0..2000 {
            let begin = Instant::now();
            runtime.block_on(executor.run(begin + Duration::from_secs(60), || ())).unwrap();
            times.push(begin.elapsed());
        }
        let cpu = (process_cpu() - cpu).as_secs_f64() * 1e6 / times.len() as f64;
        println!("| {name} | {:.1} | {cpu:.1} |", median(&mut times));
    }
}

/// The demo model on one thread and on this thread with one helper.
fn split_or_whole(runtime: &tokio::runtime::Runtime) {
    let mlruns = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/mlruns");
    let settings = Settings {
        mlruns: Some(mlruns),
        listen: Some(vec!["127.0.0.1:0".parse().unwrap()]),
        admin_listen: Some("off".into()),
        ..Settings::default()
    };
    let daemon = Daemon::start(&Config::from_settings(settings, 2).unwrap()).unwrap();
    runtime.block_on(daemon.app().registry.rescan(None)).unwrap();
    let served = daemon.app().registry.catalog().resolve(Reference::Newest("wine")).unwrap().clone();
    let pool = Pool::start(1, 64).unwrap();
    let (loaded, cost) = (&served.loaded, served.loaded.cost);
    println!("\nwine: {:.0} ns a row by the warm-up\n", cost.ns_per_row);
    println!("| rows | whole µs | split over 2 threads µs | ratio |\n|---|---|---|---|");
    for rows in [32, 64, 128, 256, 512, 1024, 4096, 16_384] {
        let cells: Vec<f64> = (0..rows * 13).map(|cell| (cell % 97) as f64 / 3.0).collect();
        let (mut whole, mut parts, mut out) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let mut frame = Frame::from_cells(cells.clone(), rows, 13).unwrap();
            let begin = Instant::now();
            loaded.model.scorer().score(Method::Predict, &frame, &mut out).unwrap();
            whole.push(begin.elapsed());
            let begin = Instant::now();
            split::in_chunks(&pool, &cost, loaded, Method::Predict, &mut frame, &mut out, 1).unwrap();
            parts.push(begin.elapsed());
        }
        let (whole, parts) = (median(&mut whole), median(&mut parts));
        println!("| {rows} | {whole:.0} | {parts:.0} | {:.2} |", parts / whole);
    }
    daemon.stop();
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

fn process_cpu() -> Duration {
    yummyd::telemetry::clock::process_cpu()
}
