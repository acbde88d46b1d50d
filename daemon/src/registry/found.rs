//! What a look at the directory gives: versions and logged models, with where their files are.

use std::{collections::HashSet, path::PathBuf};

use yummy_api::catalog::ModelState;

/// A name and a version; a logged model has none.
pub(super) type Key = (String, Option<u64>);

/// One version of a registered model, or one logged model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Registered model's name; `m-<id>` or `runs:/RUN/PATH` for a logged model.
    pub(super) name: String,
    /// `None` for a logged model.
    pub(super) version: Option<u64>,
    /// `m-<id>`, where the layout has one.
    pub(super) model_id: Option<String>,
    /// The run that logged it.
    pub(super) run_id: Option<String>,
    /// Its path among the run's artifacts, or the name that it was logged under.
    pub(super) path: Option<String>,
    /// Aliases that name it.
    pub(super) aliases: Vec<String>,
    /// `Staging`, `Production`, `Archived`, or none.
    pub(super) stage: Option<String>,
    /// The directory that holds `MLmodel`, or why there is none yet.
    pub(super) artifact: Result<PathBuf, (ModelState, String)>,
    /// Whether a database names it: what a database no longer names was deleted.
    pub(super) from_database: bool,
    /// Why it goes on being served although the directory does not say so (any more).
    pub(super) held: Option<String>,
}

/// Everything that a look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// By name, newest version first.
    pub(super) registered: Vec<Found>,
    pub(super) logged: Vec<Found>,
    /// What MLflow has marked as deleted.
    pub(super) deleted: HashSet<Key>,
    /// Aliases that are there and cannot be read at this moment: model and alias.
    pub(super) unclear_aliases: Vec<(String, String)>,
    /// Files that could not be read, and why.
    pub(super) problems: Vec<String>,
    /// A part of the tree could not be listed: what is missing may be there.
    pub(super) blind: bool,
    /// Something was being written: a look soon will see more.
    pub(super) again: bool,
    /// MLflow's database, or where it is waited for.
    pub(super) database: Option<PathBuf>,
    /// Directories in which a change matters, the most important first.
    pub(super) watch: Vec<PathBuf>,
}

impl Found {
    /// A logged model of which nothing is known but where it is.
    pub(super) fn logged(name: String, artifact: PathBuf) -> Self {
        Self { artifact: Ok(artifact), ..Self::unknown(name, None) }
    }

    /// A version of which nothing is known yet.
    pub(super) fn unknown(name: String, version: Option<u64>) -> Self {
        Self {
            name,
            version,
            model_id: None,
            run_id: None,
            path: None,
            aliases: Vec::new(),
            stage: None,
            artifact: Err((ModelState::Incomplete, "meta.yaml is not there yet".into())),
            from_database: false,
            held: None,
        }
    }

    pub(super) fn key(&self) -> Key {
        (self.name.clone(), self.version)
    }

    /// MLflow's URI of a run's model.
    pub(super) fn run_uri(&self) -> Option<String> {
        Some(format!("runs:/{}/{}", self.run_id.as_ref()?, self.path.as_ref()?))
    }

    /// Waits for something that MLflow has yet to write.
    pub(super) fn wait(&mut self, reason: impl Into<String>) {
        self.artifact = Err((ModelState::Incomplete, reason.into()));
    }
}

/// `READY` of a logged model's `status`; 1 is pending, 3 failed.
const LOGGED_READY: &str = "2";
const LOGGED_FAILED: &str = "3";

/// Why a logged model of this `status` is not served; `None` when it may be.
pub(super) fn not_ready(status: Option<&str>) -> Option<&'static str> {
    match status {
        Some(LOGGED_READY) => None,
        Some(LOGGED_FAILED) => Some("MLflow says that logging it failed"),
        _ => Some("MLflow is still logging it"),
    }
}

/// MLflow's stage of a version that was deleted: its files stay.
pub(super) const DELETED_STAGE: &str = "Deleted_Internal";
/// MLflow's word for no stage.
pub(super) const NO_STAGE: &str = "None";
