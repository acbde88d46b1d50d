//! `yummyd`: watches an MLflow `mlruns` directory and serves every model in it that it can.

pub mod decode;
pub mod encode;
pub mod profile;
pub mod telemetry;
