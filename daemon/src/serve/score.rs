//! One scoring request: resolve, read the body, have it worked on, record.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use yummy_api::routes::HEADER_MODEL;

use super::{
    App,
    asked::Asked,
    body,
    bounds::Bound,
    connection::Place,
    exchange::Failure,
    fault::Fault,
    route::Target,
    work::{Quick, Scored, Work},
};
use crate::{
    execute::{ExecuteError, gate::Pass},
    registry::Served,
    telemetry::Observation,
};

/// Made once: a name that is text would be checked and hashed again for every answer.
const MODEL: HeaderName = HeaderName::from_static(HEADER_MODEL);

/// Answers one scoring request.
pub(super) async fn score(
    app: &Arc<App>,
    place: Place<'_>,
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
    let result = let_in(app, place, &served, &asked, body, &mut in_bytes).await;
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
    body::discard(app, asked, body).await;
    let (response, seen) = refuse(app, fault, asked, 0);
    in_flight.finish(&seen);
    response
}

/// Reads the body and answers it, when there is a place among the requests of this model that are under way.
async fn let_in(
    app: &App,
    mut place: Place<'_>,
    served: &Arc<Served>,
    asked: &Asked<'_>,
    body: Incoming,
    in_bytes: &mut usize,
) -> Result<Scored, Fault> {
    // Who is to be worked on here waits for that first: one at a time, it then has its place at once.
    let here = body.size_hint().exact().is_some_and(|bytes| is_for_here(app, served, asked, bytes));
    let mut waited = if here { place.take().await } else { Duration::ZERO };
    let _pass = match served.gate.enter(app.limits.in_flight) {
        Some(pass) => pass,
        None => match wait(app, served, asked).await {
            Ok(pass) => {
                waited = asked.begin.elapsed();
                pass
            }
            Err(fault) => {
                // Many that came together are refused together: taking in what they send is work, too.
                place.take_another().await;
                body::discard(app, asked, body).await;
                return Err(fault);
            }
        },
    };
    let body = body::read(app, asked, body).await?;
    *in_bytes = body.len();
    if is_for_here(app, served, asked, body.len() as u64) {
        waited += place.take().await;
    }
    if !waited.is_zero() && Instant::now() > asked.deadline {
        return Err(Fault::Timeout);
    }
    let mut scored = answer(app, served, body, asked).await?;
    scored.stages.queue += waited;
    Ok(scored)
}

/// Whether a body of so many bytes is worked on by the thread that reads it.
fn is_for_here(app: &App, served: &Served, asked: &Asked<'_>, bytes: u64) -> bool {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    app.executor.is_inline(&served.loaded.cost, asked.unpacked_bytes(bytes))
}

/// Waits for a place: as long as the client said that it would, or as long as it is worth it.
async fn wait<'a>(app: &App, served: &'a Served, asked: &Asked<'_>) -> Result<Pass<'a>, Fault> {
    app.met.count(Bound::InFlight);
    let patience = asked.begin + app.limits.in_flight_wait;
    let (until, late) = if asked.has_timeout || asked.deadline < patience {
        (asked.deadline, Fault::Timeout)
    } else {
        (patience, Fault::TooManyInFlight)
    };
    served.gate.wait(app.limits.in_flight, until).await.ok_or(late)
}

/// Decodes, predicts and encodes: here when that is quick, on another thread when not.
async fn answer(app: &App, served: &Arc<Served>, body: Bytes, asked: &Asked<'_>) -> Result<Scored, Fault> {
    let (executor, deadline, cost) = (&app.executor, asked.deadline, &served.loaded.cost);
    let work = Work { loaded: Arc::clone(&served.loaded), max_rows: app.limits.rows, deadline };
    let content_type = asked.content_type();
    let helpers = executor.helpers();
    if !executor.is_inline(cost, asked.unpacked_bytes(body.len())) {
        let content_type = content_type.map(str::to_owned);
        let job = move || work.elsewhere(content_type.as_deref(), &body, helpers.as_ref());
        return elsewhere(executor.run(deadline, job).await);
    }
    // A bug in an engine costs this request, not the connection it came on.
    let is_quick = |rows| !executor.is_too_much_inline(cost, rows);
    let here = catch_unwind(AssertUnwindSafe(|| work.here(content_type, &body, is_quick)));
    match here.unwrap_or(Err(Fault::Internal))? {
        Quick::Done(scored) => Ok(scored),
        // The body was shorter than its rows are work.
        Quick::TooMuch(decoded) => {
            let job = move || work.go_on(decoded, helpers.as_ref());
            elsewhere(executor.run(deadline, job).await)
        }
    }
}

fn elsewhere(result: Result<(Result<Scored, Fault>, Duration), ExecuteError>) -> Result<Scored, Fault> {
    let (scored, waited) = result?;
    let mut scored = scored?;
    scored.stages.queue = waited;
    // The way back to this thread belongs to it.
    scored.done = Instant::now();
    Ok(scored)
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
