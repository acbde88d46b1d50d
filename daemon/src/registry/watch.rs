//! Changes on disk become wake-ups of the keeper.
//!
//! Events only ever mean "look again": which file changed is not trusted, because directories are created faster than
//! watches are placed on them, and because some file systems report nothing. The keeper therefore looks again after a
//! while in any case. Watched are the directories that a look names, not the whole tree: ten thousand runs have sixty
//! thousand directories, and a change of a metric is none of a model.

use std::{
    collections::HashSet,
    ffi::OsStr,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed, mpsc::SyncSender},
};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, event::ModifyKind};

use super::{Signals, Wake};

/// Watches of one daemon. A watch costs the kernel about a kilobyte, and Linux allows some 8,000 to a million a user; the
/// directories beyond are looked at as often as all are.
const MAX_WATCHES: usize = 16_384;
/// Directories that went away between two looks; past it, all are watched anew.
const MAX_GONE: usize = 4096;

/// Watches the directories that matter.
pub(super) struct Watcher {
    wake: SyncSender<Wake>,
    signals: Arc<Signals>,
    inner: Option<RecommendedWatcher>,
    watched: HashSet<PathBuf>,
    /// Identity of the root: it may be deleted and made anew, or mounted over, under the same name.
    identity: Option<(u64, u64)>,
    shared: Arc<Mutex<Shared>>,
}

/// What the thread of events and the keeper tell each other.
#[derive(Default)]
struct Shared {
    /// Watched directories may be among these that were removed or renamed.
    gone: Vec<PathBuf>,
    /// Something was missed.
    overflowed: bool,
    /// A directory that is watched for one file and those beside it that begin with its name.
    only: Option<(PathBuf, Vec<u8>)>,
}

impl Watcher {
    pub(super) fn new(wake: SyncSender<Wake>, signals: Arc<Signals>) -> Self {
        Self { wake, signals, inner: None, watched: HashSet::new(), identity: None, shared: Arc::default() }
    }

    /// Sees to it that `root`, `directories` and the folder of `database` are watched, also after they were replaced. Says
    /// whether watches were added, and why not everything is watched.
    pub(super) fn ensure(
        &mut self,
        root: &Path,
        directories: &[PathBuf],
        database: Option<&Path>,
    ) -> (bool, Option<String>) {
        let identity = std::fs::metadata(root).ok().map(|metadata| (metadata.dev(), metadata.ino()));
        let (gone, overflowed) = {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut shared.gone), std::mem::take(&mut shared.overflowed))
        };
        if self.inner.is_none() || identity != self.identity || overflowed {
            if let Err(error) = self.restart() {
                return (false, Some(format!("cannot watch {}: {error}", root.display())));
            }
            self.identity = identity;
        }
        for path in gone {
            self.forget(&path);
        }
        let folder = self.watch_only(root, directories, database);
        let mut wanted: Vec<&Path> = vec![root];
        wanted.extend(folder.as_deref());
        wanted.extend(directories.iter().map(PathBuf::as_path).filter(|dir| *dir != root));
        let reason = (wanted.len() > MAX_WATCHES)
            .then(|| format!("watching {MAX_WATCHES} of {} directories for changes", wanted.len()));
        wanted.truncate(MAX_WATCHES);
        self.drop_others(&wanted);
        let (added, failed) = self.add(&wanted);
        (added, failed.or(reason))
    }

    /// Begins anew, with nothing watched.
    fn restart(&mut self) -> notify::Result<()> {
        self.watched.clear();
        self.inner = None;
        let (wake, signals, shared) = (self.wake.clone(), Arc::clone(&self.signals), Arc::clone(&self.shared));
        self.inner = Some(notify::recommended_watcher(move |event: notify::Result<Event>| {
            let matters = shared.lock().unwrap_or_else(PoisonError::into_inner).note(event);
            if matters && !signals.changed.swap(true, Relaxed) {
                // Full: the keeper has wake-ups before it that it has not seen, and will look after this change.
                let _ = wake.try_send(Wake::Changed);
            }
        })?);
        Ok(())
    }

    /// Forgets a directory that was removed or renamed, and all below it.
    fn forget(&mut self, path: &Path) {
        if self.watched.remove(path) {
            let below: Vec<PathBuf> = self.watched.iter().filter(|dir| dir.starts_with(path)).cloned().collect();
            for dir in below.iter().map(PathBuf::as_path).chain([path]) {
                self.watched.remove(dir);
                self.unwatch(dir);
            }
        }
    }

    fn unwatch(&mut self, dir: &Path) {
        if let Some(inner) = &mut self.inner {
            // The system forgets watches of what was deleted by itself.
            let _ = inner.unwatch(dir);
        }
    }

    /// The folder of the database, when it is not watched for other reasons.
    fn watch_only(&self, root: &Path, directories: &[PathBuf], database: Option<&Path>) -> Option<PathBuf> {
        let database = database?;
        let name = database.file_name().map(OsStr::as_bytes)?;
        let folder = std::path::absolute(database).ok()?.parent()?.to_owned();
        let other = std::path::absolute(root).is_ok_and(|root| root != folder) && !directories.contains(&folder);
        let only = other.then(|| (folder, name.to_owned()));
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.only.clone_from(&only);
        only.map(|(folder, _)| folder)
    }

    fn drop_others(&mut self, wanted: &[&Path]) {
        let wanted: HashSet<&Path> = wanted.iter().copied().collect();
        let others: Vec<PathBuf> = self.watched.iter().filter(|dir| !wanted.contains(dir.as_path())).cloned().collect();
        for dir in others {
            self.watched.remove(&dir);
            self.unwatch(&dir);
        }
    }

    fn add(&mut self, wanted: &[&Path]) -> (bool, Option<String>) {
        let Some(inner) = &mut self.inner else { return (false, None) };
        let mut added = false;
        for dir in wanted {
            if self.watched.contains(*dir) {
                continue;
            }
            match inner.watch(dir, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(dir.to_path_buf());
                    added = true;
                }
                // Gone since it was listed: the next look does not name it.
                Err(_) if !dir.exists() && *dir != wanted[0] => {}
                Err(error) => {
                    let (have, all) = (self.watched.len(), wanted.len());
                    let reason = match error.kind {
                        notify::ErrorKind::MaxFilesWatch => "the limit of inotify watches is reached".to_owned(),
                        _ => error.to_string(),
                    };
                    return (added, Some(format!("watching {have} of {all} directories for changes: {reason}")));
                }
            }
        }
        (added, None)
    }
}

impl Shared {
    /// Notes an event; says whether it can matter to the registry.
    fn note(&mut self, event: notify::Result<Event>) -> bool {
        let Ok(event) = event else {
            self.overflowed = true;
            return true;
        };
        if event.need_rescan() {
            self.overflowed = true;
            return true;
        }
        // Reading files makes access events too: acting on them would never end.
        if matches!(event.kind, EventKind::Access(_)) {
            return false;
        }
        if matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))) {
            if self.gone.len() + event.paths.len() > MAX_GONE {
                self.overflowed = true;
            } else {
                self.gone.extend(event.paths.iter().cloned());
            }
        }
        let Some((folder, name)) = &self.only else { return true };
        let matters = |path: &PathBuf| {
            path.parent() != Some(folder) || path.file_name().is_some_and(|file| file.as_bytes().starts_with(name))
        };
        event.paths.is_empty() || event.paths.iter().any(matters)
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, CreateKind, Flag};

    use super::*;

    fn event(kind: EventKind, path: &str) -> notify::Result<Event> {
        Ok(Event::new(kind).add_path(path.into()))
    }

    #[test]
    fn reading_wakes_nobody_and_writing_does() {
        let mut shared = Shared::default();
        assert!(!shared.note(event(EventKind::Access(AccessKind::Any), "/a")));
        assert!(shared.note(event(EventKind::Create(CreateKind::Any), "/a")));
    }

    #[test]
    fn an_overflow_has_everything_watched_anew() {
        let mut shared = Shared::default();
        assert!(shared.note(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan))));
        assert!(shared.overflowed);
        let mut shared = Shared::default();
        assert!(shared.note(Err(notify::Error::generic("lost"))));
        assert!(shared.overflowed);
    }

    #[test]
    fn beside_a_database_only_its_files_matter() {
        let only = Some((PathBuf::from("/store"), b"mlflow.db".to_vec()));
        let mut shared = Shared { only, ..Shared::default() };
        let create = EventKind::Create(CreateKind::Any);
        assert!(!shared.note(event(create, "/store/other")));
        assert!(shared.note(event(create, "/store/mlflow.db-journal")));
        assert!(shared.note(event(create, "/store/mlruns/models")));
    }
}
