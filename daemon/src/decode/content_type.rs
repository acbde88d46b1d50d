//! Which body a `Content-Type` announces.
//!
//! MLflow compares exactly and refuses every parameter but `charset`; the 1.x parameter `format` is accepted here too.

use super::error::ProtocolError;

/// The body's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `application/json`.
    Json,
    /// 1.x: `application/json; format=pandas-split`, the body is the value of `dataframe_split`.
    Split,
    /// 1.x: `application/json; format=pandas-records`, the body is the list of records.
    Records,
    /// `text/csv`.
    Csv,
    /// `application/vnd.apache.parquet`.
    Parquet,
}

const TYPES: &str = "['text/csv', 'application/json', 'application/vnd.apache.parquet']";

/// Reads the header.
///
/// # Errors
/// 415, in MLflow's words.
pub(crate) fn form(header: Option<&str>) -> Result<Form, ProtocolError> {
    let Some(header) = header else {
        return Err(ProtocolError::content_type(format!(
            "This predictor only supports the following content types: Types: {TYPES}. Got none: send the header \
             Content-Type, for example 'application/json'."
        )));
    };
    // The usual header, before anything is split.
    if header == "application/json" {
        return Ok(Form::Json);
    }
    let mut parts = header.split(';').map(str::trim);
    let mime = parts.next().unwrap_or("");
    let mut charset = "utf-8";
    let mut format = None;
    let mut unknown = Vec::new();
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name {
            "charset" => charset = value,
            "format" if mime == "application/json" && matches!(value, "pandas-split" | "pandas-records") => {
                format = Some(value);
            }
            other => unknown.push(other),
        }
    }
    if !charset.eq_ignore_ascii_case("utf-8") {
        return Err(ProtocolError::content_type("The scoring server only supports UTF-8"));
    }
    if !unknown.is_empty() {
        unknown.dedup();
        let names: Vec<String> = unknown.iter().take(8).map(|name| name.chars().take(40).collect()).collect();
        return Err(ProtocolError::content_type_parameters(&names.join(", ")));
    }
    match (mime, format) {
        ("application/json", None) => Ok(Form::Json),
        ("application/json", Some("pandas-split")) => Ok(Form::Split),
        ("application/json", Some(_)) => Ok(Form::Records),
        ("text/csv", _) => Ok(Form::Csv),
        ("application/vnd.apache.parquet", _) => Ok(Form::Parquet),
        _ => {
            let shown: String = header.chars().take(120).collect();
            Err(ProtocolError::content_type(format!(
                "This predictor only supports the following content types: Types: {TYPES}. Got '{shown}'."
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_compared_exactly() {
        for (header, expected) in [
            ("application/json", Form::Json),
            (" application/json ", Form::Json),
            ("application/json; charset=UTF-8", Form::Json),
            ("application/json;charset=utf-8", Form::Json),
            ("text/csv; charset=utf-8", Form::Csv),
            ("application/vnd.apache.parquet", Form::Parquet),
            ("application/json; format=pandas-split", Form::Split),
            ("application/json; format=pandas-records; charset=utf-8", Form::Records),
        ] {
            assert_eq!(form(Some(header)), Ok(expected), "{header}");
        }
    }

    #[test]
    fn everything_else_is_415_with_a_reason() {
        for (header, reason) in [
            (Some("Application/JSON"), "only supports the following content types"),
            (Some("application/json; charset=latin-1"), "only supports UTF-8"),
            (Some("application/json; charset=\"utf-8\""), "only supports UTF-8"),
            (Some("application/json; foo=bar"), "Unrecognized content type parameters: foo. IMPORTANT"),
            (Some("application/json;"), "Unrecognized content type parameters: . IMPORTANT"),
            (Some("application/json; Charset=utf-8"), "parameters: Charset."),
            (Some("text/csv; format=pandas-split"), "parameters: format."),
            (Some(""), "Got ''."),
            (None, "send the header Content-Type"),
        ] {
            let error = form(header).unwrap_err();
            assert_eq!(error.status(), 415);
            assert_eq!(error.content_type_header(), "text/plain; charset=utf-8");
            let body = String::from_utf8(error.body()).unwrap();
            assert!(body.contains(reason), "{header:?}: {body}");
        }
    }
}
