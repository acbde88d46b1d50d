//! Routes and header names. Templates are axum's (`{name}`); the functions fill them in, percent-encoding what must be.

/// `GET`: alive, as MLflow's scoring server answers (200, a line feed).
pub const PING: &str = "/ping";
/// `GET`: the same as [`PING`].
pub const HEALTH: &str = "/health";
/// `GET`: the MLflow version whose protocol is spoken.
pub const VERSION: &str = "/version";
/// `POST`: score with the default model.
pub const INVOCATIONS: &str = "/invocations";
/// `GET`: the catalog.
pub const MODELS: &str = "/models";
/// `GET`: one registered model, or one logged model by its `m-<id>`.
pub const MODEL: &str = "/models/{name}";
/// `GET`: one version.
pub const MODEL_VERSION: &str = "/models/{name}/versions/{version}";
/// `GET`: the version that answers for an alias.
pub const MODEL_ALIAS: &str = "/models/{name}/aliases/{alias}";
/// `GET`: the version that answers for a stage.
pub const MODEL_STAGE: &str = "/models/{name}/stages/{stage}";
/// `GET`: 200 when the model's newest version serves, else 503 with the reason.
pub const MODEL_READY: &str = "/models/{name}/ready";
/// `POST`: score with a registered model's newest version.
pub const MODEL_INVOCATIONS: &str = "/models/{name}/invocations";
/// `POST`: score with one version.
pub const MODEL_VERSION_INVOCATIONS: &str = "/models/{name}/versions/{version}/invocations";
/// `POST`: score with the version that an alias names.
pub const MODEL_ALIAS_INVOCATIONS: &str = "/models/{name}/aliases/{alias}/invocations";
/// `POST`: score with the newest version in a stage.
pub const MODEL_STAGE_INVOCATIONS: &str = "/models/{name}/stages/{stage}/invocations";
/// `POST`, admin: load a model's versions anew.
pub const MODEL_RELOAD: &str = "/models/{name}/reload";
/// `POST`, admin: look at the whole directory again now.
pub const RESCAN: &str = "/rescan";
/// `GET`: models as `mlflow.deployments` lists endpoints.
pub const ENDPOINTS: &str = "/api/2.0/endpoints/";
/// `GET`: one of them.
pub const ENDPOINT: &str = "/api/2.0/endpoints/{name}";
/// `GET`: the routes as OpenAPI 3.1.
pub const OPENAPI: &str = "/openapi.json";
/// `GET`: the routes as a page.
pub const DOCS: &str = "/docs";
/// `GET`: one [`crate::stats::StatsFrame`].
pub const STATS: &str = "/stats";
/// `GET`: server-sent events, see [`crate::stats`].
pub const STATS_STREAM: &str = "/stats/stream";
/// `GET`: Prometheus text.
pub const METRICS: &str = "/metrics";
/// `GET`: CPU flame graph of the next `seconds`.
pub const FLAMEGRAPH: &str = "/debug/flamegraph.svg";
/// `GET`: the same samples as folded stacks, one `frame;frame;frame count` a line.
pub const PROFILE_FOLDED: &str = "/debug/profile.folded";
/// `GET`: the same samples as gzipped pprof protobuf.
pub const PPROF_PROFILE: &str = "/debug/pprof/profile";
/// `GET`: the same samples for speedscope.
pub const PROFILE_SPEEDSCOPE: &str = "/debug/profile.speedscope.json";
/// `GET`: what two kept captures differ in, as SVG.
pub const FLAMEGRAPH_DIFF: &str = "/debug/flamegraph/diff.svg";
/// `GET`: captures that are kept, a list of [`crate::profile::CaptureInfo`].
pub const PROFILES: &str = "/debug/profiles";
/// `GET`: what there is to profile, as text.
pub const PPROF_INDEX: &str = "/debug/pprof/";
/// `GET`: the command line, its arguments separated by NUL.
pub const PPROF_CMDLINE: &str = "/debug/pprof/cmdline";
/// `GET`: heap profile as gzipped pprof protobuf, in builds that have it.
pub const PPROF_HEAP: &str = "/debug/pprof/heap";
/// `GET`: heap flame graph, in builds that have it.
pub const HEAP_FLAMEGRAPH: &str = "/debug/flamegraph/heap.svg";

/// Response header: the number under which a profile's capture is kept.
pub const HEADER_PROFILE_ID: &str = "x-yummy-profile-id";
/// Response header: which model and version answered (`NAME/VERSION` or `m-<id>`).
pub const HEADER_MODEL: &str = "x-yummy-model";
/// Request header: this request is load, not traffic; the value is the run's id.
pub const HEADER_LOAD: &str = "x-yummy-load";
/// Request header: answer with `server-timing`.
pub const HEADER_TIMING: &str = "x-yummy-timing";
/// Request header: give up after this many milliseconds.
pub const HEADER_TIMEOUT: &str = "x-request-timeout-ms";
/// Request and response header: an id that is kept, or made when there is none.
pub const HEADER_REQUEST_ID: &str = "x-request-id";

/// The path that scores with one model: newest version, or the one given.
#[must_use]
pub fn invocations(model: &str, version: Option<u64>) -> String {
    let model = encode_segment(model);
    version.map_or_else(
        || format!("{MODELS}/{model}/invocations"),
        |version| format!("{MODELS}/{model}/versions/{version}/invocations"),
    )
}

/// The path of one model's live numbers.
#[must_use]
pub fn model_stats(model: &str) -> String {
    format!("{STATS}?model={}", encode_segment(model))
}

/// Percent-encodes all but RFC 3986's unreserved characters, so that any model name is one path segment.
#[must_use]
pub fn encode_segment(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for &byte in segment.as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_reserved_characters_stays_one_segment() {
        assert_eq!(invocations("a b/é", None), "/models/a%20b%2F%C3%A9/invocations");
        assert_eq!(invocations("wine", Some(7)), "/models/wine/versions/7/invocations");
        assert_eq!(model_stats("a b&c"), "/stats?model=a%20b%26c");
    }
}
