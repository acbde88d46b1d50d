//! Canned data for `--demo`, tests and pictures: a daemon that never was, deterministic from the time given.

mod frames;
mod load;
mod profile;

pub(crate) use frames::{catalog, frame};
pub(crate) use load::run_load;
#[cfg(test)]
pub(crate) use load::{search_report, trials};
pub(crate) use profile::folded;

use crate::app::try_row::Answer;

/// The answer of the canned models to a tried row.
pub(crate) fn answer(path: &str) -> Answer {
    let binary = path.contains("adult");
    let body = if binary { r#"{"predictions": ["<=50K"]}"# } else { r#"{"predictions": [[0.0021, 0.9953, 0.0026]]}"# };
    Answer {
        status: 200,
        took_ms: 0.41,
        timing: Some("decode;dur=0.012, queue;dur=0.001, predict;dur=0.019, encode;dur=0.004".into()),
        model: Some(if binary { "adult_cat/2".into() } else { "wine_lgbm/7".into() }),
        body: body.into(),
    }
}
