//! Whatever a client sends: a clear 4xx in MLflow's shape, nothing lost, the process up.

#![allow(clippy::unwrap_used, reason = "the panic of a helper is the failure's report")]

mod common;

use common::{Client, Fixture};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[test]
fn bad_bodies_are_4xx_in_mlflows_shape_and_the_connection_goes_on() {
    let fixture = Fixture::demo();
    let mut client = fixture.client();
    let path = "/models/diabetes/invocations";
    for body in [
        "",
        "{",
        "null",
        "[]",
        "{}",
        "\u{0}",
        r#"{"dataframe_split": 1}"#,
        r#"{"dataframe_split": {"columns": ["age"], "data": [[1]]}}"#,
        r#"{"dataframe_split": {"columns": [], "data": []}}"#,
        r#"{"inputs": {"age": "x"}}"#,
        r#"{"instances": [[]]}"#,
        r#"{"dataframe_records": [{"age": {"a": [[[]]]}}]}"#,
        "secret-payload-that-must-not-come-back",
    ] {
        let answer = client.call("POST", path, &JSON, body.as_bytes());
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert!(answer.json()["error_code"].is_string(), "{body}: {}", answer.text());
        assert!(!answer.text().contains("secret-payload"), "{}", answer.text());
        assert!(answer.body.len() < 4096, "{body}: {} bytes", answer.body.len());
    }
    assert_eq!(client.call("GET", "/ping", &[], b"").status, 200);
}

#[test]
fn a_body_past_its_bound_is_413() {
    let fixture = Fixture::demo_with(|settings| settings.max_body_bytes = Some(1000));
    let answer = fixture.post("/models/diabetes/invocations", &" ".repeat(1001));
    assert_eq!(answer.status, 413, "{}", answer.text());
    // Without a length, too.
    let mut client = fixture.client();
    client.send(b"POST /models/diabetes/invocations HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    client.send(b"3e8\r\n");
    client.send(&[b' '; 1000]);
    client.send(b"\r\n1\r\n \r\n0\r\n\r\n");
    assert_eq!(client.receive(false).status, 413);
}

#[test]
fn rows_past_their_bound_are_413() {
    let fixture = Fixture::demo_with(|settings| settings.max_rows = Some(1));
    let example = fixture.get("/models/wine").json()["models"][0]["example"].as_str().unwrap().to_owned();
    assert_eq!(fixture.post("/models/wine/invocations", &example).status, 413);
}

#[test]
fn broken_http_does_not_stop_the_daemon() {
    let fixture = Fixture::demo();
    for bytes in
        [&b"\r\n\r\n\r\n"[..], b"GET", b"\xff\xfe\x00", b"POST /invocations HTTP/1.1\r\ncontent-length: 99\r\n\r\n{"]
    {
        let mut client = Client::connect(fixture.daemon().addresses()[0]);
        client.send(bytes);
        drop(client);
    }
    assert_eq!(fixture.get("/ping").status, 200);
}

#[test]
fn names_are_compared_and_never_joined_to_a_path() {
    let fixture = Fixture::demo();
    for name in ["..", "..%2f..%2fetc", "%00", "models%2fwine", "wine%2fversion-1", "%2e%2e%2fwine"] {
        let answer = fixture.post(&format!("/models/{name}/invocations"), "{}");
        assert_eq!(answer.status, 404, "{name}: {}", answer.text());
    }
    let long = "x".repeat(5000);
    let answer = fixture.post(&format!("/models/{long}/invocations"), "{}");
    assert_eq!(answer.status, 404);
    assert!(answer.body.len() < 1000, "the name does not come back whole");
}

#[test]
fn a_large_request_is_scored_on_the_pool() {
    let fixture = Fixture::demo();
    let row = "[0.03, 0.05, 0.06, 0.02, -0.04, -0.03, -0.04, 0.0, 0.01, -0.01]";
    let rows = vec![row; 5000].join(",");
    let columns = r#"["age","sex","bmi","bp","s1","s2","s3","s4","s5","s6"]"#;
    let one = fixture.post(
        "/models/diabetes/invocations",
        &format!(r#"{{"dataframe_split":{{"columns":{columns},"data":[{row}]}}}}"#),
    );
    let many = fixture.client().call(
        "POST",
        "/models/diabetes/invocations",
        &[("content-type", "application/json"), ("x-yummy-timing", "1")],
        format!(r#"{{"dataframe_split":{{"columns":{columns},"data":[{rows}]}}}}"#).as_bytes(),
    );
    let expected = one.json()["predictions"][0].clone();
    let predictions = many.json()["predictions"].as_array().unwrap().clone();
    assert_eq!(predictions.len(), 5000);
    assert!(predictions.iter().all(|prediction| *prediction == expected));
    assert!(many.header("server-timing").unwrap().contains("predict;dur="), "{many:?}");
}
