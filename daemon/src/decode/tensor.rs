//! Signatures of arrays: what of a request fits them.

use std::collections::HashSet;

use yummy_models::signature::{DataType, TensorSpec};

use super::{
    array::{Array, Nature, tuple},
    enforce::{EXTRA, MAX_NAMES, Ready},
    inputs::Input,
    narrow,
    python::{Value, number::NotNumber, value::quoted_list},
    table::{Clock, Data, Dtype, Label, Table, cast},
};

/// Places and types of the columns that tensors are made of.
pub(crate) fn tensor_columns<'a>(specs: &'a [TensorSpec], table: &Table) -> Vec<(usize, &'a str)> {
    match specs {
        [TensorSpec { name: None, dtype, .. }] => {
            (0..table.columns.len()).map(|place| (place, dtype.as_str())).collect()
        }
        named => named
            .iter()
            .filter_map(|spec| Some((table.places(spec.name.as_deref()?).next()?, spec.dtype.as_str())))
            .collect(),
    }
}

/// `column.astype(dtype)` for the dtype of a tensor.
///
/// # Errors
/// pandas' exception, without the value.
pub(crate) fn astype(data: Data, dtype: &str) -> Result<Data, NotNumber> {
    narrow::column(&data, dtype).unwrap_or_else(|| cast::cast(data, &column_type(dtype)))
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
        // Of the rest, nothing is known here.
        _ => DataType::Any,
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
    check(&array, spec)?;
    Ok(array)
}

/// `_enforce_tensor_spec`.
fn check(array: &Array, spec: &TensorSpec) -> Result<(), String> {
    // Arrays of objects may be ragged where the signature leaves a size open.
    let objects = array.shape.len() == 1 && array.data.dtype() == "object";
    if (spec.shape[..] == [-1] && spec.dtype == "object")
        || (objects && spec.shape.iter().skip(1).any(|&size| size == -1))
    {
        return Ok(());
    }
    let matches = array.shape.len() == spec.shape.len()
        && array.shape.iter().zip(&spec.shape).all(|(&got, &want)| want == -1 || i64::try_from(got) == Ok(want));
    if !matches {
        let (got, want) = (tuple(&array.shape), tuple(&spec.shape));
        return Err(format!("Shape of input {got} does not match expected shape {want}."));
    }
    let dtype = array.data.dtype();
    if dtype != spec.dtype {
        return Err(format!("dtype of input {dtype} does not match expected dtype {}", shown(&spec.dtype)));
    }
    Ok(())
}

/// A dtype as numpy shows it.
pub(crate) fn shown(dtype: &str) -> &str {
    match dtype {
        "str" => "<U0",
        "bytes" => "|S0",
        other => other,
    }
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
        return column_tensor("None", data, table.zero_is_a_label, spec);
    }
    if spec.shape[..] != [-1, i64::try_from(width).unwrap_or(i64::MAX)] {
        return Err(format!(
            "This model contains a model signature with an unnamed input. Since the input data is a pandas DataFrame \
             containing multiple columns, the input shape must be of the structure (-1, number_of_dataframe_columns). \
             Instead, the input DataFrame passed had {width} columns and an input shape of {want} with all values within \
             the DataFrame of scalar type. Please adjust the passed in DataFrame to match the expected structure"
        ));
    }
    Ok(Array { shape: vec![rows, width], data: row_major(&table), nature: Nature::Array })
}

/// `table.to_numpy()` of columns of one dtype.
fn row_major(table: &Table) -> Data {
    let dtype = common_dtype(table);
    let times: Option<Vec<&Vec<i64>>> = table
        .columns
        .iter()
        .map(|column| if let Data::Time(times, Clock::Nanoseconds) = &column.data { Some(times) } else { None })
        .collect();
    if let Some(times) = times {
        let cells = (0..table.rows).flat_map(|row| times.iter().map(move |times| times[row]));
        return Data::Time(cells.collect(), Clock::Nanoseconds);
    }
    let cells = (0..table.rows).flat_map(|row| table.columns.iter().map(move |column| column.data.value(row)));
    let cells: Vec<Value> = cells.map(|cell| cell.unwrap_or(Value::Null)).collect();
    astype(Data::Object(cells), dtype).unwrap_or(Data::Opaque("object", 0))
}

/// The dtype that holds the values of all columns: numpy's promotion, and `object` when one may be missing.
fn common_dtype(table: &Table) -> &'static str {
    let dtypes: Vec<Dtype> = table.columns.iter().map(|column| column.data.described()).collect();
    let Some(&first) = dtypes.first() else { return "object" };
    if dtypes.iter().all(|&dtype| dtype == first) && table.columns.iter().all(|column| !column.data.has_na()) {
        return first.name;
    }
    let numbers = dtypes.iter().all(|dtype| matches!(dtype.kind, 'i' | 'u' | 'f'));
    if !numbers || table.columns.iter().any(|column| column.data.has_na()) {
        return "object";
    }
    let widest =
        |kinds: &[char]| dtypes.iter().filter(|dtype| kinds.contains(&dtype.kind)).map(|dtype| dtype.size).max();
    match (widest(&['f']), widest(&['i']), widest(&['u'])) {
        // A float of half the bits does not hold an integer.
        (Some(float), i, u) if i.max(u).is_none_or(|size| 2 * size <= float) => {
            ["float16", "float32", "float64"][float / 4]
        }
        (Some(_), i, u) if i.max(u).is_some_and(|size| size <= 1) => "float32",
        (Some(_), ..) => "float64",
        (None, Some(signed), None) => ["int8", "int16", "int32", "int64"][signed.ilog2() as usize],
        (None, None, Some(unsigned)) => ["uint8", "uint16", "uint32", "uint64"][unsigned.ilog2() as usize],
        (None, Some(signed), Some(unsigned)) => match signed.max(2 * unsigned) {
            2 => "int16",
            4 => "int32",
            8 => "int64",
            _ => "float64",
        },
        (None, None, None) => "object",
    }
}

/// A column of single values as a tensor of one dimension.
fn column_tensor(name: &str, data: Data, zero_is_a_label: bool, spec: &TensorSpec) -> Result<Array, String> {
    let want = tuple(&spec.shape);
    if spec.shape.first() != Some(&-1) || spec.shape[1..].contains(&-1) {
        let input = if name == "None" { "the unnamed input".to_owned() } else { format!("input {name}") };
        return Err(format!(
            "For pandas dataframe input, the first dimension of shape must be a variable dimension and other dimensions \
             must be fixed, but in model signature the shape of {input} is {want}."
        ));
    }
    // MLflow looks at the row that is labelled 0.
    if !zero_is_a_label {
        return Err("0".into());
    }
    if !data.value(0).is_some_and(|value| value.is_scalar()) {
        return Err(
            "Because the model signature requires tensor spec input, the input pandas dataframe values should be \
                    either scalar value, python list containing scalar values or numpy array containing scalar values, \
                    other types are not supported."
                .into(),
        );
    }
    let rows = data.len();
    let shape = match spec.shape[..] {
        [-1] => vec![rows],
        [-1, 1] => vec![rows, 1],
        _ => {
            return Err(format!(
                "The input pandas dataframe column '{name}' contains scalar values, which requires the shape to be (-1,) or \
                 (-1, 1), but got tensor spec shape of {want}."
            ));
        }
    };
    let data = astype(data, &spec.dtype).map_err(|reason| reason.0)?;
    Ok(Array { shape, data, nature: Nature::Array })
}

pub(crate) fn named_tensors(input: Input, specs: &[TensorSpec]) -> Result<Ready, String> {
    let names = || specs.iter().filter_map(|spec| spec.name.as_deref());
    let (given, extra): (HashSet<&str>, bool) = match &input {
        Input::Columns(columns) => {
            let given: HashSet<&str> = columns.iter().map(|(name, _)| &**name).collect();
            let extra = given.iter().any(|name| !names().any(|wanted| wanted == *name));
            (given, extra)
        }
        Input::Table(table) => {
            let given: HashSet<&str> = table.by_name().into_keys().collect();
            let known = |label: &Label| names().any(|name| label.is(name));
            (given, table.columns.iter().any(|column| !known(&column.label)))
        }
        // An array is the only tensor that there is.
        Input::Array(_) if specs.len() == 1 => (names().collect(), false),
        Input::Array(_) | Input::Records(_) => (HashSet::new(), false),
    };
    let missing: Vec<&str> = names().filter(|name| !given.contains(name)).collect();
    if !missing.is_empty() {
        let names = quoted_list(missing.into_iter(), MAX_NAMES);
        return Err(format!("Model is missing inputs {names}.{}", if extra { EXTRA } else { "" }));
    }
    match input {
        Input::Columns(columns) => {
            for spec in specs {
                let found = columns.iter().find(|(name, _)| Some(&**name) == spec.name.as_deref());
                found.map_or(Ok(()), |(_, array)| check(array, spec))?;
            }
        }
        Input::Table(table) => {
            for spec in specs {
                let name = spec.name.as_deref().unwrap_or_default();
                let found = table.places(name).next().map(|place| table.columns[place].data.clone());
                found.map_or(Ok(()), |data| column_tensor(name, data, table.zero_is_a_label, spec).map(|_| ()))?;
            }
        }
        Input::Array(array) => specs.iter().try_for_each(|spec| check(&array, spec))?,
        Input::Records(_) => {}
    }
    Ok(Ready::Unusable("named tensors are not an input of this model".into()))
}
