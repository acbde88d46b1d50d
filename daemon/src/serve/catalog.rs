//! `GET /models…`: what is served, and why something is not.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
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
        .with_state(app)
}

async fn all(State(app): State<Arc<App>>) -> Json<CatalogInfo> {
    Json(app.registry.catalog().to_info(app.registry.root().display().to_string()))
}

/// Every version of one model, newest first.
async fn one(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    let catalog = app.registry.catalog();
    match catalog.info(Reference::Newest(&name)) {
        Err(error) => error_response(&error),
        Ok(newest) => {
            let models: Vec<ModelInfo> = catalog
                .infos()
                .filter(|info| info.name == name || info.model_id.as_ref() == Some(&name))
                .cloned()
                .collect();
            let mut whole = catalog.to_info(app.registry.root().display().to_string());
            whole.default_model = Some(newest.name.clone());
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
