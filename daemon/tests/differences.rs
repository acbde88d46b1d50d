//! Each row of the table "Where we differ from MLflow" in docs/protocol.md.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests, which report what they compared")]

mod support;

use base64::Engine as _;
use support::{Case, cases};
use yummy_models::{
    Feature, FeatureKind, Frame, Method, Output, Shape, Signature, Values,
    signature::{ColumnSpec, DataType, Schema, TensorSpec},
};
use yummyd::{
    decode::{Kind, Library, Plan, ProtocolError, Request, Style, decode},
    encode::{Encoder, NonFinite},
};

const JSON: Option<&str> = Some("application/json");

fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap()
}

fn read(case: &Case, content_type: Option<&str>, body: &str) -> Result<(Request, Vec<f64>), ProtocolError> {
    let mut frame = Frame::new(0);
    let request = decode(&case.plan, content_type, body.as_bytes(), &mut frame)?;
    Ok((request, frame.cells().to_vec()))
}

fn refused(case: &Case, content_type: Option<&str>, body: &str) -> (u16, String) {
    let error = read(case, content_type, body).unwrap_err();
    (error.status(), String::from_utf8(error.body()).unwrap())
}

const ROW: &str = r#""columns": ["a", "b c", "ü", "d"], "data": [[1.5, 2, 3, 4]]"#;

#[test]
fn pandas_categories_work() {
    let body = r#"{"dataframe_split": {"columns": ["a", "b c", "ü", "d"], "data": [["zürich", 7, 0.5, true], ["oslo", 8, null, false]]}}"#;
    let (request, cells) = read(&case("listed"), JSON, body).unwrap();
    assert_eq!(request.rows, 2);
    assert_eq!(cells[..4], [1.0, 2.0, 0.5, 1.0]);
    // What is not in the lists is missing.
    assert!(cells[4].is_nan() && cells[5].is_nan());
}

#[test]
fn a_missing_content_type_is_415_and_says_what_to_send() {
    let (status, body) = refused(&case("doubles"), None, "{}");
    assert_eq!(status, 415);
    assert!(body.contains("send the header Content-Type"), "{body}");
}

#[test]
fn deep_nesting_and_endless_integers_are_400() {
    for body in ["[".repeat(100_000), format!("{{\"inputs\": {}}}", "9".repeat(5000))] {
        let (status, message) = refused(&case("doubles"), JSON, &body);
        assert_eq!(status, 400);
        assert!(message.contains("\"BAD_REQUEST\"") && message.len() < 400, "{message}");
    }
}

#[test]
fn the_forms_of_1_x_are_answered_with_the_bare_list() {
    let case = case("doubles");
    let record = r#"[{"a": 1.5, "b c": 2, "ü": 3, "d": 4}]"#;
    for (content_type, body) in [
        (JSON, format!("{{{ROW}}}")),
        (JSON, record.to_owned()),
        (Some("application/json; format=pandas-split"), format!("{{{ROW}}}")),
        (Some("application/json; format=pandas-records"), record.to_owned()),
    ] {
        let (request, cells) = read(&case, content_type, &body).unwrap();
        assert_eq!((request.style, request.rows), (Style::Bare, 1), "{body}");
        assert_eq!(cells, [1.5, 2.0, 3.0, 4.0]);
    }
}

#[test]
fn messages_are_bounded_and_hold_no_payload() {
    let secret = "hunter2".repeat(10_000);
    for (kind, body) in [
        ("application/json", format!("{{\"{secret}\"")),
        ("application/json", format!("{{\"{secret}\": 1}}")),
        ("application/json", format!("{{\"inputs\": \"{secret}\"}}")),
        ("application/json", format!("{{\"inputs\": {{\"{secret}\": [1]}}}}")),
        ("application/json", format!("{{\"dataframe_split\": {{\"{secret}\": 1}}}}")),
        ("application/json", format!("{{\"dataframe_records\": [{{\"{secret}\": 1}}]}}")),
        (
            "application/json",
            format!(
                "{{\"dataframe_split\": {{\"columns\": [\"a\", \"b c\", \"ü\", \"d\"], \"data\": [[\"{secret}\", 1, 1, 1]]}}}}"
            ),
        ),
        ("text/csv", format!("{secret}\n1\n")),
        ("text/csv", format!("a,b c,ü,d\n{secret},1,1,1\n")),
    ] {
        let (_, message) = refused(&case("doubles"), Some(kind), &body);
        assert!(!message.contains("hunter2"), "{message}");
        assert!(message.len() < 3000, "{}", message.len());
    }
}

#[test]
fn a_stack_trace_is_one_line_of_ours() {
    let (_, message) =
        refused(&case("doubles"), JSON, r#"{"dataframe_split": {"columns": ["a", "b c", "ü", "d"], "data": []}}"#);
    assert!(message.contains(r#""stack_trace": "Input data must be 2 dimensional and non empty.""#), "{message}");
}

#[test]
fn extra_columns_are_counted_but_not_named() {
    let (_, message) = refused(&case("doubles"), JSON, r#"{"dataframe_records": [{"a": 1, "pin": 2}]}"#);
    assert!(
        message
            .contains("Model is missing inputs ['b c', '\\u00fc', 'd']. Note that there were extra inputs provided.")
    );
}

#[test]
fn the_method_is_chosen_per_request() {
    let case = case("doubles");
    let body = |params: &str| format!("{{\"dataframe_split\": {{{ROW}}}, \"params\": {params}}}");
    let method = |params: &str| read(&case, JSON, &body(params)).map(|(request, _)| request.method);
    assert_eq!(method(r#"{"predict_method": "predict"}"#), Ok(Method::Predict));
    assert_eq!(method(r#"{"predict_method": null}"#), Ok(Method::Predict));
    assert_eq!(method("{}"), Ok(Method::Predict));
    // The plan of this case has no other output.
    let error = method(r#"{"predict_method": "predict_proba"}"#).unwrap_err();
    let message = String::from_utf8(error.body()).unwrap();
    assert!(message.contains("INVALID_PARAMETER_VALUE") && message.contains("predict_method of this model is one of"));
}

#[test]
fn what_is_not_finite_can_be_null() {
    let output = Output { shape: Shape::Vector, values: Values::Float };
    let (request, _) = read(&case("doubles"), JSON, &format!("{{\"dataframe_split\": {{{ROW}}}}}")).unwrap();
    for (setting, expected) in
        [(NonFinite::Python, "{\"predictions\": [NaN]}"), (NonFinite::Null, "{\"predictions\": [null]}")]
    {
        let mut out = Vec::new();
        Encoder::for_outputs([(Method::Predict, output.clone())], setting).encode(
            request.answer(),
            &[f64::NAN],
            1,
            &mut out,
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn objects_with_different_indexes_are_refused() {
    let same = r#"{"dataframe_split": {"data": {"a": {"0": 1}, "b c": {"0": 2}, "ü": {"0": 3}, "d": {"0": 4}}}}"#;
    assert_eq!(read(&case("doubles"), JSON, same).unwrap().1, [1.0, 2.0, 3.0, 4.0]);
    let other = same.replace(r#""d": {"0": 4}"#, r#""d": {"1": 4}"#);
    assert_eq!(refused(&case("doubles"), JSON, &other).0, 400);
}

const PARQUET: Option<&str> = Some("application/vnd.apache.parquet");

/// A file of one column `a` that pandas wrote.
fn parquet(name: &str) -> Vec<u8> {
    let files: serde_json::Value = serde_json::from_str(include_str!("data/parquet.json")).unwrap();
    base64::engine::general_purpose::STANDARD.decode(files[name].as_str().unwrap()).unwrap()
}

/// A CatBoost model of one number, whose signature has one column of that type.
fn one(kind: Option<DataType>) -> Plan {
    let column = |kind| ColumnSpec { name: Some("a".into()), kind, required: true };
    let inputs = kind.map(|kind| Schema::Columns(vec![column(kind)]));
    let feature = Feature { name: "a".into(), kind: FeatureKind::Number };
    let signature = Signature { inputs, ..Signature::default() };
    Plan::of_parts(&signature, Library::CatBoost, vec![feature], vec![Method::Predict])
}

fn kind_of(plan: &Plan, content_type: Option<&str>, body: &[u8]) -> Option<Kind> {
    decode(plan, content_type, body, &mut Frame::new(0)).err().map(|error| error.kind())
}

#[test]
fn dates_in_unusual_words_are_refused() {
    let plan = one(Some(DataType::Datetime));
    let records = |date: &str| format!("{{\"dataframe_records\": [{{\"a\": \"{date}\"}}]}}");
    for date in ["2024-01-06", "13/02/2024", "Jan 6, 2024", "6 January 2024", "2024-01-06 10:00 PM"] {
        assert_eq!(kind_of(&plan, JSON, records(date).as_bytes()), None, "{date}");
    }
    for date in ["6th of January 2024", "Sat Jan 06 10:30:00 2024", "1/2/24 5pm"] {
        assert_eq!(kind_of(&plan, JSON, records(date).as_bytes()), Some(Kind::BadRequest), "{date}");
    }
}

#[test]
fn nested_parquet_columns_are_not_looked_into() {
    let doubles = one(Some(DataType::Array(Box::new(DataType::Double))));
    // MLflow: the texts are no doubles.
    assert_eq!(kind_of(&doubles, PARQUET, &parquet("lists")), Some(Kind::Model));
}

#[test]
fn durations_are_refused() {
    assert_eq!(kind_of(&one(None), PARQUET, &parquet("durations")), Some(Kind::Model));
}

#[test]
fn tensors_of_bytes_are_refused() {
    let inputs = Some(Schema::Tensors(vec![TensorSpec { name: None, dtype: "bytes".into(), shape: vec![-1, 1] }]));
    let feature = Feature { name: "a".into(), kind: FeatureKind::Number };
    let signature = Signature { inputs, ..Signature::default() };
    let plan = Plan::of_parts(&signature, Library::LightGbm, vec![feature], vec![Method::Predict]);
    assert_eq!(kind_of(&plan, JSON, br#"{"inputs": [["1"]]}"#), Some(Kind::Schema));
}

#[test]
fn other_compressions_of_parquet_are_refused() {
    assert_eq!(kind_of(&one(None), PARQUET, &parquet("range from 0")), None);
    assert_eq!(kind_of(&one(None), PARQUET, &parquet("zstd")), Some(Kind::BadRequest));
}

#[test]
fn a_parquet_file_has_a_bound() {
    let error = decode(&one(None), PARQUET, &many_rows(), &mut Frame::new(0)).unwrap_err();
    assert!(String::from_utf8(error.body()).unwrap().contains("more than 16777216 cells"));
}

/// 17 million equal booleans are a few bytes.
fn many_rows() -> Vec<u8> {
    use parquet::{
        data_type::BoolType, file::properties::WriterProperties, file::writer::SerializedFileWriter,
        schema::parser::parse_message_type,
    };
    let schema = parse_message_type("message schema { REQUIRED BOOLEAN a; }").unwrap();
    let properties =
        WriterProperties::builder().set_encoding(parquet::basic::Encoding::RLE).set_dictionary_enabled(false);
    let mut body = Vec::new();
    let mut file = SerializedFileWriter::new(&mut body, schema.into(), properties.build().into()).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    for _ in 0..17 {
        column.typed::<BoolType>().write_batch(&[true; 1 << 20], None, None).unwrap();
    }
    column.close().unwrap();
    group.close().unwrap();
    file.close().unwrap();
    body
}
