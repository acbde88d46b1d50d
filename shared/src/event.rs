//! Things that happened: reloads, failures, starts. The body of the stream's `event` messages.

use serde::{Deserialize, Serialize};

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As expected.
    Info,
    /// Needs no action yet.
    Warn,
    /// Something does not work.
    Error,
}

/// What kind of thing happened; also the colour-free word that screens show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// The daemon started, stopped or changed how it listens.
    Serve,
    /// The directory changed, or could not be watched.
    Watch,
    /// A version was swapped in, failed, or went away.
    Reload,
    /// A profile was captured.
    Profile,
    /// A load run began or ended.
    Load,
}

impl EventKind {
    /// The kind as one lower-case word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Watch => "watch",
            Self::Reload => "reload",
            Self::Profile => "profile",
            Self::Load => "load",
        }
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Grows by one; a gap means that the subscriber missed some.
    pub seq: u64,
    /// When.
    pub at_unix_ms: u64,
    /// How much it matters.
    pub level: Level,
    /// What kind of thing.
    pub kind: EventKind,
    /// The model that it is about.
    pub model: Option<String>,
    /// The version that it is about.
    pub version: Option<u64>,
    /// One line for a person.
    pub message: String,
}
