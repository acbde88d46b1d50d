//! One line a trial, for spreadsheets. Times are milliseconds, rates per second, sizes bytes, CPU cores.

use yummy_api::load::{LoadQuantiles, LoadReport, Trial};

use super::{errors_of, verdict_reason, verdict_word};

const HEADER: &str = "purpose,target,rows_per_request,offered,sent,unsent,achieved,seconds,\
response_p50_ms,response_p90_ms,response_p99_ms,response_p99_9_ms,response_max_ms,response_mean_ms,\
service_p50_ms,service_p99_ms,lag_p50_ms,lag_p99_ms,slow_share,errors,server_cpu,generator_cpu,rss_bytes,settle_ms,\
verdict,reason";

/// The report's trials.
#[must_use]
pub fn render(report: &LoadReport) -> String {
    let mut out = String::from(HEADER);
    out.push('\n');
    for trial in &report.trials {
        out.push_str(&line(trial).join(","));
        out.push('\n');
    }
    out
}

fn line(trial: &Trial) -> Vec<String> {
    let of =
        |quantiles: &Option<LoadQuantiles>, pick: fn(&LoadQuantiles) -> f64| optional(quantiles.as_ref().map(pick));
    let response = &trial.response_ms;
    vec![
        text(&trial.purpose),
        text(trial.target.as_deref().unwrap_or_default()),
        trial.rows_per_request.to_string(),
        trial.offered.to_string(),
        trial.sent.to_string(),
        trial.unsent.to_string(),
        trial.achieved.to_string(),
        trial.seconds.to_string(),
        of(response, |q| q.p50),
        of(response, |q| q.p90),
        of(response, |q| q.p99),
        of(response, |q| q.p99_9),
        of(response, |q| q.max),
        of(response, |q| q.mean),
        of(&trial.service_ms, |q| q.p50),
        of(&trial.service_ms, |q| q.p99),
        of(&trial.lag_ms, |q| q.p50),
        of(&trial.lag_ms, |q| q.p99),
        optional(trial.slow_share),
        errors_of(trial).to_string(),
        optional(trial.cpu.server),
        optional(trial.cpu.generator),
        trial.rss_bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
        optional(trial.settle_ms),
        text(&verdict_word(&trial.verdict)),
        text(verdict_reason(&trial.verdict).unwrap_or_default()),
    ]
}

fn optional(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn text(value: &str) -> String {
    if value.contains([',', '"', '\n']) { format!("\"{}\"", value.replace('"', "\"\"")) } else { value.to_owned() }
}
