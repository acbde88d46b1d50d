//! One scoring request: resolve, read the body, decode, predict, encode, record.

use std::{
    cell::RefCell,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use yummy_api::routes::{HEADER_LOAD, HEADER_MODEL, HEADER_TIMING};
use yummy_models::Frame;

use super::{App, exchange::Failure, fault::Fault, route::Target};
use crate::{
    decode::{self, ProtocolError},
    execute::INLINE_LIMIT,
    registry::{Catalog, ResolveError, Served},
    telemetry::{InFlight, Observation, StageTimes},
};

/// Decoding runs at 300 to 700 MB/s, so that a body of this size takes about 100 µs: larger ones are decoded on the
/// compute pool.
const INLINE_BODY_BYTES: usize = 32 << 10;
/// Scratch space that grew past this for one large request is given back after it.
const MAX_KEPT_CELLS: usize = 1 << 16;

/// What a request asks for beside its body.
#[derive(Clone)]
struct Asked {
    content_type: Option<HeaderValue>,
    timing: bool,
    load: bool,
}

impl Asked {
    fn of(headers: &HeaderMap) -> Self {
        Self {
            content_type: headers.get(header::CONTENT_TYPE).cloned(),
            timing: headers.contains_key(HEADER_TIMING),
            load: headers.contains_key(HEADER_LOAD),
        }
    }
}

/// A request that was scored.
struct Scored {
    body: Bytes,
    rows: usize,
    stages: StageTimes,
}

/// Answers one scoring request.
pub(super) async fn score(
    app: &Arc<App>,
    target: &Target<'_>,
    headers: &HeaderMap,
    body: Incoming,
) -> Response<Full<Bytes>> {
    let begin = Instant::now();
    let asked = Asked::of(headers);
    // The guard of the catalog must not live across an await: it is dropped with this statement.
    let resolved = resolve(&app.registry.catalog(), target);
    let served = match resolved {
        Ok(served) => served,
        Err(error) => {
            let in_flight = InFlight::new(app.telemetry.unrouted());
            let (response, seen) = refuse(&error.into(), &asked, begin, 0);
            in_flight.finish(&seen);
            return response;
        }
    };
    let in_flight = InFlight::new(Arc::clone(&served.recorder));
    let mut in_bytes = 0;
    let result = match read(app, body).await {
        Ok(body) => {
            in_bytes = body.len();
            answer(app, &served, body, &asked, begin).await
        }
        Err(fault) => Err(fault),
    };
    let (mut response, seen) = match result {
        Ok(scored) => accept(scored, &asked, begin, in_bytes),
        Err(fault) => refuse(&fault, &asked, begin, in_bytes),
    };
    response.headers_mut().insert(HEADER_MODEL, served.label.clone());
    in_flight.finish(&seen);
    response
}

fn resolve(catalog: &Catalog, target: &Target<'_>) -> Result<Arc<Served>, ResolveError> {
    match target.reference() {
        None => catalog.default_model(),
        Some(reference) => catalog.resolve(reference),
    }
    .cloned()
}

/// Reads the whole body, within its bounds of size and time. A body that comes in one piece is not copied.
async fn read(app: &App, body: Incoming) -> Result<Bytes, Fault> {
    let limit = app.limits.body_bytes;
    if body.size_hint().lower() > limit as u64 {
        return Err(Fault::BodyTooLarge(limit));
    }
    tokio::time::timeout(app.limits.body_timeout, collect(body, limit)).await.unwrap_or(Err(Fault::BodyTimeout))
}

async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, Fault> {
    let mut first = Bytes::new();
    let mut rest = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Fault::BodyBroken)?.into_data() else { continue };
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            rest.extend_from_slice(&first);
        }
        if rest.len() + data.len() > limit {
            return Err(Fault::BodyTooLarge(limit));
        }
        rest.extend_from_slice(&data);
    }
    Ok(if rest.is_empty() { first } else { rest.into() })
}

/// Decodes, predicts and encodes: here when that is quick, on the pool when not.
async fn answer(app: &App, served: &Arc<Served>, body: Bytes, asked: &Asked, begin: Instant) -> Result<Scored, Fault> {
    let max_rows = app.limits.rows;
    if body.len() <= INLINE_BODY_BYTES
        && let Some(scored) = work(served, &body, asked, max_rows, Some(INLINE_LIMIT))?
    {
        return Ok(scored);
    }
    // A small body may have more rows than are quick: it is decoded once more on the pool, which costs less than
    // moving the frame would.
    let left = app.limits.request_timeout.checked_sub(begin.elapsed()).ok_or(Fault::Timeout)?;
    let job = {
        let (served, asked) = (Arc::clone(served), asked.clone());
        move || work(&served, &body, &asked, max_rows, None)
    };
    let (result, waited) = tokio::time::timeout(left, app.pool.run(job)).await.map_err(|_| Fault::Timeout)??;
    let mut scored = result?.ok_or(Fault::Internal)?;
    scored.stages.queue = waited;
    Ok(scored)
}

#[derive(Default)]
struct Scratch {
    frame: Frame,
    values: Vec<f64>,
}

thread_local! {
    /// Reused from request to request, so that an ordinary one allocates its answer and nothing else.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Body to answer on this thread; `None` when predicting would take longer than `limit`.
fn work(
    served: &Served,
    body: &[u8],
    asked: &Asked,
    max_rows: usize,
    limit: Option<Duration>,
) -> Result<Option<Scored>, Fault> {
    SCRATCH.with_borrow_mut(|scratch| {
        let scored = work_with(scratch, served, body, asked, max_rows, limit);
        if scratch.frame.cells().len() > MAX_KEPT_CELLS || scratch.values.len() > MAX_KEPT_CELLS {
            *scratch = Scratch::default();
        }
        scored
    })
}

fn work_with(
    Scratch { frame, values }: &mut Scratch,
    served: &Served,
    body: &[u8],
    asked: &Asked,
    max_rows: usize,
    limit: Option<Duration>,
) -> Result<Option<Scored>, Fault> {
    let loaded = &*served.loaded;
    let begin = Instant::now();
    // A header that is no text is no content type that is known either.
    let content_type = asked.content_type.as_ref().map(|value| value.to_str().unwrap_or("\u{fffd}"));
    let request = decode::decode(&loaded.plan, content_type, body, frame)?;
    let rows = request.rows;
    if rows > max_rows {
        return Err(Fault::TooManyRows { rows, limit: max_rows });
    }
    if limit.is_some_and(|limit| rows as f64 * loaded.ns_per_row > limit.as_nanos() as f64) {
        return Ok(None);
    }
    let decoded = Instant::now();
    loaded
        .model
        .scorer()
        .score(request.method, frame, values)
        .map_err(|error| ProtocolError::model(&error.to_string()))?;
    let predicted = Instant::now();
    let mut out = Vec::new();
    loaded.encoder.encode(request.answer(), values, rows, &mut out);
    let stages = StageTimes {
        decode: decoded - begin,
        queue: Duration::ZERO,
        predict: predicted - decoded,
        encode: predicted.elapsed(),
    };
    Ok(Some(Scored { body: out.into(), rows, stages }))
}

fn accept(scored: Scored, asked: &Asked, begin: Instant, in_bytes: usize) -> (Response<Full<Bytes>>, Observation) {
    let seen = Observation {
        status: 200,
        load: asked.load,
        rows: scored.rows as u64,
        in_bytes: in_bytes as u64,
        out_bytes: scored.body.len() as u64,
        total: begin.elapsed(),
        stages: Some(scored.stages),
    };
    let mut response = Response::new(Full::new(scored.body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if asked.timing
        && let Ok(timing) = HeaderValue::from_str(&scored.stages.server_timing())
    {
        response.headers_mut().insert("server-timing", timing);
    }
    (response, seen)
}

fn refuse(fault: &Fault, asked: &Asked, begin: Instant, in_bytes: usize) -> (Response<Full<Bytes>>, Observation) {
    let mut response = fault.response();
    if response.status().is_server_error() {
        response.extensions_mut().insert(Failure(fault.to_string()));
    }
    let seen = Observation {
        status: response.status().as_u16(),
        load: asked.load,
        in_bytes: in_bytes as u64,
        out_bytes: response.body().size_hint().lower(),
        total: begin.elapsed(),
        ..Observation::default()
    };
    (response, seen)
}
