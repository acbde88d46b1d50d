#!/usr/bin/env python3
"""What telemetry and profiling cost, and whether they tell the truth. Each part prints Markdown.

    cargo build --release -p yummyd -p yummy-tui && docs/benchmarks/telemetry.py capture | profiler | truth | admin | cpu
    cargo build --release -p yummyd --features measure && docs/benchmarks/telemetry.py record | allocators | heap

Needs wrk (apt install wrk); no Python package. Sides of a pair are interleaved, first one then the other: ratios carry
over to other machines, requests a second do not. Loopback only. ROUNDS, SECONDS, ROWS and HZ can be set by environment.
"""
import http.client, json, os, pathlib, re, socket, statistics, subprocess, sys, tempfile, threading, time, urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
ROUNDS = int(os.environ.get("ROUNDS", 10))
SECONDS = int(os.environ.get("SECONDS", 4))
# Rates of the part `capture`, and rows a request of all pairs.
HZ = [int(hz) for hz in os.environ.get("HZ", "99,499,999").split(",")]
ROWS = [int(rows) for rows in os.environ.get("ROWS", "1,100").split(",")]
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def on_core(core):
    return lambda: os.sched_setaffinity(0, {core})


class Daemon:
    """yummyd on the demo models. For pairs it has one core and the client another: what bounds both sides is then the
    daemon, and not who gets which core when."""

    def __init__(self, env=None, args=(), pinned=True):
        port, admin = free_port(), free_port()
        self.pinned = pinned
        if pinned:
            args = (*args, "--io-threads", "1", "--compute-threads", "1")
        self.url, self.admin = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}"
        command = [TARGET / "yummyd", "--mlruns", ROOT / "assets/mlruns", "--listen", f"127.0.0.1:{port}",
                   "--admin-listen", f"127.0.0.1:{admin}", "--log", "warn", *args]
        self.process = subprocess.Popen(command, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL,
                                        preexec_fn=on_core(0) if pinned else None)
        while True:
            try:
                get(self.url + "/models/wine/ready")
                break
            except OSError:
                time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def cpu(self):
        """Seconds on CPU, in ticks of 10 ms."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def rss_mb(self, peak=False):
        key = "VmHWM" if peak else "VmRSS"
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(key + r":\s+(\d+)", status)[1]) / 1024

    def wrk(self, rows, seconds=SECONDS, connections=16, model="wine", whole=False):
        """Requests a second, and CPU microseconds a request; or wrk's whole text. Without rows, of `/ping`."""
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(self.post(rows, model) if rows else "")
            script.flush()
            before = self.cpu()
            text = subprocess.run(
                ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script.name,
                 f"{self.url}/models/{model}/invocations" if rows else f"{self.url}/ping"],
                capture_output=True, text=True, check=True, preexec_fn=on_core(1) if self.pinned else None).stdout
            cpu = self.cpu() - before
        assert "Non-2xx" not in text, text
        if whole:
            return text
        requests = int(re.search(r"(\d+) requests in", text)[1])
        return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), cpu / requests * 1e6

    def post(self, rows, model):
        example = json.loads(json.loads(get(f"{self.url}/models/{model}"))["models"][0]["example"])
        data = example["dataframe_split"]["data"]
        example["dataframe_split"]["data"] = (data * rows)[:rows]
        body = json.dumps(example)
        return f'wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\nwrk.body = [==[{body}]==]\n'


def get(url):
    with urllib.request.urlopen(url, timeout=130) as answer:
        return answer.read()


def spread(ratios):
    """Median, its 95 % interval by ranks of the sorted ratios, and the extremes."""
    ratios = sorted(ratios)
    n = len(ratios)
    reach = int(n / 2 - 0.98 * n**0.5)
    low, high = ratios[max(0, reach)], ratios[min(n - 1, n - 1 - reach)]
    return f"{statistics.median(ratios):.3f} | {low:.3f}–{high:.3f} | {ratios[0]:.3f}–{ratios[-1]:.3f}"


def pairs(title, one, other, rows):
    """Rounds of one side and the other, which goes first in turn; prints the ratios one : other."""
    ratios = []
    for number in range(ROUNDS):
        sides = [one, other] if number % 2 == 0 else [other, one]
        got = {id(side): side(rows) for side in sides}
        ratios.append([got[id(one)][i] / got[id(other)][i] for i in (0, 1)])
    line(title, rows, ratios)


def fresh_pairs(title, one, other, rows):
    """The same with two daemons, started anew every few rounds: where a process lies in memory is worth some percent."""
    ratios = []
    for number in range(ROUNDS):
        if number % 5 == 0:
            sides = [Daemon(**one), Daemon(**other)]
        order = sides if number % 2 == 0 else sides[::-1]
        got = {id(side): side.wrk(rows) for side in order}
        ratios.append([got[id(sides[0])][i] / got[id(sides[1])][i] for i in (0, 1)])
        if number % 5 == 4 or number == ROUNDS - 1:
            memory = [side.rss_mb() for side in sides]
            for side in sides:
                side.__exit__()
    line(title, rows, ratios)
    return memory


def line(title, rows, ratios):
    print(f"| {title}, {rows} row{'s' if rows > 1 else ''} | RPS | {spread([r[0] for r in ratios])} |")
    print(f"| | CPU a request | {spread([r[1] for r in ratios])} |", flush=True)


def header(what):
    print(f"| {what} | of | median | its 95 % interval | all {ROUNDS} rounds |\n|---|---|---|---|---|")


def record():
    header("recording on : off")
    for rows in ROWS:
        fresh_pairs("`YUMMY_RECORD` on : off", {}, {"env": {"YUMMY_RECORD": "off"}}, rows)


def heap():
    header("heap sampling on : off")
    for rows in ROWS:
        on, off = fresh_pairs("every 512 KiB : never", {}, {"args": ("--heap-sample-bytes", "0")}, rows)
    print(f"\nRSS after that: {on:.1f} MB on, {off:.1f} MB off")


def capture():
    header("capture on : off")
    with Daemon() as daemon:
        get(f"{daemon.admin}/debug/pprof/profile?seconds=0.2")

        def with_capture(hz):
            def run(rows):
                # Longer than the round, and given up after it: finding names is no part of a capture.
                port = int(daemon.admin.rsplit(":", 1)[1])
                with socket.create_connection(("127.0.0.1", port)) as client:
                    query = f"GET /debug/pprof/profile?seconds={SECONDS + 20}&hz={hz} HTTP/1.1\r\nhost: x\r\n\r\n"
                    client.sendall(query.encode())
                    time.sleep(0.2)
                    result = daemon.wrk(rows)
                time.sleep(0.2)
                return result
            return run

        for hz in HZ:
            for rows in ROWS:
                pairs(f"{hz} Hz : none", with_capture(hz), daemon.wrk, rows)


def profiler():
    """What the profiler's own thread takes of five seconds of a saturated core, while a capture runs."""
    print("| Hz | rows | CPU ms | switches |\n|---|---|---|---|")
    with Daemon() as daemon:
        tasks = pathlib.Path(f"/proc/{daemon.process.pid}/task").iterdir()
        task = next(task for task in tasks if (task / "comm").read_text().startswith("yummyd-prof"))

        def used():
            switches = re.findall(r"ctxt_switches:\s+(\d+)", (task / "status").read_text())
            return int((task / "schedstat").read_text().split()[0]) / 1e6, sum(map(int, switches))

        for hz in HZ:
            for rows in ROWS:
                capture = threading.Thread(target=get, args=(f"{daemon.admin}/debug/profile.folded?seconds=7&hz={hz}",))
                capture.start()
                time.sleep(0.5)
                before = used()
                daemon.wrk(rows, seconds=5)
                after = used()
                capture.join()
                print(f"| {hz} | {rows} | {after[0] - before[0]:.1f} | {after[1] - before[1]} |", flush=True)


def allocators():
    names = ("jemalloc", "system", "mimalloc")
    of = lambda name: {"env": {"YUMMY_ALLOCATOR": name}}
    header("allocator : jemalloc")
    for rows in ROWS:
        for name in names[1:]:
            fresh_pairs(name, of(name), of("jemalloc"), rows)
    print("\n| allocator | RSS at the start MB | after 3 s each of 1, 100, 1,000 rows | peak | 10 s later |\n|---|---|---|---|---|")
    for name in names:
        with Daemon(**of(name)) as daemon:
            begin = daemon.rss_mb()
            for rows in (1, 100, 1000):
                daemon.wrk(rows, seconds=3)
            after = daemon.rss_mb()
            time.sleep(10)
            print(f"| {name} | {begin:.1f} | {after:.1f} | {daemon.rss_mb(True):.1f} | {daemon.rss_mb():.1f} |", flush=True)


def truth():
    """Percentiles of the daemon against those of a client, of one run each: one connection of wrk, one request after the
    other, and the load generator's service times at fixed rates. The same client's `/ping`, for which the daemon does
    nothing, says how much of the difference is the way there and back, and the machine."""
    with Daemon(pinned=False) as daemon:
        text = daemon.wrk(None, seconds=10, connections=1, whole=True)
        print(f"wrk, 1 connection, `/ping`: p50 {latency(text, 'p50'):.3f} ms, p99 {latency(text, 'p99'):.3f} ms\n")
    print("| client | rows | p50 daemon ms | p50 client | within 5 % + 100 µs | p99 daemon | p99 client | within |")
    print("|---|---|---|---|---|---|---|---|")

    def agree(client, rows, ours, theirs):
        held = ["yes" if abs(ours[p] - theirs[p]) <= 0.05 * theirs[p] + 0.1 else "no" for p in ("p50", "p99")]
        print(f"| {client} | {rows} | {ours['p50']:.3f} | {theirs['p50']:.3f} | {held[0]} | {ours['p99']:.3f} "
              f"| {theirs['p99']:.3f} | {held[1]} |", flush=True)

    for rows in (1, 100, 1000, 10000):
        with Daemon(pinned=False) as daemon:
            text = daemon.wrk(rows, seconds=10, connections=1, whole=True)
            agree("wrk, 1 connection", rows, start(daemon), {p: latency(text, p) for p in ("p50", "p99")})
    tui = os.environ.get("YUMMY_TUI", TARGET / "yummy-tui")
    for rate, rows in ((200, 1), (1000, 1), (1000, 100)):
        with Daemon(pinned=False) as daemon:
            command = [tui, "load", "burst", "--url", daemon.url, "--model", "wine", "--rate", rate, "--rows", rows,
                       "--duration", "10s", "--json"]
            # Its exit code is about the server's speed.
            report = subprocess.run([str(part) for part in command], capture_output=True, text=True).stdout
            theirs = max(json.loads(report)["trials"], key=lambda trial: trial["sent"])["service_ms"]
            agree(f"yummy-tui load, {rate}/s", rows, start(daemon), theirs)


def start(daemon):
    return json.loads(get(daemon.admin + "/stats"))["total"]["start"]["latency_ms"]


def latency(text, percentile):
    """Milliseconds of a line `50%  1.23ms` of wrk's."""
    number, unit = re.search(percentile[1:] + r"%\s+([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def admin():
    """Observers' routes while the scoring threads have more than they can do."""
    with Daemon(pinned=False) as daemon:
        load = threading.Thread(target=lambda: daemon.wrk(1000, seconds=20, connections=64))
        load.start()
        time.sleep(1)
        took = {path: [] for path in ("/ping", "/models", "/stats", "/metrics", "/debug/profiles")}
        host, port = "127.0.0.1", int(daemon.admin.rsplit(":", 1)[1])
        client = http.client.HTTPConnection(host, port)
        while load.is_alive():
            for path, times in took.items():
                began = time.perf_counter()
                client.request("GET", path)
                client.getresponse().read()
                times.append((time.perf_counter() - began) * 1e3)
                time.sleep(0.002)
        print("| route | asked | p50 ms | p99 ms | max ms |\n|---|---|---|---|---|")
        for path, times in took.items():
            times.sort()
            print(f"| `{path}` | {len(times)} | {times[len(times) // 2]:.2f} | {times[int(len(times) * 0.99)]:.2f} | {times[-1]:.2f} |")


def cpu():
    """CPU seconds of the process by /stats and by /proc over 10 s, under load."""
    with Daemon(pinned=False) as daemon:
        load = threading.Thread(target=lambda: daemon.wrk(1, seconds=14))
        load.start()
        time.sleep(1)
        before, ticks = json.loads(get(daemon.admin + "/stats"))["process"]["cpu_seconds"], daemon.cpu()
        seconds, groups = [], {}
        for _ in range(10):
            time.sleep(1)
            process = json.loads(get(daemon.admin + "/stats"))["process"]
            seconds.append(process["cpu_cores"])
            for group in process["thread_groups"]:
                groups[group["name"]] = groups.get(group["name"], 0) + group["cpu_cores"]
        after, later = process["cpu_seconds"], daemon.cpu()
        load.join()
        used, said = later - ticks, after - before
        print(f"/proc: {used:.2f} s; cpu_seconds: {said:.2f} s ({(said / used - 1) * 100:+.1f} %); sum of ten cpu_cores: "
              f"{sum(seconds):.2f} ({(sum(seconds) / used - 1) * 100:+.1f} %); by group: "
              + ", ".join(f"{name} {value:.2f}" for name, value in sorted(groups.items())))


if __name__ == "__main__":
    parts = {part.__name__: part for part in (record, heap, capture, profiler, allocators, truth, admin, cpu)}
    if len(sys.argv) < 2 or any(name not in parts for name in sys.argv[1:]):
        sys.exit(f"{__doc__}\nparts: {', '.join(parts)}")
    for name in sys.argv[1:]:
        parts[name]()
