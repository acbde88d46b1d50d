//! Request bodies become frames, as MLflow's scoring server would read them.
//!
//! [`Plan::new`] decides at load all that can be decided; [`decode`] reads one request. There are two ways through: a
//! fast one (`fast`) that walks the bytes of the usual shapes once, straight into the frame, and a slow one that
//! builds Python's values and pandas' tables of them. The fast one gives up at anything unusual, so that every odd
//! request and every error is the slow one's; both give the same answers, which a property test and a fuzz target hold.
//!
//! No HTTP here: the caller brings the content type and the bytes, bounded by its own limit.

mod array;
mod assemble;
mod bind;
mod body;
mod compose;
mod content_type;
mod csv;
mod enforce;
mod error;
mod fast;
mod inputs;
#[cfg(test)]
mod matrix_test;
mod narrow;
mod params;
mod parquet;
mod plan;
pub(crate) mod python;
mod table;
mod tensor;

use yummy_models::{Frame, Method};

pub use error::{Kind, ProtocolError};
pub use plan::{Library, Plan};

use content_type::Form;

/// How the predictions are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `{"predictions": …}`.
    Wrapped,
    /// The bare list, as MLflow 1.x answers.
    Bare,
}

/// A request that was read; its cells are in the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Number of rows.
    pub rows: usize,
    /// What is asked for.
    pub method: Method,
    /// How it is answered.
    pub style: Style,
    /// Whether the only row is answered without its list (a flat list given to a CatBoost model).
    pub single: bool,
}

impl Request {
    /// What the encoder needs of it.
    #[must_use]
    pub fn answer(&self) -> crate::encode::Answer {
        crate::encode::Answer { method: self.method, style: self.style, single: self.single }
    }
}

/// Reads one request into `frame`.
///
/// # Errors
/// [`ProtocolError`] with MLflow's status and body; `frame` is then of no use.
pub fn decode(
    plan: &Plan,
    content_type: Option<&str>,
    body: &[u8],
    frame: &mut Frame,
) -> Result<Request, ProtocolError> {
    let form = content_type::form(content_type)?;
    let fast = match form {
        Form::Json => fast::read(plan, body, frame),
        Form::Csv => fast::read_csv(plan, body, frame),
        Form::Split | Form::Records | Form::Parquet => None,
    };
    if let Some(request) = fast {
        return Ok(request);
    }
    decode_slowly(plan, form, body, frame)
}

/// Reads one request by the exact path only; the one that [`decode`] must agree with.
///
/// # Errors
/// As [`decode`].
#[doc(hidden)]
pub fn decode_exactly(
    plan: &Plan,
    content_type: Option<&str>,
    body: &[u8],
    frame: &mut Frame,
) -> Result<Request, ProtocolError> {
    decode_slowly(plan, content_type::form(content_type)?, body, frame)
}

/// Whether the fast path reads this CSV, and what it gives.
#[doc(hidden)]
pub fn decode_csv_fast(plan: &Plan, body: &[u8], frame: &mut Frame) -> Option<Request> {
    fast::read_csv(plan, body, frame)
}

/// Whether the fast path reads this JSON, and what it gives.
#[doc(hidden)]
pub fn decode_fast(plan: &Plan, body: &[u8], frame: &mut Frame) -> Option<Request> {
    fast::read(plan, body, frame)
}

fn decode_slowly(plan: &Plan, form: Form, body: &[u8], frame: &mut Frame) -> Result<Request, ProtocolError> {
    let read = match form {
        Form::Json | Form::Split | Form::Records => body::read(form, body, plan)?,
        Form::Csv => body::file(csv::read(body, plan)?, plan)?,
        Form::Parquet => body::file(parquet::read(body)?, plan)?,
    };
    let bound = bind::bind(read.ready, plan, frame)?;
    Ok(Request { rows: bound.rows, method: read.method, style: read.style, single: bound.single })
}
