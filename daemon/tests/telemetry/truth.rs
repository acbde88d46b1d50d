//! The daemon's percentiles beside those of a client that measured the same requests.
//!
//! The client keeps one connection and one core: it sends a request, asks the socket without sleeping until the answer is
//! there, and sends the next. What it sees more than the daemon is then the way there and back, and pauses of the machine
//! that fall outside of the daemon's clock; what is known of these is printed with each round.
//!
//! In the default run it is only shown that the daemon never claims more than its client saw. `YUMMY_TRUTH=1`
//! (`make check-telemetry-truth`, the machine otherwise idle) wants both to agree in most of twelve rounds: the machine's
//! pauses, which fall between the two clocks, spoil some.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::common::Fixture;

/// What both may differ by.
const SHARE: f64 = 0.05;
const APART_MS: f64 = 0.1;
/// A bucket of the daemon's histogram is so wide.
const BUCKET: f64 = 0.01;
/// Between two questions to the socket nothing else happens: so long a pause is one of the machine.
const PAUSE: Duration = Duration::from_micros(50);
const ROUNDS: usize = 12;

/// One connection that never sleeps.
struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Client {
    fn new(fixture: &Fixture, body: &str) -> Self {
        let stream = TcpStream::connect(fixture.daemon().addresses()[0]).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        let request = format!(
            "POST /models/wine/invocations HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: \
             {}\r\n\r\n{body}",
            body.len()
        );
        Self { stream, request: request.into_bytes(), buffer: vec![0; 1 << 20] }
    }

    /// One request: what it took, and whether the client was away for a part of that.
    fn ask(&mut self) -> (Duration, bool) {
        let begin = Instant::now();
        let (mut sent, mut filled, mut length) = (0, 0, None);
        let (mut asked, mut away) = (begin, false);
        while length.is_none_or(|length| filled < length) {
            let done = if sent < self.request.len() {
                self.stream.write(&self.request[sent..]).inspect(|n| sent += n)
            } else {
                self.stream.read(&mut self.buffer[filled..]).inspect(|n| filled += n)
            };
            let now = Instant::now();
            match done {
                Ok(n) => assert!(n > 0, "the daemon closed the connection"),
                // Nothing was copied: this took no time but that in which the client was not there.
                Err(error) if error.kind() == ErrorKind::WouldBlock => away |= now - asked > PAUSE,
                Err(error) => panic!("{error}"),
            }
            asked = now;
            length = length.or_else(|| whole_length(&self.buffer[..filled]));
        }
        assert!(self.buffer.starts_with(b"HTTP/1.1 200"));
        (begin.elapsed(), away)
    }
}

/// Bytes of an answer, as soon as its head is there.
fn whole_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).unwrap();
    let digits = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    Some(head + digits.parse::<usize>().unwrap())
}

/// Milliseconds that the threads which answer waited for a core, and those that the host took.
fn disturbed() -> (f64, f64) {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten().map(|task| task.path());
    let io = tasks.filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("yummyd-io")));
    let waited = |task: std::path::PathBuf| -> Option<f64> {
        let schedstat = fs::read_to_string(task.join("schedstat")).ok()?;
        schedstat.split(' ').nth(1)?.parse().ok()
    };
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let stolen = stat.lines().next().unwrap().split_whitespace().nth(8).map_or(0.0, |ticks| ticks.parse().unwrap());
    (io.filter_map(waited).sum::<f64>() / 1e6, stolen * 10.0)
}

/// Rows of the example of `wine`.
fn body(fixture: &Fixture, rows: usize) -> String {
    let info = fixture.get("/models/wine").json();
    let example: Value = serde_json::from_str(info["models"][0]["example"].as_str().unwrap()).unwrap();
    let split = &example["dataframe_split"];
    let data: Vec<&Value> = split["data"].as_array().unwrap().iter().cycle().take(rows).collect();
    json!({ "dataframe_split": { "columns": split["columns"], "data": data } }).to_string()
}

/// One daemon, so many requests: each percentile in milliseconds as the client and as the daemon saw it.
fn round(rows: usize, requests: usize) -> [(f64, f64); 2] {
    // Compute threads would be another way for a request to wait.
    let fixture = Fixture::demo_with(|settings| settings.executor = Some(yummyd::execute::Mode::Inline));
    let mut client = Client::new(&fixture, &body(&fixture, rows));
    let before = disturbed();
    let (mut took, mut paused) = (Vec::with_capacity(requests), 0_usize);
    for _ in 0..requests {
        let (whole, away) = client.ask();
        took.push(whole.as_secs_f64() * 1e3);
        paused += usize::from(away);
    }
    let after = disturbed();
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[(took.len() as f64 * share).ceil() as usize - 1];
    let stats = fixture.admin_call("GET", "/stats?model=wine", &[], b"").json();
    let latency = &stats["total"]["start"]["latency_ms"];
    let daemon = |key: &str| latency[key].as_f64().unwrap();
    let seen = [(at(0.5), daemon("p50")), (at(0.99), daemon("p99"))];
    println!(
        "{rows} rows, {requests} requests: p50 {:.3} ms at the client, {:.3} in the daemon; p99 {:.3}, {:.3}; {paused} met \
         a pause, the daemon waited {:.1} ms for a core, {:.0} ms were stolen",
        seen[0].0,
        seen[0].1,
        seen[1].0,
        seen[1].1,
        after.0 - before.0,
        after.1 - before.1
    );
    seen
}

#[test]
fn the_daemon_says_what_its_client_sees() {
    let is_strict = std::env::var_os("YUMMY_TRUTH").is_some();
    for (rows, requests) in [(1, 20_000), (100, 10_000), (1000, 5000)] {
        let (mut agreed, rounds) = (0, if is_strict { ROUNDS } else { 1 });
        for _ in 0..rounds {
            let seen = round(rows, if is_strict { requests } else { requests / 10 });
            for (client, daemon) in seen {
                assert!(daemon <= client * (1.0 + BUCKET), "the daemon claims {daemon} ms, its client saw {client}");
            }
            agreed += usize::from(seen.iter().all(|(client, daemon)| client - daemon <= client * SHARE + APART_MS));
        }
        println!("{rows} rows: both agreed in {agreed} of {rounds} rounds");
        assert!(agreed * 2 > rounds || !is_strict, "in {agreed} of {ROUNDS} rounds only with {rows} rows");
    }
}
