#!/usr/bin/env python3
"""Compares yummyd with MLflow's own scoring server, request by request, on the same models.

    pip install mlflow==3.17.2 lightgbm catboost scikit-learn skops pandas pyarrow uvicorn
    yummyd --mlruns DIR --listen 127.0.0.1:8080 &
    python docs/clients/compare_with_mlflow.py http://127.0.0.1:8080 --mlruns DIR --requests 200

For each model that the daemon serves it starts `mlflow.pyfunc.scoring_server` on a free port, sends both the same requests
(`request_forms.py`, from --seed), and prints every difference in status, body, or the codes of an error that is not one of
docs/protocol.md's table. Exits 1 when there is one. --pairs FILE keeps MLflow's answers for
`YUMMY_PAIRS=FILE cargo test -p yummyd --test replay`, which compares the messages too.
"""

import argparse
import base64
import collections
import http.client
import json
import logging
import os
import pathlib
import random
import sys
import threading
import time
import urllib.parse
import warnings

os.environ.update(MLFLOW_ALLOW_FILE_STORE="true", MLFLOW_DISABLE_TELEMETRY="true", OMP_NUM_THREADS="1")
warnings.filterwarnings("ignore")

import mlflow.pyfunc  # noqa: E402
import uvicorn  # noqa: E402
import yaml  # noqa: E402
from mlflow.pyfunc import scoring_server  # noqa: E402

from request_forms import Forms  # noqa: E402

# Requests beside scoring, and scoring in other ways than POST.
ROUTES = [(method, path) for path in ("/ping", "/health", "/version", "/invocations", "/nothing", "/ping/", "/invocations/")
          for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")]


class Reference:
    """MLflow's server for one model, in a thread of this process."""

    def __init__(self, folder):
        self.model = mlflow.pyfunc.load_model(str(folder))
        config = uvicorn.Config(scoring_server.init(self.model), host="127.0.0.1", port=0, log_level="critical", access_log=False)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]

    def stop(self):
        self.server.should_exit = True
        self.thread.join()

    def columns(self):
        """`(name, type, required)` of the signature, or of the model itself."""
        schema = self.model.metadata.get_input_schema()
        if schema is not None and schema.has_input_names() and not schema.is_tensor_spec():
            kind = lambda spec: str(spec.type).rsplit(".", 1)[-1]  # noqa: E731
            return [(spec.name, kind(spec), spec.required) for spec in schema.inputs]
        native = self.model.get_raw_model()
        names = getattr(native, "feature_name_", None) or getattr(native, "feature_names_", None)
        names = names or (native.feature_name() if hasattr(native, "feature_name") else ["a", "b"])
        return [(name, "double", True) for name in names]


class Client:
    """One connection that is made again when the server closes it."""

    def __init__(self, host, port, prefix=""):
        self.host, self.port, self.prefix = host, port, prefix
        self.connection = http.client.HTTPConnection(host, port, timeout=60)

    def send(self, method, path, content_type, body):
        headers = {} if content_type is None else {"content-type": content_type}
        try:
            self.connection.request(method, self.prefix + path, body=body, headers=headers)
            response = self.connection.getresponse()
        except (ConnectionError, http.client.HTTPException):
            # uvicorn closes the connection after a 500.
            self.connection.close()
            self.connection.request(method, self.prefix + path, body=body, headers=headers)
            response = self.connection.getresponse()
        return response.status, dict((name.lower(), value) for name, value in response.getheaders()), response.read()


def model_folders(root):
    """Folders with an MLmodel, by their model id."""
    found = {}
    for file in pathlib.Path(root).rglob("MLmodel"):
        model_id = yaml.safe_load(file.read_text()).get("model_id")
        if model_id:
            found[model_id] = file.parent
    return found


def listed(what, content_type, request, theirs, ours):
    """The row of docs/protocol.md's table that a difference belongs to."""
    (status, _, body), (got, _, answer) = theirs, ours
    text = body.decode("utf-8", "replace")
    if content_type is None and (status, got) == (500, 415):
        return "a missing Content-Type is 415"
    if "format=pandas-" in (content_type or "") and status == 415:
        return "1.x `format` is accepted"
    if "1.x" in what or (status == 400 and ("Received a list" in text or (got == 200 and answer.startswith(b"[")))):
        return "1.x bodies are accepted"
    if status == 400 and got == 200 and "categorical_feature do not match" in text:
        return "pandas categories work"
    if status == 400 and got == 200 and "pandas dtypes must be int, float or bool" in text:
        return "pandas categories work"
    if got == 400 and b"Unknown datetime string format" in answer:
        return "dates in unusual words"
    if what == "parquet" and (status, got) == (400, 400) and b"element" in request:
        return "lists in a Parquet file are not looked into"
    if status == 500 and got == 400:
        return "a mistake of the caller is 400, not 500"
    return None


def difference(theirs, ours):
    """What differs, or None."""
    (status, headers, body), (got, got_headers, answer) = theirs, ours
    if status != got:
        return f"status {status} -> {got}"
    for name in ("content-type", "allow"):
        if headers.get(name) != got_headers.get(name):
            return f"{name}: {headers.get(name)} -> {got_headers.get(name)}"
    if status == 200 or not body.startswith(b'{"error_code"'):
        return None if body == answer or status == 415 else "body"
    want, have = json.loads(body), json.loads(answer)
    for key in ("error_code", "sqlstate", "error_class"):
        if want.get(key) != have.get(key):
            return f"{key}: {want.get(key)} -> {have.get(key)}"
    return "stack_trace" if ("stack_trace" in want) != ("stack_trace" in have) else None


def pair(number, name, folder, request, theirs):
    """A recorded pair in the format of the fixtures."""
    what, content_type, body = request
    status, _, answer = theirs
    answer = answer.decode("utf-8", "replace")
    if status >= 400 and len(answer) > 8000:
        error = json.loads(answer)
        error["stack_trace"] = error.get("stack_trace", "")[-500:]
        answer = json.dumps(error)
    headers = [] if content_type is None else [["content-type", content_type]]
    return {"id": f"{name}#{number}", "what": what, "model": name, "dir": str(folder),
            "request": {"method": "POST", "path": "/invocations", "headers": headers, "body_b64": base64.b64encode(body).decode()},
            "response": {"status": status, "body": answer}}


def shown(body, limit):
    return body[:limit].decode("utf-8", "replace")


def compare(arguments, entry, folder, out, tally):
    """One model."""
    reference = Reference(folder)
    try:
        url = urllib.parse.urlsplit(arguments.url)
        ours = Client(url.hostname, url.port, entry["invocations"].removesuffix("/invocations"))
        plain = Client(url.hostname, url.port)
        theirs = Client("127.0.0.1", reference.port)
        forms = Forms(random.Random(f"{arguments.seed} {entry['model_id']}"), reference.columns())
        requests = [("route", method, path, None, None) for method, path in ROUTES if (method, path) != ("POST", "/invocations")]
        requests += [(what, "POST", "/invocations", kind, body) for what, kind, body in (forms.request() for _ in range(arguments.requests))]
        for number, (what, method, path, kind, body) in enumerate(requests):
            want = theirs.send(method, path, kind, body)
            client = ours if path.startswith("/invocations") else plain
            got = client.send(method, path, kind, body)
            tally["requests"] += 1
            tally[f"status {want[0]}"] += 1
            if out and method == "POST" and body is not None:
                out.write(json.dumps(pair(number, entry["label"], folder, (what, kind, body), want)) + "\n")
            found = difference(want, got)
            if found is None:
                tally["equal"] += 1
                continue
            reason = listed(what, kind, body or b"", want, got)
            if reason:
                tally[f"listed: {reason}"] += 1
                continue
            tally["unexplained"] += 1
            print(f"{entry['label']} | {what} | {method} {path} | {kind} | {found}\n    request: {shown(body or b'', 600)}"
                  f"\n    mlflow:  {shown(want[2], 300)} … {want[2][-200:].decode('utf-8', 'replace') if want[0] >= 400 else ''}\n    yummyd:  {shown(got[2], 300)}")
    finally:
        reference.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--mlruns", required=True, help="the directory that the daemon serves")
    parser.add_argument("--requests", type=int, default=200, help="per model")
    parser.add_argument("--only", default="", help="models whose name has this in it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", help="file for MLflow's answers")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    url = urllib.parse.urlsplit(arguments.url)
    catalog = json.loads(Client(url.hostname, url.port).send("GET", "/models", None, None)[2])
    folders = model_folders(arguments.mlruns)
    tally = collections.Counter()
    out = open(arguments.pairs, "w") if arguments.pairs else None
    for entry in catalog["models"]:
        folder = folders.get(entry["model_id"])
        if entry["state"] != "ready" or folder is None:
            continue
        meta = folder.parent / "meta.yaml"
        entry["label"] = yaml.safe_load(meta.read_text()).get("name", entry["name"]) if meta.exists() else entry["name"]
        if arguments.only not in entry["label"]:
            continue
        compare(arguments, entry, folder, out, tally)
        print(f"{entry['label']}: {tally['equal']} of {tally['requests']} equal so far, {tally['unexplained']} unexplained", file=sys.stderr, flush=True)
    for key, count in sorted(tally.items()):
        print(f"{count:8d} {key}")
    exceptions = sum(count for key, count in tally.items() if key.startswith("listed"))
    print(f"{tally['equal']} of {tally['requests']} equal, {exceptions} listed exceptions, {tally['unexplained']} unexplained")
    sys.exit(1 if tally["unexplained"] or not tally["requests"] else 0)


if __name__ == "__main__":
    main()
