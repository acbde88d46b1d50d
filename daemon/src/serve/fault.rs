//! Why a request is not scored: everything that can go wrong around the protocol itself, each with its status, in the
//! shape of MLflow's errors. Of constant size, and never with a byte of the payload.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use yummy_api::{catalog::ModelState, routes::HEADER_TIMEOUT};

use super::bounds::Bound;
use crate::{decode::ProtocolError, execute::ExecuteError, registry::ResolveError};

/// A client that may try again is asked to wait this long, seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// What went wrong with one request.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The body is not a request that the model accepts.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The reference names nothing that serves.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// As many predictions wait as may.
    #[error("too many predictions are waiting; try again in a second")]
    QueueFull,
    /// As many requests of the model are being answered as may.
    #[error("too many requests of this model are being answered; try again in a second")]
    TooManyInFlight,
    /// The header that says how long a request may take cannot be read.
    #[error("{HEADER_TIMEOUT} must be a whole number of milliseconds, e.g. {HEADER_TIMEOUT}: 500")]
    BadTimeout,
    /// The body is larger than it may be.
    #[error("the request body has more than {0} bytes; send fewer rows at once, or raise --max-body-bytes")]
    BodyTooLarge(usize),
    /// There are more rows than there may be.
    #[error("the request has {rows} rows, more than {limit}; send fewer at once, or raise --max-rows")]
    TooManyRows {
        /// Rows of the request.
        rows: usize,
        /// The bound.
        limit: usize,
    },
    /// The client did not send the body in time.
    #[error("the request body did not arrive in time")]
    BodyTimeout,
    /// The body ended early, or is no HTTP.
    #[error("the request body ended early")]
    BodyBroken,
    /// The answer took too long. MLflow's own words.
    #[error("Request processing time exceeded limit")]
    Timeout,
    /// The answer took longer than the request itself allowed.
    #[error("the request took longer than its {HEADER_TIMEOUT} allows")]
    DeadlinePassed,
    /// A bug: the log has more.
    #[error("the model stopped working on this request; see the log of yummyd")]
    Internal,
}

impl From<ExecuteError> for Fault {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Busy => Self::QueueFull,
            ExecuteError::Late => Self::Timeout,
            ExecuteError::Panicked => Self::Internal,
        }
    }
}

impl Fault {
    /// HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Protocol(error) => StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST),
            Self::Resolve(ResolveError::NotFound(_)) => StatusCode::NOT_FOUND,
            // Left out by the configuration: trying again does not help.
            Self::Resolve(ResolveError::NotReady { state: ModelState::Retired, .. }) => StatusCode::NOT_FOUND,
            Self::Resolve(ResolveError::NotReady { .. } | ResolveError::Asleep { .. }) | Self::QueueFull => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::TooManyInFlight => StatusCode::TOO_MANY_REQUESTS,
            Self::Resolve(ResolveError::Ambiguous(_)) | Self::BodyBroken | Self::BadTimeout => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge(_) | Self::TooManyRows { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Timeout | Self::DeadlinePassed => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether the same request may succeed a moment later.
    fn is_passing(&self) -> bool {
        matches!(self.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
    }

    /// The bound that the request met.
    pub(super) fn bound(&self) -> Option<Bound> {
        match self {
            Self::BodyTooLarge(_) => Some(Bound::BodyBytes),
            Self::TooManyRows { .. } => Some(Bound::Rows),
            Self::QueueFull => Some(Bound::Queue),
            Self::TooManyInFlight => Some(Bound::InFlightWait),
            Self::Timeout | Self::DeadlinePassed => Some(Bound::RequestTimeout),
            Self::BodyTimeout => Some(Bound::BodyTimeout),
            _ => None,
        }
    }

    /// `error_code`, `sqlstate` and `error_class` as MLflow pairs them.
    fn codes(&self) -> [&'static str; 3] {
        match self.status() {
            StatusCode::NOT_FOUND => ["RESOURCE_DOES_NOT_EXIST", "KAM00", "RESOURCE_NOT_FOUND"],
            StatusCode::TOO_MANY_REQUESTS => ["REQUEST_LIMIT_EXCEEDED", "KAMC3", "CP_REQUEST_RATE_LIMITED"],
            StatusCode::SERVICE_UNAVAILABLE => ["TEMPORARILY_UNAVAILABLE", "KAM00", "TEMPORARILY_UNAVAILABLE"],
            StatusCode::GATEWAY_TIMEOUT => ["DEADLINE_EXCEEDED", "XXMC1", "CP_TEMPORARILY_UNAVAILABLE"],
            StatusCode::INTERNAL_SERVER_ERROR => ["INTERNAL_ERROR", "XXKAM", "INTERNAL_ERROR"],
            _ => ["BAD_REQUEST", "KAM00", "INVALID_PARAMETER_VALUE"],
        }
    }

    /// Content type and body.
    #[must_use]
    pub fn content(&self) -> (HeaderValue, Bytes) {
        let json = HeaderValue::from_static("application/json");
        match self {
            Self::Protocol(error) => (HeaderValue::from_static(error.content_type_header()), error.body().into()),
            // MLflow types this one as JSON, which it is not.
            Self::Timeout => (json, self.to_string().into()),
            _ => {
                let [code, state, class] = self.codes();
                let message = serde_json::Value::from(self.to_string());
                let body = format!(
                    r#"{{"error_code": "{code}", "message": {message}, "sqlstate": "{state}", "error_class": "{class}"}}"#
                );
                (json, body.into())
            }
        }
    }

    /// The whole response.
    #[must_use]
    pub fn response(&self) -> Response<Full<Bytes>> {
        let (content_type, body) = self.content();
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = self.status();
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        if self.is_passing() {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_has_the_keys_of_mlflows_errors() {
        let fault = Fault::Resolve(ResolveError::NotFound("no model \"x\"".into()));
        let (_, body) = fault.content();
        assert_eq!(
            body,
            r#"{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no model \"x\"", "sqlstate": "KAM00", "error_class": "RESOURCE_NOT_FOUND"}"#
        );
        assert_eq!(fault.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn what_passes_says_when_to_come_back() {
        for (fault, status) in [(Fault::QueueFull, 503), (Fault::TooManyInFlight, 429)] {
            let response = fault.response();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        }
    }
}
