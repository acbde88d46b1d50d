//! Small models of many kinds, in both formats, with all of Python's answers (`scripts/compare_catboost.py` made them).

use std::{env, fs, path::PathBuf};

use crate::compared::Recorded;

/// The folders of recorded models.
pub(crate) fn folders() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/catboost/data");
    let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 16, "only {} folders", folders.len());
    folders
}

#[test]
fn labels_probabilities_leaves_and_shap_values_equal_pythons() {
    for folder in folders() {
        let recorded = Recorded::read(&folder);
        let model = recorded.load().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let comparisons = recorded.compare(&folder, &model);
        assert!(comparisons.len() >= 4, "{}", folder.display());
        for comparison in comparisons {
            assert_eq!(comparison.differing, Some(0), "{} {comparison:?}", folder.display());
        }
    }
}
