//! `GET /stats`, `GET /stats/stream` and `GET /metrics`.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Body,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use yummy_api::routes::{METRICS, STATS, STATS_STREAM};

use super::{Telemetry, prometheus, stream};

/// The type of Prometheus' text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The routes of the live numbers.
pub fn routes(telemetry: Arc<Telemetry>) -> Router {
    Router::new()
        .route(STATS, get(stats))
        .route(STATS_STREAM, get(stats_stream))
        .route(METRICS, get(metrics))
        .with_state(telemetry)
}

#[derive(serde::Deserialize)]
struct Filter {
    /// Only this model's versions, all with their windows.
    model: Option<String>,
}

async fn stats(State(telemetry): State<Arc<Telemetry>>, Query(filter): Query<Filter>) -> Response {
    aside(move || Json(telemetry.frame_of(filter.model.as_deref())).into_response()).await
}

async fn metrics(State(telemetry): State<Arc<Telemetry>>) -> Response {
    aside(move || {
        let headers = [(header::CONTENT_TYPE, PROMETHEUS_TEXT), (header::CACHE_CONTROL, "no-store")];
        (headers, prometheus::render(&telemetry)).into_response()
    })
    .await
}

async fn stats_stream(State(telemetry): State<Arc<Telemetry>>) -> Response {
    let Some(stream) = stream::subscribe(&telemetry) else {
        let error = serde_json::json!({ "error": "too many subscribers of /stats/stream, close one or ask /stats" });
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], Json(error)).into_response();
    };
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(stream)).into_response()
}

/// Runs what may wait for the ticker, or takes milliseconds with many models, off the threads that answer requests.
async fn aside(work: impl FnOnce() -> Response + Send + 'static) -> Response {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        // The panic itself is in the log.
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
}
