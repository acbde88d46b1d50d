//! One flat column of a Parquet file becomes values of the dtype that pandas gives it.

use parquet::{
    basic::{ConvertedType, LogicalType, TimeUnit, Type},
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{ByteArray, DataType},
    errors::ParquetError,
    file::reader::RowGroupReader,
    schema::types::ColumnDescriptor,
};

use super::{MAX_CELLS, pandas::Named};
use crate::decode::{
    python::{Value, date::NAT},
    table::{Clock, Data, Dtype, unsigned},
};

pub(super) type Groups<'a> = [Box<dyn RowGroupReader + 'a>];

/// Reads the column at `place`.
///
/// # Errors
/// What the crate says of a damaged file.
pub(super) fn read(
    groups: &Groups<'_>,
    place: usize,
    descriptor: &ColumnDescriptor,
    named: Named,
    rows: usize,
) -> Result<Data, ParquetError> {
    let flat =
        descriptor.max_rep_level() == 0 && descriptor.max_def_level() <= 1 && descriptor.path().parts().len() == 1;
    if !flat {
        return Ok(Data::Opaque("object", rows));
    }
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
    let logical = descriptor.logical_type_ref();
    if matches!(logical, Some(LogicalType::Unknown)) {
        return Ok(Data::Object(vec![Value::Null; rows]));
    }
    let float16 = matches!(logical, Some(LogicalType::Float16));
    Ok(match (descriptor.physical_type(), descriptor.converted_type()) {
        (Type::BOOLEAN, _) => bools(cells!(BoolColumnReader), named),
        (Type::INT32, ConvertedType::UINT_32) => {
            let dtype = [Dtype { name: "uint32", kind: 'u', size: 4 }, Dtype { name: "UInt32", kind: 'u', size: 4 }];
            integers(&cells!(Int32ColumnReader), dtype, named, |cell| i64::from(cell.cast_unsigned()))
        }
        (Type::INT32, ConvertedType::NONE | ConvertedType::INT_32) if named != Named::Nullable => {
            let cells = cells!(Int32ColumnReader);
            numbers(&cells, |value| f64::from(*value)).unwrap_or_else(|| Data::Int32(present(cells)))
        }
        (Type::INT32, converted) => match small(converted) {
            Some(dtype) => integers(&cells!(Int32ColumnReader), dtype, named, i64::from),
            None => Data::Opaque("object", rows),
        },
        (Type::INT64, _) if let Some((unit, clock)) = timestamp(logical, descriptor.converted_type(), named) => {
            let time = |cell: Option<i64>| cell.map_or(NAT, |cell| cell.saturating_mul(unit));
            Data::Time(cells!(Int64ColumnReader).into_iter().map(time).collect(), clock)
        }
        (Type::INT64, ConvertedType::NONE | ConvertedType::INT_64) if is_time(logical) || named == Named::Timedelta => {
            Data::Opaque("timedelta64[ns]", rows)
        }
        (Type::INT64, ConvertedType::NONE | ConvertedType::INT_64) if named == Named::Nullable => {
            let dtype = Dtype { name: "Int64", kind: 'i', size: 8 };
            integers(&cells!(Int64ColumnReader), [dtype; 2], named, |cell| cell)
        }
        (Type::INT64, ConvertedType::NONE | ConvertedType::INT_64) => {
            let cells = cells!(Int64ColumnReader);
            numbers(&cells, |value| *value as f64).unwrap_or_else(|| Data::Int(present(cells)))
        }
        (Type::INT64, ConvertedType::UINT_64) => {
            let cells: Vec<Option<u64>> =
                cells!(Int64ColumnReader).into_iter().map(|cell| cell.map(i64::cast_unsigned)).collect();
            match named {
                Named::Nullable => {
                    let value = |cell: Option<u64>| cell.map_or(Value::Null, unsigned);
                    let dtype = Dtype { name: "UInt64", kind: 'u', size: 8 };
                    Data::Other(dtype, cells.into_iter().map(value).collect())
                }
                _ => numbers(&cells, |value| *value as f64).unwrap_or_else(|| Data::Uint(present(cells))),
            }
        }
        (Type::FLOAT, _) if named == Named::Nullable => {
            let dtype = Dtype { name: "Float32", kind: 'f', size: 4 };
            floats(&cells!(FloatColumnReader), dtype, |cell| f64::from(*cell))
        }
        (Type::FLOAT, _) => {
            Data::Single(cells!(FloatColumnReader).into_iter().map(|cell| cell.unwrap_or(f32::NAN)).collect())
        }
        (Type::DOUBLE, _) if named == Named::Nullable => {
            floats(&cells!(DoubleColumnReader), Dtype { name: "Float64", kind: 'f', size: 8 }, |cell| *cell)
        }
        (Type::DOUBLE, _) => {
            Data::Float(cells!(DoubleColumnReader).into_iter().map(|cell| cell.unwrap_or(f64::NAN)).collect())
        }
        (Type::BYTE_ARRAY, ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON) => {
            texts(&cells!(ByteArrayColumnReader), named)
        }
        (Type::FIXED_LEN_BYTE_ARRAY, _) if float16 => {
            let dtype = Dtype { name: "float16", kind: 'f', size: 2 };
            let cells = cells!(FixedLenByteArrayColumnReader);
            let value =
                |cell: &Option<parquet::data_type::FixedLenByteArray>| match cell.as_ref().map(|cell| cell.data()) {
                    Some(&[low, high]) => Value::Float(half(u16::from_le_bytes([low, high]))),
                    _ => Value::Float(f64::NAN),
                };
            Data::Other(dtype, cells.iter().map(value).collect())
        }
        (Type::BYTE_ARRAY, ConvertedType::NONE) => bytes(&cells!(ByteArrayColumnReader)),
        // Decimals, dates and times of a day are objects of Python.
        (Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY, _) => Data::Opaque("object", rows),
        _ => Data::Opaque("object", rows),
    })
}

/// The dtypes of an integer of at most 32 bits, without and with a value for what is missing.
fn small(converted: ConvertedType) -> Option<[Dtype; 2]> {
    let (plain, nullable, kind, size) = match converted {
        ConvertedType::NONE | ConvertedType::INT_32 => ("int32", "Int32", 'i', 4),
        ConvertedType::INT_16 => ("int16", "Int16", 'i', 2),
        ConvertedType::INT_8 => ("int8", "Int8", 'i', 1),
        ConvertedType::UINT_16 => ("uint16", "UInt16", 'u', 2),
        ConvertedType::UINT_8 => ("uint8", "UInt8", 'u', 1),
        _ => return None,
    };
    Some([plain, nullable].map(|name| Dtype { name, kind, size }))
}

fn is_time(logical: Option<&LogicalType>) -> bool {
    matches!(logical, Some(LogicalType::Timestamp { .. } | LogicalType::Time { .. }))
}

/// Nanoseconds of the unit of a timestamp, and what pandas makes of it.
fn timestamp(logical: Option<&LogicalType>, converted: ConvertedType, named: Named) -> Option<(i64, Clock)> {
    let (unit, zoned) = match logical {
        Some(LogicalType::Timestamp(kind)) => (Some(kind.unit), kind.is_adjusted_to_u_t_c),
        _ => (None, false),
    };
    let nanos = match (unit, converted) {
        (Some(TimeUnit::MILLIS), _) | (None, ConvertedType::TIMESTAMP_MILLIS) => 1_000_000,
        (Some(TimeUnit::MICROS), _) | (None, ConvertedType::TIMESTAMP_MICROS) => 1_000,
        (Some(TimeUnit::NANOS), _) => 1,
        _ => return None,
    };
    let clock = match (zoned, nanos) {
        (true, _) if named != Named::Plain || unit.is_some() => Clock::Zoned,
        (_, 1) => Clock::Nanoseconds,
        _ => Clock::Coarse,
    };
    Some((nanos, clock))
}

/// All cells of one column of one row group.
fn read_all<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    missing: i16,
    cells: &mut Vec<Option<T::T>>,
) -> Result<(), ParquetError> {
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

/// Integers of a dtype of their own.
fn integers<T: Copy>(
    cells: &[Option<T>],
    [plain, nullable]: [Dtype; 2],
    named: Named,
    number: impl Fn(T) -> i64,
) -> Data {
    let values = || cells.iter().map(|cell| cell.map_or(Value::Null, |cell| Value::Int(number(cell)))).collect();
    if named == Named::Nullable {
        return Data::Other(nullable, values());
    }
    numbers(cells, |cell| number(*cell) as f64).unwrap_or_else(|| Data::Other(plain, values()))
}

/// Floats with a value for what is missing.
fn floats<T>(cells: &[Option<T>], dtype: Dtype, number: impl Fn(&T) -> f64) -> Data {
    let value = |cell: &Option<T>| cell.as_ref().map_or(Value::Null, |cell| Value::Float(number(cell)));
    Data::Other(dtype, cells.iter().map(value).collect())
}

fn bools(cells: Vec<Option<bool>>, named: Named) -> Data {
    let whole = cells.iter().all(Option::is_some);
    if whole && named != Named::Nullable {
        return Data::Bool(present(cells));
    }
    let values = cells.into_iter().map(|cell| cell.map_or(Value::Null, Value::Bool)).collect();
    if named == Named::Nullable {
        return Data::Other(Dtype { name: "boolean", kind: 'b', size: 1 }, values);
    }
    Data::Object(values)
}

fn texts(cells: &[Option<ByteArray>], named: Named) -> Data {
    let text = |cell: &ByteArray| String::from_utf8_lossy(cell.data()).into_owned().into_boxed_str();
    if named == Named::Category {
        let value =
            |cell: &Option<ByteArray>| cell.as_ref().map_or(Value::Float(f64::NAN), |cell| Value::Text(text(cell)));
        return Data::Other(Dtype { name: "category", kind: 'O', size: 8 }, cells.iter().map(value).collect());
    }
    Data::Text(cells.iter().map(|cell| cell.as_ref().map(text)).collect())
}

fn bytes(cells: &[Option<ByteArray>]) -> Data {
    let value = |cell: &Option<ByteArray>| cell.as_ref().map_or(Value::Null, |cell| Value::Bytes(cell.data().into()));
    Data::Object(cells.iter().map(value).collect())
}

/// The number that 16 bits stand for.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1F), f64::from(bits & 0x3FF));
    let size = match exponent {
        0 => fraction * 2_f64.powi(-24),
        0x1F if fraction == 0.0 => f64::INFINITY,
        0x1F => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::half;

    #[test]
    fn sixteen_bits_are_a_number() {
        for (bits, value) in
            [(0x3C00, 1.0), (0xC000, -2.0), (0x3555, 0.333_251_953_125), (1, 5.960_464_477_539_063e-8), (0, 0.0)]
        {
            assert_eq!(half(bits), value);
        }
        assert_eq!(half(0x7C00), f64::INFINITY);
        assert!(half(0x7E00).is_nan());
    }
}
