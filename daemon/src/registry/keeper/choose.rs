//! Which versions to serve and which to load for that, by the policy of each model.

use std::{collections::HashSet, path::PathBuf};

use super::Keeper;
use crate::registry::{
    found::{Found, Key},
    policy::{Candidate, Readiness},
};

/// What was being loaded: a version of the registered model that begins at a place of the list, or a logged model.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Registered(usize),
    Logged(usize),
}

impl Keeper {
    /// Chooses among everything that was found.
    pub(super) fn choose_all(&mut self) {
        let before = std::mem::take(&mut self.serving);
        self.loading.clear();
        self.asleep.clear();
        let mut start = 0;
        while start < self.registered.len() {
            self.choose_registered(start, &before);
            start = self.end_of_model(start);
        }
        self.logged_bytes = 0;
        self.is_full = false;
        for place in 0..self.logged.len() {
            self.choose_logged(place);
        }
        self.slots.changed |= before != self.serving;
        if self.offered.len() > self.logged.len() {
            let found: HashSet<Key> = self.logged.iter().map(Found::key).collect();
            self.offered.retain(|key| found.contains(key));
        }
    }

    /// Chooses once more for the model that something was loaded of.
    pub(super) fn choose_again(&mut self, place: Place) {
        match place {
            Place::Registered(start) => {
                let keys = self.registered[start..self.end_of_model(start)].iter().map(Found::key).collect::<Vec<_>>();
                let mut before = HashSet::new();
                for key in keys {
                    self.loading.remove(&key);
                    if self.serving.remove(&key) {
                        before.insert(key);
                    }
                }
                self.choose_registered(start, &before);
            }
            Place::Logged(place) => {
                self.loading.remove(&self.logged[place].key());
                self.choose_logged(place);
            }
        }
    }

    /// Whether something that serves would go while another version of its model is still to be loaded: it goes on until
    /// then, even when it was deleted.
    pub(super) fn leaves_gap(&self) -> bool {
        let loading: HashSet<&str> = self.loading.iter().map(|key| key.0.as_str()).collect();
        let catalog = self.catalog.load();
        !loading.is_empty()
            && catalog.served().any(|served| {
                loading.contains(served.name.as_str()) && !self.serving.contains(&(served.name.clone(), served.version))
            })
    }

    /// Where something may be to load: registered versions first, then logged models.
    pub(super) fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        let mut start = 0;
        while start < self.registered.len() {
            places.push(Place::Registered(start));
            start = self.end_of_model(start);
        }
        places.extend((0..self.logged.len()).map(Place::Logged));
        places
    }

    /// What to load next at a place: what was chosen, or what changed while it serves.
    pub(super) fn due(&self, place: Place) -> Option<PathBuf> {
        let founds = match place {
            Place::Registered(start) => &self.registered[start..self.end_of_model(start)],
            Place::Logged(place) => std::slice::from_ref(&self.logged[place]),
        };
        founds.iter().find(|found| self.is_due(found)).and_then(|found| found.artifact.clone().ok())
    }

    fn is_due(&self, found: &Found) -> bool {
        let key = found.key();
        self.loading.contains(&key)
            || (self.serving.contains(&key) && found.artifact.as_ref().is_ok_and(|dir| self.slots.is_stale(dir)))
    }

    /// Where the versions of the model end that begin at `start`.
    fn end_of_model(&self, start: usize) -> usize {
        let name = &self.registered[start].name;
        start + self.registered[start..].iter().take_while(|found| found.name == *name).count()
    }

    fn choose_registered(&mut self, start: usize, before: &HashSet<Key>) {
        let versions = &self.registered[start..self.end_of_model(start)];
        let is_loaded = |version: u64| {
            let found = versions.iter().find(|found| found.version == Some(version));
            found.and_then(|found| found.artifact.as_deref().ok()).is_some_and(|dir| self.slots.is_loaded(dir))
        };
        let moved = self.catalog.load().moved(&versions[0].name, versions);
        let stand_ins: HashSet<u64> =
            moved.into_iter().filter(|(now, _)| !is_loaded(*now)).map(|(_, before)| before).collect();
        let candidates: Vec<Candidate> = versions
            .iter()
            .map(|found| Candidate {
                version: found.version.unwrap_or_default(),
                has_alias: !found.aliases.is_empty(),
                has_stage: found.stage.is_some(),
                is_loaded: found.artifact.as_ref().is_ok_and(|dir| self.slots.is_loaded(dir)),
                stands_in: found.version.is_some_and(|version| stand_ins.contains(&version))
                    && before.contains(&found.key()),
            })
            .collect();
        let slots = &mut self.slots;
        let choice = self.options.policies.of(&versions[0].name).choose(&candidates, |place| {
            versions[place].artifact.as_ref().map_or(Readiness::Bad, |dir| slots.readiness(dir))
        });
        self.serving.extend(choice.serve.into_iter().map(|place| versions[place].key()));
        self.loading.extend(choice.load.into_iter().map(|place| versions[place].key()));
    }
}
