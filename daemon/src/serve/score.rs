//! One scoring request: resolve, read the body, decode, predict, encode, record.

use std::{
    cell::RefCell,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use yummy_api::routes::{HEADER_LOAD, HEADER_MODEL, HEADER_TIMEOUT, HEADER_TIMING};
use yummy_models::Frame;

use super::{App, body, bounds::Bound, exchange::Failure, fault::Fault, route::Target};
use crate::{
    decode::{self, ProtocolError, Request},
    execute::{ExecuteError, Pool, split},
    registry::{Loaded, Served},
    telemetry::{Observation, StageTimes},
};

/// Scratch space that grew past this for one large request is given back after it.
const MAX_KEPT_CELLS: usize = 1 << 16;
/// Made once: a name that is text would be checked and hashed again for every answer.
const MODEL: HeaderName = HeaderName::from_static(HEADER_MODEL);
/// Bytes of an answer beside its numbers: `{"predictions": [[…]]}`.
const ANSWER_FRAME_BYTES: usize = 32;

/// A request that was scored.
struct Scored {
    body: Bytes,
    rows: usize,
    stages: StageTimes,
    /// When the answer was ready.
    done: Instant,
}

/// What is known of a request before its body is read.
struct Asked<'a> {
    begin: Instant,
    /// When the answer is due.
    deadline: Instant,
    content_type: Option<&'a HeaderValue>,
    /// Whether it said itself how long it may take.
    has_timeout: bool,
    timing: bool,
    load: bool,
}

impl<'a> Asked<'a> {
    /// Reads all headers once: there are few, and most are none of ours.
    fn of(app: &App, headers: &'a HeaderMap) -> Result<Self, (Self, Fault)> {
        let begin = Instant::now();
        let deadline = begin + app.limits.request_timeout;
        let mut asked = Self { begin, deadline, content_type: None, has_timeout: false, timing: false, load: false };
        let mut timeout = Ok(None);
        for (name, value) in headers {
            match name.as_str() {
                // The first of several, as MLflow's server takes it.
                "content-type" => asked.content_type = asked.content_type.or(Some(value)),
                HEADER_TIMEOUT => timeout = time(value).map(Some),
                HEADER_TIMING => asked.timing = true,
                HEADER_LOAD => asked.load = true,
                _ => {}
            }
        }
        match timeout {
            Err(fault) => return Err((asked, fault)),
            Ok(None) => {}
            Ok(Some(time)) => {
                let longest = app.limits.max_request_timeout;
                if time > longest {
                    app.met.count(Bound::MaxRequestTimeout);
                }
                asked.deadline = begin + time.min(longest);
                asked.has_timeout = true;
            }
        }
        Ok(asked)
    }

    /// A header that is no text is no content type that is known either.
    fn content_type(&self) -> Option<&str> {
        self.content_type.map(|value| value.to_str().unwrap_or("\u{fffd}"))
    }
}

/// Reads `x-request-timeout-ms`.
fn time(value: &HeaderValue) -> Result<Duration, Fault> {
    let milliseconds = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    milliseconds.map(Duration::from_millis).ok_or(Fault::BadTimeout)
}

/// Answers one scoring request.
pub(super) async fn score(
    app: &Arc<App>,
    target: &Target<'_>,
    headers: &HeaderMap,
    body: Incoming,
) -> Response<Full<Bytes>> {
    let asked = match Asked::of(app, headers) {
        Ok(asked) => asked,
        Err((asked, fault)) => return unrouted(app, &asked, body, &fault).await,
    };
    let resolved = app.registry.resolve(target.reference(), asked.deadline).await;
    let served = match resolved {
        Ok(served) => served,
        Err(error) => return unrouted(app, &asked, body, &error.into()).await,
    };
    let in_flight = served.recorder.start();
    let mut in_bytes = 0;
    let result = let_in(app, &served, &asked, body, &mut in_bytes).await;
    let (mut response, seen) = match result {
        Ok(scored) => accept(scored, &asked, in_bytes),
        // MLflow's own words are for MLflow's own limit.
        Err(Fault::Timeout) if asked.has_timeout => refuse(app, &Fault::DeadlinePassed, &asked, in_bytes),
        Err(fault) => refuse(app, &fault, &asked, in_bytes),
    };
    response.headers_mut().insert(MODEL, served.label.clone());
    in_flight.finish(&seen);
    response
}

/// Answers a request that reached no model.
async fn unrouted(app: &App, asked: &Asked<'_>, body: Incoming, fault: &Fault) -> Response<Full<Bytes>> {
    let recorder = app.telemetry.unrouted();
    let in_flight = recorder.start();
    body::discard(app, body, fault).await;
    let (response, seen) = refuse(app, fault, asked, 0);
    in_flight.finish(&seen);
    response
}

/// Reads the body and answers it, unless too many requests of this model are under way.
async fn let_in(
    app: &App,
    served: &Arc<Served>,
    asked: &Asked<'_>,
    body: Incoming,
    in_bytes: &mut usize,
) -> Result<Scored, Fault> {
    let Some(_pass) = served.gate.enter(app.limits.in_flight) else {
        body::discard(app, body, &Fault::TooManyInFlight).await;
        return Err(Fault::TooManyInFlight);
    };
    let body = body::read(app, body, asked.deadline).await?;
    *in_bytes = body.len();
    answer(app, served, body, asked).await
}

/// Decodes, predicts and encodes: here when that is quick, on another thread when not.
async fn answer(app: &App, served: &Arc<Served>, body: Bytes, asked: &Asked<'_>) -> Result<Scored, Fault> {
    let (loaded, executor) = (&served.loaded, &app.executor);
    let (max_rows, deadline) = (app.limits.rows, asked.deadline);
    let content_type = asked.content_type();
    if !executor.is_inline(&loaded.cost, body.len()) {
        let (app_loaded, content_type) = (Arc::clone(loaded), content_type.map(str::to_owned));
        let pool = executor.helpers();
        let job = move || {
            with_scratch(|scratch| {
                let decoded = scratch.decode(&app_loaded, content_type.as_deref(), &body, max_rows)?;
                scratch.predict(&app_loaded, decoded.done, &decoded, deadline, pool.as_ref())
            })
        };
        return elsewhere(executor.run(deadline, job).await);
    }
    let quick = with_scratch(|scratch| {
        let decoded = scratch.decode(loaded, content_type, &body, max_rows)?;
        if executor.is_too_much_inline(&loaded.cost, decoded.request.rows) {
            return Ok(Err((mem::take(&mut scratch.frame), decoded)));
        }
        scratch.predict(loaded, decoded.done, &decoded, deadline, None).map(Ok)
    })?;
    // The body was shorter than its rows are work.
    let (frame, decoded) = match quick {
        Ok(scored) => return Ok(scored),
        Err(rest) => rest,
    };
    let (loaded, pool) = (Arc::clone(loaded), executor.helpers());
    let job = move || {
        with_scratch(|scratch| {
            scratch.frame = frame;
            scratch.predict(&loaded, Instant::now(), &decoded, deadline, pool.as_ref())
        })
    };
    elsewhere(executor.run(deadline, job).await)
}

fn elsewhere(result: Result<(Result<Scored, Fault>, Duration), ExecuteError>) -> Result<Scored, Fault> {
    let (scored, waited) = result?;
    let mut scored = scored?;
    scored.stages.queue = waited;
    // The way back to this thread belongs to it.
    scored.done = Instant::now();
    Ok(scored)
}

/// A request whose cells are in the frame.
struct Decoded {
    request: Request,
    time: Duration,
    done: Instant,
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

/// Gives this thread's scratch space, and afterwards frees what grew too large.
fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| {
        let result = work(scratch);
        if scratch.frame.cells().len() > MAX_KEPT_CELLS || scratch.values.len() > MAX_KEPT_CELLS {
            *scratch = Scratch::default();
        }
        result
    })
}

impl Scratch {
    fn decode(
        &mut self,
        loaded: &Loaded,
        content_type: Option<&str>,
        body: &[u8],
        max_rows: usize,
    ) -> Result<Decoded, Fault> {
        let begin = Instant::now();
        let request = decode::decode(&loaded.plan, content_type, body, &mut self.frame)?;
        if request.rows > max_rows {
            return Err(Fault::TooManyRows { rows: request.rows, limit: max_rows });
        }
        let done = Instant::now();
        Ok(Decoded { request, time: done - begin, done })
    }

    /// Predicts and encodes what was decoded, with the help of idle threads of `pool` if given.
    fn predict(
        &mut self,
        loaded: &Arc<Loaded>,
        begin: Instant,
        decoded: &Decoded,
        deadline: Instant,
        pool: Option<&Pool>,
    ) -> Result<Scored, Fault> {
        if begin > deadline {
            return Err(Fault::Timeout);
        }
        let Self { frame, values } = self;
        let request = &decoded.request;
        match pool {
            Some(pool) => split::score(pool, &loaded.cost, loaded, request.method, frame, values),
            None => loaded.model.scorer().score(request.method, frame, values),
        }
        .map_err(|error| ProtocolError::model(&error.to_string()))?;
        let predicted = Instant::now();
        let mut out = Vec::with_capacity(values.len() * 20 + ANSWER_FRAME_BYTES);
        loaded.encoder.encode(request.answer(), values, request.rows, &mut out);
        let done = Instant::now();
        let stages = StageTimes {
            decode: decoded.time,
            queue: Duration::ZERO,
            predict: predicted - begin,
            encode: done - predicted,
        };
        Ok(Scored { body: out.into(), rows: request.rows, stages, done })
    }
}

fn accept(scored: Scored, asked: &Asked<'_>, in_bytes: usize) -> (Response<Full<Bytes>>, Observation) {
    let seen = Observation {
        status: 200,
        load: asked.load,
        rows: scored.rows as u64,
        in_bytes: in_bytes as u64,
        out_bytes: scored.body.len() as u64,
        total: scored.done - asked.begin,
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

fn refuse(app: &App, fault: &Fault, asked: &Asked<'_>, in_bytes: usize) -> (Response<Full<Bytes>>, Observation) {
    if let Some(bound) = fault.bound() {
        app.met.count(bound);
    }
    let mut response = fault.response();
    if response.status().is_server_error() {
        response.extensions_mut().insert(Failure(fault.to_string()));
    }
    let seen = Observation {
        status: response.status().as_u16(),
        load: asked.load,
        in_bytes: in_bytes as u64,
        out_bytes: response.body().size_hint().lower(),
        total: asked.begin.elapsed(),
        ..Observation::default()
    };
    (response, seen)
}
