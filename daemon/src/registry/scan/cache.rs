//! What was read of the tree before, so that a look at an unchanged tree costs one `stat` a file or directory.
//!
//! A file or directory is read anew when its inode, size or change time differs from when it was read, or when it had
//! changed so shortly before that the next change may bear the same time.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{locate::is_within, meta::Meta};

/// Times of files have the resolution of the kernel's tick (4 ms), of FAT 2 s: what changed this shortly before it was
/// read is read again.
const RACY: Duration = Duration::from_secs(2);
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds. Unlike the time of modification, no program can set it back.
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self { inode: metadata.ino(), size: metadata.size(), changed: (metadata.ctime(), metadata.ctime_nsec()) }
    }

    /// Whether a later change is sure to bear another time.
    fn is_old(&self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(now.saturating_sub(RACY).as_secs()).is_ok_and(|limit| self.changed.0 < limit)
    }
}

struct Kept<T> {
    /// `None` when it is to be read again in any case.
    stamp: Option<Stamp>,
    value: T,
    turn: u64,
}

/// See the module.
#[derive(Default)]
pub(super) struct Cache {
    metas: HashMap<PathBuf, Kept<Result<Arc<Meta>, String>>>,
    lists: HashMap<PathBuf, Kept<Arc<[PathBuf]>>>,
    turn: u64,
}

impl Cache {
    /// Begins a look.
    pub(super) fn begin(&mut self) {
        self.turn += 1;
    }

    /// Ends a look: forgets what it did not ask for.
    pub(super) fn end(&mut self) {
        self.metas.retain(|_, kept| kept.turn == self.turn);
        self.lists.retain(|_, kept| kept.turn == self.turn);
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.metas.clear();
        self.lists.clear();
    }

    /// A small YAML file, or why it cannot be read. Links are followed as long as they stay within `root`.
    pub(super) fn meta(&mut self, root: &Path, path: &Path) -> Result<Arc<Meta>, String> {
        let stamp = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| Stamp::of(&metadata));
        if let Some(kept) = self.metas.get_mut(path)
            && stamp.is_some()
            && kept.stamp == stamp
        {
            kept.turn = self.turn;
            return kept.value.clone();
        }
        let value = if stamp.is_some() || is_within(root, path) {
            Meta::read(path).map(Arc::new)
        } else {
            Err(format!("{} is not there, or a link out of the directory", name(path)))
        };
        let stamp = stamp.filter(Stamp::is_old);
        self.metas.insert(path.to_owned(), Kept { stamp, value: value.clone(), turn: self.turn });
        value
    }

    /// The directories within `dir`, by name. Links are followed as long as they stay within `root`.
    pub(super) fn directories(&mut self, root: &Path, dir: &Path) -> io::Result<Arc<[PathBuf]>> {
        let stamp = Stamp::of(&fs::metadata(dir)?);
        if let Some(kept) = self.lists.get_mut(dir)
            && kept.stamp == Some(stamp)
        {
            kept.turn = self.turn;
            return Ok(Arc::clone(&kept.value));
        }
        let (found, linked) = list(root, dir)?;
        let value: Arc<[PathBuf]> = found.into();
        // What a link leads to may change without a trace in this directory.
        let stamp = (stamp.is_old() && !linked).then_some(stamp);
        self.lists.insert(dir.to_owned(), Kept { stamp, value: Arc::clone(&value), turn: self.turn });
        Ok(value)
    }
}

/// The directories within `dir`, and whether there are links.
fn list(root: &Path, dir: &Path) -> io::Result<(Vec<PathBuf>, bool)> {
    let (mut found, mut linked) = (Vec::new(), false);
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        linked |= kind.is_symlink();
        let path = entry.path();
        if kind.is_dir() || (kind.is_symlink() && path.is_dir() && is_within(root, &path)) {
            found.push(path);
        }
    }
    found.sort();
    Ok((found, linked))
}

fn name(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_a_moment_ago_is_read_again() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("meta.yaml");
        let mut cache = Cache::default();
        for text in ["status: 1\n", "status: 2\n"] {
            fs::write(&path, text).unwrap();
            assert_eq!(cache.meta(root.path(), &path).unwrap().text("status"), Some(&text[8..9]));
        }
        assert!(cache.directories(root.path(), root.path()).unwrap().is_empty());
        fs::create_dir(root.path().join("new")).unwrap();
        assert_eq!(cache.directories(root.path(), root.path()).unwrap().len(), 1);
    }

    #[test]
    fn what_a_look_does_not_ask_for_is_forgotten() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("meta.yaml");
        fs::write(&path, "a: b\n").unwrap();
        let mut cache = Cache::default();
        cache.begin();
        assert!(cache.meta(root.path(), &path).is_ok());
        cache.end();
        assert_eq!(cache.metas.len(), 1);
        cache.begin();
        cache.end();
        assert_eq!(cache.metas.len(), 0);
    }
}
