//! `application/vnd.apache.parquet` as pandas reads it: flat columns of numbers, booleans and text.
//!
//! Columns that pandas wrote for its index are left out. Nested columns, times and bytes become columns of a dtype that
//! no model takes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::{
    basic::{ConvertedType, Type},
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{ByteArray, DataType},
    file::{
        metadata::ParquetMetaData,
        reader::{FileReader as _, RowGroupReader, SerializedFileReader},
    },
    schema::types::ColumnDescriptor,
};

use super::{
    error::ProtocolError,
    python::Value,
    table::{Column, Data, Label, Table},
};

/// A body may say that it holds any number of cells: run lengths make millions of a few bytes. This many take 128 MiB.
const MAX_CELLS: usize = 16 << 20;

/// Reads a Parquet body.
///
/// # Errors
/// [`ProtocolError`] as MLflow's.
pub(crate) fn read(body: &[u8]) -> Result<Table, ProtocolError> {
    let body = Bytes::copy_from_slice(body);
    // The crate reports damaged files as errors; a panic that is left in it must not take the connection down.
    let table = catch_unwind(AssertUnwindSafe(|| table(body)));
    let table = table.unwrap_or_else(|_| Err("the file is damaged".into()));
    table.map_err(|reason| ProtocolError::unreadable("Parquet", "to_parquet", &reason))
}

fn table(body: Bytes) -> Result<Table, String> {
    let failed = |error: parquet::errors::ParquetError| format!("Could not open Parquet input source: {error}");
    let reader = SerializedFileReader::new(body).map_err(failed)?;
    let metadata = reader.metadata();
    let rows = usize::try_from(metadata.file_metadata().num_rows()).map_err(|_| "negative number of rows")?;
    let described = metadata.file_metadata().schema_descr();
    let width = described.num_columns();
    if rows.checked_mul(width.max(1)).is_none_or(|cells| cells > MAX_CELLS) {
        return Err(format!("more than {MAX_CELLS} cells"));
    }
    let groups: Vec<_> = (0..reader.num_row_groups())
        .map(|group| reader.get_row_group(group))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    let index = index_columns(metadata);
    let mut columns = Vec::with_capacity(width);
    for place in 0..width {
        let descriptor = described.column(place);
        let name = descriptor.path().parts().first().map_or("", String::as_str);
        if index.iter().any(|index| index == name) {
            continue;
        }
        let data = column(&groups, place, &descriptor, rows).map_err(failed)?;
        if data.len() != rows {
            return Err("columns of different lengths".into());
        }
        columns.push(Column { label: Label::Text(name.into()), data });
    }
    Ok(Table { columns, rows })
}

/// Names of the columns that hold pandas' index.
fn index_columns(metadata: &ParquetMetaData) -> Vec<String> {
    let pairs = metadata.file_metadata().key_value_metadata();
    let pandas =
        pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == "pandas")).and_then(|pair| pair.value.as_ref());
    let json = pandas.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let names = json.as_ref().and_then(|json| json["index_columns"].as_array());
    names.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

type Groups<'a> = [Box<dyn RowGroupReader + 'a>];

fn column(
    groups: &Groups<'_>,
    place: usize,
    descriptor: &ColumnDescriptor,
    rows: usize,
) -> Result<Data, parquet::errors::ParquetError> {
    let flat =
        descriptor.max_rep_level() == 0 && descriptor.max_def_level() <= 1 && descriptor.path().parts().len() == 1;
    if !flat {
        return Ok(Data::Opaque("object", rows));
    }
    let kind = (descriptor.physical_type(), descriptor.converted_type());
    let missing = descriptor.max_def_level();
    macro_rules! cells {
        ($variant:ident) => {{
            let mut cells = Vec::with_capacity(rows);
            for group in groups {
                if let ColumnReader::$variant(mut reader) = group.get_column_reader(place)? {
                    read_all(&mut reader, missing, &mut cells)?;
                }
            }
            cells
        }};
    }
    Ok(match kind {
        (Type::BOOLEAN, _) => bools(cells!(BoolColumnReader)),
        (Type::INT32, ConvertedType::NONE | ConvertedType::INT_32 | ConvertedType::INT_16 | ConvertedType::INT_8)
        | (Type::INT32, ConvertedType::UINT_16 | ConvertedType::UINT_8) => {
            let cells = cells!(Int32ColumnReader);
            numbers(&cells, |value| f64::from(*value)).unwrap_or_else(|| Data::Int32(present(cells)))
        }
        (Type::INT64, ConvertedType::NONE | ConvertedType::INT_64) => {
            let cells = cells!(Int64ColumnReader);
            numbers(&cells, |value| *value as f64).unwrap_or_else(|| Data::Int(present(cells)))
        }
        (Type::INT64, ConvertedType::UINT_64) => {
            let cells = cells!(Int64ColumnReader);
            numbers(&cells, |value| (*value).cast_unsigned() as f64)
                .unwrap_or_else(|| Data::Uint(present(cells).into_iter().map(i64::cast_unsigned).collect()))
        }
        (Type::FLOAT, _) => {
            Data::Single(cells!(FloatColumnReader).into_iter().map(|cell| cell.unwrap_or(f32::NAN)).collect())
        }
        (Type::DOUBLE, _) => {
            Data::Float(cells!(DoubleColumnReader).into_iter().map(|cell| cell.unwrap_or(f64::NAN)).collect())
        }
        (Type::BYTE_ARRAY, ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON) => {
            let text = |cell: ByteArray| String::from_utf8_lossy(cell.data()).into_owned().into_boxed_str();
            Data::Text(cells!(ByteArrayColumnReader).into_iter().map(|cell| cell.map(text)).collect())
        }
        (Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY, _) => Data::Opaque("object", rows),
        _ => Data::Opaque("datetime64[ns]", rows),
    })
}

/// All cells of one column of one row group.
fn read_all<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    missing: i16,
    cells: &mut Vec<Option<T::T>>,
) -> Result<(), parquet::errors::ParquetError> {
    /// Cells that are read at once.
    const BATCH: usize = 4096;
    loop {
        let (mut values, mut levels) = (Vec::new(), Vec::new());
        let (records, ..) = reader.read_records(BATCH, Some(&mut levels), None, &mut values)?;
        if records == 0 || cells.len() > MAX_CELLS {
            return Ok(());
        }
        let mut values = values.into_iter();
        if missing == 0 {
            cells.extend(values.map(Some));
        } else {
            cells.extend(levels.into_iter().map(|level| if level == missing { values.next() } else { None }));
        }
    }
}

fn present<T>(cells: Vec<Option<T>>) -> Vec<T> {
    cells.into_iter().flatten().collect()
}

/// Integers with a gap are floats in pandas; `None` when there is no gap.
fn numbers<T>(cells: &[Option<T>], number: impl Fn(&T) -> f64) -> Option<Data> {
    let gap = cells.iter().any(Option::is_none);
    gap.then(|| Data::Float(cells.iter().map(|cell| cell.as_ref().map_or(f64::NAN, &number)).collect()))
}

fn bools(cells: Vec<Option<bool>>) -> Data {
    if cells.iter().all(Option::is_some) {
        return Data::Bool(present(cells));
    }
    Data::Object(cells.into_iter().map(|cell| cell.map_or(Value::Null, Value::Bool)).collect())
}
