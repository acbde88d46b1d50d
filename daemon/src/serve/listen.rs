//! Sockets, connections and the threads that serve them.
//!
//! One thread accepts and deals connections to the I/O threads in turn, so that a few connections spread evenly (with
//! SO_REUSEPORT the kernel hashes them, and 8 connections often land 6 to 2). Each I/O thread has a runtime of its own;
//! a connection never moves.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use axum::Router;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioTimer, server::graceful::GracefulShutdown};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::{App, bounds::Bound, connection::Connection, handle, socket::Socket};
use crate::execute::turn::Turn;

/// Connections that wait for an I/O thread to take them; past it accepting waits, and the kernel's backlog holds them.
const HANDOVER: usize = 64;
/// New connections that an I/O thread takes before it looks at the others again: 2,000 that come at once, each with a
/// request of 30 µs to be read, would keep a `/ping` waiting for as long as they do each other.
const WELCOME: usize = 16;
/// Connections that wait in the kernel: what its default maximum allows.
const BACKLOG: i32 = 4096;
/// Bytes that a connection reads at a time, at most, and so the longest head that is read (a longer one is answered with
/// 431). It is what a request holds while it waits for its place: 10,000 of them 320 MB, where hyper's own bound allows
/// 4 GB. The allocator keeps blocks of up to this size for each thread, so that none costs a page fault.
const READ_BUFFER: usize = 32 << 10;
/// After an accept failed (no file descriptors left), wait before the next: the reason does not go away at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A listening socket and the routes behind it that are not scoring.
pub struct Listener {
    /// Bound and listening.
    pub socket: TcpListener,
    /// Everything else.
    pub router: Router,
}

/// Binds an address.
///
/// # Errors
/// One line that says what to do.
pub fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, String> {
    try_bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("cannot listen on {address}: the port is in use; stop what uses it, or choose another with {flag}")
        }
        io::ErrorKind::PermissionDenied => {
            format!("cannot listen on {address}: ports below 1024 need privileges; choose another with {flag}")
        }
        _ => format!("cannot listen on {address}: {error}; choose another address with {flag}"),
    })
}

fn try_bind(address: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A restart must not wait for the old connections' TIME_WAIT to end.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// One accepted connection on its way to an I/O thread.
struct Accepted {
    stream: TcpStream,
    router: Router,
    /// Counts against the bound of open connections until it is dropped.
    permit: OwnedSemaphorePermit,
}

/// Serves until `shutdown` says so, then lets requests in flight finish for at most `drain`.
///
/// # Errors
/// When the system gives no thread, or a socket cannot be handed to the runtime.
pub async fn serve(
    app: Arc<App>,
    listeners: Vec<Listener>,
    io_threads: usize,
    drain: Duration,
    shutdown: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut threads = Vec::new();
    let mut workers = Vec::new();
    for number in 0..io_threads {
        let (deal, dealt) = mpsc::channel(HANDOVER);
        threads.push(start_worker(number, Arc::clone(&app), dealt, drain)?);
        workers.push(deal);
    }
    let open = Arc::new(Semaphore::new(app.limits.connections.min(Semaphore::MAX_PERMITS)));
    let mut accepting = Vec::new();
    for listener in listeners {
        let workers = workers.clone();
        accepting.push(tokio::spawn(accept(Arc::clone(&app), listener, workers, Arc::clone(&open), shutdown.clone())?));
    }
    drop(workers);
    for task in accepting {
        // An accept loop ends only on shutdown; one that panicked has said so on stderr.
        let _ = task.await;
    }
    // The loops' ends of the channels are gone: each worker drains and ends.
    let joined = tokio::task::spawn_blocking(move || threads.into_iter().for_each(|thread| drop(thread.join())));
    let _ = joined.await;
    Ok(())
}

/// The loop that accepts on one listener and deals to `workers` in turn.
fn accept(
    app: Arc<App>,
    listener: Listener,
    workers: Vec<mpsc::Sender<Accepted>>,
    open: Arc<Semaphore>,
    mut shutdown: watch::Receiver<bool>,
) -> io::Result<impl Future<Output = ()> + Send> {
    let socket = tokio::net::TcpListener::from_std(listener.socket)?;
    let router = listener.router;
    Ok(async move {
        let next = async {
            for worker in workers.iter().cycle() {
                if open.available_permits() == 0 {
                    app.met.count(Bound::Connections);
                }
                let Ok(permit) = Arc::clone(&open).acquire_owned().await else { return };
                let stream = loop {
                    match socket.accept().await.and_then(|(stream, _)| stream.into_std()) {
                        Ok(stream) => break stream,
                        Err(error) => {
                            tracing::warn!(%error, "cannot accept a connection");
                            tokio::time::sleep(ACCEPT_PAUSE).await;
                        }
                    }
                };
                if worker.send(Accepted { stream, router: router.clone(), permit }).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = next => {}
            _ = shutdown.wait_for(|stop| *stop) => {}
        }
    })
}

fn start_worker(
    number: usize,
    app: Arc<App>,
    dealt: mpsc::Receiver<Accepted>,
    drain: Duration,
) -> io::Result<JoinHandle<()>> {
    let turn = Arc::new(Turn::default());
    let idle = Arc::clone(&turn);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().on_thread_park(move || _ = idle.begin()).build()?;
    let name = format!("yummyd-io-{number}");
    thread::Builder::new().name(name).spawn(move || runtime.block_on(work(app, turn, dealt, drain)))
}

/// Serves the connections that are dealt to this thread, then drains.
async fn work(app: Arc<App>, turn: Arc<Turn>, mut dealt: mpsc::Receiver<Accepted>, drain: Duration) {
    let conducted = Arc::clone(&turn);
    // It ends with the runtime.
    tokio::spawn(async move { conducted.conduct().await });
    let graceful = GracefulShutdown::new();
    let mut welcomed = 0;
    while let Some(accepted) = dealt.recv().await {
        welcomed += 1;
        if welcomed % WELCOME == 0 {
            tokio::task::yield_now().await;
        }
        if let Err(error) = start_connection(&app, &turn, accepted, &graceful) {
            tracing::debug!(%error, "cannot serve a connection");
        }
    }
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = drain.as_secs_f64(), "requests in flight did not finish in time");
    }
}

fn start_connection(
    app: &Arc<App>,
    turn: &Arc<Turn>,
    accepted: Accepted,
    graceful: &GracefulShutdown,
) -> io::Result<()> {
    let Accepted { stream, router, permit } = accepted;
    // An answer is one small write: waiting for more to send would only delay it.
    stream.set_nodelay(true)?;
    // A count of its own, which no other thread touches: each request takes and drops it.
    let connection = Arc::new(Connection::new(Arc::clone(turn)));
    let stream = Socket::new(tokio::net::TcpStream::from_std(stream)?, Arc::clone(&connection));
    let shared = Arc::new((Arc::clone(app), router, connection));
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, std::convert::Infallible>(handle(&shared.0, &shared.1, &shared.2, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.limits.header_timeout)
        .max_buf_size(READ_BUFFER)
        .serve_connection(stream, service);
    let watched = graceful.watch(connection);
    let app = Arc::clone(app);
    tokio::spawn(async move {
        // A client that goes away in the middle is its own affair.
        if watched.await.is_err_and(|error| error.is_timeout()) {
            app.met.count(Bound::HeaderTimeout);
        }
        drop(permit);
    });
    Ok(())
}
