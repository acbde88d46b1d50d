//! CatBoost models through the public interface: answers equal to Python's, and damaged files refused.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)] // A test fails by panicking, and says what it skips.

mod compared;
mod damaged;
mod golden;
mod recorded;
#[cfg(feature = "reference-catboost")]
mod reference;
mod support;
