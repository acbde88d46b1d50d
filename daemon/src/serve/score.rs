//! One scoring request: resolve, read the body, decode, predict, encode, record.

use std::{
    cell::RefCell,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use yummy_api::routes::{HEADER_LOAD, HEADER_MODEL, HEADER_TIMING};
use yummy_models::Frame;

use super::{App, route::Target};
use crate::{
    decode::{self, ProtocolError},
    execute::INLINE_LIMIT,
    registry::{Catalog, ResolveError, Served},
    telemetry::{InFlight, Observation, Recorder, StageTimes},
};

/// Decoding runs at 300 to 700 MB/s, so that a body of this size takes about 100 µs: larger ones are decoded on the
/// compute pool.
const INLINE_BODY_BYTES: usize = 32 << 10;
/// A client that is told to come back later is asked to wait this long.
const RETRY_AFTER_SECONDS: &str = "1";
/// Scratch space that grew past this for one large request is given back after it.
const MAX_KEPT_CELLS: usize = 1 << 16;

/// What a request asks for beside its body.
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

/// An answer on its way out.
struct Answer {
    status: StatusCode,
    content_type: HeaderValue,
    body: Bytes,
    rows: usize,
    stages: Option<StageTimes>,
    retry: bool,
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Answers one scoring request.
pub(super) async fn score(app: &Arc<App>, target: &Target<'_>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let begin = Instant::now();
    let asked = Asked::of(request.headers());
    let resolved = resolve(&app.registry.catalog(), target);
    let served = match resolved {
        Ok(served) => served,
        Err(error) => {
            let in_flight = InFlight::new(Arc::clone(app.telemetry.unrouted()));
            return finish(in_flight, refusal(&error), &asked, None, begin, 0);
        }
    };
    let in_flight = InFlight::new(Arc::clone(&served.recorder));
    let (answer, in_bytes) = match read(app, request.into_body()).await {
        Ok(body) => {
            let in_bytes = body.len();
            (answer(app, &served, body, &asked, begin).await, in_bytes)
        }
        Err(error) => (failed(&error), 0),
    };
    finish(in_flight, answer, &asked, Some(&served), begin, in_bytes)
}

fn resolve(catalog: &Catalog, target: &Target<'_>) -> Result<Arc<Served>, ResolveError> {
    match target.reference() {
        None => catalog.default_model(),
        Some(reference) => catalog.resolve(reference),
    }
    .cloned()
}

/// Reads the whole body, within its bounds of size and time. A body that comes in one piece is not copied.
async fn read(app: &App, body: Incoming) -> Result<Bytes, ProtocolError> {
    let limit = app.limits.body_bytes;
    if body.size_hint().lower() > limit as u64 {
        return Err(ProtocolError::body_too_large(limit));
    }
    let collect = collect(body, limit);
    tokio::time::timeout(app.limits.body_timeout, collect).await.unwrap_or_else(|_| Err(ProtocolError::body_timeout()))
}

async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, ProtocolError> {
    let mut first = Bytes::new();
    let mut rest = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ProtocolError::body_broken())?;
        let Ok(data) = frame.into_data() else { continue };
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            rest.extend_from_slice(&first);
        }
        if rest.len() + data.len() > limit {
            return Err(ProtocolError::body_too_large(limit));
        }
        rest.extend_from_slice(&data);
    }
    Ok(if rest.is_empty() { first } else { rest.into() })
}

/// Decodes, predicts and encodes: here when that is quick, on the pool when not.
async fn answer(app: &App, served: &Arc<Served>, body: Bytes, asked: &Asked, begin: Instant) -> Answer {
    if body.len() <= INLINE_BODY_BYTES {
        match work(served, &body, asked, app.limits.rows, Some(INLINE_LIMIT)) {
            Some(answer) => return answer,
            // More rows than are quick: once more, on the pool. Decoding so small a body twice costs less than moving
            // the frame would.
            None => {}
        }
    }
    let Some(left) = app.limits.request_timeout.checked_sub(begin.elapsed()) else {
        return failed(&ProtocolError::request_timeout());
    };
    let job = {
        let served = Arc::clone(served);
        let asked = Asked { content_type: asked.content_type.clone(), ..*asked };
        let rows = app.limits.rows;
        move || work(&served, &body, &asked, rows, None)
    };
    match tokio::time::timeout(left, app.pool.run(job)).await {
        Err(_) => failed(&ProtocolError::request_timeout()),
        Ok(Err(busy)) => Answer { retry: true, ..failed(&ProtocolError::overloaded(&busy.to_string())) },
        Ok(Ok((None, _))) => failed(&ProtocolError::internal()),
        Ok(Ok((Some(mut answer), waited))) => {
            if let Some(stages) = &mut answer.stages {
                stages.queue = waited;
            }
            answer
        }
    }
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
fn work(served: &Served, body: &[u8], asked: &Asked, max_rows: usize, limit: Option<Duration>) -> Option<Answer> {
    SCRATCH.with_borrow_mut(|scratch| {
        let answer = work_with(scratch, served, body, asked, max_rows, limit);
        if scratch.frame.cells().len() > MAX_KEPT_CELLS || scratch.values.len() > MAX_KEPT_CELLS {
            *scratch = Scratch::default();
        }
        answer
    })
}

fn work_with(
    Scratch { frame, values }: &mut Scratch,
    served: &Served,
    body: &[u8],
    asked: &Asked,
    max_rows: usize,
    limit: Option<Duration>,
) -> Option<Answer> {
    let loaded = &*served.loaded;
    let begin = Instant::now();
    let content_type = asked.content_type.as_ref().map(HeaderValue::as_bytes);
    let request = match decode::decode(&loaded.plan, content_type, body, frame) {
        Ok(request) => request,
        Err(error) => return Some(failed(&error)),
    };
    let rows = frame.rows();
    if rows > max_rows {
        return Some(failed(&ProtocolError::too_many_rows(rows, max_rows)));
    }
    let decoded = Instant::now();
    if limit.is_some_and(|limit| rows as f64 * loaded.ns_per_row > limit.as_nanos() as f64) {
        return None;
    }
    if let Err(error) = loaded.model.scorer().score(request.method, frame, values) {
        return Some(failed(&ProtocolError::from(error)));
    }
    let predicted = Instant::now();
    let mut out = Vec::new();
    loaded.encoder.encode(request.method, request.style, values, rows, &mut out);
    let encoded = Instant::now();
    let stages = StageTimes {
        decode: decoded - begin,
        queue: Duration::ZERO,
        predict: predicted - decoded,
        encode: encoded - predicted,
    };
    Some(Answer {
        status: StatusCode::OK,
        content_type: JSON,
        body: out.into(),
        rows,
        stages: Some(stages),
        retry: false,
    })
}

fn failed(error: &ProtocolError) -> Answer {
    Answer {
        status: error.status(),
        content_type: error.content_type(),
        body: error.body(),
        rows: 0,
        stages: None,
        retry: false,
    }
}

fn refusal(error: &ResolveError) -> Answer {
    let text = error.to_string();
    match error {
        ResolveError::NotFound(_) => failed(&ProtocolError::no_such_model(&text)),
        ResolveError::NotReady { .. } => Answer { retry: true, ..failed(&ProtocolError::not_ready(&text)) },
        ResolveError::Ambiguous(_) => failed(&ProtocolError::ambiguous(&text)),
    }
}

fn finish(
    in_flight: InFlight<Arc<Recorder>>,
    answer: Answer,
    asked: &Asked,
    served: Option<&Served>,
    begin: Instant,
    in_bytes: usize,
) -> Response<Full<Bytes>> {
    let out_bytes = answer.body.len();
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, answer.content_type);
    if let Some(served) = served {
        headers.insert(HEADER_MODEL, served.label.clone());
    }
    if answer.retry {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    }
    if asked.timing
        && let Some(timing) = answer.stages.and_then(|stages| HeaderValue::from_str(&stages.server_timing()).ok())
    {
        headers.insert("server-timing", timing);
    }
    in_flight.finish(&Observation {
        status: answer.status.as_u16(),
        load: asked.load,
        rows: answer.rows as u64,
        in_bytes: in_bytes as u64,
        out_bytes: out_bytes as u64,
        total: begin.elapsed(),
        stages: answer.stages,
    });
    response
}
