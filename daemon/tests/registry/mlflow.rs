//! MLflow itself logs and registers while the daemon runs: as a file store, and with a database. Needs a Python with MLflow
//! and LightGBM: `YUMMY_MLFLOW_PYTHON` names it (`make check-registry-mlflow` makes one); without it this is skipped.

use std::{path::Path, process::Command};

use crate::common::{Fixture, until};

/// Logs a booster that answers (about) `sys.argv[3]`, registers it as `wine`, and moves the alias `champion` to it.
/// Prints its version and its own prediction.
const SCRIPT: &str = r#"
import sys, numpy as np, lightgbm as lgb, mlflow
from mlflow import MlflowClient
uri, action, target = sys.argv[1], sys.argv[2], float(sys.argv[3])
mlflow.set_tracking_uri(uri)
client = MlflowClient()
if action == "log":
    mlflow.set_experiment("live")
    x = np.random.default_rng(7).normal(size=(200, 2))
    booster = lgb.train({"objective": "regression", "verbose": -1, "num_leaves": 4},
                        lgb.Dataset(x, target + x[:, 0]), num_boost_round=5)
    row = np.array([[0.5, -0.5]])
    with mlflow.start_run():
        info = mlflow.lightgbm.log_model(booster, name="model", registered_model_name="wine", input_example=x[:2])
    version = info.registered_model_version
    client.set_registered_model_alias("wine", "champion", version)
    print("RESULT", version, repr(float(booster.predict(row)[0])))
elif action == "alias":
    client.set_registered_model_alias("wine", "champion", int(target))
elif action == "delete":
    client.delete_model_version("wine", str(int(target)))
elif action == "drop":
    client.delete_registered_model("wine")
"#;

const ROW: &str = r#"{"inputs": [[0.5, -0.5]]}"#;

/// What MLflow printed: version and prediction.
fn mlflow(python: &str, folder: &Path, uri: &str, action: &str, target: f64) -> Option<(u64, f64)> {
    let output = Command::new(python)
        .args(["-c", SCRIPT, uri, action, &target.to_string()])
        .current_dir(folder)
        .env("MLFLOW_ALLOW_FILE_STORE", "true")
        .env("MLFLOW_DISABLE_TELEMETRY", "true")
        .env("GIT_PYTHON_REFRESH", "quiet")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let line = text.lines().find_map(|line| line.strip_prefix("RESULT "))?;
    let (version, value) = line.split_once(' ').unwrap();
    Some((version.parse().unwrap(), value.parse().unwrap()))
}

fn live(uri: impl Fn(&Path) -> String) {
    let Ok(python) = std::env::var("YUMMY_MLFLOW_PYTHON") else {
        return println!("skipped: YUMMY_MLFLOW_PYTHON names no Python with MLflow (make check-registry-mlflow)");
    };
    let fixture = Fixture::empty();
    let uri = uri(fixture.folder.path());
    let run = |action: &str, target: f64| mlflow(&python, fixture.folder.path(), &uri, action, target);
    let answers = |path: &str, version: u64, value: f64| {
        let answer = fixture.post(path, ROW);
        answer.status == 200
            && answer.header("x-yummy-model") == Some(format!("wine/{version}").as_str())
            && answer.json()["predictions"][0].as_f64() == Some(value)
    };
    let (newest, champion) = ("/models/wine/invocations", "/models/wine/aliases/champion/invocations");
    let (first, one) = run("log", 10.0).unwrap();
    until("the first version answers as LightGBM did", || answers(newest, first, one));
    let (second, two) = run("log", 20.0).unwrap();
    until("the second version answers as LightGBM did", || answers(newest, second, two));
    until("the alias names it", || answers(champion, second, two));
    run("alias", first as f64);
    until("the alias is back", || answers(champion, first, one));
    run("delete", second as f64);
    until("the deleted version is gone", || answers(newest, first, one));
    run("drop", 0.0);
    until("the model is gone", || fixture.get("/models/wine").status == 404);
}

#[test]
fn a_file_store() {
    live(|folder| folder.join("mlruns").display().to_string());
}

#[test]
fn a_database() {
    live(|folder| format!("sqlite:///{}", folder.join("mlflow.db").display()));
}
