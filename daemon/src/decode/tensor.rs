//! Signatures of arrays: what of a request fits them.

use std::collections::HashSet;

use yummy_models::signature::{DataType, TensorSpec};

use super::{
    array::{Array, tuple},
    enforce::{MAX_NAMES, Ready},
    inputs::Input,
    python::{Value, value::quoted_list},
    table::{Data, Table, cast},
};

/// Places and types of the columns that tensors are made of.
pub(crate) fn tensor_columns(specs: &[TensorSpec], table: &Table) -> Vec<(usize, DataType)> {
    match specs {
        [TensorSpec { name: None, dtype, .. }] => {
            (0..table.columns.len()).map(|place| (place, column_type(dtype))).collect()
        }
        named => named
            .iter()
            .filter_map(|spec| Some((table.places(spec.name.as_deref()?).next()?, column_type(&spec.dtype))))
            .collect(),
    }
}

/// The column type with the dtype of a tensor.
fn column_type(dtype: &str) -> DataType {
    match dtype {
        "float64" => DataType::Double,
        "float32" => DataType::Float,
        "int64" => DataType::Long,
        "int32" => DataType::Integer,
        "bool" => DataType::Boolean,
        "str" | "object" => DataType::String,
        _ => DataType::Binary,
    }
}

pub(crate) fn unnamed_tensor(input: Input, spec: &TensorSpec) -> Result<Array, String> {
    let array = match input {
        Input::Array(array) => array,
        Input::Table(table) => table_tensor(table, spec)?,
        Input::Columns(_) | Input::Records(_) => {
            let what = if matches!(input, Input::Columns(_)) { "dict" } else { "list" };
            return Err(no_tensor(what));
        }
    };
    let matches = array.shape.len() == spec.shape.len()
        && array.shape.iter().zip(&spec.shape).all(|(&got, &want)| want == -1 || i64::try_from(got) == Ok(want));
    if !matches {
        let (got, want) = (tuple(&array.shape), tuple(&spec.shape));
        return Err(format!("Shape of input {got} does not match expected shape {want}."));
    }
    let dtype = array.data.dtype();
    if dtype != spec.dtype {
        return Err(format!("dtype of input {dtype} does not match expected dtype {}", spec.dtype));
    }
    Ok(array)
}

pub(crate) fn no_tensor(what: &str) -> String {
    format!(
        "This model contains a tensor-based model signature with no input names, which suggests a numpy array input or a \
         pandas dataframe input with proper column values, but an input of type <class '{what}'> was found."
    )
}

fn table_tensor(table: Table, spec: &TensorSpec) -> Result<Array, String> {
    let width = table.columns.len();
    let (rows, want) = (table.rows, tuple(&spec.shape));
    if rows == 0 || width == 0 {
        return Err("Input DataFrame is empty.".into());
    }
    if width == 1 {
        let data = table.columns.into_iter().next().map_or(Data::Opaque("object", 0), |column| column.data);
        return match spec.shape[..] {
            [-1] => Ok(Array { shape: vec![rows], data, scalar: false }),
            [-1, 1] => Ok(Array { shape: vec![rows, 1], data, scalar: false }),
            _ => Err(format!(
                "The input pandas dataframe column 'None' contains scalar values, which requires the shape to be (-1,) or \
                 (-1, 1), but got tensor spec shape of {want}."
            )),
        };
    }
    if spec.shape[..] != [-1, i64::try_from(width).unwrap_or(i64::MAX)] {
        return Err(format!(
            "This model contains a model signature with an unnamed input. Since the input data is a pandas DataFrame \
             containing multiple columns, the input shape must be of the structure (-1, number_of_dataframe_columns). \
             Instead, the input DataFrame passed had {width} columns and an input shape of {want} with all values within \
             the DataFrame of scalar type. Please adjust the passed in DataFrame to match the expected structure"
        ));
    }
    Ok(Array { shape: vec![rows, width], data: row_major(&table), scalar: false })
}

/// `table.to_numpy()` of columns of one dtype.
fn row_major(table: &Table) -> Data {
    let dtype = table.columns.first().map_or("object", |column| column.data.dtype());
    if table.columns.iter().any(|column| column.data.dtype() != dtype) {
        return Data::Opaque("object", table.rows * table.columns.len());
    }
    let cells = (0..table.rows).flat_map(|row| table.columns.iter().map(move |column| column.data.value(row)));
    let cells: Vec<Value> = cells.map(|cell| cell.unwrap_or(Value::Null)).collect();
    cast::cast(Data::Object(cells), &column_type(dtype)).unwrap_or(Data::Opaque("object", 0))
}

pub(crate) fn named_tensors(input: &Input, specs: &[TensorSpec]) -> Result<Ready, String> {
    let names: HashSet<&str> = match input {
        Input::Columns(columns) => columns.iter().map(|(name, _)| &**name).collect(),
        Input::Table(table) => table.by_name().into_keys().collect(),
        Input::Array(_) | Input::Records(_) => {
            return Err(
                "This model contains a tensor-based model signature with input names, which suggests a dictionary \
                        input mapping input name to tensor."
                    .into(),
            );
        }
    };
    let missing = specs.iter().filter_map(|spec| spec.name.as_deref()).filter(|name| !names.contains(name));
    let missing: Vec<&str> = missing.collect();
    if !missing.is_empty() {
        let names = quoted_list(missing.into_iter(), MAX_NAMES);
        return Err(format!("Model is missing inputs {names}."));
    }
    Ok(Ready::Unusable("several named tensors are not an input of this model".into()))
}
