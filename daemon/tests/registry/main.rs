//! The registry: what is found in every layout, what is served of it and when, while the tree changes underneath.

#![allow(clippy::unwrap_used, reason = "the panic of a helper is the failure's report")]

#[path = "../common/mod.rs"]
mod common;

mod layouts;
mod reload;
