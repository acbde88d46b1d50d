//! Where reports go: stdout, files, the store of saved ones; and the exit code that says how the run went.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::Path,
};

use yummy_api::load::{LimitKind, LoadReport, Verdict};
use yummy_load::{
    LoadError, Outcome,
    baseline::{self, NOISE},
    expect::Expectation,
    report::{csv, hgrm, html, text},
};

use super::args::LoadArgs;

/// An expectation of the caller is not met.
const EXIT_EXPECTATION: u8 = 2;
/// The generator, not the server, was the limit.
const EXIT_GENERATOR: u8 = 3;
/// Tails dominated by noise.
const EXIT_NOISE: u8 = 4;

/// Checks what can be checked before an hour of load is made.
pub(crate) fn expectations(args: &LoadArgs) -> Result<Vec<Expectation>, LoadError> {
    let parsed = args.expect.iter().map(|text| text.parse()).collect();
    if let Some(name) = &args.compare {
        baseline::load(&baseline::default_directory(), name)?;
    }
    parsed
}

/// Prints and writes everything that was asked for, and returns the exit code.
pub(crate) fn deliver(args: &LoadArgs, outcome: &Outcome, expected: &[Expectation]) -> Result<u8, LoadError> {
    let report = &outcome.report;
    if args.json {
        let json = serde_json::to_string(report).map_err(|error| LoadError::Thread(io::Error::other(error)))?;
        print(&json);
    } else {
        print(text::render(report).trim_end());
    }
    if let Some(path) = &args.csv {
        write(path, &csv::render(report))?;
    }
    if let Some(path) = &args.html {
        write(path, &html::render(report, &outcome.response))?;
    }
    if let Some(path) = &args.hgrm {
        write(path, &hgrm::render(&outcome.response))?;
    }
    let mut missed: Vec<String> = expected.iter().filter_map(|expectation| expectation.missed_by(report)).collect();
    missed.extend(compared(args, report)?);
    if let Some(name) = &args.save {
        let path = baseline::save(&baseline::default_directory(), name, report)?;
        say(&format!("saved as {name} in {}", path.display()));
    }
    for line in &missed {
        say(line);
    }
    Ok(exit_code(report, !missed.is_empty()))
}

/// What an automated caller needs to know first: a number that says nothing of the server must not pass for one.
fn exit_code(report: &LoadReport, missed: bool) -> u8 {
    let generator = match &report.limit {
        Some(limit) => limit.kind == LimitKind::Generator,
        None => report.trials.iter().any(|trial| matches!(trial.verdict, Verdict::Void(_))),
    };
    let noise = report.limit.as_ref().is_some_and(|limit| limit.kind == LimitKind::Noise);
    match (missed, generator, noise) {
        (true, ..) => EXIT_EXPECTATION,
        (false, true, _) => EXIT_GENERATOR,
        (false, false, true) => EXIT_NOISE,
        (false, false, false) => 0,
    }
}

/// Shows how the report differs from a saved one; returns what is worse by more than is allowed.
fn compared(args: &LoadArgs, report: &LoadReport) -> Result<Vec<String>, LoadError> {
    let Some(name) = &args.compare else { return Ok(Vec::new()) };
    let before = baseline::load(&baseline::default_directory(), name)?;
    let mut lines = format!("compared with {name}:");
    let mut worse = Vec::new();
    for change in baseline::compare(&before, report) {
        let percent = change.worse_by * 100.0;
        let word = match change.worse_by {
            by if by > NOISE => "worse",
            by if by < -NOISE => "better",
            _ => "alike",
        };
        // Writing to a String cannot fail.
        let _ = write!(lines, "\n  {:12} {:>12.3} -> {:>12.3}  {word}", change.metric, change.before, change.after);
        if args.max_regression.is_some_and(|allowed| change.worse_by > allowed) {
            worse.push(format!("{} is {percent:.1} % worse than in {name}", change.metric));
        }
    }
    say(&lines);
    Ok(worse)
}

fn write(path: &Path, content: &str) -> Result<(), LoadError> {
    fs::write(path, content).map_err(|source| LoadError::File { path: path.to_owned(), source })
}

/// A closed pipe is no error: whoever reads has seen enough.
fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Beside the report, so that stdout stays one thing.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use yummy_api::load::{Arrivals, Limit, LoadReport};

    use super::*;

    fn report(kind: Option<LimitKind>) -> LoadReport {
        let limit = kind.map(|kind| Limit {
            rate: 100.0,
            low: 100.0,
            high: 105.0,
            confirmed: true,
            broke: None,
            kind,
            predictions_per_s: 100.0,
            efficient_rate: None,
            above: None,
            recovery_ms: None,
            undecided: None,
        });
        LoadReport {
            api: 1,
            scenario: "find".to_owned(),
            run_id: String::new(),
            target: String::new(),
            co_located: true,
            connections: 1,
            slo: None,
            mode: Arrivals::Constant,
            seed: 1,
            rows_per_request: 1,
            trials: Vec::new(),
            limit,
            ceiling: None,
            findings: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn exit_codes_are_those_of_the_interface() {
        assert_eq!(exit_code(&report(Some(LimitKind::Slo)), false), 0);
        assert_eq!(exit_code(&report(Some(LimitKind::Saturation)), false), 0);
        assert_eq!(exit_code(&report(None), false), 0);
        assert_eq!(exit_code(&report(Some(LimitKind::Slo)), true), 2);
        assert_eq!(exit_code(&report(Some(LimitKind::Generator)), false), 3);
        assert_eq!(exit_code(&report(Some(LimitKind::Noise)), false), 4);
    }
}
