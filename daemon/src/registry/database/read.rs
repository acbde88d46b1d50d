//! Rows of a database that MLflow writes at the same time, read without ever taking a lock on it.
//!
//! With a rollback journal (what MLflow uses), even a reader's lock makes a writer wait, and fail when it does not. So the
//! file is read as if nobody wrote (`immutable=1`), and what was read counts only if nobody did: no journal was active
//! before or after, and the change counter in the header, the size and the time of the file are the same. SQLite writes
//! its journal before it touches the database and deletes it after the change counter was written, so a write cannot
//! hide between the two. A journal that a crash left behind is not rolled back: that would write.
//!
//! With a write-ahead log readers hinder no writer: the database is opened read-only, and so is its `-shm` file
//! (`readonly_shm=1`), so that no file is made or changed.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, OpenFlags};

use super::rows::Rows;

/// Reading MLflow's registry takes a millisecond or two, a write of MLflow's about ten: this often and this far apart, a
/// gap between writes is found. If not, the keeper tries again a quarter of a second later.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);
/// A write-ahead log is being recovered by a writer: it takes no longer.
const BUSY: Duration = Duration::from_millis(100);
/// What is younger may be written again without a trace in its time.
const RACY: Duration = Duration::from_secs(2);

/// Bytes of the header that are looked at (the file format's offsets).
const HEADER_BYTES: usize = 100;
const WRITE_VERSION: usize = 18;
const CHANGE_COUNTER: std::ops::Range<usize> = 24..28;
/// `WRITE_VERSION` of a database with a write-ahead log.
const WAL: u8 = 2;

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// It was written all the time.
    #[error("it is being written")]
    Busy,
    /// A journal that no writer will finish.
    #[error(
        "{0} was left behind by a process that crashed in a write; MLflow rolls it back when it next opens the database"
    )]
    LeftBehind(String),
    /// A write-ahead log without its index: nobody has the database open.
    #[error("{0} lies there without its -shm file; open the database once with MLflow, or copy all its files")]
    LogAlone(String),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// What a database looked like: equal values mean that nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    file: FileStamp,
    change_counter: [u8; 4],
    log: Option<FileStamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FileStamp {
    inode: u64,
    size: u64,
    modified: Option<SystemTime>,
}

impl FileStamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self { inode: metadata.ino(), size: metadata.len(), modified: metadata.modified().ok() }
    }

    fn is_old(&self) -> bool {
        self.modified.and_then(|time| time.elapsed().ok()).is_some_and(|age| age > RACY)
    }
}

impl Stamp {
    /// Looks at the files of the database at `path`.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let (header, file) = header(path)?;
        let mut change_counter = [0; 4];
        change_counter.copy_from_slice(&header[CHANGE_COUNTER]);
        let log = (header[WRITE_VERSION] == WAL)
            .then(|| fs::metadata(beside(path, "-wal")).ok())
            .flatten()
            .map(|metadata| FileStamp::of(&metadata));
        Ok(Self { file, change_counter, log })
    }

    /// Whether the next write is sure to make another stamp.
    fn is_sure(&self) -> bool {
        self.file.is_old() && self.log.as_ref().is_none_or(FileStamp::is_old)
    }
}

/// Reads the registry's rows. The stamp is missing when what was written last is too young to tell from what comes next.
pub(super) fn rows(path: &Path) -> Result<(Option<Stamp>, Rows), ReadError> {
    let mut left_behind = None;
    for attempt in 0..TRIES {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        let before = Stamp::of(path)?;
        if before.log.as_ref().is_some_and(|log| log.size > 0) {
            let stamp = before.is_sure().then(|| before.clone());
            return shared(path).map(|rows| (stamp, rows));
        }
        if let Some(age) = journal(path) {
            left_behind = age.filter(|age| *age > RACY);
            continue;
        }
        let rows = open(path, "immutable=1").and_then(|database| Rows::read(&database));
        if journal(path).is_none() && Stamp::of(path)? == before {
            return Ok((before.is_sure().then_some(before), rows?));
        }
    }
    Err(match left_behind {
        Some(_) if !is_being_written(path) => ReadError::LeftBehind(name(&beside(path, "-journal"))),
        _ => ReadError::Busy,
    })
}

/// Reads beside a write-ahead log.
fn shared(path: &Path) -> Result<Rows, ReadError> {
    if !beside(path, "-shm").exists() {
        return Err(ReadError::LogAlone(name(&beside(path, "-wal"))));
    }
    let database = open(path, "readonly_shm=1")?;
    database.busy_timeout(BUSY)?;
    Ok(Rows::read(&database)?)
}

fn open(path: &Path, how: &str) -> rusqlite::Result<Connection> {
    let path = percent_encode(path.as_os_str().as_bytes(), NON_ALPHANUMERIC);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(format!("file:{path}?mode=ro&{how}"), flags)
}

fn header(path: &Path) -> io::Result<([u8; HEADER_BYTES], FileStamp)> {
    let mut file = File::open(path)?;
    let stamp = FileStamp::of(&file.metadata()?);
    let mut header = [0; HEADER_BYTES];
    // A new database is empty until its first write.
    if stamp.size >= HEADER_BYTES as u64 {
        file.read_exact(&mut header)?;
    }
    Ok((header, stamp))
}

/// Whether a write is under way, and for how long nothing happened to its journal. A journal that begins with a zero, or
/// is empty, is one that SQLite keeps for later, or has only just made: the database is as the last write left it.
fn journal(path: &Path) -> Option<Option<Duration>> {
    let mut file = File::open(beside(path, "-journal")).ok()?;
    let mut first = [0];
    let used = file.read(&mut first).is_ok_and(|length| length == 1) && first[0] != 0;
    let age = || file.metadata().and_then(|metadata| metadata.modified()).ok()?.elapsed().ok();
    used.then(age)
}

/// Whether a process holds the database for a write. Only asks: takes no lock.
#[cfg(target_os = "linux")]
fn is_being_written(path: &Path) -> bool {
    // SQLite's RESERVED lock is a POSIX write lock, and those are listed for everyone.
    let Ok(inode) = fs::metadata(path).map(|metadata| metadata.ino()) else { return true };
    let Ok(locks) = fs::read_to_string("/proc/locks") else { return true };
    locks.lines().any(|line| {
        let mut words = line.split_whitespace();
        let of_this_file = |word: &str| word.rsplit(':').next().and_then(|digits| digits.parse().ok()) == Some(inode);
        words.any(|word| word == "WRITE") && words.any(of_this_file)
    })
}

#[cfg(not(target_os = "linux"))]
fn is_being_written(_path: &Path) -> bool {
    true
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
