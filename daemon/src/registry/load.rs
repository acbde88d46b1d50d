//! A model directory becomes something that answers requests: read, planned, tested on its own examples, timed.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

use yummy_api::catalog::ModelState;
use yummy_models::{LoadOptions, Model, Scorer};

use super::self_test::{self, Examples};
use crate::{
    decode::Plan,
    encode::{Encoder, NonFinite},
    execute::{Cost, split::SharedScorer},
};

/// A model that passed its tests, and what was decided about it at load.
#[derive(Debug)]
pub struct Loaded {
    /// The model.
    pub model: Model,
    /// How a request becomes a frame.
    pub plan: Plan,
    /// How predictions become a body.
    pub encoder: Encoder,
    /// What predicting costs: the least that was seen for the example.
    pub cost: Cost,
    /// A request body that it answers.
    pub example: Option<String>,
    /// How long all of this took.
    pub load_time: Duration,
}

impl SharedScorer for Loaded {
    fn scorer(&self) -> &dyn Scorer {
        self.model.scorer()
    }
}

/// Loads the model in `dir` and lets it score its own examples.
///
/// # Errors
/// The state that the version is in then, and the reason.
pub(super) fn load(dir: &Path, options: &LoadOptions, non_finite: NonFinite) -> Result<Loaded, (ModelState, String)> {
    // A bug in a reader must cost one model, not the thread that serves all reloads.
    catch_unwind(AssertUnwindSafe(|| load_and_test(dir, options, non_finite))).unwrap_or_else(|_| {
        Err((ModelState::Failed, "reading it panicked: a bug in yummyd; please report it with the model".into()))
    })
}

fn load_and_test(dir: &Path, options: &LoadOptions, non_finite: NonFinite) -> Result<Loaded, (ModelState, String)> {
    let start = Instant::now();
    let model = Model::load(dir, options).map_err(|error| {
        (if error.is_unsupported() { ModelState::Unsupported } else { ModelState::Failed }, error.to_string())
    })?;
    let plan = Plan::new(&model);
    let encoder = Encoder::new(&model, non_finite);
    let examples = Examples::read(dir, model.mlmodel());
    let cost = Cost { ns_per_row: 0.0, bytes_per_row: 0.0 };
    let mut loaded = Loaded { model, plan, encoder, cost, example: None, load_time: Duration::ZERO };
    loaded.cost = self_test::run(&loaded, &examples).map_err(|reason| (ModelState::Failed, reason))?;
    loaded.example = examples.into_body();
    loaded.load_time = start.elapsed();
    Ok(loaded)
}
