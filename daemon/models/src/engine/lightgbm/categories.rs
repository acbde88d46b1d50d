//! `pandas_categorical`: the categories of the data frame that a model was trained on, and the features they belong to.
//!
//! The file lists the categories of each `category` column in the order of the columns, but not which columns these
//! were. They are the features that LightGBM split as categories, or, where ordered categories (which LightGBM splits
//! as numbers) hide that, the columns that the signature calls strings.

use std::sync::Arc;

use serde_json::Value;

use crate::{LoadError, engine::Categories};

/// What the file says.
#[derive(Clone, Debug, Default)]
pub struct PandasCategories {
    /// Categories of each `category` column, in the order of the columns.
    pub lists: Vec<Arc<Categories>>,
    /// Features that LightGBM treats as categories.
    pub features: Vec<usize>,
}

impl PandasCategories {
    /// Reads the JSON after `pandas_categorical:`. `features` are the features that LightGBM treats as categories.
    ///
    /// # Errors
    /// [`LoadError::Invalid`] when it is not a list of lists, [`LoadError::Unsupported`] for categories of mixed kinds.
    pub fn parse(file: &str, json: &str, features: Vec<usize>) -> Result<Self, LoadError> {
        let lists: Option<Vec<Vec<Value>>> = serde_json::from_str(json)
            .map_err(|error| LoadError::invalid(file, format!("pandas_categorical: {error}")))?;
        let lists = lists.unwrap_or_default().into_iter().map(|list| categories(&list).map(Arc::new));
        let lists = lists.collect::<Option<_>>().ok_or_else(|| {
            LoadError::unsupported("a pandas category column whose categories are not all text, numbers or booleans")
        })?;
        Ok(Self { lists, features })
    }

    /// Which feature has which categories. `text_columns` are the places of the signature's string columns.
    ///
    /// # Errors
    /// [`LoadError::Unsupported`] when neither the model nor the signature tells.
    pub fn assign(&self, text_columns: &[usize]) -> Result<Vec<(usize, Arc<Categories>)>, LoadError> {
        if self.lists.is_empty() {
            return Ok(Vec::new());
        }
        let columns = [self.features.as_slice(), text_columns]
            .into_iter()
            .find(|columns| columns.len() == self.lists.len())
            .ok_or_else(|| {
                LoadError::unsupported("a model whose pandas category columns cannot be told from the others")
            })?;
        Ok(columns.iter().copied().zip(self.lists.iter().cloned()).collect())
    }
}

fn categories(list: &[Value]) -> Option<Categories> {
    match list.first() {
        None | Some(Value::String(_)) => {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            Some(Categories::text(list.iter().map(text).collect::<Option<_>>()?))
        }
        Some(Value::Number(_)) => {
            Some(Categories::number(&list.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>()?))
        }
        Some(Value::Bool(_)) => Some(Categories::bool(list.iter().map(Value::as_bool).collect::<Option<_>>()?)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str, features: &[usize]) -> PandasCategories {
        PandasCategories::parse("model.lgb", json, features.to_vec()).unwrap()
    }

    fn columns(assigned: &[(usize, Arc<Categories>)]) -> Vec<usize> {
        assigned.iter().map(|&(column, _)| column).collect()
    }

    #[test]
    fn lists_belong_to_the_categorical_features_or_else_to_the_text_columns() {
        let two = r#"[["a", "b"], [1, 2]]"#;
        assert_eq!(columns(&parsed(two, &[0, 3]).assign(&[]).unwrap()), [0, 3]);
        assert_eq!(columns(&parsed(two, &[3]).assign(&[1, 3]).unwrap()), [1, 3]);
        assert!(parsed(two, &[3]).assign(&[]).unwrap_err().is_unsupported());
    }

    #[test]
    fn a_model_without_lists_has_no_category_columns_even_if_it_splits_on_codes() {
        for json in ["[]", "null"] {
            assert!(parsed(json, &[0, 3]).assign(&[1]).unwrap().is_empty());
        }
    }
}
