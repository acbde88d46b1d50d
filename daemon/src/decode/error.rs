//! What a request is answered when it cannot be scored: MLflow's status, keys and words, without the payload.
//!
//! MLflow puts the request into its messages (a 20 MB body is answered with 100 MB); here they keep their stable core
//! and have a bounded length.

use crate::encode::push_text;

/// Longest message, in bytes: 500 names of missing columns fit.
const MAX_MESSAGE: usize = 8192;

/// The hint that MLflow gives to callers of the protocol before 2.0.
const PROTOCOL_CHANGE: &str = "IMPORTANT: The MLflow Model scoring protocol has changed in MLflow version 2.0. If you \
    are seeing this error, you are likely using an outdated scoring request format. To resolve the error, either update \
    your request format or adjust your MLflow Model's requirements file to specify an older version of MLflow (for \
    example, change the 'mlflow' requirement specifier to 'mlflow==1.30.0'). If you are making a request using the MLflow \
    client (e.g. via `mlflow.pyfunc.spark_udf()`), upgrade your MLflow client to a version >= 2.0 in order to use the new \
    request format. For more information about the updated MLflow Model scoring protocol in MLflow 2.0, see \
    https://mlflow.org/docs/latest/models.html#deploy-mlflow-models.";

/// What MLflow asks a body to be.
const REQUIRED_FORMAT: &str = "The input must be a JSON dictionary with exactly one of the input fields \
    {'dataframe_records', 'dataframe_split', 'instances', 'inputs'}";

/// Which of MLflow's kinds of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The body is not what its type says: `BAD_REQUEST`.
    BadRequest,
    /// The data does not fit the signature: `SCHEMA_ENFORCEMENT_FAILED`.
    Schema,
    /// `params` does not fit: `INVALID_PARAMETER_VALUE`.
    Params,
    /// The model cannot score the data: `BAD_REQUEST` with a stack trace.
    Model,
    /// The content type: 415, plain text.
    ContentType,
}

/// A request that is answered with an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ProtocolError {
    kind: Kind,
    message: String,
    trace: Option<String>,
}

impl ProtocolError {
    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: bounded(message.into()), trace: None }
    }

    /// `Invalid input. …`.
    pub(crate) fn invalid(message: impl AsRef<str>) -> Self {
        Self::new(Kind::BadRequest, format!("Invalid input. {}", message.as_ref()))
    }

    /// The body is no JSON, or not of the text that it looks like.
    pub(crate) fn not_json(reason: &str) -> Self {
        Self::invalid(format!("Ensure that input is a valid JSON formatted string. Error: '{reason}'"))
    }

    /// JSON, but not an object.
    pub(crate) fn not_an_object(what: &str) -> Self {
        Self::invalid(format!("{REQUIRED_FORMAT}. {what}"))
    }

    /// Not exactly one of the four fields.
    pub(crate) fn not_one_format(fields: &str) -> Self {
        let message = format!("{REQUIRED_FORMAT}. Received dictionary with input fields: {fields}. {PROTOCOL_CHANGE}");
        Self::new(Kind::BadRequest, message)
    }

    /// A column that cannot be cast.
    pub(crate) fn cast(column: &str, dtype: &str, reason: &str) -> Self {
        Self::invalid(format!(
            "Data is not compatible with model signature. Failed to convert column {column} to type '{dtype}'. Error: \
             '{reason}'"
        ))
    }

    /// Data that does not fit the signature.
    pub(crate) fn schema(reason: &str) -> Self {
        let message = format!("Failed to predict data. \nError: Failed to enforce schema of data. Error: {reason}");
        Self::new(Kind::Schema, message)
    }

    /// Parameters that do not fit.
    pub(crate) fn params(reason: &str) -> Self {
        Self::new(Kind::Params, format!("Failed to predict data. \nError: {reason}"))
    }

    /// A file body (CSV, Parquet) that cannot be read.
    pub(crate) fn unreadable(format: &str, method: &str, reason: &str) -> Self {
        let message = format!(
            "Failed to parse input as a Pandas DataFrame. Ensure that the input is a valid {format} Pandas \
             DataFrame produced using the `pandas.DataFrame.{method}()` method. Error: '{reason}'"
        );
        Self::new(Kind::BadRequest, message).traced(reason)
    }

    /// Data that the model itself refuses.
    #[must_use]
    pub fn model(reason: &str) -> Self {
        let message = "Encountered an unexpected error while evaluating the model. Verify that the serialized input \
                       Dataframe is compatible with the model for inference.";
        Self::new(Kind::Model, message).traced(reason)
    }

    /// A content type that is not accepted.
    pub(crate) fn content_type(message: impl Into<String>) -> Self {
        Self::new(Kind::ContentType, message)
    }

    /// Content type parameters that are not accepted.
    pub(crate) fn content_type_parameters(names: &str) -> Self {
        Self::content_type(format!("Unrecognized content type parameters: {names}. {PROTOCOL_CHANGE}"))
    }

    fn traced(mut self, reason: &str) -> Self {
        self.trace = Some(bounded(reason.to_owned()));
        self
    }

    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        if self.kind == Kind::ContentType { 415 } else { 400 }
    }

    /// Value of the `content-type` header.
    #[must_use]
    pub fn content_type_header(&self) -> &'static str {
        // MLflow's framework adds the charset to plain text.
        if self.kind == Kind::ContentType { "text/plain; charset=utf-8" } else { "application/json" }
    }

    /// The response body.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let (code, state, class) = match self.kind {
            Kind::ContentType => return self.message.clone().into_bytes(),
            Kind::BadRequest | Kind::Model => ("BAD_REQUEST", "KAM00", "INVALID_PARAMETER_VALUE"),
            Kind::Params => ("INVALID_PARAMETER_VALUE", "KAM00", "INVALID_PARAMETER_VALUE"),
            Kind::Schema => ("INVALID_PARAMETER_VALUE", "KAM01", "SCHEMA_ENFORCEMENT_FAILED"),
        };
        let mut fields =
            vec![("error_code", code), ("message", &self.message), ("sqlstate", state), ("error_class", class)];
        fields.extend(self.trace.as_deref().map(|trace| ("stack_trace", trace)));
        let mut out = vec![b'{'];
        for (place, (name, value)) in fields.into_iter().enumerate() {
            if place > 0 {
                out.extend_from_slice(b", ");
            }
            push_text(name, &mut out);
            out.extend_from_slice(b": ");
            push_text(value, &mut out);
        }
        out.push(b'}');
        out
    }
}

fn bounded(mut message: String) -> String {
    if message.len() > MAX_MESSAGE {
        let mut end = MAX_MESSAGE;
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        message.push_str("...");
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_mlflows() {
        let body = String::from_utf8(ProtocolError::schema("Model is missing inputs ['pw'].").body()).unwrap();
        assert_eq!(
            body,
            r#"{"error_code": "INVALID_PARAMETER_VALUE", "message": "Failed to predict data. \nError: Failed to enforce schema of data. Error: Model is missing inputs ['pw'].", "sqlstate": "KAM01", "error_class": "SCHEMA_ENFORCEMENT_FAILED"}"#
        );
        let body = String::from_utf8(ProtocolError::model("no").body()).unwrap();
        assert!(body.ends_with(r#""error_class": "INVALID_PARAMETER_VALUE", "stack_trace": "no"}"#));
    }

    #[test]
    fn messages_are_bounded() {
        assert!(ProtocolError::invalid("é".repeat(100_000)).body().len() < 6 * MAX_MESSAGE);
    }
}
