#!/usr/bin/env python3
"""Measures yummyd beside the servers that a user would take instead, all on this machine, all up at once, in turn.

    docs/benchmarks/peers/setup.sh                      # installs the peers
    cargo build --release -p yummyd -p yummy-tui && cargo build --release -p yummyd --example path
    docs/benchmarks/peers/compare.py up                 # starts all of them
    docs/benchmarks/peers/compare.py check              # the same answers? stops here if not
    for i in 1 2 3; do docs/benchmarks/peers/compare.py round; done     # 16 connections, as fast as they can; ~2 min each
    docs/benchmarks/peers/compare.py rates              # p99 at fixed rates (the yummy grid, quick form); ~4 min
    docs/benchmarks/peers/compare.py table --brief README.md --into docs/benchmarks/peers.md
    docs/benchmarks/peers/compare.py down

Steps are separate so that a shared machine is held for minutes, not for half an hour. Needs wrk. Nothing is typed by
hand: `table` writes what `round` and `rates` measured between the markers of the files that it is given.
"""

import argparse
import datetime
import json
import os
import platform
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from peers import BODIES, MODEL, ROOT, Peer, all_peers, predictions

ROWS = [1, 10, 100, 674, 1000]
RATES = [10, 100, 200, 500, 1000]
SECONDS = 2
CONNECTIONS = 16
TICK = os.sysconf("SC_CLK_TCK")
BASE = "MLflow 3.17.2, 1 worker"
MARKERS = ("<!-- peers: written by docs/benchmarks/peers/compare.py -->", "<!-- peers: end -->")


def rows_of(count):
    """Rows around the model's own example; the same ones every time."""
    example = json.loads((MODEL / "serving_input_example.json").read_text())["dataframe_split"]["data"]
    draw = random.Random(count)
    return [[round(cell * draw.uniform(0.7, 1.3), 3) for cell in draw.choice(example)] for _ in range(count)]


def post(port, path, body):
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body.encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def up(args):
    running = []
    for peer, port in all_peers(args.work, args.installed, args.target, free_ports(16)):
        if not peer.shares:
            log = open(args.work / "log", "a")
            process = subprocess.Popen(
                peer.command, env=os.environ | peer.env, stdout=log, stderr=log, start_new_session=True, cwd=ROOT
            )
            pid = process.pid
            wait_until_ready(peer, port, process)
        running.append({"peer": vars(peer), "port": port, "pid": pid})
        print(f"{peer.name}: port {port}")
        args.state.write_text(json.dumps(running))


def wait_until_ready(peer, port, process):
    begin = time.monotonic()
    while time.monotonic() - begin < 120:
        if process.poll() is not None:
            sys.exit(f"{peer.name} ended with {process.returncode}; see the log in {os.path.dirname(__file__)}")
        try:
            if peer.ready:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{peer.ready}", timeout=5).read()
            else:
                socket.create_connection(("127.0.0.1", port), 5).close()
            return
        except OSError:
            time.sleep(0.2)
    sys.exit(f"{peer.name} was not ready within two minutes")


def down(args):
    for entry in json.loads(args.state.read_text()):
        try:
            os.killpg(entry["pid"], signal.SIGTERM)
        except ProcessLookupError:
            pass
    args.state.unlink()


def running(args):
    for entry in json.loads(args.state.read_text()):
        yield Peer(**entry["peer"]), entry["port"], entry["pid"]


def check(args):
    """All give the same numbers for the same rows, to the last bit, or nothing is measured."""
    expected, apart = {}, {}
    for peer, port, _ in running(args):
        if peer.null:
            continue
        different = 0
        for count in ROWS:
            answer = predictions(peer, post(port, peer.path, BODIES[peer.body](rows_of(count))))
            right = expected.setdefault(count, answer)
            assert len(right) == len(answer), f"{peer.name}: {len(answer)} rows of {count}"
            different += sum(a != b for a, b in zip(right, answer))
        print(f"{peer.name}: {different or 'none'} of {sum(ROWS):,} rows differ")
        if different and not peer.differs:
            sys.exit(f"{peer.name} answers something else than {BASE}")
        if different:
            apart[peer.name] = different
    args.checked.write_text(json.dumps(apart))


def processes(group):
    """Process ids of a group, workers included."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(stat[2]) == group:
                yield folder, stat


def cpu_seconds(group):
    return sum(int(stat[11]) + int(stat[12]) for _, stat in processes(group)) / TICK


def rss_mb(group):
    pages = sum(int((folder / "statm").read_text().split()[1]) for folder, _ in processes(group))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def wrk(args, peer, port, count, seconds):
    body = BODIES[peer.body](rows_of(count))
    script = args.work / "post.lua"
    script.write_text(
        f'wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\nwrk.body = [==[{body}]==]\n'
    )
    url = f"http://127.0.0.1:{port}{peer.path}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "--timeout", "30s", "-s", script, url]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def number(pattern, text):
    found = re.search(pattern, text)
    return float(found[1]) if found else 0.0


def milliseconds(text):
    found = re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
    return float(found[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[found[2]]


def round_(args):
    """Each server at each number of rows, once, as fast as 16 connections can. The order turns from round to round."""
    if not args.checked.exists():
        sys.exit("run `check` first: servers that answer differently are not compared")
    peers = list(running(args))
    turn = sum(1 for line in read(args) if line["kind"] == "closed") // (len(peers) * len(ROWS))
    for count in ROWS:
        for peer, port, pid in peers[turn % len(peers) :] + peers[: turn % len(peers)]:
            post(port, peer.path, BODIES[peer.body](rows_of(count)))
            before = cpu_seconds(pid)
            text = wrk(args, peer, port, count, SECONDS)
            requests = number(r"(\d+) requests in", text)
            record(
                args, kind="closed", peer=peer.name, rows=count, round=turn, rps=number(r"Requests/sec:\s+([\d.]+)", text),
                cpu_us=(cpu_seconds(pid) - before) / requests * 1e6, rss_mb=rss_mb(pid), p99_ms=milliseconds(text),
                bad=number(r"Non-2xx or 3xx responses: (\d+)", text) + number(r"timeout (\d+)", text),
            )


def rates(args):
    """p99 of the response time at fixed rates, one row: open loop, counted from when a request was due."""
    tool = args.target / "release/yummy-tui"
    for peer, port, _ in running(args):
        # The load engine sends to scoring routes of MLflow only.
        if peer.null or peer.body == "v2":
            continue
        body = args.work / "row.json"
        body.write_text(BODIES[peer.body](rows_of(1)))
        for rate in RATES:
            command = [tool, "load", "burst", "--url", f"http://127.0.0.1:{port}", "--path", peer.path, "--body", body]
            command += ["--rate", str(rate), "--duration", "4s", "--json", "--errors", "1"]
            result = subprocess.run(command, capture_output=True, text=True)
            try:
                trial = json.loads(result.stdout)["trials"][0]
            except (json.JSONDecodeError, IndexError, KeyError):
                sys.exit(f"{peer.name} at {rate}/s: {result.stderr or result.stdout}")
            record(
                args, kind="rate", peer=peer.name, rate=rate, p99_ms=trial["response_ms"]["p99"],
                achieved=trial["achieved"], errors=sum(trial["errors"].values()),
            )
            # Beyond its limit a server only gets slower, and needs minutes to work off what piled up.
            if trial["achieved"] < 0.9 * rate:
                break


def record(args, **line):
    print(line)
    with open(args.results, "a") as file:
        file.write(json.dumps(line) + "\n")


def read(args):
    return [json.loads(line) for line in args.results.read_text().splitlines()] if args.results.exists() else []


def spread(values, digits=0):
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:,.{digits}f} ({least:,.{digits}f}..{most:,.{digits}f})"


def table(args):
    lines = read(args)
    closed = [line for line in lines if line["kind"] == "closed"]
    names = list(dict.fromkeys(line["peer"] for line in closed))
    text = [machine(args, closed), "", *closed_table(closed, names, 1), "", *more_rows(closed, names), ""]
    text += rate_table([line for line in lines if line["kind"] == "rate"])
    for path in args.into:
        inside(path, "\n".join(text))
    for path in args.brief:
        inside(path, "\n".join([machine(args, closed), "", *closed_table(closed, names, 1)]))
    if not args.into + args.brief:
        print("\n".join(text))


def machine(args, closed):
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    date = datetime.datetime.fromtimestamp(args.results.stat().st_mtime, datetime.timezone.utc).date()
    rounds = len({line["round"] for line in closed})
    apart = "".join(
        f" (but {name} in {different} of {sum(ROWS):,} rows)" for name, different in json.loads(args.checked.read_text()).items()
    )
    return (
        f"Measured {date} on {os.cpu_count()} cores of {cpu[1] if cpu else platform.processor()}, Linux {platform.release()}, "
        f"the generator (wrk, 1 thread, {CONNECTIONS} connections) beside, OMP_NUM_THREADS=1; {rounds} interleaved rounds of "
        f"{SECONDS} s, median (least..most). All give MLflow's numbers to the last bit{apart}, which is checked first; the "
        "null handlers read the body and answer what never changes."
    )


def of(closed, name, rows):
    return sorted((line for line in closed if line["peer"] == name and line["rows"] == rows), key=lambda line: line["round"])


def ratios(closed, name, rows):
    pairs = zip(of(closed, name, rows), of(closed, BASE, rows))
    return [one["rps"] / base["rps"] for one, base in pairs]


def closed_table(closed, names, rows):
    yield f"| one row (`wine`: 300 trees, 13 features, 3 classes) | requests/s ÷ {BASE} | requests/s | CPU µs a request | RSS MB | p99 ms | not 2xx |"
    yield "|---|---|---|---|---|---|---|"
    for name in names:
        mine = of(closed, name, rows)
        column = lambda key: [line[key] for line in mine]
        yield (
            f"| {name} | {spread(ratios(closed, name, rows), 1)} | {statistics.median(column('rps')):,.0f} | "
            f"{spread(column('cpu_us'), 1)} | {max(column('rss_mb')):,.0f} | {spread(column('p99_ms'), 1)} | {sum(column('bad')):,.0f} |"
        )


def more_rows(closed, names):
    counts = ROWS[1:]
    yield "| more rows: requests/s ÷ MLflow, CPU µs a request | " + " | ".join(f"{count} rows" for count in counts) + " |"
    yield "|---|" + "---|" * len(counts)
    for name in names:
        cells = (
            f"{spread(ratios(closed, name, count), 1)}, {statistics.median(line['cpu_us'] for line in of(closed, name, count)):,.0f} µs"
            for count in counts
        )
        yield f"| {name} | " + " | ".join(cells) + " |"


def rate_table(lines):
    yield "| p99 ms of the response time at a fixed rate, one row | " + " | ".join(f"{rate}/s" for rate in RATES) + " |"
    yield "|---|" + "---|" * len(RATES)
    for name in dict.fromkeys(line["peer"] for line in lines):
        cells = []
        for rate in RATES:
            mine = [line for line in lines if line["peer"] == name and line["rate"] == rate]
            held = [line for line in mine if line["achieved"] >= 0.9 * rate]
            if held:
                cells.append(spread([line["p99_ms"] for line in held], 2))
            else:
                cells.append(f"does not hold ({mine[0]['achieved']:,.0f}/s)" if mine else "–")
        yield f"| {name} | " + " | ".join(cells) + " |"


def inside(path, text):
    """Puts the text between the file's markers."""
    whole = Path(path).read_text()
    begin, end = (whole.index(marker) for marker in MARKERS)
    Path(path).write_text(f"{whole[: begin + len(MARKERS[0])]}\n{text}\n{whole[end:]}")


def main():
    steps = {"up": up, "check": check, "round": round_, "rates": rates, "table": table, "down": down}
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=steps)
    parser.add_argument("--target", type=lambda text: Path(text).absolute(), default=target, help="where cargo builds")
    parser.add_argument("--installed", type=lambda text: Path(text).absolute(), help="where setup.sh installed")
    parser.add_argument("--into", nargs="*", default=[], help="files with the markers, for all tables")
    parser.add_argument("--brief", nargs="*", default=[], help="files with the markers, for the one of one row")
    args = parser.parse_args()
    args.installed = args.installed or args.target / "peers"
    args.work = args.target / "peers-work"
    args.work.mkdir(parents=True, exist_ok=True)
    args.state, args.checked, args.results = (args.work / name for name in ("running.json", "checked", "results.jsonl"))
    steps[args.step](args)


if __name__ == "__main__":
    main()
