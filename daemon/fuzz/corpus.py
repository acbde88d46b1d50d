#!/usr/bin/env python3
"""Fills corpus/decode with recorded bodies, for the fuzzer to start from.

    python3 daemon/fuzz/corpus.py ../shared/fixtures/mlflow/http_pairs.jsonl daemon/tests/data/compared_pairs.jsonl

Each JSON or CSV body of at most 4,095 bytes is written once, behind a byte that chooses one of the target's plans (in turn)
and the content type. Beside it, the same with the column names that the plans have, so that it gets past their names.
"""

import base64
import hashlib
import json
import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).parent / "corpus" / "decode"
PLANS = 9
LONGEST = 4095


def bodies(files):
    """`(is CSV, body)` of every pair with a body of the two types."""
    for file in files:
        for line in pathlib.Path(file).read_text().splitlines():
            request = json.loads(line)["request"]
            kinds = [value for name, value in request.get("headers") or [] if name.lower() == "content-type"]
            kind = kinds[0] if kinds else ""
            body = base64.b64decode(request["body_b64"]) if request.get("body_b64") else (request.get("body") or "").encode()
            if kind.startswith(("application/json", "text/csv")) and 0 < len(body) <= LONGEST:
                yield kind.startswith("text/csv"), body


def renamed(is_csv, body):
    """The body with its first two names as `a` and `b`."""
    names = body.split(b"\n", 1)[0].split(b",") if is_csv else re.findall(rb'"([^"]+)"(?=\s*[:,\]])', body)
    names = [name for name in names if name and not name.startswith((b"dataframe_", b"in", b"params", b"columns", b"data"))]
    for name, other in zip(dict.fromkeys(names), (b"a", b"b")):
        body = body.replace(name if is_csv else b'"' + name + b'"', other if is_csv else b'"' + other + b'"')
    return body


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    seen = set()
    for is_csv, body in bodies(sys.argv[1:]):
        for text in (body, renamed(is_csv, body)):
            if text in seen:
                continue
            first = len(seen) % PLANS | (0 if is_csv else 0x80)
            seen.add(text)
            (FOLDER / hashlib.sha1(text).hexdigest()).write_bytes(bytes([first]) + text)
    print(f"{len(seen)} bodies")


if __name__ == "__main__":
    main()
