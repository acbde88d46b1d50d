//! Values as Python's `json.loads` makes them, and the conversions that `float()`, `int()`, `bool()` and `str()` do.
//!
//! This is the slow, exact path of a request; see [`super::fast`] for the one of the usual shapes.

mod digits;
pub(crate) mod json;
pub(crate) mod number;
pub(crate) mod text;
pub(crate) mod value;

pub(crate) use value::Value;
