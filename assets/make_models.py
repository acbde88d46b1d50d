#!/usr/bin/env python3
"""Trains the demo models and logs them with the real MLflow, as a user would.

    python -m venv .venv && .venv/bin/pip install -r assets/requirements.txt
    .venv/bin/python assets/make_models.py

Writes, beside this file:
    mlruns/       four registered models in the file-store layout; `wine` has two versions and the alias `champion`
    next/         version 3 of `wine`, kept aside: copying it into mlruns shows a reload
    golden.jsonl  requests and the real scoring server's answers, one a line: what the daemon's tests expect

Seeds, ids and threads are fixed, so that a second run gives the same models under the same ids; only timestamps (and
those inside model.cb) differ. MLflow writes absolute paths into meta.yaml; the daemon resolves them against the tree.
"""

import json
import logging
import os
import random
import shutil
import tempfile
import uuid
import warnings
from pathlib import Path

os.environ.update(
    MLFLOW_ALLOW_FILE_STORE="true",
    MLFLOW_DISABLE_TELEMETRY="true",
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT="true",
    MLFLOW_UV_AUTO_DETECT="false",
    OMP_NUM_THREADS="1",
    LOGNAME="yummy",
)
warnings.filterwarnings("ignore")
IDS = random.Random(20261121)
uuid.uuid4 = lambda: uuid.UUID(int=IDS.getrandbits(128), version=4)

import catboost
import lightgbm
import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from mlflow.pyfunc import scoring_server
from sklearn import datasets
from starlette.testclient import TestClient

logging.getLogger("mlflow").setLevel(logging.ERROR)
HERE = Path(__file__).resolve().parent


def frame(bunch):
    """The data set as a DataFrame of float columns."""
    return pd.DataFrame(bunch.data, columns=list(bunch.feature_names))


def wine(rounds, learning_rate):
    data = datasets.load_wine()
    params = dict(
        objective="multiclass", num_class=3, num_leaves=31, min_data_in_leaf=10, learning_rate=learning_rate,
        num_threads=1, deterministic=True, seed=7, verbose=-1,
    )
    rows = frame(data)
    return lightgbm.train(params, lightgbm.Dataset(rows, data.target), rounds), rows


def diabetes():
    data = datasets.load_diabetes()
    params = dict(
        objective="regression", num_leaves=15, learning_rate=0.05, num_threads=1, deterministic=True, seed=7, verbose=-1
    )
    rows = frame(data)
    return lightgbm.train(params, lightgbm.Dataset(rows, data.target), 100), rows


def cancer():
    data = datasets.load_breast_cancer()
    labels = np.where(data.target == 0, "malignant", "benign")
    rows = frame(data)
    model = catboost.CatBoostClassifier(iterations=100, depth=4, thread_count=1, random_seed=7, verbose=False)
    return model.fit(rows, labels), rows


def churn():
    """Made up: whether a customer leaves, from a plan, a region and three numbers."""
    rng = np.random.RandomState(7)
    n = 2000
    rows = pd.DataFrame(
        dict(
            plan=rng.choice(["free", "basic", "pro", "team"], n, p=[0.4, 0.3, 0.2, 0.1]),
            region=rng.choice(["north", "south", "east", "west", "öst", "東"], n),
            months=rng.randint(1, 60, n).astype(float),
            tickets=rng.poisson(1.5, n).astype(float),
            spend=np.round(rng.gamma(2.0, 40.0, n), 2),
        )
    )
    score = (
        1.2 * (rows.plan == "free") - 1.0 * (rows.plan == "team") + 0.5 * (rows.region == "west")
        - 0.05 * rows.months + 0.4 * rows.tickets - 0.004 * rows.spend + rng.randn(n)
    )
    labels = np.where(score > 0, "leaves", "stays")
    model = catboost.CatBoostClassifier(iterations=80, depth=4, thread_count=1, random_seed=7, verbose=False)
    return model.fit(rows, labels, cat_features=["plan", "region"]), rows


def log(name, flavor, model, rows):
    """Logs within a run and registers, as `mlflow.<flavor>.log_model(..., registered_model_name=...)` does."""
    with mlflow.start_run(run_name=name):
        mlflow.log_param("rows", len(rows))
        info = flavor.log_model(
            model,
            name=name,
            input_example=rows.head(2),
            signature=infer_signature(rows, np.asarray(model.predict(rows.head(5)))),
            registered_model_name=name,
            pip_requirements=[],
        )
        return info.model_id


def golden(name, version, rows, out):
    """Asks the real scoring server, over its own HTTP application, and writes what it answers."""
    model = mlflow.pyfunc.load_model(f"models:/{name}/{version}")
    client = TestClient(scoring_server.init(model))
    rng = np.random.RandomState(11)
    sample = rows.iloc[rng.choice(len(rows), 20, replace=False)]
    noisy = sample.copy()
    for column in noisy.columns:
        if noisy[column].dtype.kind == "f":
            noisy[column] = noisy[column] * rng.uniform(0.5, 1.5, len(noisy))
    split = lambda part: dict(columns=list(part.columns), data=part.to_numpy(object).tolist())
    bodies = [
        dict(dataframe_split=split(sample.head(1))),
        dict(dataframe_split=split(sample)),
        dict(dataframe_split=split(noisy[list(reversed(noisy.columns))])),
        dict(dataframe_records=noisy.head(5).to_dict(orient="records")),
        dict(inputs={column: noisy[column].head(5).tolist() for column in noisy.columns}),
        dict(dataframe_split=split(sample.iloc[:1, 1:])),
        dict(instances=sample.head(2).to_numpy(object).tolist()),
    ]
    for body in bodies:
        body = json.dumps(body)
        reply = client.post("/invocations", content=body, headers={"content-type": "application/json"})
        line = dict(model=name, version=version, body=body, status=reply.status_code, answer=reply.text)
        if reply.status_code != 200:  # messages embed pandas' print of the input; the codes are what counts
            line["answer"] = {k: v for k, v in reply.json().items() if k in ("error_code", "sqlstate", "error_class")}
        out.write(json.dumps(line) + "\n")


def main():
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        mlflow.set_tracking_uri("./mlruns")
        mlflow.set_experiment("demo")
        first, rows = wine(40, 0.1)
        second, _ = wine(100, 0.1)
        third, _ = wine(90, 0.05)
        log("wine", mlflow.lightgbm, first, rows)
        log("wine", mlflow.lightgbm, second, rows)
        log("diabetes", mlflow.lightgbm, *diabetes())
        log("cancer", mlflow.catboost, *cancer())
        log("churn", mlflow.catboost, *churn())
        client = mlflow.MlflowClient()
        client.set_registered_model_alias("wine", "champion", 1)
        aside = log("wine", mlflow.lightgbm, third, rows)
        with open("golden.jsonl", "w") as out:
            for name, versions, data in [
                ("wine", (1, 2, 3), rows), ("diabetes", (1,), diabetes()[1]), ("cancer", (1,), cancer()[1]),
                ("churn", (1,), churn()[1]),
            ]:
                for version in versions:
                    golden(name, version, data, out)
        keep_aside(Path("mlruns"), Path("next"), aside)
        for made in ("mlruns", "next"):
            shutil.rmtree(HERE / made, ignore_errors=True)
            shutil.copytree(made, HERE / made)
        shutil.copy("golden.jsonl", HERE / "golden.jsonl")
        os.chdir(HERE)


def keep_aside(tree, aside, model_id):
    """Moves version 3 of `wine` out of the tree, with the paths that it has within."""
    for path in [next(tree.glob(f"*/models/{model_id}")), tree / "models" / "wine" / "version-3"]:
        target = aside / path.relative_to(tree)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(str(path), str(target))
    # The location of each run and model names the folder that this script worked in. It means nothing elsewhere.
    for meta in [*tree.rglob("meta.yaml"), *aside.rglob("meta.yaml"), *tree.rglob("MLmodel"), *aside.rglob("MLmodel")]:
        text = meta.read_text()
        meta.write_text(text.replace(os.getcwd(), "/tmp/yummy-demo"))


if __name__ == "__main__":
    main()
