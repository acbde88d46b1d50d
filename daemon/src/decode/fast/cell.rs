//! One value of a request becomes one cell of the frame.

use std::sync::Arc;

use yummy_models::{FeatureKind, category_hash, engine::Categories, signature::DataType};

use super::cursor::Cursor;

/// Integers up to here are exact in a double, whatever dtype pandas finds for their column.
pub(super) const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// What a column's values become: its signature type and the engine's kind of cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    /// `double` to a number.
    Double,
    /// `float` to a number.
    Single,
    /// `long` to a number.
    Long,
    /// `integer` to a number.
    Int32,
    /// `boolean` to a number.
    Bool,
    /// `string` to the hash of a category.
    HashedText,
    /// `long` or `integer` to the hash of a category.
    HashedWhole,
    /// `string` to the code of a category.
    ListedText(Arc<Categories>),
    /// `long` or `integer` to the code of a category.
    ListedWhole(Arc<Categories>),
}

impl Target {
    /// What a column is read as; `None` when the exact path must do it.
    pub(super) fn new(kind: &DataType, feature: &FeatureKind) -> Option<Self> {
        match (kind, feature) {
            (DataType::Double, FeatureKind::Number) => Some(Self::Double),
            (DataType::Float, FeatureKind::Number) => Some(Self::Single),
            (DataType::Long, FeatureKind::Number) => Some(Self::Long),
            (DataType::Integer, FeatureKind::Number) => Some(Self::Int32),
            (DataType::Boolean, FeatureKind::Number) => Some(Self::Bool),
            (DataType::String, FeatureKind::HashedCategory) => Some(Self::HashedText),
            (DataType::Long | DataType::Integer, FeatureKind::HashedCategory) => Some(Self::HashedWhole),
            (DataType::String, FeatureKind::ListedCategory(list)) => Some(Self::ListedText(list.clone())),
            (DataType::Long | DataType::Integer, FeatureKind::ListedCategory(list)) => {
                Some(Self::ListedWhole(list.clone()))
            }
            _ => None,
        }
    }

    /// Reads one value.
    #[inline]
    pub(super) fn read(&self, cursor: &mut Cursor<'_>) -> Option<f64> {
        match self {
            Self::Double => double(cursor),
            Self::Single => single(cursor),
            Self::Long => whole(cursor, MAX_EXACT),
            Self::Int32 => whole(cursor, 2_147_483_647.0),
            Self::Bool => boolean(cursor),
            Self::HashedText => cursor.plain_text().map(category_hash),
            Self::HashedWhole => digits(cursor).map(|(_, digits)| category_hash(digits)),
            Self::ListedText(list) => {
                let text = std::str::from_utf8(cursor.plain_text()?).ok()?;
                Some(list.code_of_text(text))
            }
            Self::ListedWhole(list) => digits(cursor).map(|(value, _)| list.code_of_number(value)),
        }
    }
}

/// A value of a `double` column.
#[inline]
pub(super) fn double(cursor: &mut Cursor<'_>) -> Option<f64> {
    match cursor.number() {
        Some((number, _)) => Some(number.value),
        None => word(cursor),
    }
}

/// A value of a `float` column. Integers that a double cannot hold are rounded otherwise by pandas.
#[inline]
pub(super) fn single(cursor: &mut Cursor<'_>) -> Option<f64> {
    match cursor.number() {
        Some((number, _)) if number.whole && number.value.abs() > MAX_EXACT => None,
        Some((number, _)) => Some(f64::from(number.value as f32)),
        None => word(cursor),
    }
}

/// What a number column accepts besides numbers.
#[cold]
fn word(cursor: &mut Cursor<'_>) -> Option<f64> {
    match cursor.peek() {
        b'n' => cursor.word(b"null").map(|()| f64::NAN),
        b'N' => cursor.word(b"NaN").map(|()| f64::NAN),
        b'I' => cursor.word(b"Infinity").map(|()| f64::INFINITY),
        b'-' => cursor.word(b"-Infinity").map(|()| f64::NEG_INFINITY),
        b't' => cursor.word(b"true").map(|()| 1.0),
        b'f' => cursor.word(b"false").map(|()| 0.0),
        _ => None,
    }
}

/// A value of an integer column: fractions are cut off.
fn whole(cursor: &mut Cursor<'_>, limit: f64) -> Option<f64> {
    if matches!(cursor.peek(), b't' | b'f') {
        return word(cursor);
    }
    let (number, _) = cursor.number()?;
    // Adding zero makes a negative zero positive, as an integer is.
    (number.value.abs() <= limit).then(|| number.value.trunc() + 0.0)
}

fn boolean(cursor: &mut Cursor<'_>) -> Option<f64> {
    if matches!(cursor.peek(), b't' | b'f') {
        return word(cursor);
    }
    let (number, _) = cursor.number()?;
    Some(f64::from(number.value != 0.0))
}

/// An integer with its decimal digits.
fn digits<'a>(cursor: &mut Cursor<'a>) -> Option<(f64, &'a [u8])> {
    let (number, digits) = cursor.number()?;
    // An integer of 32 bits wraps around beyond.
    (number.whole && number.value.abs() <= 2_147_483_647.0 && digits != b"-0").then_some((number.value, digits))
}
