//! Changes on disk become wake-ups of the keeper.
//!
//! Events only ever mean "look again": which file changed is not trusted, because directories are created faster than
//! watches are placed on them, and because some file systems report nothing. The keeper therefore looks again after a
//! while in any case.

use std::{path::Path, sync::mpsc::SyncSender};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::Wake;

/// Watches one directory tree at a time.
pub(super) struct Watcher {
    wake: SyncSender<Wake>,
    inner: Option<RecommendedWatcher>,
    /// Identity of the watched directory: it may be deleted and made anew under the same name.
    identity: Option<(u64, u64)>,
}

impl Watcher {
    pub(super) fn new(wake: SyncSender<Wake>) -> Self {
        Self { wake, inner: None, identity: None }
    }

    /// Sees to it that `root` is watched, also after it was replaced. Gives the reason when it cannot be.
    pub(super) fn ensure(&mut self, root: &Path) -> Result<(), String> {
        let identity = identity(root);
        if self.inner.is_some() && identity == self.identity {
            return Ok(());
        }
        self.inner = None;
        let wake = self.wake.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading files makes access events too: acting on them would never end. Errors (a queue that overflowed)
            // mean that something happened.
            let matters = event.map_or(true, |event| !matches!(event.kind, EventKind::Access(_)));
            if matters {
                // Full: the keeper has wake-ups before it that it has not seen, and will look after this change.
                let _ = wake.try_send(Wake::Changed);
            }
        })
        .map_err(|error| error.to_string())?;
        watcher.watch(root, RecursiveMode::Recursive).map_err(|error| error.to_string())?;
        self.inner = Some(watcher);
        self.identity = identity;
        Ok(())
    }
}

#[cfg(unix)]
fn identity(root: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(root).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(root: &Path) -> Option<(u64, u64)> {
    root.is_dir().then_some((0, 0))
}
