//! The signature is enforced on a request's data (`_enforce_schema` of MLflow).

use std::collections::{HashMap, HashSet};

use yummy_models::signature::{ColumnSpec, DataType, Schema, TensorSpec};

use super::{
    array::Array,
    assemble::{into_table, no_frame},
    compose::{self, is_composed},
    error::ProtocolError,
    inputs::Input,
    plan::Plan,
    python::{
        Value,
        value::{Dict, quoted_list},
    },
    table::{
        Column, Data, Label, Table,
        build::{dictionary, one_row},
        cast, dtype,
    },
    tensor::{self, astype, named_tensors, no_tensor, tensor_columns, unnamed_tensor},
};

/// What a message says of columns that the signature does not have.
pub(crate) const EXTRA: &str = " Note that there were extra inputs provided.";

/// A message names at most this many columns.
pub(crate) const MAX_NAMES: usize = 1000;

/// pandas' dtype of everything else, as Python shows the class.
const OBJECT: &str = "<class 'object'>";

/// What the model's `predict` is given.
#[derive(Debug, PartialEq)]
pub(crate) enum Ready {
    /// A `DataFrame`.
    Table(Table),
    /// An array.
    Array(Array),
    /// Something that no model served here takes, and what its library would say of it.
    Unusable(String),
}

/// Casts a `DataFrame` of a JSON request to the signature's types.
///
/// # Errors
/// [`ProtocolError`] for the first column that cannot be cast.
pub(crate) fn cast_table(mut table: Table, plan: &Plan) -> Result<Table, ProtocolError> {
    match &plan.schema {
        None => {}
        Some(Schema::Columns(specs)) => {
            for (place, spec) in specs.iter().enumerate() {
                let places: Vec<usize> = match &spec.name {
                    Some(name) => table.places(name).collect(),
                    None => (place < table.columns.len()).then_some(place).into_iter().collect(),
                };
                if places.len() > 1 && spec.kind == DataType::String {
                    let reason = "AttributeError(\"'DataFrame' object has no attribute 'dtype'\")";
                    return Err(ProtocolError::cast(spec.name.as_deref().unwrap_or_default(), OBJECT, reason));
                }
                for place in places {
                    cast_column(&mut table.columns[place], spec)?;
                }
            }
        }
        Some(Schema::Tensors(specs)) => {
            for (place, dtype) in tensor_columns(specs, &table) {
                let repeated =
                    table.columns.iter().filter(|column| column.label == table.columns[place].label).count() > 1;
                let column = &mut table.columns[place];
                let failed = |label, reason: &str| ProtocolError::cast(&shown(label), tensor::shown(dtype), reason);
                if column.data.len() == 0 {
                    let reason = "IndexError('single positional indexer is out-of-bounds')";
                    return Err(failed(&column.label, reason));
                }
                if repeated && matches!(dtype, "object" | "str") {
                    let reason = "AttributeError(\"'DataFrame' object has no attribute 'dtype'\")";
                    return Err(failed(&column.label, reason));
                }
                if repeated || !matches!(column.data.value(0), Some(Value::List(_))) {
                    let data = std::mem::replace(&mut column.data, Data::Opaque("object", 0));
                    column.data = astype(data, dtype).map_err(|reason| failed(&column.label, &reason.0))?;
                }
            }
        }
    }
    Ok(table)
}

fn cast_column(column: &mut Column, spec: &ColumnSpec) -> Result<(), ProtocolError> {
    let data = std::mem::replace(&mut column.data, Data::Opaque("object", 0));
    let cast = if is_composed(&spec.kind) {
        compose::column(data, &spec.kind, spec.required).map_err(|reason| format!("MlflowException('{reason}')"))
    } else {
        cast::cast(data, &spec.kind).map_err(|reason| reason.0)
    };
    column.data =
        cast.map_err(|reason| ProtocolError::cast(&shown(&column.label), &cast::dtype(&spec.kind), &reason))?;
    Ok(())
}

/// A label in a message. Only names of the signature come here, and numbers.
fn shown(label: &Label) -> String {
    match label {
        Label::Text(name) => name.chars().take(80).collect(),
        Label::Int(number) => number.to_string(),
        Label::Other => "?".into(),
    }
}

/// Enforces the signature.
///
/// # Errors
/// [`ProtocolError`] of kind schema.
pub(crate) fn enforce(input: Input, plan: &Plan) -> Result<Ready, ProtocolError> {
    let failed = |reason: String| ProtocolError::schema(&reason);
    match &plan.schema {
        None => Ok(without_signature(input)),
        Some(Schema::Columns(specs)) => {
            let unnamed = plan.names.is_empty() && !specs.is_empty();
            // The rows hold arrays of no dimensions, which only the count of columns comes before.
            let unsized_cells = unnamed && matches!(&input, Input::Records(rows) if !rows.is_empty());
            let table = into_table(input, specs).map_err(failed)?;
            if unsized_cells && table.columns.len() >= specs.len() {
                return Err(failed("len() of unsized object".into()));
            }
            let enforced = if unnamed { unnamed_columns(table, specs) } else { named_columns(table, specs) };
            enforced.map(Ready::Table).map_err(failed)
        }
        Some(Schema::Tensors(specs)) => match specs.as_slice() {
            [spec @ TensorSpec { name: None, .. }] => unnamed_tensor(input, spec).map(Ready::Array).map_err(failed),
            named => named_tensors(input, named).map_err(failed),
        },
    }
}

/// A dictionary whose values are given to the model as they are (the form for language models).
///
/// # Errors
/// [`ProtocolError`] of kind schema.
pub(crate) fn enforce_raw(dict: Dict, plan: &Plan) -> Result<Ready, ProtocolError> {
    match &plan.schema {
        Some(Schema::Columns(_)) => {}
        Some(Schema::Tensors(_)) => return Err(ProtocolError::schema(&no_tensor("dict"))),
        None => return Ok(Ready::Unusable("a dictionary is not an input of this model".into())),
    }
    let row = |value: &Value| {
        let texts = |items: &Vec<Value>| items.iter().all(|item| matches!(item, Value::Text(_)));
        value.is_scalar() || *value == Value::Null || matches!(value, Value::List(items) if texts(items))
    };
    let table =
        if dict.entries().iter().all(|(_, value)| row(value)) { one_row(dict) } else { dictionary(dict, None, None) };
    let table = table.map_err(|error| ProtocolError::schema(&no_frame(&error.0)))?;
    enforce(Input::Table(table), plan)
}

fn without_signature(input: Input) -> Ready {
    match input {
        Input::Table(table) => Ready::Table(table),
        Input::Array(array) => Ready::Array(array),
        Input::Columns(_) => Ready::Unusable("a dictionary of arrays is not an input of this model".into()),
        Input::Records(_) => Ready::Unusable("a list of dictionaries is not an input of this model".into()),
    }
}

fn named_columns(table: Table, specs: &[ColumnSpec]) -> Result<Table, String> {
    let name = |spec: &'_ ColumnSpec| spec.name.clone().unwrap_or_default();
    let known: HashMap<&str, usize> = table.by_name();
    let missing: Vec<String> =
        specs.iter().filter(|spec| spec.required).map(name).filter(|name| !known.contains_key(name.as_str())).collect();
    if !missing.is_empty() {
        let wanted: HashSet<String> = specs.iter().map(name).collect();
        let extra =
            table.columns.iter().any(|column| !matches!(&column.label, Label::Text(text) if wanted.contains(&**text)));
        let note = if extra { EXTRA } else { "" };
        let names = quoted_list(missing.iter().map(String::as_str), MAX_NAMES);
        return Err(format!("Model is missing inputs {names}.{note}"));
    }
    let order: Vec<Option<usize>> = specs.iter().map(|spec| known.get(name(spec).as_str()).copied()).collect();
    let repeated = table.repeated_names();
    let mut columns: Vec<Option<Column>> = table.columns.into_iter().map(Some).collect();
    let mut enforced = Vec::with_capacity(specs.len());
    for (spec, place) in specs.iter().zip(order) {
        let Some(column) = place.and_then(|place| columns[place].take()) else { continue };
        let name = name(spec);
        if repeated.contains(name.as_str()) {
            return Err("'DataFrame' object has no attribute 'dtype'".into());
        }
        let data = enforce_column(&name, column.data, &spec.kind, spec.required)?;
        enforced.push(Column { label: column.label, data });
    }
    Ok(Table::new(enforced, table.rows))
}

fn unnamed_columns(mut table: Table, specs: &[ColumnSpec]) -> Result<Table, String> {
    let got = table.columns.len();
    if got < specs.len() {
        return Err(format!(
            "Model inference is missing inputs. The model signature declares {} inputs  but the provided value only has \
             {got} inputs. Note: the inputs were not named in the signature so we can only verify their count.",
            specs.len()
        ));
    }
    let repeated = table.repeated_names();
    table.columns.truncate(specs.len());
    if table.columns.iter().any(|column| matches!(&column.label, Label::Text(name) if repeated.contains(&**name))) {
        return Err("'DataFrame' object has no attribute 'dtype'".into());
    }
    let mut columns = Vec::with_capacity(specs.len());
    for (column, spec) in table.columns.into_iter().zip(specs) {
        let data = enforce_column(&shown(&column.label), column.data, &spec.kind, spec.required)?;
        columns.push(Column { label: column.label, data });
    }
    Ok(Table::new(columns, table.rows))
}

fn enforce_column(name: &str, data: Data, kind: &DataType, required: bool) -> Result<Data, String> {
    if is_composed(kind) { compose::column(data, kind, required) } else { dtype::enforce(name, data, kind) }
}

impl Table {
    /// The first place of each name.
    pub(crate) fn by_name(&self) -> HashMap<&str, usize> {
        let mut places = HashMap::with_capacity(self.columns.len());
        for (place, column) in self.columns.iter().enumerate() {
            if let Label::Text(name) = &column.label {
                places.entry(&**name).or_insert(place);
            }
        }
        places
    }

    /// Names that more than one column has.
    fn repeated_names(&self) -> HashSet<String> {
        let mut seen = HashSet::with_capacity(self.columns.len());
        let names = self.columns.iter().filter_map(|column| match &column.label {
            Label::Text(name) => Some(&**name),
            Label::Int(_) | Label::Other => None,
        });
        names.filter(|name| !seen.insert(*name)).map(str::to_owned).collect()
    }
}
