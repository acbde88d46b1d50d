//! A daemon on free ports over a copy of the demo models, and a client of a few lines.

#![allow(clippy::unwrap_used, reason = "the panic of a helper is the failure's report")]
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use yummyd::{
    config::{Config, args::Settings},
    run::Daemon,
};

/// Nothing in a test takes this long; past it the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running daemon and the directory that it watches.
pub(crate) struct Fixture {
    pub(crate) daemon: Option<Daemon>,
    pub(crate) folder: tempfile::TempDir,
    root: PathBuf,
}

/// The folder `assets` of the checkout.
pub(crate) fn assets() -> PathBuf {
    yummy_fixtures::checkout().join("assets")
}

impl Fixture {
    /// Over an empty directory.
    pub(crate) fn empty() -> Self {
        Self::start(tempfile::tempdir().unwrap(), |_| {})
    }

    /// Over a directory that is only read.
    pub(crate) fn over(mlruns: &Path) -> Self {
        let mlruns = mlruns.to_owned();
        Self::start(tempfile::tempdir().unwrap(), |settings| settings.mlruns = Some(mlruns))
    }

    /// Over a copy of the demo models.
    pub(crate) fn demo() -> Self {
        Self::demo_with(|_| {})
    }

    /// Over a copy of the demo models, with other settings.
    pub(crate) fn demo_with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&assets().join("mlruns"), &folder.path().join("mlruns"));
        Self::start(folder, change)
    }

    /// Over an empty directory, with other settings.
    pub(crate) fn empty_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start(tempfile::tempdir().unwrap(), change)
    }

    fn start(folder: tempfile::TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        // A folder of its own, so that nothing that lies in the machine's temporary folder is beside it.
        let root = folder.path().join("mlruns");
        fs::create_dir_all(&root).unwrap();
        let any_port: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mut settings = Settings {
            mlruns: Some(root.clone()),
            listen: Some(vec![any_port]),
            admin_listen: Some(any_port.to_string()),
            ..Settings::default()
        };
        change(&mut settings);
        let config = Config::from_settings(settings, 2).unwrap();
        let fixture = Self { daemon: Some(Daemon::start(&config).unwrap()), folder, root };
        fixture.admin_call("POST", "/rescan", &[], b"");
        fixture
    }

    pub(crate) fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    /// The directory that it watches.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.daemon().addresses()[0])
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.client().call("POST", path, &[("content-type", "application/json")], body.as_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.client().call("GET", path, &[], b"")
    }

    pub(crate) fn admin_call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        Client::connect(self.daemon().admin().unwrap()).call(method, path, headers, body)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.stop();
        }
    }
}

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Asks again until `found` says yes.
///
/// # Panics
/// After [`PATIENCE`].
pub(crate) fn until(what: &str, mut found: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !found() {
        assert!(begin.elapsed() < PATIENCE, "{what} did not happen within {PATIENCE:?}");
        std::thread::yield_now();
    }
}

/// One keep-alive connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    pub(crate) fn call(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.send(head.as_bytes());
        self.send(body);
        self.receive(method == "HEAD")
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    /// Waits until the server has closed the connection.
    pub(crate) fn closed(&mut self) {
        self.stream.read_to_end(&mut Vec::new()).unwrap();
    }

    pub(crate) fn receive(&mut self, head_only: bool) -> Answer {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {line:?}")).parse().unwrap();
        let mut headers = Vec::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length =
            headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
        let mut body = vec![0; if head_only { 0 } else { length }];
        self.stream.read_exact(&mut body).unwrap();
        Answer { status, headers, body }
    }
}
