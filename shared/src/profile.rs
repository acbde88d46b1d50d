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
