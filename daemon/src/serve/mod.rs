//! HTTP: the scoring routes on the I/O threads, everything else through axum's router.
//!
//! * `route`: which route a path is; scoring routes are found without a router.
//! * `score`: one scoring request; `asked` reads its headers, `body` its body within its bounds, `work` makes the answer.
//! * [`bounds`]: what every bound is set to and how often it was met.
//! * `mlflow`: the answers of MLflow's scoring server that are no scores (ping, version, 404, 405, 307).
//! * `exchange`: the request's id, and its line in the log.
//! * [`fault`]: why a request is not scored.
//! * [`catalog`]: `GET /models…`.
//! * [`admin`]: what observers and operators call.
//! * [`listen`]: listening and threads; [`connection`]: what is known of one; [`socket`]: how it is read and written.

pub mod admin;
mod asked;
mod body;
pub mod bounds;
pub mod catalog;
pub mod connection;
mod exchange;
pub mod fault;
pub mod listen;
mod mlflow;
mod route;
mod score;
pub mod socket;
mod work;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::Router;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Frame, Incoming, SizeHint};
use tower::ServiceExt as _;

use crate::{
    config::Limits,
    execute::Executor,
    registry::{Registry, Served},
    telemetry::{ModelRow, ModelSource, Telemetry},
};
use bounds::Met;
use connection::Connection;
use exchange::Exchange;
use route::Route;

/// What every request may need.
pub struct App {
    /// What is served.
    pub registry: Arc<Registry>,
    /// Where requests are counted.
    pub telemetry: Arc<Telemetry>,
    /// Where predictions run.
    pub executor: Executor,
    /// Bounds.
    pub limits: Limits,
    /// How often they were met.
    pub met: Met,
}

/// Answers one request that came on that connection, through a listener whose other routes are `router`.
pub async fn handle(
    app: &Arc<App>,
    router: &Router,
    connection: &Connection,
    request: Request<Incoming>,
) -> Response<Body> {
    let exchange = Exchange::begin(&request);
    let mut response = answer(app, router, connection, request).await;
    exchange.end(&mut response);
    response
}

async fn answer(
    app: &Arc<App>,
    router: &Router,
    connection: &Connection,
    request: Request<Incoming>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let route = route::of(&head.method, head.uri.path());
    if !matches!(route, Route::Score(_)) {
        connection.asks_otherwise();
    }
    match route {
        Route::Score(target) => {
            return whole(score::score(app, connection.scores(), &target, &head.headers, body).await);
        }
        Route::Mlflow(answer) => return whole(answer),
        Route::SlashRedirect => return whole(mlflow::redirect(&head)),
        Route::Other => {}
    }
    match router.clone().oneshot(Request::from_parts(head, axum::body::Body::new(body))).await {
        Ok(response) => response.map(Body::Stream),
        Err(never) => match never {},
    }
}

fn whole(response: Response<Full<Bytes>>) -> Response<Body> {
    response.map(Body::Whole)
}

/// A JSON answer.
fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

/// What the live numbers say of the models.
pub struct CatalogView(pub Arc<App>);

impl ModelSource for CatalogView {
    fn models(&self) -> Vec<ModelRow> {
        let catalog = self.0.registry.catalog();
        let memory = |served: &Arc<Served>| served.loaded.model.scorer().summary().memory_bytes as u64;
        catalog
            .versions()
            .map(|(info, served)| ModelRow {
                name: info.name.clone(),
                version: info.version,
                flavor: info.flavor.clone(),
                state: info.state,
                reason: info.reason.clone(),
                newest: info.newest,
                memory_bytes: served.map(memory),
            })
            .collect()
    }

    fn queue_depth(&self) -> u64 {
        self.0.executor.waiting() as u64
    }

    fn bounds(&self) -> Vec<yummy_api::stats::Bound> {
        self.0.met.list(&self.0.limits)
    }
}

/// The body of an answer. Scores, which are most of them, are whole and need no box.
pub enum Body {
    /// All of it.
    Whole(Full<Bytes>),
    /// Of events, of a profile.
    Stream(axum::body::Body),
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Self::Stream(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Stream(body) => body.size_hint(),
        }
    }
}
