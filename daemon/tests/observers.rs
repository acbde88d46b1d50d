//! What observers get of a whole daemon: the id of a request in answers and in the log, the log's two forms, and the
//! heap of the program as it ships.

#![allow(clippy::unwrap_used, reason = "the panic of a helper is the failure's report")]

mod common;

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use common::{Client, Fixture, assets};
use serde_json::Value;
use yummy_api::routes::HEADER_REQUEST_ID;

const ID: &str = "checkout-7/4bf92f3577b34da6";

#[test]
fn an_answer_carries_the_clients_id() {
    let fixture = Fixture::demo();
    let ids = [(HEADER_REQUEST_ID, ID)];
    for (method, path, status) in [
        ("POST", "/models/wine/invocations", 415),
        ("POST", "/models/none/invocations", 404),
        ("GET", "/invocations", 405),
        ("GET", "/ping", 200),
        ("GET", "/stats", 200),
        ("GET", "/nowhere", 404),
    ] {
        let answer = fixture.client().call(method, path, &ids, b"");
        assert_eq!((answer.status, answer.header(HEADER_REQUEST_ID)), (status, Some(ID)), "{path}");
    }
    let admin = fixture.admin_call("GET", "/metrics", &ids, b"");
    assert_eq!((admin.status, admin.header(HEADER_REQUEST_ID)), (200, Some(ID)));
}

#[test]
fn an_answer_without_one_gets_one() {
    let fixture = Fixture::demo();
    let mut client = fixture.client();
    let mut made = |headers: &[(&str, &str)]| {
        let answer = client.call("POST", "/models/wine/invocations", headers, b"{}");
        answer.header(HEADER_REQUEST_ID).unwrap().to_owned()
    };
    let ids = [made(&[]), made(&[]), made(&[(HEADER_REQUEST_ID, "not an id")])];
    assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())), "{ids:?}");
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
}

#[test]
fn the_daemon_shows_where_the_memory_of_its_models_was_allocated() {
    let (_daemon, mut client) = Logged::start("text", &["--heap-sample-bytes", "16384"]);
    let svg = client.call("GET", "/debug/flamegraph/heap.svg", &[], b"");
    assert_eq!(svg.status, 200, "{}", svg.text());
    assert!(svg.text().contains(" MiB in use · ") && svg.text().contains("one sample each 16 KiB"));
    assert!(svg.text().contains("<title>yummyd::registry::load::load "), "the models are there");
    let (_off, mut client) = Logged::start("text", &["--heap-sample-bytes", "0"]);
    let answer = client.call("GET", "/debug/pprof/heap", &[], b"");
    assert_eq!(answer.status, 404, "{}", answer.text());
    assert!(answer.json()["error"].as_str().is_some_and(|error| error.contains("without --heap-sample-bytes 0")));
}

#[test]
fn a_program_whose_allocator_does_not_sample_says_so() {
    let answer = Fixture::empty().admin_call("GET", "/debug/pprof/heap", &[], b"");
    assert_eq!(answer.status, 501);
    assert!(answer.text().contains("its allocator does not sample"), "{}", answer.text());
}

#[test]
fn beyond_loopback_there_are_numbers_and_no_profiles() {
    let fixture = Fixture::demo_with(|settings| settings.listen = Some(vec!["0.0.0.0:0".parse().unwrap()]));
    let loopback = ([127, 0, 0, 1], fixture.daemon().addresses()[0].port()).into();
    let get = |path| Client::connect(loopback).call("GET", path, &[], b"");
    assert_eq!((get("/stats").status, get("/metrics").status), (200, 200));
    for path in ["/debug/flamegraph.svg?seconds=1", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/profiles"] {
        let answer = get(path);
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.text().contains("ask the admin listener"), "{}", answer.text());
    }
    assert_eq!(fixture.admin_call("GET", "/debug/profiles", &[], b"").status, 200);
}

/// A daemon of its own, whose log can be read.
struct Logged(Child);

impl Logged {
    fn start(format: &str, arguments: &[&str]) -> (Self, Client) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_yummyd"));
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "off", "--log-format", format]).args(arguments);
        command.arg("--mlruns").arg(assets().join("mlruns"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let greeting = lines.find_map(|line| line.unwrap().split_once("on http://").map(|(_, rest)| rest.to_owned()));
        let address = greeting.unwrap().trim().parse().unwrap();
        // What else it says on stdout must have somewhere to go.
        std::thread::spawn(move || lines.for_each(drop));
        (Self(child), Client::connect(address))
    }

    /// Ends the daemon and returns its log.
    fn lines(mut self) -> Vec<String> {
        self.0.kill().unwrap();
        BufReader::new(self.0.stderr.take().unwrap()).lines().map(Result::unwrap).collect()
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_json_log_is_an_object_a_line_and_names_the_request() {
    let (daemon, mut client) = Logged::start("json", &["--log", "debug"]);
    client.call("POST", "/models/none/invocations", &[(HEADER_REQUEST_ID, ID)], b"{}");
    let lines = daemon.lines();
    let parsed: Vec<Value> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    for line in &parsed {
        let text = |key: &str| line[key].as_str().unwrap_or_default();
        assert!(text("timestamp").ends_with('Z') && !text("level").is_empty() && !text("target").is_empty(), "{line}");
        assert!(line["fields"]["message"].is_string() || line["fields"].is_object(), "{line}");
    }
    let ours = parsed.iter().find(|line| line["fields"]["request_id"] == ID).expect("a line of the request");
    let fields = &ours["fields"];
    assert_eq!((&fields["status"], &fields["method"]), (&404.into(), &"POST".into()));
    assert_eq!(fields["path"], "/models/none/invocations");
    assert!(fields["ms"].as_f64().is_some_and(|ms| ms >= 0.0));
    let loaded = parsed.iter().find(|line| line["fields"]["kind"] == "reload").expect("a line of a load");
    assert!(loaded["fields"]["model"].is_string() && loaded["fields"]["version"].is_u64(), "{loaded}");
}

#[test]
fn a_text_log_names_a_failed_request_at_the_default_level() {
    // Nothing is done within a microsecond: every prediction times out.
    let (daemon, mut client) = Logged::start("text", &["--request-timeout-seconds", "0.000001"]);
    let answer = client.call("POST", "/models/wine/invocations", &[(HEADER_REQUEST_ID, ID)], &vec![b' '; 64 << 10]);
    assert_eq!(answer.status, 504, "{}", answer.text());
    client.call("POST", "/models/none/invocations", &[(HEADER_REQUEST_ID, "quiet")], b"{}");
    let lines = daemon.lines();
    let ours = lines.iter().find(|line| line.contains(ID)).expect("a line of the request");
    assert!(ours.contains("WARN") && ours.contains("status=504") && ours.contains("model=\"wine/2\""), "{ours}");
    assert!(ours.contains("request failed: Request processing time exceeded limit"), "{ours}");
    assert!(!lines.iter().any(|line| line.contains("quiet")), "a client's mistake is no line: {lines:?}");
}
