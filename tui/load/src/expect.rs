//! Expectations of a caller: `rate>=1000`, `p99<=20`, `errors<0.001`. Pure.

use std::str::FromStr;

use yummy_api::load::{LoadReport, Trial};

use crate::error::LoadError;

/// Numbers of a report that can be expected or compared, and whether more is better.
pub const METRICS: [(&str, bool); 7] = [
    ("rate", true),
    ("predictions", true),
    ("achieved", true),
    ("p50", false),
    ("p99", false),
    ("errors", false),
    ("slow", false),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    AtLeast,
    AtMost,
    Above,
    Below,
}

/// One expectation.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    text: String,
    metric: String,
    relation: Relation,
    value: f64,
}

impl FromStr for Expectation {
    type Err = LoadError;

    fn from_str(text: &str) -> Result<Self, LoadError> {
        let bounds = || {
            let names: Vec<&str> = METRICS.iter().map(|(name, _)| *name).collect();
            format!("one of {}, then >=, <=, > or <, then a number", names.join(", "))
        };
        let bad = || LoadError::Bounds { what: "the expectation", given: text.to_owned(), bounds: bounds() };
        let relations =
            [(">=", Relation::AtLeast), ("<=", Relation::AtMost), (">", Relation::Above), ("<", Relation::Below)];
        let (metric, relation, value) = relations
            .iter()
            .find_map(|(sign, relation)| text.split_once(sign).map(|(metric, value)| (metric.trim(), *relation, value)))
            .ok_or_else(bad)?;
        let known = METRICS.iter().any(|(name, _)| *name == metric);
        let value: f64 = value.trim().parse().map_err(|_| bad())?;
        if !known || !value.is_finite() {
            return Err(bad());
        }
        Ok(Self { text: text.to_owned(), metric: metric.to_owned(), relation, value })
    }
}

impl Expectation {
    /// What the report falls short of, or `None` when the expectation is met. An unknown number meets nothing.
    #[must_use]
    pub fn missed_by(&self, report: &LoadReport) -> Option<String> {
        let Some(found) = metric(report, &self.metric) else {
            return Some(format!("expected {}, but the report has no {}", self.text, self.metric));
        };
        let met = match self.relation {
            Relation::AtLeast => found >= self.value,
            Relation::AtMost => found <= self.value,
            Relation::Above => found > self.value,
            Relation::Below => found < self.value,
        };
        (!met).then(|| format!("expected {}, found {found}", self.text))
    }
}

/// One number of a report: of its limit where it has one, else of its worst trial. Times are milliseconds, shares 0
/// to 1, rates per second.
#[must_use]
pub fn metric(report: &LoadReport, name: &str) -> Option<f64> {
    let trials = &report.trials;
    let errors = |trial: &Trial| trial.errors.values().sum::<u64>() as f64 / (trial.sent.max(1)) as f64;
    // With a limit, latencies are asked of the highest rate that held.
    let at_limit = report
        .limit
        .as_ref()
        .and_then(|limit| trials.iter().rfind(|trial| (trial.offered - limit.rate).abs() <= 0.01 * limit.rate));
    let worst = |of: &dyn Fn(&Trial) -> Option<f64>| match at_limit {
        Some(trial) => of(trial),
        None => trials.iter().filter_map(of).reduce(f64::max),
    };
    match name {
        "rate" => report.limit.as_ref().map(|limit| limit.rate),
        "predictions" => report.limit.as_ref().map(|limit| limit.predictions_per_s),
        "achieved" => match at_limit {
            Some(trial) => Some(trial.achieved),
            None => trials.iter().map(|trial| trial.achieved).reduce(f64::max),
        },
        "p50" => worst(&|trial| trial.response_ms.or(trial.service_ms).map(|quantiles| quantiles.p50)),
        "p99" => worst(&|trial| trial.response_ms.or(trial.service_ms).map(|quantiles| quantiles.p99)),
        "errors" => worst(&|trial| Some(errors(trial))),
        "slow" => worst(&|trial| trial.slow_share),
        _ => None,
    }
}
