//! New rows from known ones, or from a signature alone: seeded, and of the same types cell by cell.

use serde_json::{Number, Value};
use yummy_api::catalog::ColumnInfo;

use crate::{
    bodies::{Bodies, form::Form, table::Table},
    error::LoadError,
    rng::Rng,
};

/// Values that a synthesised string column takes.
const WORDS: [&str; 5] = ["a", "b", "c", "d", "e"];
/// Integers that a synthesised integer column takes are below this.
const INTEGERS: usize = 100;

/// What bodies are made like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Rows in each request.
    pub rows: u64,
    /// Form; `None` is the form of the example.
    pub form: Option<Form>,
    /// Seed of the variation.
    pub seed: u64,
    /// Whether to send the known row again and again instead.
    pub same_row: bool,
}

/// Bodies like `example`, a scoring body as MLflow logs it with a model.
///
/// # Errors
///
/// When the example is not a scoring body, or its rows cannot be told apart and more than its own are asked for.
pub fn from_example(example: &str, source: &str, shape: &Shape) -> Result<Bodies, LoadError> {
    let bad = |reason: &str| LoadError::Bodies { source_name: source.to_owned(), reason: reason.to_owned() };
    let body: Value = serde_json::from_str(example).map_err(|_| bad("it is not JSON; give a body with --body FILE"))?;
    match Table::of_body(&body) {
        Some((table, form)) => from_table(&table, shape.form.unwrap_or(form), source, shape),
        None if shape.rows == 1 && shape.form.is_none() => {
            Ok(Bodies::same(example.as_bytes().to_vec(), super::JSON, 1, source))
        }
        None => Err(bad("its rows cannot be told apart, so it is sent as it is: leave out --rows and --form")),
    }
}

/// Bodies for a model without an example, from its signature's columns.
///
/// # Errors
///
/// When the signature is one of tensors.
pub fn from_signature(columns: &[ColumnInfo], source: &str, shape: &Shape) -> Result<Bodies, LoadError> {
    let bad = |reason: String| LoadError::Bodies { source_name: source.to_owned(), reason };
    let mut rng = Rng::new(shape.seed);
    let mut rows = Vec::with_capacity(WORDS.len());
    for _ in 0..WORDS.len() {
        let row: Result<Vec<Value>, String> = columns.iter().map(|column| synthesise(column, &mut rng)).collect();
        rows.push(row.map_err(bad)?);
    }
    let names: Option<Vec<String>> = columns.iter().map(|column| column.name.clone()).collect();
    let form = shape.form.unwrap_or(if names.is_some() { Form::Split } else { Form::Inputs });
    from_table(&Table { columns: names, rows, params: None }, form, source, shape)
}

/// Bodies of varied rows of a table.
///
/// # Errors
///
/// When the form needs column names that the table does not have.
pub fn from_table(table: &Table, form: Form, source: &str, shape: &Shape) -> Result<Bodies, LoadError> {
    let height = usize::try_from(shape.rows).unwrap_or(usize::MAX);
    if shape.same_row {
        let rows: Vec<Vec<Value>> = table.rows.iter().cycle().take(height).cloned().collect();
        return Ok(Bodies::same(table.body(&rows, form)?, form.content_type(), shape.rows, source));
    }
    // The first body shows whether the form can carry the table at all; the others cannot fail then.
    table.body(&table.rows, form)?;
    let mut rng = Rng::new(shape.seed);
    Ok(Bodies::fill(form.content_type(), shape.rows, source, |_| {
        let rows: Vec<Vec<Value>> = (0..height).map(|_| varied_row(table, &mut rng)).collect();
        table.body(&rows, form).unwrap_or_default()
    }))
}

fn varied_row(table: &Table, rng: &mut Rng) -> Vec<Value> {
    let row = &table.rows[rng.below(table.rows.len())];
    row.iter().enumerate().map(|(column, cell)| varied_cell(table, column, cell, rng)).collect()
}

/// A number near the cell's, another value of the same column for text and booleans, null for null.
fn varied_cell(table: &Table, column: usize, cell: &Value, rng: &mut Rng) -> Value {
    match cell {
        Value::Number(number) => Value::Number(varied_number(number, rng)),
        // Text is drawn from what the column is known to hold: a category that no training row had takes another path.
        Value::String(_) | Value::Bool(_) => {
            let other = &table.rows[rng.below(table.rows.len())][column];
            if std::mem::discriminant(other) == std::mem::discriminant(cell) { other.clone() } else { cell.clone() }
        }
        other => other.clone(),
    }
}

fn varied_number(number: &Number, rng: &mut Rng) -> Number {
    if let Some(integer) = number.as_i64() {
        // Half to one and a half times, the sign kept: counts stay counts. Whole numbers stay whole, as a signature
        // of integers demands.
        let spread = integer.unsigned_abs() / 2 + 1;
        let offset = rng.bits() % (2 * spread + 1);
        let varied = integer.unsigned_abs().saturating_add(offset).saturating_sub(spread);
        let varied = i64::try_from(varied).unwrap_or(integer);
        return Number::from(if integer < 0 { -varied } else { varied });
    }
    let value = number.as_f64().unwrap_or(0.0);
    let varied = if value == 0.0 { rng.unit() } else { value * (0.5 + rng.unit()) };
    Number::from_f64(varied).unwrap_or_else(|| number.clone())
}

fn synthesise(column: &ColumnInfo, rng: &mut Rng) -> Result<Value, String> {
    Ok(match column.kind.as_str() {
        "double" | "float" => Value::from(rng.normal()),
        "long" | "integer" => Value::from(rng.below(INTEGERS)),
        "boolean" => Value::from(rng.below(2) == 1),
        "string" => Value::from(WORDS[rng.below(WORDS.len())]),
        "datetime" => Value::from(format!("2024-01-{:02}T00:00:00", 1 + rng.below(28))),
        other => return Err(format!("no values can be made up for type {other}; give bodies with --body FILE")),
    })
}
