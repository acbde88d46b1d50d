//! Servers whose behaviour is known by arithmetic, and plans that load them.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::Semaphore};
use yummy_api::load::Arrivals;
use yummy_load::{
    Plan,
    bodies::{Bodies, JSON},
    generator::Transport,
    slo::Slo,
    target::{Reach, Target},
};

/// What a stub does with a scoring request.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// Answers at once.
    Instant,
    /// So many requests at a time, each held for so long: capacity is slots / hold.
    Slots(Arc<Semaphore>, Duration),
    /// The same, but no request is begun within the first `length` of every `every`.
    StallingSlots { slots: Arc<Semaphore>, hold: Duration, every: Duration, length: Duration },
    /// This status, after the first request (which a run sends to see whether the target scores at all).
    FailsWith(u16),
    /// Never answers after the first request.
    Hangs,
}

impl Behaviour {
    pub(crate) fn slots(slots: usize, hold: Duration) -> Self {
        Self::Slots(Arc::new(Semaphore::new(slots)), hold)
    }
}

/// A server on a thread and a free port of its own; it ends with the test's process.
pub(crate) struct Stub {
    pub(crate) addr: SocketAddr,
    pub(crate) requests: Arc<AtomicU64>,
    pub(crate) headers: Arc<Mutex<Option<HeaderMap>>>,
    pub(crate) bodies: Arc<Mutex<Vec<Bytes>>>,
}

struct State {
    behaviour: Behaviour,
    start: Instant,
    requests: Arc<AtomicU64>,
    headers: Arc<Mutex<Option<HeaderMap>>>,
    bodies: Arc<Mutex<Vec<Bytes>>>,
}

impl Stub {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let (requests, headers, bodies) = (Arc::default(), Arc::default(), Arc::default());
        let state = Arc::new(State {
            behaviour,
            start: Instant::now(),
            requests: Arc::clone(&requests),
            headers: Arc::clone(&headers),
            bodies: Arc::clone(&bodies),
        });
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { accept(TcpListener::from_std(listener).unwrap(), state).await });
        });
        Self { addr, requests, headers, bodies }
    }

    pub(crate) fn served(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn plan(&self) -> Plan {
        Plan {
            target: Target::resolve(&format!("http://{}", self.addr), "/invocations", &Reach::Loopback).unwrap(),
            model: "stub".to_owned(),
            reach: Reach::Loopback,
            bodies: Bodies::same(r#"{"inputs": [[1.0, 2.0]]}"#, JSON, 1, "test"),
            transport: Transport { connections: 16, ..Transport::default() },
            slo: Slo::default(),
            arrivals: Arrivals::Constant,
            seed: 1,
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            stream.set_nodelay(true).unwrap();
            let service = service_fn(move |request| answer(request, Arc::clone(&state)));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Full<Bytes>>, Infallible> {
    let reply =
        |status: u16| Ok(Response::builder().status(status).body(Full::new(Bytes::from_static(b"{}"))).unwrap());
    if request.method() == http::Method::GET {
        return reply(404);
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return reply(400) };
    *state.headers.lock().unwrap() = Some(parts.headers);
    {
        let mut bodies = state.bodies.lock().unwrap();
        if bodies.len() < 5000 {
            bodies.push(body.to_bytes());
        }
    }
    let number = state.requests.fetch_add(1, Ordering::Relaxed);
    match &state.behaviour {
        Behaviour::Instant => {}
        Behaviour::Slots(slots, hold) => {
            let _held = slots.acquire().await.unwrap();
            tokio::time::sleep(*hold).await;
        }
        Behaviour::StallingSlots { slots, hold, every, length } => {
            let _held = slots.acquire().await.unwrap();
            let phase = Duration::from_secs_f64(state.start.elapsed().as_secs_f64() % every.as_secs_f64());
            tokio::time::sleep(length.saturating_sub(phase)).await;
            tokio::time::sleep(*hold).await;
        }
        Behaviour::FailsWith(status) if number > 0 => return reply(*status),
        Behaviour::Hangs if number > 0 => std::future::pending().await,
        Behaviour::FailsWith(_) | Behaviour::Hangs => {}
    }
    reply(200)
}
