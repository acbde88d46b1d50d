//! `application/vnd.apache.parquet` as pandas reads it: flat columns of numbers, booleans, text, bytes and times.
//!
//! Columns that pandas wrote for its index are left out. Nested columns, durations and decimals become columns of a dtype
//! that no model takes. What pandas wrote about its dtypes (nullable ones, categories) is followed.

mod column;
mod pandas;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use self::pandas::Pandas;
use super::{
    error::ProtocolError,
    table::{Column, Label, Table, build::one_zero},
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
    let pandas = Pandas::of(metadata);
    let mut zero_is_a_label = pandas.range_has_zero();
    let mut columns = Vec::with_capacity(width);
    for place in 0..width {
        let descriptor = described.column(place);
        let name = descriptor.path().parts().first().map_or("", String::as_str);
        // Of an index, it only matters whether one row is labelled 0.
        let is_index = pandas.is_index(name);
        let data = column::read(&groups, place, &descriptor, pandas.dtype(name), rows).map_err(failed)?;
        if data.len() != rows {
            return Err("columns of different lengths".into());
        }
        if is_index {
            zero_is_a_label = one_zero(data.into_values().iter());
            continue;
        }
        let number = pandas.numbered.then(|| name.parse().ok()).flatten();
        columns.push(Column { label: number.map_or_else(|| Label::Text(name.into()), Label::Int), data });
    }
    Ok(Table { zero_is_a_label, ..Table::new(columns, rows) })
}
