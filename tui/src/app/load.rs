//! The Load screen's state: scenarios, settings, the run that goes on, its report and the baseline.

use yummy_api::load::{LimitKind, LoadReport, Trial};

use super::rows::ModelKey;

/// A scenario that can be chosen.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Name, as on the command line.
    pub(crate) name: &'static str,
    /// What it does, in at most 14 columns.
    pub(crate) short: &'static str,
    /// What it does, in a line.
    pub(crate) about: &'static str,
    /// Whether the rate of the settings holds for it, and their duration.
    pub(crate) takes_rate: bool,
}

/// The scenarios of the dashboard. `yummy-tui load` has two more, which need a file or a second target.
pub(crate) static SCENARIOS: &[Scenario] = &[
    steady("burst", "one rate", "one rate for a while"),
    searching("find", "breaking point", "the highest rate that meets all objectives; two to five minutes"),
    steady("spikes", "rate x5, 3x", "the rate, then five times it, three times over; each as long as the duration"),
    steady("reload", "while swapping", "a steady rate while you write a new version into mlruns"),
    searching(
        "rows",
        "1 to 10k rows",
        "find at 1, 10, 100, 674, 1,000 and 10,000 rows a request; predictions a second",
    ),
    searching(
        "load-test",
        "1 to 300/s",
        "a straight ramp from 1 to 300/s in five minutes; where does each objective break?",
    ),
    searching("stress", "0 to 500/s", "a straight ramp to 500/s in 100 s, then how long until it answers as before"),
    searching(
        "max-performance",
        "90 % of limit",
        "find, then 90 % of the limit for five minutes: does latency or memory drift?",
    ),
    searching("soak", "70 % of limit", "find, then 70 % of the limit for an hour: does memory grow?"),
    searching(
        "grid-mlflow",
        "10 to 1000/s",
        "19 rates from 10 to 1,000/s, 5 s each, as yummy-mlflow's benchmark has them",
    ),
    searching("response-time", "1/s for 100 s", "one request a second for 100 s: what a lone user sees"),
];

const fn steady(name: &'static str, short: &'static str, about: &'static str) -> Scenario {
    Scenario { name, short, about, takes_rate: true }
}

/// Brings its own rates and lengths.
const fn searching(name: &'static str, short: &'static str, about: &'static str) -> Scenario {
    Scenario { name, short, about, takes_rate: false }
}

/// One number that can be edited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) value: f64,
    /// What is accepted; safety bounds of the load engine.
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// Indices into [`LoadScreen::settings`].
pub(crate) const RATE: usize = 0;
pub(crate) const DURATION: usize = 1;
pub(crate) const P99: usize = 2;
pub(crate) const ERRORS: usize = 3;
pub(crate) const ACHIEVED: usize = 4;
pub(crate) const BUDGET: usize = 5;

/// What a run is asked to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LoadPlan {
    pub(crate) scenario: &'static str,
    /// Base URL of the serving listener.
    pub(crate) url: String,
    pub(crate) model: ModelKey,
    /// Path that is posted to.
    pub(crate) path: String,
    /// The input example; the engine asks the daemon when there is none here.
    pub(crate) body: Option<String>,
    /// Requests a second.
    pub(crate) rate: f64,
    pub(crate) duration_s: f64,
    pub(crate) p99_ms: f64,
    /// 0 to 1.
    pub(crate) error_share: f64,
    /// 0 to 1.
    pub(crate) achieved_share: f64,
    pub(crate) budget_s: f64,
}

impl LoadPlan {
    /// Seconds of load, where they are known beforehand.
    pub(crate) fn total_s(&self) -> Option<f64> {
        match self.scenario {
            "burst" | "reload" => Some(self.duration_s),
            // Three spikes, and the base rate around them.
            "spikes" => Some(self.duration_s * 7.0),
            _ => None,
        }
    }
}

/// How a run is going, a few times a second.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    /// What is being done: `measuring`, `bisecting 1480..1560/s`.
    pub(crate) phase: String,
    pub(crate) elapsed_s: f64,
    /// Whole length, where it is known.
    pub(crate) total_s: Option<f64>,
    pub(crate) offered: f64,
    pub(crate) achieved: Option<f64>,
    pub(crate) sent: u64,
    pub(crate) errors: u64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) slow_share: Option<f64>,
    pub(crate) lag_p99_ms: Option<f64>,
    pub(crate) in_flight: Option<u64>,
    pub(crate) generator_cpu: Option<f64>,
    /// Rates that are done, in order.
    pub(crate) trials: Vec<Trial>,
}

/// A run that goes on.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) plan: LoadPlan,
    pub(crate) progress: Progress,
    /// Whether it was asked to stop.
    pub(crate) stopping: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct LoadScreen {
    pub(crate) scenario: usize,
    pub(crate) settings: [Setting; 6],
    pub(crate) run: Option<Run>,
    /// What the last run was, and its report or why there is none.
    pub(crate) last: Option<(LoadPlan, Result<LoadReport, String>)>,
    pub(crate) baseline: Option<LoadReport>,
}

impl Default for LoadScreen {
    fn default() -> Self {
        let setting = |name, unit, value, least, most| Setting { name, unit, value, least, most };
        Self {
            scenario: 0,
            settings: [
                setting("rate", "/s", 200.0, 1.0, 50_000.0),
                setting("duration", "s", 10.0, 1.0, 600.0),
                setting("p99", "ms", 20.0, 0.1, 60_000.0),
                setting("errors", "%", 0.1, 0.0, 100.0),
                setting("achieved", "%", 99.0, 1.0, 100.0),
                setting("budget", "s", 300.0, 10.0, 3_600.0),
            ],
            run: None,
            last: None,
            baseline: None,
        }
    }
}

impl LoadScreen {
    /// The chosen scenario.
    pub(crate) fn chosen(&self) -> &'static Scenario {
        &SCENARIOS[self.scenario.min(SCENARIOS.len() - 1)]
    }

    /// Highest p99 that is fine, milliseconds.
    pub(crate) fn slo_ms(&self) -> f64 {
        self.settings[P99].value
    }

    /// The plan of a scenario against a version with these settings.
    pub(crate) fn plan(&self, scenario: &'static Scenario, url: String, model: ModelKey, path: String) -> LoadPlan {
        let value = |index: usize| self.settings[index].value;
        LoadPlan {
            scenario: scenario.name,
            url,
            model,
            path,
            body: None,
            rate: value(RATE),
            duration_s: value(DURATION),
            p99_ms: value(P99),
            error_share: value(ERRORS) / 100.0,
            achieved_share: value(ACHIEVED) / 100.0,
            budget_s: value(BUDGET),
        }
    }

    /// Trials to show: of the run that goes on, else of the last one.
    pub(crate) fn trials(&self) -> &[Trial] {
        match (&self.run, &self.last) {
            (Some(run), _) => &run.progress.trials,
            (None, Some((_, Ok(report)))) => &report.trials,
            _ => &[],
        }
    }

    /// Trials of the baseline, while one is compared with.
    pub(crate) fn baseline_trials(&self) -> &[Trial] {
        self.baseline.as_ref().map_or(&[], |b| &b.trials)
    }

    /// The last report.
    pub(crate) fn report(&self) -> Option<&LoadReport> {
        self.last.as_ref().and_then(|(_, result)| result.as_ref().ok())
    }
}

/// Sets a field from what was typed; says what is accepted when it is not a number within the bounds.
pub(crate) fn set(setting: &mut Setting, typed: &str) -> Result<(), String> {
    match typed.trim().parse::<f64>() {
        Ok(value) if value >= setting.least && value <= setting.most => {
            setting.value = value;
            Ok(())
        }
        _ => Err(format!("{} takes a number from {} to {}", setting.name, setting.least, setting.most)),
    }
}

/// The outcome of a report in one line, for the Overview and the events.
pub(crate) fn outcome(report: &LoadReport) -> String {
    use crate::format::{count, ms};
    if let Some(limit) = &report.limit {
        if limit.kind == LimitKind::Generator {
            return format!(">= {}/s: the generator, not the server, was the limit", count(limit.rate));
        }
        let broke = limit.broke.as_deref().map(|b| format!(", then {b} breaks")).unwrap_or_default();
        let confirmed = if limit.confirmed { ", confirmed" } else { "" };
        return format!(
            "limit {}/s ({} to {}){confirmed}{broke}",
            count(limit.rate),
            count(limit.low),
            count(limit.high)
        );
    }
    let Some(trial) = report.trials.last() else { return "ended before anything was measured".into() };
    let errors: u64 = trial.errors.values().sum();
    let latency = trial.response_ms.map(|q| format!("  p50 {}  p99 {} ms", ms(q.p50), ms(q.p99))).unwrap_or_default();
    format!(
        "{}  {} sent  {}/s of {}{latency}  errors {errors}",
        verdict(trial),
        trial.sent,
        count(trial.achieved),
        count(trial.offered)
    )
}

/// A verdict in a few words.
pub(crate) fn verdict(trial: &Trial) -> String {
    use yummy_api::load::Verdict;
    match &trial.verdict {
        Verdict::Pass => "pass".into(),
        Verdict::Fail(why) => format!("FAIL {why}"),
        Verdict::Void(why) => format!("void: {why}"),
        Verdict::Undecided(why) => format!("undecided: {why}"),
        Verdict::Aborted(why) => format!("stopped: {why}"),
        Verdict::Measured => "measured".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_takes_only_numbers_within_its_bounds() {
        let mut settings = LoadScreen::default().settings;
        assert!(set(&mut settings[RATE], " 1500 ").is_ok());
        for bad in ["", "fast", "0", "60000", "NaN", "inf", "-3"] {
            let error = set(&mut settings[RATE], bad).expect_err(bad);
            assert!(error.contains("1 to 50000"), "{error}");
        }
        assert!((settings[RATE].value - 1500.0).abs() < f64::EPSILON);
    }
}
