//! What can go wrong while a model is loaded, and while it scores.

use std::path::PathBuf;

/// Why a directory did not become a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is larger than a file of its kind may be.
    #[error("{path} has {size} bytes, more than the {limit} that a file of its kind may have")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A file is damaged, cut short or not what its name says. The text says where.
    #[error("{file}: {reason}")]
    Invalid {
        /// The file's name within the model directory.
        file: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// The model is whole, but uses something that is not served natively.
    #[error("{what} is not served natively")]
    Unsupported {
        /// The flavor or feature, by its name.
        what: String,
    },
    /// A path in `MLmodel` points outside the model directory.
    #[error("MLmodel names {path:?}, which is outside of the model directory")]
    Outside {
        /// The path as it stands there.
        path: String,
    },
}

impl LoadError {
    /// A damaged file.
    pub fn invalid(file: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { file: file.into(), reason: reason.into() }
    }

    /// Something that is not served natively, by its name.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }

    /// Whether the model is whole but of a kind that is not served: waiting or copying again will not help.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported { .. })
    }
}

/// Why a frame could not be scored. Callers that build their frames from [`crate::Scorer::features`] do not meet it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScoreError {
    /// The frame has another number of columns than the engine.
    #[error("the model takes {expected} features, the frame has {got}")]
    Columns {
        /// Columns that the engine takes.
        expected: usize,
        /// Columns of the frame.
        got: usize,
    },
    /// The model has no such output.
    #[error("a {class} has no {method}")]
    NoSuchOutput {
        /// Class behind the flavor.
        class: String,
        /// The method that was asked for.
        method: &'static str,
    },
    /// A reference library refused the frame.
    #[error("the reference library could not score: {reason}")]
    Library {
        /// What it said.
        reason: String,
    },
}
