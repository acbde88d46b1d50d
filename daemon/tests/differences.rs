//! Each row of the table "Where we differ from MLflow" in docs/protocol.md.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests, which report what they compared")]

mod support;

use support::{Case, cases};
use yummy_models::{Frame, Method, Output, Shape, Values};
use yummyd::{
    decode::{ProtocolError, Request, Style, decode},
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
