//! The ways from socket to answer that were tried, to be measured beside each other (docs/benchmarks/path.md).
//!
//!     cargo run --release -p yummyd --example path -- --handler score --accept reuseport --mlruns assets/mlruns
//!
//! * `--accept deal`: one thread accepts and deals connections to a runtime per core (what `yummyd` does);
//!   `reuseport`: each runtime has a listening socket of its own; `multi`: one runtime with a thread per core.
//! * `--handler score`: what `yummyd` does with a request; `hyper`: reads the body and answers what never changes, the
//!   ceiling; `axum`: the same behind axum's router.
//! * `--vectored`: an answer's head and body as two pieces (`writev`), not copied into one write as `yummyd` does.
//! * `--nagle`: leaves the delay of small writes on.
//!
//! Loopback only; it says its address and runs until it is killed.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "an experiment, not the daemon")]

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::Arc,
    thread,
};

use axum::{Router, routing::post};
use bytes::Bytes;
use clap::Parser;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    rt::{Read, Write},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Type};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;
use yummyd::{
    config::{Config, args::Settings},
    execute::turn::Turn,
    run::Daemon,
    serve::{App, Body, connection::Connection, handle, socket::Socket},
};

/// What a daemon answers for one row of the demo model.
const ANSWER: &[u8] = br#"{"predictions": [[0.9960764409312287, 0.0021567812210231, 0.0017667778477481]]}"#;

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Accept {
    Deal,
    Reuseport,
    Multi,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Handler {
    Score,
    Hyper,
    Axum,
}

#[derive(Parser)]
struct Args {
    #[arg(long, default_value = "deal")]
    accept: Accept,
    #[arg(long, default_value = "hyper")]
    handler: Handler,
    #[arg(long)]
    vectored: bool,
    #[arg(long)]
    nagle: bool,
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    #[arg(long, default_value = "2")]
    threads: usize,
    #[arg(long, default_value = "assets/mlruns")]
    mlruns: PathBuf,
}

/// What every connection needs.
#[derive(Clone)]
struct Shared {
    handler: Handler,
    vectored: bool,
    nagle: bool,
    app: Option<Arc<App>>,
    router: Router,
}

fn main() {
    let args = Args::parse();
    let daemon = (args.handler == Handler::Score).then(|| start_daemon(args.mlruns.clone(), args.threads));
    let constant = || async { ([(header::CONTENT_TYPE, "application/json")], ANSWER) };
    let router = Router::new().route("/models/{name}/invocations", post(move |_: Bytes| constant()));
    let app = daemon.as_ref().map(|daemon| Arc::clone(daemon.app()));
    let shared = Shared { handler: args.handler, vectored: args.vectored, nagle: args.nagle, app, router };
    let socket = listen(args.listen, args.accept == Accept::Reuseport);
    let address = socket.local_addr().unwrap();
    println!("{address}");
    match args.accept {
        Accept::Deal => deal(&socket, &shared, args.threads),
        Accept::Reuseport => {
            let more = (1..args.threads).map(|_| listen(address, true));
            let threads: Vec<_> = std::iter::once(socket)
                .chain(more)
                .map(|socket| {
                    let shared = shared.clone();
                    thread::spawn(move || current_thread().block_on(accept(socket, &shared)))
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
        Accept::Multi => {
            let runtime = Builder::new_multi_thread().worker_threads(args.threads).enable_all().build().unwrap();
            runtime.block_on(async { tokio::spawn(async move { accept(socket, &shared).await }).await.unwrap() });
        }
    }
}

fn start_daemon(mlruns: PathBuf, threads: usize) -> Daemon {
    let settings = Settings {
        mlruns: Some(mlruns),
        listen: Some(vec!["127.0.0.1:0".parse().unwrap()]),
        admin_listen: Some("off".into()),
        ..Settings::default()
    };
    let daemon = Daemon::start(&Config::from_settings(settings, threads).unwrap()).unwrap();
    current_thread().block_on(daemon.app().registry.rescan(None)).unwrap();
    daemon
}

fn listen(address: SocketAddr, reuse_port: bool) -> TcpListener {
    assert!(address.ip().is_loopback(), "loopback only");
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_reuse_port(reuse_port).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(4096).unwrap();
    socket.into()
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Accepts here and hands each connection to the next runtime.
fn deal(socket: &TcpListener, shared: &Shared, threads: usize) {
    socket.set_nonblocking(false).unwrap();
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let (deal, mut dealt) = tokio::sync::mpsc::channel::<TcpStream>(64);
            let shared = shared.clone();
            thread::spawn(move || {
                current_thread().block_on(async {
                    while let Some(stream) = dealt.recv().await {
                        connect(stream, &shared);
                    }
                });
            });
            deal
        })
        .collect();
    for worker in workers.iter().cycle() {
        let (stream, _) = socket.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        worker.blocking_send(stream).unwrap();
    }
}

async fn accept(socket: TcpListener, shared: &Shared) {
    let socket = tokio::net::TcpListener::from_std(socket).unwrap();
    loop {
        let (stream, _) = socket.accept().await.unwrap();
        connect(stream.into_std().unwrap(), shared);
    }
}

fn connect(stream: TcpStream, shared: &Shared) {
    stream.set_nodelay(!shared.nagle).unwrap();
    let stream = tokio::net::TcpStream::from_std(stream).unwrap();
    let connection = Arc::new(Connection::new(TURN.with(Arc::clone)));
    if shared.vectored {
        spawn(TokioIo::new(stream), connection, shared);
    } else {
        spawn(Socket::new(stream, Arc::clone(&connection)), connection, shared);
    }
}

thread_local! {
    /// As `yummyd` has one for each I/O thread.
    static TURN: Arc<Turn> = {
        let turn = Arc::new(Turn::default());
        let conducted = Arc::clone(&turn);
        tokio::spawn(async move { conducted.conduct().await });
        turn
    };
}

fn spawn(stream: impl Read + Write + Unpin + Send + 'static, connection: Arc<Connection>, shared: &Shared) {
    let shared = Arc::new((shared.clone(), connection));
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, std::convert::Infallible>(answer(&shared.0, &shared.1, request).await) }
    });
    tokio::spawn(http1::Builder::new().timer(TokioTimer::new()).serve_connection(stream, service));
}

async fn answer(shared: &Shared, connection: &Connection, request: Request<Incoming>) -> Response<Body> {
    match shared.handler {
        Handler::Score => handle(shared.app.as_ref().unwrap(), &shared.router, connection, request).await,
        Handler::Hyper => {
            let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
            assert!(body.is_ok_and(|body| !body.is_empty()), "wrk sends a body");
            let mut response = Response::new(Body::Whole(Full::new(Bytes::from_static(ANSWER))));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Handler::Axum => shared.router.clone().oneshot(request).await.unwrap().map(Body::Stream),
    }
}
