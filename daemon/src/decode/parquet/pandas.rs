//! What pandas wrote into the file about the `DataFrame`: its index, its labels, and dtypes that Parquet does not have.

use std::collections::HashMap;

use parquet::file::metadata::ParquetMetaData;
use serde_json::Value;

/// The key `pandas` of a file's metadata; empty when another program wrote the file.
#[derive(Default)]
pub(super) struct Pandas {
    index: Vec<String>,
    dtypes: HashMap<String, Named>,
    /// Start and stop of an index that is a range, and its step.
    range: Option<[i64; 3]>,
    /// Whether the labels of the columns are integers.
    pub(super) numbered: bool,
}

/// A column's dtype in the words of pandas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Named {
    /// What Parquet's own type becomes.
    #[default]
    Plain,
    /// `Int64`, `boolean` and so on, which have a value for what is missing.
    Nullable,
    /// `category`.
    Category,
    /// `timedelta64`, of which Parquet knows no more than that it is an integer.
    Timedelta,
}

impl Pandas {
    /// Reads the metadata.
    pub(super) fn of(metadata: &ParquetMetaData) -> Self {
        let pairs = metadata.file_metadata().key_value_metadata();
        let text = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == "pandas")?.value.as_ref());
        text.and_then(|text| serde_json::from_str(text).ok())
            .map_or_else(Self::default, |json: Value| Self::read(&json))
    }

    fn read(json: &Value) -> Self {
        let list = |key: &str| json[key].as_array().into_iter().flatten();
        let dtype = |column: &Value| Some((column["field_name"].as_str()?.to_owned(), Named::of(column)));
        Self {
            index: list("index_columns").filter_map(|name| name.as_str().map(str::to_owned)).collect(),
            range: list("index_columns").find_map(range),
            dtypes: list("columns").filter_map(dtype).collect(),
            numbered: list("column_indexes").next().is_some_and(|labels| labels["pandas_type"] == "int64"),
        }
    }

    /// Whether 0 is in the range; without a word about an index, there is one from 0.
    pub(super) fn range_has_zero(&self) -> bool {
        match self.range {
            None => self.index.is_empty(),
            Some([start, stop, step]) if step > 0 => start <= 0 && stop > 0 && start % step == 0,
            Some([start, stop, step]) => step != 0 && start >= 0 && stop < 0 && start % step == 0,
        }
    }

    /// Whether the column is part of the index.
    pub(super) fn is_index(&self, name: &str) -> bool {
        self.index.iter().any(|index| index == name)
    }

    /// The dtype of a column.
    pub(super) fn dtype(&self, name: &str) -> Named {
        self.dtypes.get(name).copied().unwrap_or_default()
    }
}

fn range(index: &Value) -> Option<[i64; 3]> {
    let number = |key: &str| index[key].as_i64();
    Some([number("start")?, number("stop")?, number("step")?])
}

impl Named {
    fn of(column: &Value) -> Self {
        let numpy = column["numpy_type"].as_str().unwrap_or_default();
        if column["pandas_type"] == "categorical" {
            Self::Category
        } else if numpy.starts_with("timedelta") {
            Self::Timedelta
        } else if numpy == "boolean" || numpy.starts_with(['I', 'U', 'F']) {
            Self::Nullable
        } else {
            Self::Plain
        }
    }
}
