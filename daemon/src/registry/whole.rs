//! Whether a model directory holds everything that was logged.
//!
//! MLflow writes `MLmodel` before the model file, fills files in place and gives no sign when it is done. What it does
//! write is `model_size_bytes`: the sum of all files but a few that it adds itself (mlflow.md §1.6). Older files lack
//! the key; for these the directory must have been left alone for a while.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::Path,
    time::{Duration, SystemTime},
};

use yummy_models::MlModel;

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
/// More files than this in one model directory are not a model that is served here.
const MAX_FILES: usize = 10_000;
/// Directories of a model nest two or three deep.
const MAX_DEPTH: usize = 16;
/// Without `model_size_bytes`, a directory counts as whole once it was left alone this long: MLflow's longest pause
/// between two writes of one model was 40 ms (layouts/write_order_*.txt).
pub(super) const SETTLE: Duration = Duration::from_millis(500);

/// What a directory looked like: equal values mean that nothing in it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint {
    hash: u64,
    /// Bytes of all files.
    pub(super) bytes: u64,
    counted: u64,
    newest: Option<SystemTime>,
}

/// Looks at every file below `dir` without reading any. Links are counted as what they are, not followed.
pub(super) fn fingerprint(dir: &Path) -> io::Result<Fingerprint> {
    let mut files = Vec::new();
    walk(dir, "", 0, &mut files)?;
    files.sort();
    let mut hasher = DefaultHasher::new();
    let mut print = Fingerprint { hash: 0, bytes: 0, counted: 0, newest: None };
    for file in files {
        file.hash(&mut hasher);
        print.bytes += file.size;
        print.newest = print.newest.max(file.modified);
        if !NOT_COUNTED.contains(&file.name.as_str()) {
            print.counted += file.size;
        }
    }
    print.hash = hasher.finish();
    Ok(print)
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct File {
    name: String,
    size: u64,
    modified: Option<SystemTime>,
}

fn walk(dir: &Path, prefix: &str, depth: usize, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            if depth < MAX_DEPTH {
                walk(&entry.path(), &(name + "/"), depth + 1, files)?;
            }
            continue;
        }
        if files.len() == MAX_FILES {
            return Err(io::Error::other(format!("more than {MAX_FILES} files")));
        }
        files.push(File { name, size: metadata.len(), modified: metadata.modified().ok() });
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
    let mlmodel = match MlModel::read(dir) {
        Ok(mlmodel) => mlmodel,
        // Either it is half-written or it is no MLmodel at all: the loader says which once it has been left alone.
        Err(_) if is_still(print, still_since) => return Ok(()),
        Err(_) => return Err("MLmodel is still being written".into()),
    };
    match mlmodel.model_size_bytes {
        Some(expected) if expected == print.counted => Ok(()),
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
        let state = || check(dir.path(), &fingerprint(dir.path()).unwrap(), Duration::ZERO);
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
        let print = fingerprint(dir.path()).unwrap();
        assert!(check(dir.path(), &print, Duration::ZERO).is_err());
        assert!(check(dir.path(), &print, SETTLE).is_ok());
    }

    #[test]
    fn a_change_of_content_changes_the_fingerprint() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "1").unwrap();
        let before = fingerprint(dir.path()).unwrap();
        assert_eq!(before, fingerprint(dir.path()).unwrap());
        fs::write(dir.path().join("a"), "12").unwrap();
        assert_ne!(before, fingerprint(dir.path()).unwrap());
    }
}
