//! `yummy-tui load …`: the load engine without the dashboard, for scripts and CI.
//!
//! Parses the command line, runs the scenario, prints the report and says in the exit code how it went (interface.md).
//! It measures nothing itself.

mod args;
mod output;
mod plan;
mod scenario;
mod units;

use std::{
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
    thread,
    time::Duration,
};

use yummy_load::{Abort, LoadError, Run, RunHandle, lock, target::Reach};

pub use args::LoadArgs;

/// Usage or configuration.
const EXIT_USAGE: u8 = 1;
/// How often the line on the terminal is renewed.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Runs one scenario. Blocks until it is over; SIGINT and SIGTERM stop it, and the report says so.
#[must_use]
pub fn run(args: &LoadArgs) -> ExitCode {
    match execute(args) {
        Ok(code) => code,
        Err(error) => {
            output::say(&format!("yummy-tui load: {error}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn execute(args: &LoadArgs) -> Result<ExitCode, LoadError> {
    let reach = match &args.allow_remote {
        Some(host) if confirmed(host) => Reach::Remote(host.clone()),
        _ => Reach::Loopback,
    };
    let expected = output::expectations(args)?;
    let (plan, scenario) = scenario::build(args, &reach)?;
    let handle = Run::start(plan, scenario, Some(lock::default_path()))?;
    stop_on_signals(handle.aborter());
    show_progress(&handle, !args.json);
    let outcome = handle.join()?;
    output::deliver(args, &outcome, &expected).map(ExitCode::from)
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
