#!/usr/bin/env python3
"""Compares yummyd's answers with those of `mlflow.pyfunc` for CatBoost models of every class, byte for byte.

    python compare_catboost_pyfunc.py YUMMYD [--folder FOLDER] [--engine catboost=reference]

Logs models with `mlflow.catboost.log_model`, with a signature and without; sends requests of every form, well-formed ones
and ones that err, to MLflow's own `scoring_server.invocations` and to a running yummyd, and compares status and body; of
an error its status and code. Differences that docs/protocol.md lists are counted apart.
"""

import argparse
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings

os.environ.update(MLFLOW_ALLOW_FILE_STORE="true", MLFLOW_DISABLE_TELEMETRY="true", OMP_NUM_THREADS="1")
warnings.filterwarnings("ignore")

import catboost as cb
import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server

RNG = np.random.RandomState(5)
QUIET = dict(verbose=0, allow_writing_files=False, iterations=15, random_seed=1, thread_count=2)
CATS = ["city", "code"]
C, R, B, K = cb.CatBoostClassifier, cb.CatBoostRegressor, cb.CatBoost, cb.CatBoostRanker


def numbers(rows):
    return pd.DataFrame({"a": RNG.randn(rows), "b": RNG.randn(rows) * 1e3, "c": RNG.randint(0, 4, rows).astype(float)})


def mixed(rows):
    frame = numbers(rows)
    frame.insert(1, "city", RNG.choice(["oslo", "zürich", "nan", "None", "1"], rows))
    frame["code"] = RNG.randint(-2, 6, rows)
    return frame


def target(frame):
    y = frame["a"] + np.sin(frame["b"] / 500)
    return (y + (frame["city"].str.len() % 3 if "city" in frame else 0)).to_numpy()


def half(y):
    return (y > np.median(y)).astype(int)


def thirds(y):
    return np.digitize(y, np.quantile(y, [0.33, 0.66]))


def names(*of):
    return lambda y: np.array(of)[thirds(y) if len(of) == 3 else half(y)]


MODELS = {
    "binary": (C, half, {}),
    "binary_text": (C, names("non", "où"), {}),
    "binary_bool": (C, lambda y: half(y) == 1, {}),
    "binary_float": (C, names(0.5, 1.0), {}),
    "multi": (C, thirds, {}),
    "multi_text": (C, names("red", "green", "blüe"), {}),
    "multi_label": (C, lambda y: np.column_stack([half(y), half(-y * y)]), dict(loss_function="MultiLogloss")),
    "regression": (R, None, {}),
    "poisson": (R, lambda y: np.exp(y / 2).round(), dict(loss_function="Poisson")),
    "tweedie": (R, np.abs, dict(loss_function="Tweedie:variance_power=1.5")),
    "uncertainty": (R, None, dict(loss_function="RMSEWithUncertainty")),
    "multi_rmse": (R, lambda y: np.column_stack([y, -y]), dict(loss_function="MultiRMSE")),
    "multi_quantile": (R, None, dict(loss_function="MultiQuantile:alpha=0.1,0.9")),
    "base": (B, half, dict(loss_function="Logloss")),
    "base_multi": (B, thirds, dict(loss_function="MultiClass")),
    "ranker": (K, lambda y: thirds(y).astype(float), dict(loss_function="YetiRank")),
}


def log_models(only):
    """Yields name, scored frame, model URI, and whether it has a signature."""
    for (name, (kind, to_target, parameters)), rows, signed in itertools.product(MODELS.items(), (numbers, mixed), (True, False)):
        full = f"{name}_{rows.__name__}_{'signed' if signed else 'unsigned'}"
        if only not in full:
            continue
        train = rows(600)
        y = target(train)
        y = to_target(y) if to_target else y
        cats = [column for column in CATS if column in train]
        parameters = dict(QUIET, **parameters, cat_features=cats)
        groups = dict(group_id=np.repeat(np.arange(60), 10)) if kind is K else {}
        model = (kind(parameters) if kind is B else kind(**parameters)).fit(train, y, **groups)
        signature = mlflow.models.infer_signature(train, model.predict(train)) if signed else None
        with mlflow.start_run():
            # Finding out the requirements would load each model in another process.
            logged = mlflow.catboost.log_model(model, name=full, signature=signature, registered_model_name=full,
                                               pip_requirements=["catboost"])
        yield full, rows(8), logged.model_uri


def bodies(frame):
    """Content type and body of each request, by what is special about it."""
    split = lambda frame: {"dataframe_split": json.loads(frame.to_json(orient="split", double_precision=15))}
    records = lambda rows: {"dataframe_records": rows}
    rows = json.loads(frame.to_json(orient="records", double_precision=15))
    yield "split", split(frame)
    yield "records", records(rows)
    yield "one row", records(rows[:1])
    yield "permuted", split(frame[frame.columns[::-1]])
    yield "rotated", split(frame[[*frame.columns[1:], frame.columns[0]]])
    yield "extra last", split(frame.assign(extra=1.0))
    yield "extra first", split(frame.assign(extra="x")[["extra", *frame.columns]])
    for column in frame:
        yield f"without {column}", split(frame.drop(columns=column))
        yield f"renamed {column}", split(frame.rename(columns={column: "other"}))
    values = [None, float("nan"), float("inf"), 1, -7, 2**40, 2**70, 1.0, 1.5, True, False, "1", "x", "", "nan", "None", "True",
              "1.0", " 1", "-7", "日本", [1], {"a": 1}]
    for column, value in itertools.product(frame, values):
        yield f"{column}={value!r}", records([dict(rows[0], **{column: value})])
        yield f"{column}={value!r} among others", records([rows[1], dict(rows[0], **{column: value}), rows[2]])
    for column in frame:
        for value in (1, True, "z"):
            yield f"all {column}={value!r}", split(frame.assign(**{column: value}))
    yield "no rows", split(frame[:0])
    yield "no columns", {"dataframe_split": {"columns": [], "data": []}}
    yield "instances of rows", {"instances": rows}
    yield "inputs by column", {"inputs": {column: [row[column] for row in rows] for column in frame}}
    yield "instances of lists", {"instances": [list(row.values()) for row in rows]}
    yield "inputs of numbers", {"inputs": [[1, 2, 3, 4, 5][: frame.shape[1]]] * 3}
    yield "inputs of floats", {"inputs": [[1.5, 2.5, 3.5, 4.5, 5.5][: frame.shape[1]]] * 3}
    yield "inputs of text", {"inputs": [["1", "2", "3", "4", "5"][: frame.shape[1]]] * 3}
    yield "one list", {"inputs": [1, 2, 3, 4, 5][: frame.shape[1]]}
    yield "csv", frame.to_csv(index=False)
    yield "csv with gaps", frame.mask(RNG.rand(*frame.shape) < 0.2).to_csv(index=False)
    yield "no form", {"data": rows}


def expected(model, content_type, body):
    """Status and body of MLflow's server."""
    try:
        answer = scoring_server.invocations(body, content_type, model, model.metadata.get_input_schema())
        return answer.status, answer.response
    except MlflowException as error:
        return error.get_http_status_code(), error.serialize_as_json()


def posted(base, name, content_type, body):
    request = urllib.request.Request(f"{base}/models/{name}/invocations", body.encode(), {"content-type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def address(greeting):
    """Where yummyd listens, as soon as it says so."""
    for _ in range(600):
        if found := re.findall(r"on (http://127\.0\.0\.1:[0-9]+)", greeting.read_text()):
            return found[0]
        time.sleep(0.1)
    raise SystemExit("yummyd does not say where it listens")


def same(theirs, ours):
    if theirs[0] != ours[0]:
        return False
    if theirs[0] == 200:
        return theirs[1] == ours[1]
    return json.loads(theirs[1]).get("error_code") == json.loads(ours[1]).get("error_code")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("yummyd")
    parser.add_argument("--folder", help="where models are logged, else a temporary folder")
    parser.add_argument("--engine", default="catboost=native")
    parser.add_argument("--only", default="", help="a part of the models' names")
    options = parser.parse_args()
    folder = pathlib.Path(options.folder or tempfile.mkdtemp(prefix="catboost-pyfunc-")).resolve()
    mlflow.set_tracking_uri(f"file://{folder}/mlruns")
    models = list(log_models(options.only))
    command = [options.yummyd, "--mlruns", f"{folder}/mlruns", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
               "--engine", options.engine]
    greeting = folder / "yummyd.txt"
    with open(greeting, "w") as out:
        daemon = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
    try:
        base = address(greeting)
        differing, compared, kinds = 0, 0, {}
        for name, frame, uri in models:
            model = mlflow.pyfunc.load_model(uri)
            for what, body in bodies(frame):
                content_type = "text/csv" if isinstance(body, str) else "application/json"
                body = body if isinstance(body, str) else json.dumps(body)
                theirs, ours = expected(model, content_type, body), posted(base, name, content_type, body)
                compared += 1
                kinds[theirs[0]] = kinds.get(theirs[0], 0) + 1
                if not same(theirs, ours):
                    differing += 1
                    print(f"{name}: {what}\n  {theirs[0]} {theirs[1][:300]}\n  {ours[0]} {ours[1][:300]}")
        print(f"{len(models)} models, {compared} requests {kinds}, {differing} differ")
    finally:
        daemon.terminate()
        daemon.wait()
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
