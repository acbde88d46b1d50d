//! A scenario on a thread of its own: started, watched, stopped and joined from any other thread.

use std::{
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::sync::watch;
use yummy_api::{
    API_VERSION,
    load::{LoadReport, Objectives},
};

use crate::{
    error::LoadError,
    generator::MAX_CONNECTIONS,
    latency::Latency,
    lock::RunLock,
    progress::{Abort, Phase, Reporter, Snapshot},
    scenario::{MAX_DURATION, MAX_RATE, Scenario},
    session::{Plan, Session},
};

/// Starts runs.
#[derive(Debug)]
pub struct Run;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The report, as `--json` prints it.
    pub report: LoadReport,
    /// Response times of the trial that stands for the run, for `.hgrm` files.
    pub response: Latency,
}

/// A run under way.
#[derive(Debug)]
pub struct RunHandle {
    snapshots: watch::Receiver<Snapshot>,
    abort: Abort,
    thread: JoinHandle<Result<Outcome, LoadError>>,
}

impl Run {
    /// Starts `scenario` on a thread of its own. `lock` names the file that keeps runs apart, see
    /// [`crate::lock::default_path`]; `None` takes no lock.
    ///
    /// # Errors
    ///
    /// When a number is out of bounds, another run is under way, or there is no thread to be had. What goes wrong
    /// later comes from [`RunHandle::join`].
    pub fn start(plan: Plan, scenario: Scenario, lock: Option<PathBuf>) -> Result<RunHandle, LoadError> {
        scenario.check()?;
        check_plan(&plan, &scenario)?;
        let held = lock.map(|path| RunLock::take(&path)).transpose()?;
        let (reporter, snapshots) = Reporter::new();
        let abort = Abort::default();
        let stop = abort.clone();
        let thread = thread::Builder::new()
            .name("load-run".to_owned())
            .spawn(move || {
                let result = block_on(plan, &scenario, stop, Arc::new(reporter));
                drop(held);
                result
            })
            .map_err(LoadError::Thread)?;
        Ok(RunHandle { snapshots, abort, thread })
    }
}

impl RunHandle {
    /// How the run stands now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.snapshots.borrow().clone()
    }

    /// Resolves on every change; newest wins.
    #[must_use]
    pub fn snapshots(&self) -> watch::Receiver<Snapshot> {
        self.snapshots.clone()
    }

    /// Stops the run: nothing more is sent, what is in flight is cancelled, within 100 ms.
    pub fn abort(&self) {
        self.abort.abort();
    }

    /// The same, to be kept apart from the handle.
    #[must_use]
    pub fn aborter(&self) -> Abort {
        self.abort.clone()
    }

    /// Whether [`RunHandle::join`] returns at once.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the end. A run that was stopped still reports what it measured.
    ///
    /// # Errors
    ///
    /// When the server is not there, does not score, or the system runs out of something.
    pub fn join(self) -> Result<Outcome, LoadError> {
        self.thread.join().unwrap_or_else(|_| Err(LoadError::Thread(std::io::Error::other("the load run panicked"))))
    }
}

fn block_on(plan: Plan, scenario: &Scenario, abort: Abort, reporter: Arc<Reporter>) -> Result<Outcome, LoadError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LoadError::Thread)?;
    runtime.block_on(async {
        let mut session = tokio::select! {
            session = Session::open(plan, run_id(), abort.clone(), reporter) => session?,
            () = abort.asked() => return Err(LoadError::Stopped),
        };
        scenario.run(&mut session).await?;
        session.reporter.update(|now| now.phase = Phase::Done);
        Ok(report(session, scenario))
    })
}

fn report(mut session: Session, scenario: &Scenario) -> Outcome {
    if session.plan.target.is_local() {
        session.note("co-located: server and generator share this machine's cores, so the numbers are lower bounds");
    }
    let slo = session.plan.slo;
    let report = LoadReport {
        api: API_VERSION,
        scenario: scenario.name().to_owned(),
        run_id: session.run_id.clone(),
        target: target_text(&session.plan),
        co_located: session.plan.target.is_local(),
        connections: session.generator.connections() as u64,
        slo: Some(Objectives { p99_ms: slo.p99.as_secs_f64() * 1e3, errors: slo.errors, achieved: slo.achieved }),
        mode: session.plan.arrivals,
        seed: session.plan.seed,
        rows_per_request: session.plan.bodies.rows(),
        trials: Arc::unwrap_or_clone(std::mem::take(&mut session.trials)),
        limit: session.limit.take(),
        ceiling: session.ceiling,
        findings: std::mem::take(&mut session.findings),
        notes: std::mem::take(&mut session.notes),
    };
    Outcome { report, response: std::mem::take(&mut session.response) }
}

fn target_text(plan: &Plan) -> String {
    if plan.model.is_empty() { plan.target.to_string() } else { format!("{} ({})", plan.target, plan.model) }
}

/// Tells runs apart in the server's log: start time and process, both in hex.
fn run_id() -> String {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", since_epoch.as_millis(), std::process::id())
}

fn check_plan(plan: &Plan, scenario: &Scenario) -> Result<(), LoadError> {
    if matches!(scenario, Scenario::Replay) {
        check_recording(plan)?;
    }
    let connections = plan.transport.connections;
    let ok = (1..=MAX_CONNECTIONS).contains(&connections);
    let bounds = format!("from 1 to {MAX_CONNECTIONS}");
    ok.then_some(()).ok_or(LoadError::Bounds {
        what: "the number of connections",
        given: connections.to_string(),
        bounds,
    })
}

fn check_recording(plan: &Plan) -> Result<(), LoadError> {
    let bad = |reason: String| LoadError::Bodies { source_name: plan.bodies.source().to_owned(), reason };
    let times = plan.bodies.times().ok_or_else(|| bad("it is not a recording".to_owned()))?;
    let seconds = times.last().map_or(0.0, |&last| last as f64 / 1e9);
    if seconds > MAX_DURATION.as_secs_f64() {
        return Err(bad(format!("it lasts {seconds:.0} s, but at most {} s are replayed", MAX_DURATION.as_secs())));
    }
    let fastest = times.windows(MAX_RATE as usize).any(|second| second[second.len() - 1] - second[0] < 1_000_000_000);
    if fastest { Err(bad(format!("it has more than {MAX_RATE} requests within a second"))) } else { Ok(()) }
}
