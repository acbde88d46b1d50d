//! The codes of a pandas `category` column, found from a request's own cells.

use std::collections::HashMap;

/// The categories of one pandas column. A cell's code is its place in the list; a cell that is not in the list has the
/// code NaN, as pandas' `set_categories` makes it. Values of different kinds are never equal: `"1"`, `1` and `true` are
/// three things.
#[derive(Clone, Debug, PartialEq)]
pub struct Categories(Codes);

#[derive(Clone, Debug, PartialEq)]
enum Codes {
    Text(HashMap<String, u32>),
    /// By the bits of the number, zero being positive; integers and floats are one kind, as in Python.
    Number(HashMap<u64, u32>),
    Bool(HashMap<bool, u32>),
}

impl Categories {
    /// Categories that are text.
    #[must_use]
    pub fn text(list: Vec<String>) -> Self {
        Self(Codes::Text(numbered(list)))
    }

    /// Categories that are numbers.
    #[must_use]
    pub fn number(list: &[f64]) -> Self {
        Self(Codes::Number(numbered(list.iter().copied().map(bits))))
    }

    /// Categories that are booleans.
    #[must_use]
    pub fn bool(list: Vec<bool>) -> Self {
        Self(Codes::Bool(numbered(list)))
    }

    /// The code of a text.
    #[must_use]
    pub fn code_of_text(&self, text: &str) -> f64 {
        match &self.0 {
            Codes::Text(codes) => code(codes.get(text)),
            Codes::Number(_) | Codes::Bool(_) => f64::NAN,
        }
    }

    /// The code of a number.
    #[must_use]
    pub fn code_of_number(&self, number: f64) -> f64 {
        match &self.0 {
            Codes::Number(codes) => code(codes.get(&bits(number))),
            Codes::Text(_) | Codes::Bool(_) => f64::NAN,
        }
    }

    /// The code of a boolean.
    #[must_use]
    pub fn code_of_bool(&self, value: bool) -> f64 {
        match &self.0 {
            Codes::Bool(codes) => code(codes.get(&value)),
            Codes::Text(_) | Codes::Number(_) => f64::NAN,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Codes::Text(codes) => codes.len(),
            Codes::Number(codes) => codes.len(),
            Codes::Bool(codes) => codes.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn numbered<T: Eq + std::hash::Hash>(list: impl IntoIterator<Item = T>) -> HashMap<T, u32> {
    list.into_iter().zip(0..).collect()
}

fn bits(number: f64) -> u64 {
    (number + 0.0).to_bits()
}

fn code(found: Option<&u32>) -> f64 {
    found.map_or(f64::NAN, |&code| f64::from(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_gets_its_place_in_the_list_and_an_unseen_one_nan() {
        let cities = Categories::text(vec!["oslo".into(), "zürich".into()]);
        assert_eq!(cities.code_of_text("zürich"), 1.0);
        assert!(cities.code_of_text("Oslo").is_nan());
        let sizes = Categories::number(&[0.0, 1.0, 2.5]);
        assert_eq!(sizes.code_of_number(-0.0), 0.0);
        assert_eq!(sizes.code_of_number(2.5), 2.0);
        assert!(sizes.code_of_number(f64::NAN).is_nan());
        assert_eq!(Categories::bool(vec![false, true]).code_of_bool(true), 1.0);
    }

    #[test]
    fn kinds_do_not_equal_each_other_as_in_pandas() {
        let sizes = Categories::number(&[0.0, 1.0]);
        assert!(sizes.code_of_text("1").is_nan());
        assert!(sizes.code_of_bool(true).is_nan());
        assert!(Categories::bool(vec![false, true]).code_of_number(1.0).is_nan());
    }
}
