//! A canned load run: a server that keeps up to some 1500 requests a second and gets slow above.

use std::{collections::BTreeMap, time::Duration};

use tokio::{sync::mpsc, time::interval};
use yummy_api::{
    API_VERSION,
    load::{Arrivals, Limit, LimitKind, LoadQuantiles, LoadReport, Trial, TrialCpu, Verdict},
};

use crate::app::{
    Msg,
    load::{LoadPlan, Progress},
};

/// Rates that a canned search tries, in order.
const SEARCH: [f64; 12] = [50.0, 100.0, 200.0, 400.0, 800.0, 1600.0, 1131.0, 1345.0, 1466.0, 1560.0, 1512.0, 1489.0];
/// Seconds for each of them, so that a demo is not a wait.
const STEP_S: f64 = 2.0;

/// Plays a run until it ends or `stop` is set. Progress that finds the channel full is dropped: the next one
/// replaces it anyway.
pub(crate) async fn run_load(plan: LoadPlan, messages: mpsc::Sender<Msg>, stop: std::sync::Arc<tokio::sync::Notify>) {
    let rates: Vec<f64> = if plan.scenario == "find" { SEARCH.to_vec() } else { vec![plan.rate] };
    let step_s = if plan.scenario == "find" { STEP_S } else { plan.duration_s };
    let mut trials = Vec::new();
    let mut ticks = interval(Duration::from_millis(200));
    let mut stopped = false;
    let started = tokio::time::Instant::now();
    'rates: for &rate in &rates {
        let begun = tokio::time::Instant::now();
        while begun.elapsed().as_secs_f64() < step_s {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.notified() => {
                    stopped = true;
                    break;
                }
            }
            let progress =
                progress(&plan, rate, begun.elapsed().as_secs_f64(), started.elapsed().as_secs_f64(), &trials);
            let _ = messages.try_send(Msg::LoadProgress(Box::new(progress)));
        }
        let seconds = begun.elapsed().as_secs_f64().min(step_s);
        trials.push(trial(rate, seconds, plan.p99_ms, stopped));
        if stopped {
            break 'rates;
        }
    }
    let report = report(&plan, trials);
    let _ = messages.send(Msg::LoadDone(Ok(Box::new(report)))).await;
}

fn progress(plan: &LoadPlan, rate: f64, in_step_s: f64, elapsed_s: f64, trials: &[Trial]) -> Progress {
    let done = trial(rate, in_step_s, plan.p99_ms, false);
    let latency = done.response_ms.unwrap_or_default();
    let searching = plan.scenario == "find";
    Progress {
        phase: if searching { format!("trial {} at {rate:.0}/s", trials.len() + 1) } else { "measuring".into() },
        elapsed_s,
        total_s: Some(if searching { STEP_S * SEARCH.len() as f64 } else { plan.duration_s }),
        offered: rate,
        achieved: Some(done.achieved),
        sent: done.sent,
        errors: 0,
        p50_ms: Some(latency.p50),
        p99_ms: Some(latency.p99),
        slow_share: done.slow_share,
        lag_p99_ms: Some(0.21),
        in_flight: Some((rate * latency.p50 / 1000.0).ceil() as u64),
        generator_cpu: done.cpu.generator,
        trials: trials.to_vec(),
    }
}

/// What one rate gives: latencies of a queue, whose length grows without end at 1600/s.
fn trial(rate: f64, seconds: f64, slo_ms: f64, stopped: bool) -> Trial {
    let busy = (rate / 1600.0).min(0.998);
    let p99 = 2.2 + 0.9 / (1.0 - busy) * (1.0 + busy * busy * 2.0) * 0.36 + if rate > 1500.0 { 30.0 } else { 0.0 };
    let response =
        LoadQuantiles { p50: p99 * 0.3, p90: p99 * 0.6, p99, p99_9: p99 * 1.6, max: p99 * 2.5, mean: p99 * 0.35 };
    let verdict = match p99 <= slo_ms {
        _ if stopped => Verdict::Aborted("by the user".into()),
        true => Verdict::Pass,
        false => Verdict::Fail("p99".into()),
    };
    Trial {
        purpose: "measure".into(),
        target: None,
        rows_per_request: 1,
        offered: rate,
        sent: (rate * seconds) as u64,
        achieved: rate.min(1571.0),
        seconds,
        response_ms: Some(response),
        service_ms: Some(LoadQuantiles { p99: p99 * 0.9, ..response }),
        lag_ms: Some(LoadQuantiles { p99: 0.21, ..LoadQuantiles::default() }),
        slow_share: Some(if p99 <= slo_ms { 0.002 * busy } else { 0.031 }),
        errors: BTreeMap::new(),
        unsent: 0,
        cpu: TrialCpu { server: Some(rate / 1000.0), generator: Some(rate / 2600.0) },
        rss_bytes: Some(33_000_000),
        verdict,
        waited_share: 0.0,
        settle_ms: None,
        marks: Vec::new(),
        windows: Vec::new(),
    }
}

fn report(plan: &LoadPlan, trials: Vec<Trial>) -> LoadReport {
    let whole = plan.scenario == "find" && trials.len() == SEARCH.len();
    LoadReport {
        api: API_VERSION,
        scenario: plan.scenario.into(),
        run_id: "demo".into(),
        co_located: true,
        connections: 16,
        slo: None,
        ceiling: None,
        findings: Vec::new(),
        target: format!("{}{}", plan.url, plan.path),
        mode: Arrivals::Constant,
        seed: 1,
        rows_per_request: 1,
        trials,
        limit: whole.then(|| Limit {
            rate: 1489.0,
            low: 1489.0,
            high: 1512.0,
            confirmed: true,
            broke: Some("p99".into()),
            kind: LimitKind::Slo,
            predictions_per_s: 1489.0,
            efficient_rate: None,
            above: None,
            recovery_ms: None,
            undecided: None,
        }),
        notes: vec!["co-located: generator and server share the cores, the number is a lower bound".into()],
    }
}

/// Trials at some rates.
#[cfg(test)]
pub(crate) fn trials(rates: &[f64], slo_ms: f64) -> Vec<Trial> {
    rates.iter().map(|&rate| trial(rate, STEP_S, slo_ms, false)).collect()
}

/// The report of a whole search.
#[cfg(test)]
pub(crate) fn search_report(plan: &LoadPlan) -> LoadReport {
    report(&LoadPlan { scenario: "find", ..plan.clone() }, trials(&SEARCH, plan.p99_ms))
}
