//! The live numbers as a client gets them.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests, which report what they measured")]

#[path = "../common/mod.rs"]
mod common;
mod lint;
mod truth;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
};
use futures_util::StreamExt;
use tower::ServiceExt;
use yummy_api::{
    catalog::ModelState,
    event::{EventKind, Level},
    stats::{DaemonInfo, StatsFrame},
};
use yummyd::telemetry::{self, ModelRow, ModelSource, Observation, StageTimes, Telemetry};

/// More than any answer here.
const MAX_BODY: usize = 64 << 20;

/// A catalog of so many versions of one model.
struct Versions(u64);

impl ModelSource for Versions {
    fn models(&self) -> Vec<ModelRow> {
        let row = |version| ModelRow {
            name: NAME.to_owned(),
            version: Some(version),
            flavor: Some("lightgbm".to_owned()),
            state: ModelState::Ready,
            reason: None,
            newest: version == self.0,
            memory_bytes: None,
        };
        (1..=self.0).map(row).collect()
    }
}

/// All that must be escaped in a label.
const NAME: &str = "wi\"ne\\\n";

fn with_versions(count: u64) -> Arc<Telemetry> {
    let telemetry = Telemetry::new(DaemonInfo {
        version: "0.1.0".to_owned(),
        pid: 1,
        listen: Vec::new(),
        admin: None,
        mlruns: "mlruns".to_owned(),
        started_unix_ms: 1_700_000_000_000,
    });
    telemetry.attach(Versions(count));
    telemetry
}

fn answer(telemetry: &Telemetry, version: u64, status: u16, total: Duration) {
    let stages = (status == 200).then(|| StageTimes { predict: total / 2, ..StageTimes::default() });
    let seen = Observation { status, rows: 3, in_bytes: 100, out_bytes: 50, total, stages, ..Observation::default() };
    // The recorder lives on with its version; here it is kept by its window.
    telemetry.recorder(NAME, Some(version)).start().finish(&seen);
}

async fn get(routes: &Router, path: &str) -> (StatusCode, HeaderMap, String) {
    let response = routes.clone().oneshot(Request::get(path).body(Body::empty()).expect("a request")).await;
    let response = response.expect("infallible");
    let (status, headers) = (response.status(), response.headers().clone());
    let body = to_bytes(response.into_body(), MAX_BODY).await.expect("a body");
    (status, headers, String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test]
async fn stats_are_of_this_moment() {
    let telemetry = with_versions(2);
    answer(&telemetry, 2, 200, Duration::from_millis(3));
    answer(&telemetry, 2, 400, Duration::from_millis(1));
    let (status, _, body) = get(&telemetry::routes(Arc::clone(&telemetry)), "/stats").await;
    assert_eq!(status, StatusCode::OK);
    let frame: StatsFrame = serde_json::from_str(&body).expect("a frame");
    assert_eq!((frame.total.s1.requests, frame.total.start.client_errors), (2, 1));
    let newest = &frame.models[0];
    assert_eq!((newest.version, newest.newest, newest.windows.s10.rows), (Some(2), true, 6));
    assert!(newest.windows.s1.stages_ms.is_some());
    assert_eq!(frame.models[1].windows.s60.latency_ms, None);
    assert!(frame.machine.cores >= 1.0 && frame.process.rss_bytes > 0);
}

#[tokio::test]
async fn a_frame_of_a_thousand_models_has_a_bound_and_one_model_can_be_asked_for() {
    let telemetry = with_versions(1500);
    for version in 1..=150 {
        answer(&telemetry, version, 200, Duration::from_millis(1));
    }
    let routes = telemetry::routes(Arc::clone(&telemetry));
    let (_, _, body) = get(&routes, "/stats").await;
    let frame: StatsFrame = serde_json::from_str(&body).expect("a frame");
    assert_eq!((frame.models.len(), frame.models_left_out), (1000, 500));
    assert_eq!(frame.models.iter().filter(|model| !model.windows.is_empty()).count(), 100);
    assert!(body.len() < 700_000, "{} bytes", body.len());
    let (_, _, body) = get(&routes, "/stats?model=wi%22ne%5C%0A").await;
    let frame: StatsFrame = serde_json::from_str(&body).expect("a frame");
    assert_eq!(frame.models.iter().filter(|model| model.windows.s60.requests == 1).count(), 150);
    let (_, _, body) = get(&routes, "/stats?model=none").await;
    let frame: StatsFrame = serde_json::from_str(&body).expect("a frame");
    assert_eq!((frame.models.len(), frame.models_left_out, frame.total.start.requests), (0, 1500, 150));
}

#[tokio::test]
async fn the_stream_begins_with_a_frame_and_brings_events() {
    let telemetry = with_versions(1);
    let routes = telemetry::routes(Arc::clone(&telemetry));
    let request = Request::get("/stats/stream").body(Body::empty()).expect("a request");
    let response = routes.oneshot(request).await.expect("infallible");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut messages = response.into_body().into_data_stream();
    let mut next = async || {
        let message = messages.next().await.expect("the stream goes on").expect("a message");
        String::from_utf8(message.to_vec()).expect("text")
    };
    let first = next().await;
    let data = first.strip_prefix("event: stats\nid: 0\ndata: ").and_then(|rest| rest.strip_suffix("\n\n"));
    serde_json::from_str::<StatsFrame>(data.expect("one message")).expect("a frame");
    telemetry.event(Level::Error, EventKind::Reload, Some(NAME), Some(2), "truncated at tree 212 of 400");
    assert!(next().await.contains("\"message\":\"truncated at tree 212 of 400\""));
}

#[tokio::test]
async fn metrics_pass_the_rules_of_promtool() {
    let telemetry = with_versions(2);
    for (version, status) in [(1, 200), (2, 200), (2, 404), (2, 503)] {
        answer(&telemetry, version, status, Duration::from_micros(700));
    }
    telemetry.count_load(true);
    let (status, headers, text) = get(&telemetry::routes(telemetry), "/metrics").await;
    assert_eq!(
        (status, &headers["content-type"]),
        (StatusCode::OK, &"text/plain; version=0.0.4; charset=utf-8".parse().expect("a header"))
    );
    assert_eq!(lint::problems(&text), Vec::<String>::new());
    for line in [
        r#"yummyd_requests_total{model="wi\"ne\\\n",version="2",status="4xx",kind="traffic"} 1"#,
        r#"yummyd_rows_total{model="wi\"ne\\\n",version="2"} 9"#,
        r#"http_server_request_duration_seconds_bucket{model="wi\"ne\\\n",version="2",le="0.0005"} 0"#,
        r#"http_server_request_duration_seconds_bucket{model="wi\"ne\\\n",version="2",le="0.001"} 3"#,
        r#"http_server_request_duration_seconds_sum{model="wi\"ne\\\n",version="1"} 0.0007"#,
        r#"yummyd_stage_duration_seconds_count{model="wi\"ne\\\n",version="2",stage="predict"} 1"#,
        r#"yummyd_model_state{model="wi\"ne\\\n",version="1",state="ready"} 1"#,
        r#"yummyd_model_reload_total{result="ok"} 1"#,
        r#"yummyd_build_info{version="0.1.0"} 1"#,
        "process_start_time_seconds 1700000000",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
    }
}

#[tokio::test]
async fn labels_are_bounded_and_nothing_is_lost_beyond() {
    let telemetry = with_versions(300);
    for version in 1..=300 {
        answer(&telemetry, version, 200, Duration::from_millis(1));
    }
    let (_, _, text) = get(&telemetry::routes(telemetry), "/metrics").await;
    assert_eq!(lint::problems(&text), Vec::<String>::new());
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("yummyd_rows_total{")).collect();
    assert_eq!(rows.len(), 201, "200 series and the rest");
    let sum: f64 = rows.iter().filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum();
    assert!((sum - 900.0).abs() < 1e-9);
    assert!(text.contains(r#"yummyd_requests_total{model="__others__",version="",status="2xx",kind="traffic"} 1"#));
}

#[test]
fn the_linter_finds_what_promtool_finds() {
    for (text, problem) in [
        ("x_total 1\n", "x_total: no HELP"),
        ("# HELP x_total X.\n# TYPE x_total gauge\nx_total 1\n", "x_total: only counters end in _total"),
        ("# HELP x X.\n# TYPE x counter\nx 1\n", "x: a counter ends in _total"),
        ("# HELP x_ms X.\n# TYPE x_ms gauge\nx_ms 1\n", "x_ms: base units are seconds and bytes"),
        ("# HELP xY X.\n# TYPE xY gauge\nxY 1\n", "xY: names are snake case"),
        ("# HELP x X.\n# TYPE x gauge\nx 1\nx 2\n", "x: twice"),
        ("# HELP x X.\n# TYPE x histogram\nx_sum 1\nx_count 1\n", "x: a histogram without +Inf"),
        ("# HELP x_gauge X.\n# TYPE x_gauge gauge\nx_gauge 1\n", "x_gauge: the type is no part of a name"),
        ("# HELP x X.\n# TYPE x gauge\nx{a=\"1\",a=\"2\"} 1\n", "x: label a twice"),
        ("# HELP x X.\n# TYPE x gauge\nx one\n", "x: one is no number"),
    ] {
        assert!(lint::problems(text).iter().any(|found| found == problem), "{problem}: {:?}", lint::problems(text));
    }
}
