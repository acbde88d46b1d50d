//! The envelope of a JSON request: which of the forms it is, and its data.

use super::{
    Style,
    content_type::Form,
    enforce::{Ready, cast_table, enforce, enforce_raw},
    error::ProtocolError,
    inputs::{Input, inputs, instances},
    params,
    plan::Plan,
    python::{
        Value, json, text,
        value::{Dict, quoted_list},
    },
    table::{Table, build},
};
use yummy_models::Method;

/// MLflow's four fields.
const FORMATS: [&str; 4] = ["dataframe_records", "dataframe_split", "instances", "inputs"];

/// Fields by which MLflow recognises requests of language models.
const LLM_FIELDS: [&str; 3] = ["messages", "prompt", "input"];

/// A request whose data fits the signature.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) ready: Ready,
    pub(crate) method: Method,
    pub(crate) style: Style,
}

/// Reads a JSON body by the exact, slow path.
///
/// # Errors
/// [`ProtocolError`] as MLflow's.
pub(crate) fn read(form: Form, body: &[u8], plan: &Plan) -> Result<Read, ProtocolError> {
    let decoded = text::decode(body).map_err(|reason| ProtocolError::not_json(&reason.0))?;
    let value = json::parse(&decoded).map_err(|reason| {
        let quote = if reason.0.contains('\'') { '"' } else { '\'' };
        // Python shows the `repr` of the exception, in which a backslash is two.
        ProtocolError::not_json(&format!("JSONDecodeError({quote}{}{quote})", reason.0.replace('\\', "\\\\")))
    })?;
    let style = if form == Form::Json && !old_shape(&value) { Style::Wrapped } else { Style::Bare };
    match (form, style) {
        (Form::Split, _) => old(split(value)?, plan),
        (Form::Records, _) => old(records(value)?, plan),
        (_, Style::Bare) if value.is_list() => old(records(value)?, plan),
        (_, Style::Bare) => old(split(value)?, plan),
        (_, Style::Wrapped) => envelope(value, plan),
    }
}

/// The data of a CSV or Parquet body, which has no parameters.
///
/// # Errors
/// [`ProtocolError`] as MLflow's.
pub(crate) fn file(table: Table, plan: &Plan) -> Result<Read, ProtocolError> {
    let ready = enforce(Input::Table(table), plan)?;
    let method = params::method(None, plan)?;
    Ok(Read { ready, method, style: Style::Wrapped })
}

/// The shapes of the protocol before 2.0: `{"columns", "data"}` or a list of records.
fn old_shape(value: &Value) -> bool {
    match value {
        Value::List(items) => {
            let named = |item: &Value| matches!(item, Value::Dict(dict) if !dict.is_empty());
            items.iter().all(Value::is_dict) && items.iter().any(named)
        }
        Value::Dict(dict) => {
            dict.get("data").is_some()
                && dict.get("columns").is_some()
                && dict.keys().all(|key| matches!(key, "columns" | "index" | "data"))
        }
        _ => false,
    }
}

fn old(table: Table, plan: &Plan) -> Result<Read, ProtocolError> {
    let ready = enforce(Input::Table(cast_table(table, plan)?), plan)?;
    Ok(Read { ready, method: Method::Predict, style: Style::Bare })
}

fn envelope(value: Value, plan: &Plan) -> Result<Read, ProtocolError> {
    let mut dict = match value {
        Value::Dict(dict) => dict,
        Value::List(_) => return Err(ProtocolError::not_an_object("Received a list.")),
        other => {
            let what = other.type_name();
            return Err(ProtocolError::not_an_object(&format!("Received unexpected input type '<class '{what}'>.")));
        }
    };
    if LLM_FIELDS.iter().any(|field| dict.get(field).is_some()) {
        return language_model(dict, plan);
    }
    let params = dict.remove("params");
    let present: Vec<&str> = dict.keys().filter(|key| FORMATS.contains(key)).collect();
    let &[format] = present.as_slice() else {
        return Err(ProtocolError::not_one_format(&quoted_list(present.into_iter(), FORMATS.len())));
    };
    let format = FORMATS.into_iter().find(|known| *known == format).unwrap_or_default();
    let value = dict.remove(format).unwrap_or(Value::Null);
    let input = match format {
        "dataframe_split" => Input::Table(cast_table(split(value)?, plan)?),
        "dataframe_records" => Input::Table(cast_table(records(value)?, plan)?),
        "instances" => instances(value, plan)?,
        _ => inputs(value, plan)?,
    };
    let ready = enforce(input, plan)?;
    let method = params::method(params.as_ref(), plan)?;
    Ok(Read { ready, method, style: Style::Wrapped })
}

/// The whole object is the data, and the answer is not wrapped.
fn language_model(dict: Dict, plan: &Plan) -> Result<Read, ProtocolError> {
    let own = |name: &str| plan.params.iter().flatten().any(|spec| spec.name == name);
    let (params, data): (Vec<_>, Vec<_>) = dict.into_entries().into_iter().partition(|(name, _)| own(name));
    let ready = enforce_raw(Dict::from_pairs(data), plan)?;
    params::method(Some(&Value::Dict(Dict::from_pairs(params))), plan)?;
    Ok(Read { ready, method: Method::Predict, style: Style::Bare })
}

fn split(value: Value) -> Result<Table, ProtocolError> {
    let mut dict = match value {
        Value::Dict(dict) => dict,
        Value::List(_) => return Err(not_a_dictionary("list")),
        other => return Err(not_a_dictionary(&format!("type <class '{}'>", other.type_name()))),
    };
    let keys = || dict.keys().filter(|key| matches!(*key, "columns" | "index" | "data"));
    if dict.get("data").is_none() || keys().count() != dict.len() {
        return Err(ProtocolError::invalid(format!(
            "Dataframe split format must have 'data' field and optionally 'columns' and 'index' fields. Got {}.'",
            quoted_list(keys(), 3)
        )));
    }
    let data = dict.remove("data").unwrap_or(Value::Null);
    build::split(data, dict.remove("columns"), dict.remove("index")).map_err(|error| {
        ProtocolError::invalid(format!(
            "Provided dataframe_split field is not a valid dataframe representation in 'split' format. Error: '{}'",
            error.0
        ))
    })
}

fn not_a_dictionary(what: &str) -> ProtocolError {
    ProtocolError::invalid(format!("Dataframe split format must be a dictionary. Got {what}."))
}

fn records(value: Value) -> Result<Table, ProtocolError> {
    let what = match value {
        Value::List(rows) => {
            return build::records(rows).map_err(|error| {
                ProtocolError::invalid(format!(
                    "Provided dataframe_records field is not a valid dataframe representation in 'records' format. \
                     Error: '{}'",
                    error.0
                ))
            });
        }
        Value::Dict(_) => "dictionary".to_owned(),
        other => format!("type <class '{}'>", other.type_name()),
    };
    Err(ProtocolError::invalid(format!("Dataframe records format must be a list of records. Got {what}.")))
}
