//! Bodies from a file: CSV rows, JSON lines, or one whole JSON body.

use std::path::Path;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    bodies::{Bodies, JSON, csv, form::Form, table::Table, vary::Shape},
    error::LoadError,
};

/// Makes bodies from `path` by its ending: `.csv`, `.jsonl` (or `.ndjson`), else one JSON body that is sent as it is.
///
/// Rows of CSV and JSON lines are taken in order, `shape.rows` in each body, from the start again when they end.
///
/// # Errors
///
/// When the file cannot be read or holds no rows.
pub fn read(path: &Path, shape: &Shape) -> Result<Bodies, LoadError> {
    let text = text_of(path)?;
    let source = path.display().to_string();
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending {
        "csv" => from_rows(&csv_table(&text, &source)?, shape.form.unwrap_or(Form::Split), &source, shape),
        "jsonl" | "ndjson" => from_lines(&text, &source, shape),
        _ => whole(text, &source, shape),
    }
}

/// One line of a recording: when, and what.
#[derive(Deserialize)]
struct Recorded<'a> {
    at_ms: f64,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// Bodies with their times from JSON lines `{"at_ms": 12.5, "body": {…}}`.
///
/// # Errors
///
/// When a line is not of that form.
pub fn read_recording(path: &Path) -> Result<Bodies, LoadError> {
    let text = text_of(path)?;
    let source = path.display().to_string();
    let mut recorded = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let bad = |reason: String| LoadError::Bodies { source_name: format!("{source}:{}", number + 1), reason };
        let line: Recorded<'_> = serde_json::from_str(line)
            .map_err(|_| bad("a line must be {\"at_ms\": 12.5, \"body\": {…}}".to_owned()))?;
        if !(0.0..=1e9).contains(&line.at_ms) {
            return Err(bad("at_ms must be milliseconds from the start, not negative".to_owned()));
        }
        recorded.push(((line.at_ms * 1e6) as u64, Bytes::from(line.body.get().to_owned())));
    }
    recorded.sort_by_key(|(at, _)| *at);
    let (times, pool): (Vec<u64>, Vec<Bytes>) = recorded.into_iter().unzip();
    let rows = pool.first().and_then(|body| serde_json::from_slice(body).ok()).as_ref().map_or(1, rows_of);
    Ok(Bodies::new(pool, JSON, rows, &source)?.at_times(times))
}

/// The rows of a CSV file as a table; cells that are numbers become numbers.
///
/// # Errors
///
/// When a row is not as long as the header.
pub fn csv_table(text: &str, source: &str) -> Result<Table, LoadError> {
    let mut records = csv::read(text).into_iter();
    let bad = |reason: String| LoadError::Bodies { source_name: source.to_owned(), reason };
    let columns = records.next().ok_or_else(|| bad("it is empty; it needs a header line and rows".to_owned()))?;
    let mut rows = Vec::new();
    for (index, record) in records.enumerate() {
        if record.len() != columns.len() {
            return Err(bad(format!("row {} has {} cells, the header {}", index + 1, record.len(), columns.len())));
        }
        rows.push(record.into_iter().map(typed).collect());
    }
    if rows.is_empty() {
        return Err(bad("it has no rows under its header".to_owned()));
    }
    Ok(Table { columns: Some(columns), rows, params: None })
}

fn text_of(path: &Path) -> Result<String, LoadError> {
    std::fs::read_to_string(path).map_err(|source| LoadError::File { path: path.to_owned(), source })
}

/// A number where the text is one as JSON writes it, null for nothing, else text.
fn typed(cell: String) -> Value {
    if cell.is_empty() {
        return Value::Null;
    }
    match serde_json::from_str::<Value>(&cell) {
        Ok(number @ Value::Number(_)) => number,
        _ => cell.parse::<f64>().ok().filter(|number| number.is_finite()).map_or(Value::String(cell), Value::from),
    }
}

fn from_rows(table: &Table, form: Form, source: &str, shape: &Shape) -> Result<Bodies, LoadError> {
    let height = usize::try_from(shape.rows).unwrap_or(usize::MAX);
    if shape.same_row {
        let rows: Vec<Vec<Value>> = table.rows.iter().take(1).cycle().take(height).cloned().collect();
        return Ok(Bodies::same(table.body(&rows, form)?, form.content_type(), shape.rows, source));
    }
    table.body(&table.rows[..1], form)?;
    let mut next = 0;
    Ok(Bodies::fill(form.content_type(), shape.rows, source, |_| {
        let rows: Vec<Vec<Value>> =
            (next..next + height).map(|row| table.rows[row % table.rows.len()].clone()).collect();
        next += height;
        table.body(&rows, form).unwrap_or_default()
    }))
}

/// Lines are whole bodies when the first one is, else records.
fn from_lines(text: &str, source: &str, shape: &Shape) -> Result<Bodies, LoadError> {
    let bad = |reason: String| LoadError::Bodies { source_name: source.to_owned(), reason };
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let parse = |(index, line): (usize, &&str)| {
        serde_json::from_str::<Value>(line).map_err(|_| bad(format!("line {} is not JSON", index + 1)))
    };
    let values: Vec<Value> = lines.iter().enumerate().map(parse).collect::<Result<_, _>>()?;
    if values.first().is_some_and(is_body) {
        let rows = values.first().map_or(1, rows_of);
        let taken = if shape.same_row { 1 } else { lines.len() };
        let pool = lines[..taken].iter().map(|line| Bytes::from((*line).to_owned())).collect();
        return Bodies::new(pool, JSON, rows, source);
    }
    let table = Table::of_rows(&Value::Array(values))
        .ok_or_else(|| bad("its lines are neither scoring bodies nor rows of the same columns".to_owned()))?;
    let form = shape.form.unwrap_or(if table.columns.is_some() { Form::Split } else { Form::Inputs });
    from_rows(&table, form, source, shape)
}

fn whole(text: String, source: &str, shape: &Shape) -> Result<Bodies, LoadError> {
    let rows = serde_json::from_str(&text).ok().as_ref().map_or(1, rows_of);
    if shape.rows != 1 && shape.rows != rows {
        let reason = format!("it is sent as it is, with its {rows} rows; --rows needs a .csv or .jsonl file");
        return Err(LoadError::Bodies { source_name: source.to_owned(), reason });
    }
    Ok(Bodies::same(text, JSON, rows, source))
}

fn is_body(value: &Value) -> bool {
    ["dataframe_split", "dataframe_records", "inputs", "instances"].iter().any(|key| value.get(key).is_some())
}

fn rows_of(body: &Value) -> u64 {
    Table::of_body(body).map_or(1, |(table, _)| table.rows.len() as u64)
}
