//! The thread that keeps the catalog: scan, compare, load, swap, again and again.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use http::HeaderValue;
use tokio::sync::oneshot;
use yummy_api::{
    catalog::{ModelInfo, ModelState},
    event::{EventKind, Level},
};

use super::{
    Loaded, Options, Served, Wake,
    catalog::{Catalog, Entry, label},
    info, load,
    scan::{Found, Scan, scan},
    watch::Watcher,
    whole::{self, Fingerprint},
};
use crate::{execute::gate::Gate, telemetry::Telemetry};

/// After a change, and while something is being written, the keeper looks again this soon: directories are created
/// faster than watches are placed on them.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// How long it looks that often after the last change before it waits for events again.
const RESTLESS: Duration = Duration::from_secs(30);
/// Changes that go on and on are acted upon after this many debounce times.
const MAX_DEBOUNCES: u32 = 5;
/// Engines of logged models that are not registered may hold this much; registered ones are always loaded.
const MAX_LOGGED_BYTES: usize = 1 << 30;

/// What is known of one model directory.
struct Slot {
    print: Fingerprint,
    /// Since when it looks like that.
    since: Instant,
    outcome: Option<Result<Arc<Loaded>, (ModelState, String)>>,
    /// The last load that worked: goes on serving when the files are changed to something that does not.
    last_good: Option<Arc<Loaded>>,
    ready_unix_ms: Option<u64>,
}

pub(super) struct Keeper {
    options: Options,
    catalog: Arc<ArcSwap<Catalog>>,
    telemetry: Arc<Telemetry>,
    slots: HashMap<PathBuf, Slot>,
    generation: u64,
    /// Replaced versions that requests still hold: freed here, not on the thread of the last request.
    draining: Vec<Arc<Served>>,
    last_change: Option<Instant>,
    unwatched: Option<String>,
    problems: HashSet<String>,
    /// Model directories whose files could not be listed by the last look, and why.
    unreadable: HashMap<PathBuf, String>,
}

impl Keeper {
    pub(super) fn new(options: Options, catalog: Arc<ArcSwap<Catalog>>, telemetry: Arc<Telemetry>) -> Self {
        Self {
            options,
            catalog,
            telemetry,
            slots: HashMap::new(),
            generation: 0,
            draining: Vec::new(),
            last_change: None,
            unwatched: None,
            problems: HashSet::new(),
            unreadable: HashMap::new(),
        }
    }

    /// Works until told to stop.
    pub(super) fn run(mut self, wakes: &Receiver<Wake>, mut watcher: Watcher) {
        let mut waiting = Vec::new();
        loop {
            self.watch(&mut watcher);
            self.look();
            for done in waiting.drain(..) {
                // The client may have gone: then nobody is to be told.
                let _: Result<(), ()> = oneshot::Sender::send(done, ());
            }
            match wakes.recv_timeout(self.patience()) {
                Ok(wake) => {
                    if !self.heed(wake, &mut waiting) || !self.wait_for_quiet(wakes, &mut waiting) {
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
        match wake {
            Wake::Changed => self.last_change = Some(Instant::now()),
            Wake::Rescan(reload, done) => {
                if let Some(name) = reload {
                    self.forget(&name);
                }
                waiting.push(done);
            }
            Wake::Stop => return false,
        }
        true
    }

    /// Lets a burst of changes pass; `false` to stop. Someone who waits for an answer is not kept waiting for it.
    fn wait_for_quiet(&mut self, wakes: &Receiver<Wake>, waiting: &mut Vec<oneshot::Sender<()>>) -> bool {
        let deadline = Instant::now() + self.options.debounce * MAX_DEBOUNCES;
        while waiting.is_empty() && Instant::now() < deadline {
            match wakes.recv_timeout(self.options.debounce) {
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
        let restless = self.last_change.is_some_and(|change| change.elapsed() < RESTLESS) && self.is_unfinished();
        let just_changed = self.last_change.is_some_and(|change| change.elapsed() < LOOK_AGAIN * 4);
        if restless || just_changed || !self.draining.is_empty() { LOOK_AGAIN } else { self.options.rescan }
    }

    /// Whether something is still being written.
    fn is_unfinished(&self) -> bool {
        self.catalog.load().infos().any(|info| info.state == ModelState::Incomplete)
    }

    fn watch(&mut self, watcher: &mut Watcher) {
        let reason = watcher.ensure(&self.options.root).err();
        if reason != self.unwatched {
            if let Some(reason) = &reason {
                self.event(
                    Level::Warn,
                    EventKind::Watch,
                    None,
                    format!(
                        "cannot watch {}: {reason}; looking every {} s instead",
                        self.options.root.display(),
                        self.options.rescan.as_secs()
                    ),
                );
            }
            self.unwatched = reason;
        }
    }

    /// Forgets what was loaded for a name, so that the next look loads it anew.
    fn forget(&mut self, name: &str) {
        if let Ok(found) = scan(&self.options.root) {
            for dir in found.registered.iter().chain(&found.logged).filter(|found| found.name == name) {
                if let Some(slot) = dir.artifact.as_ref().ok().and_then(|dir| self.slots.get_mut(dir)) {
                    slot.outcome = None;
                }
            }
        }
    }

    /// Scans, loads what is new, swaps.
    fn look(&mut self) {
        let found = match scan(&self.options.root) {
            Ok(found) => found,
            Err(error) => {
                let text = format!("cannot read {}: {error}; serving what is loaded", self.options.root.display());
                return self.report_problems(vec![text]);
            }
        };
        self.drain();
        let Scan { registered, logged, problems } = found;
        self.report_problems(problems);
        let named: HashSet<PathBuf> = registered.iter().filter_map(|found| found.artifact.clone().ok()).collect();
        let is_new = |found: &Found| !found.artifact.as_ref().is_ok_and(|dir| named.contains(dir));
        let logged: Vec<Found> =
            logged.into_iter().filter(|found| self.options.logged_models && is_new(found)).collect();
        let directories: HashSet<&PathBuf> =
            registered.iter().chain(&logged).filter_map(|found| found.artifact.as_ref().ok()).collect();
        self.slots.retain(|dir, _| directories.contains(dir));
        self.unreadable = self.refresh_all(&registered, &logged);
        self.swap_if_changed(&registered, &logged);
        let mut logged_bytes = 0;
        for found in registered.iter().chain(&logged) {
            self.load_if_new(found, &mut logged_bytes);
        }
        self.swap_if_changed(&registered, &logged);
    }

    /// Loads what is whole and was not loaded as it is now.
    fn load_if_new(&mut self, found: &Found, logged_bytes: &mut usize) {
        let Ok(dir) = &found.artifact else { return };
        let due = self.slots.get(dir).is_some_and(|slot| slot.outcome.is_none());
        if due && self.slot_state(dir).is_ok() {
            let outcome = if found.version.is_none() && *logged_bytes > MAX_LOGGED_BYTES {
                Err((
                    ModelState::Retired,
                    format!("logged models hold more than {MAX_LOGGED_BYTES} bytes; register it"),
                ))
            } else {
                load::load(dir, &self.options.engines, self.options.non_finite).map(Arc::new)
            };
            if let Some(slot) = self.slots.get_mut(dir) {
                self.telemetry.count_load(outcome.is_ok());
                if let Ok(loaded) = &outcome {
                    slot.last_good = Some(Arc::clone(loaded));
                    slot.ready_unix_ms = Some(info::now_unix_ms());
                }
                slot.outcome = Some(outcome);
            }
        }
        if found.version.is_none()
            && let Some(Some(Ok(loaded))) = self.slots.get(dir).map(|slot| &slot.outcome)
        {
            *logged_bytes += loaded.model.scorer().summary().memory_bytes;
        }
    }

    /// Looks at a directory, and says whether it may be loaded.
    fn slot_state(&self, dir: &Path) -> Result<(), String> {
        let slot = self.slots.get(dir).ok_or("its files are not there yet")?;
        whole::check(dir, &slot.print, slot.since.elapsed())
    }

    /// Takes every directory's fingerprint, and gives the reasons of those that have none.
    fn refresh_all(&mut self, registered: &[Found], logged: &[Found]) -> HashMap<PathBuf, String> {
        let directories = registered.iter().chain(logged).filter_map(|found| found.artifact.as_ref().ok());
        directories.filter_map(|dir| Some((dir.clone(), self.refresh(dir).err()?))).collect()
    }

    /// Takes a directory's fingerprint; a changed one is to be loaded anew.
    fn refresh(&mut self, dir: &Path) -> Result<(), String> {
        let print = whole::fingerprint(dir).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "its files are not there yet".to_owned(),
            _ => format!("cannot read its files: {error}"),
        })?;
        match self.slots.get_mut(dir) {
            Some(slot) if slot.print == print => {}
            Some(slot) => {
                slot.print = print;
                slot.since = Instant::now();
                slot.outcome = None;
            }
            None => {
                let slot = Slot { print, since: Instant::now(), outcome: None, last_good: None, ready_unix_ms: None };
                self.slots.insert(dir.to_owned(), slot);
            }
        }
        Ok(())
    }

    fn swap_if_changed(&mut self, registered: &[Found], logged: &[Found]) {
        let before = self.catalog.load_full();
        let previous: HashMap<(&str, Option<u64>), &Entry> =
            before.entries().iter().map(|entry| ((entry.info.name.as_str(), entry.info.version), entry)).collect();
        let entries: Vec<Entry> = registered
            .iter()
            .chain(logged)
            .map(|found| {
                let old = previous.get(&(found.name.as_str(), found.version)).copied();
                self.entry(found, old)
            })
            .collect();
        let catalog = Catalog::new(self.generation + 1, entries, self.options.default_model.as_deref());
        if catalog.infos().eq(before.infos()) {
            return;
        }
        self.generation = catalog.generation();
        self.announce(&before, &catalog);
        let kept: HashSet<*const Served> = catalog.served().map(Arc::as_ptr).collect();
        self.draining.extend(before.served().filter(|served| !kept.contains(&Arc::as_ptr(served))).cloned());
        self.catalog.store(Arc::new(catalog));
    }

    /// What the catalog says of `found`, and what serves it.
    fn entry(&self, found: &Found, old: Option<&Entry>) -> Entry {
        let dir = match &found.artifact {
            Ok(dir) => dir.clone(),
            Err((state, reason)) => {
                return unserved(info::of_found(found, *state, Some(reason.clone())), found);
            }
        };
        if let Some(reason) = self.unreadable.get(&dir) {
            return unserved(info::of_found(found, ModelState::Incomplete, Some(reason.clone())), found);
        }
        let Some(slot) = self.slots.get(&dir) else {
            let reason = Some("its files are not there yet".into());
            return unserved(info::of_found(found, ModelState::Incomplete, reason), found);
        };
        let (state, reason) = match &slot.outcome {
            Some(Ok(_)) => (ModelState::Ready, None),
            Some(Err((state, reason))) => (*state, Some(reason.clone())),
            None => match self.slot_state(&dir) {
                Err(waiting) => (ModelState::Incomplete, Some(waiting)),
                Ok(()) => (ModelState::Loading, None),
            },
        };
        let mut info = info::of_found(found, state, reason);
        let Some(loaded) = &slot.last_good else {
            info.size_bytes = Some(slot.print.bytes);
            return unserved(info, found);
        };
        info::add_loaded(&mut info, loaded, slot.print.bytes);
        info.ready_unix_ms = slot.ready_unix_ms;
        if state != ModelState::Ready {
            // The files were changed in place to something that does not load (yet).
            let why = info.reason.take().unwrap_or_else(|| "loading".into());
            info.reason = Some(format!("its files changed ({why}); what was loaded before goes on serving"));
            info.state = ModelState::Ready;
        }
        let served = match old.and_then(|old| old.served.as_ref()) {
            Some(served) if Arc::ptr_eq(&served.loaded, loaded) => Arc::clone(served),
            _ => Arc::new(self.serve(found, loaded)),
        };
        Entry { served: Some(served), ..unserved(info, found) }
    }

    fn serve(&self, found: &Found, loaded: &Arc<Loaded>) -> Served {
        let label = found.version.map_or_else(|| found.name.clone(), |version| format!("{}/{version}", found.name));
        // Names may hold any character; a header only visible ASCII.
        let label = HeaderValue::from_str(&label).or_else(|_| HeaderValue::from_bytes(label.as_bytes()));
        Served {
            name: found.name.clone(),
            version: found.version,
            label: label.unwrap_or_else(|_| HeaderValue::from_static("unprintable")),
            loaded: Arc::clone(loaded),
            recorder: self.telemetry.recorder(&found.name, found.version),
            gate: Gate::default(),
        }
    }

    /// Says what a swap changes.
    fn announce(&self, before: &Catalog, after: &Catalog) {
        let old: BTreeMap<_, _> = before.infos().map(|info| ((&info.name, info.version), info)).collect();
        let new: HashSet<_> = after.infos().map(|info| (&info.name, info.version)).collect();
        for info in after.infos() {
            let was = old.get(&(&info.name, info.version));
            let changed = was.is_none_or(|was| {
                (was.state, &was.reason, was.ready_unix_ms) != (info.state, &info.reason, info.ready_unix_ms)
            });
            if !changed || info.state == ModelState::Loading {
                continue;
            }
            let level = match info.state {
                ModelState::Failed => Level::Error,
                ModelState::Ready if info.reason.is_some() => Level::Error,
                ModelState::Unsupported => Level::Warn,
                _ => Level::Info,
            };
            let verb = if info.state == ModelState::Failed { "" } else { "is " };
            let mut text = format!("{} {verb}{}", label(info), info.state.as_str());
            match (&info.reason, info.load_ms) {
                (Some(reason), _) => text = format!("{text}: {reason}"),
                (None, Some(took)) => text = format!("{text}, loaded in {took:.1} ms"),
                (None, None) => {}
            }
            self.event(level, EventKind::Reload, Some((&info.name, info.version)), text);
        }
        for info in after.infos().filter(|info| !info.aliases.is_empty()) {
            let was = old.get(&(&info.name, info.version)).map_or(&[][..], |was| &was.aliases);
            for alias in info.aliases.iter().filter(|alias| !was.contains(alias)) {
                let text = format!("alias {alias} names {}", label(info));
                self.event(Level::Info, EventKind::Reload, Some((&info.name, info.version)), text);
            }
        }
        for info in before.infos().filter(|info| !new.contains(&(&info.name, info.version))) {
            let text = format!("{} is gone", label(info));
            self.event(Level::Info, EventKind::Reload, Some((&info.name, info.version)), text);
        }
    }

    fn report_problems(&mut self, problems: Vec<String>) {
        for problem in &problems {
            if !self.problems.contains(problem) {
                self.event(Level::Error, EventKind::Watch, None, problem.clone());
            }
        }
        self.problems = problems.into_iter().collect();
    }

    fn event(&self, level: Level, kind: EventKind, about: Option<(&str, Option<u64>)>, message: String) {
        let (model, version) = about.map_or((None, None), |(model, version)| (Some(model), version));
        self.telemetry.event(level, kind, model, version, message);
    }

    /// Frees replaced versions that no request holds any more.
    fn drain(&mut self) {
        self.draining.retain(|served| Arc::strong_count(served) > 1);
    }
}

/// What is known of a version that nothing serves.
fn unserved(info: ModelInfo, found: &Found) -> Entry {
    Entry { info, run_uri: found.run_uri(), served: None }
}
