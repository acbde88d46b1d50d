//! The registry: what is found in every layout, what is served of it and when, while the tree changes underneath.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests, which report what they measured")]

#[path = "../common/mod.rs"]
mod common;

mod database;
mod deletion;
mod demand;
mod layouts;
mod mlflow;
mod policy;
mod process;
mod reload;
mod scan_cost;
mod store;
mod swaps;
mod watching;
mod write_order;
