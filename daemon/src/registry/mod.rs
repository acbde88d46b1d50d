//! The model registry: watches a directory, loads what is whole, and swaps the catalog.
//!
//! [`Registry::start`] runs everything on one thread of its own. Requests only ever read the [`Catalog`] behind an
//! atomic pointer; they never wait for a scan or a load. A version that fails at any step is listed with its reason,
//! tried again when its files change, and the version before it goes on serving.
//!
//! * `scan`: a directory becomes a list of versions.
//! * `whole`: whether a version's files are all there.
//! * `load`: files become something that answers.
//! * [`catalog`]: what is served, as one value.
//! * `keeper`: the thread that does these in turn.
//! * `watch`: changes on disk become wake-ups.

pub mod catalog;
mod info;
mod keeper;
mod load;
pub mod reference;
mod scan;
mod watch;
mod whole;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use http::HeaderValue;
use tokio::sync::oneshot;
use yummy_models::LoadOptions;

pub use catalog::{Catalog, ResolveError, label as catalog_label};
pub use load::Loaded;
pub use reference::Reference;

use crate::{
    encode::NonFinite,
    execute::gate::Gate,
    telemetry::{Recorder, Telemetry},
};

/// Wake-ups that wait for the keeper. A change that finds it full is covered by the ones before it; a rescan asked for
/// by a client is refused and may be asked for again.
const MAX_WAKES: usize = 64;

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
}

/// How the registry works.
#[derive(Clone, Debug)]
pub struct Options {
    /// The watched directory.
    pub root: PathBuf,
    /// What `POST /invocations` stands for.
    pub default_model: Option<String>,
    /// Whether logged models that are not registered are served.
    pub logged_models: bool,
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
    /// Look at everything now, and say so when done. With a name: load that model's versions anew.
    Rescan(Option<String>, oneshot::Sender<()>),
    /// The daemon stops.
    Stop,
}

/// Handle to the registry; the thread stops when the last handle is dropped or [`Registry::stop`] is called.
pub struct Registry {
    catalog: Arc<ArcSwap<Catalog>>,
    wake: SyncSender<Wake>,
    root: PathBuf,
}

impl Registry {
    /// Starts the keeper's thread, which makes the first scan at once.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(options: Options, telemetry: Arc<Telemetry>) -> std::io::Result<(Arc<Self>, JoinHandle<()>)> {
        let (wake, wakes) = sync_channel(MAX_WAKES);
        let catalog = Arc::new(ArcSwap::from_pointee(Catalog::new(0, Vec::new(), None)));
        let registry = Arc::new(Self { catalog: Arc::clone(&catalog), wake: wake.clone(), root: options.root.clone() });
        let keeper = keeper::Keeper::new(options, catalog, telemetry);
        let thread = std::thread::Builder::new().name("yummyd-registry".into()).spawn(move || {
            let watcher = watch::Watcher::new(wake);
            keeper.run(&wakes, watcher);
        })?;
        Ok((registry, thread))
    }

    /// The catalog of this moment. Cheap: no lock, no count that other threads touch.
    #[must_use]
    pub fn catalog(&self) -> Guard<Arc<Catalog>> {
        self.catalog.load()
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
        // A full queue means that it wakes soon anyway, and then sees the channel closed.
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
