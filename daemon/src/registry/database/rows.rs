//! The rows of MLflow's database that name models.
//!
//! Its tables grew over the years: a column or a table that an older MLflow did not have yet reads as if it were empty.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, Row, types::ValueRef};

/// The workspace of those who have none.
const DEFAULT_WORKSPACE: &str = "default";

/// A row of `model_versions`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// Name of the registered model; `WORKSPACE/NAME` outside the default workspace.
    pub(super) name: String,
    pub(super) version: u64,
    pub(super) stage: Option<String>,
    pub(super) source: Option<String>,
    pub(super) run_id: Option<String>,
    pub(super) status: Option<String>,
    pub(super) storage_location: Option<String>,
    /// Where the artifacts of its run are.
    pub(super) run_artifacts: Option<String>,
}

/// A row of `logged_models`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Logged {
    pub(super) id: String,
    pub(super) experiment: String,
    pub(super) name: Option<String>,
    pub(super) location: Option<String>,
    pub(super) status: Option<String>,
    pub(super) deleted: bool,
    pub(super) run_id: Option<String>,
}

/// Everything that names a model.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) versions: Vec<Version>,
    /// Aliases by registered model.
    pub(super) aliases: HashMap<String, Vec<(String, u64)>>,
    pub(super) logged: Vec<Logged>,
    pub(super) deleted_runs: HashSet<String>,
    pub(super) deleted_experiments: HashSet<String>,
}

impl Rows {
    /// Reads everything in one transaction: one state of the registry.
    pub(super) fn read(database: &Connection) -> rusqlite::Result<Self> {
        let transaction = database.unchecked_transaction()?;
        let mut rows = Self::default();
        rows.read_versions(&transaction)?;
        rows.read_aliases(&transaction)?;
        rows.read_logged(&transaction)?;
        rows.deleted_runs = deleted(&transaction, "runs", "run_uuid")?;
        rows.deleted_experiments = deleted(&transaction, "experiments", "experiment_id")?;
        transaction.finish()?;
        Ok(rows)
    }

    fn read_versions(&mut self, database: &Connection) -> rusqlite::Result<()> {
        let columns =
            ["workspace", "name", "version", "current_stage", "source", "run_id", "status", "storage_location"];
        let artifacts = artifacts_of_runs(database)?;
        each(database, "model_versions", &columns, |row| {
            let (Some(name), Some(version)) = (name_of(row), number(row, 2)) else { return };
            let run_id = text(row, 5);
            let run_artifacts = run_id.as_ref().and_then(|id| artifacts.get(id)).cloned();
            self.versions.push(Version {
                name,
                version,
                stage: text(row, 3),
                source: text(row, 4),
                run_id,
                status: text(row, 6),
                storage_location: text(row, 7),
                run_artifacts,
            });
        })
    }

    fn read_aliases(&mut self, database: &Connection) -> rusqlite::Result<()> {
        each(database, "registered_model_aliases", &["workspace", "name", "alias", "version"], |row| {
            let (Some(name), Some(alias), Some(version)) = (name_of(row), text(row, 2), number(row, 3)) else { return };
            self.aliases.entry(name).or_default().push((alias, version));
        })?;
        self.aliases.values_mut().for_each(|aliases| aliases.sort());
        Ok(())
    }

    fn read_logged(&mut self, database: &Connection) -> rusqlite::Result<()> {
        let columns =
            ["model_id", "experiment_id", "name", "artifact_location", "status", "lifecycle_stage", "source_run_id"];
        each(database, "logged_models", &columns, |row| {
            let (Some(id), Some(experiment)) = (text(row, 0), text(row, 1)) else { return };
            self.logged.push(Logged {
                id,
                experiment,
                name: text(row, 2),
                location: text(row, 3),
                status: text(row, 4),
                deleted: text(row, 5).as_deref() == Some("deleted"),
                run_id: text(row, 6),
            });
        })
    }
}

/// `artifact_uri` of the runs that registered versions came from: there may be many other runs.
fn artifacts_of_runs(database: &Connection) -> rusqlite::Result<HashMap<String, String>> {
    let mut found = HashMap::new();
    if columns_of(database, "runs")?.is_empty() || columns_of(database, "model_versions")?.is_empty() {
        return Ok(found);
    }
    let sql = "SELECT run_uuid, artifact_uri FROM runs WHERE run_uuid IN (SELECT run_id FROM model_versions)";
    let mut statement = database.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let (Some(id), Some(uri)) = (text(row, 0), text(row, 1)) {
            found.insert(id, uri);
        }
    }
    Ok(found)
}

/// Ids of what was deleted.
fn deleted(database: &Connection, table: &str, id: &str) -> rusqlite::Result<HashSet<String>> {
    let mut found = HashSet::new();
    each(database, table, &[id, "lifecycle_stage"], |row| {
        if text(row, 1).as_deref() == Some("deleted") {
            found.extend(text(row, 0));
        }
    })?;
    Ok(found)
}

/// Calls `see` for each row of a table; columns that it does not have are null.
fn each(database: &Connection, table: &str, columns: &[&str], mut see: impl FnMut(&Row<'_>)) -> rusqlite::Result<()> {
    let known = columns_of(database, table)?;
    if known.is_empty() {
        return Ok(());
    }
    let list: Vec<&str> = columns.iter().map(|name| if known.contains(*name) { name } else { "NULL" }).collect();
    let mut statement = database.prepare(&format!("SELECT {} FROM {table}", list.join(", ")))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        see(row);
    }
    Ok(())
}

/// Names of a table's columns; none when there is no such table.
fn columns_of(database: &Connection, table: &str) -> rusqlite::Result<HashSet<String>> {
    let mut statement = database.prepare("SELECT name FROM pragma_table_info(?1)")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

/// The registered model of a row that begins with `workspace, name`. Names hold no slash, so the two stay apart.
fn name_of(row: &Row<'_>) -> Option<String> {
    let name = text(row, 1)?;
    Some(match text(row, 0) {
        Some(workspace) if workspace != DEFAULT_WORKSPACE => format!("{workspace}/{name}"),
        _ => name,
    })
}

/// A column as text: SQLite keeps whatever type a writer gave.
fn text(row: &Row<'_>, column: usize) -> Option<String> {
    match row.get_ref(column).ok()? {
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

fn number(row: &Row<'_>, column: usize) -> Option<u64> {
    text(row, column)?.parse().ok()
}
