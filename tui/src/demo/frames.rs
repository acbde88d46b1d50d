//! Frames and a catalog of four models: two that serve, one whose newest version is broken, one that is not served.

use yummy_api::{
    API_VERSION,
    catalog::{CatalogInfo, ColumnInfo, ModelInfo, ModelState},
    event::{Event, EventKind, Level},
    stats::{
        DaemonInfo, MachineStats, ModelStats, ModelWindows, ProcessStats, Quantiles, Stages, StatsFrame, ThreadGroup,
        Window, Windows,
    },
};

/// One version of the canned store: name, version, flavor, state, reason, share of the traffic, median in ms.
struct Version(&'static str, u64, &'static str, ModelState, Option<&'static str>, f64, f64);

const VERSIONS: [Version; 6] = [
    Version("adult_cat", 2, "catboost", ModelState::Ready, None, 0.25, 0.062),
    Version("churn", 1, "sklearn", ModelState::Unsupported, Some("flavor sklearn is not served natively"), 0.0, 0.0),
    Version(
        "fraud",
        3,
        "lightgbm",
        ModelState::Failed,
        Some("model.lgb: truncated at tree 212 of 400; check that the writer finished, then reload"),
        0.0,
        0.0,
    ),
    Version("fraud", 2, "lightgbm", ModelState::Ready, None, 0.02, 0.118),
    Version("wine_lgbm", 7, "lightgbm", ModelState::Ready, None, 0.73, 0.034),
    Version("wine_lgbm", 6, "lightgbm", ModelState::Retired, None, 0.0, 0.0),
];

/// When the canned daemon started, before the frame that is asked for.
const UPTIME_S: u64 = 754;

/// The frame of one moment, with `load_rps` requests a second of a burst on top.
pub(crate) fn frame(at_unix_ms: u64, load_rps: f64) -> StatsFrame {
    let second = at_unix_ms / 1000;
    let traffic = 640.0 + 160.0 * wave(second, 47) + 60.0 * wave(second, 7) + 40.0 * noise(second);
    let rps = traffic + load_rps;
    let slow = if second % 61 < 3 { 4.5 } else { 1.0 } * (1.0 + load_rps / 4000.0);
    let total = windows(rps, load_rps, 0.041, slow, second);
    let models = VERSIONS
        .iter()
        .map(|v| {
            let serves = v.3 == ModelState::Ready;
            let load = if v.0 == "wine_lgbm" { load_rps } else { 0.0 };
            ModelStats {
                name: v.0.into(),
                version: Some(v.1),
                flavor: Some(v.2.into()),
                state: v.3,
                reason: v.4.map(str::to_owned),
                newest: (v.0, v.1) != ("fraud", 3) && (v.0, v.1) != ("wine_lgbm", 6),
                in_flight: u64::from(serves),
                cpu_cores: serves.then_some(v.5 * rps / 2600.0),
                memory_bytes: serves.then_some(1_400_000),
                windows: if serves {
                    windows(traffic * v.5 + load, load, v.6, slow, second).into()
                } else {
                    ModelWindows::default()
                },
                windows_left_out: false,
            }
        })
        .collect();
    StatsFrame {
        api: API_VERSION,
        seq: second,
        at_unix_ms,
        uptime_s: UPTIME_S as f64,
        daemon: DaemonInfo {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: 4242,
            listen: vec!["127.0.0.1:8080".into()],
            admin: Some("127.0.0.1:8081".into()),
            mlruns: "./mlruns".into(),
            started_unix_ms: 0,
        },
        process: process(rps, second),
        machine: MachineStats {
            cores: 2.0,
            cpu_share: Some((rps / 5200.0 + 0.06).min(1.0)),
            memory_bytes: 8_000_000_000,
            available_bytes: Some(5_100_000_000),
        },
        in_flight: 1 + (rps / 300.0) as u64,
        queue_depth: 0,
        bounds: Vec::new(),
        total,
        models,
        models_left_out: 0,
        events: events(at_unix_ms),
    }
}

fn process(rps: f64, second: u64) -> ProcessStats {
    let cpu = rps / 2600.0 + 0.02 * noise(second + 5);
    let group = |name: &str, threads, share| ThreadGroup { name: name.into(), threads, cpu_cores: Some(cpu * share) };
    ProcessStats {
        cpu_cores: Some(cpu),
        cpu_seconds: UPTIME_S as f64 * cpu,
        rss_bytes: 31_400_000 + (second % 600) * 900 + (120_000.0 * noise(second)) as u64,
        virtual_bytes: 290_000_000,
        threads: 9,
        open_fds: Some(31),
        max_fds: Some(1024),
        major_faults: 0,
        thread_groups: vec![group("io", 2, 0.9), group("compute", 2, 0.08), group("admin", 1, 0.02)],
    }
}

fn windows(rps: f64, load_rps: f64, p50: f64, slow: f64, second: u64) -> Windows {
    let latency = |scale: f64| Quantiles {
        p50: p50 * scale,
        p90: p50 * 2.1 * scale,
        p99: p50 * 5.2 * slow * scale,
        p99_9: p50 * 11.0 * slow * scale,
        max: p50 * 40.0 * scale,
        mean: p50 * 1.3 * scale,
    };
    let window = |seconds: f64, wobble: f64| {
        let requests = (rps * seconds) as u64;
        Window {
            seconds,
            requests,
            load_requests: (load_rps * seconds) as u64,
            client_errors: u64::from(second.is_multiple_of(29) && rps > 400.0),
            server_errors: 0,
            client_gone: 0,
            rows: requests,
            in_bytes: requests * 312,
            out_bytes: requests * 58,
            rps,
            rows_per_s: rps,
            latency_ms: (requests > 0).then(|| latency(wobble)),
            stages_ms: (requests > 0).then(|| Stages {
                decode: latency(0.3),
                queue: latency(0.02),
                predict: latency(0.5),
                encode: latency(0.1),
            }),
        }
    };
    Windows {
        s1: window(1.0, 1.0 + 0.08 * noise(second)),
        s10: window(10.0, 1.0),
        s60: window(60.0, 1.0),
        start: window(UPTIME_S as f64, 1.0),
    }
}

fn events(now_ms: u64) -> Vec<Event> {
    let event = |seq, ago_s: u64, level, kind, model: Option<&str>, version, message: &str| Event {
        seq,
        at_unix_ms: now_ms.saturating_sub(ago_s * 1000),
        level,
        kind,
        model: model.map(str::to_owned),
        version,
        message: message.into(),
    };
    let (info, error) = (Level::Info, Level::Error);
    let (wine, fraud, churn) = (Some("wine_lgbm"), Some("fraud"), Some("churn"));
    vec![
        event(1, 754, info, EventKind::Serve, None, None, "listening on 127.0.0.1:8080, observers on 127.0.0.1:8081"),
        event(2, 753, info, EventKind::Reload, wine, Some(6), "wine_lgbm v6 serves after 3.1 ms"),
        event(
            3,
            753,
            Level::Warn,
            EventKind::Reload,
            churn,
            Some(1),
            "churn v1: flavor sklearn is not served natively",
        ),
        event(4, 92, info, EventKind::Watch, wine, Some(7), "wine_lgbm v7 appeared, loading"),
        event(5, 92, info, EventKind::Reload, wine, Some(7), "wine_lgbm v6 -> v7 swapped in 1.8 ms"),
        event(
            6,
            41,
            error,
            EventKind::Reload,
            fraud,
            Some(3),
            "fraud v3: model.lgb: truncated at tree 212 of 400; v2 goes on serving",
        ),
    ]
}

/// The catalog of the same versions.
pub(crate) fn catalog() -> CatalogInfo {
    let models = VERSIONS.iter().map(info).collect();
    CatalogInfo {
        api: API_VERSION,
        mlruns: "./mlruns".into(),
        default_model: Some("wine_lgbm".into()),
        generation: 5,
        models,
    }
}

fn info(version: &Version) -> ModelInfo {
    let &Version(name, number, flavor, state, reason, ..) = version;
    let column = |name: &str, kind: &str| ColumnInfo { name: Some(name.into()), kind: kind.into(), required: true };
    let serves = matches!(state, ModelState::Ready | ModelState::Retired);
    let (inputs, example) = if name == "adult_cat" {
        (
            vec![column("age", "long"), column("workclass", "string"), column("hours_per_week", "long")],
            r#"{"dataframe_split":{"columns":["age","workclass","hours_per_week"],"data":[[39,"State-gov",40]]}}"#,
        )
    } else {
        (
            vec![
                column("alcohol", "double"),
                column("malic_acid", "double"),
                column("ash", "double"),
                column("hue", "double"),
            ],
            r#"{"dataframe_split":{"columns":["alcohol","malic_acid","ash","hue"],"data":[[14.23,1.71,2.43,1.04]]}}"#,
        )
    };
    ModelInfo {
        name: name.into(),
        version: Some(number),
        model_id: Some(format!("m-{number:032x}")),
        run_id: Some(format!("311b0c66{number:024x}")),
        aliases: if serves && state == ModelState::Ready && name != "fraud" {
            vec!["champion".into()]
        } else {
            Vec::new()
        },
        stage: Some("None".into()),
        state,
        reason: reason.map(str::to_owned),
        newest: state == ModelState::Ready,
        flavor: Some(flavor.into()),
        model_class: Some(if flavor == "catboost" { "CatBoostClassifier" } else { "LGBMClassifier" }.into()),
        trees: serves.then_some(300),
        features: serves.then_some(inputs.len() as u64),
        inputs: Some(inputs),
        outputs: None,
        output: serves.then(|| if name == "adult_cat" { "[n] string".into() } else { "[n, 3] float64".into() }),
        example: Some(example.into()),
        size_bytes: Some(412_345),
        files: std::sync::Arc::default(),
        load_ms: serves.then_some(3.1),
        ready_unix_ms: None,
        invocations: yummy_api::routes::invocations(name, Some(number)),
        stats: yummy_api::routes::model_stats(name),
    }
}

/// A sine of the given period, -1 to 1.
fn wave(second: u64, period: u64) -> f64 {
    ((second % period) as f64 / period as f64 * std::f64::consts::TAU).sin()
}

/// A value from -1 to 1 that has nothing to do with its neighbours (one round of splitmix64).
fn noise(second: u64) -> f64 {
    let mut z = second.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}
