//! What the daemon knows of each model version: the body of `GET /models`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Where a version is in its life. Only [`Ready`](ModelState::Ready) serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelState {
    /// Being read and tested.
    Loading,
    /// Serves.
    Ready,
    /// Could not be loaded; the version before it goes on serving.
    Failed,
    /// Of a flavor, or with a feature, that is not served natively.
    Unsupported,
    /// Files are still being written.
    Incomplete,
    /// Replaced and drained.
    Retired,
}

impl ModelState {
    /// The state as it stands in JSON, metrics and on screens.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Unsupported => "unsupported",
            Self::Incomplete => "incomplete",
            Self::Retired => "retired",
        }
    }
}

/// One column, tensor or parameter of a signature, as text for people and as JSON for programs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnInfo {
    /// Name, or `null` for unnamed columns.
    pub name: Option<String>,
    /// MLflow's type name (`double`, `string`, …) or a tensor's dtype and shape.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether a request must have it.
    pub required: bool,
}

/// One file of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Path within the model's directory.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}

/// One version of a registered model, or one logged model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Registered model's name; a logged model's `m-<id>` when it is not registered.
    pub name: String,
    /// Version number; `null` for logged models that are not registered.
    pub version: Option<u64>,
    /// The logged model's id (`m-<32 hex>`), where the layout has one.
    pub model_id: Option<String>,
    /// The run that logged it.
    pub run_id: Option<String>,
    /// Aliases that name this version.
    pub aliases: Vec<String>,
    /// `None`, `Staging`, `Production` or `Archived`, as the registry has it.
    pub stage: Option<String>,
    /// Where it is in its life.
    pub state: ModelState,
    /// Why it is in that state, when that is not plain from the state.
    pub reason: Option<String>,
    /// Whether it is the version that the bare name stands for.
    pub newest: bool,
    /// MLflow flavor that serves it (`lightgbm`, `catboost`), or the one that would be needed.
    pub flavor: Option<String>,
    /// Class behind the flavor (`Booster`, `LGBMClassifier`, `CatBoostClassifier`, …).
    pub model_class: Option<String>,
    /// Number of trees.
    pub trees: Option<u64>,
    /// Number of features that the engine takes.
    pub features: Option<u64>,
    /// Input columns of the signature; `null` without a signature.
    pub inputs: Option<Vec<ColumnInfo>>,
    /// Outputs of the signature; `null` when it has none.
    pub outputs: Option<Vec<ColumnInfo>>,
    /// Shape and type of an answer, e.g. `[n, 3] float64`.
    pub output: Option<String>,
    /// The logged serving input example, a body that `invocations` accepts.
    pub example: Option<String>,
    /// Bytes of the artifact's files.
    pub size_bytes: Option<u64>,
    /// These files by name, of very many the largest; empty for a version that is not to be loaded.
    #[serde(default)]
    pub files: Arc<[FileInfo]>,
    /// How long reading, checking and testing took.
    pub load_ms: Option<f64>,
    /// When it began to serve.
    pub ready_unix_ms: Option<u64>,
    /// Path that scores with exactly this version.
    pub invocations: String,
    /// Path of its model's live numbers.
    #[serde(default)]
    pub stats: String,
}

/// Body of `GET /models`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatalogInfo {
    /// [`crate::API_VERSION`].
    pub api: u32,
    /// The watched directory, as the daemon was given it.
    pub mlruns: String,
    /// Name that `POST /invocations` stands for, if it stands for one.
    pub default_model: Option<String>,
    /// Grows by one with every swap.
    pub generation: u64,
    /// All versions that were found, by name, newest first.
    pub models: Vec<ModelInfo>,
}
