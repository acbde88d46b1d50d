//! What the keeper tells the log and the event stream.

use std::collections::{BTreeMap, HashSet};

use yummy_api::{
    catalog::ModelState,
    event::{EventKind, Level},
};

use super::Keeper;
use crate::registry::catalog::{Catalog, label};

impl Keeper {
    /// Says what a swap changes.
    pub(super) fn announce(&self, before: &Catalog, after: &Catalog) {
        let old: BTreeMap<_, _> = before.infos().map(|info| ((&info.name, info.version), info)).collect();
        let new: HashSet<_> = after.infos().map(|info| (&info.name, info.version)).collect();
        for info in after.infos() {
            let was = old.get(&(&info.name, info.version));
            let changed = was.is_none_or(|was| {
                (was.state, &was.reason, was.ready_unix_ms) != (info.state, &info.reason, info.ready_unix_ms)
            });
            // Of thousands of models that sleep or that the policy leaves out nothing is to be said.
            let quiet = info.state == ModelState::Loading || (info.state == ModelState::Retired && was.is_none());
            if !changed || quiet {
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

    pub(super) fn report_problems(&mut self, problems: Vec<String>) {
        for problem in &problems {
            if !self.problems.contains(problem) {
                self.event(Level::Error, EventKind::Watch, None, problem.clone());
            }
        }
        self.problems = problems.into_iter().collect();
    }

    pub(super) fn event(&self, level: Level, kind: EventKind, about: Option<(&str, Option<u64>)>, message: String) {
        let (model, version) = about.map_or((None, None), |(model, version)| (Some(model), version));
        self.telemetry.event(level, kind, model, version, message);
    }
}
