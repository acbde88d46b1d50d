//! The bridge to the load engine: plans out, progress and reports in.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};

use crate::app::{Msg, load::LoadPlan};

/// Runs a plan until it ends or `stop` is notified.
pub(super) async fn run(_plan: LoadPlan, _stats: String, messages: mpsc::Sender<Msg>, _stop: Arc<Notify>) {
    let _ = messages.send(Msg::LoadDone(Err("not wired".into()))).await;
}
