//! The demo models answer exactly what the real MLflow server answered (assets/golden.jsonl, made by
//! assets/make_models.py).

#![allow(clippy::unwrap_used, reason = "the panic of a helper is the failure's report")]

mod common;

use common::{Fixture, assets, copy};
use serde_json::Value;

#[test]
fn every_recorded_request_is_answered_as_by_mlflow() {
    let fixture = Fixture::demo();
    let golden = std::fs::read_to_string(assets().join("golden.jsonl")).unwrap();
    let pairs: Vec<Value> = golden.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // When wine/3 comes, wine/2 is neither the newest nor named by an alias, and is not served any more.
    let (next, first): (Vec<_>, Vec<_>) =
        pairs.iter().partition(|pair| pair["model"] == "wine" && pair["version"] == 3);
    first.iter().for_each(|pair| compare(&fixture, pair));
    copy(&assets().join("next"), fixture.root());
    fixture.admin_call("POST", "/rescan", &[], b"");
    next.iter().for_each(|pair| compare(&fixture, pair));
    assert_eq!((first.len() + next.len(), next.is_empty()), (42, false));
}

fn compare(fixture: &Fixture, pair: &Value) {
    let path = format!("/models/{}/versions/{}/invocations", pair["model"].as_str().unwrap(), pair["version"]);
    let answer = fixture.post(&path, pair["body"].as_str().unwrap());
    assert_eq!(u64::from(answer.status), pair["status"], "{path}: {}", answer.text());
    if answer.status == 200 {
        assert_eq!(answer.text(), pair["answer"].as_str().unwrap(), "{path}");
        let label = format!("{}/{}", pair["model"].as_str().unwrap(), pair["version"]);
        assert_eq!(answer.header("x-yummy-model"), Some(label.as_str()));
    } else {
        let answer = answer.json();
        for (key, value) in pair["answer"].as_object().unwrap() {
            assert_eq!(&answer[key], value, "{path} {key}");
        }
    }
}

#[test]
fn names_versions_and_aliases_reach_their_version() {
    let fixture = Fixture::demo();
    let example = fixture.get("/models/wine").json()["models"][0]["example"].as_str().unwrap().to_owned();
    for (path, label) in [
        ("/models/wine/invocations", "wine/2"),
        ("/models/wine/versions/1/invocations", "wine/1"),
        ("/models/wine/aliases/champion/invocations", "wine/1"),
    ] {
        let answer = fixture.post(path, &example);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-yummy-model"), Some(label), "{path}");
    }
    for (path, text) in [
        ("/models/vine/invocations", "there are cancer, churn, diabetes, wine"),
        ("/models/wine/versions/9/invocations", "it has 2, 1"),
        ("/models/wine/aliases/best/invocations", "it has champion"),
    ] {
        let answer = fixture.post(path, &example);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.json()["error_code"], "RESOURCE_DOES_NOT_EXIST");
        assert!(answer.json()["message"].as_str().unwrap().contains(text), "{}", answer.text());
    }
    let answer = fixture.post("/invocations", &example);
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("--default-model"), "{}", answer.text());
}

#[test]
fn one_version_of_each_name_is_the_newest() {
    let fixture = Fixture::demo();
    let catalog = fixture.get("/models").json();
    let newest = catalog["models"].as_array().unwrap().iter().filter(|model| model["newest"] == true);
    let newest: Vec<String> =
        newest.map(|model| format!("{}/{}", model["name"].as_str().unwrap(), model["version"])).collect();
    assert_eq!(newest, ["cancer/1", "churn/1", "diabetes/1", "wine/2"]);
    let id = catalog["models"][4]["model_id"].as_str().unwrap();
    let example = catalog["models"][4]["example"].as_str().unwrap();
    let answer = fixture.post(&format!("/models/{id}/invocations"), example);
    assert_eq!(answer.header("x-yummy-model"), Some("wine/1"), "a version can be asked for by its id");
}

#[test]
fn runs_and_endpoints_reach_their_model() {
    let fixture = Fixture::demo();
    let newest = fixture.get("/models/wine").json()["models"][0].clone();
    let (run, example) = (newest["run_id"].as_str().unwrap(), newest["example"].as_str().unwrap());
    for path in [format!("/runs/{run}/wine/invocations"), "/endpoints/wine/invocations".into()] {
        let answer = fixture.post(&path, example);
        assert_eq!((answer.status, answer.header("x-yummy-model")), (200, Some("wine/2")), "{path}");
    }
    let listed = fixture.get("/api/2.0/endpoints/").json();
    assert_eq!(listed["endpoints"].as_array().unwrap().len(), 4);
    assert_eq!(fixture.get("/api/2.0/endpoints/wine").json()["endpoint_url"], "/endpoints/wine/invocations");
}

#[test]
fn the_default_model_is_the_one_that_was_chosen() {
    let fixture = Fixture::demo_with(|settings| settings.default_model = Some("wine@champion".into()));
    let example = fixture.get("/models/wine").json()["models"][0]["example"].as_str().unwrap().to_owned();
    let answer = fixture.post("/invocations", &example);
    assert_eq!((answer.status, answer.header("x-yummy-model")), (200, Some("wine/1")));
}

#[test]
fn routes_that_mlflow_has_answer_as_it_does() {
    let fixture = Fixture::demo();
    let mut client = fixture.client();
    for (method, path, status, body) in [
        ("GET", "/ping", 200, "\n"),
        ("GET", "/health", 200, "\n"),
        ("GET", "/version", 200, "3.17.2"),
        ("HEAD", "/ping", 405, ""),
        ("POST", "/health", 405, r#"{"detail":"Method Not Allowed"}"#),
        ("GET", "/invocations", 405, r#"{"detail":"Method Not Allowed"}"#),
        ("GET", "/nothing", 404, r#"{"detail":"Not Found"}"#),
        ("GET", "/Invocations", 404, r#"{"detail":"Not Found"}"#),
        ("POST", "//invocations", 404, r#"{"detail":"Not Found"}"#),
    ] {
        let answer = client.call(method, path, &[], b"");
        assert_eq!((answer.status, answer.text()), (status, body), "{method} {path}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{method} {path}");
    }
    let answer = client.call("GET", "/ping/", &[], b"");
    assert_eq!((answer.status, answer.header("location")), (307, Some("http://test/ping")));
}

#[test]
fn every_route_that_is_described_exists() {
    let fixture = Fixture::demo();
    let described = fixture.get("/openapi.json").json();
    let paths = described["paths"].as_object().unwrap();
    assert!(paths.len() > 12);
    for (path, methods) in paths {
        let path = path.replace("{name}", "wine").replace("{version}", "1").replace("{alias}", "champion");
        for method in methods.as_object().unwrap().keys() {
            if path == "/stats/stream" {
                continue; // It never ends.
            }
            let path = if path.ends_with(".svg") { format!("{path}?seconds=1") } else { path.clone() };
            let answer = fixture.client().call(&method.to_uppercase(), &path, &[], b"");
            // A stage that no version has is not found either, but in other words than a route that is not there.
            assert_ne!(answer.status, 405, "{method} {path}");
            assert_ne!(answer.text(), r#"{"detail":"Not Found"}"#, "{method} {path}");
        }
    }
    assert!(fixture.get("/docs").text().contains("<title>yummyd</title>"));
}
