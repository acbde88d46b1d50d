//! `yummyd`: watches an MLflow `mlruns` directory and serves every model in it that it can.
//!
//! * [`config`]: arguments, environment and file become one validated whole.
//! * [`registry`]: the directory becomes a catalog that is swapped atomically.
//! * [`decode`], [`encode`]: bytes to frame, predictions to bytes, as MLflow's scoring server does.
//! * [`execute`]: where a prediction runs.
//! * [`serve`] speaks HTTP.
//! * [`telemetry`], [`profile`]: what is known of it while it runs.
//! * `system`: threads that step back, memory that goes back.
//! * [`run`]: all of it together; [`commands`]: work without a server.

pub mod commands;
pub mod config;
pub mod decode;
pub mod encode;
pub mod execute;
pub mod profile;
pub mod registry;
pub mod run;
pub mod serve;
mod system;
pub mod telemetry;
