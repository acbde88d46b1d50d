//! One run at a time on one machine: a file lock that the system takes back when a process dies.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use crate::error::LoadError;

/// Held for the length of a run.
#[derive(Debug)]
pub(crate) struct RunLock {
    /// Closing the file frees the lock.
    _file: File,
}

impl RunLock {
    /// Takes the lock at `path`, or says that another run has it.
    pub(crate) fn take(path: &Path) -> Result<Self, LoadError> {
        let failed = |source| LoadError::File { path: path.to_owned(), source };
        let file = File::options().create(true).append(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LoadError::Busy { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// Where runs of this user are kept apart.
#[must_use]
pub fn default_path() -> PathBuf {
    let directory = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir());
    let user = std::env::var("USER").unwrap_or_default();
    directory.map_or_else(
        || std::env::temp_dir().join(format!("yummy-load-{}.lock", user.replace('/', "_"))),
        |directory| directory.join("yummy-load.lock"),
    )
}
