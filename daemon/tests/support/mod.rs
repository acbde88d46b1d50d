//! What the protocol tests share: the fixtures, models loaded once, and one request through decode, score and encode.

#![allow(dead_code, reason = "each test uses a part")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use base64::Engine as _;
use serde_json::Value;
use yummy_models::{Frame, LoadOptions, Model};
use yummyd::{
    decode::{Plan, ProtocolError, decode},
    encode::{Encoder, NonFinite},
};

/// The folder of fixtures, beside the checkout or where `YUMMY_SHARED` says.
pub(crate) fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let path = std::env::var_os("YUMMY_SHARED").map_or(beside, PathBuf::from);
    if path.join("fixtures/mlflow").is_dir() {
        return Some(path);
    }
    println!("skipped: ../shared is not there");
    None
}

/// One answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// A model with its plan and encoder.
pub(crate) struct Served {
    pub(crate) model: Model,
    pub(crate) plan: Plan,
    encoder: Encoder,
}

impl Served {
    pub(crate) fn new(model: Model) -> Self {
        let (plan, encoder) = (Plan::new(&model), Encoder::new(&model, NonFinite::Python));
        Self { model, plan, encoder }
    }

    /// Answers one request as the HTTP layer would.
    pub(crate) fn answer(&self, content_type: Option<&str>, body: &[u8]) -> Reply {
        match self.try_answer(content_type, body) {
            Ok(body) => Reply { status: 200, body },
            Err(error) => Reply { status: error.status(), body: error.body() },
        }
    }

    fn try_answer(&self, content_type: Option<&str>, body: &[u8]) -> Result<Vec<u8>, ProtocolError> {
        let mut frame = Frame::new(0);
        let request = decode(&self.plan, content_type, body, &mut frame)?;
        let mut values = Vec::new();
        self.model
            .scorer()
            .score(request.method, &frame, &mut values)
            .map_err(|error| ProtocolError::model(&error.to_string()))?;
        let mut out = Vec::new();
        self.encoder.encode(request.answer(), &values, request.rows, &mut out);
        Ok(out)
    }
}

/// A model of the fixtures, loaded when it is first asked for.
pub(crate) struct Fixture {
    pub(crate) dir: PathBuf,
    state: Option<Result<Served, String>>,
}

impl Fixture {
    pub(crate) fn at(dir: PathBuf) -> Self {
        Self { dir, state: None }
    }

    /// All of `index.json`, by name.
    pub(crate) fn all(shared: &Path) -> BTreeMap<String, Self> {
        let root = shared.join("fixtures/mlflow");
        let index: Value = serde_json::from_slice(&std::fs::read(root.join("index.json")).unwrap()).unwrap();
        let entry = |entry: &Value| {
            let dir = root.join(entry["path"].as_str().unwrap());
            (entry["name"].as_str().unwrap().to_owned(), Self::at(dir))
        };
        index["models"].as_array().unwrap().iter().map(entry).collect()
    }

    /// The model, when it is served natively.
    pub(crate) fn load(&mut self) -> Option<&Served> {
        let dir = &self.dir;
        let state = self.state.get_or_insert_with(|| {
            Model::load(dir, &LoadOptions::default()).map(Served::new).map_err(|error| error.to_string())
        });
        state.as_ref().ok()
    }

    /// Why it is not served.
    pub(crate) fn reason(&self) -> String {
        match &self.state {
            Some(Err(reason)) => reason.clone(),
            _ => String::new(),
        }
    }
}

/// A recorded header; the first when there are several, as MLflow's server takes it.
pub(crate) fn header(request: &Value, name: &str) -> Option<String> {
    let headers = request["headers"].as_array()?;
    let found = headers.iter().find(|pair| pair[0].as_str().is_some_and(|key| key.eq_ignore_ascii_case(name)))?;
    found[1].as_str().map(|value| value.trim().to_owned())
}

/// A recorded body.
pub(crate) fn body(request: &Value) -> Vec<u8> {
    if let Some(encoded) = request.get("body_b64").and_then(Value::as_str) {
        return base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
    }
    request["body"].as_str().unwrap_or("").as_bytes().to_vec()
}

/// The part of a message that does not depend on the payload.
pub(crate) fn core(message: &str) -> String {
    let mut text = message.to_owned();
    // `Failed to predict data '<payload>'. \nError: Failed to enforce schema of data '<payload>' with schema '…'. Error: …`
    if text.starts_with("Failed to predict data") {
        let last = text.find("Invalid parameters found").or_else(|| text.find("Parameters must be a dictionary"));
        let at = last.or_else(|| text.rfind(". Error: ")).unwrap_or(0);
        text = format!("Failed to predict data … {}", &text[at..]);
    }
    if let Some(at) = text.find("\nInput: ") {
        text.truncate(at);
    }
    for (start, end) in [
        ("Failed to convert column", " to type"),
        ("Note that there were extra inputs", ""),
        ("Invalid parameters found", ""),
        ("UnicodeDecodeError", ""),
        ("must be called with a collection of some kind", ""),
        ("cannot convert dictionary update sequence", ""),
        ("dictionary update sequence", ""),
        ("Could not open Parquet input source", ""),
        ("could not convert string to float", ""),
        ("invalid literal for int()", ""),
        ("Python integer", ""),
        ("Failed to convert data ", ""),
        ("fields {", "}"),
        ("Got {", "}"),
        ("Got [", "]"),
        ("input fields: [", "]"),
    ] {
        if let Some(at) = text.find(start) {
            let rest = &text[at + start.len()..];
            let tail = if end.is_empty() { "" } else { rest.find(end).map_or("", |stop| &rest[stop..]) };
            text = format!("{}{start}…{tail}", &text[..at]);
        }
    }
    text.replace("Got set().'", "Got {…}.'").replace("Got […].'", "Got {…}.'").trim_end_matches("…'").to_owned()
}

/// A plan without a model behind it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) plan: Plan,
}

/// Plans of every kind, all with the four columns `a`, `b c`, `ü` and `d`.
pub(crate) fn cases() -> Vec<Case> {
    use yummy_models::{
        Feature, FeatureKind, Method, Signature,
        engine::Categories,
        signature::{ColumnSpec, DataType, Schema, TensorSpec},
    };
    use yummyd::decode::Library;

    const NAMES: [&str; 4] = ["a", "b c", "ü", "d"];
    let columns = |kinds: [DataType; 4], named: bool| {
        let column =
            |(name, kind): (&str, DataType)| ColumnSpec { name: named.then(|| name.into()), kind, required: true };
        Schema::Columns(NAMES.into_iter().zip(kinds).map(column).collect())
    };
    let tensor =
        |dtype: &str| Schema::Tensors(vec![TensorSpec { name: None, dtype: dtype.into(), shape: vec![-1, 4] }]);
    let features = |kinds: [FeatureKind; 4]| -> Vec<Feature> {
        NAMES.into_iter().zip(kinds).map(|(name, kind)| Feature { name: name.into(), kind }).collect()
    };
    let numbers = || features([const { FeatureKind::Number }; 4]);
    let case = |name, inputs: Option<Schema>, library, features| {
        let signature = Signature { inputs, ..Signature::default() };
        Case { name, plan: Plan::of_parts(&signature, library, features, vec![Method::Predict]) }
    };
    use DataType::{Boolean, Double, Float, Integer, Long, String as Text};
    use FeatureKind::{HashedCategory, ListedCategory, Number};
    let list =
        |list: &[&str]| ListedCategory(Categories::text(list.iter().map(|text| (*text).to_owned()).collect()).into());
    let sizes = || ListedCategory(Categories::number(&[0.0, 1.0, 7.0]).into());
    let double = || columns([const { Double }; 4], true);
    let (lightgbm, catboost) = (Library::LightGbm, Library::CatBoost);
    vec![
        case("doubles", Some(double()), lightgbm, numbers()),
        case("doubles by name", Some(double()), catboost, numbers().into_iter().rev().collect()),
        case("types", Some(columns([Float, Long, Integer, Boolean], true)), lightgbm, numbers()),
        case("unnamed", Some(columns([const { Double }; 4], false)), lightgbm, numbers()),
        case("tensor", Some(tensor("float64")), lightgbm, numbers()),
        case("narrow tensor", Some(tensor("float32")), lightgbm, numbers()),
        case("no signature", None, lightgbm, numbers()),
        case("no signature by name", None, catboost, numbers()),
        case(
            "categories",
            Some(columns([Text, Long, Double, Double], true)),
            catboost,
            features([HashedCategory, HashedCategory, Number, Number]),
        ),
        case(
            "listed",
            Some(columns([Text, Integer, Double, Boolean], true)),
            lightgbm,
            features([list(&["paris", "zürich"]), sizes(), Number, Number]),
        ),
    ]
}
