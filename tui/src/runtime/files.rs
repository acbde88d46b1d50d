//! The few files the dashboard writes: exports where it was started, baselines in the user's state directory.

use std::{
    io,
    path::{Path, PathBuf},
};

use yummy_api::load::LoadReport;

/// Writes an export into the current directory; returns its path for the user.
pub(super) fn write(name: &str, contents: &str) -> io::Result<String> {
    let path = std::env::current_dir()?.join(name);
    std::fs::write(&path, contents)?;
    Ok(path.display().to_string())
}

/// Keeps a report as the baseline of its scenario.
pub(super) fn save_baseline(report: &LoadReport) -> io::Result<String> {
    let directory = state_directory().ok_or_else(|| io::Error::other("neither XDG_STATE_HOME nor HOME is set"))?;
    std::fs::create_dir_all(&directory)?;
    let path = baseline_path(&directory, &report.scenario);
    std::fs::write(&path, serde_json::to_vec_pretty(report)?)?;
    Ok(path.display().to_string())
}

/// Reads the baseline of a scenario, when one is there and readable.
pub(super) fn read_baseline(scenario: &str) -> Option<LoadReport> {
    let text = std::fs::read(baseline_path(&state_directory()?, scenario)).ok()?;
    serde_json::from_slice(&text).ok()
}

fn baseline_path(directory: &Path, scenario: &str) -> PathBuf {
    let name: String = scenario.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    directory.join(format!("baseline-{name}.json"))
}

/// `$XDG_STATE_HOME/yummy`, by default `~/.local/state/yummy`.
fn state_directory() -> Option<PathBuf> {
    let named = std::env::var_os("XDG_STATE_HOME").filter(|p| !p.is_empty()).map(PathBuf::from);
    let base = named.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")))?;
    Some(base.join("yummy"))
}
