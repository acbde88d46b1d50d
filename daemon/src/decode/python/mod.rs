//! Values as Python's `json.loads` makes them, and the conversions that `float()`, `int()`, `bool()` and `str()` do.
//!
//! This is the slow, exact path of a request; see [`super::fast`] for the one of the usual shapes.

pub(crate) mod base64;
pub(crate) mod date;
#[cfg(test)]
mod date_test;
mod digits;
pub(crate) mod json;
pub(crate) mod number;
pub(crate) mod text;
pub(crate) mod value;

pub(crate) use value::Value;
