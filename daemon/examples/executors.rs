//! One daemon for each way to execute, in one process, so that one profiler sees them all and can say in what two of
//! them differ (docs/benchmarks/executors.py drives it).
//!
//!     cargo run --release -p yummyd --example executors -- assets/mlruns
//!
//! Prints `MODE ADDRESS ADMIN` a line, and runs until it is killed.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "an experiment, not the daemon")]

use clap::ValueEnum as _;
use yummyd::{
    config::{Config, args::Settings},
    execute::Mode,
    run::Daemon,
};

fn main() {
    let mlruns = std::env::args().nth(1).unwrap_or_else(|| "assets/mlruns".into());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let daemons: Vec<Daemon> = Mode::value_variants()
        .iter()
        .map(|mode| {
            let settings = Settings {
                mlruns: Some(mlruns.clone().into()),
                listen: Some(vec!["127.0.0.1:0".parse().unwrap()]),
                admin_listen: Some("127.0.0.1:0".into()),
                executor: Some(*mode),
                ..Settings::default()
            };
            let daemon = Daemon::start(&Config::from_settings(settings, cores).unwrap()).unwrap();
            let word = mode.to_possible_value().unwrap();
            println!("{} {} {}", word.get_name(), daemon.addresses()[0], daemon.admin().unwrap());
            daemon
        })
        .collect();
    // Until it is killed.
    std::thread::park();
    drop(daemons);
}
