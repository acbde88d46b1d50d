//! The daemon as a process of its own: what it holds in memory is then its own.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::common::Client;

pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Where observers ask: not on the threads that answer requests.
    admin: SocketAddr,
}

impl Process {
    /// Starts the binary over `mlruns`, and waits until it says where it listens.
    pub(crate) fn start(mlruns: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_yummyd"))
            .arg("--mlruns")
            .arg(mlruns)
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log", "error"])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let greeting = lines.find(|line| line.contains(" on http://")).unwrap();
        let address = greeting.rsplit("http://").next().unwrap().trim().parse().unwrap();
        let live = lines.find_map(|line| Some(line.split_once("live numbers http://")?.1.to_owned())).unwrap();
        let admin = live.split_once('/').unwrap().0.parse().unwrap();
        // What else it prints is read, so that it never waits for a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, admin }
    }

    /// The live numbers.
    pub(crate) fn stats(&self) -> serde_json::Value {
        Client::connect(self.admin).call("GET", "/stats", &[], b"").json()
    }

    /// Seconds that the threads which answer requests were ready to run and had no core.
    pub(crate) fn io_waited(&self) -> f64 {
        let waited = |task: PathBuf| -> f64 {
            let schedstat = std::fs::read_to_string(task.join("schedstat")).unwrap();
            schedstat.split(' ').nth(1).unwrap().parse().unwrap()
        };
        self.io_tasks().map(waited).sum::<f64>() / 1e9
    }

    /// The threads which answer requests, as directories of `/proc`.
    pub(crate) fn io_tasks(&self) -> impl Iterator<Item = PathBuf> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let all = tasks.map(|task| task.unwrap().path());
        all.filter(|task| std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("yummyd-io")))
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// Bytes that are resident.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// CPU time that it took, in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        // User and system time, in the hundredths of a second that Linux gives programs.
        fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
