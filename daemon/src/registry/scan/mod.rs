//! A directory becomes a list of what it holds: registered versions and logged models, with where their files are.
//!
//! Reads the small `meta.yaml` files of MLflow's file store (3.x: logged models beside runs; 1.x and 2.x: models among a
//! run's artifacts) and, where there is one, MLflow's database; never a model itself. Every location in them is absolute
//! and of the machine that wrote it, so they are resolved against the tree. What cannot be read becomes a reason, not an
//! error: one bad file hides nothing else.
//!
//! * `cache`: a look at an unchanged tree costs one `stat` a file or directory.
//! * `meta`: what is kept of a `meta.yaml`.
//! * `locate`: where the files are that a location names.
//! * `runs`: models among the artifacts of runs.

mod cache;
pub(super) mod locate;
mod meta;
mod runs;

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use yummy_models::mlmodel;

use self::{
    cache::Cache,
    locate::{is_dir_within, is_within, locate},
    meta::Meta,
};
use super::{
    database::{BackendStore, Database},
    found::{DELETED_STAGE, Found, NO_STAGE, Scan, not_ready},
};

/// An alias' file holds the digits of a version.
const MAX_ALIAS_BYTES: u64 = 64;
/// The folder of registered models, and in an experiment that of logged models.
const MODELS: &str = "models";

/// Looks at one directory, again and again.
pub(super) struct Scanner {
    root: PathBuf,
    cache: Cache,
    database: Database,
}

/// Directories of logged models, by id.
pub(super) type ById = HashMap<String, Found>;

impl Scanner {
    pub(super) fn new(root: PathBuf, store: BackendStore) -> Self {
        Self { database: Database::new(&root, store), cache: Cache::default(), root }
    }

    /// Forgets what was read: the next look reads everything.
    pub(super) fn forget(&mut self) {
        self.cache.clear();
        self.database.forget();
    }

    /// The database that is read, where there is one.
    pub(super) fn database(&self) -> Option<&Path> {
        self.database.path()
    }

    /// Looks at the whole tree, and at the database.
    ///
    /// # Errors
    /// When the root cannot be listed.
    pub(super) fn scan(&mut self) -> io::Result<Scan> {
        self.cache.begin();
        let mut look = Look { root: &self.root, cache: &mut self.cache, scan: Scan::default(), by_id: ById::new() };
        look.tree()?;
        let Look { mut scan, mut by_id, .. } = look;
        self.database.add_to(&self.root, &mut scan, &mut by_id);
        self.cache.end();
        scan.registered.sort_by(|a, b| (&a.name, b.version).cmp(&(&b.name, a.version)));
        Ok(scan)
    }
}

/// One look at a tree.
struct Look<'a> {
    root: &'a Path,
    cache: &'a mut Cache,
    scan: Scan,
    by_id: ById,
}

impl Look<'_> {
    fn tree(&mut self) -> io::Result<()> {
        let root = self.root;
        self.scan.watch.push(root.to_owned());
        let experiments: Vec<PathBuf> = self
            .cache
            .directories(root, root)?
            .iter()
            // `models` is the registry; names with a dot are MLflow's own (.trash).
            .filter(|dir| !is_named(dir, MODELS) && !file_name(dir).starts_with('.'))
            .cloned()
            .collect();
        for experiment in &experiments {
            self.scan.watch.push(experiment.clone());
            self.logged_models(experiment);
        }
        self.lone_model();
        if is_dir_within(root, &root.join(MODELS)) {
            // Where not everything can be watched, the registry is: there are fewer registered than logged models.
            let logged = std::mem::take(&mut self.scan.watch);
            self.registry(&root.join(MODELS));
            self.scan.watch.extend(logged);
        }
        for experiment in &experiments {
            self.runs(experiment);
        }
        Ok(())
    }

    /// A root that is itself a model directory, as `save_model` writes it.
    fn lone_model(&mut self) {
        if self.root.join(mlmodel::FILE).is_file() {
            let canonical = fs::canonicalize(self.root).unwrap_or_else(|_| self.root.to_owned());
            self.scan.logged.push(Found::logged(file_name(&canonical), self.root.to_owned()));
        }
    }

    /// The directories within `dir`, which is watched from now on.
    fn list(&mut self, dir: &Path) -> Arc<[PathBuf]> {
        self.scan.watch.push(dir.to_owned());
        self.cache.directories(self.root, dir).unwrap_or_else(|error| {
            // Not there: deleted since its parent was listed.
            if error.kind() != io::ErrorKind::NotFound {
                self.scan.problems.push(format!("cannot read {}: {error}", dir.display()));
                self.scan.blind = true;
            }
            Arc::default()
        })
    }

    /// Logged models of an experiment (3.x).
    fn logged_models(&mut self, experiment: &Path) {
        let folder = experiment.join(MODELS);
        if !is_dir_within(self.root, &folder) {
            return;
        }
        for dir in self.list(&folder).iter() {
            let id = file_name(dir);
            if let Some(found) = self.logged_model(dir, &id) {
                self.by_id.insert(id, found.clone());
                self.scan.logged.push(found);
            }
        }
    }

    /// A logged model of 3.x; `None` when it was deleted, or is none.
    fn logged_model(&mut self, dir: &Path, id: &str) -> Option<Found> {
        let artifacts = dir.join("artifacts");
        let mut found = Found { model_id: Some(id.to_owned()), ..Found::logged(id.to_owned(), artifacts.clone()) };
        self.scan.watch.push(dir.to_owned());
        let is_there = is_dir_within(self.root, &artifacts);
        if is_there {
            self.scan.watch.push(artifacts);
        } else if artifacts.is_dir() {
            found.wait("its artifacts are a link out of the directory");
        }
        // The sqlite and server layouts keep no meta.yaml: there the files, and the database, say whether it is whole.
        let meta_path = dir.join("meta.yaml");
        if !meta_path.exists() {
            return is_there.then_some(found);
        }
        match self.cache.meta(self.root, &meta_path) {
            Ok(meta) if meta.text("lifecycle_stage") == Some("deleted") => {
                self.scan.deleted.insert(found.key());
                return None;
            }
            Ok(meta) => {
                found.run_id = meta.text("source_run_id").map(str::to_owned);
                found.path = meta.text("name").map(str::to_owned);
                if let Some(reason) = not_ready(meta.text("status")) {
                    found.wait(reason);
                }
            }
            // MLflow truncates and rewrites it in place: an empty one is seen now and then.
            Err(reason) => found.wait(reason),
        }
        Some(found)
    }

    /// Registered models, their versions and aliases.
    fn registry(&mut self, folder: &Path) {
        for model in self.list(folder).iter() {
            let name = file_name(model);
            let aliases = self.aliases(&name, &model.join("aliases"));
            for dir in self.list(model).iter() {
                let digits = file_name(dir);
                let number = digits.strip_prefix("version-").and_then(|digits| digits.parse().ok());
                let Some(version) = number else { continue };
                self.scan.watch.push(dir.clone());
                let mut found = Found::unknown(name.clone(), Some(version));
                let named = aliases.iter().filter(|(_, to)| *to == version);
                found.aliases = named.map(|(alias, _)| alias.clone()).collect();
                if let Some(found) = self.registered_version(dir, found) {
                    self.scan.registered.push(found);
                }
            }
        }
    }

    /// Aliases are files that hold a version's digits.
    fn aliases(&mut self, model: &str, folder: &Path) -> Vec<(String, u64)> {
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        self.scan.watch.push(folder.to_owned());
        let mut aliases = Vec::new();
        for entry in entries.flatten() {
            let (path, alias) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let kind = entry.file_type().ok();
            if !kind.is_some_and(|kind| kind.is_file() || (kind.is_symlink() && is_within(self.root, &path))) {
                continue;
            }
            match read_alias(&path) {
                Some(version) => aliases.push((alias, version)),
                // MLflow rewrites them in place: an empty one names what it named before, and is read again.
                None => self.scan.unclear_aliases.push((model.to_owned(), alias)),
            }
        }
        aliases.sort();
        aliases
    }

    /// A registered version; `None` when it was deleted.
    fn registered_version(&mut self, dir: &Path, mut found: Found) -> Option<Found> {
        let meta = match self.cache.meta(self.root, &dir.join("meta.yaml")) {
            Ok(meta) => meta,
            Err(reason) => {
                found.wait(reason);
                return Some(found);
            }
        };
        let stage = meta.text("current_stage").filter(|stage| *stage != NO_STAGE);
        if stage == Some(DELETED_STAGE) {
            self.scan.deleted.insert(found.key());
            return None;
        }
        found.stage = stage.map(str::to_owned);
        found.run_id = meta.text("run_id").map(str::to_owned);
        let source = meta.text("source").unwrap_or_default();
        let id = meta.text("model_id").or_else(|| source.strip_prefix("models:/")).filter(|id| id.starts_with("m-"));
        found.model_id = id.map(str::to_owned);
        found.path = id.and_then(|id| self.by_id.get(id)).and_then(|logged| logged.path.clone());
        // MLflow writes the keys in alphabetical order and not at once: where `version` stands, all that is read is whole.
        let whole = meta.text("version").and_then(|digits| digits.parse().ok()) == found.version;
        match meta.text("status") {
            Some("READY") if whole => {
                let locations = [meta.text("storage_location"), meta.text("source")];
                found.artifact = artifact_of(self.root, id, &locations, &self.by_id);
            }
            Some(status) if status != "READY" => found.wait(format!("the registry says {status}")),
            _ => found.wait("meta.yaml is still being written"),
        }
        Some(found)
    }

    /// Whether a run was deleted: MLflow keeps its files.
    fn is_deleted(&mut self, run: &Path) -> bool {
        let deleted = |meta: Arc<Meta>| meta.text("lifecycle_stage") == Some("deleted");
        self.cache.meta(self.root, &run.join("meta.yaml")).is_ok_and(deleted)
    }
}

/// Where a version's files are: its logged model's directory, or where one of its locations points within this tree.
pub(super) fn artifact_of(
    root: &Path,
    id: Option<&str>,
    locations: &[Option<&str>],
    by_id: &ById,
) -> Result<PathBuf, (yummy_api::catalog::ModelState, String)> {
    if let Some(logged) = id.and_then(|id| by_id.get(id)) {
        return logged.artifact.clone();
    }
    let located = locations.iter().flatten().find_map(|location| locate(root, location));
    let missing = || {
        let named = locations.iter().flatten().next().map_or_else(String::new, |named| format!(": {named}"));
        let reason = format!("its files are not in {} (yet){named}", root.display());
        (yummy_api::catalog::ModelState::Incomplete, reason)
    };
    located.ok_or_else(missing)
}

fn read_alias(path: &Path) -> Option<u64> {
    let digits = mlmodel::read_bounded(path, MAX_ALIAS_BYTES).ok()?;
    std::str::from_utf8(&digits).ok()?.trim().parse().ok()
}

fn is_named(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|other| other == name)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
