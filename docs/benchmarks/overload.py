#!/usr/bin/env python3
"""Three times the load that the daemon can bear: what it still completes, and how fast it answers /ping.

    docs/benchmarks/overload.py [times]          runs daemon/tests/overload.rs so often, and prints one Markdown table
    docs/benchmarks/overload.py OUTPUT...        makes the table of what it printed before

The test says how it measures. Two quiet cores, taskset and chrt; about two minutes a time.
"""

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "cargo test --release -p yummyd --test overload -- --nocapture".split()
LOAD = re.compile(
    r"^\| (?P<rows>\d+) \| (?P<offered>\d+) \| (?P<completed>\d+) \| (?P<answers>{.*?}) \| (?P<median>[\d.]+) \| "
    r"(?P<ping>[\d.]+) \([\d.]+\) \| (?P<compute>[\d.]+), (?P<io>[\d.]+) \|$"
)
# Of each load: RAMP and SECONDS of the test.
SECONDS = 5
LIMIT = re.compile(r"^(\d+) rows, limit (\d+)/s")


def outputs(arguments):
    if arguments and not arguments[0].isdigit():
        return [Path(argument).read_text() for argument in arguments]
    environment = os.environ | {"YUMMY_LONG_TESTS": "1"}
    times = int(arguments[0]) if arguments else 1
    return [subprocess.run(COMMAND, cwd=ROOT, env=environment, capture_output=True, text=True).stdout for _ in range(times)]


def spread(values, form="{:,.0f}"):
    texts = [form.format(value) for value in (statistics.median(values), min(values), max(values))]
    return f"{texts[0]} ({texts[1]}..{texts[2]})"


def main():
    loads, limits = {}, {}
    for output in outputs(sys.argv[1:]):
        # In each output the two loads of a size alternate, first the one at the limit.
        turns = {}
        for line in output.splitlines():
            if found := LOAD.match(line):
                rows = int(found["rows"])
                turns[rows] = turns.get(rows, -1) + 1
                loads.setdefault((rows, turns[rows] % 2), []).append(found)
            elif found := LIMIT.match(line):
                limits.setdefault(int(found[1]), []).append(float(found[2]))
    print("| rows | load | offered/s | completed/s | of that at the limit | refused a second | slowest /ping ms | compute, I/O % |")
    print("|---|---|---|---|---|---|---|---|")
    for (rows, beyond), rounds in sorted(loads.items()):
        of = lambda name: [float(found[name]) for found in rounds]
        base = [float(found["completed"]) for found in loads[rows, 0]]
        share = [mine / its for mine, its in zip(of("completed"), base)]
        refused = [sum(int(n) for n in re.findall(r'"(?:429|503|504)": (\d+)', found["answers"])) / SECONDS for found in rounds]
        cells = [
            rows,
            "three times" if beyond else "at the limit",
            spread(of("offered")),
            spread(of("completed")),
            spread(share, "{:.1%}") if beyond else "",
            spread(refused),
            spread(of("ping"), "{:.1f}"),
            f"{statistics.median(of('compute')):.0f}, {statistics.median(of('io')):.0f}",
        ]
        print("|", " | ".join(map(str, cells)), "|")
    for rows, found in sorted(limits.items()):
        print(f"\n{rows} rows: 16 connections in a closed loop get {spread(found)} a second.")


if __name__ == "__main__":
    main()
