#!/usr/bin/env python3
"""Ways from socket to answer, side by side: requests a second, CPU a request and memory for one row.

    cargo build --release -p yummyd --bins --example path
    docs/benchmarks/path.py accept 5        # who accepts, on which runtime
    docs/benchmarks/path.py write 5         # one write or two pieces, with and without Nagle's delay
    docs/benchmarks/path.py ceiling 5       # what a handler that does nothing costs
    docs/benchmarks/path.py allocator 5     # needs target/release/yummyd-measure: a build with --features measure

All servers of a comparison are up at once; each round measures every one for 3 s (wrk, 1 thread, 16 connections or as many
as CONNECTIONS says, one row of the demo model `wine`), in an order that turns from round to round. Prints a Markdown table of medians with least and
most; ratios are those of the same round to the first line.
"""

import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
MLRUNS = ROOT / "assets/mlruns"
SECONDS, TICK, PAGE = 3, os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
CONNECTIONS = os.environ.get("CONNECTIONS", "16")


def path(*arguments):
    return [TARGET / "examples/path", "--mlruns", MLRUNS, "--listen", "ADDRESS", *arguments]


def yummyd(name):
    return [TARGET / name, "--mlruns", MLRUNS, "--admin-listen", "off", "--log", "warn", "--listen", "ADDRESS"]


COMPARISONS = {
    "accept": {
        "accept and deal to a runtime per core": path("--handler", "score"),
        "SO_REUSEPORT, a runtime per core": path("--handler", "score", "--accept", "reuseport"),
        "one runtime with a thread per core": path("--handler", "score", "--accept", "multi"),
    },
    "write": {
        "one write": path("--handler", "score"),
        "head and body as two pieces (writev)": path("--handler", "score", "--vectored"),
        "one write, without TCP_NODELAY": path("--handler", "score", "--nagle"),
    },
    "ceiling": {
        "yummyd": yummyd("yummyd"),
        "null hyper handler, accept and deal": path("--handler", "hyper"),
        "null axum handler, accept and deal": path("--handler", "axum"),
        "null axum handler, one runtime with a thread per core": path("--handler", "axum", "--accept", "multi"),
    },
    "allocator": {
        "system (glibc)": ["env", "YUMMY_ALLOCATOR=system", *yummyd("yummyd-measure")],
        "mimalloc": ["env", "YUMMY_ALLOCATOR=mimalloc", *yummyd("yummyd-measure")],
        "jemalloc": ["env", "YUMMY_ALLOCATOR=jemalloc", *yummyd("yummyd-measure")],
    },
}


def start(command):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen([address if part == "ADDRESS" else part for part in command], stdout=subprocess.DEVNULL)
    return process, f"http://{address}/models/wine/invocations"


def script():
    example = next(MLRUNS.glob("*/models/m-c0290103855d4f5599ec8712e8e3574f/artifacts/serving_input_example.json"))
    body = json.loads(example.read_text())
    body["dataframe_split"]["data"] = body["dataframe_split"]["data"][:1]
    body = json.dumps(body)
    file = TARGET / "path.lua"
    file.write_text(f'wrk.method="POST"\nwrk.headers["content-type"]="application/json"\nwrk.body=[==[{body}]==]\n')
    return file, body.encode()


def wait(url, body):
    for _ in range(200):
        try:
            request = urllib.request.Request(url, body, {"content-type": "application/json"})
            urllib.request.urlopen(request).read()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{url} does not answer")


def cpu_seconds(pid):
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) / TICK


def measure(pid, url, file):
    before = cpu_seconds(pid)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-s", file, url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in text, text
    requests = int(re.search(r"(\d+) requests in", text)[1])
    cpu = (cpu_seconds(pid) - before) / requests * 1e6
    rss = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    p99 = float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), cpu, rss, p99


def spread(values, digits):
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}..{max(values):,.{digits}f})"


def main():
    variants, rounds = COMPARISONS[sys.argv[1]], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    file, body = script()
    servers = {name: start(command) for name, command in variants.items()}
    try:
        for process, url in servers.values():
            wait(url, body)
        seen = {name: [] for name in servers}
        names = list(servers)
        for turn in range(rounds):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                process, url = servers[name]
                seen[name].append(measure(process.pid, url, file))
    finally:
        for process, _ in servers.values():
            process.kill()
            process.wait()
    first = seen[names[0]]
    print("| | CPU µs a request | ratio | requests/s | ratio | p99 ms | RSS MB |\n|---|---|---|---|---|---|---|")
    for name, results in seen.items():
        rps, cpu, rss, p99 = zip(*results)
        ratio = lambda which: [mine[which] / base[which] for mine, base in zip(results, first)]
        print(
            f"| {name} | {spread(cpu, 1)} | {spread(ratio(1), 2)} | {spread(rps, 0)} | {spread(ratio(0), 2)} "
            f"| {spread(p99, 2)} | {max(rss):.1f} |"
        )


if __name__ == "__main__":
    main()
