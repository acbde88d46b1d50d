//! The sender threads with their open connections, kept from trial to trial, and the pacer of each trial.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::{
    error::LoadError,
    exchange::Template,
    pacer::{Pacer, Pacing},
    play::{Arrival, Play},
    schedule::Schedule,
    sender::{self, Reset, Setup},
    target::Target,
};

/// Requests in flight at most, waiting for a connection included. An arrival beyond is counted as unsent and slow.
pub const IN_FLIGHT_CAP: u64 = 4096;
/// Connections that are opened before the clock starts, unless told otherwise: more than any server has cores, few
/// enough to be opened within milliseconds.
pub const CONNECTIONS: usize = 64;
/// Connections at most: the in-flight cap, as no more could be in use.
pub const MAX_CONNECTIONS: usize = 4096;
/// An arrival without an answer after this is an error, as in the source systems' own tests (`REQUEST_TIMEOUT=5s`).
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// Shortest sleep of the pacer.
pub const PACER_SLEEP: Duration = Duration::from_micros(100);
/// A sender thread for every so many cores: one thread reaches more than 20,000/s (docs/load.md), and the server
/// needs the rest.
const CORES_PER_SENDER: usize = 4;
/// Sender threads at most; 50,000/s, the highest rate allowed, needs no more.
const MAX_SENDERS: usize = 4;

/// How requests are sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Transport {
    /// Connections in the pool.
    pub connections: usize,
    /// Whether connections are kept; without, each request opens its own.
    pub keep_alive: bool,
    /// When to give a request up, counted from its intended send.
    pub timeout: Duration,
    /// Shortest sleep of the pacer: higher is cheaper and later.
    pub pacer_sleep: Duration,
    /// Requests in flight at most.
    pub in_flight_cap: u64,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS,
            keep_alive: true,
            timeout: TIMEOUT,
            pacer_sleep: PACER_SLEEP,
            in_flight_cap: IN_FLIGHT_CAP,
        }
    }
}

struct Sender {
    arrivals: mpsc::Sender<Arrival>,
    resets: mpsc::Sender<Reset>,
    abort: Option<oneshot::Sender<()>>,
    cpu_ns: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

/// Everything that makes load for one target.
pub(crate) struct Generator {
    senders: Vec<Sender>,
    pacer_cpu_ns: Arc<AtomicU64>,
    transport: Transport,
    pacer: Option<Pacer>,
}

impl Generator {
    /// Starts the sender threads and opens all connections.
    pub(crate) async fn open(
        target: &Target,
        transport: &Transport,
        content_type: &str,
        run_id: &str,
    ) -> Result<Self, LoadError> {
        let template = Template::post(target, content_type, run_id, transport.keep_alive);
        let threads = sender_threads().min(transport.connections);
        let mut senders = Vec::with_capacity(threads);
        for id in 0..threads {
            // The first threads take what does not divide evenly.
            let connections = (transport.connections + threads - 1 - id) / threads;
            let (sender, opened) = Sender::start(id, connections, &template, transport.in_flight_cap)?;
            senders.push(sender);
            opened.await.map_err(|_| gone())??;
        }
        Ok(Self { senders, pacer_cpu_ns: Arc::default(), transport: transport.clone(), pacer: None })
    }

    /// Starts to play `schedule`; the clock starts now. Answers slower than `slow_after` are counted as slow.
    pub(crate) fn play(
        &mut self,
        schedule: Schedule,
        bodies: Arc<[Bytes]>,
        slow_after: Duration,
    ) -> Result<Arc<Play>, LoadError> {
        let play = Arc::new(Play::new(bodies, self.senders.len(), slow_after, self.transport.timeout));
        let pacing = Pacing { shortest_sleep: self.transport.pacer_sleep, in_flight_cap: self.transport.in_flight_cap };
        let outlets = self.senders.iter().map(|sender| sender.arrivals.clone()).collect();
        let cpu_ns = Arc::clone(&self.pacer_cpu_ns);
        let pacer = Pacer::start(Arc::clone(&play), schedule, outlets, pacing, cpu_ns).map_err(LoadError::Thread)?;
        self.pacer = Some(pacer);
        Ok(play)
    }

    /// Sends nothing more of the current schedule.
    pub(crate) fn stop(&mut self) {
        self.pacer = None;
    }

    /// Gives up everything in flight and opens all connections anew.
    pub(crate) async fn reset(&mut self) -> Result<(), LoadError> {
        self.stop();
        for sender in &self.senders {
            let (done, answer) = oneshot::channel();
            sender.resets.send(done).await.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())??;
        }
        Ok(())
    }

    /// CPU time of each generator thread so far: the senders, then the pacer.
    pub(crate) fn cpu(&self) -> Vec<Duration> {
        let pacer = std::iter::once(&self.pacer_cpu_ns);
        let all = self.senders.iter().map(|sender| &sender.cpu_ns).chain(pacer);
        all.map(|cpu_ns| Duration::from_nanos(cpu_ns.load(Ordering::Relaxed))).collect()
    }

    /// Connections in the pool.
    pub(crate) fn connections(&self) -> usize {
        self.transport.connections
    }

    /// Requests in flight at most.
    pub(crate) fn in_flight_cap(&self) -> u64 {
        self.transport.in_flight_cap
    }
}

impl Sender {
    #[expect(clippy::type_complexity, reason = "a sender and the news of its connections, taken apart at once")]
    fn start(
        id: usize,
        connections: usize,
        template: &Template,
        in_flight_cap: u64,
    ) -> Result<(Self, oneshot::Receiver<Result<(), LoadError>>), LoadError> {
        // Never full: the pacer admits no more than the cap.
        let capacity = usize::try_from(in_flight_cap).unwrap_or(MAX_CONNECTIONS).max(1);
        let (arrivals, arrivals_taken) = mpsc::channel(capacity);
        // One reset at a time is asked for.
        let (resets, resets_taken) = mpsc::channel(1);
        let (abort, aborted) = oneshot::channel();
        let (opened, news) = oneshot::channel();
        let cpu_ns = Arc::new(AtomicU64::new(0));
        let setup = Setup { id, connections, template: template.clone(), cpu_ns: Arc::clone(&cpu_ns) };
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(sender::run(setup, arrivals_taken, resets_taken, aborted, opened)),
                Err(source) => drop(opened.send(Err(LoadError::Thread(source)))),
            }
        };
        let thread = thread::Builder::new().name(format!("load-sender-{id}")).spawn(work).map_err(LoadError::Thread)?;
        Ok((Self { arrivals, resets, abort: Some(abort), cpu_ns, thread: Some(thread) }, news))
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.stop();
        for sender in &mut self.senders {
            if let Some(abort) = sender.abort.take() {
                let _ = abort.send(());
            }
        }
        for sender in &mut self.senders {
            if let Some(thread) = sender.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

fn sender_threads() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    (cores / CORES_PER_SENDER).clamp(1, MAX_SENDERS)
}

fn gone() -> LoadError {
    LoadError::Thread(io::Error::other("a sender thread ended early"))
}
