//! Rows under column names, however they came, and the bodies that carry them.

use serde_json::{Map, Value, json};

use crate::{
    bodies::{csv, form::Form},
    error::LoadError,
};

/// Rows of cells. Columns without names stand for arrays of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Names; `None` when the rows are plain arrays.
    pub columns: Option<Vec<String>>,
    /// Cells, each row as long as the columns.
    pub rows: Vec<Vec<Value>>,
    /// What stood beside the rows (`params`), kept as it was.
    pub params: Option<Value>,
}

impl Table {
    /// The rows of a scoring body and the form that it has; `None` for bodies whose rows cannot be told apart (nested
    /// tensors, named tensors).
    #[must_use]
    pub fn of_body(body: &Value) -> Option<(Self, Form)> {
        let params = body.get("params").cloned();
        if let Some(split) = body.get("dataframe_split") {
            return Some((Self { params, ..Self::of_split(split)? }, Form::Split));
        }
        if let Some(records) = body.get("dataframe_records") {
            return Some((Self { params, ..Self::of_rows(records)? }, Form::Records));
        }
        if let Some(instances) = body.get("instances") {
            return Some((Self { params, ..Self::of_rows(instances)? }, Form::Instances));
        }
        let inputs = body.get("inputs")?;
        let table = Self::of_rows(inputs).or_else(|| Self::of_columns(inputs))?;
        Some((Self { params, ..table }, Form::Inputs))
    }

    /// `{"columns": […], "data": [[…]]}`.
    fn of_split(split: &Value) -> Option<Self> {
        let rows = cells(split.get("data")?)?;
        let columns = match split.get("columns").and_then(Value::as_array) {
            // Names that are numbers would become text: such bodies are sent as they are.
            Some(names) => Some(names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()?),
            None => None,
        };
        Self { columns, rows, params: None }.if_even()
    }

    /// A list of records or of plain rows.
    pub(crate) fn of_rows(rows: &Value) -> Option<Self> {
        let list = rows.as_array()?;
        let Some(Value::Object(first)) = list.first() else {
            return Self { columns: None, rows: cells(rows)?, params: None }.if_even();
        };
        let columns: Vec<String> = first.keys().cloned().collect();
        let row =
            |record: &Value| columns.iter().map(|name| record.get(name).cloned().unwrap_or(Value::Null)).collect();
        let rows = list.iter().map(row).collect();
        Self { columns: Some(columns), rows, params: None }.if_even()
    }

    /// `{"column": [cell, …], …}`.
    fn of_columns(columns: &Value) -> Option<Self> {
        let columns = columns.as_object()?;
        let lists: Option<Vec<&Vec<Value>>> = columns.values().map(Value::as_array).collect();
        let lists = lists?;
        let height = lists.first()?.len();
        if lists.iter().any(|list| list.len() != height || list.iter().any(Value::is_array)) {
            return None;
        }
        let rows = (0..height).map(|row| lists.iter().map(|list| list[row].clone()).collect()).collect();
        Some(Self { columns: Some(columns.keys().cloned().collect()), rows, params: None })
    }

    fn if_even(self) -> Option<Self> {
        let width = self.columns.as_ref().map_or_else(|| self.rows.first().map_or(0, Vec::len), Vec::len);
        (width > 0 && !self.rows.is_empty() && self.rows.iter().all(|row| row.len() == width)).then_some(self)
    }

    /// A body with `rows` in `form`.
    ///
    /// # Errors
    ///
    /// When the form needs column names and there are none.
    pub fn body(&self, rows: &[Vec<Value>], form: Form) -> Result<Vec<u8>, LoadError> {
        let unnamed = || LoadError::Bodies {
            source_name: "rows without column names".to_owned(),
            reason: format!("the form {form} needs column names; use inputs or instances"),
        };
        let names = self.columns.as_ref();
        let mut body = match form {
            Form::Csv => return Ok(csv::write(names.ok_or_else(unnamed)?, rows).into_bytes()),
            Form::Split => match names {
                Some(names) => json!({"dataframe_split": {"columns": names, "data": rows}}),
                None => json!({"dataframe_split": {"data": rows}}),
            },
            Form::Records => json!({"dataframe_records": records(names.ok_or_else(unnamed)?, rows)}),
            Form::Instances => match names {
                Some(names) => json!({"instances": records(names, rows)}),
                None => json!({"instances": rows}),
            },
            Form::Inputs => match names {
                Some(names) => json!({"inputs": by_column(names, rows)}),
                None => json!({"inputs": rows}),
            },
        };
        if let (Some(params), Value::Object(body)) = (&self.params, &mut body) {
            body.insert("params".to_owned(), params.clone());
        }
        Ok(body.to_string().into_bytes())
    }
}

/// Rows of scalar cells.
fn cells(rows: &Value) -> Option<Vec<Vec<Value>>> {
    let row = |row: &Value| row.as_array().filter(|row| row.iter().all(is_scalar)).cloned();
    rows.as_array()?.iter().map(row).collect()
}

fn is_scalar(cell: &Value) -> bool {
    !cell.is_array() && !cell.is_object()
}

fn records(names: &[String], rows: &[Vec<Value>]) -> Vec<Value> {
    let record = |row: &Vec<Value>| Value::Object(names.iter().cloned().zip(row.iter().cloned()).collect());
    rows.iter().map(record).collect()
}

fn by_column(names: &[String], rows: &[Vec<Value>]) -> Map<String, Value> {
    let column = |index: usize| rows.iter().map(|row| row[index].clone()).collect::<Vec<_>>();
    names.iter().enumerate().map(|(index, name)| (name.clone(), column(index).into())).collect()
}
