//! Rows of MLflow's database become versions and logged models: the files that they name are looked for in the tree.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use super::rows::{Logged, Rows, Version};
use crate::registry::{
    found::{DELETED_STAGE, Found, NO_STAGE, Scan, not_ready},
    scan::{ById, artifact_of, locate::locate},
};

/// Adds what `rows` name to what the tree holds. Where both name a registered model, the database is right: it is what
/// MLflow still writes, while the file store is what it was before a migration.
pub(super) fn add(rows: &Rows, root: &Path, scan: &mut Scan, by_id: &mut ById) {
    drop_deleted_runs(rows, scan);
    let mut logged: BTreeMap<String, Found> = scan.logged.drain(..).map(|found| (found.name.clone(), found)).collect();
    for row in &rows.logged {
        let found = logged.remove(&row.id);
        if row.deleted || rows.deleted_experiments.contains(&row.experiment) {
            scan.deleted.insert((row.id.clone(), None));
        } else if let Some(found) = logged_model(row, found, root) {
            by_id.insert(row.id.clone(), found.clone());
            logged.insert(row.id.clone(), found);
        }
    }
    scan.logged.extend(logged.into_values());
    let named: HashSet<&str> = rows.versions.iter().map(|row| row.name.as_str()).collect();
    scan.registered.retain(|found| !named.contains(found.name.as_str()));
    for row in &rows.versions {
        add_version(row, rows, root, scan, by_id);
    }
}

/// Models among the artifacts of runs that were deleted; their files stay.
fn drop_deleted_runs(rows: &Rows, scan: &mut Scan) {
    let is_gone = |found: &Found| {
        found.name.starts_with("runs:/") && found.run_id.as_ref().is_some_and(|id| rows.deleted_runs.contains(id))
    };
    let gone: Vec<_> = scan.logged.iter().filter(|found| is_gone(found)).map(Found::key).collect();
    scan.logged.retain(|found| !is_gone(found));
    scan.deleted.extend(gone);
}

/// A logged model: what the tree holds of it, and what the database says. `None` when it is elsewhere.
fn logged_model(row: &Logged, found: Option<Found>, root: &Path) -> Option<Found> {
    let mut found = match found {
        Some(found) => found,
        None => {
            let dir = locate(root, row.location.as_deref()?)?;
            Found { model_id: Some(row.id.clone()), ..Found::logged(row.id.clone(), dir) }
        }
    };
    found.path.clone_from(&row.name);
    found.run_id.clone_from(&row.run_id);
    found.from_database = true;
    if let Some(reason) = not_ready(row.status.as_deref()) {
        found.wait(reason);
    }
    Some(found)
}

fn add_version(row: &Version, rows: &Rows, root: &Path, scan: &mut Scan, by_id: &ById) {
    let mut found = Found::unknown(row.name.clone(), Some(row.version));
    if row.stage.as_deref() == Some(DELETED_STAGE) {
        scan.deleted.insert(found.key());
        return;
    }
    found.from_database = true;
    found.stage = row.stage.clone().filter(|stage| stage != NO_STAGE);
    found.run_id.clone_from(&row.run_id);
    let source = row.source.as_deref().unwrap_or_default();
    let id = source.strip_prefix("models:/").filter(|id| id.starts_with("m-"));
    found.model_id = id.map(str::to_owned);
    found.path = id.and_then(|id| by_id.get(id)).and_then(|logged| logged.path.clone());
    let named = rows.aliases.get(&row.name).into_iter().flatten().filter(|(_, version)| *version == row.version);
    found.aliases = named.map(|(alias, _)| alias.clone()).collect();
    // `runs:/RUN/PATH` is below the artifacts of the run.
    let in_run = source.strip_prefix("runs:/").and_then(|rest| rest.split_once('/'));
    let in_run = in_run.and_then(|(_, path)| Some(format!("{}/{path}", row.run_artifacts.as_deref()?)));
    match row.status.as_deref() {
        None | Some("READY") => {
            let locations = [row.storage_location.as_deref(), in_run.as_deref(), row.source.as_deref()];
            found.artifact = artifact_of(root, id, &locations, by_id);
        }
        Some(status) => found.wait(format!("the registry says {status}")),
    }
    scan.registered.push(found);
}
