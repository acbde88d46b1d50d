//! A model directory becomes something that answers requests: read, planned, tested on its own example, timed.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

use yummy_api::catalog::ModelState;
use yummy_models::{Frame, LoadOptions, Method, MlModel, Model, Scorer, mlmodel};

use crate::{
    decode::{self, Plan, Request, Style},
    encode::{Encoder, NonFinite},
    execute::{Cost, split::SharedScorer},
};

/// An example is printed, listed and scored at every load: larger ones are none.
const MAX_EXAMPLE_BYTES: u64 = 1 << 20;
/// The model scores its example over and over for about this long to learn what a row costs.
const WARM_UP: Duration = Duration::from_millis(2);
/// A fast model stops earlier: this many rounds are enough for a minimum.
const WARM_UP_ROUNDS: u32 = 64;

/// What a cell takes in a body, for models without an example: a number of 8 digits, a comma and a space.
const BYTES_PER_CELL: usize = 10;

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

/// Loads the model in `dir` and lets it score its own example.
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
    let example = example(dir, model.mlmodel());
    let cost = Cost { ns_per_row: 0.0, bytes_per_row: 0.0 };
    let mut loaded = Loaded { model, plan, encoder, cost, example, load_time: Duration::ZERO };
    loaded.cost = self_test(&loaded).map_err(|reason| (ModelState::Failed, reason))?;
    loaded.load_time = start.elapsed();
    Ok(loaded)
}

/// The logged serving example; `None` when there is none, or it is too large or not text.
fn example(dir: &Path, mlmodel: &MlModel) -> Option<String> {
    let name = mlmodel.serving_input.as_deref()?;
    let path = mlmodel::resolve(dir, name).ok()?;
    String::from_utf8(mlmodel::read_bounded(&path, MAX_EXAMPLE_BYTES).ok()?).ok()
}

/// Scores the example (or one row of missing values) and gives the cost of a row.
fn self_test(loaded: &Loaded) -> Result<Cost, String> {
    let mut frame = Frame::default();
    let request = match &loaded.example {
        Some(body) => decode::decode(&loaded.plan, Some("application/json"), body.as_bytes(), &mut frame)
            .map_err(|error| format!("does not accept its own serving_input_example: {error}"))?,
        None => {
            frame.reset(loaded.model.scorer().features().len());
            frame.push_row();
            Request { rows: 1, method: Method::Predict, style: Style::Wrapped, single: false }
        }
    };
    let mut values = Vec::new();
    let mut least = f64::INFINITY;
    let begin = Instant::now();
    for _ in 0..WARM_UP_ROUNDS {
        let round = Instant::now();
        loaded.model.scorer().score(request.method, &frame, &mut values).map_err(|error| error.to_string())?;
        least = least.min(round.elapsed().as_nanos() as f64);
        if begin.elapsed() > WARM_UP {
            break;
        }
    }
    let output = loaded.model.scorer().output(request.method).ok_or("its flavor has no predict")?;
    let expected = frame.rows() * output.shape.width();
    if values.len() != expected {
        return Err(format!("answers {} values where {expected} are due: a bug in yummyd", values.len()));
    }
    let mut body = Vec::new();
    loaded.encoder.encode(request.answer(), &values, request.rows, &mut body);
    let rows = frame.rows().max(1) as f64;
    let bytes = loaded.example.as_ref().map_or(frame.cols() * BYTES_PER_CELL, String::len);
    Ok(Cost { ns_per_row: least / rows, bytes_per_row: bytes as f64 / rows })
}
