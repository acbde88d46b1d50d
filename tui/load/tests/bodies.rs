//! Bodies: varied, of the right shape, and the same again for the same seed.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{collections::HashSet, fs};

use serde_json::Value;
use yummy_api::catalog::ColumnInfo;
use yummy_load::bodies::{
    Bodies,
    file::{read, read_recording},
    form::Form,
    vary::{Shape, from_example, from_signature},
};

const EXAMPLE: &str = r#"{"dataframe_split": {"columns": ["age", "income", "city", "member"],
    "data": [[31, 1200.5, "Oslo", true], [58, -3.25, "Rome", false], [7, 0.0, null, true]]}}"#;

fn shape(rows: u64) -> Shape {
    Shape { rows, form: None, seed: 1, same_row: false }
}

fn parsed(bodies: &Bodies) -> Vec<Value> {
    bodies.pool().iter().map(|body| serde_json::from_slice(body).unwrap()).collect()
}

#[test]
fn a_thousand_different_bodies_keep_types_and_known_words() {
    let bodies = from_example(EXAMPLE, "test", &shape(3)).unwrap();
    assert_eq!(bodies.pool().iter().collect::<HashSet<_>>().len(), 1000);
    for body in parsed(&bodies) {
        let split = &body["dataframe_split"];
        assert_eq!(split["columns"], serde_json::json!(["age", "income", "city", "member"]));
        let rows = split["data"].as_array().unwrap();
        assert_eq!(rows.len(), 3);
        for row in rows {
            assert!(row[0].is_i64() && row[0].as_i64().unwrap() >= 0, "{row}");
            assert!(row[1].is_f64() && row[3].is_boolean(), "{row}");
            assert!(row[2].is_null() || ["Oslo", "Rome"].contains(&row[2].as_str().unwrap()), "{row}");
        }
    }
}

#[test]
fn a_seed_repeats_its_bodies() {
    let of = |seed| from_example(EXAMPLE, "test", &Shape { seed, ..shape(1) }).unwrap();
    assert_eq!(of(7).pool(), of(7).pool());
    assert_ne!(of(7).pool(), of(8).pool());
}

#[test]
fn every_form_carries_the_same_rows() {
    for (form, key) in [
        (Form::Split, "dataframe_split"),
        (Form::Records, "dataframe_records"),
        (Form::Inputs, "inputs"),
        (Form::Instances, "instances"),
    ] {
        let bodies = from_example(EXAMPLE, "test", &Shape { form: Some(form), ..shape(2) }).unwrap();
        let body = &parsed(&bodies)[0];
        assert!(body.get(key).is_some(), "{form}: {body}");
        assert_eq!(bodies.content_type(), "application/json");
    }
    let csv = from_example(EXAMPLE, "test", &Shape { form: Some(Form::Csv), ..shape(2) }).unwrap();
    assert_eq!(csv.content_type(), "text/csv");
    let text = String::from_utf8(csv.pool()[0].to_vec()).unwrap();
    assert_eq!(text.lines().count(), 3);
    assert!(text.starts_with("age,income,city,member\n"));
}

#[test]
fn the_other_forms_of_examples_are_understood() {
    for example in [
        r#"{"dataframe_records": [{"a": 1.5, "b": "x"}]}"#,
        r#"{"inputs": {"a": [1.5, 2.5], "b": ["x", "y"]}}"#,
        r#"{"inputs": [[1.5, 2.5]]}"#,
        r#"{"instances": [{"a": 1.5}], "params": {"k": 1}}"#,
    ] {
        let bodies = from_example(example, "test", &shape(4)).unwrap();
        assert_eq!((bodies.pool().len(), bodies.rows()), (1000, 4), "{example}");
    }
    let kept = from_example(r#"{"instances": [[1.5]], "params": {"k": 1}}"#, "test", &shape(1)).unwrap();
    assert_eq!(parsed(&kept)[5]["params"]["k"], 1);
}

#[test]
fn tensors_are_sent_as_they_are_or_refused() {
    let tensor = r#"{"inputs": [[[1.0, 2.0]], [[3.0, 4.0]]]}"#;
    let bodies = from_example(tensor, "test", &shape(1)).unwrap();
    assert_eq!(bodies.pool().len(), 1);
    assert_eq!(&bodies.pool()[0][..], tensor.as_bytes());
    assert!(from_example(tensor, "test", &shape(5)).is_err());
}

#[test]
fn a_signature_alone_makes_bodies_of_its_types() {
    let column =
        |name: &str, kind: &str| ColumnInfo { name: Some(name.to_owned()), kind: kind.to_owned(), required: true };
    let columns = [column("d", "double"), column("l", "long"), column("s", "string"), column("b", "boolean")];
    let bodies = from_signature(&columns, "test", &shape(1)).unwrap();
    assert_eq!(bodies.pool().iter().collect::<HashSet<_>>().len(), 1000);
    let row = &parsed(&bodies)[0]["dataframe_split"]["data"][0];
    assert!(row[0].is_f64() && row[1].is_i64() && row[2].is_string() && row[3].is_boolean(), "{row}");
    let unknown = [column("x", "tensor float64 (-1, 3)")];
    assert!(from_signature(&unknown, "test", &shape(1)).unwrap_err().to_string().contains("--body"));
}

#[test]
fn large_bodies_are_fewer_not_fatal() {
    let bodies = from_example(EXAMPLE, "test", &shape(50_000)).unwrap();
    assert!((8..1000).contains(&bodies.pool().len()), "{}", bodies.pool().len());
}

#[test]
fn files_give_their_rows_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let csv = read(&file("a.csv", "x,name\n1,\"a, \"\"b\"\"\"\n2.5,c\n,d\n"), &shape(2)).unwrap();
    let first = &parsed(&csv)[0]["dataframe_split"];
    assert_eq!(first["data"], serde_json::json!([[1, "a, \"b\""], [2.5, "c"]]));
    assert_eq!(parsed(&csv)[1]["dataframe_split"]["data"][0], serde_json::json!([null, "d"]));
    let records = read(&file("a.jsonl", "{\"x\": 1}\n{\"x\": 2}\n"), &shape(1)).unwrap();
    assert_eq!(parsed(&records)[1]["dataframe_split"]["data"], serde_json::json!([[2]]));
    let bodies = read(&file("b.jsonl", "{\"inputs\": [[1]]}\n{\"inputs\": [[2]]}\n"), &shape(1)).unwrap();
    assert_eq!(bodies.pool().len(), 2);
    let whole = file("c.json", "{\"inputs\": [[1], [2]]}");
    assert_eq!(read(&whole, &shape(1)).unwrap().rows(), 2);
    assert!(read(&whole, &shape(5)).is_err());
    for (name, text) in [("e.csv", ""), ("f.csv", "x,y\n"), ("g.csv", "x,y\n1\n"), ("h.jsonl", "nonsense\n")] {
        assert!(read(&file(name, text), &shape(1)).is_err(), "{name}");
    }
}

#[test]
fn recordings_keep_times_and_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("r.jsonl");
    fs::write(
        &path,
        "{\"at_ms\": 20, \"body\": {\"inputs\": [[2.50]]}}\n{\"at_ms\": 0.5, \"body\": {\"inputs\": [[1]]}}\n",
    )
    .unwrap();
    let bodies = read_recording(&path).unwrap();
    assert_eq!(bodies.times(), Some(&[500_000, 20_000_000][..]));
    assert_eq!(&bodies.pool()[1][..], b"{\"inputs\": [[2.50]]}");
    fs::write(&path, "{\"at_ms\": -1, \"body\": {}}\n").unwrap();
    assert!(read_recording(&path).unwrap_err().to_string().contains("r.jsonl:1"));
}
