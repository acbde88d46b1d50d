//! The forms in which MLflow's scoring protocol takes rows.

use std::fmt;

use crate::bodies;

/// How rows are written in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `{"dataframe_split": {"columns": […], "data": […]}}`.
    Split,
    /// `{"dataframe_records": [{…}, …]}`.
    Records,
    /// `{"inputs": …}`.
    Inputs,
    /// `{"instances": …}`.
    Instances,
    /// `text/csv`.
    Csv,
}

impl Form {
    /// Value of the `content-type` header.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        if self == Self::Csv { bodies::CSV } else { bodies::JSON }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Split => "split",
            Self::Records => "records",
            Self::Inputs => "inputs",
            Self::Instances => "instances",
            Self::Csv => "csv",
        })
    }
}
