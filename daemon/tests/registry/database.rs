//! MLflow's database: the registry of the real tree of a sqlite store, and of a server.

use std::{fs, path::Path};

use crate::common::{Fixture, copy, until};

const ROW: &str = r#"{"dataframe_split": {"columns": ["sl", "sw", "pl", "pw"], "data": [[5.1, 3.5, 1.4, 0.2]]}}"#;

/// The real tree and its database, in a folder of a name.
fn copied(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let layout = yummy_fixtures::mlflow().join("layouts/sqlite_3x");
    copy(&layout.join("mlruns"), &folder.path().join(name));
    fs::copy(layout.join("mlflow.db"), folder.path().join("mlflow.db")).unwrap();
    make_writable(&folder.path().join("mlflow.db"));
    folder
}

/// The fixtures are read-only, and so are copies of them.
fn make_writable(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

fn served(fixture: &Fixture, path: &str) -> String {
    let answer = fixture.post(path, ROW);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.header("x-yummy-model").unwrap().to_owned()
}

/// Everything that the registry in the database knows.
fn is_complete(fixture: &Fixture) {
    assert_eq!(served(fixture, "/models/iris-lgb/invocations"), "iris-lgb/2");
    assert_eq!(served(fixture, "/models/iris-lgb/versions/1/invocations"), "iris-lgb/1");
    assert_eq!(served(fixture, "/models/iris-lgb/aliases/champion/invocations"), "iris-lgb/2");
    assert_eq!(served(fixture, "/models/iris-lgb/aliases/old/invocations"), "iris-lgb/1");
    assert_eq!(served(fixture, "/models/iris-lgb/stages/Production/invocations"), "iris-lgb/2");
    assert_eq!(served(fixture, "/models/iris-lgb/stages/archived/invocations"), "iris-lgb/1");
    assert_eq!(served(fixture, "/endpoints/iris-lgb/invocations"), "iris-lgb/2");
    // A run knows its model by the name that it was logged under; the database says which run.
    assert_eq!(served(fixture, "/runs/32b8f88842204b57864c80637042c058/lgb_booster/invocations"), "iris-lgb/1");
    assert_eq!(served(fixture, "/models/m-02b5149e348b4a7790bc7145266ca90e/invocations"), "iris-lgb/1");
    // Version 3 was deleted; its files are those of version 1.
    assert_eq!(fixture.post("/models/iris-lgb/versions/3/invocations", ROW).status, 404);
    assert_eq!(fixture.get("/models/iris-lgb/aliases/champion").json()["version"], 2);
    assert_eq!(fixture.get("/models/iris-lgb/stages/Production").json()["stage"], "Production");
    // What is registered is not listed once more by its id.
    let models = fixture.get("/models").json()["models"].clone();
    let ids: Vec<_> =
        models.as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.iter().filter(|name| *name == "iris-lgb").count(), 2, "{ids:?}");
    assert!(!ids.contains(&"m-02b5149e348b4a7790bc7145266ca90e".to_owned()), "{ids:?}");
}

#[test]
fn the_registry_beside_mlruns_is_found_and_not_touched() {
    let folder = copied("mlruns");
    let database = folder.path().join("mlflow.db");
    let before = (fs::read(&database).unwrap(), fs::metadata(&database).unwrap().modified().unwrap());
    let fixture = Fixture::over(&folder.path().join("mlruns"));
    is_complete(&fixture);
    drop(fixture);
    assert_eq!(before, (fs::read(&database).unwrap(), fs::metadata(&database).unwrap().modified().unwrap()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing was made beside it");
}

#[test]
fn the_registry_may_be_elsewhere_and_be_named_by_its_uri() {
    let folder = copied("mlruns");
    let aside = folder.path().join("elsewhere");
    fs::create_dir(&aside).unwrap();
    fs::rename(folder.path().join("mlflow.db"), aside.join("my store.db")).unwrap();
    let fixture = Fixture::empty_with(|settings| {
        settings.mlruns = Some(folder.path().join("mlruns"));
        settings.backend_store = Some(format!("sqlite:///{}", aside.join("my store.db").display()));
    });
    is_complete(&fixture);
}

#[test]
fn a_server_keeps_its_artifacts_in_another_directory() {
    let folder = copied("mlartifacts");
    let database = rusqlite::Connection::open(folder.path().join("mlflow.db")).unwrap();
    // What `mlflow server` writes: the proxied location in place of a path.
    let location: String = database.query_row("SELECT artifact_uri FROM runs LIMIT 1", [], |row| row.get(0)).unwrap();
    let (root, _) = location.split_once("/mlruns/").unwrap();
    let prefix = format!("{root}/mlruns/");
    for (table, column) in
        [("logged_models", "artifact_location"), ("model_versions", "storage_location"), ("runs", "artifact_uri")]
    {
        let sql = format!("UPDATE {table} SET {column} = replace({column}, '{prefix}', 'mlflow-artifacts:/')");
        assert!(database.execute(&sql, []).unwrap() > 0);
    }
    drop(database);
    is_complete(&Fixture::over(&folder.path().join("mlartifacts")));
}

#[test]
fn changes_are_served_live() {
    let folder = copied("mlruns");
    let fixture = Fixture::over(&folder.path().join("mlruns"));
    let write = |sql: &str| {
        let database = rusqlite::Connection::open(folder.path().join("mlflow.db")).unwrap();
        database.execute_batch(sql).unwrap();
    };
    write("UPDATE registered_model_aliases SET version = 1 WHERE alias = 'champion'");
    let champion = "/models/iris-lgb/aliases/champion/invocations";
    until("the alias has moved", || served(&fixture, champion) == "iris-lgb/1");
    write(
        "UPDATE model_versions SET current_stage = 'Deleted_Internal', source = 'REDACTED-SOURCE-PATH' WHERE version = 2",
    );
    until("version 2 is gone", || served(&fixture, "/models/iris-lgb/invocations") == "iris-lgb/1");
    write("UPDATE logged_models SET lifecycle_stage = 'deleted' WHERE model_id = 'm-e481e2097cd84b40bf0ec2210643bba3'");
    let deleted = "/models/m-e481e2097cd84b40bf0ec2210643bba3/invocations";
    until("the logged model is gone", || fixture.post(deleted, ROW).status == 404);
    write(
        "DELETE FROM registered_model_aliases; DELETE FROM model_version_tags; DELETE FROM model_versions; \
         DELETE FROM registered_model_tags; DELETE FROM registered_models",
    );
    until("the model is gone", || fixture.get("/models/iris-lgb").status == 404);
    assert_eq!(fixture.get("/models/m-02b5149e348b4a7790bc7145266ca90e/ready").status, 200, "by its id it goes on");
}

#[test]
fn without_a_database_the_artifacts_are_served_by_id() {
    let folder = copied("mlruns");
    let fixture = Fixture::empty_with(|settings| {
        settings.mlruns = Some(folder.path().join("mlruns"));
        settings.backend_store = Some("off".into());
    });
    assert_eq!(fixture.get("/models/iris-lgb").status, 404);
    assert_eq!(fixture.get("/models/m-02b5149e348b4a7790bc7145266ca90e/ready").status, 200);
}
