//! Puts the daemon together, runs it until it is told to stop, and takes it apart.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::sync::watch;
use yummy_api::{
    event::{EventKind, Level},
    stats::DaemonInfo,
};

use crate::{
    config::Config,
    execute::Executor,
    profile::{Profiler, heap},
    registry::{self, Registry},
    serve::{
        self, App, CatalogView, admin,
        bounds::Met,
        listen::{self, Listener},
    },
    telemetry::Telemetry,
};

/// Why the daemon did not start or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// An address cannot be listened on; the text says what to do.
    #[error("{0}")]
    Listen(String),
    /// The system refused a thread, a runtime or a socket.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

/// A daemon whose sockets are bound and whose threads run.
pub struct Daemon {
    app: Arc<App>,
    addresses: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Daemon {
    /// Binds the sockets, starts every thread and makes the first scan of the directory.
    ///
    /// # Errors
    /// [`RunError`] is one line that says what to do.
    pub fn start(config: &Config) -> Result<Self, RunError> {
        // Before the models are loaded: what is in use is what was sampled when it was allocated.
        heap::start(config.heap_sample_bytes);
        let sockets = config
            .listen
            .iter()
            .map(|address| listen::bind(*address, "--listen").map_err(RunError::Listen))
            .collect::<Result<Vec<_>, _>>()?;
        let admin_socket = config
            .admin
            .map(|address| listen::bind(address, "--admin-listen"))
            .transpose()
            .map_err(RunError::Listen)?;
        let addresses = sockets.iter().map(std::net::TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
        let admin = admin_socket.as_ref().map(std::net::TcpListener::local_addr).transpose()?;
        let telemetry = Telemetry::new(DaemonInfo {
            listen: addresses.iter().map(ToString::to_string).collect(),
            admin: admin.map(|address| address.to_string()),
            mlruns: config.mlruns.display().to_string(),
            ..about()
        });
        let profiler = Profiler::spawn(Some(Arc::clone(&telemetry)), config.profile_hz)?;
        let (registry, keeper) = Registry::start(registry_options(config), Arc::clone(&telemetry))?;
        let executor = Executor::start(config.executor, config.compute_threads, config.limits.queue)?;
        let app = App { registry, telemetry, executor, limits: config.limits.clone(), met: Met::default() };
        let app = Arc::new(app);
        app.telemetry.attach(CatalogView(Arc::clone(&app)));
        let (stop, shutdown) = watch::channel(false);
        let mut threads = vec![keeper, admin::start(&app, &profiler, admin_socket, shutdown.clone())?];
        let listeners = sockets
            .into_iter()
            .zip(&addresses)
            .map(|(socket, address)| {
                // Beyond loopback, what changes state or profiles is left to the admin listener.
                let everything = address.ip().is_loopback();
                let router = if everything { admin::router(&app, &profiler) } else { admin::public_router(&app) };
                Listener { socket, router }
            })
            .collect();
        threads.push(start_serving(&app, listeners, config, shutdown)?);
        app.telemetry.event(Level::Info, EventKind::Serve, None, None, format!("listening on {}", list(&addresses)));
        Ok(Self { app, addresses, admin, stop, threads })
    }

    /// What requests see.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Addresses that serve requests, with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Address for observers.
    #[must_use]
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Stops accepting, lets requests in flight finish, and ends every thread.
    pub fn stop(self) {
        // Without receivers everything has stopped already.
        let _ = self.stop.send(true);
        self.app.telemetry.close();
        self.app.registry.stop();
        for thread in self.threads {
            // A thread that panicked has said so on stderr; the others are still to be joined.
            let _ = thread.join();
        }
    }
}

/// This process, listening nowhere yet.
pub(crate) fn about() -> DaemonInfo {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    DaemonInfo {
        version: env!("CARGO_PKG_VERSION").into(),
        pid: std::process::id(),
        listen: Vec::new(),
        admin: None,
        mlruns: String::new(),
        started_unix_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
    }
}

pub(crate) fn registry_options(config: &Config) -> registry::Options {
    registry::Options {
        root: config.mlruns.clone(),
        default_model: config.default_model.clone(),
        backend_store: config.backend_store.clone(),
        policies: config.policies.clone(),
        logged: config.logged_models,
        logged_bytes: config.logged_model_bytes,
        grace: config.grace,
        engines: config.engines.clone(),
        non_finite: config.non_finite,
        debounce: config.debounce,
        rescan: config.rescan,
    }
}

/// The thread that accepts connections.
fn start_serving(
    app: &Arc<App>,
    listeners: Vec<Listener>,
    config: &Config,
    shutdown: watch::Receiver<bool>,
) -> io::Result<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (app, io_threads, drain) = (Arc::clone(app), config.io_threads, config.drain);
    std::thread::Builder::new().name("yummyd-accept".into()).spawn(move || {
        if let Err(error) = runtime.block_on(serve::listen::serve(app, listeners, io_threads, drain, shutdown)) {
            tracing::error!(%error, "cannot serve");
        }
    })
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
