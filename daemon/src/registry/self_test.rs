//! A version scores its own examples before it is published.
//!
//! Each example that was logged with it must be answered without error, in the shape that the signature promises; where
//! the directory has a recorded answer, with these values. What is found here keeps the version from being served: the
//! one before it goes on.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use yummy_models::{
    Frame, Method, MlModel, Shape, mlmodel,
    signature::{Schema, TensorSpec},
};

use super::Loaded;
use crate::{
    decode::{
        self, Request, Style,
        python::{Value, json},
    },
    execute::Cost,
};

/// An example is printed, listed and scored at every load: larger ones are none.
const MAX_EXAMPLE_BYTES: u64 = 1 << 20;
/// The model scores its example over and over for about this long to learn what a row costs.
const WARM_UP: Duration = Duration::from_millis(2);
/// A fast model stops earlier: this many rounds are enough for a minimum.
const WARM_UP_ROUNDS: u32 = 64;
/// What a cell takes in a body, for models without an example: a number of 8 digits, a comma and a space.
const BYTES_PER_CELL: usize = 10;
/// Recorded answers: a body as `/invocations` gives it. MLflow writes none; a pipeline may, as a file or as one of MLflow's
/// extra files.
const EXPECTED: [&str; 2] = ["expected_output.json", "extra_files/expected_output.json"];
/// Another machine's library may have summed in another order.
const TOLERANCE: f64 = 1e-9;

/// What a model directory has to test itself with.
#[derive(Debug, Default)]
pub(super) struct Examples {
    /// `serving_input_example.json`.
    serving: Option<String>,
    /// `input_example.json`, as a request body.
    input: Option<String>,
    /// The recorded answer to it.
    expected: Option<String>,
}

impl Examples {
    /// Reads what there is; what is too large, or no text, is none.
    pub(super) fn read(dir: &Path, mlmodel: &MlModel) -> Self {
        let read = |name: &str| {
            let path = mlmodel::resolve(dir, name).ok()?;
            String::from_utf8(mlmodel::read_bounded(&path, MAX_EXAMPLE_BYTES).ok()?).ok()
        };
        let input = mlmodel.input_example.as_deref().and_then(read);
        Self {
            serving: mlmodel.serving_input.as_deref().and_then(read),
            input: input.and_then(|text| request_of(&text, mlmodel)),
            expected: EXPECTED.into_iter().find_map(read),
        }
    }

    /// A request body that the model answers.
    pub(super) fn into_body(self) -> Option<String> {
        self.serving.or(self.input)
    }

    /// Names and bodies.
    fn bodies(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let named = [("serving_input_example", &self.serving), ("input_example", &self.input)];
        named.into_iter().filter_map(|(name, body)| Some((name, body.as_deref()?)))
    }
}

/// The request that stands for an `input_example.json`: its data without the word for what they are.
fn request_of(text: &str, mlmodel: &MlModel) -> Option<String> {
    let key = match mlmodel.input_example_type.as_deref()? {
        "dataframe" => "dataframe_split",
        "ndarray" | "json_object" => "inputs",
        // Sparse matrices are no request.
        _ => return None,
    };
    let Ok(Value::Dict(content)) = json::parse(text) else { return Some(format!("{{\"{key}\": {text}}}")) };
    // 1.x wrote arrays as the requests that they are. With parameters, the file holds both under these names.
    let is_request = key == "inputs" && content.len() == 1 && content.get("inputs").is_some();
    if is_request || (mlmodel.input_example_has_params && key == "inputs") {
        return Some(text.to_owned());
    }
    // A table with parameters stands under `inputs` too, which would make an array of it.
    (!mlmodel.input_example_has_params).then(|| format!("{{\"{key}\": {text}}}"))
}

/// Tests a model, and gives what predicting a row costs.
pub(super) fn run(loaded: &Loaded, examples: &Examples) -> Result<Cost, String> {
    fits_signature(loaded)?;
    let mut cost = None;
    let mut answer = Vec::new();
    for (name, body) in examples.bodies() {
        let mut frame = Frame::default();
        let request = decode::decode(&loaded.plan, Some("application/json"), body.as_bytes(), &mut frame)
            .map_err(|error| format!("does not accept its own {name}: {error}"))?;
        let one = score(loaded, &request, &frame, &mut answer).map_err(|reason| format!("{name}: {reason}"))?;
        let rows = frame.rows().max(1) as f64;
        cost = cost.or(Some(Cost { ns_per_row: one / rows, bytes_per_row: body.len() as f64 / rows }));
        if let Some(expected) = &examples.expected {
            is_expected(&answer, expected).map_err(|reason| format!("{name}: {reason}"))?;
        }
    }
    match cost {
        Some(cost) => Ok(cost),
        None => score_nothing(loaded),
    }
}

/// Without an example: one row of missing values.
fn score_nothing(loaded: &Loaded) -> Result<Cost, String> {
    let mut frame = Frame::default();
    frame.reset(loaded.model.scorer().features().len());
    frame.push_row();
    let request = Request { rows: 1, method: Method::Predict, style: Style::Wrapped, single: false };
    let ns_per_row = score(loaded, &request, &frame, &mut Vec::new())?;
    Ok(Cost { ns_per_row, bytes_per_row: (frame.cols() * BYTES_PER_CELL) as f64 })
}

/// Scores again and again, and gives the least nanoseconds that it took. `answer` is the body.
fn score(loaded: &Loaded, request: &Request, frame: &Frame, answer: &mut Vec<u8>) -> Result<f64, String> {
    let mut values = Vec::new();
    let mut least = f64::INFINITY;
    let begin = Instant::now();
    for _ in 0..WARM_UP_ROUNDS {
        let round = Instant::now();
        loaded.model.scorer().score(request.method, frame, &mut values).map_err(|error| error.to_string())?;
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
    answer.clear();
    loaded.encoder.encode(request.answer(), &values, request.rows, answer);
    Ok(least)
}

/// Whether what the model answers has the shape that the signature promises.
///
/// A signature of one column or of a flat array is no promise: many are inferred from the training labels, where the
/// model answers a probability for each class, and MLflow serves those.
fn fits_signature(loaded: &Loaded) -> Result<(), String> {
    let Some(output) = loaded.model.scorer().output(Method::Predict) else { return Ok(()) };
    let width = output.shape.width();
    let promised = match &loaded.model.mlmodel().signature.outputs {
        Some(Schema::Columns(columns)) if columns.len() > 1 => columns.len(),
        Some(Schema::Tensors(tensors)) => match width_of(tensors)? {
            Some(width) => width,
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    if promised == width {
        return Ok(());
    }
    let shape = match output.shape {
        Shape::Vector => "[n]".to_owned(),
        Shape::Matrix(width) => format!("[n, {width}]"),
    };
    Err(format!("answers {shape}, and its signature says {promised} outputs: is the file the one that was logged?"))
}

/// How many values a row has in the outputs of a signature; `None` when it leaves that open.
fn width_of(tensors: &[TensorSpec]) -> Result<Option<usize>, String> {
    match tensors {
        [tensor] => match tensor.shape.as_slice() {
            [] | [_] | [_, -1 | 1] => Ok(None),
            [_, width] => Ok(usize::try_from(*width).ok()),
            shape => Err(format!("its signature promises outputs of shape {shape:?}, which no forest answers")),
        },
        several => Ok(Some(several.len())),
    }
}

/// Compares an answer with a recorded one.
fn is_expected(answer: &[u8], expected: &str) -> Result<(), String> {
    let answer = std::str::from_utf8(answer).map_err(|error| error.to_string())?;
    let answer = json::parse(answer).map_err(|error| error.0)?;
    let expected = json::parse(expected).map_err(|error| format!("expected_output.json is no JSON: {}", error.0))?;
    let mut place = String::from("predictions");
    if is_same(predictions(&answer), predictions(&expected), &mut place) {
        Ok(())
    } else {
        Err(format!("its answer is not the one in expected_output.json: {place} differs"))
    }
}

/// What is under `predictions`, or the whole.
fn predictions(body: &Value) -> &Value {
    match body {
        Value::Dict(entries) => entries.get("predictions").unwrap_or(body),
        _ => body,
    }
}

/// Whether two answers are the same; `place` is then, or says, where they are not.
fn is_same(left: &Value, right: &Value, place: &mut String) -> bool {
    match (left, right) {
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).enumerate().all(|(index, (left, right))| {
                    let length = place.len();
                    place.push_str(&format!("[{index}]"));
                    let same = is_same(left, right, place);
                    if same {
                        place.truncate(length);
                    }
                    same
                })
        }
        _ => match (decode::python::number::to_float(left), decode::python::number::to_float(right)) {
            (Ok(left), Ok(right)) => {
                (left.is_nan() && right.is_nan())
                    || left == right
                    || (left - right).abs() <= TOLERANCE * left.abs().max(right.abs())
            }
            _ => left.to_text() == right.to_text(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mlmodel(kind: &str, params: bool) -> MlModel {
        let params = if params { "\n  params: 'true'" } else { "" };
        let text = format!("flavors: {{}}\nsaved_input_example_info:\n  type: {kind}{params}\n");
        MlModel::parse(&text).unwrap()
    }

    #[test]
    fn an_input_example_becomes_a_request() {
        let of = |kind, params, text: &str| request_of(text, &mlmodel(kind, params));
        let table = r#"{"columns": ["a"], "data": [[NaN]]}"#;
        assert_eq!(of("dataframe", false, table).unwrap(), format!(r#"{{"dataframe_split": {table}}}"#));
        assert_eq!(of("ndarray", false, "[[1.5]]").unwrap(), r#"{"inputs": [[1.5]]}"#);
        assert_eq!(of("ndarray", false, r#"{"inputs": [[1.5]]}"#).unwrap(), r#"{"inputs": [[1.5]]}"#);
        let both = r#"{"inputs": [[1.5]], "params": {"a": 1}}"#;
        assert_eq!(of("ndarray", true, both).unwrap(), both);
        assert_eq!(of("dataframe", true, both), None);
        assert_eq!(of("sparse_matrix_csr", false, "{}"), None);
    }

    #[test]
    fn recorded_answers_are_compared_by_value() {
        let same = |answer: &str, expected: &str| is_expected(answer.as_bytes(), expected);
        assert_eq!(same(r#"{"predictions": [[0.1, NaN]]}"#, "[[0.10000000000000001, NaN]]"), Ok(()));
        assert_eq!(same(r#"{"predictions": ["a", true]}"#, r#"{"predictions": ["a", true]}"#), Ok(()));
        let error = same(r#"{"predictions": [[0.1, 0.2]]}"#, "[[0.1, 0.3]]").unwrap_err();
        assert!(error.contains("predictions[0][1] differs"), "{error}");
        assert!(same(r#"{"predictions": [1]}"#, "[1, 2]").is_err());
        assert!(same(r#"{"predictions": ["a"]}"#, r#"["b"]"#).is_err());
        assert!(same(r#"{"predictions": [1]}"#, "[1").is_err());
    }

    #[test]
    fn only_a_definite_width_is_a_promise() {
        let tensor = |shape: &[i64]| [TensorSpec { name: None, dtype: "float64".into(), shape: shape.to_vec() }];
        assert_eq!(width_of(&tensor(&[-1])), Ok(None));
        assert_eq!(width_of(&tensor(&[-1, 1])), Ok(None));
        assert_eq!(width_of(&tensor(&[-1, 3])), Ok(Some(3)));
        assert!(width_of(&tensor(&[-1, 3, 3])).is_err());
    }
}
