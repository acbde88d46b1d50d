//! LightGBM: models in its text format, scored to the last bit as the library scores them.
//!
//! [`text`] reads a file into a [`Booster`]; [`scorer`] answers for it. The rules are those of LightGBM 4.7
//! (`src/io/tree.cpp`, `src/boosting/gbdt_model_text.cpp`, `src/objective/*`), which also reads every older text format.
//! Training, sparse input and prediction early stopping are not here.

pub mod booster;
pub mod categories;
mod contributions;
pub mod objective;
#[cfg(feature = "reference-lightgbm")]
mod reference;
pub mod scorer;
mod sums;
pub mod text;
mod tree_text;

pub use booster::{Booster, LeafModel, LinearLeaf, ScoredTree};
pub use scorer::{Estimator, LightGbm};
