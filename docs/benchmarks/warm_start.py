#!/usr/bin/env python3
"""Time from exec until the daemon answers, and memory, for 1, 10 and 100 models.

    cargo build --release -p yummyd && docs/benchmarks/warm_start.py [rounds]

The models are copies of the demo model `wine` version 2 (LightGBM, 300 trees, 13 features, 3 classes, 0.5 MB on disk),
each registered under a name of its own, so that a directory looks as MLflow writes it. Files are in the page cache, as
after any copy. Prints a Markdown table of medians with the least and the most.
"""

import http.client
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "assets/mlruns"
EXPERIMENT, MODEL = "547207099028319789", "m-c0290103855d4f5599ec8712e8e3574f"
YUMMYD = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/yummyd"


def copies(folder, count):
    """Registers `count` copies of the model in `folder`."""
    experiment = folder / EXPERIMENT
    experiment.mkdir()
    shutil.copy(DEMO / EXPERIMENT / "meta.yaml", experiment / "meta.yaml")
    for number in range(count):
        identity, name = f"m-{number:032x}", f"wine-{number}"
        model = experiment / "models" / identity
        shutil.copytree(DEMO / EXPERIMENT / "models" / MODEL, model)
        version = folder / "models" / name / "version-2"
        version.mkdir(parents=True)
        shutil.copy(DEMO / "models/wine/meta.yaml", version.parent / "meta.yaml")
        shutil.copy(DEMO / "models/wine/version-2/meta.yaml", version / "meta.yaml")
        for path in [model / "meta.yaml", model / "artifacts/MLmodel", version.parent / "meta.yaml", version / "meta.yaml"]:
            text = path.read_text().replace(MODEL, identity).replace("name: wine", f"name: {name}")
            path.write_text(text.replace("aliases:\n  champion: '1'\n", ""))


def status(port, path):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None


def start(folder, count):
    """Milliseconds until `/ping` answers and until the last model is ready, and MB then."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [YUMMYD, "--mlruns", folder, "--listen", f"127.0.0.1:{port}", "--admin-listen", "off", "--log", "error"]
    begin = time.perf_counter()
    daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while status(port, "/ping") != 200:
            time.sleep(0.0002)
        alive = time.perf_counter() - begin
        for number in range(count):
            while status(port, f"/models/wine-{number}/ready") != 200:
                time.sleep(0.001)
        ready = time.perf_counter() - begin
        pages = int(Path(f"/proc/{daemon.pid}/statm").read_text().split()[1])
        return alive * 1e3, ready * 1e3, pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait()


def spread(values):
    return f"{statistics.median(values):.1f} ({min(values):.1f}..{max(values):.1f})"


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print("| models | exec to /ping, ms | exec to all ready, ms | RSS MB |\n|---|---|---|---|")
    for count in (1, 10, 100):
        with tempfile.TemporaryDirectory() as folder:
            copies(Path(folder), count)
            results = [start(folder, count) for _ in range(rounds)]
        print(f"| {count} | " + " | ".join(map(spread, zip(*results))) + " |", flush=True)


if __name__ == "__main__":
    main()
