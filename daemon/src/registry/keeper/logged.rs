//! Logged models that are not registered: loaded at the start or on first use, within a bound of memory. Past it, the one
//! that was not used for the longest time is unloaded; the next request for it loads it again.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use yummy_api::catalog::ModelState;

use super::Keeper;
use crate::registry::{
    Demand, LoggedModels, Served,
    catalog::ResolveError,
    found::{Found, Key},
    policy::Readiness,
    reference::Reference,
};

impl Keeper {
    /// Decides about one logged model.
    pub(super) fn choose_logged(&mut self, place: usize) {
        let found = &self.logged[place];
        let key = found.key();
        let Ok(dir) = found.artifact.clone() else { return };
        if self.is_root(&dir) {
            // A model that is all there is to serve is served.
            match self.slots.readiness(&dir) {
                Readiness::Good => drop(self.serving.insert(key)),
                Readiness::Loadable => drop(self.loading.insert(key)),
                Readiness::Bad => {}
            }
            return;
        }
        let at_start = self.options.logged == LoggedModels::Start && !self.offered.contains(&key);
        if self.options.logged == LoggedModels::Off {
            return;
        }
        if self.slots.get(&dir).is_none() && !at_start {
            // Not even looked at: there may be thousands.
            self.asleep.insert(key);
            return;
        }
        match self.slots.readiness(&dir) {
            Readiness::Good if self.serving.contains(&key) => {}
            Readiness::Good => {
                self.offered.insert(key.clone());
                let bytes = self.slots.memory(&dir);
                if self.logged_bytes + bytes > self.options.logged_bytes {
                    // It found no room at the start: those before it are not driven out.
                    self.is_full = true;
                    self.asleep.insert(key);
                } else {
                    self.logged_bytes += bytes;
                    self.serving.insert(key);
                }
            }
            Readiness::Loadable if at_start && !self.is_full => drop(self.loading.insert(key)),
            Readiness::Loadable => {
                self.offered.insert(key.clone());
                self.asleep.insert(key);
            }
            Readiness::Bad => {}
        }
    }

    /// Loads what requests wait for, and answers them.
    pub(super) fn answer_demands(&mut self) {
        while let Ok(Demand { name, done }) = self.inbox.demands.try_recv() {
            // A request that went away wants nothing.
            if !done.is_closed() {
                let result = self.demand(&name);
                let _: Result<(), _> = done.send(result);
            }
        }
    }

    fn demand(&mut self, name: &str) -> Result<Arc<Served>, ResolveError> {
        let error = match self.catalog.load().resolve(Reference::Newest(name)) {
            Ok(served) => return Ok(Arc::clone(served)),
            Err(error) => error,
        };
        let Some(found) = self.logged.iter().find(|found| found.name == name) else { return Err(error) };
        let (key, Ok(dir)) = (found.key(), found.artifact.clone()) else { return Err(error) };
        if !self.asleep.contains(&key) {
            return Err(error);
        }
        let result = self.wake(&key, &dir);
        self.swap();
        self.free();
        let refuse = |(state, reason)| ResolveError::NotReady { what: name.to_owned(), state, reason };
        result.map_err(refuse)?;
        self.catalog.load().resolve(Reference::Newest(name)).cloned()
    }

    /// Loads a model that sleeps, and makes room for it.
    fn wake(&mut self, key: &Key, dir: &Path) -> Result<(), (ModelState, String)> {
        if self.slots.readiness(dir) != Readiness::Bad {
            self.load(dir);
        }
        self.asleep.remove(key);
        if let Some(refusal) = self.slots.refusal(dir) {
            return Err(refusal);
        }
        let (needs, limit) = (self.slots.memory(dir), self.options.logged_bytes);
        if needs > limit {
            let reason = format!("holds {needs} bytes, more than the {limit} of --logged-model-bytes; register it");
            self.slots.unload(dir);
            self.slots.set(dir, Err((ModelState::Retired, reason.clone())));
            return Err((ModelState::Retired, reason));
        }
        self.make_room(needs);
        self.logged_bytes += needs;
        self.offered.insert(key.clone());
        self.serving.insert(key.clone());
        Ok(())
    }

    /// Unloads what was not used for the longest time until so many bytes are free.
    fn make_room(&mut self, needed: usize) {
        while self.logged_bytes + needed > self.options.logged_bytes {
            let used = |dir: &Path| self.slots.get(dir).map(|slot| slot.used.load(Ordering::Relaxed));
            let served = self.logged.iter().filter_map(|found| {
                let (key, dir) = (found.key(), found.artifact.as_deref().ok()?);
                (!self.is_root(dir) && self.serving.contains(&key)).then_some((key, dir))
            });
            let oldest = served.min_by_key(|(_, dir)| used(dir)).map(|(key, dir)| (key, self.slots.memory(dir)));
            let Some((key, bytes)) = oldest else { return };
            self.logged_bytes = self.logged_bytes.saturating_sub(bytes);
            self.serving.remove(&key);
            self.offered.insert(key.clone());
            self.asleep.insert(key);
        }
    }

    /// Gives up what is loaded and not served.
    pub(super) fn free(&mut self) {
        let founds = self.registered.iter().chain(&self.logged);
        let served = founds.filter(|found| self.serving.contains(&found.key()));
        let served: HashSet<PathBuf> = served.filter_map(|found| found.artifact.clone().ok()).collect();
        self.slots.unload_but(|dir| served.contains(dir));
    }

    /// Whether a directory is the watched one: a model that is all there is.
    pub(super) fn is_root(&self, dir: &Path) -> bool {
        dir == self.options.root
    }

    /// Whether `GET /models` has a line for it.
    pub(super) fn is_listed(&self, found: &Found) -> bool {
        self.options.logged != LoggedModels::Off || found.artifact.as_ref().is_ok_and(|dir| self.is_root(dir))
    }

    /// What is said of a logged model that sleeps.
    pub(super) fn asleep_reason(&self, key: &Key) -> Option<&'static str> {
        self.asleep.contains(key).then_some("not loaded: the first request loads it")
    }
}
