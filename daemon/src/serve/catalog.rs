//! `GET /models…`: what is served, and why something is not; and the description of all routes.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};
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
        .route(routes::MODEL_ALIAS, get(alias))
        .route(routes::MODEL_STAGE, get(stage))
        .route(routes::MODEL_READY, get(ready))
        .route(routes::ENDPOINTS, get(endpoints))
        .route(routes::ENDPOINT, get(endpoint))
        .route(routes::OPENAPI, get(openapi))
        .route(routes::DOCS, get(docs))
        .with_state(app)
}

/// What `mlflow.deployments.get_deploy_client(url).list_endpoints()` asks for.
async fn endpoints(State(app): State<Arc<App>>) -> Json<Value> {
    let catalog = app.registry.catalog();
    let listed: Vec<Value> =
        catalog.infos().filter(|info| info.newest && info.version.is_some()).map(as_endpoint).collect();
    Json(json!({ "endpoints": listed, "next_page_token": null }))
}

async fn endpoint(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    match app.registry.catalog().info(Reference::Newest(&name)) {
        Ok(info) => Json(as_endpoint(info)).into_response(),
        Err(error) => error_response(&error),
    }
}

/// A model as the deployments client knows endpoints.
fn as_endpoint(info: &ModelInfo) -> Value {
    json!({
        "name": info.name,
        "endpoint_type": "mlflow/invocations",
        "model": { "name": info.name, "provider": info.flavor.as_deref().unwrap_or("unknown") },
        "endpoint_url": format!("/endpoints/{}/invocations", routes::encode_segment(&info.name)),
        "limit": null,
    })
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
    info(&app, Reference::Version(&name, version))
}

/// The version that answers for an alias.
async fn alias(State(app): State<Arc<App>>, Path((name, alias)): Path<(String, String)>) -> Response {
    info(&app, Reference::Alias(&name, &alias))
}

/// The version that answers for a stage.
async fn stage(State(app): State<Arc<App>>, Path((name, stage)): Path<(String, String)>) -> Response {
    info(&app, Reference::Stage(&name, &stage))
}

fn info(app: &App, reference: Reference<'_>) -> Response {
    match app.registry.catalog().info(reference) {
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
        Err(error @ ResolveError::NotFound(_)) => error_response(&error),
        Err(error) => {
            let mut response = error_response(&error);
            // Whatever the reason is: it is known, and it does not serve.
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
    }
}

/// A [`ResolveError`] in the shape of MLflow's errors.
pub(super) fn error_response(error: &ResolveError) -> Response {
    Fault::Resolve(error.clone()).response().map(axum::body::Body::new)
}
