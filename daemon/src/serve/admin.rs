//! The routes of observers and operators, and the thread that answers them.
//!
//! They have a listener, a thread and a runtime of their own: with the scoring threads saturated, a route that shared
//! them answered in 95 ms, on its own thread in 11.5 µs (profiling.md §0.8), and it is then that people look.

use std::{io, net::TcpListener, sync::Arc, thread::JoinHandle, time::Duration};

use axum::{
    Router,
    extract::{Path, Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use tokio::sync::watch;
use yummy_api::routes;

use super::{App, catalog, exchange::Exchange, mlflow};
use crate::{
    profile::{self, Profiler},
    registry::{Reference, RescanError},
    telemetry,
};

/// Observers may finish what they ask for; a profile that runs on is cut.
const DRAIN: Duration = Duration::from_secs(2);

/// Everything that is not scoring.
pub fn router(app: &Arc<App>, profiler: &Profiler) -> Router {
    let operators = Router::new()
        .route(routes::RESCAN, post(rescan))
        .route(routes::MODEL_RELOAD, post(reload))
        .with_state(Arc::clone(app));
    with_fallbacks(observers(app).merge(profile::routes(profiler.clone())).merge(operators))
}

/// What a listener beyond loopback serves: nothing that changes state or profiles.
pub fn public_router(app: &Arc<App>) -> Router {
    with_fallbacks(observers(app).route("/debug/{*route}", get(only_admin)))
}

fn observers(app: &Arc<App>) -> Router {
    catalog::routes(Arc::clone(app)).merge(telemetry::routes(Arc::clone(&app.telemetry)))
}

fn with_fallbacks(router: Router) -> Router {
    router.fallback(not_found).method_not_allowed_fallback(method_not_allowed)
}

/// A profile names functions and models: whoever can reach a public address need not see them.
async fn only_admin() -> Response {
    let error = "profiles are not served beyond loopback: ask the admin listener, see --admin-listen";
    (StatusCode::FORBIDDEN, axum::Json(serde_json::json!({ "error": error }))).into_response()
}

async fn not_found() -> Response {
    mlflow::not_found().map(axum::body::Body::new)
}

/// MLflow's words; axum adds which methods are allowed.
async fn method_not_allowed() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, axum::Json(serde_json::json!({ "detail": "Method Not Allowed" }))).into_response()
}

async fn rescan(State(app): State<Arc<App>>) -> Response {
    rescanned(app.registry.rescan(None).await, "scanned")
}

async fn reload(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    if let Err(error) = app.registry.catalog().info(Reference::Newest(&name)) {
        return catalog::error_response(&error);
    }
    rescanned(app.registry.rescan(Some(name)).await, "reloaded")
}

fn rescanned(result: Result<(), RescanError>, done: &'static str) -> Response {
    match result {
        Ok(()) => (StatusCode::OK, axum::Json(serde_json::json!({ "result": done }))).into_response(),
        Err(error) => {
            let body = axum::Json(serde_json::json!({ "error": error.to_string() }));
            (StatusCode::SERVICE_UNAVAILABLE, [(axum::http::header::RETRY_AFTER, "1")], body).into_response()
        }
    }
}

/// Starts the thread that makes the live numbers and, when `socket` is given, answers on it.
///
/// # Errors
/// When the system gives no thread or the socket cannot be used.
pub fn start(
    app: &Arc<App>,
    profiler: &Profiler,
    socket: Option<TcpListener>,
    shutdown: watch::Receiver<bool>,
) -> io::Result<JoinHandle<()>> {
    let router = router(app, profiler)
        .route(routes::PING, get(|| async { mlflow::alive().map(axum::body::Body::new) }))
        .route(routes::HEALTH, get(|| async { mlflow::alive().map(axum::body::Body::new) }))
        .route(routes::VERSION, get(|| async { mlflow::version().map(axum::body::Body::new) }))
        .layer(middleware::from_fn(exchange));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _entered = runtime.enter();
        socket.map(tokio::net::TcpListener::from_std).transpose()?
    };
    let telemetry = Arc::clone(&app.telemetry);
    std::thread::Builder::new().name("yummyd-admin".into()).spawn(move || {
        runtime.block_on(async move {
            let ticking = tokio::spawn(telemetry::ticker(telemetry, stopped(shutdown.clone())));
            match listener {
                None => stopped(shutdown).await,
                Some(listener) => answer(listener, router, shutdown).await,
            }
            // It ends with the same signal; a panic in it has been reported.
            let _ = ticking.await;
        });
    })
}

/// Every answer of this listener has the request's id too.
async fn exchange(request: Request, next: Next) -> Response {
    let exchange = Exchange::begin(&request);
    let mut response = next.run(request).await;
    exchange.end(&mut response);
    response
}

/// Answers until the daemon stops; then what is being answered has [`DRAIN`] to end.
async fn answer(listener: tokio::net::TcpListener, router: Router, shutdown: watch::Receiver<bool>) {
    let late = {
        let shutdown = shutdown.clone();
        async {
            stopped(shutdown).await;
            tokio::time::sleep(DRAIN).await;
        }
    };
    tokio::select! {
        result = axum::serve(listener, router).with_graceful_shutdown(stopped(shutdown)) => {
            if let Err(error) = result {
                tracing::error!(%error, "the admin listener failed");
            }
        }
        () = late => {}
    }
}

async fn stopped(mut shutdown: watch::Receiver<bool>) {
    // A sender that is gone means the same as a signal.
    let _ = shutdown.wait_for(|stop| *stop).await;
}
