//! Where the files are that a location names. Locations are absolute paths and URIs of the machine that wrote them; here
//! only what lies within the watched directory counts.

use std::{
    ffi::OsStr,
    fs,
    path::{Component, Path, PathBuf},
};

use percent_encoding::percent_decode_str;

/// `<experiment>/<run>/artifacts/<name>` and `<experiment>/models/<id>/artifacts`: a location has at least four names.
const LEAST_NAMES: usize = 4;

/// Finds within `root` what a location names: the longest tail of it that is a directory here.
///
/// Understands paths, `file:` URIs, and those of artifact servers and object stores (`mlflow-artifacts:/1/models/…`,
/// `s3://bucket/…`), of which `root` then is, or holds, the copy.
pub(in crate::registry) fn locate(root: &Path, location: &str) -> Option<PathBuf> {
    let (scheme, path) = location.split_once(':').map_or(("", location), |(scheme, rest)| (scheme, rest));
    let path = if scheme.contains('/') { location } else { path };
    // MLflow percent-encodes what it makes a URI of, and not what it joins to one.
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    tail(root, path).or_else(|| tail(root, &decoded))
}

fn tail(root: &Path, path: &str) -> Option<PathBuf> {
    let parts: Vec<&OsStr> = Path::new(path)
        .components()
        .filter_map(|part| if let Component::Normal(name) = part { Some(name) } else { None })
        .collect();
    (0..(parts.len() + 1).saturating_sub(LEAST_NAMES)).find_map(|start| {
        let dir = parts[start..].iter().fold(root.to_owned(), |dir, part| dir.join(part));
        (dir.is_dir() && is_within(root, &dir)).then_some(dir)
    })
}

/// Whether a path leads, by whatever links, to something below `root`.
pub(in crate::registry) fn is_within(root: &Path, path: &Path) -> bool {
    matches!((fs::canonicalize(path), fs::canonicalize(root)), (Ok(real), Ok(root)) if real.starts_with(&root))
}

/// Whether `path` is a directory, and no link out of `root`. Its parent is known to be within.
pub(super) fn is_dir_within(root: &Path, path: &Path) -> bool {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => path.is_dir() && is_within(root, path),
        Ok(metadata) => metadata.is_dir(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_location_is_found_by_its_tail() {
        let root = tempfile::tempdir().unwrap();
        let logged = root.path().join("1/models/m-1/artifacts");
        let named = root.path().join("0/run1/artifacts/my model");
        fs::create_dir_all(&logged).unwrap();
        fs::create_dir_all(&named).unwrap();
        for location in [
            "/elsewhere/mlruns/1/models/m-1/artifacts",
            "file:///elsewhere/mlruns/1/models/m-1/artifacts",
            "mlflow-artifacts:/1/models/m-1/artifacts",
            "mlflow-artifacts://host:5000/1/models/m-1/artifacts",
            "s3://bucket/prefix/1/models/m-1/artifacts/",
            "./mlruns/1/models/m-1/artifacts",
        ] {
            assert_eq!(locate(root.path(), location).as_ref(), Some(&logged), "{location}");
        }
        for location in ["file:///x/0/run1/artifacts/my%20model", "/x/0/run1/artifacts/my model"] {
            assert_eq!(locate(root.path(), location).as_ref(), Some(&named), "{location}");
        }
    }

    #[test]
    fn nothing_outside_is_found() {
        let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(other.path().join("1/models/m-1/artifacts")).unwrap();
        std::os::unix::fs::symlink(other.path().join("1"), root.path().join("1")).unwrap();
        let location = other.path().join("1/models/m-1/artifacts");
        assert_eq!(locate(root.path(), location.to_str().unwrap()), None);
        assert_eq!(locate(root.path(), "/a/0/../../etc"), None);
        assert_eq!(locate(root.path(), ""), None);
    }
}
