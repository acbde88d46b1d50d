//! `text/csv` as pandas' `read_csv` reads it, with the dtypes of the signature.
//!
//! pandas' reader has rules of its own: a first row that is longer than the header makes an index of what is too much,
//! words like `NA` are missing values, blanks belong to names. A model's answer depends on each of them.

mod column;
mod number;
mod tokens;

use std::collections::HashSet;

use yummy_models::signature::{DataType, Schema};

use super::{
    compose::is_composed,
    error::ProtocolError,
    plan::Plan,
    table::{Column, Label, Table},
};
use column::Cells;
pub(super) use column::is_missing;
use tokens::Tokens;

/// Reads a CSV body.
///
/// # Errors
/// [`ProtocolError`] as MLflow's.
pub(crate) fn read(body: &[u8], plan: &Plan) -> Result<Table, ProtocolError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        ProtocolError::invalid(format!(
            "Ensure that input is a valid UTF-8 encoded string. Error: 'UnicodeDecodeError('utf-8', position {at})'"
        ))
    })?;
    table(text, plan).map_err(|reason| ProtocolError::unreadable("CSV-formatted", "to_csv", &reason))
}

fn table(text: &str, plan: &Plan) -> Result<Table, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match &plan.schema {
        Some(Schema::Tensors(_)) => {
            return Err("TensorSpec only supports numpy types, use numpy_types() instead".into());
        }
        Some(Schema::Columns(specs)) if specs.iter().any(|spec| is_composed(&spec.kind)) => {
            return Err("Failed to get pandas types as some of the inputs types are not DataType.".into());
        }
        _ => {}
    }
    let tokens = Tokens::read(text)?;
    let given: Vec<String> = tokens.header().enumerate().map(|(place, name)| header_name(place, name)).collect();
    let names = unique(&given);
    // What a first row has more than the header stands in front of the columns, as an index.
    let leading = tokens.width() - names.len();
    let rows = tokens.rows();
    let mut columns = Vec::with_capacity(names.len());
    for place in 0..leading {
        // Types without names go by the places of the file, so that an index may have one.
        let kind = plan.csv_kind_at(place);
        column::convert(&Cells::new(&tokens, place), kind, place)?;
    }
    for (place, name) in names.into_iter().enumerate() {
        // A repeated name is read with the dtype of the first one.
        let kind = plan.csv_kind(&name).or_else(|| plan.csv_kind(&given[place]));
        let kind = kind.or_else(|| plan.csv_kind_at(place + leading));
        let cells = Cells::new(&tokens, place + leading);
        columns.push(Column { data: column::convert(&cells, kind, place + leading)?, label: Label::Text(name.into()) });
    }
    Ok(Table::new(columns, rows))
}

fn header_name(place: usize, name: &str) -> String {
    if name.is_empty() { format!("Unnamed: {place}") } else { name.to_owned() }
}

/// Names as pandas makes them: the second `a` is `a.1`.
fn unique(given: &[String]) -> Vec<String> {
    let all: HashSet<&str> = given.iter().map(String::as_str).collect();
    let mut taken: HashSet<String> = HashSet::with_capacity(given.len());
    let mut counts: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    let mut names = Vec::with_capacity(given.len());
    for name in given {
        let mut unique = name.clone();
        if taken.contains(name) {
            let count = counts.entry(name).or_insert(0);
            loop {
                *count += 1;
                unique = format!("{name}.{count}");
                if !taken.contains(&unique) && !all.contains(unique.as_str()) {
                    break;
                }
            }
        }
        taken.insert(unique.clone());
        names.push(unique);
    }
    names
}

impl Plan {
    /// The type that the signature gives to a column of a CSV.
    fn csv_kind(&self, name: &str) -> Option<&DataType> {
        let Some(Schema::Columns(specs)) = &self.schema else { return None };
        specs.get(*self.names.get(name)?).map(|spec| &spec.kind)
    }

    /// The type that a signature without names gives to a place.
    fn csv_kind_at(&self, place: usize) -> Option<&DataType> {
        let Some(Schema::Columns(specs)) = &self.schema else { return None };
        specs.get(place).filter(|_| self.names.is_empty()).map(|spec| &spec.kind)
    }
}
