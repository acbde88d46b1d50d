//! The words that `yummyd` and its clients share.
//!
//! Stats frames, model states, events, folded profiles and load reports as serde types, and the names of routes,
//! headers and metrics, each written once. Nothing here does I/O, reads a clock or knows an async runtime, so that
//! both sides, tests and scripts can use it.
//!
//! Units: times in JSON are milliseconds and end in `_ms`, points in time are milliseconds since the Unix epoch and
//! end in `_unix_ms`, sizes are bytes and end in `_bytes`, rates are per second. A quantity that is not known is
//! `null`, never zero.

pub mod catalog;
pub mod event;
pub mod load;
pub mod metrics;
pub mod profile;
pub mod routes;
pub mod stats;

/// Version of the JSON shapes in this crate. It grows when a field changes its meaning or goes away; new fields alone
/// do not change it. Since 2, a version without requests, or beyond the busiest, has no
/// [`windows`](stats::ModelStats::windows) in a frame.
pub const API_VERSION: u32 = 2;
