//! Whether a model directory holds everything that was logged.
//!
//! MLflow writes `MLmodel` before the model file, fills files in place and gives no sign when it is done. What it does
//! write is `model_size_bytes`: the sum of all files but a few that it adds itself (mlflow.md §1.6). Older files lack
//! the key; for these the directory must have been left alone for a while.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use yummy_api::catalog::FileInfo;
use yummy_models::MlModel;

use super::scan::locate::is_within;

/// Files at the top of a model directory that `model_size_bytes` does not count: MLflow writes them itself.
const NOT_COUNTED: [&str; 7] = [
    "MLmodel",
    "conda.yaml",
    "python_env.yaml",
    "requirements.txt",
    "constraints.txt",
    "environment_variables.txt",
    "registered_model_meta",
];
/// A part of an upload to MLflow's server, until it is renamed.
const UPLOAD: &str = ".artifact.uploading.";
/// More files than this in one model directory are not a model that is served here.
const MAX_FILES: usize = 10_000;
/// So many are named in the catalog: a model has about ten, code that was logged with it some more.
const MAX_NAMED: usize = 100;
/// Directories of a model nest two or three deep.
const MAX_DEPTH: usize = 16;
/// Without `model_size_bytes`, a directory counts as whole once it was left alone this long: MLflow's longest pause
/// between two writes of one model was 40 ms (layouts/write_order_*.txt).
pub(super) const SETTLE: Duration = Duration::from_millis(500);

/// What a directory looked like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fingerprint {
    hash: u64,
    /// Bytes of all files.
    pub(super) bytes: u64,
    counted: u64,
    /// `counted` with the files that look like those of editors: one of them may have been logged with the model.
    counted_with_passing: u64,
    newest: Option<SystemTime>,
    /// The files, by name; of very many the largest.
    pub(super) files: Arc<[FileInfo]>,
}

impl Fingerprint {
    /// Differs when another version is there: files that come and go beside it do not count.
    pub(super) fn identity(&self) -> u64 {
        self.hash
    }
}

/// Looks at every file below `dir` without reading any. Links to files are followed as long as they stay within `root`.
pub(super) fn fingerprint(root: &Path, dir: &Path) -> io::Result<Fingerprint> {
    let mut files = Vec::new();
    walk(root, dir, "", 0, &mut files)?;
    files.sort();
    let mut hasher = DefaultHasher::new();
    let mut print = Fingerprint::default();
    let mut named = Vec::new();
    for file in files {
        let counts = !NOT_COUNTED.contains(&file.name.as_str());
        let is_upload = file.name.rsplit('/').next().is_some_and(|name| name.starts_with(UPLOAD));
        print.counted_with_passing += if counts && !is_upload { file.size } else { 0 };
        if is_passing(&file.name) {
            continue;
        }
        file.hash(&mut hasher);
        print.bytes += file.size;
        print.newest = print.newest.max(file.modified);
        print.counted += if counts { file.size } else { 0 };
        named.push(FileInfo { name: file.name, bytes: file.size });
    }
    print.hash = hasher.finish();
    if named.len() > MAX_NAMED {
        named.sort_by_key(|file| std::cmp::Reverse(file.bytes));
        named.truncate(MAX_NAMED);
        named.sort_by(|a, b| a.name.cmp(&b.name));
    }
    print.files = named.into();
    Ok(print)
}

/// Files that come and go beside those of a model: of editors, of file managers, of NFS, and the parts of an upload.
/// They do not make a version another one.
fn is_passing(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.starts_with('.') || name.ends_with('~') || name.starts_with('#') || name.ends_with(".tmp") || name == "4913"
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct File {
    name: String,
    size: u64,
    inode: u64,
    modified: Option<SystemTime>,
}

fn walk(root: &Path, dir: &Path, prefix: &str, depth: usize, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let file_name = entry.file_name();
        // Kubernetes keeps the files of a mounted volume in a folder `..data`, and links to them.
        if file_name.as_bytes().starts_with(b"..") {
            continue;
        }
        let name = format!("{prefix}{}", file_name.to_string_lossy());
        let mut metadata = match entry.metadata() {
            // Gone since the directory was listed: what is left is what counts.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        if metadata.is_dir() {
            if depth < MAX_DEPTH {
                walk(root, &entry.path(), &(name + "/"), depth + 1, files)?;
            }
            continue;
        }
        if metadata.is_symlink() {
            // As MLflow's own sum: links to files count with what they lead to, links to folders do not.
            match fs::metadata(entry.path()) {
                Ok(target) if target.is_file() && is_within(root, &entry.path()) => metadata = target,
                _ => continue,
            }
        }
        if files.len() == MAX_FILES {
            return Err(io::Error::other(format!("more than {MAX_FILES} files")));
        }
        files.push(File { name, size: metadata.len(), inode: metadata.ino(), modified: metadata.modified().ok() });
    }
    Ok(())
}

/// Whether the directory that looks like `print` is whole, or what it waits for.
///
/// `still_since` is how long the fingerprint has been the same, as far as is known.
pub(super) fn check(dir: &Path, print: &Fingerprint, still_since: Duration) -> Result<(), String> {
    if !dir.join(yummy_models::mlmodel::FILE).is_file() {
        return Err("MLmodel is not there yet".into());
    }
    if yummy_models::mlmodel::resolve(dir, yummy_models::mlmodel::FILE).is_err() {
        return Err("MLmodel is a link out of the model's directory".into());
    }
    let mlmodel = match MlModel::read(dir) {
        Ok(mlmodel) => mlmodel,
        // Either it is half-written or it is no MLmodel at all: the loader says which once it has been left alone.
        Err(_) if is_still(print, still_since) => return Ok(()),
        Err(_) => return Err("MLmodel is still being written".into()),
    };
    match mlmodel.model_size_bytes {
        Some(expected) if expected == print.counted || expected == print.counted_with_passing => Ok(()),
        Some(expected) => Err(format!("{} of {expected} bytes are there", print.counted)),
        None if is_still(print, still_since) => Ok(()),
        None => Err("waiting for the files to settle".into()),
    }
}

/// Nothing changed for a while, by the files' own times or by what was seen.
fn is_still(print: &Fingerprint, still_since: Duration) -> bool {
    let age = print.newest.and_then(|newest| SystemTime::now().duration_since(newest).ok());
    still_since >= SETTLE || age.is_some_and(|age| age >= SETTLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MLMODEL: &str = "flavors:\n  lightgbm:\n    data: model.lgb\nmodel_size_bytes: 5\n";

    #[test]
    fn a_directory_is_whole_when_its_counted_bytes_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let state = || check(dir.path(), &fingerprint(dir.path(), dir.path()).unwrap(), Duration::ZERO);
        assert!(state().unwrap_err().contains("MLmodel is not there"));
        fs::write(dir.path().join("MLmodel"), MLMODEL).unwrap();
        fs::write(dir.path().join("conda.yaml"), "does not count").unwrap();
        assert_eq!(state().unwrap_err(), "0 of 5 bytes are there");
        fs::write(dir.path().join("model.lgb"), "1234").unwrap();
        assert_eq!(state().unwrap_err(), "4 of 5 bytes are there");
        fs::create_dir(dir.path().join("code")).unwrap();
        fs::write(dir.path().join("code/conda.yaml"), "x").unwrap();
        assert_eq!(state(), Ok(()));
    }

    #[test]
    fn without_the_key_it_must_have_been_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("MLmodel"), "flavors:\n  x:\n    data: y\n").unwrap();
        let print = fingerprint(dir.path(), dir.path()).unwrap();
        assert!(check(dir.path(), &print, Duration::ZERO).is_err());
        assert!(check(dir.path(), &print, SETTLE).is_ok());
    }

    #[test]
    fn a_change_of_content_changes_the_fingerprint() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "1").unwrap();
        let before = fingerprint(dir.path(), dir.path()).unwrap();
        assert_eq!(before, fingerprint(dir.path(), dir.path()).unwrap());
        fs::write(dir.path().join("a"), "12").unwrap();
        assert_ne!(before, fingerprint(dir.path(), dir.path()).unwrap());
    }

    #[test]
    fn what_editors_leave_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("MLmodel"), MLMODEL).unwrap();
        fs::write(dir.path().join("model.lgb"), "12345").unwrap();
        let before = fingerprint(dir.path(), dir.path()).unwrap();
        for name in [".MLmodel.swp", "MLmodel~", "#MLmodel#", "4913", ".artifact.uploading.x1", ".DS_Store"] {
            fs::write(dir.path().join(name), "something").unwrap();
        }
        let after = fingerprint(dir.path(), dir.path()).unwrap();
        assert_eq!(before.identity(), after.identity());
        assert_eq!(check(dir.path(), &after, Duration::ZERO), Ok(()));
    }

    #[test]
    fn a_hidden_file_may_have_been_logged_with_the_model() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("MLmodel"), MLMODEL).unwrap();
        fs::write(dir.path().join("model.lgb"), "123").unwrap();
        fs::create_dir(dir.path().join("code")).unwrap();
        fs::write(dir.path().join("code/.hidden"), "45").unwrap();
        assert_eq!(check(dir.path(), &fingerprint(dir.path(), dir.path()).unwrap(), Duration::ZERO), Ok(()));
    }

    #[test]
    fn links_count_with_what_they_lead_to_within_the_tree() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(dir.path().join("..data")).unwrap();
        fs::write(dir.path().join("..data/model.lgb"), "12345").unwrap();
        fs::write(other.path().join("secret"), "123456789").unwrap();
        std::os::unix::fs::symlink("..data/model.lgb", dir.path().join("model.lgb")).unwrap();
        std::os::unix::fs::symlink(other.path().join("secret"), dir.path().join("out")).unwrap();
        assert_eq!(fingerprint(dir.path(), dir.path()).unwrap().counted, 5);
    }
}
