//! A daemon that scores, reloads and is profiled by clients who leave, all at once.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use yummyd::{
    config::{Config, args::Settings},
    run::Daemon,
};

use crate::{Flag, HZ};

/// Any two rows of the demo model `wine`.
const MODEL: &str = "/models/wine";
/// Longest wait for an answer: what takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client stays for this long, by when a capture has begun or was refused, and up to 131 ms more.
const LEAST_WAIT_US: u64 = 2_000;
/// Until a capture is asked for again that found another one running.
const RETRY: Duration = Duration::from_millis(1);

/// A daemon over the demo models, with load and reloads.
pub(crate) struct Serving {
    daemon: Daemon,
    stop: Flag,
    threads: Vec<JoinHandle<()>>,
    answered: Arc<AtomicU64>,
    reloaded: Arc<AtomicU64>,
}

/// How a capture ended for its client.
#[derive(Default)]
pub(crate) struct Ends {
    pub(crate) finished: u64,
    pub(crate) busy: u64,
    pub(crate) left: u64,
}

impl Serving {
    /// Starts it and waits until it answers.
    pub(crate) fn start(mlruns: &Path) -> Self {
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let settings = Settings {
            mlruns: Some(mlruns.to_owned()),
            listen: Some(vec![any]),
            admin_listen: Some(any.to_string()),
            ..Settings::default()
        };
        let daemon = Daemon::start(&Config::from_settings(settings, 2).expect("a configuration")).expect("a daemon");
        let (stop, answered, reloaded) = (Flag::default(), Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (address, admin) = (daemon.addresses()[0], daemon.admin().expect("an admin listener"));
        assert_eq!(status(&ask(admin, "POST", "/rescan", "")), 200);
        let body = example(address);
        let score = |count: Arc<AtomicU64>| {
            let (mut stream, body) = (connect(address), body.clone());
            stop.thread(move || {
                send(&mut stream, "POST", &format!("{MODEL}/invocations"), &body, true);
                let mut answer = [0; 4096];
                let read = read(&mut stream, &mut answer).expect("an answer");
                assert_eq!(status(&answer[..read]), 200, "{}", String::from_utf8_lossy(&answer[..read]));
                count.fetch_add(1, Relaxed);
            })
        };
        let reload = {
            let count = Arc::clone(&reloaded);
            move || {
                let answer = ask(admin, "POST", &format!("{MODEL}/reload"), "");
                assert_eq!(status(&answer), 200, "{}", String::from_utf8_lossy(&answer));
                count.fetch_add(1, Relaxed);
            }
        };
        let threads = vec![score(Arc::clone(&answered)), score(Arc::clone(&answered)), stop.thread(reload)];
        Self { daemon, stop, threads, answered, reloaded }
    }

    /// Captures whose client leaves after a random time: some just as they begin, some just as they end. What finds
    /// another one running is asked again.
    pub(crate) fn cancel(&self, cancels: u64) -> Ends {
        let admin = self.daemon.admin().expect("an admin listener");
        let (mut ends, mut random) = (Ends::default(), 1_u64);
        while ends.left + ends.finished < cancels {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut stream = connect(admin);
            stream.set_read_timeout(Some(Duration::from_micros(LEAST_WAIT_US + (random >> 47)))).expect("a socket");
            send(&mut stream, "GET", &format!("/debug/flamegraph.svg?seconds=0.1&hz={HZ}"), "", false);
            let mut answer = [0; 4096];
            match read(&mut stream, &mut answer) {
                Ok(read) if status(&answer[..read]) == 200 => ends.finished += 1,
                Ok(read) if status(&answer[..read]) == 409 => {
                    ends.busy += 1;
                    std::thread::sleep(RETRY);
                }
                Ok(read) => panic!("{}", String::from_utf8_lossy(&answer[..read])),
                Err(_) => ends.left += 1,
            }
        }
        ends
    }

    /// Ends it; says how many requests and reloads there were.
    pub(crate) fn stop(self) -> (u64, u64) {
        self.stop.raise();
        self.threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        self.daemon.stop();
        (self.answered.load(Relaxed), self.reloaded.load(Relaxed))
    }
}

/// The body of MLflow's own example, as the catalog shows it.
fn example(address: SocketAddr) -> String {
    let answer = ask(address, "GET", MODEL, "");
    let text = String::from_utf8(answer).expect("text");
    let (_, body) = text.split_once("\r\n\r\n").expect("a body");
    let info: serde_json::Value = serde_json::from_str(body).expect("JSON");
    info["models"][0]["example"].as_str().expect("an example").to_owned()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Vec<u8> {
    let mut stream = connect(address);
    send(&mut stream, method, path, body, false);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    answer
}

/// Reads. The sampler's signal interrupts a read that has a timeout, unlike one that has none.
fn read(stream: &mut TcpStream, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn send(stream: &mut TcpStream, method: &str, path: &str, body: &str, keep: bool) {
    let connection = if keep { "keep-alive" } else { "close" };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: {connection}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("it reads");
}

fn status(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(&answer[..answer.len().min(16)]);
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}
