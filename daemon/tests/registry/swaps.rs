//! Versions and aliases change while connections score: no request fails, every answer is that of the version that its
//! header names, and memory comes back. `YUMMY_SWAPS=1000` (`make check-registry-swaps`) is the long run.
//!
//! How long the longest request takes says as much of the machine as of the daemon: clients, writer and daemon share its
//! cores. So four stretches of time are compared: nothing is written; the same is written to a store that nobody watches;
//! then the swaps; and nothing is written again, for as long as the live numbers look back. Of each request is known how long its own client waited for a core, and of each stretch how late
//! the machine woke a thread that only slept, and how long the daemon's own threads waited for a core.
//!
//! With `YUMMY_SWAPS_FIRST=1` (`make check-registry-pause`, as root) those who ask and those who answer have a core at once
//! when they want one, before everybody else: what a request then waits for is the daemon, or the host.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use crate::{
    common::Client,
    process::Process,
    store::{BODY, Layout, Store, run},
};

/// Swaps of the default run: some seconds.
const DEFAULT_SWAPS: u64 = 60;
const CONNECTIONS: u64 = 8;
/// Connections ask this often: what is measured is the daemon, not a machine that has no time.
const PACE: Duration = Duration::from_millis(2);
/// The writer asks this often whether its version answers.
const POLL: Duration = Duration::from_millis(1);
/// Swaps before memory is looked at for the first time.
const WARM_UP: u64 = 20;
/// From so many on it is a long run: its aims are those of the issue.
const LONG: u64 = 200;
/// Writes to the store that nobody watches, each followed by as much asking as a swap takes.
const UNWATCHED: u64 = 20;
const ASKING: Duration = Duration::from_millis(110);

/// One request of so many may take more than a millisecond while versions are swapped.
const MAX_SLOW_OF: u64 = 2000;
/// Until the live numbers hold as many seconds as they ever do, and have forgotten what was replaced before.
const WINDOWS: Duration = Duration::from_secs(75);

const STRETCHES: [&str; 4] = ["before", "written, not watched", "swaps", "after"];

/// What was seen in one stretch of time.
#[derive(Default)]
struct Stretch {
    all: AtomicU64,
    /// Requests that took longer than a millisecond, without what their client waited for a core.
    slow: AtomicU64,
    /// The longest that a request took, nanoseconds; with and without what its client waited for a core.
    longest: AtomicU64,
    longest_served: AtomicU64,
    /// The latest that a thread woke which slept a millisecond.
    late: AtomicU64,
}

/// What the connections saw.
#[derive(Default)]
struct Seen {
    stop: AtomicBool,
    now: AtomicUsize,
    failed: AtomicU64,
    wrong: AtomicU64,
    stretches: [Stretch; 4],
}

impl Seen {
    fn stretch(&self) -> &Stretch {
        &self.stretches[self.now.load(Relaxed)]
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

/// How long this thread has been ready to run without a core.
struct Waited(File);

impl Waited {
    fn new() -> Self {
        Self(File::open("/proc/thread-self/schedstat").unwrap())
    }

    fn so_far(&self) -> Duration {
        let mut text = [0; 64];
        let length = self.0.read_at(&mut text, 0).unwrap();
        let text = std::str::from_utf8(&text[..length]).unwrap();
        Duration::from_nanos(text.split(' ').nth(1).unwrap().parse().unwrap())
    }
}

/// Label and value of one answer; `None` when it failed.
fn ask(client: &mut Client, path: &str) -> Option<(u64, f64)> {
    let answer = client.call("POST", path, &[("content-type", "application/json")], BODY.as_bytes());
    if answer.status != 200 {
        println!("{}: {}", answer.status, answer.text());
        return None;
    }
    let version = answer.header("x-yummy-model")?.strip_prefix("steady/")?.parse().ok()?;
    Some((version, answer.json()["predictions"][0].as_f64()?))
}

/// Seconds in which the host of a virtual machine gave its cores to others, added up over these.
fn stolen() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    stat.lines().next().unwrap().split_whitespace().nth(8).unwrap().parse::<f64>().unwrap() / 100.0
}

/// Whether threads that matter here go before all others.
fn have_first() -> bool {
    std::env::var_os("YUMMY_SWAPS_FIRST").is_some()
}

/// Has a thread, a directory of `/proc`, go before all that have no such wish.
fn put_first(task: &Path) {
    let tid = task.file_name().unwrap();
    let done = Command::new("chrt").args(["--fifo", "--pid", "1"]).arg(tid).status().unwrap();
    assert!(done.success(), "only root may");
}

fn put_me_first() {
    if have_first() {
        put_first(&std::fs::read_link("/proc/thread-self").unwrap());
    }
}

fn score(daemon: &Process, path: &str, seen: &Seen) {
    put_me_first();
    let (mut client, waited) = (daemon.client(), Waited::new());
    while !seen.stop.load(Relaxed) {
        let stretch = seen.stretch();
        let (begin, before) = (Instant::now(), waited.so_far());
        let answer = ask(&mut client, path);
        let took = begin.elapsed();
        let served = took.saturating_sub(waited.so_far() - before);
        stretch.longest.fetch_max(ns(took), Relaxed);
        stretch.longest_served.fetch_max(ns(served), Relaxed);
        stretch.slow.fetch_add(u64::from(served > Duration::from_millis(1)), Relaxed);
        stretch.all.fetch_add(1, Relaxed);
        match answer {
            None => drop(seen.failed.fetch_add(1, Relaxed)),
            Some((version, value)) if value != version as f64 => drop(seen.wrong.fetch_add(1, Relaxed)),
            Some(_) => {}
        }
        std::thread::sleep(PACE);
    }
}

/// All connections: half of them ask for the newest version, half for the alias.
fn connect<'scope>(scope: &'scope std::thread::Scope<'scope, '_>, daemon: &'scope Process, seen: &'scope Seen) {
    for number in 0..CONNECTIONS {
        let path = ["/models/steady/invocations", "/models/steady/aliases/champion/invocations"][number as usize % 2];
        scope.spawn(move || score(daemon, path, seen));
    }
}

/// Sleeps, and notes how late it wakes: what the machine does to a thread that wants nothing of it.
fn sleep(seen: &Seen) {
    put_me_first();
    while !seen.stop.load(Relaxed) {
        let begin = Instant::now();
        std::thread::sleep(Duration::from_millis(1));
        seen.stretch().late.fetch_max(ns(begin.elapsed().saturating_sub(Duration::from_millis(1))), Relaxed);
    }
}

/// Registers version after version in a store that nobody watches, and asks as much as if somebody did.
fn write_unwatched(daemon: &Process, store: &Store) {
    let mut client = daemon.client();
    for version in 2..UNWATCHED + 2 {
        run(&store.log(version, version as f64));
        run(&store.alias("steady", "champion", version - 1));
        run(&store.register("steady", version, version));
        let written = Instant::now();
        while written.elapsed() < ASKING {
            ask(&mut client, "/models/steady/invocations").unwrap();
            std::thread::sleep(POLL);
        }
        run(&store.alias("steady", "champion", version));
    }
}

/// What becomes of versions that were replaced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Old {
    /// They stay, as MLflow leaves them: the store grows.
    Stay,
    /// Someone removes them, all but the last twenty.
    Go,
}

/// Registers version after version, moves the alias forth and back; gives the times from the last write to the first
/// answer by the new version, and the memory after the warm-up.
fn swap(daemon: &Process, store: &Store, swaps: u64, old: Old) -> (Vec<f64>, u64) {
    let (mut delays, mut before) = (Vec::new(), 0);
    let mut client = daemon.client();
    for version in 2..swaps + 2 {
        run(&store.log(version, version as f64));
        // The alias stays behind now and then: that is a rollback.
        let named = if version % 3 == 0 { version - 1 } else { version };
        run(&store.alias("steady", "champion", if version % 3 == 0 { version - 1 } else { version - 2 }.max(1)));
        run(&store.register("steady", version, version));
        let written = Instant::now();
        while ask(&mut client, "/models/steady/invocations").unwrap().0 != version {
            assert!(written.elapsed() < Duration::from_secs(20), "version {version} is not served");
            std::thread::sleep(POLL);
        }
        delays.push(written.elapsed().as_secs_f64() * 1e3);
        run(&store.alias("steady", "champion", named));
        if let Some(gone) = version.checked_sub(WARM_UP).filter(|gone| *gone > 0 && old == Old::Go) {
            std::fs::remove_dir_all(store.root.join(format!("models/steady/version-{gone}"))).unwrap();
            std::fs::remove_dir_all(store.artifacts(gone).parent().unwrap()).unwrap();
        }
        if version == WARM_UP {
            before = daemon.resident();
        }
    }
    (delays, before)
}

/// All of it. Gives the memory after the warm-up and at the end, when it was a long run, and the store.
fn swap_under_load(old: Old) -> (Option<(u64, u64)>, Store, tempfile::TempDir) {
    let swaps = std::env::var("YUMMY_SWAPS").map_or(DEFAULT_SWAPS, |text| text.parse().unwrap()).max(WARM_UP);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(Layout::Files, &folder.path().join("mlruns"));
    let unwatched = Store::new(Layout::Files, &folder.path().join("other"));
    for store in [&store, &unwatched] {
        run(&store.log(1, 1.0));
        run(&store.register("steady", 1, 1));
        run(&store.alias("steady", "champion", 1));
    }
    let daemon = Process::start(&store.root, &[]);
    if have_first() {
        daemon.io_tasks().for_each(|task| put_first(&task));
    }
    let seen = Seen::default();
    // Of the daemon: its longest request so far, by its own clock, and how long its threads had no core.
    let own = || {
        let longest = daemon.stats()["total"]["start"]["latency_ms"]["max"].as_f64().unwrap_or(0.0);
        (longest, daemon.io_waited(), stolen())
    };
    let ((mut delays, before), after, owns) = std::thread::scope(|scope| {
        connect(scope, &daemon, &seen);
        scope.spawn(|| sleep(&seen));
        let mut owns = vec![(Instant::now(), own())];
        std::thread::sleep(Duration::from_secs(2));
        owns.push((Instant::now(), own()));
        seen.now.store(1, Relaxed);
        write_unwatched(&daemon, &unwatched);
        owns.push((Instant::now(), own()));
        seen.now.store(2, Relaxed);
        let result = swap(&daemon, &store, swaps, old);
        owns.push((Instant::now(), own()));
        seen.now.store(3, Relaxed);
        // What was replaced is freed by the next looks; what its requests were counted in is forgotten when the windows of
        // the live numbers do not have them any more: after a minute. Then it goes back to the system.
        std::thread::sleep(if swaps >= LONG { WINDOWS } else { Duration::from_secs(2) });
        owns.push((Instant::now(), own()));
        seen.stop.store(true, Relaxed);
        (result, daemon.resident(), owns)
    });
    delays.sort_by(f64::total_cmp);
    let (median, longest) = (delays[delays.len() / 2], delays[delays.len() - 1]);
    let asked: u64 = seen.stretches.iter().map(|stretch| stretch.all.load(Relaxed)).sum();
    println!("{swaps} swaps, {asked} requests on {CONNECTIONS} connections");
    println!("last write to first answer by the new version: median {median:.0} ms, longest {longest:.0} ms");
    for ((name, stretch), around) in STRETCHES.iter().zip(&seen.stretches).zip(owns.windows(2)) {
        let ms = |ns: &AtomicU64| ns.load(Relaxed) as f64 / 1e6;
        let [(began, (_, waited, stolen)), (ended, (own, waited_then, stolen_then))] = around else {
            unreachable!("windows of two")
        };
        let seconds = (*ended - *began).as_secs_f64();
        println!(
            "{name}: longest request {:.2} ms, {:.2} without its client's own waiting; {} of {} over 1 ms; a sleeper woke \
             {:.2} ms late; the daemon's threads waited {:.2} ms a second for a core; its own longest so far {own:.2} ms; \
             stolen {:.1} ms a second",
            ms(&stretch.longest),
            ms(&stretch.longest_served),
            stretch.slow.load(Relaxed),
            stretch.all.load(Relaxed),
            ms(&stretch.late),
            (waited_then - waited) * 1e3 / seconds,
            (stolen_then - stolen) * 1e3 / seconds,
        );
    }
    println!("resident: {:.1} MB after {WARM_UP} swaps, {:.1} MB at the end", before as f64 / 1e6, after as f64 / 1e6);
    assert_eq!((seen.failed.load(Relaxed), seen.wrong.load(Relaxed)), (0, 0), "failed, wrong");
    if swaps >= LONG {
        assert!(median <= 300.0, "{median} ms");
    }
    if swaps >= LONG && have_first() {
        // The host still pauses all of it now and then, swaps or not.
        let [all, slow] = [&seen.stretches[2].all, &seen.stretches[2].slow].map(|count| count.load(Relaxed));
        assert!(slow * MAX_SLOW_OF <= all, "{slow} of {all} requests took more than a millisecond");
    }
    ((swaps >= LONG).then_some((before, after)), store, folder)
}

#[test]
fn versions_and_aliases_change_under_load() {
    let (long, store, _folder) = swap_under_load(Old::Stay);
    let Some((before, after)) = long else { return };
    // A thousand versions more are to be known of. What that takes is what a daemon holds which has just found them, and
    // answers as much.
    let fresh = Process::start(&store.root, &[]);
    let seen = Seen::default();
    let fresh = std::thread::scope(|scope| {
        connect(scope, &fresh, &seen);
        std::thread::sleep(WINDOWS);
        seen.stop.store(true, Relaxed);
        fresh.resident()
    });
    println!("resident, a daemon that starts on the store as it is now: {:.1} MB", fresh as f64 / 1e6);
    assert!(after as f64 <= fresh as f64 * 1.1, "memory grew from {before} to {after}; {fresh} are needed");
}

#[test]
fn memory_comes_back_when_versions_come_and_go_under_load() {
    let (long, ..) = swap_under_load(Old::Go);
    let Some((before, after)) = long else { return };
    assert!(after as f64 <= before as f64 * 1.1, "memory grew from {before} to {after}");
}
