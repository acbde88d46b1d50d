//! Prometheus metric names, each written once.

/// Histogram, seconds, by model and version: response time of scoring requests inside the daemon.
pub const REQUEST_DURATION: &str = "http_server_request_duration_seconds";
/// Counter, by model, version, status class and kind (`traffic` or `load`).
pub const REQUESTS: &str = "yummyd_requests_total";
/// Counter, by model and version: rows scored.
pub const ROWS: &str = "yummyd_rows_total";
/// Counter, bytes, by model and version: request bodies.
pub const REQUEST_BYTES: &str = "yummyd_request_bytes_total";
/// Counter, bytes, by model and version: response bodies.
pub const RESPONSE_BYTES: &str = "yummyd_response_bytes_total";
/// Gauge: scoring requests that wait for a compute thread.
pub const QUEUE_DEPTH: &str = "yummyd_queue_depth";
/// Gauge, by key of the configuration: what a bound is set to.
pub const LIMIT: &str = "yummyd_limit";
/// Counter, by key of the configuration: how often a bound was met.
pub const LIMIT_MET: &str = "yummyd_limit_met_total";
/// Gauge: scoring requests being answered now.
pub const IN_FLIGHT: &str = "yummyd_requests_in_flight";
/// Histogram, seconds, by model, version and stage (decode, queue, predict, encode).
pub const STAGE_DURATION: &str = "yummyd_stage_duration_seconds";
/// Gauge, by model, version and state: 1 for the state that the version is in.
pub const MODEL_STATE: &str = "yummyd_model_state";
/// Counter, by result (`ok`, `failed`): versions loaded.
pub const RELOADS: &str = "yummyd_model_reload_total";
/// Gauge: 1, with the daemon's version as a label.
pub const BUILD_INFO: &str = "yummyd_build_info";
/// Counter, seconds: CPU time of the process.
pub const PROCESS_CPU: &str = "process_cpu_seconds_total";
/// Gauge, bytes.
pub const PROCESS_RSS: &str = "process_resident_memory_bytes";
/// Gauge, bytes.
pub const PROCESS_VIRTUAL: &str = "process_virtual_memory_bytes";
/// Gauge.
pub const PROCESS_OPEN_FDS: &str = "process_open_fds";
/// Gauge.
pub const PROCESS_MAX_FDS: &str = "process_max_fds";
/// Gauge.
pub const PROCESS_THREADS: &str = "process_threads";
/// Gauge, seconds since the Unix epoch.
pub const PROCESS_START: &str = "process_start_time_seconds";
