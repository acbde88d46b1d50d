//! The model registry: watches a directory, loads what is whole, and swaps the catalog.
//!
//! [`Registry::start`] runs everything on one thread of its own. Requests only ever read the [`Catalog`] behind an
//! atomic pointer; they never wait for a scan or a load. A version that fails at any step is listed with its reason,
//! tried again when its files change, and the version before it goes on serving.
//!
//! * `scan`: a directory becomes a list of versions; `found` is what such a list holds.
//! * `database`: what MLflow's `mlflow.db` adds to it.
//! * [`policy`]: which versions are served.
//! * `whole`: whether a version's files are all there.
//! * `load`: files become something that answers; `self_test`: the answers are tried.
//! * [`catalog`]: what is served, as one value.
//! * `keeper`: the thread that does these in turn.
//! * `watch`: changes on disk become wake-ups.

pub mod catalog;
mod database;
mod found;
mod info;
mod keeper;
mod load;
pub mod policy;
pub mod reference;
mod scan;
mod self_test;
mod watch;
mod whole;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use arc_swap::{ArcSwap, Guard};
use http::HeaderValue;
use tokio::sync::oneshot;
use yummy_api::catalog::ModelState;
use yummy_models::LoadOptions;

pub use catalog::{Catalog, ResolveError, label as catalog_label};
pub use database::BackendStore;
pub use load::Loaded;
pub use policy::Policies;
pub use reference::Reference;

use crate::{
    encode::NonFinite,
    execute::gate::Gate,
    telemetry::{Recorder, Telemetry},
};

/// Wake-ups that wait for the keeper. A change that finds it full is covered by the ones before it; a rescan asked for
/// by a client is refused and may be asked for again.
const MAX_WAKES: usize = 64;
/// Requests that wait for a model to be loaded; past it they are told to come back.
const MAX_DEMANDS: usize = 256;
/// So long a request waits for its model to be loaded; the load goes on, and a later request finds it.
pub(crate) const FIRST_USE: Duration = Duration::from_secs(30);

/// One version, as requests see it.
pub struct Served {
    /// Registered model's name, or `m-<id>`.
    pub name: String,
    /// Version; `None` for logged models.
    pub version: Option<u64>,
    /// `NAME/VERSION` or `m-<id>`, as the response header says it.
    pub label: HeaderValue,
    /// Model, plan and encoder.
    pub loaded: Arc<Loaded>,
    /// Where its requests are counted.
    pub recorder: Arc<Recorder>,
    /// How many of them are let in at once.
    pub gate: Gate,
    /// When a request last came, in milliseconds of the registry's time; for those that may be unloaded.
    pub(super) used: Option<Arc<AtomicU64>>,
}

/// What becomes of logged models that are not registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoggedModels {
    /// Loaded when they are found, as far as the bound of memory reaches; the others by the first request.
    #[default]
    Start,
    /// Loaded by the first request.
    Demand,
    /// Not served.
    Off,
}

/// What logged models that are not registered may hold unless told otherwise: some thousand forests of the usual size.
pub const DEFAULT_LOGGED_BYTES: usize = 1 << 30;

/// How the registry works.
#[derive(Clone, Debug)]
pub struct Options {
    /// The watched directory.
    pub root: PathBuf,
    /// What `POST /invocations` stands for.
    pub default_model: Option<String>,
    /// Where the registry is, when that is a database.
    pub backend_store: BackendStore,
    /// Which versions are served.
    pub policies: Policies,
    /// What becomes of logged models that are not registered.
    pub logged: LoggedModels,
    /// Memory that these may hold, bytes.
    pub logged_bytes: usize,
    /// How long a version is served that is gone from the directory without having been deleted in MLflow.
    pub grace: Duration,
    /// Engines to load with.
    pub engines: LoadOptions,
    /// How answers write NaN and infinities.
    pub non_finite: NonFinite,
    /// Quiet time before a change is acted upon.
    pub debounce: Duration,
    /// Time between looks without any event.
    pub rescan: Duration,
}

/// Why the keeper is woken.
enum Wake {
    /// Something changed on disk.
    Changed,
    /// A request waits for a model: see [`Demand`].
    Demanded,
    /// Look at everything now, and say so when done. With a name: load that model's versions anew.
    Rescan(Option<String>, oneshot::Sender<()>),
    /// The daemon stops.
    Stop,
}

/// A request that waits for a model to be loaded.
struct Demand {
    name: String,
    done: oneshot::Sender<Result<Arc<Served>, ResolveError>>,
}

/// Handle to the registry; the thread stops when the last handle is dropped or [`Registry::stop`] is called.
pub struct Registry {
    catalog: Arc<ArcSwap<Catalog>>,
    wake: SyncSender<Wake>,
    demands: SyncSender<Demand>,
    signals: Arc<Signals>,
    root: PathBuf,
    started: Instant,
}

/// What the keeper must learn even when its queue is full.
#[derive(Default)]
struct Signals {
    /// A change is in the queue: a burst of them takes one place there.
    changed: AtomicBool,
    stop: AtomicBool,
}

impl Registry {
    /// Starts the keeper's thread, which makes the first scan at once.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(options: Options, telemetry: Arc<Telemetry>) -> std::io::Result<(Arc<Self>, JoinHandle<()>)> {
        let (wake, wakes) = sync_channel(MAX_WAKES);
        let (demand, demands) = sync_channel(MAX_DEMANDS);
        let catalog = Arc::new(ArcSwap::from_pointee(Catalog::new(0, Vec::new(), None, None)));
        let registry = Arc::new(Self {
            catalog: Arc::clone(&catalog),
            wake: wake.clone(),
            demands: demand,
            signals: Arc::default(),
            root: options.root.clone(),
            started: Instant::now(),
        });
        let signals = Arc::clone(&registry.signals);
        let inbox = keeper::Inbox { wakes, demands, signals: Arc::clone(&signals) };
        let keeper = keeper::Keeper::new(options, catalog, telemetry, inbox);
        let thread = std::thread::Builder::new().name("yummyd-registry".into()).spawn(move || {
            // Looking and loading use a core for as long as they take; a request must not wait for it.
            crate::system::step_back();
            keeper.run(watch::Watcher::new(wake, signals));
        })?;
        Ok((registry, thread))
    }

    /// The catalog of this moment. Cheap: no lock, no count that other threads touch.
    #[must_use]
    pub fn catalog(&self) -> Guard<Arc<Catalog>> {
        self.catalog.load()
    }

    /// What a reference names; `None` for what `POST /invocations` stands for. A logged model that is not loaded is
    /// loaded first, by the keeper's thread, and this waits for it: until `due`, and at most [`FIRST_USE`].
    ///
    /// # Errors
    /// [`ResolveError`] when there is no such thing, it does not serve, or it was not loaded in time.
    pub async fn resolve(&self, reference: Option<Reference<'_>>, due: Instant) -> Result<Arc<Served>, ResolveError> {
        // The guard of the catalog must not live across an await.
        let error = {
            let catalog = self.catalog();
            match reference.map_or_else(|| catalog.default_model(), |reference| catalog.resolve(reference)) {
                Ok(served) => {
                    self.note_use(served);
                    return Ok(Arc::clone(served));
                }
                Err(error) => error,
            }
        };
        match error {
            ResolveError::Asleep { name } => self.load(name, due).await,
            other => Err(other),
        }
    }

    async fn load(&self, name: String, due: Instant) -> Result<Arc<Served>, ResolveError> {
        let later = |reason: &str| ResolveError::NotReady {
            what: name.clone(),
            state: ModelState::Loading,
            reason: reason.to_owned(),
        };
        let (done, loaded) = oneshot::channel();
        let full = || later("too many requests wait for models to be loaded; try again in a second");
        self.demands.try_send(Demand { name: name.clone(), done }).map_err(|_| full())?;
        // A full queue of wake-ups wakes the keeper as well, and each wake-up has it look at the demands.
        let _ = self.wake.try_send(Wake::Demanded);
        match tokio::time::timeout(FIRST_USE.min(due.saturating_duration_since(Instant::now())), loaded).await {
            Ok(Ok(result)) => result.inspect(|served| self.note_use(served)),
            Ok(Err(_)) => Err(later("the daemon is stopping")),
            Err(_) => Err(later("it is still being loaded; try again in a second")),
        }
    }

    /// Notes that a model which may be unloaded was used. One store a millisecond: its memory is not fought over.
    fn note_use(&self, served: &Served) {
        if let Some(used) = &served.used {
            let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            if used.load(Ordering::Relaxed) != now {
                used.store(now, Ordering::Relaxed);
            }
        }
    }

    /// The watched directory, as it was given.
    #[must_use]
    pub fn root(&self) -> &std::path::Path {
        &self.root
    }

    /// Looks at the directory again, and waits until that is done. With a name, that model's versions are loaded anew.
    ///
    /// # Errors
    /// `Err` when too many are waiting already, or the daemon stops.
    pub async fn rescan(&self, reload: Option<String>) -> Result<(), RescanError> {
        let (done, wait) = oneshot::channel();
        self.wake.try_send(Wake::Rescan(reload, done)).map_err(|error| match error {
            TrySendError::Full(_) => RescanError::Busy,
            TrySendError::Disconnected(_) => RescanError::Stopped,
        })?;
        wait.await.map_err(|_| RescanError::Stopped)
    }

    /// Ends the keeper's thread after what it is doing now.
    pub fn stop(&self) {
        self.signals.stop.store(true, Ordering::Relaxed);
        // A full queue means that it wakes soon anyway, and then sees the signal.
        let _ = self.wake.try_send(Wake::Stop);
    }
}

/// Why a rescan did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RescanError {
    /// Too many are waiting.
    #[error("too many rescans are waiting; try again in a second")]
    Busy,
    /// The daemon stops.
    #[error("the daemon is stopping")]
    Stopped,
}
