//! `yummy-tui load …`: the load engine without the dashboard, for scripts and CI.
//!
//! Parses the command line, runs the scenario, prints the report and says in the exit code how it went (interface.md).
//! It measures nothing itself.

mod args;
mod plan;
mod units;

use std::{
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
    thread,
    time::Duration,
};

use yummy_api::load::{LoadReport, Verdict};
use yummy_load::{Abort, LoadError, Run, RunHandle, Scenario, lock, target::Reach};

pub use args::LoadArgs;
use args::ScenarioName;

/// Usage or configuration.
const EXIT_USAGE: u8 = 1;
/// The generator, not the server, was the limit.
const EXIT_GENERATOR: u8 = 3;
/// How often the line on the terminal is renewed.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// Length of a burst without `--duration`.
const BURST: Duration = Duration::from_secs(10);

/// Runs one scenario. Blocks until it is over; SIGINT and SIGTERM stop it, and the report says so.
#[must_use]
pub fn run(args: &LoadArgs) -> ExitCode {
    match execute(args) {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn execute(args: &LoadArgs) -> Result<ExitCode, LoadError> {
    let reach = match &args.allow_remote {
        Some(host) if confirmed(host) => Reach::Remote(host.clone()),
        _ => Reach::Loopback,
    };
    let scenario = scenario(args)?;
    let plan = plan::build(args, &reach)?;
    let handle = Run::start(plan, scenario, Some(lock::default_path()))?;
    stop_on_signals(handle.aborter());
    show_progress(&handle, !args.json);
    let outcome = handle.join()?;
    let text = serde_json::to_string(&outcome.report).map_err(|error| LoadError::Thread(io::Error::other(error)))?;
    print(&text);
    Ok(exit_code(&outcome.report))
}

fn scenario(args: &LoadArgs) -> Result<Scenario, LoadError> {
    match args.scenario {
        ScenarioName::Burst => {
            Ok(Scenario::Burst { rate: needed(args.rate, "--rate")?, duration: args.duration.unwrap_or(BURST) })
        }
    }
}

fn needed(value: Option<f64>, flag: &'static str) -> Result<f64, LoadError> {
    value.ok_or(LoadError::Bounds { what: flag, given: "missing".to_owned(), bounds: "given".to_owned() })
}

fn exit_code(report: &LoadReport) -> ExitCode {
    let void = report.trials.iter().any(|trial| matches!(trial.verdict, Verdict::Void(_)));
    if void { ExitCode::from(EXIT_GENERATOR) } else { ExitCode::SUCCESS }
}

/// Asks on the terminal; only the whole word counts.
fn confirmed(host: &str) -> bool {
    let mut terminal = io::stderr();
    let _ = write!(terminal, "load will be sent to {host}, another machine. Type yes to go on: ");
    let _ = terminal.flush();
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).is_ok() && answer.trim() == "yes"
}

/// SIGINT and SIGTERM stop the run; it then ends with what it has measured.
fn stop_on_signals(abort: Abort) {
    let watch = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            abort.abort();
        });
    };
    // Without the thread a signal ends the process at once, which stops the load too.
    let _ = thread::Builder::new().name("load-signals".to_owned()).spawn(watch);
}

fn show_progress(handle: &RunHandle, wanted: bool) {
    let shown = wanted && io::stderr().is_terminal();
    while !handle.is_finished() {
        thread::sleep(PROGRESS_EVERY);
        if shown {
            let now = handle.snapshot();
            let p99 = now.window.map_or_else(|| "-".to_owned(), |window| format!("{:.2} ms", window.p99));
            let line = format!(
                "{}  {}  offered {:.0}/s  achieved {:.0}/s  p99 {p99}  in flight {}",
                now.step,
                now.phase.as_str(),
                now.offered,
                now.achieved,
                now.in_flight
            );
            let _ = write!(io::stderr(), "\r\x1b[2K{line}");
        }
    }
    if shown {
        let _ = write!(io::stderr(), "\r\x1b[2K");
    }
}

/// A closed pipe is no error: whoever reads has seen enough.
fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

fn complain(error: &dyn std::error::Error) {
    let _ = writeln!(io::stderr(), "yummy-tui load: {error}");
}
