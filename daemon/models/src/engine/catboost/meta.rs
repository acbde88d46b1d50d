//! What a model file says about itself in JSON texts: the loss function and the classes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::{Fault, invalid};
use crate::Labels;

/// The loss function and the classes.
#[derive(Debug)]
pub(super) struct Meta {
    /// Name of the loss function, without its parameters; empty when the file has none.
    pub(super) loss: String,
    /// The classes, for a classification.
    pub(super) classes: Option<Classes>,
    /// The probability from which a row is in the second class, 0.5 unless somebody set another.
    pub(super) threshold: f64,
}

/// The classes of a classification.
#[derive(Debug)]
pub(super) struct Classes {
    /// The names, in the order in which probabilities are answered.
    pub(super) labels: Labels,
    /// Which of them each class of the training was; there may be names that no row had.
    pub(super) trained: Vec<usize>,
}

impl Meta {
    /// Reads the texts.
    pub(super) fn read(info: &BTreeMap<String, String>) -> Result<Self, Fault> {
        let json = |key: &str| info.get(key).map(|text| parse(key, text)).transpose();
        let loss = json("params")?.and_then(|params| {
            let name = params.pointer("/loss_function/type")?.as_str()?;
            Some(name.split(':').next().unwrap_or_default().to_owned())
        });
        let threshold = info.get("binclass_probability_threshold").map(|text| match text.parse() {
            Ok(threshold) if threshold > 0.0 && threshold < 1.0 => Ok(threshold),
            _ => Err(invalid("binclass_probability_threshold is not between 0 and 1")),
        });
        Ok(Self {
            loss: loss.unwrap_or_default(),
            classes: json("class_params")?.map(|params| classes(&params)).transpose()?.flatten(),
            threshold: threshold.transpose()?.unwrap_or(0.5),
        })
    }
}

fn parse(key: &str, text: &str) -> Result<Value, Fault> {
    serde_json::from_str(text).map_err(|error| invalid(format!("{key} is not JSON: {error}")))
}

/// `class_params`, e.g. `{"class_names":["a","b"],"class_to_label":[0,1],"class_label_type":"String"}`; `None` when
/// there is no class in it.
fn classes(params: &Value) -> Result<Option<Classes>, Fault> {
    let list = |key: &str| params.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let trained: Option<Vec<usize>> = list("class_to_label").iter().map(whole_number).collect();
    let trained = trained.ok_or_else(|| invalid("class_to_label has something else than class numbers"))?;
    let names = list("class_names");
    let kind = params.get("class_label_type").and_then(Value::as_str).unwrap_or("Integer");
    let labels = if names.is_empty() {
        // Unnamed classes are numbers: as many as were asked for or seen.
        let seen = trained.iter().map(|&label| label.saturating_add(1)).max().unwrap_or(0);
        let count = params.get("classes_count").and_then(whole_number).unwrap_or(0).max(seen);
        unnamed(count)?
    } else {
        named(names, kind).ok_or_else(|| invalid(format!("class_names are not all of type {kind}")))?
    };
    if trained.iter().any(|&label| label >= labels.len()) {
        return Err(invalid("class_to_label names a class that is not there"));
    }
    Ok((!labels.is_empty()).then_some(Classes { labels, trained }))
}

/// A whole number, which may be written as a double.
fn whole_number(value: &Value) -> Option<usize> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..1e9).contains(number))?;
    Some(number as usize)
}

fn unnamed(count: usize) -> Result<Labels, Fault> {
    /// More than any model has; a longer list would be memory for nothing.
    const MAX_CLASSES: usize = 1 << 20;
    if count > MAX_CLASSES {
        return Err(invalid(format!("it has {count} classes, more than {MAX_CLASSES}")));
    }
    Ok(Labels::Int((0..count).map(|label| label as i64).collect()))
}

fn named(names: &[Value], kind: &str) -> Option<Labels> {
    Some(match kind {
        "Integer" => Labels::Int(names.iter().map(Value::as_i64).collect::<Option<_>>()?),
        "Float" => Labels::Float(names.iter().map(Value::as_f64).collect::<Option<_>>()?),
        "Boolean" => Labels::Bool(names.iter().map(Value::as_bool).collect::<Option<_>>()?),
        _ => Labels::Text(names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>()?),
    })
}
