//! Why a model file is refused, before its name is known.

use crate::LoadError;

/// Why a model file is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is damaged; the text says where.
    Invalid(String),
    /// It uses something that is not served natively.
    Unsupported(String),
}

impl Fault {
    /// With the file's name.
    pub(super) fn in_file(self, file: &str) -> LoadError {
        match self {
            Self::Invalid(reason) => LoadError::invalid(file, reason),
            Self::Unsupported(what) => LoadError::unsupported(what),
        }
    }
}

/// A damaged file.
pub(super) fn invalid(reason: impl Into<String>) -> Fault {
    Fault::Invalid(reason.into())
}

/// Something that is not served natively.
pub(super) fn unsupported(what: impl Into<String>) -> Fault {
    Fault::Unsupported(what.into())
}
