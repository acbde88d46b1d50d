#!/usr/bin/env python3
"""Predictions a second a core at 674 rows x 13 features through a binary LightGBM model of 100 trees, JSON in and out.

    target/peers/mlflow/bin/python docs/benchmarks/batch_674.py [rounds]

Needs lightgbm and mlflow (peers/setup.sh installs them) to train and log the model, wrk, taskset and
`cargo build --release -p yummyd`. The daemon has core 0 for itself, one I/O and one compute thread; the generator has
core 1. 674 rows is what Glance's service answers at once. Prints a Markdown table; stages are the daemon's own
`server-timing` of single requests, medians of 200.
"""

import http.client
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ |= {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1"}

ROOT = Path(__file__).resolve().parents[2]
YUMMYD = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/yummyd"
ROWS, FEATURES, TREES, SECONDS = 674, 13, 100, 4
TICK = os.sysconf("SC_CLK_TCK")


def train(folder):
    """Logs the model as a user would, and gives rows to score."""
    import lightgbm
    import mlflow
    import numpy
    import pandas

    draw = numpy.random.default_rng(1)
    data = draw.normal(size=(20_000, FEATURES)).round(4)
    label = (data[:, 0] * data[:, 1] + numpy.sin(data[:, 2] * 2) + data[:, 3:6].sum(axis=1) > draw.normal(size=len(data))) * 1
    frame = pandas.DataFrame(data, columns=[f"f{number}" for number in range(FEATURES)])
    parameters = {"objective": "binary", "num_leaves": 31, "verbose": -1, "seed": 1, "num_threads": 1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(frame, label), TREES)
    mlflow.set_tracking_uri(folder.as_uri())
    signature = mlflow.models.infer_signature(frame.head(5), booster.predict(frame.head(5)))
    info = mlflow.lightgbm.log_model(booster, name="batch", signature=signature, input_example=frame.head(2))
    mlflow.register_model(info.model_uri, "batch")
    rows = frame.head(ROWS)
    return rows, booster.predict(rows).tolist()


def post(port, body, headers=()):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/invocations", body, {"content-type": "application/json"} | dict(headers))
    return connection.getresponse()


def stages(port, body):
    seen = {}
    for _ in range(200):
        answer = post(port, body, {"x-yummy-timing": "1"})
        answer.read()
        for name, dur in re.findall(r"(\w+);dur=([\d.]+)", answer.getheader("server-timing")):
            seen.setdefault(name, []).append(float(dur) * 1e3)
    return {name: statistics.median(values) for name, values in seen.items()}


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    work = Path(tempfile.mkdtemp())
    rows, expected = train(work / "mlruns")
    text = {
        "shortest": json.dumps({"dataframe_split": rows.to_dict(orient="split") | {"index": list(range(ROWS))}}),
        "17 digits": json.dumps({"dataframe_split": {"columns": list(rows), "data": (rows / 3).to_numpy().tolist()}}),
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["--listen", f"127.0.0.1:{port}", "--admin-listen", "off", "--io-threads", "1", "--compute-threads", "1"]
    daemon = subprocess.Popen(
        ["taskset", "-c", "0", YUMMYD, "--mlruns", work / "mlruns", "--log", "error", *arguments], stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                answer = post(port, text["shortest"])
                if answer.status == 200:
                    break
            except OSError:
                pass
            assert time.monotonic() < deadline, "the daemon does not answer"
            time.sleep(0.05)
        assert json.loads(answer.read())["predictions"] == expected, "not what lightgbm predicts"
        print("| digits | body KB | predictions/s a core (least..most) | CPU µs a request | decode | predict | encode |")
        print("|---|---|---|---|---|---|---|")
        for name, body in text.items():
            script = work / "post.lua"
            script.write_text(f'wrk.method="POST"\nwrk.headers["content-type"]="application/json"\nwrk.body=[==[{body}]==]\n')
            speed, cpu = [], []
            for _ in range(rounds):
                ticks = lambda: sum(map(int, Path(f"/proc/{daemon.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
                before = ticks()
                command = ["taskset", "-c", "1", "wrk", "-t1", "-c4", f"-d{SECONDS}s", "-s", script]
                out = subprocess.run([*command, f"http://127.0.0.1:{port}/invocations"], capture_output=True, text=True, check=True).stdout
                assert "Non-2xx" not in out, out
                requests = int(re.search(r"(\d+) requests in", out)[1])
                seconds = (ticks() - before) / TICK
                cpu.append(seconds / requests * 1e6)
                speed.append(requests * ROWS / seconds)
            spent = stages(port, body)
            print(
                f"| {name} | {len(body) / 1e3:.0f} | {statistics.median(speed):,.0f} ({min(speed):,.0f}..{max(speed):,.0f}) | "
                f"{statistics.median(cpu):.0f} | " + " | ".join(f"{spent[stage]:.0f} µs" for stage in ("decode", "predict", "encode")) + " |"
            )
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait()


if __name__ == "__main__":
    main()
