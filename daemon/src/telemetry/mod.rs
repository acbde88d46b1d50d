//! Live numbers: what each request leaves behind, added up once a second and shown to whoever asks.
//!
//! Requests write counters of their own thread ([`Recorder`]); the [`ticker`] reads them once a second, on the thread
//! of the observers, and makes a [`StatsFrame`]. `GET /stats`, `GET /stats/stream` and `GET /metrics` ([`routes`]) show
//! it. Nothing here can make a request wait: no lock is shared with it, and a slow subscriber only misses frames.
//!
//! It does not know HTTP requests, models or where they come from: those who do, tell it.

mod activity;
mod aggregate;
pub mod clock;
mod events;
mod histogram;
mod machine;
mod packed;
mod process;
mod prometheus;
mod recorder;
mod routes;
mod rows;
mod series;
mod shard;
mod stream;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use tokio::{sync::watch, time::MissedTickBehavior};
use yummy_api::{
    API_VERSION,
    catalog::ModelState,
    event::{EventKind, Level},
    stats::{Bound, DaemonInfo, MachineStats, ProcessStats, StatsFrame},
};

pub use self::{
    activity::Activity,
    process::thread_group,
    recorder::{InFlight, Observation, Recorder, StageTimes},
    routes::routes,
};
use self::{
    aggregate::Aggregator,
    events::{EventLog, Happening},
    machine::MachineSampler,
    process::ProcessSampler,
    rows::Rows,
    stream::{Published, Seats},
};

/// Distance of frames.
const TICK: Duration = Duration::from_secs(1);

/// What the catalog knows of one version.
#[derive(Clone, Debug)]
pub struct ModelRow {
    /// Registered model's name, or `m-<id>`.
    pub name: String,
    /// Version; `None` for logged models that are not registered.
    pub version: Option<u64>,
    /// Flavor.
    pub flavor: Option<String>,
    /// State now.
    pub state: ModelState,
    /// Why, when it does not serve.
    pub reason: Option<String>,
    /// Whether the bare name stands for it.
    pub newest: bool,
    /// Bytes that its engine holds.
    pub memory_bytes: Option<u64>,
}

/// Those who know the models.
pub trait ModelSource: Send + Sync + 'static {
    /// All versions that are known, in any order. Called once a second; must not wait for a load.
    fn models(&self) -> Vec<ModelRow>;

    /// Scoring requests that wait for a compute thread now.
    fn queue_depth(&self) -> u64 {
        0
    }

    /// Bounds, and how often each was met.
    fn bounds(&self) -> Vec<Bound> {
        Vec::new()
    }
}

/// The daemon's live numbers.
pub struct Telemetry {
    about: About,
    unrouted: Arc<Recorder>,
    stock: Mutex<Stock>,
    loads_ok: AtomicU64,
    loads_failed: AtomicU64,
    frames: watch::Sender<Published>,
    seats: Seats,
}

/// What a frame tells beside the stock.
struct About {
    daemon: DaemonInfo,
    started: Instant,
    source: OnceLock<Box<dyn ModelSource>>,
    events: EventLog,
}

/// What the ticker works on.
struct Stock {
    aggregator: Aggregator,
    process_sampler: ProcessSampler,
    machine_sampler: MachineSampler,
    process: ProcessStats,
    machine: MachineStats,
    ticked: Instant,
    seq: u64,
}

impl Telemetry {
    /// Numbers of a daemon that starts now. They have no models until [`attach`](Self::attach).
    #[must_use]
    pub fn new(daemon: DaemonInfo) -> Arc<Self> {
        let unrouted = Arc::new(Recorder::new("", None));
        let (mut process_sampler, mut machine_sampler) = (ProcessSampler::new(), MachineSampler::new());
        let (process, machine) = (process_sampler.sample(0.0), machine_sampler.sample());
        let aggregator = Aggregator::new(Arc::clone(&unrouted));
        let started = Instant::now();
        let stock = Stock { aggregator, process_sampler, machine_sampler, process, machine, ticked: started, seq: 0 };
        let about = About { daemon, started, source: OnceLock::new(), events: EventLog::new() };
        let frames = watch::Sender::new(Published::new(about.frame(&stock, 0.0, None)));
        Arc::new(Self {
            about,
            unrouted,
            stock: Mutex::new(stock),
            loads_ok: AtomicU64::new(0),
            loads_failed: AtomicU64::new(0),
            frames,
            seats: Seats::default(),
        })
    }

    /// Names those who know the models. The first call counts: the catalog outlives all of its versions.
    pub fn attach(&self, source: impl ModelSource) {
        let _ = self.about.source.set(Box::new(source));
    }

    /// The recorder of one version. To be called when the version is loaded, and kept with it. A version that is
    /// loaded again gets the recorder that it had.
    #[must_use]
    pub fn recorder(&self, name: &str, version: Option<u64>) -> Arc<Recorder> {
        self.stock().aggregator.recorder(name, version)
    }

    /// The recorder of requests that reached no model.
    #[must_use]
    pub fn unrouted(&self) -> Arc<Recorder> {
        Arc::clone(&self.unrouted)
    }

    /// Something happened: kept, logged, and sent to subscribers. Never waits for them.
    pub fn event(
        &self,
        level: Level,
        kind: EventKind,
        model: Option<&str>,
        version: Option<u64>,
        message: impl Into<String>,
    ) {
        self.about.events.record(Happening { level, kind, model, version, message: message.into() });
    }

    /// A version has been loaded, or has failed to.
    pub fn count_load(&self, ok: bool) {
        let counter = if ok { &self.loads_ok } else { &self.loads_failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The frame of the last tick.
    #[must_use]
    pub fn frame(&self) -> Arc<StatsFrame> {
        Arc::clone(&self.frames.borrow().frame)
    }

    /// The numbers at this moment: windows end now, the process is that of the last tick. May wait for the ticker,
    /// so not for threads that answer requests.
    #[must_use]
    pub fn frame_now(&self) -> StatsFrame {
        self.frame_of(None)
    }

    /// The same with the versions of one model only, all with their windows.
    pub(crate) fn frame_of(&self, model: Option<&str>) -> StatsFrame {
        let mut stock = self.stock();
        stock.aggregator.collect();
        self.about.frame(&stock, stock.ticked.elapsed().as_secs_f64(), model)
    }

    /// Numbers of all requests by model version since the start: what a profile keeps of what was going on.
    #[must_use]
    pub fn activity(&self) -> Activity {
        let mut stock = self.stock();
        stock.aggregator.collect();
        Activity::read(&stock.aggregator)
    }

    /// Ends all streams, so that a shutdown need not wait for subscribers who never leave.
    pub fn close(&self) {
        self.frames.send_modify(|published| published.closed = true);
    }

    /// Closes a second and publishes its frame.
    pub(crate) fn tick(&self) {
        let mut stock = self.stock();
        let now = Instant::now();
        let seconds = (now - stock.ticked).as_secs_f64();
        stock.ticked = now;
        stock.seq += 1;
        stock.aggregator.tick(seconds);
        stock.process = stock.process_sampler.sample(seconds);
        stock.machine = stock.machine_sampler.sample();
        let frame = self.about.frame(&stock, 0.0, None);
        drop(stock);
        let mut published = Published::new(frame);
        if self.frames.receiver_count() > 0 {
            // Here and not on the threads of subscribers, which may be those that score.
            published.message();
        }
        published.closed = self.frames.borrow().closed;
        self.frames.send_replace(published);
    }

    fn stock(&self) -> MutexGuard<'_, Stock> {
        // Counters stay usable after a panic of another holder.
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl About {
    /// The frame that ends `pending` seconds after the last tick; of one model only, if it is named.
    fn frame(&self, stock: &Stock, pending: f64, only: Option<&str>) -> StatsFrame {
        let rows = self.source.get().map_or_else(Vec::new, |source| source.models());
        let aggregator = &stock.aggregator;
        let Rows { models, left_out } = match only {
            None => rows::of_all(rows, aggregator, pending),
            Some(name) => rows::of_model(name, rows, aggregator, pending),
        };
        StatsFrame {
            api: API_VERSION,
            seq: stock.seq,
            at_unix_ms: unix_ms(),
            uptime_s: self.started.elapsed().as_secs_f64(),
            daemon: self.daemon.clone(),
            process: stock.process.clone(),
            machine: stock.machine.clone(),
            in_flight: aggregator.in_flight(),
            queue_depth: self.source.get().map_or(0, |source| source.queue_depth()),
            bounds: self.source.get().map_or_else(Vec::new, |source| source.bounds()),
            total: aggregator.total_windows(pending),
            models,
            models_left_out: left_out,
            events: self.events.newest(),
        }
    }
}

/// Makes a frame a second until `shutdown`, then ends all streams. Belongs on the runtime of the observers.
pub async fn ticker(telemetry: Arc<Telemetry>, shutdown: impl Future<Output = ()>) {
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + TICK, TICK);
    // After a pause of the machine one frame says what happened; frames made at once would say nothing.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            _ = ticks.tick() => telemetry.tick(),
        }
    }
    telemetry.close();
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Wine;

    impl ModelSource for Wine {
        fn models(&self) -> Vec<ModelRow> {
            let row = |version, state| ModelRow {
                name: "wine".to_owned(),
                version: Some(version),
                flavor: Some("lightgbm".to_owned()),
                state,
                reason: None,
                newest: version == 10,
                memory_bytes: Some(1 << 20),
            };
            vec![row(9, ModelState::Ready), row(10, ModelState::Ready), row(11, ModelState::Failed)]
        }

        fn queue_depth(&self) -> u64 {
            3
        }
    }

    pub(super) fn telemetry() -> Arc<Telemetry> {
        let telemetry = Telemetry::new(DaemonInfo {
            version: "0.1.0".to_owned(),
            pid: std::process::id(),
            listen: vec!["127.0.0.1:8080".to_owned()],
            admin: None,
            mlruns: "mlruns".to_owned(),
            started_unix_ms: unix_ms(),
        });
        telemetry.attach(Wine);
        telemetry
    }

    #[test]
    fn a_frame_lists_all_versions_newest_first_with_the_numbers_of_each() {
        let telemetry = telemetry();
        let recorder = telemetry.recorder("wine", Some(10));
        let total = Duration::from_millis(4);
        let load = Observation { status: 200, rows: 5, load: true, total, ..Observation::default() };
        recorder.start().finish(&load);
        telemetry.unrouted().start().finish(&Observation { status: 404, ..Observation::default() });
        let waiting = recorder.start();
        telemetry.tick();

        let frame = telemetry.frame();
        assert_eq!(frame.models.iter().map(|model| model.version).collect::<Vec<_>>(), [Some(11), Some(10), Some(9)]);
        assert_eq!((frame.seq, frame.queue_depth, frame.in_flight), (1, 3, 1));
        let (failed, served) = (&frame.models[0], &frame.models[1]);
        assert_eq!((failed.windows.start.requests, failed.windows.s60.latency_ms), (0, None));
        assert_eq!((served.in_flight, served.windows.s1.requests, served.windows.s1.load_requests), (1, 1, 1));
        assert_eq!((frame.total.s1.requests, frame.total.s1.client_errors, frame.total.s1.rows), (2, 1, 5));
        drop(waiting);
        assert_eq!(telemetry.frame_now().total.start.client_gone, 1, "seen before the next tick");
    }

    #[test]
    fn what_a_profile_keeps_is_what_happened_meanwhile() {
        let telemetry = telemetry();
        let recorder = telemetry.recorder("wine", Some(10));
        let answer = |load| recorder.start().finish(&Observation { status: 200, load, ..Observation::default() });
        answer(false);
        let before = telemetry.activity();
        answer(true);
        answer(false);
        let since = telemetry.activity().since(&before);
        assert_eq!((since.requests, since.load_requests), (2, 1));
        assert_eq!(since.by_model.into_iter().collect::<Vec<_>>(), [(("wine".to_owned(), Some(10)), 2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_ticker_makes_a_frame_a_second_and_ends_with_the_streams() {
        let telemetry = telemetry();
        ticker(Arc::clone(&telemetry), tokio::time::sleep(Duration::from_millis(3500))).await;
        assert_eq!(telemetry.frame().seq, 3);
        assert!(telemetry.frames.borrow().closed);
    }
}
