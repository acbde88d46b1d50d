//! The bridge to the load engine: plans out, progress and reports in.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, mpsc},
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use yummy_api::load::{Arrivals, LoadReport};
use yummy_load::{
    LoadError, Plan, Run, Scenario, Snapshot,
    bodies::{Bodies, vary, vary::Shape},
    catalog,
    generator::Transport,
    lock,
    scenario::{FindSpec, ROWS},
    slo::Slo,
    target::{Reach, Target},
};

use crate::app::{
    Msg,
    load::{LoadPlan, Progress},
};

/// How often progress is looked at: a person sees no more.
const LOOK: Duration = Duration::from_millis(250);

/// Runs a plan until it ends or `stop` is notified. Progress that finds the channel full is dropped: the next one
/// replaces it anyway.
pub(super) async fn run(plan: LoadPlan, messages: mpsc::Sender<Msg>, stop: Arc<Notify>) {
    let result = drive(plan, &messages, &stop).await;
    let result = result.map(Box::new).map_err(|error| error.to_string());
    // The receiver is gone only when the dashboard ends.
    let _ = messages.send(Msg::LoadDone(result)).await;
}

async fn drive(plan: LoadPlan, messages: &mpsc::Sender<Msg>, stop: &Notify) -> Result<LoadReport, LoadError> {
    let asked = plan.clone();
    // Bodies are made, and the example may be fetched: neither belongs on the thread that draws.
    let handle = blocking(move || {
        let (plan, scenario) = (engine_plan(&asked)?, scenario(&asked)?);
        Run::start(plan, scenario, Some(lock::default_path()))
    })
    .await?;
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while !handle.is_finished() {
        tokio::select! {
            _ = looks.tick() => {}
            () = stop.notified() => handle.abort(),
        }
        let progress = progress(&handle.snapshot(), &plan);
        let _ = messages.try_send(Msg::LoadProgress(Box::new(progress)));
    }
    blocking(move || handle.join()).await.map(|outcome| outcome.report)
}

/// Runs what blocks on a thread for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(LoadError::Thread(std::io::Error::other(error))))
}

/// The engine's scenario; rates and lengths that the plan does not set are those of the command line.
fn scenario(plan: &LoadPlan) -> Result<Scenario, LoadError> {
    let seconds = Duration::from_secs;
    let (rate, duration) = (plan.rate, Duration::from_secs_f64(plan.duration_s));
    let find = FindSpec { budget: Duration::from_secs_f64(plan.budget_s), ..FindSpec::default() };
    Ok(match plan.scenario {
        "find" => Scenario::Find(find),
        "spikes" => Scenario::Spikes { base: rate, factor: 5.0, length: duration, times: 3 },
        "reload" => Scenario::Reload { rate, duration },
        "rows" => {
            let bodies = ROWS.iter().map(|&rows| bodies(plan, &Reach::Loopback, rows));
            Scenario::Rows { bodies: bodies.collect::<Result<_, LoadError>>()?, find }
        }
        "load-test" => Scenario::LoadTest { to: 300.0, duration: seconds(300) },
        "stress" => Scenario::Stress { to: 500.0, duration: seconds(100) },
        "max-performance" => Scenario::MaxPerformance { limit: None, at: 0.9, duration: seconds(300) },
        "grid-mlflow" => Scenario::GridMlflow { duration: seconds(5) },
        "response-time" => Scenario::ResponseTime { duration: seconds(100) },
        "soak" => Scenario::Soak { rate: None, duration: seconds(3600) },
        _ => Scenario::Burst { rate, duration },
    })
}

/// The engine's plan: loopback only, as everything that a key starts.
fn engine_plan(plan: &LoadPlan) -> Result<Plan, LoadError> {
    let reach = Reach::Loopback;
    Ok(Plan {
        target: Target::resolve(&plan.url, &plan.path, &reach)?,
        model: plan.model.label(),
        bodies: bodies(plan, &reach, 1)?,
        reach,
        transport: Transport::default(),
        slo: Slo {
            p99: Duration::from_secs_f64(plan.p99_ms / 1e3),
            errors: plan.error_share,
            achieved: plan.achieved_share,
        },
        arrivals: Arrivals::Constant,
        seed: 1,
    })
}

/// Bodies like the input example; where the catalog of the dashboard has none, from what the daemon says of the model.
fn bodies(plan: &LoadPlan, reach: &Reach, rows: u64) -> Result<Bodies, LoadError> {
    // Each row another one.
    let shape = Shape { rows, form: None, seed: 1, same_row: false };
    let source = format!("the example of {}", plan.model.label());
    if let Some(example) = &plan.body {
        return vary::from_example(example, &source, &shape);
    }
    let reference = plan.model.version.map_or_else(|| plan.model.name.clone(), |v| format!("{}/{v}", plan.model.name));
    let info = catalog::choose(&plan.url, Some(&reference), reach)?.info;
    match (&info.example, &info.inputs) {
        (Some(example), _) => vary::from_example(example, &source, &shape),
        (None, Some(inputs)) => vary::from_signature(inputs, &format!("the signature of {reference}"), &shape),
        (None, None) => Err(LoadError::Model {
            model: reference,
            reason: "it has neither an input example nor a signature to make rows from; log the model with one".into(),
        }),
    }
}

fn progress(now: &Snapshot, plan: &LoadPlan) -> Progress {
    let phase = if now.step.is_empty() { now.phase.as_str().to_owned() } else { now.step.clone() };
    let measured = now.measured.as_secs_f64();
    // Of a burst the measured time counts; of a search, which has no length, all of it.
    let burst = plan.scenario == "burst";
    Progress {
        phase,
        elapsed_s: if burst { measured } else { now.elapsed.as_secs_f64() },
        total_s: plan.total_s(),
        offered: now.offered,
        achieved: (measured > 0.0).then_some(now.achieved),
        sent: now.sent,
        errors: now.errors.values().sum(),
        p50_ms: now.response.map(|q| q.p50),
        p99_ms: now.response.map(|q| q.p99),
        slow_share: now.slow_share,
        lag_p99_ms: now.lag.map(|q| q.p99),
        in_flight: Some(now.in_flight),
        generator_cpu: now.generator_cpu,
        trials: now.trials.to_vec(),
    }
}
