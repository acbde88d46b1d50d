//! The `MLmodel` file: what a model directory says of itself.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::{Component, Path, PathBuf},
};

use crate::{
    LoadError, Signature,
    signature::{ParamSpec, Schema},
    yaml::Node,
};

/// Name of the file.
pub const FILE: &str = "MLmodel";

/// Real files have 1 to 50 KiB; a signature of 10,000 columns has 1 MiB.
const MAX_MLMODEL_BYTES: u64 = 16 << 20;

/// `MLmodel`, as far as serving needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct MlModel {
    /// Each flavor's keys that hold a scalar, as the text that stands in the file.
    pub flavors: BTreeMap<String, BTreeMap<String, String>>,
    /// The signature; empty when there is none.
    pub signature: Signature,
    /// `m-<id>` since 3.x.
    pub model_id: Option<String>,
    /// The run that logged it.
    pub run_id: Option<String>,
    /// MLflow that wrote it.
    pub mlflow_version: Option<String>,
    /// Sum of the sizes of the artifact's own files; absent in 1.x.
    pub model_size_bytes: Option<u64>,
    /// When it was written, as text.
    pub utc_time_created: Option<String>,
    /// File of the logged input example.
    pub input_example: Option<String>,
    /// What the example is to Python: `dataframe`, `ndarray`, `json_object` or a sparse matrix.
    pub input_example_type: Option<String>,
    /// Whether the example's file holds parameters beside the data.
    pub input_example_has_params: bool,
    /// File of the same example as a request body.
    pub serving_input: Option<String>,
}

impl MlModel {
    /// Reads `MLmodel` in `dir`.
    ///
    /// # Errors
    /// [`LoadError`] when it cannot be read or is not an `MLmodel`.
    pub fn read(dir: &Path) -> Result<Self, LoadError> {
        let bytes = read_bounded(&dir.join(FILE), MAX_MLMODEL_BYTES)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| LoadError::invalid(FILE, format!("not UTF-8 at byte {}", error.valid_up_to())))?;
        Self::parse(text)
    }

    /// Reads the text of an `MLmodel`.
    ///
    /// # Errors
    /// [`LoadError::Invalid`] says what is wrong.
    pub fn parse(text: &str) -> Result<Self, LoadError> {
        let root = Node::parse(text).map_err(|reason| LoadError::invalid(FILE, reason))?;
        let flavors = root.get("flavors").ok_or_else(|| LoadError::invalid(FILE, "there is no key flavors"))?;
        let flavors = flavors.entries().iter().map(|(name, keys)| (name.clone(), texts(keys))).collect();
        let text = |key: &str| root.text(key).map(str::to_owned);
        let example = root.get("saved_input_example_info");
        let example = |key: &str| example.and_then(|node| node.text(key)).map(str::to_owned);
        Ok(Self {
            flavors,
            signature: signature(root.get("signature")).map_err(|reason| LoadError::invalid(FILE, reason))?,
            model_id: text("model_id"),
            run_id: text("run_id"),
            mlflow_version: text("mlflow_version"),
            model_size_bytes: root.text("model_size_bytes").and_then(|size| size.parse().ok()),
            utc_time_created: text("utc_time_created"),
            input_example: example("artifact_path"),
            input_example_type: example("type"),
            input_example_has_params: example("params").is_some_and(|text| text == "true"),
            serving_input: example("serving_input_path"),
        })
    }

    /// The flavor beside `python_function`, by name.
    #[must_use]
    pub fn native_flavor(&self) -> Option<&str> {
        self.flavors.keys().map(String::as_str).find(|&name| name != "python_function")
    }

    /// One key of one flavor.
    #[must_use]
    pub fn flavor_key(&self, flavor: &str, key: &str) -> Option<&str> {
        self.flavors.get(flavor)?.get(key).map(String::as_str)
    }
}

/// The file that `MLmodel` names, within the model directory.
///
/// # Errors
/// [`LoadError::Outside`] for absolute paths, for those that climb out, and for links that lead out.
pub fn resolve(dir: &Path, named: &str) -> Result<PathBuf, LoadError> {
    let path = Path::new(named);
    if named.is_empty() || !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(LoadError::Outside { path: named.to_owned() });
    }
    let path = dir.join(path);
    // A link may lead out as well. What cannot be resolved is not there: reading it says so.
    if let (Ok(real), Ok(root)) = (fs::canonicalize(&path), fs::canonicalize(dir))
        && !real.starts_with(root)
    {
        return Err(LoadError::Outside { path: named.to_owned() });
    }
    Ok(path)
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// [`LoadError::TooLarge`] or [`LoadError::Io`].
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, LoadError> {
    let io = |source| LoadError::Io { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    if size > limit {
        return Err(LoadError::TooLarge { path: path.to_owned(), size, limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // The file may grow while it is read; what is past the limit then is a file still being written.
    file.take(limit).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

fn texts(node: &Node) -> BTreeMap<String, String> {
    let text = |(key, value): &(String, Node)| match value {
        Node::Text(text) => Some((key.clone(), text.clone())),
        Node::Null | Node::List(_) | Node::Map(_) => None,
    };
    node.entries().iter().filter_map(text).collect()
}

fn signature(node: Option<&Node>) -> Result<Signature, String> {
    let Some(node) = node else { return Ok(Signature::default()) };
    Ok(Signature {
        inputs: node.text("inputs").map(Schema::parse).transpose()?,
        outputs: node.text("outputs").map(Schema::parse).transpose()?,
        params: node.text("params").map(ParamSpec::parse_all).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_looks_like_a_number_stays_text() {
        let text = "flavors:\n  lightgbm:\n    data: 1e5\n    lgb_version: 08\n    code: null\n    list:\n    - a\nmodel_id: 123e45678\nrun_id: 0o17\nmlflow_version: 1.5e3\n";
        let model = MlModel::parse(text).unwrap();
        assert_eq!(model.flavor_key("lightgbm", "data"), Some("1e5"));
        assert_eq!(model.flavor_key("lightgbm", "lgb_version"), Some("08"));
        assert_eq!(model.flavor_key("lightgbm", "code"), None);
        assert_eq!(model.flavor_key("lightgbm", "list"), None);
        assert_eq!(model.model_id.as_deref(), Some("123e45678"));
        assert_eq!(model.run_id.as_deref(), Some("0o17"));
        assert_eq!(model.mlflow_version.as_deref(), Some("1.5e3"));
    }

    #[test]
    fn paths_out_of_the_directory_are_refused() {
        let dir = Path::new("model");
        for named in ["../x", "/etc/passwd", "a/../../x", ""] {
            assert!(matches!(resolve(dir, named), Err(LoadError::Outside { .. })), "{named}");
        }
        assert_eq!(resolve(dir, "model.lgb").unwrap(), Path::new("model/model.lgb"));
    }

    #[test]
    #[cfg(unix)]
    fn links_out_of_the_directory_are_refused() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(other.path().join("secret"), "x").unwrap();
        fs::write(dir.path().join("model.lgb"), "x").unwrap();
        std::os::unix::fs::symlink(other.path().join("secret"), dir.path().join("out")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("model.lgb"), dir.path().join("in")).unwrap();
        assert!(matches!(resolve(dir.path(), "out"), Err(LoadError::Outside { .. })));
        assert!(resolve(dir.path(), "in").is_ok());
    }

    #[test]
    fn a_text_without_flavors_is_no_mlmodel() {
        assert!(matches!(MlModel::parse("a: 1\n"), Err(LoadError::Invalid { .. })));
        assert!(matches!(MlModel::parse(""), Err(LoadError::Invalid { .. })));
    }
}
