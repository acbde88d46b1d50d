//! Models among the artifacts of runs: where 1.x and 2.x log them.

use std::path::{Path, PathBuf};

use yummy_models::mlmodel;

use super::{Look, MODELS, file_name, is_named, locate::is_dir_within};
use crate::registry::found::Found;

/// A run's artifacts nest folders that a user names; models deeper than this are not looked for.
const MAX_DEPTH: usize = 4;

impl Look<'_> {
    /// Models of an experiment's runs.
    pub(super) fn runs(&mut self, experiment: &Path) {
        let Ok(runs) = self.cache.directories(self.root, experiment) else { return };
        for run in runs.iter().filter(|run| !is_named(run, MODELS)) {
            let artifacts = run.join("artifacts");
            if !is_dir_within(self.root, &artifacts) {
                continue;
            }
            let mut models = Vec::new();
            self.run_models(&artifacts, &mut String::new(), 0, &mut models);
            let id = file_name(run);
            if models.is_empty() {
                continue;
            }
            // Asked only of runs that hold a model: a file store of 3.x has thousands that hold none.
            let deleted = self.is_deleted(run);
            for (path, dir) in models {
                let name = if path.is_empty() { format!("runs:/{id}") } else { format!("runs:/{id}/{path}") };
                let found = Found { run_id: Some(id.clone()), path: Some(path), ..Found::logged(name, dir) };
                if deleted {
                    self.scan.deleted.insert(found.key());
                } else {
                    self.scan.logged.push(found);
                }
            }
        }
    }

    /// Directories below a run's artifacts that hold an `MLmodel`, each with its path there.
    fn run_models(&mut self, dir: &Path, path: &mut String, depth: usize, found: &mut Vec<(String, PathBuf)>) {
        if dir.join(mlmodel::FILE).is_file() {
            self.scan.watch.push(dir.to_owned());
            return found.push((path.clone(), dir.to_owned()));
        }
        if depth == MAX_DEPTH {
            return;
        }
        for child in self.list(dir).iter() {
            let length = path.len();
            if length > 0 {
                path.push('/');
            }
            path.push_str(&file_name(child));
            self.run_models(child, path, depth + 1, found);
            path.truncate(length);
        }
    }
}
