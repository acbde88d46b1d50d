//! The thread that keeps the catalog: look, choose, load, swap, again and again.
//!
//! * `hold`: what a look does not show any more, and is served nevertheless.
//! * `slots`: what is known of each model directory.
//! * `choose`: which versions to serve, which to load.
//! * `logged`: models that are loaded on first use, and unloaded.
//! * `swap`: all of it becomes a catalog.
//! * `announce`: what the log and the event stream are told.

mod announce;
mod choose;
mod hold;
mod logged;
mod slots;
mod swap;

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use tokio::sync::oneshot;
use yummy_api::event::{EventKind, Level};

use self::{hold::Holds, slots::Slots};
use super::{
    Demand, Options, Served, Signals, Wake,
    catalog::Catalog,
    found::{Found, Key},
    load,
    scan::Scanner,
    watch::Watcher,
};
use crate::telemetry::Telemetry;

/// After a change, and while something is being written, the keeper looks again this soon: directories are created
/// faster than watches are placed on them.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How long it looks that often after the last change before it waits for events again.
const RESTLESS: Duration = Duration::from_secs(30);
/// Changes that go on and on are acted upon after this many debounce times.
const MAX_DEBOUNCES: u32 = 5;
/// While many models are loaded, those that are ready are published this often.
const PUBLISH: Duration = Duration::from_millis(50);

/// So long after something was freed, and nothing more, memory goes back to the system: versions that are replaced one after
/// the other use each other's. And once more when the live numbers have forgotten these versions too.
const TRIM_AFTER: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(70)];

/// Ends of the channels by which the keeper is asked for something.
pub(super) struct Inbox {
    pub(super) wakes: Receiver<Wake>,
    /// Requests that wait for a model to be loaded; each is accompanied by a wake-up.
    pub(super) demands: Receiver<Demand>,
    pub(super) signals: Arc<Signals>,
}

pub(super) struct Keeper {
    options: Options,
    catalog: Arc<ArcSwap<Catalog>>,
    telemetry: Arc<Telemetry>,
    inbox: Inbox,
    scanner: Scanner,
    slots: Slots,
    holds: Holds,
    /// What the last look found, with what is held.
    registered: Vec<Found>,
    logged: Vec<Found>,
    /// What is to be served, what is to be loaded for it, and what is loaded when a request asks for it.
    serving: HashSet<Key>,
    loading: HashSet<Key>,
    asleep: HashSet<Key>,
    /// Logged models that were loaded at the start, or found no room then.
    offered: HashSet<Key>,
    /// Memory that logged models hold which are served.
    logged_bytes: usize,
    /// One of them found no room in this look.
    is_full: bool,
    generation: u64,
    swapped: Instant,
    /// Replaced versions and catalogs that requests still hold: freed here, not on the thread of the last request.
    draining: Vec<Arc<Served>>,
    drained: Vec<Arc<Catalog>>,
    /// When something of these was freed, and how often memory has gone back to the system since.
    freed: Option<(Instant, usize)>,
    last_change: Option<Instant>,
    /// The last look met something that was being written.
    again: bool,
    unwatched: Option<String>,
    problems: HashSet<String>,
    /// The database that was found, and told of.
    database: Option<std::path::PathBuf>,
}

impl Keeper {
    pub(super) fn new(
        options: Options,
        catalog: Arc<ArcSwap<Catalog>>,
        telemetry: Arc<Telemetry>,
        inbox: Inbox,
    ) -> Self {
        Self {
            scanner: Scanner::new(options.root.clone(), options.backend_store.clone()),
            slots: Slots::new(options.root.clone()),
            options,
            catalog,
            telemetry,
            inbox,
            holds: Holds::default(),
            registered: Vec::new(),
            logged: Vec::new(),
            serving: HashSet::new(),
            loading: HashSet::new(),
            asleep: HashSet::new(),
            offered: HashSet::new(),
            logged_bytes: 0,
            is_full: false,
            generation: 0,
            swapped: Instant::now(),
            draining: Vec::new(),
            drained: Vec::new(),
            freed: None,
            last_change: None,
            again: false,
            unwatched: None,
            problems: HashSet::new(),
            database: None,
        }
    }

    /// Works until told to stop.
    pub(super) fn run(mut self, mut watcher: Watcher) {
        let mut waiting = Vec::new();
        self.watch(&mut watcher, &[], None);
        loop {
            self.look(&mut watcher);
            self.answer_demands();
            for done in waiting.drain(..) {
                // The client may have gone: then nobody is to be told.
                let _: Result<(), ()> = oneshot::Sender::send(done, ());
            }
            match self.inbox.wakes.recv_timeout(self.patience()) {
                Ok(wake) => {
                    if !self.heed(wake, &mut waiting) || !self.wait_for_quiet(&mut waiting) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Notes a wake-up; `false` to stop.
    fn heed(&mut self, wake: Wake, waiting: &mut Vec<oneshot::Sender<()>>) -> bool {
        // What changes from here on is another change.
        self.inbox.signals.changed.store(false, Relaxed);
        if self.inbox.signals.stop.load(Relaxed) {
            return false;
        }
        match wake {
            Wake::Changed => self.last_change = Some(Instant::now()),
            Wake::Demanded => self.answer_demands(),
            Wake::Rescan(reload, done) => {
                self.scanner.forget();
                if let Some(name) = reload {
                    self.reload(&name);
                }
                waiting.push(done);
            }
            Wake::Stop => return false,
        }
        true
    }

    /// Lets a burst of changes pass; `false` to stop. Someone who waits for an answer is not kept waiting for it.
    fn wait_for_quiet(&mut self, waiting: &mut Vec<oneshot::Sender<()>>) -> bool {
        let deadline = Instant::now() + self.options.debounce * MAX_DEBOUNCES;
        while waiting.is_empty() && Instant::now() < deadline {
            match self.inbox.wakes.recv_timeout(self.options.debounce) {
                Ok(wake) => {
                    if !self.heed(wake, waiting) {
                        return false;
                    }
                }
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        true
    }

    /// How long to wait for an event before looking anyway.
    fn patience(&self) -> Duration {
        let just_changed = self.last_change.is_some_and(|change| change.elapsed() < LOOK_AGAIN * 4);
        let unfinished = self.again || self.unwatched.is_some() && !self.options.root.is_dir();
        let soon = just_changed
            || unfinished
            || !self.draining.is_empty()
            || !self.drained.is_empty()
            || self.holds.is_waiting(self.options.grace)
            || self.slots.is_restless(RESTLESS);
        let patience = if soon { LOOK_AGAIN.min(self.options.rescan) } else { self.options.rescan };
        let trims = self.freed.map(|(freed, trims)| TRIM_AFTER[trims].saturating_sub(freed.elapsed()));
        trims.map_or(patience, |trims| trims.min(patience))
    }

    /// Looks at the directory, loads what is new, swaps.
    fn look(&mut self, watcher: &mut Watcher) {
        self.drain();
        let mut scan = match self.scanner.scan() {
            Ok(scan) => scan,
            Err(error) => {
                let text = format!("cannot read {}: {error}; serving what is loaded", self.options.root.display());
                // It may be another directory when it is back.
                self.watch(watcher, &[], None);
                return self.report_problems(vec![text]);
            }
        };
        // What was written before a watch was placed made no event: then the next look is soon.
        if self.watch(watcher, &scan.watch, scan.database.as_deref()) {
            self.last_change = Some(Instant::now());
        }
        self.again = scan.again;
        if let Some(path) = self.scanner.database().filter(|path| self.database.as_deref() != Some(path)) {
            let path = path.to_owned();
            self.event(Level::Info, EventKind::Watch, None, format!("reading the registry of {}", path.display()));
            self.database = Some(path);
        }
        self.report_problems(std::mem::take(&mut scan.problems));
        let before = self.registered.drain(..).chain(self.logged.drain(..)).collect::<Vec<_>>();
        let (serving, grace) = (&self.serving, self.options.grace);
        self.holds.amend(&mut scan, before.iter().cloned(), |key| serving.contains(key), grace);
        let named: HashSet<_> = scan.registered.iter().filter_map(|found| found.artifact.clone().ok()).collect();
        scan.logged.retain(|found| !found.artifact.as_ref().is_ok_and(|dir| named.contains(dir)));
        self.slots.changed |= !before.iter().eq(scan.registered.iter().chain(&scan.logged));
        self.registered = scan.registered;
        self.logged = scan.logged;
        self.settle();
    }

    /// Chooses what to serve, loads it, and publishes it.
    fn settle(&mut self) {
        self.slots.begin();
        self.choose_all();
        if !self.leaves_gap() {
            self.swap();
        }
        for place in self.places() {
            while let Some(dir) = self.due(place) {
                if self.inbox.signals.stop.load(Relaxed) {
                    return;
                }
                self.load(&dir);
                self.choose_again(place);
                if self.swapped.elapsed() > PUBLISH && !self.leaves_gap() {
                    self.swap();
                }
                self.answer_demands();
            }
        }
        self.swap();
        self.free();
        self.slots.end();
    }

    /// Loads one directory.
    fn load(&mut self, dir: &std::path::Path) {
        let outcome = load::load(dir, &self.options.engines, self.options.non_finite);
        self.telemetry.count_load(outcome.is_ok());
        self.slots.set(dir, outcome);
    }

    /// Has a model's versions loaded anew by the next look.
    fn reload(&mut self, name: &str) {
        for found in self.registered.iter().chain(&self.logged).filter(|found| found.name == name) {
            if let Ok(dir) = &found.artifact {
                self.slots.reload(dir);
            }
        }
    }

    /// Sees to it that changes in these directories wake the keeper; says whether watches were added.
    fn watch(
        &mut self,
        watcher: &mut Watcher,
        directories: &[std::path::PathBuf],
        database: Option<&std::path::Path>,
    ) -> bool {
        let (added, reason) = watcher.ensure(&self.options.root, directories, database);
        if reason != self.unwatched {
            if let Some(reason) = &reason {
                let text = format!("{reason}; looking every {} s instead", self.options.rescan.as_secs_f64());
                self.event(Level::Warn, EventKind::Watch, None, text);
            }
            self.unwatched = reason;
        }
        added
    }

    /// Frees replaced versions that no request holds any more; once that is over, the holes which they leave in the memory
    /// of all threads that had a part in them go back to the system.
    fn drain(&mut self) {
        let held = |keeper: &Self| keeper.drained.len() + keeper.draining.len();
        let before = held(self);
        self.drained.retain(|catalog| Arc::strong_count(catalog) > 1);
        self.draining.retain(|served| Arc::strong_count(served) > 1);
        if held(self) < before {
            self.freed = Some((Instant::now(), 0));
        } else if let Some((freed, trims)) = self.freed.filter(|(freed, trims)| freed.elapsed() >= TRIM_AFTER[*trims]) {
            self.freed = Some((freed, trims + 1)).filter(|_| trims + 1 < TRIM_AFTER.len());
            crate::system::trim_memory();
        }
    }
}
