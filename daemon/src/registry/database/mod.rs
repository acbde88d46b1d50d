//! MLflow's database (`mlflow.db`): the registry of the layouts that keep it there.
//!
//! It belongs to MLflow and is never written, locked or recovered here: see [`read`]. What it names is looked for in the
//! watched directory, as the locations of a file store are.
//!
//! * `read`: rows of a database that others write at the same time.
//! * `rows`: which rows.
//! * `merge`: rows become versions and logged models.

mod merge;
mod read;
mod rows;

use std::path::{Path, PathBuf};

use self::{
    read::{ReadError, Stamp},
    rows::Rows,
};
use super::{found::Scan, scan::ById};

/// Name of the database that MLflow makes unless told otherwise.
const FILE: &str = "mlflow.db";

/// Which database holds the registry, if one does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BackendStore {
    /// None.
    Off,
    /// `mlflow.db` in the watched directory or beside it, when there is one.
    #[default]
    Beside,
    /// This file.
    At(PathBuf),
}

impl BackendStore {
    /// Reads `off`, a path, or MLflow's URI of a SQLite file (`sqlite:///relative`, `sqlite:////absolute`).
    ///
    /// # Errors
    /// What is wrong, and what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let path = match text.split_once("://") {
            None => text,
            Some(("file", path)) => path,
            Some((scheme, rest)) if scheme == "sqlite" || scheme.starts_with("sqlite+") => {
                let rest = rest.split_once('?').map_or(rest, |(path, _)| path);
                rest.strip_prefix('/').unwrap_or_default()
            }
            Some((scheme, _)) => {
                return Err(format!("{scheme} is not read; name an SQLite file (a path, or sqlite:///PATH), or off"));
            }
        };
        if path.is_empty() || path == ":memory:" {
            return Err("names no file; say a path, sqlite:///PATH, or off".into());
        }
        Ok(Self::At(path.into()))
    }
}

/// One database, and what was read of it.
pub(super) struct Database {
    /// Where it may be.
    places: Vec<PathBuf>,
    /// Whether the user named it: then its absence is worth a word.
    named: bool,
    /// Which of the places it is.
    path: Option<PathBuf>,
    kept: Option<(Option<Stamp>, Rows)>,
}

impl Database {
    pub(super) fn new(root: &Path, store: BackendStore) -> Self {
        let named = matches!(store, BackendStore::At(_));
        let places = match store {
            BackendStore::Off => Vec::new(),
            BackendStore::At(path) => vec![path],
            BackendStore::Beside => {
                let parent = std::path::absolute(root).ok().and_then(|root| Some(root.parent()?.join(FILE)));
                [root.join(FILE)].into_iter().chain(parent).collect()
            }
        };
        Self { places, named, path: None, kept: None }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Reads everything anew the next time; what was read serves if that fails.
    pub(super) fn forget(&mut self) {
        if let Some((stamp, _)) = &mut self.kept {
            *stamp = None;
        }
    }

    /// Adds what the database names to what the tree holds.
    pub(super) fn add_to(&mut self, root: &Path, scan: &mut Scan, by_id: &mut ById) {
        if self.path.is_none() {
            self.path = self.places.iter().find(|path| path.is_file()).cloned();
        }
        let Some(path) = &self.path else {
            if let Some(path) = self.places.first().filter(|_| self.named) {
                let what = if path.is_dir() { "is a directory, no database" } else { "is not there (yet)" };
                scan.problems.push(format!("{} {what}; see --backend-store", path.display()));
                scan.database = Some(path.clone());
            }
            return;
        };
        scan.database = Some(path.clone());
        match self.kept.as_ref().and_then(|(stamp, _)| stamp.as_ref()) {
            Some(stamp) if Stamp::of(path).is_ok_and(|now| now == *stamp) => {}
            _ => match read::rows(path) {
                Ok((stamp, rows)) => self.kept = Some((stamp, rows)),
                Err(error) => {
                    // A writer is at it: nothing is wrong, and the next look is soon.
                    if !matches!(error, ReadError::Busy) {
                        scan.problems.push(format!("cannot read {}: {error}; serving what it named", path.display()));
                    }
                    scan.blind |= self.kept.is_none();
                    scan.again = true;
                }
            },
        }
        if let Some((_, rows)) = &self.kept {
            merge::add(rows, root, scan, by_id);
        }
    }
}

#[cfg(test)]
mod tests;
