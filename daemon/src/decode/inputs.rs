//! The TensorFlow-like forms: `inputs` (columns or an array) and `instances` (rows or an array).

use std::collections::HashMap;

use yummy_models::signature::{DataType, Schema};

use super::{
    array::{Array, Nature, Spec, convert, stack},
    compose::is_composed,
    error::ProtocolError,
    plan::Plan,
    python::{Value, number::NotNumber, value::Dict},
    table::Table,
};

/// The data of a request before the signature is enforced on it.
#[derive(Debug)]
pub(crate) enum Input {
    /// A `DataFrame`.
    Table(Table),
    /// An array or a scalar.
    Array(Array),
    /// Named arrays and scalars.
    Columns(Vec<(Box<str>, Array)>),
    /// Rows of named scalars and arrays; `[]` is one of no rows.
    Records(Vec<Vec<(Box<str>, Array)>>),
}

/// Reads the value of `inputs`.
///
/// # Errors
/// [`ProtocolError`] as MLflow's.
pub(crate) fn inputs(value: Value, plan: &Plan) -> Result<Input, ProtocolError> {
    let value = match (plan.only_name(), value) {
        // A list against a single named column is that column.
        (Some(name), Value::List(items)) if !items.iter().any(Value::is_dict) => {
            Value::Dict(Dict::from_pairs(vec![(name.into(), Value::List(items))]))
        }
        (_, value) => value,
    };
    if plan.schema.is_some() && plan.names.is_empty() && !(value.is_list() || value.is_scalar()) {
        return Err(ProtocolError::invalid(format!(
            "Failed to parse input data. This model contains an un-named  model signature which expects a single \
             n-dimensional array or a single value as input, however, an input of type <class '{}'> was found.",
            value.type_name()
        )));
    }
    match value {
        Value::Dict(dict) => Ok(Input::Columns(named(dict, plan).map_err(|NotNumber(reason)| invalid(&reason))?)),
        Value::List(items) if items.iter().all(Value::is_dict) => {
            let row = |item| if let Value::Dict(dict) = item { named(dict, plan) } else { Ok(Vec::new()) };
            let rows = items.into_iter().map(row).collect::<Result<_, _>>();
            Ok(Input::Records(rows.map_err(|NotNumber(reason)| invalid(&reason))?))
        }
        Value::List(_) => {
            convert(value, plan.first_spec()).map(Input::Array).map_err(|NotNumber(reason)| invalid(&reason))
        }
        scalar => convert(scalar, plan.first_spec()).map(Input::Array).map_err(|_| {
            ProtocolError::invalid("Failed to convert data to the type that is defined in the model signature.")
        }),
    }
}

/// Reads the value of `instances`.
///
/// # Errors
/// [`ProtocolError`] as MLflow's.
pub(crate) fn instances(value: Value, plan: &Plan) -> Result<Input, ProtocolError> {
    let input = match value {
        Value::List(items) if items.first().is_some_and(Value::is_dict) => Input::Columns(by_column(items, plan)?),
        value => inputs(value, plan)?,
    };
    if let Input::Columns(columns) = &input {
        same_lengths(columns, plan)?;
    }
    Ok(input)
}

/// `Invalid input.` with Python's exception: MLflow shows its text, not its class.
fn invalid(exception: &str) -> ProtocolError {
    ProtocolError::invalid(exception_text(exception))
}

/// `text` of `Class("text")`.
fn exception_text(exception: &str) -> &str {
    let inner = exception.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    let text = inner.and_then(|inner| inner.get(1..inner.len().max(1) - 1).filter(|_| inner.starts_with(['"', '\''])));
    text.unwrap_or(exception)
}

fn named(dict: Dict, plan: &Plan) -> Result<Vec<(Box<str>, Array)>, NotNumber> {
    let column = |(name, value): (Box<str>, Value)| {
        let array = convert(value, plan.spec(&name))?;
        Ok((name, array))
    };
    dict.into_entries().into_iter().map(column).collect()
}

/// Rows of dictionaries to columns.
fn by_column(rows: Vec<Value>, plan: &Plan) -> Result<Vec<(Box<str>, Array)>, ProtocolError> {
    let mut places: HashMap<Box<str>, usize> = HashMap::new();
    let mut columns: Vec<(Box<str>, Vec<Array>)> = Vec::new();
    for row in rows {
        let Value::Dict(dict) = row else {
            let what = row.type_name();
            return Err(unexpected(&format!("AttributeError(\"'{what}' object has no attribute 'items'\")")));
        };
        for (name, array) in named(dict, plan).map_err(|NotNumber(reason)| invalid(&reason))? {
            let place = *places.entry(name.clone()).or_insert_with(|| {
                columns.push((name, Vec::new()));
                columns.len() - 1
            });
            columns[place].1.push(array);
        }
    }
    let stacked = columns.into_iter().map(|(name, rows)| Ok((name, stack(rows)?)));
    stacked
        .collect::<Result<_, NotNumber>>()
        .map_err(|NotNumber(reason)| unexpected(&format!("ValueError('{reason}')")))
}

fn unexpected(exception: &str) -> ProtocolError {
    ProtocolError::invalid(format!("Ensure that the input is a valid JSON-formatted string.\nError: {exception}"))
}

/// Columns that the signature requires must be of one length.
fn same_lengths(columns: &[(Box<str>, Array)], plan: &Plan) -> Result<(), ProtocolError> {
    let mut lengths = Vec::new();
    for (name, array) in columns {
        let checked = match (&plan.schema, plan.names.get(name)) {
            (Some(Schema::Columns(specs)), Some(&place)) => {
                specs[place].required && !matches!(specs[place].kind, DataType::Array(_))
            }
            (Some(_), None) => plan.names.is_empty(),
            _ => true,
        };
        if !checked || array.is_scalar() {
            continue;
        }
        if array.nature == Nature::Python {
            if let Some(Value::List(items)) = array.data.value(0) {
                lengths.push(items.len());
            }
            continue;
        }
        let Some(&len) = array.shape.first() else {
            return Err(unexpected("TypeError('len() of unsized object')"));
        };
        lengths.push(len);
    }
    if lengths.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(ProtocolError::invalid("The length of values for each input/column name are not the same"));
    }
    Ok(())
}

impl Plan {
    /// The name of the only column, when there is just one.
    fn only_name(&self) -> Option<&str> {
        if self.names.len() == 1 { self.names.keys().next().map(|name| &**name) } else { None }
    }

    /// What a value of that name should become.
    fn spec(&self, name: &str) -> Spec<'_> {
        let Some(&place) = self.names.get(name) else { return Spec::Unknown };
        self.spec_at(place)
    }

    /// What a value without a name should become.
    fn first_spec(&self) -> Spec<'_> {
        self.spec_at(0)
    }

    fn spec_at(&self, place: usize) -> Spec<'_> {
        match &self.schema {
            Some(Schema::Columns(specs)) => specs.get(place).map_or(Spec::Unknown, |spec| match &spec.kind {
                kind if is_composed(kind) => Spec::Composed(kind, spec.required),
                kind => Spec::Column(kind),
            }),
            Some(Schema::Tensors(specs)) => specs.get(place).map_or(Spec::Unknown, |spec| Spec::Tensor(&spec.dtype)),
            None => Spec::Unknown,
        }
    }
}
