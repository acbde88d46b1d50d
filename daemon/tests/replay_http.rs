//! Replays the recorded requests of MLflow's scoring server against a running daemon: every route and method, over real
//! connections, each model by its id. Bodies are compared byte for byte, errors by their codes; `replay.rs` compares
//! the messages.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests, which report what they compared")]

mod common;

use std::collections::BTreeMap;

use base64::Engine as _;
use common::{Answer, Fixture, until};
use serde_json::Value;
use yummy_api::catalog::{ModelInfo, ModelState};

/// Places where this daemon answers otherwise than MLflow on purpose: the table of docs/protocol.md, and routes that
/// MLflow's framework has beside.
fn exception(what: &str, model: &str, got: u16) -> Option<&'static str> {
    match (what, got) {
        ("GET /docs" | "GET /redoc" | "GET /openapi.json", _) => Some("our own pages in place of FastAPI's"),
        ("GET /metrics", 200) => Some("there are metrics"),
        ("no content-type", 415) => Some("no Content-Type is 415"),
        ("docs: bare record list", 400) => Some("1.x bodies are accepted"),
        _ if what.starts_with("1.x") => Some("1.x bodies are accepted"),
        _ if what.contains("format=pandas-") => Some("1.x `format` is accepted"),
        _ if what.contains("deep nesting") && got == 400 => Some("deep nesting is 400"),
        _ if what.contains("504") => Some("no native model is that slow"),
        _ if model == "lgb_cat_pandas" && got == 200 => Some("pandas categories work"),
        _ => None,
    }
}

#[test]
fn recorded_pairs_are_answered_as_recorded_by_a_running_daemon() {
    let fixture = Fixture::over(&yummy_fixtures::mlflow().join("mlruns"));
    let states = states(&fixture);
    let index: Value =
        serde_json::from_slice(&std::fs::read(yummy_fixtures::mlflow().join("index.json")).unwrap()).unwrap();
    let ids: BTreeMap<&str, &str> = index["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| (model["name"].as_str().unwrap(), model["model_id"].as_str().unwrap()))
        .collect();
    let pairs = std::fs::read_to_string(yummy_fixtures::mlflow().join("http_pairs.jsonl")).unwrap();
    let (mut equal, mut total, mut apart) = (0, 0, 0);
    let mut listed: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unexplained = Vec::new();
    for line in pairs.lines() {
        let pair: Value = serde_json::from_str(line).unwrap();
        let (model, what) = (pair["model"].as_str().unwrap(), pair["what"].as_str().unwrap());
        let path = pair["request"]["path"].as_str().unwrap();
        if path.starts_with("/invocations") && states.get(ids[model]) != Some(&ModelState::Ready) {
            apart += 1;
            continue;
        }
        total += 1;
        let path = path.replacen(
            "/invocations",
            &format!("/models/{}/invocations", ids[model]),
            usize::from(path.starts_with("/invocations")),
        );
        let got = send(&fixture, &pair["request"], &path);
        match compare(&pair["response"], &got) {
            Ok(()) => equal += 1,
            Err(reason) => match exception(what, model, got.status) {
                Some(reason) => *listed.entry(reason).or_default() += 1,
                None => unexplained.push(format!("{model} | {what}: {reason}")),
            },
        }
    }
    let exceptions: usize = listed.values().sum();
    println!("over HTTP: {equal} of {total} equal, {exceptions} listed exceptions, {} unexplained", unexplained.len());
    println!("  {apart} pairs of models that are not served natively; listed: {listed:#?}");
    assert!(total > 1000 && unexplained.is_empty(), "{unexplained:#?}");
}

/// The state of every model, once all are decided.
fn states(fixture: &Fixture) -> BTreeMap<String, ModelState> {
    let infos =
        || -> Vec<ModelInfo> { serde_json::from_value(fixture.get("/models").json()["models"].clone()).unwrap() };
    let decided = |info: &ModelInfo| !matches!(info.state, ModelState::Loading | ModelState::Incomplete);
    until("every model is decided", || infos().iter().all(decided));
    infos().into_iter().filter_map(|info| Some((info.model_id?, info.state))).collect()
}

fn send(fixture: &Fixture, request: &Value, path: &str) -> Answer {
    let headers = request["headers"].as_array().unwrap();
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap())).collect();
    let body = match request.get("body_b64").and_then(Value::as_str) {
        Some(encoded) => base64::engine::general_purpose::STANDARD.decode(encoded).unwrap(),
        None => request["body"].as_str().unwrap_or_default().as_bytes().to_vec(),
    };
    fixture.client().call(request["method"].as_str().unwrap(), path, &headers, &body)
}

/// Equal status; equal bodies of answers; equal codes of errors; equal `allow` and `content-type` headers.
fn compare(recorded: &Value, got: &Answer) -> Result<(), String> {
    if recorded["status"] != u64::from(got.status) {
        return Err(format!("{} -> {}", recorded["status"], got.status));
    }
    for name in ["allow", "content-type"] {
        let headers = recorded["headers"].as_array().unwrap();
        let want = headers.iter().find(|pair| pair[0] == name).and_then(|pair| pair[1].as_str());
        if want != got.header(name) {
            return Err(format!("{name}: {want:?} -> {:?}", got.header(name)));
        }
    }
    let want = recorded["body"].as_str().unwrap_or_default();
    let got = String::from_utf8_lossy(&got.body);
    let errors = (serde_json::from_str::<Value>(want), serde_json::from_str::<Value>(&got));
    if let (Ok(want), Ok(got)) = errors
        && want.get("error_code").is_some()
    {
        let codes = ["error_code", "sqlstate", "error_class"];
        let same = codes.iter().all(|key| want[*key] == got[*key])
            && want.get("stack_trace").is_some() == got.get("stack_trace").is_some();
        return if same { Ok(()) } else { Err(format!("{want} -> {got}")) };
    }
    if want == got { Ok(()) } else { Err(format!("{want:.200} -> {got:.200}")) }
}
