#!/usr/bin/env python3
"""The flame graph of the one-row path under full load, and the list of what takes more than 3 % of it.

    cargo build --release -p yummyd && docs/benchmarks/one_row_flamegraph.py

wrk (1 thread, 16 connections) as fast as it can, the daemon's own profiler for 10 s. Writes one_row.svg beside this file and
prints a Markdown table of frames: share of samples with the frame on the stack, and with it on top. The profiler reads
user stacks: time in the kernel is the system call's that asked for it (`writev` or `send`, `recv`, `epoll_wait`).
"""

import collections
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
HERE = Path(__file__).parent
SECONDS, LEAST = 10, 0.03


def get(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.headers, answer.read().decode()


def main():
    arguments = ["--mlruns", ROOT / "assets/mlruns", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log", "warn"]
    daemon = subprocess.Popen([TARGET / "yummyd", *arguments], stdout=subprocess.PIPE, text=True)
    try:
        addresses = []
        while len(addresses) < 2:
            line = daemon.stdout.readline() or sys.exit("the daemon ended")
            addresses += re.findall(r"(?:serves .* on|live numbers) http://([\d.:]+)", line)
        address, admin = addresses
        _, models = get(f"http://{address}/models/wine")
        body = json.loads(json.loads(models)["models"][0]["example"])
        body["dataframe_split"]["data"] = body["dataframe_split"]["data"][:1]
        script = TARGET / "one_row.lua"
        script.write_text(f'wrk.method="POST"\nwrk.headers["content-type"]="application/json"\nwrk.body=[==[{json.dumps(body)}]==]\n')
        url = f"http://{address}/models/wine/invocations"
        load = subprocess.Popen(["wrk", "-t1", "-c16", f"-d{SECONDS + 3}s", "-s", script, url], stdout=subprocess.PIPE, text=True)
        time.sleep(1)
        headers, svg = get(f"http://{admin}/debug/flamegraph.svg?seconds={SECONDS}")
        (HERE / "one_row.svg").write_text(svg)
        _, folded = get(f"http://{admin}/debug/profile.folded?id={headers['x-yummy-profile-id']}")
        print(re.search(r"Requests/sec:.*", load.communicate()[0])[0])
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait()
    table(folded)


def table(folded):
    on_stack, on_top = collections.Counter(), collections.Counter()
    for line in folded.splitlines():
        stack, count = line.rsplit(" ", 1)
        frames = stack.split(";")
        on_top[frames[-1]] += int(count)
        for frame in set(frames):
            on_stack[frame] += int(count)
    total = sum(on_top.values())
    print(f"{total:,} samples\n\n| frame | on the stack % | on top % |\n|---|---|---|")
    for frame, count in on_stack.most_common():
        if count >= LEAST * total:
            print(f"| `{frame}` | {count / total:.1%} | {on_top[frame] / total:.1%} |")


if __name__ == "__main__":
    main()
