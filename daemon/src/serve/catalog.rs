//! `GET /models…`: what is served, and why something is not; and the description of all routes.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::header::CONTENT_TYPE,
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use yummy_api::{
    catalog::{CatalogInfo, ModelInfo, ModelState},
    routes,
};

use super::{App, fault::Fault};
use crate::registry::{Reference, ResolveError};

/// The catalog's routes.
pub fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route(routes::MODELS, get(all))
        .route(routes::MODEL, get(one))
        .route(routes::MODEL_VERSION, get(version))
        .route(routes::MODEL_READY, get(ready))
        .route(routes::OPENAPI, get(openapi))
        .route(routes::DOCS, get(docs))
        .with_state(app)
}

/// The routes as OpenAPI 3.1.
async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], include_str!("openapi.json")).into_response()
}

/// A page for people. It needs nothing from the network, unlike the one that MLflow's framework makes.
async fn docs() -> Html<&'static str> {
    Html(include_str!("docs.html"))
}

async fn all(State(app): State<Arc<App>>) -> Json<CatalogInfo> {
    Json(app.registry.catalog().to_info(app.registry.root().display().to_string()))
}

/// Every version of one model, newest first.
async fn one(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    let catalog = app.registry.catalog();
    match catalog.info(Reference::Newest(&name)) {
        Err(error) => error_response(&error),
        Ok(_) => {
            let models: Vec<ModelInfo> = catalog
                .infos()
                .filter(|info| info.name == name || info.model_id.as_ref() == Some(&name))
                .cloned()
                .collect();
            let whole = catalog.to_info(app.registry.root().display().to_string());
            Json(CatalogInfo { models, ..whole }).into_response()
        }
    }
}

async fn version(State(app): State<Arc<App>>, Path((name, version)): Path<(String, u64)>) -> Response {
    match app.registry.catalog().info(Reference::Version(&name, version)) {
        Ok(info) => Json(info.clone()).into_response(),
        Err(error) => error_response(&error),
    }
}

/// 200 when requests to the bare name are answered, 503 with the reason when not.
async fn ready(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    match app.registry.catalog().resolve(Reference::Newest(&name)) {
        Ok(served) => {
            let body = serde_json::json!({
                "name": served.name, "version": served.version, "state": ModelState::Ready,
            });
            Json(body).into_response()
        }
        Err(error) => error_response(&error),
    }
}

/// A [`ResolveError`] in the shape of MLflow's errors.
pub(super) fn error_response(error: &ResolveError) -> Response {
    Fault::Resolve(error.clone()).response().map(axum::body::Body::new)
}
