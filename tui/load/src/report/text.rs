//! The report as a table for a terminal.

use std::fmt::Write as _;

use yummy_api::load::{Arrivals, LoadReport, Trial};

use super::{errors_of, headline, verdict_reason, verdict_word};

/// The whole report, at most 120 columns wide.
#[must_use]
pub fn render(report: &LoadReport) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut out, report);
    out
}

fn write_all(out: &mut String, report: &LoadReport) -> std::fmt::Result {
    let mode = match report.mode {
        Arrivals::Constant => "constant",
        Arrivals::Poisson => "poisson",
    };
    writeln!(out, "{} on {}", report.scenario, report.target)?;
    writeln!(
        out,
        "{mode} arrivals, seed {}, {} row(s) a request, {} connections, run {}",
        report.seed, report.rows_per_request, report.connections, report.run_id
    )?;
    if let Some(slo) = &report.slo {
        writeln!(
            out,
            "objectives: p99 <= {} ms, errors <= {} %, achieved >= {} % of offered",
            slo.p99_ms,
            slo.errors * 100.0,
            slo.achieved * 100.0
        )?;
    }
    if let Some(headline) = headline(report) {
        writeln!(out, "\n{headline}")?;
    }
    write_limit(out, report)?;
    write_trials(out, report)?;
    if !report.findings.is_empty() {
        writeln!(out)?;
    }
    for finding in &report.findings {
        let value = finding.value.map_or_else(|| "-".to_owned(), number);
        writeln!(out, "{:24} {value:>12} {:15} {}", finding.name, finding.unit, finding.text)?;
    }
    if !report.notes.is_empty() {
        writeln!(out)?;
    }
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
    }
    Ok(())
}

fn write_limit(out: &mut String, report: &LoadReport) -> std::fmt::Result {
    let Some(limit) = &report.limit else { return Ok(()) };
    if let Some(rate) = limit.efficient_rate {
        writeln!(out, "most efficient tested rate: {rate:.0}/s (achieved rate / mean response time is largest there)")?;
    }
    if let Some(above) = &limit.above {
        let recovery = limit.recovery_ms.map_or_else(|| "not within 5 s".to_owned(), |ms| format!("in {ms:.0} ms"));
        writeln!(out, "above the limit: {above}; recovered {recovery}")?;
    }
    if let Some(ceiling) = report.ceiling {
        writeln!(out, "the generator itself holds {ceiling:.0}/s on this machine")?;
    }
    Ok(())
}

fn write_trials(out: &mut String, report: &LoadReport) -> std::fmt::Result {
    writeln!(
        out,
        "\n{:<12}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>10}{:>8}{:>7}{:>8}{:>6}{:>6}{:>7}  verdict",
        "trial",
        "offered",
        "achieved",
        "p50 ms",
        "p90 ms",
        "p99 ms",
        "p99.9",
        "svc p99",
        "slow %",
        "errors",
        "lag p99",
        "gen",
        "srv",
        "RSS MB"
    )?;
    for trial in &report.trials {
        writeln!(out, "{}", row(trial))?;
        if let Some(reason) = verdict_reason(&trial.verdict) {
            writeln!(out, "{:12}{reason}", "")?;
        }
        for mark in &trial.marks {
            writeln!(out, "{:12}{mark}", "")?;
        }
    }
    Ok(())
}

fn row(trial: &Trial) -> String {
    let ms = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), number);
    let response = trial.response_ms;
    let name = match &trial.target {
        Some(target) => format!("{} {target}", trial.purpose),
        None => trial.purpose.clone(),
    };
    format!(
        "{name:<12}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>10}{:>8}{:>7}{:>8}{:>6}{:>6}{:>7}  {}",
        number(trial.offered),
        number(trial.achieved),
        ms(response.map(|r| r.p50)),
        ms(response.map(|r| r.p90)),
        ms(response.map(|r| r.p99)),
        ms(response.map(|r| r.p99_9)),
        ms(trial.service_ms.map(|s| s.p99)),
        trial.slow_share.map_or_else(|| "-".to_owned(), |share| format!("{:.2}", share * 100.0)),
        errors_of(trial),
        ms(trial.lag_ms.map(|lag| lag.p99)),
        trial.cpu.generator.map_or_else(|| "-".to_owned(), |cores| format!("{cores:.2}")),
        trial.cpu.server.map_or_else(|| "-".to_owned(), |cores| format!("{cores:.2}")),
        trial.rss_bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{:.0}", bytes as f64 / 1e6)),
        verdict_word(&trial.verdict)
    )
}

/// Three or four significant digits, as a column of numbers needs them.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || size == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
