//! The coercion matrix: one value in one column of each signature type, per form, against what MLflow's model got.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a test that reports how many cells are equal")]

use std::{collections::BTreeMap, fs};

use serde_json::Value as Json;
use yummy_models::{
    Signature,
    signature::{ColumnSpec, DataType, Schema},
};

use super::{
    body,
    content_type::Form,
    enforce::Ready,
    error::ProtocolError,
    plan::{Library, Plan},
    python::{Value, date::NAT},
    table::{Clock, Data},
};

/// The columns of the probe that recorded the matrix: name, type, whether it is required, a good value.
const COLUMNS: [(&str, DataType, bool, &str); 12] = [
    ("b", DataType::Boolean, true, "true"),
    ("i", DataType::Integer, true, "1"),
    ("l", DataType::Long, true, "1"),
    ("f", DataType::Float, true, "1.5"),
    ("d", DataType::Double, true, "1.5"),
    ("s", DataType::String, true, "\"x\""),
    ("bin", DataType::Binary, true, "\"eA==\""),
    ("dt", DataType::Datetime, true, "\"2024-01-01\""),
    ("od", DataType::Double, false, "1.5"),
    ("os", DataType::String, false, "\"x\""),
    ("ol", DataType::Long, false, "1"),
    ("ob", DataType::Boolean, false, "true"),
];

#[test]
fn the_model_gets_what_mlflows_model_got() {
    let text = fs::read(yummy_fixtures::mlflow().join("coercion_matrix.json")).unwrap();
    let cells: Vec<Json> = serde_json::from_slice(&text).unwrap();
    let plan = plan();
    let (mut equal, mut total) = (0, 0);
    let mut different = Vec::new();
    for cell in &cells {
        total += 1;
        match check(cell, &plan) {
            Ok(()) => equal += 1,
            Err(reason) => different.push(format!("{cell}\n    {reason}")),
        }
    }
    println!("coercion matrix: {equal} of {total} equal");
    for reason in different.iter().take(30) {
        println!("{reason}");
    }
    assert!(different.is_empty(), "{} cells differ", different.len());
    assert_eq!(total, cells.len());
}

fn plan() -> Plan {
    let column = |(name, kind, required, _): (&str, DataType, bool, &str)| ColumnSpec {
        name: Some(name.into()),
        kind,
        required,
    };
    let inputs = Some(Schema::Columns(COLUMNS.into_iter().map(column).collect()));
    Plan::of_parts(&Signature { inputs, ..Signature::default() }, Library::LightGbm, Vec::new(), Vec::new())
}

fn check(cell: &Json, plan: &Plan) -> Result<(), String> {
    let name = cell["col"].as_str().unwrap();
    let format = cell["format"].as_str().unwrap();
    let second = cell["second_row"].as_bool().unwrap();
    let request = request(name, cell["value"].as_str().unwrap(), format, second);
    let got = body::read(Form::Json, request.as_bytes(), plan);
    let status = cell["status"].as_u64().unwrap();
    match got {
        Err(error) if status == 400 => same_error(cell, &error),
        Err(error) => Err(format!("refused: {error}")),
        Ok(read) => {
            let Ready::Table(table) = read.ready else { return Err("no table".into()) };
            let place = table.places(name).next().ok_or("no column")?;
            let got = match &table.columns[place].data {
                Data::Time(times, Clock::Nanoseconds) => timestamp(times[0]),
                data => data.value(0).map(|value| shown(&value)).unwrap_or_default(),
            };
            let want = cell["got"].as_str().unwrap_or("an error");
            if status == 200 && same(want, &got) { Ok(()) } else { Err(format!("got {got}")) }
        }
    }
}

/// A list in a cell is only known to be one.
fn same(want: &str, got: &str) -> bool {
    want == got || (want.starts_with("list:") && got.starts_with("list:"))
}

fn same_error(cell: &Json, error: &ProtocolError) -> Result<(), String> {
    let body: Json = serde_json::from_slice(&error.body()).unwrap();
    if body["error_code"] == cell["error_code"] { Ok(()) } else { Err(format!("{error}")) }
}

fn request(name: &str, value: &str, format: &str, second: bool) -> String {
    let row = |value: &str| -> Vec<(&str, String)> {
        let used = COLUMNS.iter().filter(|(column, _, required, _)| *required || *column == name);
        used.map(|(column, _, _, good)| (*column, if *column == name { value.into() } else { (*good).into() }))
            .collect()
    };
    let good = COLUMNS.iter().find(|(column, ..)| *column == name).unwrap().3;
    let mut rows = vec![row(value)];
    rows.extend(second.then(|| row(good)));
    let list = |items: Vec<String>| items.join(",");
    let dict = |row: &Vec<(&str, String)>| {
        format!("{{{}}}", list(row.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect()))
    };
    let names = list(rows[0].iter().map(|(name, _)| format!("\"{name}\"")).collect());
    match format {
        "dataframe_split" => {
            let cells =
                |row: &Vec<(&str, String)>| format!("[{}]", list(row.iter().map(|(_, value)| value.clone()).collect()));
            let data = list(rows.iter().map(cells).collect());
            format!("{{\"dataframe_split\":{{\"columns\":[{names}],\"data\":[{data}]}}}}")
        }
        "dataframe_records" | "instances" => format!("{{\"{format}\":[{}]}}", list(rows.iter().map(dict).collect())),
        _ => {
            let mut columns: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            for (name, value) in rows.into_iter().flatten() {
                columns.entry(name).or_default().push(value);
            }
            let column = |(name, values): (&str, Vec<String>)| format!("\"{name}\":[{}]", list(values));
            format!("{{\"inputs\":{{{}}}}}", list(columns.into_iter().map(column).collect()))
        }
    }
}

/// `type:repr` of a pandas `Timestamp`, from the days of its years counted one by one.
fn timestamp(nanos: i64) -> String {
    if nanos == NAT {
        return "NaTType:NaT".into();
    }
    let (mut days, rest) = (nanos.div_euclid(86_400_000_000_000), nanos.rem_euclid(86_400_000_000_000));
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let mut year = 1970;
    while days < 0 {
        year -= 1;
        days += 365 + i64::from(leap(year));
    }
    while days >= 365 + i64::from(leap(year)) {
        days -= 365 + i64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (seconds, fraction) = (rest / 1_000_000_000, rest % 1_000_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = match fraction {
        0 => String::new(),
        whole if whole % 1000 == 0 => format!(".{:06}", whole / 1000),
        nanos => format!(".{nanos:09}"),
    };
    let day = days + 1;
    format!("Timestamp:Timestamp('{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction}')")
}

/// `type:repr` as the probe writes it.
fn shown(value: &Value) -> String {
    let list = Value::List(vec![value.clone()]).to_text();
    format!("{}:{}", value.type_name(), &list[1..list.len() - 1])
}
