//! A small MLflow: writes models and registers them as the real one does, call by call in the recorded order
//! (`layouts/write_order_*.txt`), so that a test can stop after each.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// One call that changes a tree or a database. Files are opened empty and filled in place, as `sendfile` does.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Folder(PathBuf),
    /// Opens a file and truncates it.
    Open(PathBuf),
    /// Writes the first so many bytes.
    Fill(PathBuf, Vec<u8>),
    /// Renames a file over another that was written elsewhere.
    Rename(PathBuf, Vec<u8>),
    /// One transaction.
    Sql(PathBuf, String),
}

impl Step {
    pub(crate) fn run(&self) {
        match self {
            Self::Folder(path) => fs::create_dir_all(path).unwrap(),
            Self::Open(path) => drop(fs::File::create(path).unwrap()),
            Self::Fill(path, bytes) => fs::write(path, bytes).unwrap(),
            Self::Rename(path, bytes) => {
                let aside = path.with_file_name(format!(".aside-{}", path.file_name().unwrap().to_str().unwrap()));
                fs::write(&aside, bytes).unwrap();
                fs::rename(aside, path).unwrap();
            }
            Self::Sql(path, sql) => {
                let database = rusqlite::Connection::open(path).unwrap();
                database.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
                database.execute_batch(sql).unwrap();
            }
        }
    }
}

/// Runs all steps.
pub(crate) fn run(steps: &[Step]) {
    steps.iter().for_each(Step::run);
}

/// A body that every tiny model answers: with its value.
pub(crate) const BODY: &str = r#"{"dataframe_split": {"columns": ["a", "b"], "data": [[0.0, 1.0]]}}"#;

/// A LightGBM model whose answer to [`BODY`] is `value`.
fn lightgbm(value: f64) -> String {
    let tree = format!(
        "Tree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nsplit_gain=1\nthreshold=0.5\ndecision_type=2\nleft_child=-1\n\
         right_child=-2\nleaf_value={value} {}\nleaf_weight=1 1\nleaf_count=1 1\ninternal_value=0\ninternal_weight=0\n\
         internal_count=2\nis_linear=0\nshrinkage=1\n\n\n",
        value + 0.5
    );
    format!(
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\nobjective=regression\n\
         feature_names=a b\nfeature_infos=[0:1] [0:1]\ntree_sizes={}\n\n{tree}end of trees\n\nfeature_importances:\na=1\n\n\
         parameters:\nend of parameters\n\npandas_categorical:null\n",
        tree.len()
    )
}

/// The files of a model directory, in the order in which MLflow copies them.
pub(crate) fn files(value: f64) -> Vec<(&'static str, Vec<u8>)> {
    let model = lightgbm(value);
    let example = r#"{"columns": ["a", "b"], "data": [[0.0, 1.0]]}"#;
    let size = model.len() + example.len() + BODY.len();
    let mlmodel = format!(
        "artifact_path: model\nflavors:\n  lightgbm:\n    data: model.lgb\n    lgb_version: 4.7.0\n    model_class: \
         lightgbm.basic.Booster\n  python_function:\n    data: model.lgb\n    loader_module: mlflow.lightgbm\n\
         mlflow_version: 3.17.2\nmodel_size_bytes: {size}\nsaved_input_example_info:\n  artifact_path: \
         input_example.json\n  pandas_orient: split\n  serving_input_path: serving_input_example.json\n  type: dataframe\n\
         signature:\n  inputs: '[{{\"type\": \"double\", \"name\": \"a\", \"required\": true}}, {{\"type\": \"double\", \
         \"name\": \"b\", \"required\": true}}]'\n  outputs: '[{{\"type\": \"tensor\", \"tensor-spec\": {{\"dtype\": \
         \"float64\", \"shape\": [-1]}}}}]'\n  params: null\n"
    );
    vec![
        ("requirements.txt", b"mlflow==3.17.2\nlightgbm==4.7.0\n".to_vec()),
        ("MLmodel", mlmodel.into_bytes()),
        ("python_env.yaml", b"python: 3.11.2\n".to_vec()),
        ("model.lgb", model.into_bytes()),
        ("serving_input_example.json", BODY.into()),
        ("conda.yaml", b"channels:\n- conda-forge\n".to_vec()),
        ("input_example.json", example.into()),
    ]
}

/// Writes a file in place, in three calls.
fn write(path: PathBuf, bytes: &[u8], steps: &mut Vec<Step>) {
    steps.push(Step::Open(path.clone()));
    steps.push(Step::Fill(path.clone(), bytes[..bytes.len() / 2].to_vec()));
    steps.push(Step::Fill(path, bytes.to_vec()));
}

/// Copies a model directory in place.
fn artifacts(dir: &Path, value: f64, steps: &mut Vec<Step>) {
    steps.push(Step::Folder(dir.to_owned()));
    for (name, bytes) in files(value) {
        write(dir.join(name), &bytes, steps);
    }
}

/// An id of a logged model.
pub(crate) fn id(number: u64) -> String {
    format!("m-{number:032x}")
}

/// The layouts that a model can be logged and registered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// 3.x file store.
    Files,
    /// 1.x and 2.x file store.
    Runs,
    /// 3.x with a database beside.
    Database,
    /// 3.x server: uploads are renamed into place.
    Server,
}

impl Layout {
    pub(crate) fn has_database(self) -> bool {
        matches!(self, Self::Database | Self::Server)
    }
}

/// MLflow's tables, as far as this writes them.
const TABLES: &str = "
    CREATE TABLE registered_models (name VARCHAR(256), workspace VARCHAR(63) DEFAULT 'default');
    CREATE TABLE model_versions (name VARCHAR(256), version INTEGER, current_stage VARCHAR(20), source VARCHAR(500),
        run_id VARCHAR(32), status VARCHAR(20), storage_location VARCHAR(500), workspace VARCHAR(63) DEFAULT 'default');
    CREATE TABLE registered_model_aliases (alias VARCHAR(256), version INTEGER, name VARCHAR(256),
        workspace VARCHAR(63) DEFAULT 'default', PRIMARY KEY (workspace, name, alias));
    CREATE TABLE logged_models (model_id VARCHAR(36), experiment_id INTEGER, name VARCHAR(500),
        artifact_location VARCHAR(1000), status INTEGER, lifecycle_stage VARCHAR(32), source_run_id VARCHAR(32));
    CREATE TABLE runs (run_uuid VARCHAR(32), lifecycle_stage VARCHAR(20), artifact_uri VARCHAR(200));
    CREATE TABLE experiments (experiment_id INTEGER, lifecycle_stage VARCHAR(32));
    INSERT INTO experiments VALUES (1, 'active');
";

/// Where a tree is, and how it is laid out.
pub(crate) struct Store {
    pub(crate) layout: Layout,
    pub(crate) root: PathBuf,
}

impl Store {
    /// A store over `root`; the database is made beside it.
    pub(crate) fn new(layout: Layout, root: &Path) -> Self {
        let store = Self { layout, root: root.to_owned() };
        fs::create_dir_all(root).unwrap();
        if layout.has_database() {
            Step::Sql(store.database(), TABLES.into()).run();
        }
        store
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.root.parent().unwrap().join("mlflow.db")
    }

    fn experiment(&self) -> PathBuf {
        self.root.join("1")
    }

    /// Where the artifacts of model `number` are.
    pub(crate) fn artifacts(&self, number: u64) -> PathBuf {
        match self.layout {
            Layout::Runs => self.experiment().join(format!("{number:032x}/artifacts/model")),
            _ => self.experiment().join("models").join(id(number)).join("artifacts"),
        }
    }

    /// What MLflow writes down as its place.
    fn location(&self, number: u64) -> String {
        match self.layout {
            Layout::Server => format!("mlflow-artifacts:/1/models/{}/artifacts", id(number)),
            // Of the machine that wrote it.
            Layout::Runs => format!("file:///elsewhere/mlruns/1/{number:032x}/artifacts/model"),
            _ => format!("/elsewhere/mlruns/1/models/{}/artifacts", id(number)),
        }
    }

    /// The calls by which model `number`, which answers `value`, is logged.
    pub(crate) fn log(&self, number: u64, value: f64) -> Vec<Step> {
        let mut steps = Vec::new();
        let (id, dir) = (id(number), self.artifacts(number));
        let meta = |status: u32| {
            format!(
                "artifact_location: {}\ncreation_timestamp: 1\nexperiment_id: '1'\nmodel_id: {id}\nname: model\n\
                 source_run_id: {number:032x}\nstatus: {status}\nstatus_message: null\n",
                self.location(number)
            )
        };
        let insert = |status: u32| {
            let (location, path) = (self.location(number), self.database());
            let sql = match status {
                1 => format!(
                    "INSERT INTO logged_models VALUES ('{id}', 1, 'model', '{location}', 1, 'active', '{number:032x}')"
                ),
                _ => format!("UPDATE logged_models SET status = {status} WHERE model_id = '{id}'"),
            };
            Step::Sql(path, sql)
        };
        match self.layout {
            Layout::Files => {
                let model = self.experiment().join("models").join(&id);
                steps.push(Step::Folder(model.clone()));
                write(model.join("meta.yaml"), meta(1).as_bytes(), &mut steps);
                steps.extend(["metrics", "params", "tags"].map(|name| Step::Folder(model.join(name))));
                artifacts(&dir, value, &mut steps);
                write(model.join("meta.yaml"), meta(2).as_bytes(), &mut steps);
            }
            Layout::Runs => artifacts(&dir, value, &mut steps),
            Layout::Database => {
                steps.push(insert(1));
                artifacts(&dir, value, &mut steps);
                steps.push(insert(2));
            }
            Layout::Server => {
                steps.push(insert(1));
                steps.push(Step::Folder(dir.clone()));
                for (name, bytes) in files(value) {
                    let part = dir.join(format!(".artifact.uploading.{name}"));
                    write(part, &bytes, &mut steps);
                    steps.push(Step::Rename(dir.join(name), bytes));
                }
                steps.push(insert(2));
            }
        }
        steps
    }

    /// The calls by which model `number` becomes `version` of `name`. The last is the one that makes it ready.
    pub(crate) fn register(&self, name: &str, version: u64, number: u64) -> Vec<Step> {
        let (location, run) = (self.location(number), format!("{number:032x}"));
        let source = if self.layout == Layout::Runs { location.clone() } else { format!("models:/{}", id(number)) };
        if self.layout.has_database() {
            let sql = format!(
                "INSERT INTO registered_models (name) SELECT '{name}' WHERE NOT EXISTS \
                    (SELECT 1 FROM registered_models WHERE name = '{name}'); \
                 INSERT INTO model_versions (name, version, current_stage, source, run_id, status, storage_location) \
                    VALUES ('{name}', {version}, 'None', '{source}', '{run}', 'READY', '{location}');"
            );
            return vec![Step::Sql(self.database(), sql)];
        }
        let model = self.root.join("models").join(name);
        let dir = model.join(format!("version-{version}"));
        let model_id = if self.layout == Layout::Files { format!("model_id: {}\n", id(number)) } else { String::new() };
        let meta = format!(
            "creation_timestamp: 1\ncurrent_stage: None\n{model_id}name: {name}\nrun_id: {run}\nsource: {source}\n\
             status: READY\nstorage_location: {location}\nversion: {version}\n"
        );
        let mut steps = vec![Step::Folder(model.clone())];
        steps.push(Step::Rename(model.join("meta.yaml"), format!("name: {name}\n").into_bytes()));
        steps.push(Step::Folder(dir.clone()));
        write(dir.join("meta.yaml"), meta.as_bytes(), &mut steps);
        steps
    }

    /// The calls by which an alias comes to name a version.
    pub(crate) fn alias(&self, name: &str, alias: &str, version: u64) -> Vec<Step> {
        if self.layout.has_database() {
            let sql = format!(
                "INSERT OR REPLACE INTO registered_model_aliases (alias, version, name) \
                 VALUES ('{alias}', {version}, '{name}')"
            );
            return vec![Step::Sql(self.database(), sql)];
        }
        let folder = self.root.join("models").join(name).join("aliases");
        let path = folder.join(alias);
        vec![
            Step::Folder(folder),
            Step::Open(path.clone()),
            Step::Fill(path, version.to_string().into_bytes()),
            Step::Rename(self.root.join("models").join(name).join("meta.yaml"), format!("name: {name}\n").into_bytes()),
        ]
    }
}
