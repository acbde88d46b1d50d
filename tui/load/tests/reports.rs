//! Every form of a report, for a report that has everything, and for real runs.
#![allow(clippy::unwrap_used, reason = "tests")]

mod schema;
mod support;

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use support::{Behaviour, Stub};
use yummy_api::load::{
    Arrivals, Finding, Limit, LimitKind, LoadQuantiles, LoadReport, Objectives, Trial, TrialCpu, TrialWindow, Verdict,
};
use yummy_load::{
    Run, Scenario,
    baseline::{compare, load, save},
    expect::Expectation,
    latency::Latency,
    report::{csv, hgrm, html, text},
};

fn quantiles(scale: f64) -> LoadQuantiles {
    LoadQuantiles {
        p50: scale,
        p90: 1.5 * scale,
        p99: 3.0 * scale,
        p99_9: 5.0 * scale,
        max: 8.0 * scale,
        mean: 1.1 * scale,
    }
}

fn trial(purpose: &str, offered: f64, verdict: Verdict) -> Trial {
    let window = TrialWindow {
        at_s: 0.0,
        offered,
        achieved: offered,
        response_ms: Some(quantiles(2.0)),
        slow_share: 0.001,
        errors: 0,
        server_cpu: Some(0.8),
        rss_bytes: Some(38_000_000),
    };
    Trial {
        purpose: purpose.to_owned(),
        target: None,
        rows_per_request: 1,
        offered,
        sent: (offered * 5.0) as u64,
        achieved: offered * 0.999,
        seconds: 5.0,
        response_ms: Some(quantiles(2.0)),
        service_ms: Some(quantiles(1.8)),
        lag_ms: Some(quantiles(0.05)),
        slow_share: Some(0.0012),
        errors: BTreeMap::from([("http 503".to_owned(), 3)]),
        unsent: 0,
        cpu: TrialCpu { server: Some(0.83), generator: Some(0.21) },
        rss_bytes: Some(38_000_000),
        verdict,
        waited_share: 0.0,
        settle_ms: Some(12.0),
        marks: vec!["did not recover in 5 s".to_owned()],
        windows: vec![window.clone(), TrialWindow { at_s: 1.0, ..window }],
    }
}

fn report() -> LoadReport {
    LoadReport {
        api: 1,
        scenario: "find".to_owned(),
        run_id: "1f-a".to_owned(),
        target: "http://127.0.0.1:8080/models/wine/invocations (wine v2)".to_owned(),
        co_located: true,
        connections: 64,
        slo: Some(Objectives { p99_ms: 20.0, errors: 0.001, achieved: 0.99 }),
        mode: Arrivals::Constant,
        seed: 1,
        rows_per_request: 1,
        trials: vec![
            trial("idle", 100.0, Verdict::Measured),
            trial("ramp", 1600.0, Verdict::Pass),
            trial("bisect", 1750.0, Verdict::Undecided("slow share 0.90 % ± 0.20 %".to_owned())),
            trial("bisect", 1800.0, Verdict::Void("lag p99 4.1 ms, above 1.0 ms".to_owned())),
            trial("above", 3200.0, Verdict::Fail("p99".to_owned())),
        ],
        limit: Some(Limit {
            rate: 1600.0,
            low: 1600.0,
            high: 1680.0,
            confirmed: true,
            broke: Some("p99".to_owned()),
            kind: LimitKind::Slo,
            predictions_per_s: 1600.0,
            efficient_rate: Some(1600.0),
            above: Some("slow".to_owned()),
            recovery_ms: Some(120.0),
            undecided: Some((1750.0, 1750.0)),
        }),
        ceiling: Some(25_000.0),
        findings: vec![Finding {
            name: "p99_drift".to_owned(),
            value: Some(1.02),
            unit: "ratio".to_owned(),
            text: "last third / first third".to_owned(),
        }],
        notes: vec!["co-located".to_owned()],
    }
}

fn response() -> Latency {
    let mut latency = Latency::default();
    for ms in 1..=1000 {
        latency.record(Duration::from_millis(ms));
    }
    latency
}

#[test]
fn the_text_fits_a_terminal_and_says_everything() {
    let text = text::render(&report());
    assert!(text.lines().filter(|line| !line.starts_with("note")).all(|line| line.chars().count() <= 120));
    insta::assert_snapshot!(text);
}

#[test]
fn the_csv_has_a_line_a_trial_and_as_many_cells_as_names() {
    let csv = csv::render(&report());
    let records = yummy_load::bodies::csv::read(&csv);
    assert_eq!(records.len(), 6);
    assert!(records.iter().all(|record| record.len() == records[0].len()));
    insta::assert_snapshot!(csv);
}

#[test]
fn the_histogram_file_is_what_hdrhistogram_plots() {
    let hgrm = hgrm::render(&response());
    assert!(hgrm.lines().any(|line| line.starts_with("#[Mean")));
    insta::assert_snapshot!(hgrm);
}

#[test]
fn the_page_needs_nothing_else_and_hides_nothing() {
    let mut report = report();
    report.notes.push("<script>alert(1)</script>".to_owned());
    let page = html::render(&report, &response());
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
    assert!(
        !page.contains("http-equiv") && !page.contains("src=") && !page.contains("url(") && !page.contains("@import")
    );
    assert_eq!(page.matches("<svg").count(), 4);
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert!(page.contains("1600 requests/s [1600, 1680], confirmed, p99 breaks first"));
    assert!(!page.contains("NaN") && !page.contains("inf"));
}

#[test]
fn json_follows_the_committed_schema() {
    let real = {
        let stub = Stub::start(Behaviour::Instant);
        let scenario = Scenario::Burst { rate: 100.0, duration: Duration::from_secs(1) };
        Run::start(stub.plan(), scenario, None).unwrap().join().unwrap().report
    };
    for report in [report(), real] {
        let json: Value = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        assert_eq!(schema::faults(&json), Vec::<String>::new());
        assert_eq!(serde_json::from_value::<LoadReport>(json).unwrap(), report);
    }
}

#[test]
fn the_schema_notices_what_is_wrong() {
    let mut json = serde_json::to_value(report()).unwrap();
    json["limit"]["kind"] = "luck".into();
    json["trials"][0]["offered"] = "fast".into();
    json["surprise"] = true.into();
    json.as_object_mut().unwrap().remove("notes");
    assert_eq!(schema::faults(&json).len(), 4, "{:?}", schema::faults(&json));
}

#[test]
fn expectations_are_held_against_the_limit() {
    let missed = |text: &str| text.parse::<Expectation>().unwrap().missed_by(&report());
    assert_eq!(missed("rate>=1000"), None);
    assert_eq!(missed("rate >= 1600"), None);
    assert_eq!(missed("p99<=20"), None);
    assert!(missed("rate>1600").unwrap().contains("found 1600"));
    assert!(missed("errors<0.0001").is_some());
    for text in ["rate", "speed>1", "rate>=fast", "rate=1", ""] {
        assert!(text.parse::<Expectation>().is_err(), "{text:?}");
    }
}

#[test]
fn saved_reports_come_back_and_compare() {
    let directory = tempfile::tempdir().unwrap();
    save(directory.path(), "main-1", &report()).unwrap();
    let before = load(directory.path(), "main-1").unwrap();
    assert_eq!(before, report());
    let mut after = report();
    after.limit.as_mut().unwrap().rate = 800.0;
    let rate = compare(&before, &after).into_iter().find(|change| change.metric == "rate").unwrap();
    assert!((rate.worse_by - 0.5).abs() < 1e-9);
    for name in ["../x", "", "a/b", ".hidden"] {
        assert!(save(directory.path(), name, &before).is_err(), "{name:?}");
    }
}
