//! The state that one run keeps from trial to trial: open connections, the watch on the server, bodies, what has been
//! measured so far. Scenarios work on it; it knows none of them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use yummy_api::load::{Arrivals, Finding, Limit, Trial};

use crate::{
    bodies::Bodies,
    error::LoadError,
    exchange::{Connection, Template},
    generator::{Generator, Transport},
    latency::Latency,
    observe::{Observer, Seen},
    progress::{Abort, Phase, Reporter},
    slo::Slo,
    target::{Reach, Target},
};

/// Probes are this far apart: 20 a second, which loads no server.
const PROBE_EVERY: Duration = Duration::from_millis(50);
/// Probes that set the idle response time.
const BASELINE_PROBES: usize = 9;
/// Time for them; a server that is too slow for nine is judged by fewer.
const BASELINE_TIME: Duration = Duration::from_secs(1);
/// The server has settled once so many probes in a row were quick.
const QUICK_IN_A_ROW: u32 = 3;
/// Longest wait for that.
pub(crate) const SETTLE_LIMIT: Duration = Duration::from_secs(5);
/// How much slower than idle still counts as settled.
const SETTLED_FACTOR: f64 = 2.0;
/// Differences below this are the scheduler's, not the server's.
const SETTLED_SLACK: Duration = Duration::from_millis(1);
/// How much of a refusal is kept for the error message.
const REFUSAL_LIMIT: usize = 64 << 10;

/// What a run is given, whatever the scenario.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where to.
    pub target: Target,
    /// The model reference, as people call it; empty for a bare path.
    pub model: String,
    /// Which addresses are allowed, also for the server's admin listener.
    pub reach: Reach,
    /// Request bodies.
    pub bodies: Bodies,
    /// How they are sent.
    pub transport: Transport,
    /// Objectives.
    pub slo: Slo,
    /// Spacing of arrivals.
    pub arrivals: Arrivals,
    /// Seed of Poisson arrivals.
    pub seed: u64,
}

/// A run's state.
pub(crate) struct Session {
    pub(crate) plan: Plan,
    pub(crate) run_id: String,
    pub(crate) generator: Generator,
    pub(crate) abort: Abort,
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) started: Instant,
    pub(crate) trials: Arc<Vec<Trial>>,
    pub(crate) notes: Vec<String>,
    pub(crate) findings: Vec<Finding>,
    /// The answer of a search.
    pub(crate) limit: Option<Limit>,
    /// What the generator itself can do, once that was tried.
    pub(crate) ceiling: Option<f64>,
    /// Response times of the trial that stands for the run in `.hgrm` files.
    pub(crate) response: Latency,
    /// Median service time of the idle server, measured before the first trial.
    pub(crate) idle: Duration,
    /// Whether a trial has warmed the server up.
    pub(crate) warm: bool,
    observer: Option<Observer>,
    prober: Prober,
}

impl Session {
    /// Sends the first requests one by one, opens all connections and looks at the server for the first time.
    ///
    /// # Errors
    ///
    /// When the server is not there or does not score the first body.
    pub(crate) async fn open(
        plan: Plan,
        run_id: String,
        abort: Abort,
        reporter: Arc<Reporter>,
    ) -> Result<Self, LoadError> {
        reporter.update(|now| now.phase = Phase::Opening);
        let mut prober = Prober::new(&plan, &run_id);
        prober.first().await?;
        let mut session = Self::connected(plan, run_id, abort, reporter, prober).await?;
        session.observer = Some(Observer::start(&session.plan.target, session.plan.reach.clone()).await);
        session.idle = session.prober.baseline().await;
        Ok(session)
    }

    /// A run against a server inside this process, which is neither watched nor probed.
    pub(crate) async fn open_unwatched(plan: Plan, abort: Abort, reporter: Arc<Reporter>) -> Result<Self, LoadError> {
        let run_id = "ceiling".to_owned();
        let prober = Prober::new(&plan, &run_id);
        Ok(Self { warm: true, ..Self::connected(plan, run_id, abort, reporter, prober).await? })
    }

    /// All connections open, nothing known of the server yet.
    async fn connected(
        plan: Plan,
        run_id: String,
        abort: Abort,
        reporter: Arc<Reporter>,
        prober: Prober,
    ) -> Result<Self, LoadError> {
        let generator = Generator::open(&plan.target, &plan.transport, plan.bodies.content_type(), &run_id).await?;
        Ok(Self {
            plan,
            run_id,
            generator,
            abort,
            reporter,
            started: Instant::now(),
            trials: Arc::default(),
            notes: Vec::new(),
            findings: Vec::new(),
            limit: None,
            ceiling: None,
            response: Latency::default(),
            idle: Duration::ZERO,
            warm: false,
            observer: None,
            prober,
        })
    }

    /// What was last seen of the server.
    pub(crate) fn seen(&self) -> Seen {
        self.observer.as_ref().map(Observer::seen).unwrap_or_default()
    }

    /// Goes on with other bodies, for which neither the idle server nor the generator's ceiling is known.
    pub(crate) async fn change_bodies(&mut self, bodies: Bodies) {
        self.plan.bodies = bodies;
        self.prober.body = self.plan.bodies.pool()[0].clone();
        self.idle = self.prober.baseline().await;
        self.ceiling = None;
    }

    /// Says where the scenario is.
    pub(crate) fn step(&self, text: String) {
        self.reporter.update(|now| now.step = text);
    }

    /// Adds a finished trial to the report.
    pub(crate) fn keep(&mut self, trial: Trial) {
        Arc::make_mut(&mut self.trials).push(trial);
        let trials = Arc::clone(&self.trials);
        self.reporter.update(|now| now.trials = trials);
    }

    /// Adds a note once.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    /// Adds a number that the scenario found.
    pub(crate) fn find(&mut self, name: &str, value: Option<f64>, unit: &str, text: impl Into<String>) {
        self.findings.push(Finding { name: name.to_owned(), value, unit: unit.to_owned(), text: text.into() });
    }

    /// Waits until the server answers as when idle again; how long that took, or `None` when it did not within
    /// [`SETTLE_LIMIT`].
    pub(crate) async fn settle(&mut self) -> Option<Duration> {
        self.reporter.update(|now| now.phase = Phase::Settling);
        let limit = self.idle.mul_f64(SETTLED_FACTOR).max(self.idle + SETTLED_SLACK);
        let start = Instant::now();
        let mut quick = 0;
        let mut first_quick = start;
        while start.elapsed() < SETTLE_LIMIT && !self.abort.is_asked() {
            let sent = Instant::now();
            let taken = tokio::select! {
                taken = self.prober.once() => taken,
                () = self.abort.asked() => None,
            };
            let is_quick = taken.is_some_and(|taken| taken <= limit);
            if quick == 0 {
                first_quick = sent;
            }
            quick = if is_quick { quick + 1 } else { 0 };
            if quick == QUICK_IN_A_ROW {
                return Some(first_quick.saturating_duration_since(start));
            }
            pause(&self.abort, PROBE_EVERY.saturating_sub(sent.elapsed())).await;
        }
        None
    }
}

/// Sleeps, but not past a stop.
pub(crate) async fn pause(abort: &Abort, time: Duration) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = abort.asked() => {}
    }
}

/// A connection of its own for single requests outside the trials.
struct Prober {
    target: String,
    template: Template,
    body: Bytes,
    timeout: Duration,
    connection: Option<Connection>,
}

impl Prober {
    fn new(plan: &Plan, run_id: &str) -> Self {
        Self {
            target: plan.target.to_string(),
            template: Template::post(&plan.target, plan.bodies.content_type(), run_id, true),
            body: plan.bodies.pool()[0].clone(),
            timeout: plan.transport.timeout,
            connection: None,
        }
    }

    /// The first request: whatever is wrong with target or body shows here, in the server's own words.
    async fn first(&mut self) -> Result<(), LoadError> {
        let addr = self.template.addr;
        let mut connection = Connection::open(addr).await.map_err(|source| LoadError::Connect { addr, source })?;
        let refused = |reason: String| LoadError::Refused { target: self.target.clone(), reason };
        let fetch = connection.fetch(&self.template, self.body.clone(), REFUSAL_LIMIT);
        let (status, answer) = tokio::time::timeout(self.timeout, fetch)
            .await
            .map_err(|_| refused(format!("no answer within {} s", self.timeout.as_secs_f64())))?
            .map_err(|error| refused(error.to_string()))?;
        if !(200..300).contains(&status) {
            return Err(refused(format!("status {status}{}", message_of(&answer))));
        }
        self.connection = Some(connection);
        Ok(())
    }

    /// One request; how long it took, or `None` when it failed.
    async fn once(&mut self) -> Option<Duration> {
        let start = Instant::now();
        let exchange = async {
            let mut open = match self.connection.take().filter(Connection::is_open) {
                Some(open) => open,
                None => Connection::open(self.template.addr).await.ok()?,
            };
            open.exchange(&self.template, self.body.clone()).await.ok()?;
            Some(open)
        };
        self.connection = tokio::time::timeout(self.timeout, exchange).await.ok().flatten();
        self.connection.is_some().then(|| start.elapsed())
    }

    /// Median of a few spaced requests on the idle server.
    async fn baseline(&mut self) -> Duration {
        let mut taken = Vec::with_capacity(BASELINE_PROBES);
        let probes = async {
            for _ in 0..BASELINE_PROBES {
                taken.extend(self.once().await);
                tokio::time::sleep(PROBE_EVERY).await;
            }
        };
        let _ = tokio::time::timeout(BASELINE_TIME, probes).await;
        taken.sort_unstable();
        taken.get(taken.len() / 2).copied().unwrap_or(self.timeout)
    }
}

/// The `message` of MLflow's error JSON, cut to a line.
fn message_of(answer: &[u8]) -> String {
    /// Enough for a sentence; a server that echoes a request must not fill the screen.
    const LONGEST: usize = 200;
    let parsed: Option<serde_json::Value> = serde_json::from_slice(answer).ok();
    let message = parsed.as_ref().and_then(|json| json.get("message")?.as_str());
    let line = message.and_then(|text| text.lines().next()).unwrap_or_default();
    let cut: String = line.chars().take(LONGEST).collect();
    if cut.is_empty() { cut } else { format!(": {cut}") }
}
