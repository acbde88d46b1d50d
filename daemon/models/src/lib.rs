//! An MLflow model directory becomes a scorer: bytes in, numbers out.
//!
//! [`Model::load`] reads `MLmodel` and the flavor's file, without ever running code from either, and gives a [`Model`]:
//! what the signature asks of a request, and a [`Scorer`] that turns a [`Frame`] into numbers equal to the Python
//! library's. The crate knows no HTTP, no runtime, no clock and no `mlruns` layout.
//!
//! * [`mlmodel`], [`signature`]: the files that describe a model.
//! * [`yaml`]: what both are written in.
//! * [`frame`]: the engine's input.
//! * [`engine`]: the [`Scorer`] trait and the engines behind it.
//! * [`container`]: Python's pickles and skops archives, read as data.
//! * [`flavor`]: one file per MLflow flavor: which file, which engine, which output.
//! * [`model`]: all of it together.

pub mod container;
pub mod engine;
pub mod error;
pub mod flavor;
pub mod frame;
pub mod mlmodel;
pub mod model;
pub mod signature;
pub mod yaml;

pub use engine::catboost::category_hash;
pub use engine::{Demand, Feature, FeatureKind, Labels, Method, Output, Scorer, Shape, Summary, Values};
pub use error::{LoadError, ScoreError};
pub use frame::Frame;
pub use mlmodel::MlModel;
pub use model::{LoadOptions, Model};
pub use signature::Signature;
