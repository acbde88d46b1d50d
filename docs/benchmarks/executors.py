#!/usr/bin/env python3
"""The same scenario against each executor: on the thread that read the request, on a pool, on a thread of its own.

    cargo build --release -p yummyd --example executors && docs/benchmarks/executors.py [rounds]

16 connections as fast as they can (wrk beside), bodies of 1, 100 and 1,000 rows of the demo model `wine`, rounds
interleaved. Prints the table, and writes what one-row requests on a thread of their own do that inline ones do not to
executors.diff.svg (the daemon's own /debug/flamegraph/diff.svg).
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
MODES = ["auto", "inline", "pool", "thread-per-request"]
ROWS, SECONDS, CONNECTIONS, TICK = [1, 100, 1000], 3, 16, os.sysconf("SC_CLK_TCK")


def get(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.headers, answer.read()


def cpu_seconds(pid):
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) / TICK


def bodies(address):
    _, text = get(f"http://{address}/models/wine")
    example = json.loads(json.loads(text)["models"][0]["example"])["dataframe_split"]
    for rows in ROWS:
        data = [example["data"][row % len(example["data"])] for row in range(rows)]
        script = TARGET / f"executors-{rows}.lua"
        body = json.dumps({"dataframe_split": {"columns": example["columns"], "data": data}})
        script.write_text(f'wrk.method="POST"\nwrk.headers["content-type"]="application/json"\nwrk.body=[==[{body}]==]\n')
        yield rows, script


def wrk(address, script, seconds):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", script]
    return subprocess.Popen([*command, f"http://{address}/models/wine/invocations"], stdout=subprocess.PIPE, text=True)


def measure(pid, address, script):
    before = cpu_seconds(pid)
    text, _ = wrk(address, script, SECONDS).communicate()
    requests = int(re.search(r"(\d+) requests in", text)[1])
    assert "Non-2xx" not in text, text
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    p99 = float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), (cpu_seconds(pid) - before) / requests * 1e6, p99


def capture(admin, address, script):
    """Profiles five seconds of it, and gives the capture's number."""
    load = wrk(address, script, 7)
    time.sleep(1)
    headers, _ = get(f"http://{admin}/debug/profile.folded?seconds=5")
    load.communicate()
    return headers["x-yummy-profile-id"]


def spread(values, digits):
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}..{max(values):,.{digits}f})"


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    process = subprocess.Popen([TARGET / "release/examples/executors", ROOT / "assets/mlruns"], stdout=subprocess.PIPE, text=True)
    try:
        served = {mode: (address, admin) for mode, address, admin in (process.stdout.readline().split() for _ in MODES)}
        for address, admin in served.values():
            urllib.request.urlopen(urllib.request.Request(f"http://{admin}/rescan", method="POST")).read()
        scripts = dict(bodies(served["auto"][0]))
        seen = {(rows, mode): [] for rows in ROWS for mode in MODES}
        for turn in range(rounds):
            for rows, script in scripts.items():
                for mode in MODES[turn % 4 :] + MODES[: turn % 4]:
                    seen[rows, mode].append(measure(process.pid, served[mode][0], script))
        lines = ["| rows | executor | requests/s | CPU µs a request | p99 ms |", "|---|---|---|---|---|"]
        for (rows, mode), results in seen.items():
            rps, cpu, p99 = zip(*results)
            lines.append(f"| {rows:,} | {mode} | {spread(rps, 0)} | {spread(cpu, 1)} | {spread(p99, 2)} |")
        admin = served["auto"][1]
        before, after = (capture(admin, served[mode][0], scripts[1]) for mode in ("auto", "thread-per-request"))
        _, svg = get(f"http://{admin}/debug/flamegraph/diff.svg?a={before}&b={after}")
        (HERE / "executors.diff.svg").write_bytes(svg)
        print("\n".join(lines))
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
