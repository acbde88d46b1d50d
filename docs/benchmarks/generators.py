#!/usr/bin/env python3
"""Does a load generator hold the rate that it was asked for, and what does it cost?

Runs `yummy-tui load burst`, `oha -q`, `hey -q` and `wrk` (which knows no rate: it shows the ceiling) in turn against the
null server of yummy-load, and prints a Markdown table. Needs wrk beside the built programs, and takes oha (`cargo install
oha`) and hey (Debian's package) where they are installed:

    cargo build --release -p yummy-tui && cargo build --release -p yummy-load --example null_server
    docs/benchmarks/generators.py --seconds 30 --rates 1000 5000 20000
"""

import argparse
import json
import re
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

BODY = '{"dataframe_split": {"columns": ["a", "b", "c", "d"], "data": [[5.1, 3.5, 1.4, 0.2]]}}'
CONNECTIONS = 64


def timed(command):
    """Runs a command; its stdout and the CPU seconds that it and its children took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if not done.stdout:
        raise SystemExit(f"{command[0]} said nothing: {done.stderr[-500:]}")
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def yummy(program, url, body, rate, seconds):
    command = [program, "load", "burst", "--json", "--url", url, "--path", "/invocations", "--body", body]
    out, cpu = timed(command + ["--rate", str(rate), "--duration", f"{seconds}s", "--connections", str(CONNECTIONS)])
    trial = json.loads(out)["trials"][0]
    response = trial["response_ms"]
    return trial["achieved"], response["p50"], response["p99"], cpu


def oha(url, body, rate, seconds):
    # Its times count from when a request was due, as ours do.
    command = ["oha", "--no-tui", "--output-format", "json", "-z", f"{seconds}s", "-q", str(rate), "--latency-correction"]
    command += ["-c", str(CONNECTIONS), "-m", "POST", "-T", "application/json", "-D", body, f"{url}/invocations"]
    out, cpu = timed(command)
    summary = json.loads(out)
    percentiles = summary["latencyPercentiles"]
    return summary["summary"]["requestsPerSec"], percentiles["p50"] * 1e3, percentiles["p99"] * 1e3, cpu


def hey(url, body, rate, seconds):
    # Its rate is each worker's, and a whole number.
    workers = 50
    command = ["hey", "-z", f"{seconds}s", "-c", str(workers), "-q", str(rate // workers), "-m", "POST"]
    out, cpu = timed(command + ["-T", "application/json", "-D", body, f"{url}/invocations"])
    share = {p: float(v) * 1e3 for p, v in re.findall(r"(\d+)% in ([\d.]+) secs", out)}
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), share["50"], share["99"], cpu


def wrk(url, script, seconds):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", script, f"{url}/invocations"]
    out, cpu = timed(command)
    units = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    share = {p: float(v) * units[u] for p, v, u in re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s)", out)}
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]), share["50"], share["99"], cpu


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--programs", type=Path, default=Path("target/release"))
    options.add_argument("--rates", type=int, nargs="+", default=[1000, 5000, 20000])
    options.add_argument("--seconds", type=int, default=30)
    given = options.parse_args()
    server = subprocess.Popen([given.programs / "examples/null_server"], stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().strip()
        with tempfile.TemporaryDirectory() as folder:
            body, script = Path(folder, "body.json"), Path(folder, "post.lua")
            body.write_text(BODY)
            headers = 'wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\n'
            script.write_text(f"{headers}wrk.body = '{BODY}'\n")
            print("| asked, requests/s | generator | achieved | of asked | p50 ms | p99 ms | µs CPU a request |")
            print("|---|---|---|---|---|---|---|")
            for rate in given.rates:
                runs = [("yummy-tui", yummy(given.programs / "yummy-tui", url, str(body), rate, given.seconds))]
                for name, peer in (("oha", oha), ("hey", hey)):
                    if shutil.which(name):
                        runs.append((name, peer(url, str(body), rate, given.seconds)))
                for name, (achieved, p50, p99, cpu) in runs:
                    row(rate, name, achieved, f"{achieved / rate:.2%}", p50, p99, cpu / (achieved * given.seconds))
            achieved, p50, p99, cpu = wrk(url, str(script), given.seconds)
            row("no rate", "wrk", achieved, "", p50, p99, cpu / (achieved * given.seconds))
    finally:
        server.terminate()
        server.wait()


def row(rate, name, achieved, share, p50, p99, cpu):
    print(f"| {rate} | {name} | {achieved:.1f} | {share} | {p50:.3f} | {p99:.3f} | {cpu * 1e6:.1f} |", flush=True)


if __name__ == "__main__":
    main()
