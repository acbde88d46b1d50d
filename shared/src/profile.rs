//! CPU profiles as folded stacks.

use serde::{Deserialize, Serialize};

/// One stack and how often it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldedStack {
    /// Frames from the root to the leaf.
    pub frames: Vec<String>,
    /// Samples.
    pub count: u64,
}

/// One capture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldedProfile {
    /// Samples a second that were asked for.
    pub hz: u32,
    /// Wall time of the capture, seconds.
    pub seconds: f64,
    /// CPU time that the process used meanwhile, seconds.
    pub on_cpu_seconds: f64,
    /// Samples taken.
    pub samples: u64,
    /// Distinct stacks.
    pub stacks: Vec<FoldedStack>,
}

/// What a kept capture says about itself: one line of `GET /debug/profiles`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaptureInfo {
    /// Number under which it is kept; `null` for one that is not.
    pub id: Option<u64>,
    /// When it began.
    pub at_unix_ms: u64,
    /// Samples a second that were asked for.
    pub hz: u32,
    /// Wall time of the capture, seconds.
    pub seconds: f64,
    /// CPU time that the process used meanwhile, seconds.
    pub on_cpu_seconds: f64,
    /// Samples taken.
    pub samples: u64,
    /// Samples taken of those that the on-CPU time should have given, 0 to 1; `null` for an idle process.
    #[serde(rename = "yield")]
    pub yielded: Option<f64>,
    /// Requests a second meanwhile, load included.
    pub rps: f64,
    /// Of these, load.
    pub load_rps: f64,
    /// By model version: those that were asked.
    pub models: Vec<ModelActivity>,
}

/// How much one model version was asked during a capture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelActivity {
    /// Registered model's name, or `m-<id>`.
    pub name: String,
    /// Version; `null` for logged models that are not registered.
    pub version: Option<u64>,
    /// Requests a second.
    pub rps: f64,
}
