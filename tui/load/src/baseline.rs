//! Saved reports, and how another one compares to them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use yummy_api::load::LoadReport;

use crate::{
    error::LoadError,
    expect::{METRICS, metric},
};

/// Difference below which two runs are taken to be alike: what repeated runs differ by (load.md §2.5: ± 5 %, and tails
/// more).
pub const NOISE: f64 = 0.10;

/// One number, then and now.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its name.
    pub metric: &'static str,
    /// In the saved report.
    pub before: f64,
    /// In this one.
    pub after: f64,
    /// How much worse this one is, as a share; negative when it is better.
    pub worse_by: f64,
}

/// Writes a report under a name.
///
/// # Errors
///
/// When the name is not a plain one or the file cannot be written.
pub fn save(directory: &Path, name: &str, report: &LoadReport) -> Result<PathBuf, LoadError> {
    let path = path_of(directory, name)?;
    let failed = |source| LoadError::File { path: path.clone(), source };
    fs::create_dir_all(directory).map_err(failed)?;
    let text = serde_json::to_string_pretty(report).map_err(|error| failed(error.into()))?;
    fs::write(&path, text).map_err(failed)?;
    Ok(path)
}

/// Reads a report back.
///
/// # Errors
///
/// When there is none of that name, or it is not a report.
pub fn load(directory: &Path, name: &str) -> Result<LoadReport, LoadError> {
    let path = path_of(directory, name)?;
    let text = fs::read_to_string(&path).map_err(|source| LoadError::File { path: path.clone(), source })?;
    serde_json::from_str(&text).map_err(|error| LoadError::Format { path, reason: error.to_string() })
}

/// All numbers that both reports have.
#[must_use]
pub fn compare(before: &LoadReport, after: &LoadReport) -> Vec<Change> {
    let change = |(name, more_is_better): &(&'static str, bool)| {
        let (before, after) = (metric(before, name)?, metric(after, name)?);
        let grown = if before == 0.0 { f64::from(u8::from(after > 0.0)) } else { after / before - 1.0 };
        let worse_by = if *more_is_better { -grown } else { grown };
        Some(Change { metric: name, before, after, worse_by })
    };
    METRICS.iter().filter_map(change).collect()
}

/// Where saved reports live unless told otherwise.
#[must_use]
pub fn default_directory() -> PathBuf {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    state.or_else(home).unwrap_or_else(std::env::temp_dir).join("yummy/load")
}

/// A name is never joined to a path before it is known to be just a name.
fn path_of(directory: &Path, name: &str) -> Result<PathBuf, LoadError> {
    let plain = !name.is_empty()
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let bounds = "letters, digits, - _ and . only".to_owned();
    plain.then(|| directory.join(format!("{name}.json"))).ok_or(LoadError::Bounds {
        what: "the name of a saved report",
        given: name.to_owned(),
        bounds,
    })
}
