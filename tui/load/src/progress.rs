//! What a run shows while it goes on: snapshots in a watch channel, newest wins, so that a slow reader costs nothing
//! and misses only what is stale. And the way to stop it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, watch};
use yummy_api::load::{LoadQuantiles, Trial};

/// What a run is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Opens connections and sends the first requests.
    #[default]
    Opening,
    /// Finds out what the generator itself can do.
    Ceiling,
    /// Sends, without counting yet.
    WarmUp,
    /// Sends and counts.
    Measuring,
    /// Waits for the last answers.
    Draining,
    /// Waits for the server to answer as when idle.
    Settling,
    /// Is over.
    Done,
}

impl Phase {
    /// One or two words for a person.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Ceiling => "generator ceiling",
            Self::WarmUp => "warm-up",
            Self::Measuring => "measuring",
            Self::Draining => "draining",
            Self::Settling => "settling",
            Self::Done => "done",
        }
    }
}

/// A run at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// What the run is doing.
    pub phase: Phase,
    /// The scenario's own words for where it is (`bisecting 1480..1560/s, vote 2 of 3`).
    pub step: String,
    /// Since the run started.
    pub elapsed: Duration,
    /// Since the current trial's first measured request; zero while it warms up.
    pub measured: Duration,
    /// Planned measured time of the current trial.
    pub planned: Duration,
    /// Requests a second that are asked for at this moment.
    pub offered: f64,
    /// Requests sent in the current trial.
    pub sent: u64,
    /// Good answers a second in the last whole second.
    pub achieved: f64,
    /// Requests without an answer yet.
    pub in_flight: u64,
    /// The bound of these.
    pub in_flight_cap: u64,
    /// Response times of the last whole second.
    pub window: Option<LoadQuantiles>,
    /// Response times of the current trial.
    pub response: Option<LoadQuantiles>,
    /// Service times of the current trial.
    pub service: Option<LoadQuantiles>,
    /// The generator's own lateness in the current trial.
    pub lag: Option<LoadQuantiles>,
    /// Share of the current trial's requests that were slow, failed or unsent, 0 to 1.
    pub slow_share: Option<f64>,
    /// Requests of the current trial that went wrong, by kind.
    pub errors: BTreeMap<String, u64>,
    /// Arrivals of the current trial that met the bound of requests in flight.
    pub unsent: u64,
    /// Cores that the generator's threads use.
    pub generator_cpu: Option<f64>,
    /// Cores that the server says it uses.
    pub server_cpu: Option<f64>,
    /// Trials that are over.
    pub trials: Arc<Vec<Trial>>,
}

/// Stops a run; can be cloned and used from any thread.
#[derive(Clone, Debug, Default)]
pub struct Abort(Arc<AbortState>);

#[derive(Debug, Default)]
struct AbortState {
    asked: AtomicBool,
    wake: Notify,
}

impl Abort {
    /// Asks the run to stop: nothing more is sent, what is in flight is cancelled.
    pub fn abort(&self) {
        self.0.asked.store(true, Ordering::Release);
        self.0.wake.notify_waiters();
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::Acquire)
    }

    /// Resolves once a stop is asked for.
    pub(crate) async fn asked(&self) {
        loop {
            let woken = self.0.wake.notified();
            if self.is_asked() {
                return;
            }
            woken.await;
        }
    }
}

/// The writing end of a run's snapshots.
#[derive(Debug)]
pub(crate) struct Reporter {
    sender: watch::Sender<Snapshot>,
}

impl Reporter {
    pub(crate) fn new() -> (Self, watch::Receiver<Snapshot>) {
        let (sender, receiver) = watch::channel(Snapshot::default());
        (Self { sender }, receiver)
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        self.sender.send_modify(change);
    }
}
