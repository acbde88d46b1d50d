//! Every layout that MLflow writes, as its real trees hold it: file stores of 3.x and 2.x, the artifacts of a sqlite
//! store, the runs of 1.x, and a directory that is itself a model.

use std::path::Path;

use crate::{
    common::{Fixture, copy, until},
    store::{Layout, Store, files, run},
};
use yummy_api::catalog::{ModelInfo, ModelState};

/// What is found in a copy of `tree`, wherever it lies.
fn found(tree: &Path) -> (Fixture, Vec<ModelInfo>) {
    let fixture = Fixture::empty();
    copy(tree, fixture.root());
    fixture.admin_call("POST", "/rescan", &[], b"");
    // Without a size in MLmodel (1.x), the copy must have settled first.
    let decided = |info: &ModelInfo| !matches!(info.state, ModelState::Incomplete | ModelState::Loading);
    until("everything is decided", || models(&fixture).iter().all(decided));
    let models = models(&fixture);
    (fixture, models)
}

fn models(fixture: &Fixture) -> Vec<ModelInfo> {
    serde_json::from_value(fixture.get("/models").json()["models"].clone()).unwrap()
}

fn ready(models: &[ModelInfo]) -> Vec<String> {
    let ready = models.iter().filter(|info| info.state == ModelState::Ready);
    ready
        .map(|info| info.version.map_or_else(|| info.name.clone(), |version| format!("{}/{version}", info.name)))
        .collect()
}

fn layout(name: &str) -> std::path::PathBuf {
    yummy_fixtures::mlflow().join("layouts").join(name).join("mlruns")
}

#[test]
fn the_catalog_names_the_files_of_a_version_and_where_its_live_numbers_are() {
    let fixture = Fixture::empty();
    let store = Store::new(Layout::Files, fixture.root());
    run(&store.log(1, 1.0));
    run(&store.register("wine & more", 1, 1));
    let info = || fixture.get("/models/wine%20%26%20more/versions/1").json();
    until("it is ready", || info()["state"] == "ready");
    let info = info();
    let mut expected: Vec<_> =
        files(1.0).into_iter().map(|(name, bytes)| (name.to_owned(), bytes.len() as u64)).collect();
    expected.sort();
    let named: Vec<_> = info["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (file["name"].as_str().unwrap().to_owned(), file["bytes"].as_u64().unwrap()))
        .collect();
    assert_eq!(named, expected);
    assert_eq!(info["size_bytes"].as_u64().unwrap(), expected.iter().map(|(_, bytes)| bytes).sum::<u64>());
    let stats = fixture.get(info["stats"].as_str().unwrap()).json();
    assert_eq!(stats["models"][0]["name"], "wine & more");
}

#[test]
fn a_file_store_of_3_x() {
    let (_fixture, models) = found(&layout("file_store_3x"));
    let ready = ready(&models);
    assert_eq!(
        ready.iter().filter(|name| name.starts_with("iris-lgb/")).collect::<Vec<_>>(),
        ["iris-lgb/2", "iris-lgb/1"]
    );
    assert_eq!(ready.iter().filter(|name| name.starts_with("m-")).count(), 6, "{ready:?}");
    assert!(models.iter().all(|info| matches!(info.state, ModelState::Ready | ModelState::Unsupported)), "{models:#?}");
}

#[test]
fn a_file_store_of_2_x_keeps_models_among_the_artifacts_of_runs() {
    let (_fixture, models) = found(&layout("file_store_2x"));
    let ready = ready(&models);
    assert_eq!(ready[..2], ["iris-lgb/2", "iris-lgb/1"]);
    assert_eq!(ready.iter().filter(|name| name.starts_with("runs:/")).count(), 4, "{ready:?}");
    let archived = models.iter().find(|info| info.version == Some(1)).unwrap();
    assert_eq!(archived.stage.as_deref(), Some("Archived"));
}

#[test]
fn the_artifacts_of_a_sqlite_store() {
    let (_fixture, models) = found(&layout("sqlite_3x"));
    assert_eq!(ready(&models).len(), 9);
    assert!(models.iter().all(|info| info.model_id.is_some()));
}

#[test]
fn the_runs_of_1_x() {
    let (_fixture, models) = found(&yummy_fixtures::mlflow().join("legacy_1x/mlruns"));
    let ready = ready(&models);
    assert_eq!(ready.len(), 3, "{models:#?}");
    assert!(ready[0].starts_with("runs:/") && ready[0].ends_with("/cb_iris"), "{ready:?}");
}

#[test]
fn a_directory_that_is_itself_a_model_is_the_default() {
    let tree = layout("file_store_2x");
    let experiment = std::fs::read_dir(&tree).unwrap().flatten().map(|entry| entry.path());
    let runs = experiment.flat_map(|experiment| std::fs::read_dir(experiment).unwrap().flatten().map(|run| run.path()));
    let model =
        runs.map(|run| run.join("artifacts/lgb_booster")).find(|model| model.join("MLmodel").is_file()).unwrap();
    let (fixture, models) = found(&model);
    assert_eq!(ready(&models).len(), 1);
    let body = r#"{"dataframe_split": {"columns": ["sl", "sw", "pl", "pw"], "data": [[5.1, 3.5, 1.4, 0.2]]}}"#;
    let answer = fixture.post("/invocations", body);
    assert_eq!(answer.status, 200, "{}", answer.text());
}
