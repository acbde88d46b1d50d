//! Load bursts that find the breaking point, and tell the truth about it.
//!
//! Open-loop load on an HTTP scoring server: every request has an intended send time, fixed before a trial starts, and
//! its response time is counted from there (coordinated omission would hide every stall otherwise). The generator
//! watches itself and voids a trial that it, not the server, has spoiled.
//!
//! # Layout
//!
//! - [`target`], [`bodies`], [`schedule`], [`slo`]: what is sent, where to, when, and what is asked of it
//! - `pacer`, `sender`, `exchange`, `generator`: threads that send; `play`, [`latency`]: what they count
//! - [`verdict`], [`guard`], [`search`]: pure decisions, without clock or I/O
//! - `trial`, `session`, `observe`: one trial, and what lasts from trial to trial
//! - [`scenario`]: what people ask for; [`run`]: a scenario on a thread of its own, with [`progress`] and an abort
//! - [`report`], [`baseline`], [`expect`]: what comes of it
//!
//! It does not draw (the dashboard reads [`progress::Snapshot`]s), knows no `mlruns`, and starts no server but the one
//! that does nothing, against which it measures itself.

pub mod baseline;
pub mod bodies;
pub mod catalog;
mod ceiling;
mod cpu;
pub mod error;
mod exchange;
pub mod expect;
pub mod generator;
pub mod guard;
pub mod latency;
pub mod lock;
pub mod null_server;
mod observe;
mod pacer;
pub mod play;
pub mod progress;
pub mod report;
pub mod rng;
pub mod run;
pub mod scenario;
pub mod schedule;
pub mod search;
mod sender;
mod session;
pub mod slo;
pub mod target;
mod trial;
pub mod verdict;

pub use error::LoadError;
pub use progress::{Abort, Phase, Snapshot};
pub use run::{Outcome, Run, RunHandle};
pub use scenario::Scenario;
pub use session::Plan;
