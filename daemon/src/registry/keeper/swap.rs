//! What was found, and what is loaded of it, becomes the catalog that requests see.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Instant,
};

use http::HeaderValue;
use yummy_api::catalog::{ModelInfo, ModelState};

use super::Keeper;
use crate::{
    execute::gate::Gate,
    registry::{
        Loaded, Served,
        catalog::{Catalog, Entry},
        found::Found,
        info,
    },
};

impl Keeper {
    /// Publishes what is to be served now, if that is anything new.
    pub(super) fn swap(&mut self) {
        // What waits for time to pass (files that settle) changes without a change.
        if !self.slots.changed && !self.slots.is_restless(super::RESTLESS) && !self.holds.is_waiting(self.options.grace)
        {
            return;
        }
        self.slots.changed = false;
        let before = self.catalog.load_full();
        let previous: HashMap<(&str, Option<u64>), &Entry> =
            before.entries().iter().map(|entry| ((entry.info.name.as_str(), entry.info.version), entry)).collect();
        let entries: Vec<Entry> = self
            .registered
            .iter()
            .chain(self.logged.iter().filter(|found| self.is_listed(found)))
            .map(|found| self.entry(found, previous.get(&(found.name.as_str(), found.version)).copied()))
            .collect();
        let default = self.options.default_model.as_deref();
        let catalog = Catalog::new(self.generation + 1, entries, default, Some(&before));
        if catalog.is_same(&before) {
            return;
        }
        self.generation = catalog.generation();
        self.announce(&before, &catalog);
        let kept: HashSet<*const Served> = catalog.served().map(Arc::as_ptr).collect();
        self.draining.extend(before.served().filter(|served| !kept.contains(&Arc::as_ptr(served))).cloned());
        drop(previous);
        self.drained.push(before);
        self.catalog.store(Arc::new(catalog));
        self.swapped = Instant::now();
    }

    /// What the catalog says of `found`, and what serves it.
    fn entry(&self, found: &Found, old: Option<&Entry>) -> Entry {
        let key = found.key();
        let dir = match &found.artifact {
            Ok(dir) => dir,
            Err((state, reason)) => return unserved(info::of_found(found, *state, Some(reason.clone())), found),
        };
        let slot = self.slots.get(dir);
        if let Some((slot, loaded)) = slot.and_then(|slot| Some((slot, slot.loaded.as_ref()?)))
            && self.serving.contains(&key)
        {
            let complaint = slot.complaint(dir).map(|reason| format!("its files changed ({reason})"));
            let reason = found.held.clone().or(complaint);
            let reason = reason.map(|reason| format!("{reason}; what was loaded before goes on serving"));
            let mut info = info::of_found(found, ModelState::Ready, reason);
            info::add_loaded(&mut info, loaded);
            slot.describe(&mut info);
            info.ready_unix_ms = slot.ready_unix_ms;
            let served = match old.and_then(|old| old.served.as_ref()) {
                Some(served) if Arc::ptr_eq(&served.loaded, loaded) => Arc::clone(served),
                _ => Arc::new(self.serve(found, loaded, &slot.used)),
            };
            return Entry { served: Some(served), ..unserved(info, found) };
        }
        let (state, reason) = if self.loading.contains(&key) {
            (ModelState::Loading, None)
        } else if let Some(reason) = self.asleep_reason(&key) {
            (ModelState::Retired, Some(reason.to_owned()))
        } else {
            match slot.and_then(|_| self.slots.refusal(dir)) {
                Some((state, reason)) => (state, Some(reason)),
                None => (ModelState::Retired, Some(self.options.policies.of(&found.name).reason())),
            }
        };
        let mut info = info::of_found(found, state, reason);
        if let Some(slot) = slot {
            slot.describe(&mut info);
        }
        Entry { asleep: self.asleep.contains(&key), ..unserved(info, found) }
    }

    fn serve(&self, found: &Found, loaded: &Arc<Loaded>, used: &Arc<std::sync::atomic::AtomicU64>) -> Served {
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
            used: found.version.is_none().then(|| Arc::clone(used)),
        }
    }
}

/// What is known of a version that nothing serves.
fn unserved(info: ModelInfo, found: &Found) -> Entry {
    Entry { info, run_uri: found.run_uri(), served: None, asleep: false }
}
