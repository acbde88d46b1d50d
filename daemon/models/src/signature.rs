//! A model's signature: the JSON strings inside `MLmodel`'s YAML.
//!
//! Types only; what a request's values become under them is decided by the protocol that reads the request.

use serde::Deserialize;
use serde_json::Value;

/// Inputs, outputs and parameters, as far as the model was logged with them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signature {
    /// What a request must hold.
    pub inputs: Option<Schema>,
    /// What the answer holds.
    pub outputs: Option<Schema>,
    /// Parameters that a request may set.
    pub params: Option<Vec<ParamSpec>>,
}

/// Columns or tensors, never both.
#[derive(Clone, Debug, PartialEq)]
pub enum Schema {
    /// A table. Either all columns have names or none has.
    Columns(Vec<ColumnSpec>),
    /// Arrays.
    Tensors(Vec<TensorSpec>),
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSpec {
    /// Name, unless columns are bound by position.
    pub name: Option<String>,
    /// Type of each value.
    pub kind: DataType,
    /// Whether a request must have it. 1.x files do not say; then it must.
    pub required: bool,
}

/// One tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// Name, when there are several.
    pub name: Option<String>,
    /// numpy's name of the element type (`float64`, `int32`, `str`, …).
    pub dtype: String,
    /// Sizes; -1 for any.
    pub shape: Vec<i64>,
}

/// Type of a column's values.
#[derive(Clone, Debug, PartialEq)]
pub enum DataType {
    /// `bool`.
    Boolean,
    /// 32-bit.
    Integer,
    /// 64-bit.
    Long,
    /// `f32`.
    Float,
    /// `f64`.
    Double,
    /// Text.
    String,
    /// Bytes.
    Binary,
    /// A point in time.
    Datetime,
    /// A list of one type.
    Array(Box<DataType>),
    /// Named properties: name, type, required.
    Object(Vec<(String, DataType, bool)>),
    /// Any keys, values of one type.
    Map(Box<DataType>),
    /// Anything.
    Any,
}

impl DataType {
    /// MLflow's name of it; `Array(double)` and the like for composed types.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Boolean => "boolean".into(),
            Self::Integer => "integer".into(),
            Self::Long => "long".into(),
            Self::Float => "float".into(),
            Self::Double => "double".into(),
            Self::String => "string".into(),
            Self::Binary => "binary".into(),
            Self::Datetime => "datetime".into(),
            Self::Array(items) => format!("Array({})", items.name()),
            Self::Object(properties) => {
                let inner: Vec<String> = properties
                    .iter()
                    .map(|(name, kind, required)| {
                        format!("{name}: {} ({})", kind.name(), if *required { "required" } else { "optional" })
                    })
                    .collect();
                format!("{{{}}}", inner.join(", "))
            }
            Self::Map(values) => format!("Map(str -> {})", values.name()),
            Self::Any => "Any".into(),
        }
    }
}

/// One parameter that a request may set.
#[derive(Clone, Debug, PartialEq)]
pub struct ParamSpec {
    /// Name.
    pub name: String,
    /// Type of the value, or of its elements.
    pub kind: DataType,
    /// Value when the request does not set it.
    pub default: Value,
    /// `None` for a single value, else the length (-1 for any) of a list.
    pub shape: Option<Vec<i64>>,
}

/// How deep composed types may be nested: deeper ones do not occur and would cost stack.
const MAX_TYPE_DEPTH: usize = 16;

#[derive(Deserialize)]
struct RawColumn {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    required: Option<bool>,
    optional: Option<bool>,
    items: Option<Value>,
    properties: Option<Value>,
    values: Option<Value>,
    #[serde(rename = "tensor-spec")]
    tensor: Option<RawTensor>,
}

#[derive(Deserialize)]
struct RawTensor {
    dtype: String,
    shape: Vec<i64>,
}

#[derive(Deserialize)]
struct RawParam {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    default: Value,
    #[serde(default)]
    shape: Option<Vec<i64>>,
    properties: Option<Value>,
}

impl Schema {
    /// Reads the JSON that stands in `signature.inputs` and `signature.outputs`.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(json: &str) -> Result<Self, String> {
        let raw: Vec<RawColumn> = serde_json::from_str(json).map_err(|error| format!("signature: {error}"))?;
        if raw.iter().any(|column| column.tensor.is_some()) {
            let tensors = raw.into_iter().map(|column| {
                let tensor = column.tensor.ok_or("signature mixes columns and tensors")?;
                Ok(TensorSpec { name: column.name, dtype: tensor.dtype, shape: tensor.shape })
            });
            return Ok(Self::Tensors(tensors.collect::<Result<_, String>>()?));
        }
        let columns: Vec<ColumnSpec> = raw
            .into_iter()
            .map(|column| {
                // 1.x wrote `optional`; nothing at all means required.
                let required = column.required.unwrap_or(!column.optional.unwrap_or(false));
                let kind = data_type(
                    &column.kind,
                    column.items.as_ref(),
                    column.properties.as_ref(),
                    column.values.as_ref(),
                    0,
                )?;
                Ok(ColumnSpec { name: column.name, kind, required })
            })
            .collect::<Result<_, String>>()?;
        let named = columns.iter().filter(|column| column.name.is_some()).count();
        if named != 0 && named != columns.len() {
            return Err("signature names some columns and not others".into());
        }
        Ok(Self::Columns(columns))
    }
}

impl ParamSpec {
    /// Reads the JSON that stands in `signature.params`.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse_all(json: &str) -> Result<Vec<Self>, String> {
        let raw: Vec<RawParam> = serde_json::from_str(json).map_err(|error| format!("signature params: {error}"))?;
        raw.into_iter()
            .map(|param| {
                let kind = data_type(&param.kind, None, param.properties.as_ref(), None, 0)?;
                Ok(Self { name: param.name, kind, default: param.default, shape: param.shape })
            })
            .collect()
    }
}

fn data_type(
    kind: &str,
    items: Option<&Value>,
    properties: Option<&Value>,
    values: Option<&Value>,
    depth: usize,
) -> Result<DataType, String> {
    if depth > MAX_TYPE_DEPTH {
        return Err(format!("signature nests types deeper than {MAX_TYPE_DEPTH}"));
    }
    Ok(match kind {
        "boolean" => DataType::Boolean,
        "integer" => DataType::Integer,
        "long" => DataType::Long,
        "float" => DataType::Float,
        "double" => DataType::Double,
        "string" => DataType::String,
        "binary" => DataType::Binary,
        "datetime" => DataType::Datetime,
        "any" => DataType::Any,
        "array" => DataType::Array(Box::new(nested(items, "items", depth)?)),
        "map" => DataType::Map(Box::new(nested(values, "values", depth)?)),
        "object" => {
            let properties = properties.and_then(Value::as_object).ok_or("signature object without properties")?;
            let inner = properties.iter().map(|(name, value)| {
                let required = value.get("required").and_then(Value::as_bool).unwrap_or(true);
                Ok((name.clone(), nested(Some(value), "properties", depth)?, required))
            });
            DataType::Object(inner.collect::<Result<_, String>>()?)
        }
        other => return Err(format!("signature type {other:?} is not known")),
    })
}

fn nested(value: Option<&Value>, what: &str, depth: usize) -> Result<DataType, String> {
    let value = value.ok_or_else(|| format!("signature type without {what}"))?;
    let kind = value.get("type").and_then(Value::as_str).ok_or_else(|| format!("signature {what} without type"))?;
    data_type(kind, value.get("items"), value.get("properties"), value.get("values"), depth + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_1_x_are_required() {
        let schema = Schema::parse(r#"[{"name": "a", "type": "double"}]"#).unwrap();
        assert_eq!(
            schema,
            Schema::Columns(vec![ColumnSpec { name: Some("a".into()), kind: DataType::Double, required: true }])
        );
    }

    #[test]
    fn tensors_keep_dtype_and_shape() {
        let schema =
            Schema::parse(r#"[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 4]}}]"#).unwrap();
        assert_eq!(
            schema,
            Schema::Tensors(vec![TensorSpec { name: None, dtype: "float64".into(), shape: vec![-1, 4] }])
        );
    }

    #[test]
    fn composed_types_are_read() {
        let json = r#"[{"type":"array","items":{"type":"object","properties":{"x":{"type":"long","required":false}}},"name":"a","required":true}]"#;
        let Schema::Columns(columns) = Schema::parse(json).unwrap() else { panic!("columns") };
        assert_eq!(columns[0].kind.name(), "Array({x: long (optional)})");
    }

    #[test]
    fn half_named_columns_are_refused() {
        let json = r#"[{"name": "a", "type": "double"}, {"type": "double"}]"#;
        assert!(Schema::parse(json).unwrap_err().contains("some columns"));
    }

    #[test]
    fn deep_types_end_in_an_error() {
        let json = format!("[{}{}{}]", r#"{"type":"array","items":"#.repeat(40), r#"{"type":"long"}"#, "}".repeat(40));
        assert!(Schema::parse(&json).unwrap_err().contains("deeper"));
    }
}
