//! What MLflow's scoring server answers beside scores, as recorded from 3.17.2 (fixtures/mlflow/http_pairs.jsonl).

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header, request};
use http_body_util::Full;

use super::json;

/// The MLflow version whose protocol is spoken, as `GET /version` says it.
pub(super) const MLFLOW_VERSION: &str = "3.17.2";

/// The answer of `make` for GET, 405 for everything else (HEAD too: MLflow 3 answers it so).
pub(super) fn get_only(method: &Method, make: fn() -> Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    if method == Method::GET { make() } else { method_not_allowed("GET") }
}

/// Alive: the process can answer, whatever a store or a model does.
pub(super) fn alive() -> Response<Full<Bytes>> {
    json(StatusCode::OK, Bytes::from_static(b"\n"))
}

pub(super) fn version() -> Response<Full<Bytes>> {
    json(StatusCode::OK, Bytes::from_static(MLFLOW_VERSION.as_bytes()))
}

/// 405 with the one method that is allowed.
pub(super) fn method_not_allowed(allow: &'static str) -> Response<Full<Bytes>> {
    let body = Bytes::from_static(br#"{"detail":"Method Not Allowed"}"#);
    let mut response = json(StatusCode::METHOD_NOT_ALLOWED, body);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

pub(super) fn not_found() -> Response<Full<Bytes>> {
    json(StatusCode::NOT_FOUND, Bytes::from_static(br#"{"detail":"Not Found"}"#))
}

/// 307 to the path without its trailing slash, at the host that the client named.
pub(super) fn redirect(request: &request::Parts) -> Response<Full<Bytes>> {
    let path = request.uri.path().trim_end_matches('/');
    let query = request.uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let location = host.map_or_else(|| format!("{path}{query}"), |host| format!("http://{host}{path}{query}"));
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
