//! What is kept of a `meta.yaml`: the values that are asked for, in one piece of memory. There is one such file of each
//! version and of each logged model, and most of them are of versions that are not served.

use std::path::Path;

use yummy_models::{mlmodel, yaml::Node};

/// `meta.yaml` files have a few hundred bytes, a description may have some more.
const MAX_BYTES: u64 = 1 << 20;
/// What is asked of them.
const KEYS: [&str; 10] = [
    "current_stage",
    "lifecycle_stage",
    "model_id",
    "name",
    "run_id",
    "source",
    "source_run_id",
    "status",
    "storage_location",
    "version",
];

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Meta {
    /// All values, one after the other.
    text: Box<str>,
    /// Where the value of each of [`KEYS`] ends, if there is one.
    ends: [Option<u32>; KEYS.len()],
}

impl Meta {
    /// Reads a file, or says why it cannot be read.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let name = || path.file_name().unwrap_or_default().to_string_lossy();
        let bytes = mlmodel::read_bounded(path, MAX_BYTES).map_err(|error| error.to_string())?;
        let text = String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", name()))?;
        let node = Node::parse(&text).map_err(|reason| format!("{} cannot be read: {reason}", name()))?;
        Ok(Self::of(&node))
    }

    fn of(node: &Node) -> Self {
        let mut text = String::new();
        let ends = KEYS.map(|key| {
            text.push_str(node.text(key)?);
            // The file is far smaller than 4 GiB.
            u32::try_from(text.len()).ok()
        });
        Self { text: text.into(), ends }
    }

    /// The text under one of [`KEYS`]; `None` when it is not there, or is null or composed.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        let place = KEYS.iter().position(|other| *other == key)?;
        let end = self.ends[place]?;
        let start = self.ends[..place].iter().rev().flatten().next().copied().unwrap_or(0);
        self.text.get(start as usize..end as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_what_the_file_says() {
        let text = "artifact_location: /a\nname: ''\nrun_id: 1e5\nsource: null\nstatus: READY\nstatus: FAILED\nversion: 08\n\
                    storage_location: {a: b}\n";
        let node = Node::parse(text).unwrap();
        let meta = Meta::of(&node);
        for key in KEYS {
            assert_eq!(meta.text(key), node.text(key), "{key}");
        }
        assert_eq!(
            (meta.text("name"), meta.text("status"), meta.text("version")),
            (Some(""), Some("FAILED"), Some("08"))
        );
        assert_eq!(meta.text("artifact_location"), None, "it is not asked for");
    }
}
