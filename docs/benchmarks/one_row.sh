#!/usr/bin/env bash
# One row on the demo model `wine` over HTTP: requests a second, CPU of the daemon a request, memory.
#
#   docs/benchmarks/one_row.sh [rounds]      needs wrk (apt install wrk) and `cargo build --release -p yummyd`
#
# Prints a Markdown table with a row per round. The generator shares the machine with the daemon, so that requests a
# second are a lower bound; CPU a request is what carries over. Loopback only, 10 s a round.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-3}
seconds=10
address=127.0.0.1:$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
work=$(mktemp -d)
"${CARGO_TARGET_DIR:-target}"/release/yummyd --mlruns assets/mlruns --listen $address --admin-listen off --log warn > "$work/out" &
daemon=$!
trap 'kill $daemon; wait $daemon || true; rm -rf "$work"' EXIT
until curl -sf http://$address/models/wine/ready > /dev/null; do sleep 0.1; done
# One row: MLflow's own example of the model has two.
curl -s http://$address/models/wine | python3 -c '
import json, sys
example = json.loads(json.load(sys.stdin)["models"][0]["example"])
example["dataframe_split"]["data"] = example["dataframe_split"]["data"][:1]
body = json.dumps(example)
print("wrk.method = \"POST\"\nwrk.headers[\"content-type\"] = \"application/json\"\nwrk.body = [==[" + body + "]==]")
' > "$work/post.lua"
cpu_ticks() { awk '{print $14 + $15}' /proc/$daemon/stat; }
tick=$(getconf CLK_TCK)
echo "| round | requests/s | p99 | CPU µs a request | RSS MB | not 2xx |"
echo "|---|---|---|---|---|---|"
for round in $(seq "$rounds"); do
    before=$(cpu_ticks)
    wrk -t1 -c16 -d${seconds}s --latency -s "$work/post.lua" http://$address/models/wine/invocations > "$work/wrk"
    after=$(cpu_ticks)
    requests=$(awk '/requests in/ {print $1}' "$work/wrk")
    awk -v round="$round" -v requests="$requests" -v cpu=$((after - before)) -v tick="$tick" \
        -v rss="$(awk '/VmRSS/ {print $2}' /proc/$daemon/status)" \
        -v rate="$(awk '/Requests\/sec/ {print $2}' "$work/wrk")" -v p99="$(awk '$1 == "99%" {print $2}' "$work/wrk")" \
        -v bad="$(awk -F: '/Non-2xx/ {print $2}' "$work/wrk")" \
        'BEGIN { printf "| %d | %d | %s | %.1f | %.1f | %d |\n", round, rate, p99, cpu / tick / requests * 1e6, rss / 1024, bad }'
done
