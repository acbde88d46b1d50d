//! What the binary does: serve, check, predict.

mod check;
mod predict;
mod serve;

pub use check::check;
pub use predict::{PredictError, predict};
pub use serve::serve;
