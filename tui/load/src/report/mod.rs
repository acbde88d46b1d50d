//! Reports as people and programs read them. Pure: a report in, text out; who calls writes the files.

pub mod csv;
pub mod hgrm;
pub mod html;
mod plot;
pub mod text;

use yummy_api::load::{LoadReport, Trial, Verdict};

/// A verdict in a word or two: `pass`, `FAIL p99`, `void`, …
fn verdict_word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pass => "pass".to_owned(),
        Verdict::Fail(objective) => format!("FAIL {objective}"),
        Verdict::Void(_) => "void".to_owned(),
        Verdict::Undecided(_) => "undecided".to_owned(),
        Verdict::Aborted(_) => "aborted".to_owned(),
        Verdict::Measured => "measured".to_owned(),
    }
}

/// Why, where a verdict has a reason beyond its word.
fn verdict_reason(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::Void(reason) | Verdict::Undecided(reason) | Verdict::Aborted(reason) => Some(reason),
        Verdict::Pass | Verdict::Fail(_) | Verdict::Measured => None,
    }
}

fn errors_of(trial: &Trial) -> u64 {
    trial.errors.values().sum()
}

/// The answer in one line, where the scenario has one.
#[must_use]
pub fn headline(report: &LoadReport) -> Option<String> {
    use yummy_api::load::LimitKind;
    let limit = report.limit.as_ref()?;
    let confirmed = if limit.confirmed { "confirmed" } else { "not confirmed" };
    let broke = limit.broke.as_deref().map_or_else(String::new, |broke| format!(", {broke} breaks first"));
    let range = format!("[{:.0}, {:.0}]", limit.low, limit.high);
    Some(match limit.kind {
        LimitKind::Generator => {
            format!(">= {:.0} requests/s: the generator, not the server, was the limit", limit.rate)
        }
        LimitKind::Noise => format!(
            "saturation at {:.0} requests/s {range}, {confirmed}; the tail is noise, not load, so no p99 limit exists",
            limit.rate
        ),
        LimitKind::Slo | LimitKind::Saturation => format!(
            "{:.0} requests/s {range}, {confirmed}{broke}; {:.0} predictions/s",
            limit.rate, limit.predictions_per_s
        ),
    })
}
