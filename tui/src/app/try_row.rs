//! "Try a row": the input example as editable text, and what the model answered.

use super::text::{Area, pretty_json};

/// The answer to a tried row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// From sending to the whole answer, milliseconds, as seen from here.
    pub(crate) took_ms: f64,
    /// `server-timing`, when the daemon sent it.
    pub(crate) timing: Option<String>,
    /// Which model and version answered.
    pub(crate) model: Option<String>,
    /// Body, clipped to what a screen can show.
    pub(crate) body: String,
}

/// The editor and the newest answer.
#[derive(Clone, Debug)]
pub(crate) struct TryRow {
    /// Model and version, for the title.
    pub(crate) label: String,
    /// Path that is posted to.
    pub(crate) path: String,
    /// The body.
    pub(crate) area: Area,
    /// Whether an answer is awaited.
    pub(crate) waiting: bool,
    /// The newest answer, or why there is none.
    pub(crate) answer: Option<Result<Answer, String>>,
}

impl TryRow {
    /// An editor with the example of a version.
    pub(crate) fn new(label: String, path: String, example: &str) -> Self {
        Self { label, path, area: Area::with(&pretty_json(example)), waiting: false, answer: None }
    }
}
