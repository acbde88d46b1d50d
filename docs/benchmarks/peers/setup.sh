#!/usr/bin/env bash
# Installs the peers that compare.py measures, each where it disturbs no other. Needs Python 3.11 and the network (PyPI).
#
#   docs/benchmarks/peers/setup.sh [DIR]      DIR is target/peers unless given; about 2 GB
#
# A peer that cannot be installed here is left out, with a line that says so, and compare.py then measures without it:
# yummy-mlflow 0.0.9 has wheels for CPython 3.9 alone (PYTHON39 names it where `python3.9` does not run).
set -euo pipefail
cd "$(dirname "$0")/../../.."
dir=${1:-${CARGO_TARGET_DIR:-target}/peers}
mkdir -p "$dir"
python=${PYTHON:-python3}
python39=${PYTHON39:-python3.9}

install() { # NAME PYTHON PACKAGES...
    local name=$1 interpreter=$2
    shift 2
    if [ -e "$dir/$name/installed" ]; then return; fi
    if "$interpreter" -m venv "$dir/$name" && "$dir/$name/bin/pip" install -q --disable-pip-version-check "$@"; then
        "$dir/$name/bin/pip" freeze > "$dir/$name/installed"
        echo "$name: installed"
    else
        echo "$name: cannot be installed here, left out" >&2
        rm -rf "${dir:?}/$name"
    fi
}

# As `pip install mlflow` leaves it: uvicorn with the pure-Python event loop and parser.
install mlflow "$python" mlflow==3.17.2 lightgbm==4.7.0 scikit-learn pandas
# What `uvicorn[standard]` adds (uvloop, httptools), beside it: compare.py puts it on PYTHONPATH.
if [ -e "$dir/mlflow/installed" ] && [ ! -e "$dir/standard/installed" ]; then
    "$dir/mlflow/bin/pip" install -q --disable-pip-version-check --target "$dir/standard" uvloop httptools
    touch "$dir/standard/installed"
    echo "uvicorn[standard]: installed"
fi
# A fresh MLServer 1.7.1 does not start with uvloop 0.22 or newer ("There is no current event loop").
install mlserver "$python" mlserver==1.7.1 mlserver-mlflow==1.7.1 mlserver-lightgbm==1.7.1 uvloop==0.21.0
if command -v "$python39" > /dev/null; then
    install yummy-mlflow "$python39" yummy-mlflow==0.0.9
else
    echo "yummy-mlflow: no CPython 3.9 here (PYTHON39 names one), left out" >&2
fi
