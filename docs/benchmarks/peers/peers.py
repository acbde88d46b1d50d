"""The servers that compare.py measures: how each is started, asked and understood.

All serve one model, the demo model `wine` version 2 (LightGBM Booster, 300 trees, 13 features, 3 classes), on loopback.
Knows nothing of load or time.
"""

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MODEL = ROOT / "assets/mlruns/547207099028319789/models/m-c0290103855d4f5599ec8712e8e3574f/artifacts"
COLUMNS = json.loads((MODEL / "serving_input_example.json").read_text())["dataframe_split"]["columns"]
# One model, one thread a prediction: with OpenMP's default MLflow is slower for one row (predecessors' own mistake).
QUIET = {
    "OMP_NUM_THREADS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "PYTHONWARNINGS": "ignore",
}


@dataclass
class Peer:
    """One server, or one more way to ask a server that is there already (`shares`)."""

    name: str
    command: list = field(default_factory=list)
    env: dict = field(default_factory=dict)
    ready: str = "/ping"
    path: str = "/invocations"
    shares: str = ""
    body: str = "split"
    null: bool = False
    # Known to answer some rows otherwise than the model does in Python.
    differs: bool = False


def split_body(rows):
    return json.dumps({"dataframe_split": {"columns": COLUMNS, "data": rows}})


def v2_body(rows):
    cells = [cell for row in rows for cell in row]
    tensor = {"name": "x", "shape": [len(rows), len(COLUMNS)], "datatype": "FP64", "data": cells}
    return json.dumps({"inputs": [tensor]})


def bare_body(rows):
    """As MLflow 1 took it, for yummy-mlflow, which knows the first 12 characters of a column's name."""
    return json.dumps({"columns": [column[:12] for column in COLUMNS], "data": rows})


BODIES = {"split": split_body, "bare": bare_body, "v2": v2_body}


def predictions(peer, text):
    """The numbers of an answer, one list a row."""
    answer = json.loads(text)
    if peer.body == "v2":
        tensor = answer["outputs"][0]
        width = tensor["shape"][-1]
        return [tensor["data"][i : i + width] for i in range(0, len(tensor["data"]), width)]
    return answer if peer.body == "bare" else answer["predictions"]


def mlflow(name, work, port, installed, workers, standard=False):
    env = dict(QUIET)
    if standard:
        env["PYTHONPATH"] = str(installed / "standard")
    binary = installed / "mlflow/bin/mlflow"
    # The CLI starts `uvicorn` by that name.
    env["PATH"] = f"{binary.parent}:{os.environ['PATH']}"
    arguments = ["models", "serve", "-m", str(MODEL), "-h", "127.0.0.1", "-p", str(port), "--env-manager", "local"]
    return Peer(name, [str(binary), *arguments, "-w", str(workers)], env)


def mlserver(work, ports, installed):
    folder = work / "mlserver"
    for name, implementation, uri in [
        ("wine-mlflow", "mlserver_mlflow.MLflowRuntime", MODEL),
        ("wine-lightgbm", "mlserver_lightgbm.LightGBMModel", MODEL / "model.lgb"),
    ]:
        (folder / name).mkdir(parents=True, exist_ok=True)
        settings = {"name": name, "implementation": implementation, "parameters": {"uri": str(uri)}}
        if "lightgbm" in name:
            # Its reader goes by the file's ending.
            copy = folder / name / "model.bst"
            shutil.copy(uri, copy)
            settings["parameters"]["uri"] = str(copy)
        (folder / name / "model-settings.json").write_text(json.dumps(settings))
    server = {"debug": False, "host": "127.0.0.1", "parallel_workers": 0}
    server |= dict(zip(["http_port", "grpc_port", "metrics_port"], ports))
    (folder / "settings.json").write_text(json.dumps(server))
    command = [str(installed / "mlserver/bin/mlserver"), "start", str(folder)]
    env = QUIET | {"PATH": f"{installed / 'mlserver/bin'}:{os.environ['PATH']}"}
    ready = "/v2/health/ready"
    return [
        Peer("MLServer, MLflow runtime", command, env, ready),
        Peer(
            "MLServer, LightGBM runtime", path="/v2/models/wine-lightgbm/infer", shares="MLServer, MLflow runtime", body="v2"
        ),
    ]


def yummy_mlflow(work, port, installed):
    """It reads MLmodel files of MLflow 1: with an artifact path, and without what came later."""
    folder = work / "yummy-mlflow"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(MODEL / "model.lgb", folder / "model.lgb")
    (folder / "MLmodel").write_text(
        "artifact_path: model\nflavors:\n  lightgbm:\n    data: model.lgb\n    lgb_version: 3.3.3\n"
        "    model_class: lightgbm.basic.Booster\nmlflow_version: 1.30.0\nmodel_uuid: 00000000000000000000000000000000\n"
        "run_id: 00000000000000000000000000000000\nutc_time_created: '2022-11-21 00:00:00.000000'\n"
    )
    start = f"import yummy_mlflow; yummy_mlflow.serve({str(folder)!r}, '127.0.0.1', {port}, 'error')"
    python = installed / "yummy-mlflow/bin/python"
    return Peer("yummy-mlflow 0.0.9", [str(python), "-c", start], QUIET, ready="", body="bare", differs=True)


def all_peers(work, installed, target, ports):
    """Those that are installed, with the port of each."""
    mlruns = ROOT / "assets/mlruns"
    found = []
    if (installed / "mlflow/installed").exists():
        for workers in (1, 2):
            name = f"MLflow 3.17.2, {workers} worker{'s' * (workers > 1)}"
            found.append(mlflow(name, work, ports[len(found)], installed, workers))
            found.append(mlflow(f"{name}, uvicorn[standard]", work, ports[len(found)], installed, workers, True))
    if (installed / "yummy-mlflow/installed").exists():
        found.append(yummy_mlflow(work, ports[len(found)], installed))
    daemon = target / "release/yummyd"
    listen = f"127.0.0.1:{ports[len(found)]}"
    command = [str(daemon), "--mlruns", str(mlruns), "--listen", listen, "--admin-listen", "off", "--log", "warn"]
    found.append(Peer("yummyd", command, ready="/models/wine/ready", path="/models/wine/invocations"))
    for handler in ("axum", "hyper"):
        listen = f"127.0.0.1:{ports[len(found)]}"
        accept = "multi" if handler == "axum" else "deal"
        command = [str(target / "release/examples/path"), "--handler", handler, "--accept", accept, "--listen", listen]
        path = "/models/wine/invocations"
        found.append(Peer(f"null {handler} handler", command, ready="", path=path, null=True))
    placed = list(zip(found, ports))
    if (installed / "mlserver/installed").exists():
        rest = ports[len(found) :]
        server, other = mlserver(work, rest[:3], installed)
        placed[-3:-3] = [(server, rest[0]), (other, rest[0])]
    return placed
