#!/usr/bin/env python3
"""Three times the load that the daemon can bear: what it still completes, and how fast it answers /ping.

    cargo build --release -p yummyd && docs/benchmarks/overload.py [rounds]

The daemon has core 0 (one I/O and one compute thread), the load core 1. Requests of 1,000 rows of the demo model `wine`. Its
limit is what 16 connections get out of it in a closed loop (wrk); then requests are sent at the limit and at three times the
limit, open loop, each with a deadline of 2 s, while /ping is asked twenty times a second on a connection of its own. Prints a
Markdown table. daemon/tests/overload.rs is the same as a test.
"""

import asyncio
import collections
import json
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
ROWS, SECONDS, PATIENCE, MOST = 1000, 6, 2.0, 1500
COLUMNS = [
    "alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids", "nonflavanoid_phenols",
    "proanthocyanins", "color_intensity", "hue", "od280/od315_of_diluted_wines", "proline",
]  # fmt: skip
ROW = [14.23, 1.71, 2.43, 15.6, 127.0, 2.8, 3.06, 0.28, 2.29, 5.64, 1.04, 3.92, 1065.0]
BODY = json.dumps({"dataframe_split": {"columns": COLUMNS, "data": [ROW] * ROWS}})
REQUEST = (
    f"POST /models/wine/invocations HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n"
    f"x-request-timeout-ms: {PATIENCE * 1000:.0f}\r\ncontent-length: {len(BODY)}\r\n\r\n{BODY}"
).encode()
PING = b"GET /ping HTTP/1.1\r\nhost: t\r\n\r\n"


async def exchange(connection, request):
    """The status of the answer."""
    reader, writer = connection
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head)[1])
    await reader.readexactly(length)
    return int(head[9:12])


async def one(port, idle, seen, end):
    if not idle and seen["connections"] >= MOST:
        seen["no connection"] += 1
        return
    if idle:
        connection = idle.pop()
    else:
        seen["connections"] += 1
        connection = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        status = await asyncio.wait_for(exchange(connection, REQUEST), 2 * PATIENCE)
        seen[status if time.monotonic() < end else "after the end"] += 1
        idle.append(connection)
    except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
        seen["broken"] += 1
        seen["connections"] -= 1


def ping(port, seconds, times):
    """Asks /ping twenty times a second, from a process of its own: it must not wait for the load."""
    end = time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while time.monotonic() < end:
            begin = time.perf_counter()
            connection.sendall(PING)
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
            times.put(time.perf_counter() - begin)
            time.sleep(0.05)
    times.put(None)


async def offer(port, rate):
    """Sends at `rate` whatever comes back; gives what came back and the times of /ping."""
    idle, seen, tasks, times = [], collections.Counter(), set(), multiprocessing.Queue()
    begin = time.monotonic()
    end, sent = begin + SECONDS, 0
    pinging = multiprocessing.Process(target=ping, args=(port, SECONDS, times))
    pinging.start()
    while time.monotonic() < end:
        due = int((time.monotonic() - begin) * rate) + 1
        for _ in range(sent, due):
            task = asyncio.create_task(one(port, idle, seen, end))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        sent = due
        await asyncio.sleep(0.001)
    await asyncio.gather(*tasks)
    return sent, seen, list(iter(times.get, None))


def closed_loop(port):
    script = TARGET / "overload.lua"
    script.write_text(f'wrk.method="POST"\nwrk.headers["content-type"]="application/json"\nwrk.body=[==[{BODY}]==]\n')
    command = ["wrk", "-t1", "-c16", f"-d{SECONDS}s", "-s", script, f"http://127.0.0.1:{port}/models/wine/invocations"]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", subprocess.run(command, capture_output=True, text=True).stdout)[1])


def main():
    os.sched_setaffinity(0, {1})
    arguments = ["--mlruns", ROOT / "assets/mlruns", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--log", "error"]
    command = ["taskset", "-c", "0", TARGET / "yummyd", *arguments, "--io-threads", "1", "--compute-threads", "1"]
    print("| offered/s | completed/s | of that at the limit | refused, late or not sent | p99 of /ping ms | slowest |")
    print("|---|---|---|---|---|---|")
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
        daemon = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            while not (found := re.search(r"serves .* on http://[\d.]+:(\d+)", daemon.stdout.readline())):
                pass
            port = int(found[1])
            limit = closed_loop(port)
            base = None
            for rate in (limit, 3 * limit):
                sent, seen, pings = asyncio.run(offer(port, rate))
                completed = seen.pop(200) / SECONDS
                base = base or completed
                seen.pop("connections")
                rest = ", ".join(f"{kind}: {count}" for kind, count in seen.items()) or "none"
                pings = sorted(time * 1e3 for time in pings)
                print(
                    f"| {sent / SECONDS:,.0f} | {completed:,.0f} | {completed / base:.1%} | {rest} | "
                    f"{pings[int(len(pings) * 0.99)]:.1f} | {pings[-1]:.1f} |"
                )
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait()


if __name__ == "__main__":
    main()
