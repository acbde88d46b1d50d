//! Three times the load that it can bear: the daemon completes as much as at its limit, and still answers `/ping`.
//!
//! Minutes on two quiet cores, so only on request (docs/benchmarks/overload.py makes a table of it):
//!
//!     YUMMY_LONG_TESTS=1 cargo test --release -p yummyd --test overload -- --nocapture
//!
//! The daemon is a process of its own on core 0 (taskset), with one I/O and one compute thread; the load, open loop,
//! comes from core 1, which a process of the lowest priority keeps busy besides: where the two are threads of one core, as
//! they seem to be at times on rented machines, the daemon's is faster while the other one sleeps, and three times the load
//! would slow it down by being sent. Both loads come in turns, several times: a noisy machine slows down both.
//! YUMMYD names another binary of it, YUMMY_OVERLOAD_ROWS other sizes, YUMMY_OVERLOAD_ROUNDS another number of turns.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that prints a table")]

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::SocketAddr,
    ops::Range,
    path::Path,
    process::{Child, Command, Stdio},
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, client::conn::http1::SendRequest};
use tokio::{net::TcpStream, task::LocalSet, time::sleep_until};

/// Connections at most: beyond them a request is late, and counted as such.
const MAX_CONNECTIONS: usize = 2000;
/// For so long a load lasts before what completes is counted: up to 2,000 connections are opened in that time.
const RAMP: Duration = Duration::from_secs(1);
/// How long it is counted.
const SECONDS: u64 = 4;
/// Turns of the two loads; what counts is the median.
const ROUNDS: usize = 5;
/// A client gives up after this, and says so to the daemon.
const PATIENCE: Duration = Duration::from_secs(2);

/// So soon `/ping` is to be answered, whatever else is asked for.
const SLOWEST_PING: Duration = Duration::from_millis(50);

#[test]
fn three_times_its_limit_costs_nothing_of_what_it_completes() {
    if std::env::var_os("YUMMY_LONG_TESTS").is_none() {
        println!("skipped: set YUMMY_LONG_TESTS=1");
        return;
    }
    stay_on_core_1();
    let _neighbour = Ended(busy_core_1());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!(
        "| rows | offered/s | completed/s | refused or late | p50 ms of what completed | slowest /ping ms (at s) | compute, I/O % |"
    );
    println!("|---|---|---|---|---|---|---|");
    // Without optimisation the generator is too slow for small requests.
    let sizes = if cfg!(debug_assertions) { "1000" } else { "20 1000" };
    let sizes = std::env::var("YUMMY_OVERLOAD_ROWS").unwrap_or_else(|_| sizes.into());
    let mut complaints = Vec::new();
    for rows in sizes.split_whitespace().map(|size| size.parse().unwrap()) {
        // A daemon each time: what the first left behind is not the second's.
        let daemon = Daemon::start();
        complaints.extend(LocalSet::new().block_on(&runtime, overload(&daemon, rows)));
    }
    assert!(complaints.is_empty(), "{complaints:?}");
}

/// What is not as it should be.
async fn overload(daemon: &Daemon, rows: usize) -> Vec<String> {
    let body = body(rows);
    let limit = closed_loop(daemon.address, &body).await;
    let rounds = std::env::var("YUMMY_OVERLOAD_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap());
    let (mut shares, mut pings, mut least_offered) = (Vec::new(), Vec::new(), f64::INFINITY);
    for _ in 0..rounds {
        let at_limit = offer(daemon, &body, rows, limit).await;
        let beyond = offer(daemon, &body, rows, 3.0 * limit).await;
        shares.push(beyond.completed / at_limit.completed);
        pings.push(beyond.slowest_ping);
        least_offered = least_offered.min(beyond.offered);
    }
    shares.sort_unstable_by(f64::total_cmp);
    pings.sort_unstable();
    // One round's worst may be the machine's, which may stop both for a moment; half of the rounds' are not.
    let (share, slowest_ping) = (shares[rounds / 2], pings[rounds / 2]);
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "\n{rows} rows, limit {limit:.0}/s: completes {:.1} % ({:.1}..{:.1}) of that at its limit, slowest /ping {:.1} ms ({:.1}..{:.1})\n",
        share * 100.0,
        shares[0] * 100.0,
        shares[rounds - 1] * 100.0,
        ms(slowest_ping),
        ms(pings[0]),
        ms(pings[rounds - 1])
    );
    [
        (share < 0.95).then(|| format!("{rows} rows: {share} of what it completes at its limit")),
        (slowest_ping >= SLOWEST_PING).then(|| format!("{rows} rows: /ping took {slowest_ping:?}")),
        (least_offered < 2.7 * limit).then(|| format!("{rows} rows: the generator sent {least_offered:.0}/s")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What it completes a second with always 16 requests in flight: its limit.
async fn closed_loop(address: SocketAddr, body: &Bytes) -> f64 {
    let done = Rc::new(RefCell::new(0_u32));
    let begin = Instant::now();
    let clients = (0..16).map(|_| {
        let (done, body) = (Rc::clone(&done), body.clone());
        async move {
            let mut connection = connect(address).await.unwrap();
            while begin.elapsed() < Duration::from_secs(SECONDS) {
                assert_eq!(call(&mut connection, score(&body)).await, Some(200));
                *done.borrow_mut() += 1;
            }
        }
    });
    futures_util::future::join_all(clients).await;
    let done = *done.borrow();
    f64::from(done) / begin.elapsed().as_secs_f64()
}

/// What one load came to.
struct Outcome {
    offered: f64,
    completed: f64,
    slowest_ping: Duration,
}

#[derive(Default)]
struct Seen {
    idle: Vec<SendRequest<Full<Bytes>>>,
    open: usize,
    answers: BTreeMap<&'static str, u32>,
    times: Vec<Duration>,
}

/// Sends at `rate`, whatever comes back.
async fn offer(daemon: &Daemon, body: &Bytes, rows: usize, rate: f64) -> Outcome {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let address = daemon.address;
    let begin = Instant::now();
    let counted = begin + RAMP..begin + RAMP + Duration::from_secs(SECONDS);
    let end = counted.end;
    let mut busy_before = None;
    let pings = std::thread::spawn(move || ping(address, end));
    let mut sent = 0_u32;
    loop {
        let due = begin + Duration::from_secs_f64(f64::from(sent) / rate);
        if due >= end || Instant::now() >= end {
            break;
        }
        if Instant::now() > counted.start {
            busy_before.get_or_insert_with(|| daemon.busy());
        }
        if due > Instant::now() {
            sleep_until(due.into()).await;
        } else if sent.is_multiple_of(64) {
            tokio::task::yield_now().await;
        }
        sent += 1;
        tokio::task::spawn_local(one(address, Rc::clone(&seen), body.clone(), counted.clone()));
    }
    let (slowest_ping, slowest_at) = pings.join().unwrap();
    let seconds = counted.start.elapsed().as_secs_f64();
    let percent = |before: Duration, now: Duration| (now - before).as_secs_f64() / seconds * 100.0;
    let (busy_before, busy) = (busy_before.unwrap(), daemon.busy());
    let (compute, io) = (percent(busy_before.0, busy.0), percent(busy_before.1, busy.1));
    // What is still under way is not the next load's, nor is the closing of its connections.
    while Rc::strong_count(&seen) > 1 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut seen = seen.take();
    seen.idle.clear();
    tokio::time::sleep(RAMP).await;
    seen.times.sort_unstable();
    let completed = seen.times.len() as f64 / SECONDS as f64;
    let median = seen.times.get(seen.times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    println!(
        "| {rows} | {:.0} | {completed:.0} | {:?} | {median:.1} | {:.1} ({:.1}) | {compute:.1}, {io:.1} |",
        f64::from(sent) / (end - begin).as_secs_f64(),
        seen.answers,
        slowest_ping.as_secs_f64() * 1e3,
        (slowest_at - begin).as_secs_f64()
    );
    Outcome { offered: f64::from(sent) / (end - begin).as_secs_f64(), completed, slowest_ping }
}

/// One request on a connection that is free, or on a new one.
async fn one(address: SocketAddr, seen: Rc<RefCell<Seen>>, body: Bytes, counted: Range<Instant>) {
    let begin = Instant::now();
    let idle = seen.borrow_mut().idle.pop();
    let connection = match idle {
        Some(connection) => Some(connection),
        None if seen.borrow().open < MAX_CONNECTIONS => {
            seen.borrow_mut().open += 1;
            connect(address).await
        }
        None => None,
    };
    let word = match connection {
        None => "no connection",
        Some(mut connection) => match call(&mut connection, score(&body)).await {
            Some(status) => {
                let mut seen = seen.borrow_mut();
                seen.idle.push(connection);
                match status {
                    200 if counted.contains(&Instant::now()) => {
                        seen.times.push(begin.elapsed());
                        "200"
                    }
                    200 => "not counted",
                    429 => "429",
                    503 => "503",
                    504 => "504",
                    _ => "other",
                }
            }
            None => {
                seen.borrow_mut().open -= 1;
                "gave up"
            }
        },
    };
    *seen.borrow_mut().answers.entry(word).or_default() += 1;
}

/// Asks whether it is alive, twenty times a second; gives the longest time it took, and when that was. On a thread of its own, which does
/// nothing else: what the load's own thread cannot keep up with is not the daemon's.
fn ping(address: SocketAddr, end: Instant) -> (Duration, Instant) {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let mut answer = [0; 1024];
    let mut slowest = (Duration::ZERO, Instant::now());
    while Instant::now() < end {
        let begin = Instant::now();
        stream.write_all(b"GET /ping HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
        let read = stream.read(&mut answer).unwrap();
        slowest = slowest.max((begin.elapsed(), begin));
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"), "/ping");
        std::thread::sleep(Duration::from_millis(50));
    }
    slowest
}

async fn connect(address: SocketAddr) -> Option<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.ok()?;
    stream.set_nodelay(true).unwrap();
    let (sender, connection) =
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.ok()?;
    tokio::task::spawn_local(connection);
    Some(sender)
}

fn score(body: &Bytes) -> Request<Full<Bytes>> {
    Request::post("/models/wine/invocations")
        .header("host", "test")
        .header("content-type", "application/json")
        .header("x-request-timeout-ms", PATIENCE.as_millis().to_string())
        .body(Full::new(body.clone()))
        .unwrap()
}

/// The status of the answer; `None` when none came in time.
async fn call(connection: &mut SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> Option<u16> {
    let exchange = async {
        connection.ready().await.ok()?;
        let answer = connection.send_request(request).await.ok()?;
        let status = answer.status().as_u16();
        answer.into_body().collect().await.ok()?;
        Some(status)
    };
    tokio::time::timeout(2 * PATIENCE, exchange).await.ok()?
}

fn body(rows: usize) -> Bytes {
    let row = "[14.23, 1.71, 2.43, 15.6, 127.0, 2.8, 3.06, 0.28, 2.29, 5.64, 1.04, 3.92, 1065.0]";
    let columns = r#"["alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids",
        "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue", "od280/od315_of_diluted_wines", "proline"]"#;
    let data = vec![row; rows].join(", ");
    format!(r#"{{"dataframe_split": {{"columns": {columns}, "data": [{data}]}}}}"#).into()
}

/// This process, and the threads that it starts, on core 1 from now on.
fn stay_on_core_1() {
    let pid = std::process::id().to_string();
    let status = Command::new("taskset").args(["-a", "-c", "-p", "1", &pid]).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "taskset");
}

/// Uses what nobody else wants of core 1.
fn busy_core_1() -> Child {
    let idle = ["-c", "1", "chrt", "--idle", "0", "sh", "-c", "while :; do :; done"];
    Command::new("taskset").args(idle).spawn().unwrap()
}

/// A process that ends with its owner.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `yummyd` on the demo models, on a core of its own.
struct Daemon {
    process: Ended,
    address: SocketAddr,
}

impl Daemon {
    fn start() -> Self {
        let binary = std::env::var_os("YUMMYD").unwrap_or_else(|| env!("CARGO_BIN_EXE_yummyd").into());
        let mlruns = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/mlruns");
        let mut process = Command::new("taskset")
            .args(["-c", "0"])
            .arg(binary)
            .arg("--mlruns")
            .arg(mlruns)
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "off", "--log", "warn"])
            .args(["--io-threads", "1", "--compute-threads", "1"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // `yummyd … serves … on http://ADDRESS`
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.map_while(Result::ok).find_map(|line| line.split_once("http://")?.1.parse().ok()).unwrap();
        Self { process: Ended(process), address }
    }

    /// CPU time that its compute and its I/O thread have used.
    fn busy(&self) -> (Duration, Duration) {
        let mut busy = (Duration::ZERO, Duration::ZERO);
        for task in std::fs::read_dir(format!("/proc/{}/task", self.process.0.id())).unwrap() {
            let of = |file| std::fs::read_to_string(task.as_ref().unwrap().path().join(file)).unwrap();
            let time = Duration::from_nanos(of("schedstat").split(' ').next().unwrap().parse().unwrap());
            match of("comm").trim() {
                "yummyd-compute-" => busy.0 += time,
                "yummyd-io-0" => busy.1 += time,
                _ => {}
            }
        }
        busy
    }
}
