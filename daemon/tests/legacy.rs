//! Replays the recorded requests of MLflow 1.30: the shapes that only 1.x has are answered as 1.x answered them, with
//! the bare list; those that both protocols have are answered as 3.x answers them.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests, which report what they compared")]

mod support;

use serde_json::Value;
use support::{Fixture, header};

/// Requests that 3.x answers too, there with the list wrapped, or refuses for a reason of its own.
fn newer(what: &str) -> Option<&'static str> {
    match what {
        "csv" | "csv charset" | "instances dicts" | "inputs dict" | "instances lists" | "inputs lists" => {
            Some("inputs, instances and CSV are answered as 3.x does")
        }
        "2.x dataframe_split" => Some("dataframe_split is accepted, as in 2.x and 3.x"),
        "json-numpy-split" | "json-numpy-split no index" => Some("json-numpy-split is 415, as in 3.x"),
        "no content-type" => Some("no Content-Type is 415"),
        "yummy blog request" => Some("column names that are digits stay names"),
        _ => None,
    }
}

#[test]
fn requests_of_1_x_are_answered_as_1_x_did() {
    let root = yummy_fixtures::mlflow().join("legacy_1x");
    let pairs = std::fs::read_to_string(root.join("http_pairs_1.30.1.jsonl")).unwrap();
    let mut fixtures: std::collections::BTreeMap<String, Fixture> = std::collections::BTreeMap::new();
    let (mut equal, mut listed, mut unexplained) = (0, 0, Vec::new());
    for line in pairs.lines() {
        let pair: Value = serde_json::from_str(line).unwrap();
        let (request, response) = (&pair["request"], &pair["response"]);
        if request["method"] != "POST" || request["path"] != "/invocations" {
            continue;
        }
        let name = pair["model"].as_str().unwrap().to_owned();
        let fixture = fixtures.entry(name.clone()).or_insert_with(|| Fixture::at(model(&root, &name)));
        let served = fixture.load().unwrap();
        let got = served.answer(header(request, "content-type").as_deref(), &support::body(request));
        let want = response["body"].as_str().unwrap_or("").trim_end();
        let wrapped = |body: &str| format!("{{\"predictions\": {body}}}");
        let text = String::from_utf8_lossy(&got.body);
        // The last two were recorded with 1.x told to wrap its answers.
        let same = match response["status"].as_u64().unwrap() {
            200 => got.status == 200 && (text == want || wrapped(&text) == want || text == wrapped(want)),
            status => u64::from(got.status) == status,
        };
        let what = pair["what"].as_str().unwrap();
        if same {
            equal += 1;
        } else if newer(what).is_some() {
            listed += 1;
        } else {
            unexplained.push(format!("{name} | {what} | {} -> {}: {text}\n    {want}", response["status"], got.status));
        }
    }
    println!(
        "legacy_1x: {equal} of {} equal, {listed} listed exceptions, {} unexplained",
        equal + listed + unexplained.len(),
        unexplained.len()
    );
    for difference in &unexplained {
        println!("  {difference}");
    }
    assert!(unexplained.is_empty());
    assert!(equal > 40);
}

fn model(root: &std::path::Path, name: &str) -> std::path::PathBuf {
    let runs = std::fs::read_dir(root.join("mlruns/1")).unwrap();
    let found =
        runs.map(|run| run.unwrap().path().join("artifacts").join(name)).find(|dir| dir.join("MLmodel").is_file());
    found.unwrap()
}
