//! Signatures of times, bytes, lists and single tensors, by hand: what MLflow 3.17.2 answered to each of these requests.
//!
//! `schema` is an error of the signature, `data` one of a value or a file, `model` one of the model's library.

#![allow(clippy::unwrap_used, reason = "a test")]

use base64::Engine as _;
use yummy_models::{
    Feature, FeatureKind, Frame, Method, Signature,
    signature::{ColumnSpec, DataType, Schema, TensorSpec},
};
use yummyd::decode::{Kind, Library, Plan, ProtocolError, decode};

const JSON: &str = "application/json";
const PARQUET: &str = "application/vnd.apache.parquet";

fn column(kind: DataType, library: Library) -> Plan {
    let spec = ColumnSpec { name: Some("a".into()), kind, required: true };
    plan(Some(Schema::Columns(vec![spec])), library, FeatureKind::Number)
}

fn tensor(dtype: &str, shape: &[i64]) -> Plan {
    let spec = TensorSpec { name: None, dtype: dtype.into(), shape: shape.to_vec() };
    plan(Some(Schema::Tensors(vec![spec])), Library::LightGbm, FeatureKind::Number)
}

fn plan(inputs: Option<Schema>, library: Library, kind: FeatureKind) -> Plan {
    let signature = Signature { inputs, ..Signature::default() };
    Plan::of_parts(&signature, library, vec![Feature { name: "a".into(), kind }], vec![Method::Predict])
}

fn read(plan: &Plan, kind: &str, body: &[u8]) -> Result<Vec<f64>, ProtocolError> {
    let mut frame = Frame::new(0);
    decode(plan, Some(kind), body, &mut frame).map(|_| frame.cells().to_vec())
}

fn outcome(result: &Result<Vec<f64>, ProtocolError>) -> String {
    match result {
        Ok(cells) => format!("{cells:?}"),
        Err(error) => match error.kind() {
            Kind::Schema => "schema".into(),
            Kind::Model => "model".into(),
            _ => "data".into(),
        },
    }
}

fn all(plan: &Plan, requests: &[(&str, &str)]) {
    for (body, expected) in requests {
        assert_eq!(outcome(&read(plan, JSON, body.as_bytes())), *expected, "{body}");
    }
}

#[test]
fn catboost_reads_the_nanoseconds_of_times() {
    let requests = [
        (r#"{"dataframe_records": [{"a": "1970-01-01T00:00:00.000001"}]}"#, "[1000.0]"),
        (r#"{"dataframe_records": [{"a": 5}, {"a": 7.9}]}"#, "[5.0, 7.0]"),
        (r#"{"dataframe_split": {"columns": ["a"], "data": [["1970-01-01"], ["02/01/1970"]]}}"#, "data"),
        (r#"{"dataframe_records": [{"a": "1970-01-01T00:00:00Z"}]}"#, "schema"),
        (r#"{"dataframe_records": [{"a": "paris"}]}"#, "data"),
        (r#"{"dataframe_records": [{"a": null}]}"#, "model"),
        (r#"{"inputs": {"a": ["1970-01-01T00:00:00.000001Z", 3]}}"#, "[1000.0, 3.0]"),
        (r#"{"inputs": {"a": [1.5]}}"#, "data"),
        (r#"{"instances": [{"a": "01/02/1970"}]}"#, "data"),
    ];
    all(&column(DataType::Datetime, Library::CatBoost), &requests);
    let file = "a\n1970-01-01\n";
    let got = read(&column(DataType::Datetime, Library::CatBoost), "text/csv", file.as_bytes());
    assert_eq!(outcome(&got), "data");
    // LightGBM takes no column of times, whatever is in it.
    all(&column(DataType::Datetime, Library::LightGbm), &[(r#"{"dataframe_records": [{"a": 5}]}"#, "model")]);
}

#[test]
fn catboost_reads_the_text_of_bytes() {
    let requests = [
        (r#"{"dataframe_records": [{"a": "MS41"}, {"a": "IDI="}]}"#, "[1.5, 2.0]"),
        (r#"{"dataframe_records": [{"a": "MS4"}]}"#, "data"),
        (r#"{"dataframe_records": [{"a": 1}]}"#, "data"),
        (r#"{"dataframe_records": [{"a": "/w=="}]}"#, "model"),
        (r#"{"inputs": {"a": ["1.5", 2]}}"#, "[1.5, 2.0]"),
        (r#"{"inputs": {"a": ["é"]}}"#, "data"),
    ];
    all(&column(DataType::Binary, Library::CatBoost), &requests);
    all(&column(DataType::Binary, Library::LightGbm), &[(r#"{"dataframe_records": [{"a": "MS41"}]}"#, "model")]);
}

#[test]
fn lists_are_enforced_before_a_model_refuses_them() {
    let doubles = column(DataType::Array(Box::new(DataType::Double)), Library::CatBoost);
    let requests = [
        (r#"{"dataframe_records": [{"a": [1.5, 2.5]}]}"#, "model"),
        (r#"{"dataframe_records": [{"a": [1, 2]}]}"#, "data"),
        (r#"{"dataframe_records": [{"a": 1.5}]}"#, "data"),
        (r#"{"inputs": {"a": [1.5]}}"#, "model"),
        (r#"{"inputs": [{"a": ["x"]}]}"#, "data"),
    ];
    all(&doubles, &requests);
}

#[test]
fn anything_may_be_ragged_until_a_model_refuses_it() {
    let requests = [
        (r#"{"inputs": {"a": [1.5, 2]}}"#, "[1.5, 2.0]"),
        (r#"{"inputs": {"a": [[1], [2, 3]]}}"#, "model"),
        (r#"{"inputs": [{"a": [1]}]}"#, "model"),
        (r#"{"instances": [{"a": [1]}, {"a": [2, 3]}]}"#, "data"),
        (r#"{"inputs": {"a": 3}}"#, "[3.0]"),
        (r#"{"inputs": {"a": {"k": 1}}}"#, "[1.0]"),
    ];
    all(&column(DataType::Any, Library::CatBoost), &requests);
}

#[test]
fn tensors_may_be_of_any_number_of_numpy() {
    for (dtype, expected) in [("int8", "[44.0]"), ("uint16", "[300.0]"), ("float16", "[300.0]"), ("int64", "[300.0]")] {
        let body = r#"{"dataframe_split": {"data": [[300]]}}"#;
        assert_eq!(outcome(&read(&tensor(dtype, &[-1, 1]), JSON, body.as_bytes())), expected, "{dtype}");
    }
    all(&tensor("uint8", &[-1, 1]), &[(r#"{"inputs": [[300]]}"#, "data"), (r#"{"inputs": [[3.9]]}"#, "[3.0]")]);
    all(&tensor("object", &[-1, 1]), &[(r#"{"inputs": [[1], [1, 2]]}"#, "schema")]);
}

#[test]
fn a_tensor_of_one_column_asks_for_a_row_labelled_0() {
    let plan = tensor("float64", &[-1, 1]);
    for (name, expected) in [
        ("range from 0", "[1.5, 2.5]"),
        ("labels 1 and 0", "[1.5, 2.5]"),
        ("range from 5", "schema"),
        ("labels of text", "schema"),
    ] {
        assert_eq!(outcome(&read(&plan, PARQUET, &file(name))), expected, "{name}");
    }
    let split = |index: &str| format!(r#"{{"dataframe_split": {{"index": {index}, "data": [[1.5], [2.5]]}}}}"#);
    for (index, expected) in [("[0, 1]", "[1.5, 2.5]"), ("[1, 2]", "schema"), ("[0, 0]", "schema")] {
        assert_eq!(outcome(&read(&plan, JSON, split(index).as_bytes())), expected, "{index}");
    }
}

#[test]
fn parquet_holds_bytes_and_times() {
    for (name, kind, expected) in [
        ("bytes", DataType::Binary, "[1.0, 2.5]"),
        ("times", DataType::Datetime, "[0.0, 1000.0]"),
        ("zoned", DataType::Datetime, "schema"),
        ("times", DataType::Double, "schema"),
        ("bytes", DataType::Double, "[1.0, 2.5]"),
    ] {
        assert_eq!(outcome(&read(&column(kind, Library::CatBoost), PARQUET, &file(name))), expected, "{name}");
    }
    let free = plan(None, Library::CatBoost, FeatureKind::Number);
    assert_eq!(outcome(&read(&free, PARQUET, &file("times"))), "[0.0, 1000.0]");
    assert_eq!(outcome(&read(&free, PARQUET, &file("zoned"))), "model");
}

#[test]
fn types_without_names_go_by_the_places_of_a_csv() {
    let specs = [DataType::Double, DataType::Long];
    let specs = specs.map(|kind| ColumnSpec { name: None, kind, required: true });
    let signature = Signature { inputs: Some(Schema::Columns(specs.into())), ..Signature::default() };
    let features = ["a", "b"].map(|name| Feature { name: name.into(), kind: FeatureKind::Number });
    let plan = Plan::of_parts(&signature, Library::LightGbm, features.into(), vec![Method::Predict]);
    for (file, expected) in [
        ("a,b\n1,2\n", "[1.0, 2.0]"),
        ("a,b\nx,2,3\n", "data"),
        ("a,b\n1,2.5,3\n", "data"),
        ("a,b\n1,2,3.5\n", "schema"),
    ] {
        assert_eq!(outcome(&read(&plan, "text/csv", file.as_bytes())), expected, "{file}");
    }
}

/// A file that pandas wrote.
fn file(name: &str) -> Vec<u8> {
    let files: serde_json::Value = serde_json::from_str(include_str!("data/parquet.json")).unwrap();
    base64::engine::general_purpose::STANDARD.decode(files[name].as_str().unwrap()).unwrap()
}
