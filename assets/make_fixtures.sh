#!/bin/sh
# Packs what `make test` needs of ../shared/fixtures into assets/fixtures.tar.xz, so that a clone without ../shared
# tests the same models, requests and answers. Needs GNU tar and xz; the same input gives the same archive.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
shared=${YUMMY_SHARED:-$here/../../shared}
tar --create --directory "$shared/fixtures" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u+rw,go+r \
    mlflow/mlruns mlflow/golden mlflow/layouts mlflow/legacy_1x \
    mlflow/index.json mlflow/http_pairs.jsonl mlflow/coercion_matrix.json |
    xz --threads=1 -9 --extreme > "$here/fixtures.tar.xz"
ls -l "$here/fixtures.tar.xz"
