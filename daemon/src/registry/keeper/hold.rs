//! What a look does not show any more, or not at this moment, and is served nevertheless.
//!
//! Only MLflow's own mark, or time, takes a version out of service. MLflow rewrites its small files in place, so that an
//! empty one is seen now and then; and a tree that is being deleted file by file, to be copied anew, looks for a while as
//! if its registry named nothing. So a version that is served goes on
//!
//! * while its entry cannot be read, or an alias' file is empty: as it was;
//! * when its entry is gone, for a grace time; a root that is gone altogether changes nothing (the keeper sees to that);
//! * when its files are gone, as long as the registry names it: it is in memory.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use crate::registry::found::{Found, Key, Scan};

/// What lasts no longer than this is not worth a word.
const QUIETLY: Duration = Duration::from_secs(1);

/// Since when something is held.
#[derive(Default)]
pub(super) struct Holds {
    since: HashMap<Key, Instant>,
}

impl Holds {
    /// Whether something is held that time will change: after `grace` it is let go, or goes on as it is.
    pub(super) fn is_waiting(&self, grace: Duration) -> bool {
        self.since.values().any(|since| since.elapsed() <= grace + 2 * QUIETLY)
    }

    /// Adds to `scan` what is held: of `before`, the last look's finds, those that `serves` says are served.
    pub(super) fn amend(
        &mut self,
        scan: &mut Scan,
        before: impl Iterator<Item = Found>,
        serves: impl Fn(&Key) -> bool,
        grace: Duration,
    ) {
        let places: HashMap<Key, (bool, usize)> = [(true, &scan.registered), (false, &scan.logged)]
            .into_iter()
            .flat_map(|(registered, list)| {
                list.iter().enumerate().map(move |(place, found)| (found.key(), (registered, place)))
            })
            .collect();
        let aliases: HashSet<(String, String)> = scan.registered.iter().flat_map(aliases_of).collect();
        let unclear: HashSet<(String, String)> = scan.unclear_aliases.iter().cloned().collect();
        let mut since = HashMap::new();
        for old in before {
            let key = old.key();
            let now =
                places.get(&key).map(
                    |&(registered, place)| {
                        if registered { &mut scan.registered[place] } else { &mut scan.logged[place] }
                    },
                );
            if !serves(&key) || scan.deleted.contains(&key) {
                continue;
            }
            let held_since = self.since.get(&key).copied().unwrap_or_else(Instant::now);
            match now {
                Some(now) => {
                    let kept =
                        old.aliases.iter().filter(|alias| unclear.contains(&(old.name.clone(), (*alias).clone())));
                    now.aliases.extend(kept.cloned());
                    if let Err((_, reason)) = &now.artifact {
                        since.insert(key, held_since);
                        carry(now, &old, &reason.clone(), held_since);
                    }
                }
                // A database does not lose rows: what it does not name was deleted.
                None if old.from_database && !scan.blind => {}
                None if scan.blind || held_since.elapsed() < grace => {
                    since.insert(key, held_since);
                    let moved = |alias: &String| aliases.contains(&(old.name.clone(), alias.clone()));
                    let held = held_since.elapsed() > QUIETLY;
                    let found = Found {
                        aliases: old.aliases.iter().filter(|alias| !moved(alias)).cloned().collect(),
                        held: held.then(|| "it is gone from the directory, and not deleted in MLflow".into()),
                        ..old
                    };
                    let list = if found.version.is_some() { &mut scan.registered } else { &mut scan.logged };
                    list.push(found);
                }
                None => {}
            }
        }
        scan.registered.sort_by(|a, b| (&a.name, b.version).cmp(&(&b.name, a.version)));
        self.since = since;
    }
}

/// Takes from the last look what this one could not read.
fn carry(now: &mut Found, old: &Found, reason: &str, since: Instant) {
    now.artifact.clone_from(&old.artifact);
    now.stage = now.stage.take().or_else(|| old.stage.clone());
    now.model_id = now.model_id.take().or_else(|| old.model_id.clone());
    now.run_id = now.run_id.take().or_else(|| old.run_id.clone());
    now.path = now.path.take().or_else(|| old.path.clone());
    now.held = (since.elapsed() > QUIETLY).then(|| reason.to_owned());
}

fn aliases_of(found: &Found) -> impl Iterator<Item = (String, String)> + '_ {
    found.aliases.iter().map(|alias| (found.name.clone(), alias.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(3600);

    fn version(number: u64, aliases: &[&str]) -> Found {
        Found {
            artifact: Ok(format!("m-{number}").into()),
            aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
            ..Found::unknown("wine".into(), Some(number))
        }
    }

    fn held(scan: Scan, before: Found, grace: Duration) -> Vec<Found> {
        let mut scan = scan;
        Holds::default().amend(&mut scan, [before].into_iter(), |_| true, grace);
        scan.registered
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_as_it_was() {
        let torn = Found::unknown("wine".into(), Some(1));
        let before = Found { stage: Some("Production".into()), ..version(1, &[]) };
        let found = held(Scan { registered: vec![torn], ..Scan::default() }, before.clone(), GRACE);
        assert_eq!(found, [before]);
    }

    #[test]
    fn an_alias_whose_file_is_empty_names_what_it_named() {
        let unclear_aliases = vec![("wine".to_owned(), "best".to_owned())];
        let scan = Scan { registered: vec![version(1, &[])], unclear_aliases, ..Scan::default() };
        assert_eq!(held(scan, version(1, &["best"]), GRACE)[0].aliases, ["best"]);
    }

    #[test]
    fn what_is_gone_goes_on_for_a_while_and_what_was_deleted_does_not() {
        assert_eq!(held(Scan::default(), version(1, &[]), GRACE).len(), 1);
        assert_eq!(held(Scan::default(), version(1, &[]), Duration::ZERO), []);
        let deleted = Scan { deleted: [("wine".to_owned(), Some(1))].into(), ..Scan::default() };
        assert_eq!(held(deleted, version(1, &[]), GRACE), []);
        let row = Found { from_database: true, ..version(1, &[]) };
        assert_eq!(held(Scan::default(), row.clone(), GRACE), []);
        assert_eq!(held(Scan { blind: true, ..Scan::default() }, row, Duration::ZERO).len(), 1);
    }

    #[test]
    fn an_alias_that_moved_leaves_the_version_that_is_gone() {
        let scan = Scan { registered: vec![version(2, &["best"])], ..Scan::default() };
        let found = held(scan, version(1, &["best", "old"]), GRACE);
        let aliases: Vec<_> = found.iter().map(|found| (found.version.unwrap(), found.aliases.clone())).collect();
        assert_eq!(aliases, [(2, vec!["best".to_owned()]), (1, vec!["old".to_owned()])]);
    }
}
