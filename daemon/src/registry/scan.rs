//! A directory becomes a list of what it holds: registered versions and logged models, with where their files are.
//!
//! Reads the small `meta.yaml` files of MLflow's file store (3.x: logged models beside runs; 1.x and 2.x: models among a
//! run's artifacts), never a model itself. Every location in them is absolute and of the machine that wrote it, so they
//! are resolved against the tree. What cannot be read becomes a reason, not an error: one bad file hides nothing else.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    path::{Component, Path, PathBuf},
};

use yummy_api::catalog::ModelState;
use yummy_models::{mlmodel, yaml::Node};

/// `meta.yaml` files have a few hundred bytes, a description may have some more.
const MAX_META_BYTES: u64 = 1 << 20;
/// `READY` of a logged model's `status`.
const LOGGED_READY: &str = "2";

/// One version of a registered model, or one logged model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Registered model's name; `m-<id>` for a logged model.
    pub(super) name: String,
    /// `None` for a logged model.
    pub(super) version: Option<u64>,
    /// `m-<id>`, where the layout has one.
    pub(super) model_id: Option<String>,
    /// The run that logged it.
    pub(super) run_id: Option<String>,
    /// Aliases that name it.
    pub(super) aliases: Vec<String>,
    /// `Staging`, `Production`, `Archived`, or none.
    pub(super) stage: Option<String>,
    /// The directory that holds `MLmodel`, or why there is none yet.
    pub(super) artifact: Result<PathBuf, (ModelState, String)>,
}

/// Everything that a scan found, registered models first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) registered: Vec<Found>,
    pub(super) logged: Vec<Found>,
    /// Files that could not be read, and why.
    pub(super) problems: Vec<String>,
}

/// Looks at the whole tree below `root`.
pub(super) fn scan(root: &Path) -> io::Result<Scan> {
    let mut scan = Scan::default();
    let mut models = BTreeMap::new();
    for experiment in directories(root, root)? {
        let name = file_name(&experiment);
        // `models` is the registry; names with a dot are MLflow's own (.trash).
        if name != "models" && !name.starts_with('.') {
            scan.experiment(root, &experiment, &mut models);
        }
    }
    if let Some(found) = lone_model(root) {
        scan.logged.push(found);
    }
    let registry = root.join("models");
    if registry.is_dir() {
        for model in directories(root, &registry)? {
            scan.registered_model(root, &model, &models);
        }
    }
    scan.registered.sort_by(|a, b| (&a.name, b.version).cmp(&(&b.name, a.version)));
    Ok(scan)
}

/// A root that is itself a model directory, as `save_model` writes it.
fn lone_model(root: &Path) -> Option<Found> {
    root.join(mlmodel::FILE).is_file().then(|| {
        let canonical = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        Found {
            name: file_name(&canonical),
            version: None,
            model_id: None,
            run_id: None,
            aliases: Vec::new(),
            stage: None,
            artifact: Ok(root.to_owned()),
        }
    })
}

impl Scan {
    /// Logged models of an experiment (3.x). `by_id` gets each one's directory, for registered versions to find.
    fn experiment(&mut self, root: &Path, experiment: &Path, by_id: &mut BTreeMap<String, Found>) {
        let folder = experiment.join("models");
        if !folder.is_dir() {
            return;
        }
        let models = match directories(root, &folder) {
            Ok(models) => models,
            Err(error) => return self.problems.push(format!("cannot read {}: {error}", folder.display())),
        };
        for dir in models {
            let id = file_name(&dir);
            if let Some(found) = logged_model(&dir, &id) {
                by_id.insert(id, found.clone());
                self.logged.push(found);
            }
        }
    }

    fn registered_model(&mut self, root: &Path, model: &Path, by_id: &BTreeMap<String, Found>) {
        let name = file_name(model);
        let aliases = aliases(&model.join("aliases"));
        let versions = match directories(root, model) {
            Ok(versions) => versions,
            Err(error) => return self.problems.push(format!("cannot read {}: {error}", model.display())),
        };
        for dir in versions {
            let number = file_name(&dir).strip_prefix("version-").and_then(|digits| digits.parse().ok());
            let Some(version) = number else { continue };
            let named = |version| aliases.iter().filter(move |(_, to)| *to == version);
            let found = Found {
                name: name.clone(),
                version: Some(version),
                model_id: None,
                run_id: None,
                aliases: named(version).map(|(alias, _)| alias.clone()).collect(),
                stage: None,
                artifact: Err((ModelState::Incomplete, "meta.yaml is not there yet".into())),
            };
            if let Some(found) = registered_version(root, &dir, found, by_id) {
                self.registered.push(found);
            }
        }
    }
}

/// A logged model of 3.x; `None` when it was deleted.
fn logged_model(dir: &Path, id: &str) -> Option<Found> {
    let mut found = Found {
        name: id.to_owned(),
        version: None,
        model_id: Some(id.to_owned()),
        run_id: None,
        aliases: Vec::new(),
        stage: None,
        artifact: Ok(dir.join("artifacts")),
    };
    // The sqlite and server layouts keep no meta.yaml: there the files alone say whether the model is whole.
    let meta_path = dir.join("meta.yaml");
    if !meta_path.exists() {
        return dir.join("artifacts").is_dir().then_some(found);
    }
    match read_meta(&meta_path) {
        Ok(meta) if meta.text("lifecycle_stage") == Some("deleted") => return None,
        Ok(meta) => {
            found.run_id = meta.text("source_run_id").map(str::to_owned);
            if meta.text("status") != Some(LOGGED_READY) {
                found.artifact = Err((ModelState::Incomplete, "MLflow is still logging it".into()));
            }
        }
        // MLflow truncates and rewrites it in place: an empty one is seen now and then.
        Err(reason) => found.artifact = Err((ModelState::Incomplete, reason)),
    }
    Some(found)
}

/// A registered version; `None` when it was deleted.
fn registered_version(root: &Path, dir: &Path, mut found: Found, by_id: &BTreeMap<String, Found>) -> Option<Found> {
    let meta = match read_meta(&dir.join("meta.yaml")) {
        Ok(meta) => meta,
        Err(reason) => {
            found.artifact = Err((ModelState::Incomplete, reason));
            return Some(found);
        }
    };
    let stage = meta.text("current_stage").filter(|stage| *stage != "None");
    if stage == Some("Deleted_Internal") {
        return None;
    }
    found.stage = stage.map(str::to_owned);
    found.run_id = meta.text("run_id").map(str::to_owned);
    let source = meta.text("source").unwrap_or_default();
    let id = meta.text("model_id").or_else(|| source.strip_prefix("models:/")).filter(|id| id.starts_with("m-"));
    found.model_id = id.map(str::to_owned);
    // MLflow writes the keys in alphabetical order and not at once: where `version` stands, all that is read is whole.
    let whole = meta.text("version").and_then(|digits| digits.parse().ok()) == found.version;
    found.artifact = match meta.text("status") {
        Some("READY") if whole => artifact_of(root, &meta, id, by_id),
        Some(status) if status != "READY" => Err((ModelState::Incomplete, format!("the registry says {status}"))),
        _ => Err((ModelState::Incomplete, "meta.yaml is still being written".into())),
    };
    Some(found)
}

/// Where a version's files are: its logged model's directory, or where its location points within this tree.
fn artifact_of(
    root: &Path,
    meta: &Node,
    id: Option<&str>,
    by_id: &BTreeMap<String, Found>,
) -> Result<PathBuf, (ModelState, String)> {
    if let Some(logged) = id.and_then(|id| by_id.get(id)) {
        return logged.artifact.clone();
    }
    let locations = [meta.text("storage_location"), meta.text("source")];
    for location in locations.into_iter().flatten() {
        if let Some(dir) = locate(root, location) {
            return Ok(dir);
        }
    }
    Err((ModelState::Incomplete, "its files are not in this directory (yet)".into()))
}

/// Finds within `root` what an absolute location named on the machine that wrote it: the longest tail of the location
/// that is a directory here.
pub(super) fn locate(root: &Path, location: &str) -> Option<PathBuf> {
    let path = location.strip_prefix("file://").unwrap_or(location);
    let parts: Vec<&OsStr> = Path::new(path)
        .components()
        .filter_map(|part| if let Component::Normal(name) = part { Some(name) } else { None })
        .collect();
    // At least <experiment>/<run>/artifacts/<name>, or <experiment>/models/<id>/artifacts: four names.
    (0..parts.len().saturating_sub(3)).find_map(|start| {
        let dir = parts[start..].iter().fold(root.to_owned(), |dir, part| dir.join(part));
        dir.is_dir().then_some(dir)
    })
}

/// Aliases are files that hold a version's digits.
fn aliases(folder: &Path) -> Vec<(String, u64)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut aliases: Vec<(String, u64)> = entries
        .flatten()
        .filter_map(|entry| {
            // MLflow rewrites them in place: an empty one names nothing for a moment, and the next event reads it anew.
            let digits = mlmodel::read_bounded(&entry.path(), 64).ok()?;
            let version = std::str::from_utf8(&digits).ok()?.trim().parse().ok()?;
            Some((entry.file_name().to_string_lossy().into_owned(), version))
        })
        .collect();
    aliases.sort();
    aliases
}

fn read_meta(path: &Path) -> Result<Node, String> {
    let name = || path.file_name().unwrap_or_default().to_string_lossy();
    let bytes = mlmodel::read_bounded(path, MAX_META_BYTES).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", name()))?;
    Node::parse(&text).map_err(|reason| format!("{} cannot be read: {reason}", name()))
}

/// The directories within `dir`, by name. Links are followed as long as they stay within `root`.
fn directories(root: &Path, dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() || (kind.is_symlink() && path.is_dir() && is_within(root, &path)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn is_within(root: &Path, path: &Path) -> bool {
    matches!((fs::canonicalize(path), fs::canonicalize(root)), (Ok(real), Ok(root)) if real.starts_with(&root))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
