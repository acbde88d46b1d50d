//! The few files the dashboard writes: exports where it was started, and baselines, which `yummy-tui load` shares.

use std::io;

use yummy_api::load::LoadReport;
use yummy_load::{LoadError, baseline};

/// Writes an export into the current directory; returns its path for the user.
pub(super) fn write(name: &str, contents: &str) -> io::Result<String> {
    let path = std::env::current_dir()?.join(name);
    std::fs::write(&path, contents)?;
    Ok(path.display().to_string())
}

/// Keeps a report as the baseline of its scenario; returns its path for the user.
pub(super) fn save_baseline(report: &LoadReport) -> Result<String, LoadError> {
    let path = baseline::save(&baseline::default_directory(), &report.scenario, report)?;
    Ok(path.display().to_string())
}

/// Reads the baseline of a scenario, when one is there and readable.
pub(super) fn read_baseline(scenario: &str) -> Option<LoadReport> {
    baseline::load(&baseline::default_directory(), scenario).ok()
}
