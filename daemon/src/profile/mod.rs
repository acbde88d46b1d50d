//! Profiles of the running daemon. CPU: captured on demand or kept rolling, shown as flame graph, folded text, pprof
//! protobuf and speedscope JSON. Heap ([`heap`]): what is in use, as flame graph and pprof protobuf.
//!
//! One thread, `yummyd-prof`, starts and stops the sampler, finds names and gives memory back; nothing of that runs on
//! a thread that answers requests. There is one capture at a time. Who may ask is not decided here.

mod capture;
mod error;
mod folded;
pub mod heap;
mod names;
mod palette;
mod proto;
mod query;
mod rolling;
mod routes;
mod sampler;
mod store;
mod svg;
mod symbols;
mod worker;

use std::{
    io,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

pub use self::{
    capture::{Capture, Measured, Stack},
    error::ProfileError,
    routes::routes,
    sampler::{ClockKind, SamplerError},
    symbols::Frame,
};
use self::{
    heap::HeapProfile,
    query::Bounds,
    store::Store,
    worker::{Job, Worker},
};
use crate::telemetry::Telemetry;

/// Name of the thread that captures.
const THREAD: &str = "yummyd-prof";

/// What to capture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Request {
    /// The next seconds.
    Next {
        /// Wall time.
        length: Duration,
        /// Samples a second of CPU time.
        hz: u32,
    },
    /// What the rolling capture holds of the last seconds.
    Last {
        /// Wall time.
        length: Duration,
    },
}

/// Captures CPU profiles. Cheap to clone; the thread ends with the last clone.
#[derive(Clone)]
pub struct Profiler {
    store: Arc<Store>,
    jobs: mpsc::Sender<Job>,
    bounds: Bounds,
    rolling: bool,
}

impl Profiler {
    /// Starts the profiler's thread, with a rolling capture of `rolling_hz` samples a second if there is to be one.
    /// Captures note what `telemetry` saw meanwhile.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn spawn(telemetry: Option<Arc<Telemetry>>, rolling_hz: Option<u32>) -> io::Result<Self> {
        // Bounded by the store: one job is running, and no second one is sent meanwhile.
        let (jobs, inbox) = mpsc::channel();
        let store = Arc::new(Store::default());
        let bounds = Bounds::of_this_kernel();
        let rolling_hz = rolling_hz.map(|hz| hz.clamp(1, bounds.max_hz.min(query::MAX_STEADY_HZ)));
        // Made where it will stay: a sampler belongs to its thread.
        let work = move || Worker::new(inbox, telemetry, rolling_hz).run();
        std::thread::Builder::new().name(THREAD.to_owned()).spawn(work)?;
        Ok(Self { store, jobs, bounds, rolling: rolling_hz.is_some() })
    }

    /// Captures and waits for it. Dropping the future ends the capture within 100 ms.
    ///
    /// # Errors
    /// [`ProfileError::Busy`] while another capture runs, [`ProfileError::RollingOff`] when there is none to look
    /// back on, [`ProfileError::Parameter`] for a request out of bounds, or what the sampler said.
    pub async fn capture(&self, request: Request) -> Result<Arc<Capture>, ProfileError> {
        self.bounds.check(&request)?;
        let length = match request {
            Request::Next { length, .. } => length,
            Request::Last { .. } if !self.rolling => return Err(ProfileError::RollingOff),
            Request::Last { .. } => Duration::ZERO,
        };
        let running = self.store.begin(Instant::now() + length)?;
        let (reply, answer) = oneshot::channel();
        self.send(Job::Capture { request, running, reply })?;
        answer.await.map_err(|_| ProfileError::ThreadEnded)?
    }

    /// The heap at this moment.
    ///
    /// # Errors
    /// [`ProfileError::NoHeap`], [`ProfileError::HeapOff`], or [`ProfileError::Busy`] while a capture runs: names are
    /// found by one thread.
    pub(crate) async fn heap(&self) -> Result<HeapProfile, ProfileError> {
        let running = self.store.begin(Instant::now())?;
        let (reply, answer) = oneshot::channel();
        self.send(Job::Heap { running, reply })?;
        answer.await.map_err(|_| ProfileError::ThreadEnded)?
    }

    /// The captures that are kept, oldest first.
    #[must_use]
    pub fn captures(&self) -> Vec<Arc<Capture>> {
        self.store.all()
    }

    /// One of the captures that are kept.
    ///
    /// # Errors
    /// [`ProfileError::UnknownCapture`].
    pub fn kept(&self, id: u64) -> Result<Arc<Capture>, ProfileError> {
        let found = self.captures().into_iter().find(|capture| capture.id == Some(id));
        found.ok_or(ProfileError::UnknownCapture(id))
    }

    fn send(&self, job: Job) -> Result<(), ProfileError> {
        self.jobs.send(job).map_err(|_| ProfileError::ThreadEnded)
    }
}
