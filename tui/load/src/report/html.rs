//! The report as one HTML file that needs nothing else: tables and SVG charts, no script, no font, no network.

use std::fmt::Write as _;

use yummy_api::load::{LoadReport, Trial, Verdict};

use super::{
    headline,
    plot::{self, Chart, Series},
    text,
};
use crate::latency::Latency;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2rem auto;padding:0 1rem;\
color:#1b1f24;background:#fff}h1{font-size:1.3rem;margin:0}p.answer{font-size:1.2rem;font-weight:600}\
div.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:1rem}svg{width:100%}\
pre{overflow-x:auto;font:12.5px/1.45 ui-monospace,monospace;background:#f4f5f7;padding:1rem;border-radius:6px}\
.title{font-weight:600;font-size:13px}.tick,.key{font-size:11px;fill:#57606a}.grid{stroke:#e3e6ea}\
.limit{stroke:#b35900;stroke-dasharray:5 4}polyline{fill:none;stroke-width:1.6}polyline.a{stroke:#0b62a8}\
polyline.b{stroke:#d9730d}polyline.c{stroke:#6b7280}circle.a,text.a{fill:#0b62a8}circle.b,text.b{fill:#d9730d}\
circle.c,text.c{fill:#6b7280}@media(prefers-color-scheme:dark){body{color:#e6e8ea;background:#14171a}\
pre{background:#1d2125}.grid{stroke:#2c3238}.tick,.key{fill:#9aa4ae}svg text.title{fill:#e6e8ea}}";

/// The whole page. `response` is the histogram behind the percentile chart.
#[must_use]
pub fn render(report: &LoadReport, response: &Latency) -> String {
    let title = escape(&format!("{} on {}", report.scenario, report.target));
    let answer =
        headline(report).map(|line| format!("<p class=\"answer\">{}</p>\n", escape(&line))).unwrap_or_default();
    let mut charts = String::new();
    for chart in charts_of(report, response) {
        charts.push_str(&plot::render(&chart));
    }
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n\
         {answer}<div class=\"charts\">\n{charts}</div>\n<pre>{}</pre>\n</body></html>\n",
        escape(&text::render(report))
    );
    page
}

fn charts_of(report: &LoadReport, response: &Latency) -> Vec<Chart> {
    let mut charts = Vec::new();
    let limit = report.slo.as_ref().map(|slo| slo.p99_ms);
    if report.trials.len() > 1 {
        charts.push(latency_by_rate(report, limit));
        charts.push(achieved_by_rate(report));
    }
    if let Some(longest) = report.trials.iter().max_by_key(|trial| trial.windows.len()) {
        charts.push(over_time(longest, limit));
    }
    if !response.is_empty() {
        let steps = response.steps(1).filter(|(quantile, ..)| *quantile < 1.0);
        let points = steps.map(|(quantile, ms, _)| (1.0 / (1.0 - quantile), ms)).collect();
        charts.push(Chart {
            title: "response time by percentile",
            x: "1 / (1 - percentile): 10 is p90, 100 is p99",
            y: "ms",
            log: true,
            limit,
            series: vec![Series { name: "response", class: "a", joined: true, points }],
        });
    }
    charts
}

fn latency_by_rate(report: &LoadReport, limit: Option<f64>) -> Chart {
    let p99 = |good: bool| {
        let trials = report.trials.iter().filter(|trial| matches!(trial.verdict, Verdict::Fail(_)) != good);
        let mut points: Vec<(f64, f64)> =
            trials.filter_map(|trial| Some((trial.offered, trial.response_ms?.p99))).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    };
    Chart {
        title: "p99 against offered rate",
        x: "offered, requests/s",
        y: "p99, ms",
        log: true,
        limit,
        series: vec![
            Series { name: "held or undecided", class: "a", joined: true, points: p99(true) },
            Series { name: "failed", class: "b", joined: false, points: p99(false) },
        ],
    }
}

fn achieved_by_rate(report: &LoadReport) -> Chart {
    let mut points: Vec<(f64, f64)> = report.trials.iter().map(|trial| (trial.offered, trial.achieved)).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ideal = points.iter().map(|(offered, _)| (*offered, *offered)).collect();
    Chart {
        title: "achieved against offered rate",
        x: "offered, requests/s",
        y: "achieved, requests/s",
        log: true,
        limit: None,
        series: vec![
            Series { name: "achieved", class: "a", joined: true, points },
            Series { name: "offered", class: "c", joined: true, points: ideal },
        ],
    }
}

fn over_time(trial: &Trial, limit: Option<f64>) -> Chart {
    let of = |pick: fn(&yummy_api::load::LoadQuantiles) -> f64| {
        trial.windows.iter().filter_map(|w| Some((w.at_s, pick(w.response_ms.as_ref()?)))).collect()
    };
    Chart {
        title: "response time, second by second, in the longest trial",
        x: "s",
        y: "ms",
        log: false,
        limit,
        series: vec![
            Series { name: "p99", class: "b", joined: true, points: of(|q| q.p99) },
            Series { name: "p50", class: "a", joined: true, points: of(|q| q.p50) },
        ],
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
