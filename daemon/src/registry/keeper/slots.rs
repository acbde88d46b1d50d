//! What is known of each model directory: how it looked, and what loading it gave.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use yummy_api::catalog::{ModelInfo, ModelState};
use yummy_models::MlModel;

use crate::registry::{
    Loaded, info,
    policy::Readiness,
    whole::{self, Fingerprint},
};

/// A load that failed for a reason that may pass (no file descriptors left, a server that was away) is tried again after
/// this long, this often. TF Serving's words and numbers: load_retry_interval_micros, max_num_load_retries.
const RETRY_AFTER: Duration = Duration::from_secs(60);
const MAX_RETRIES: u32 = 5;

/// Why a version does not serve: its state, and the reason.
pub(super) type Refusal = (ModelState, String);

/// One model directory.
pub(super) struct Slot {
    print: Option<Fingerprint>,
    /// Why there is no fingerprint.
    unreadable: Option<String>,
    /// Since when it looks like that.
    since: Instant,
    outcome: Option<Result<(), Refusal>>,
    /// The flavor that `MLmodel` names, when that was not enough to load it.
    flavor: Option<String>,
    /// The last load that worked: goes on serving when the files are changed to something that does not.
    pub(super) loaded: Option<Arc<Loaded>>,
    pub(super) ready_unix_ms: Option<u64>,
    /// When a request last came, for those that may be unloaded.
    pub(super) used: Arc<AtomicU64>,
    tried: Instant,
    retries: u32,
    /// The look that last asked for it, and the one that last looked at its files.
    asked: u64,
    looked: u64,
}

impl Slot {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            print: None,
            unreadable: None,
            since: now,
            outcome: None,
            flavor: None,
            loaded: None,
            ready_unix_ms: None,
            used: Arc::default(),
            tried: now,
            retries: 0,
            asked: 0,
            looked: 0,
        }
    }

    /// Says what files it has, and of which flavor they are.
    pub(super) fn describe(&self, info: &mut ModelInfo) {
        info.flavor = info.flavor.take().or_else(|| self.flavor.clone());
        if let Some(print) = &self.print {
            info.size_bytes = Some(print.bytes);
            info.files = Arc::clone(&print.files);
        }
    }

    /// Whether its files may be loaded now, or what they wait for.
    fn check(&self, dir: &Path) -> Result<(), String> {
        match (&self.print, &self.unreadable) {
            (Some(print), None) => whole::check(dir, print, self.since.elapsed()),
            (_, reason) => Err(reason.clone().unwrap_or_else(|| "its files are not there yet".into())),
        }
    }

    /// What of its files is not as it was loaded.
    pub(super) fn complaint(&self, dir: &Path) -> Option<String> {
        match &self.outcome {
            Some(Ok(())) => self.unreadable.clone(),
            Some(Err((_, reason))) => Some(reason.clone()),
            // What is whole is about to be loaded: a reload that was asked for, or other files.
            None => self.check(dir).err(),
        }
    }
}

/// All of them.
pub(super) struct Slots {
    root: PathBuf,
    slots: HashMap<PathBuf, Slot>,
    turn: u64,
    /// Something differs from what the last swap saw.
    pub(super) changed: bool,
}

impl Slots {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, slots: HashMap::new(), turn: 0, changed: false }
    }

    /// Begins a look.
    pub(super) fn begin(&mut self) {
        self.turn += 1;
    }

    /// Ends a look: forgets the directories that nobody asked for.
    pub(super) fn end(&mut self) {
        let turn = self.turn;
        self.slots.retain(|_, slot| slot.asked == turn);
    }

    pub(super) fn get(&self, dir: &Path) -> Option<&Slot> {
        self.slots.get(dir)
    }

    /// Whether it can serve, without a look at its files.
    pub(super) fn is_loaded(&self, dir: &Path) -> bool {
        self.slots.get(dir).is_some_and(|slot| slot.loaded.is_some())
    }

    /// How far a directory is. Looks at its files once a look.
    pub(super) fn readiness(&mut self, dir: &Path) -> Readiness {
        self.refresh(dir);
        match self.slots.get(dir) {
            Some(slot) if slot.loaded.is_some() => Readiness::Good,
            Some(slot) if slot.outcome.is_none() && slot.check(dir).is_ok() => Readiness::Loadable,
            _ => Readiness::Bad,
        }
    }

    /// Whether its files are whole and other than those that were loaded.
    pub(super) fn is_stale(&self, dir: &Path) -> bool {
        self.slots
            .get(dir)
            .is_some_and(|slot| slot.loaded.is_some() && slot.outcome.is_none() && slot.check(dir).is_ok())
    }

    /// Why a directory that is not loaded is not: `None` when it only has to be loaded.
    pub(super) fn refusal(&self, dir: &Path) -> Option<Refusal> {
        let Some(slot) = self.slots.get(dir) else {
            return Some((ModelState::Incomplete, "its files are not there yet".into()));
        };
        match &slot.outcome {
            Some(Ok(())) => None,
            Some(Err(refusal)) => Some(refusal.clone()),
            None => slot.check(dir).err().map(|reason| (ModelState::Incomplete, reason)),
        }
    }

    /// Whether a directory changed so lately that more is to be expected.
    pub(super) fn is_restless(&self, within: Duration) -> bool {
        self.slots.values().any(|slot| slot.loaded.is_none() && slot.outcome.is_none() && slot.since.elapsed() < within)
    }

    fn refresh(&mut self, dir: &Path) {
        if self.slots.get(dir).is_some_and(|slot| slot.looked == self.turn) {
            return;
        }
        let seen = whole::fingerprint(&self.root, dir);
        let slot = self.slots.entry(dir.to_owned()).or_insert_with(Slot::new);
        slot.asked = self.turn;
        slot.looked = self.turn;
        let (print, unreadable) = match seen {
            Ok(print) => (Some(print), None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (None, Some("its files are gone".to_owned())),
            Err(error) => (None, Some(format!("cannot read its files: {error}"))),
        };
        let identity = |print: &Option<Fingerprint>| print.as_ref().map(Fingerprint::identity);
        let is_other = identity(&slot.print) != identity(&print);
        if is_other || slot.unreadable != unreadable {
            slot.since = Instant::now();
            self.changed = true;
        }
        // What was loaded is not made worse by files that cannot be read: only others make it another version.
        if is_other && print.is_some() {
            slot.outcome = None;
            slot.retries = 0;
        }
        slot.print = print.or(slot.print.take());
        slot.unreadable = unreadable;
        let failed = matches!(&slot.outcome, Some(Err((ModelState::Failed, _))));
        if failed && slot.retries < MAX_RETRIES && slot.tried.elapsed() >= RETRY_AFTER {
            slot.retries += 1;
            slot.outcome = None;
            self.changed = true;
        }
    }

    /// Takes what loading a directory gave.
    pub(super) fn set(&mut self, dir: &Path, outcome: Result<Loaded, Refusal>) {
        let Some(slot) = self.slots.get_mut(dir) else { return };
        slot.tried = Instant::now();
        slot.flavor = match &outcome {
            Ok(_) => None,
            Err(_) => MlModel::read(dir).ok().and_then(|mlmodel| mlmodel.native_flavor().map(str::to_owned)),
        };
        slot.outcome = Some(outcome.map(|loaded| {
            slot.loaded = Some(Arc::new(loaded));
            slot.ready_unix_ms = Some(info::now_unix_ms());
        }));
        self.changed = true;
    }

    /// Has a directory loaded anew, whatever it looks like.
    pub(super) fn reload(&mut self, dir: &Path) {
        if let Some(slot) = self.slots.get_mut(dir) {
            slot.outcome = None;
            self.changed = true;
        }
    }

    /// Gives up what is loaded; it may be loaded again.
    pub(super) fn unload(&mut self, dir: &Path) {
        if let Some(slot) = self.slots.get_mut(dir)
            && slot.loaded.take().is_some()
        {
            slot.outcome = None;
            slot.ready_unix_ms = None;
            self.changed = true;
        }
    }

    /// Gives up what is loaded in every directory but these.
    pub(super) fn unload_but(&mut self, keep: impl Fn(&Path) -> bool) {
        let others: Vec<PathBuf> = self
            .slots
            .iter()
            .filter(|(dir, slot)| slot.loaded.is_some() && !keep(dir))
            .map(|(dir, _)| dir.clone())
            .collect();
        for dir in others {
            self.unload(&dir);
        }
    }

    /// Bytes that the engine of a directory holds.
    pub(super) fn memory(&self, dir: &Path) -> usize {
        let loaded = self.slots.get(dir).and_then(|slot| slot.loaded.as_ref());
        loaded.map_or(0, |loaded| loaded.model.scorer().summary().memory_bytes)
    }
}
