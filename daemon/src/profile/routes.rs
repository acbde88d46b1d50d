//! The routes of `/debug`. Each waits for its capture; a client that leaves ends it.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{Query as Fields, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use yummy_api::{profile::CaptureInfo, routes as paths};

use super::{
    Profiler,
    capture::Capture,
    error::{ProfileError, whole_seconds},
    folded,
    heap::HeapProfile,
    proto,
    query::{Query, Source, pair, raw},
    svg,
};

/// Length of a capture that does not say, seconds. For `/debug/pprof/profile` it is what Go's tools expect.
const DEFAULT_SECONDS: u64 = 5;
const PPROF_DEFAULT_SECONDS: u64 = 30;
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const BINARY: &str = "application/octet-stream";

const INDEX: &str = "\
/debug/flamegraph.svg?seconds=5&hz=99   CPU flame graph of the next seconds; raw=1 keeps plumbing frames
/debug/flamegraph.svg?last=60s          the last seconds, when the rolling capture is on
/debug/flamegraph.svg?id=N              a kept capture; the same for the routes below
/debug/flamegraph/diff.svg?a=N&b=M      what grew (red) and shrank (blue) from capture N to capture M
/debug/profile.folded                   folded stacks; format=json with what was measured
/debug/profile.speedscope.json          for https://www.speedscope.app
/debug/pprof/profile?seconds=30         gzipped protobuf: go tool pprof http://HOST/debug/pprof/profile
/debug/flamegraph/heap.svg              memory in use by where it was allocated; raw=1 keeps plumbing frames
/debug/pprof/heap                       the same as gzipped protobuf, with what was ever allocated
/debug/pprof/cmdline                    the command line
/debug/profiles                         kept captures
";

type Parameters = Fields<HashMap<String, String>>;
type Answer = Result<Response, ProfileError>;

/// The routes of profiles. Who may use them is decided around this router.
pub fn routes(profiler: Profiler) -> Router {
    Router::new()
        .route(paths::FLAMEGRAPH, get(flamegraph))
        .route(paths::FLAMEGRAPH_DIFF, get(difference))
        .route(paths::PROFILE_FOLDED, get(profile_folded))
        .route(paths::PROFILE_SPEEDSCOPE, get(speedscope))
        .route(paths::PROFILES, get(profiles))
        .route(paths::PPROF_PROFILE, get(pprof))
        .route(paths::PPROF_INDEX, get(|| async { respond(TEXT, INDEX.into()) }))
        .route(paths::PPROF_CMDLINE, get(cmdline))
        .route(paths::PPROF_HEAP, get(pprof_heap))
        .route(paths::HEAP_FLAMEGRAPH, get(heap_flamegraph))
        .with_state(profiler)
}

async fn flamegraph(State(profiler): State<Profiler>, Fields(fields): Parameters) -> Answer {
    render(&profiler, &fields, DEFAULT_SECONDS, SVG, |capture, raw| Ok(svg::flamegraph(capture, raw)?.into())).await
}

async fn profile_folded(State(profiler): State<Profiler>, Fields(fields): Parameters) -> Answer {
    match fields.get("format").map(String::as_str) {
        None | Some("text") => {
            render(&profiler, &fields, DEFAULT_SECONDS, TEXT, |capture, raw| Ok(folded::text(capture, raw).into()))
                .await
        }
        Some("json") => {
            let json = |capture: &Capture, raw| to_json(&capture.profile(raw));
            render(&profiler, &fields, DEFAULT_SECONDS, JSON, json).await
        }
        Some(_) => Err(ProfileError::Parameter("format must be text or json".to_owned())),
    }
}

async fn speedscope(State(profiler): State<Profiler>, Fields(fields): Parameters) -> Answer {
    let json = |capture: &Capture, raw| to_json(&folded::speedscope(capture, raw));
    render(&profiler, &fields, DEFAULT_SECONDS, JSON, json).await
}

async fn pprof(State(profiler): State<Profiler>, Fields(fields): Parameters) -> Answer {
    let protobuf = |capture: &Capture, _| proto::gzipped(&capture.table());
    let response = render(&profiler, &fields, PPROF_DEFAULT_SECONDS, BINARY, protobuf).await?;
    Ok(attached(response, "attachment; filename=\"profile\""))
}

async fn difference(State(profiler): State<Profiler>, Fields(fields): Parameters) -> Answer {
    let (before, after) = pair(&fields)?;
    let (before, after) = (profiler.kept(before)?, profiler.kept(after)?);
    let body = aside(move || Ok(svg::difference(&before, &after, false)?.into())).await?;
    Ok(respond(SVG, body))
}

async fn profiles(State(profiler): State<Profiler>) -> Json<Vec<CaptureInfo>> {
    Json(profiler.captures().iter().map(|capture| capture.info()).collect())
}

async fn cmdline() -> Response {
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    respond(TEXT, arguments.collect::<Vec<_>>().join("\0").into())
}

async fn pprof_heap(State(profiler): State<Profiler>) -> Answer {
    let profile = profiler.heap().await?;
    let body = aside(move || Ok(proto::gzipped(&profile.table())?)).await?;
    Ok(attached(respond(BINARY, body), "attachment; filename=\"heap\""))
}

async fn heap_flamegraph(State(profiler): State<Profiler>, Fields(fields): Parameters) -> Answer {
    let raw = raw(&fields)?;
    let profile: HeapProfile = profiler.heap().await?;
    Ok(respond(SVG, aside(move || Ok(svg::heap(&profile, raw)?.into())).await?))
}

fn attached(mut response: Response, how: &'static str) -> Response {
    response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(how));
    response
}

/// Gets the capture that the query means and draws it, off the threads that answer requests.
async fn render(
    profiler: &Profiler,
    fields: &HashMap<String, String>,
    default_seconds: u64,
    content_type: &'static str,
    draw: impl FnOnce(&Capture, bool) -> std::io::Result<Vec<u8>> + Send + 'static,
) -> Answer {
    let Query { source, raw } = Query::parse(fields, default_seconds)?;
    let capture: Arc<Capture> = match source {
        Source::Kept(id) => profiler.kept(id)?,
        Source::New(request) => profiler.capture(request).await?,
    };
    let id = capture.id;
    let body = aside(move || Ok(draw(&capture, raw)?)).await?;
    let mut response = respond(content_type, body);
    if let Some(id) = id {
        response.headers_mut().insert(paths::HEADER_PROFILE_ID, HeaderValue::from(id));
    }
    Ok(response)
}

async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProfileError> + Send + 'static,
) -> Result<T, ProfileError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ProfileError::ThreadEnded)?
}

fn to_json(value: &impl serde::Serialize) -> std::io::Result<Vec<u8>> {
    Ok(serde_json::to_vec(value)?)
}

fn respond(content_type: &'static str, body: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body).into_response()
}

impl IntoResponse for ProfileError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Busy { .. } => StatusCode::CONFLICT,
            Self::Parameter(_) => StatusCode::BAD_REQUEST,
            Self::UnknownCapture(_) | Self::RollingOff | Self::HeapOff => StatusCode::NOT_FOUND,
            Self::NoHeap => StatusCode::NOT_IMPLEMENTED,
            Self::Sampler(_) | Self::Cancelled | Self::ThreadEnded | Self::Render(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        let mut body = serde_json::json!({ "error": self.to_string() });
        let Self::Busy { id, remaining } = self else { return (status, Json(body)).into_response() };
        let wait = whole_seconds(remaining);
        body["running_id"] = id.into();
        body["remaining_s"] = wait.into();
        (status, [(header::RETRY_AFTER, wait.to_string())], Json(body)).into_response()
    }
}
