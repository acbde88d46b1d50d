#!/usr/bin/env python3
"""Trains the models of the CatBoost benchmark, and times Python CatBoost on them, one thread.

    python bench_catboost.py train FOLDER [NAME ...]
    python bench_catboost.py time FOLDER
    YUMMY_CATBOOST_BENCH=FOLDER make bench-catboost

100, 1,000 and 5,000 trees of depth 6: over 50 numbers, and over 20 numbers and 6 categories with CTRs of single categories
and of pairs. `train` gives each model a folder with model.cbm, 10,000 rows (numbers.f64: row-major; one text per category)
and Python's answers for them. `time` adds python.json: nanoseconds of process time per row by number of rows, the least of
several rounds of `predict(DataFrame)`, which is what MLflow calls; how long `load_model` takes, and the memory that it adds.
"""

import json
import pathlib
import subprocess
import sys
import time

import catboost as cb
import numpy as np
import pandas as pd

TRAIN, ROWS = 20_000, 10_000
SIZES = (1, 10, 100, 1_000, 10_000)
TREES = (100, 1_000, 5_000)
CATEGORIES = {"a": 5, "b": 30, "c": 100, "d": 500, "e": 2000, "f": 20}
KINDS = {"numeric": (50, {}), "ctr": (20, CATEGORIES)}


def names():
    return [f"{kind}_{trees}" for kind in KINDS for trees in TREES]


def rows_of(random, count, numbers, categories):
    frame = pd.DataFrame(random.randn(count, numbers), columns=[f"x{i}" for i in range(numbers)])
    for name, size in categories.items():
        frame[name] = [f"{name}{value}" for value in (random.rand(count) ** 2 * size).astype(int)]
    return frame


def target(random, frame, categories):
    y = frame.x0 + np.sin(3 * frame.x1) + frame.x2 * frame.x3 + 0.5 * random.randn(len(frame))
    for name in categories:
        y = y + (frame[name].str[1:].astype(int) % 7) * 0.2
    return y


def train(folder, name):
    kind, trees = name.rsplit("_", 1)
    numbers, categories = KINDS[kind]
    random = np.random.RandomState(7)
    frame, score = rows_of(random, TRAIN, numbers, categories), rows_of(random, ROWS, numbers, categories)
    model = cb.CatBoostRegressor(iterations=int(trees), depth=6, learning_rate=0.05, verbose=0, thread_count=2,
                                 allow_writing_files=False, cat_features=list(categories), max_ctr_complexity=2)
    model.fit(frame, target(random, frame, categories))
    folder.mkdir(parents=True, exist_ok=True)
    model.save_model(str(folder / "model.cbm"))
    for category in categories:
        (folder / f"{category}.txt").write_text("\n".join(score[category]))
    score.drop(columns=list(categories)).to_numpy().astype("<f8").tofile(folder / "numbers.f64")
    np.asarray(model.predict(score)).astype("<f8").tofile(folder / "expected.f64")


def scored_rows(folder, name):
    numbers, categories = KINDS[name.rsplit("_", 1)[0]]
    cells = np.fromfile(folder / "numbers.f64", dtype="<f8").reshape(-1, numbers)
    frame = pd.DataFrame(cells, columns=[f"x{i}" for i in range(numbers)])
    for category in categories:
        frame[category] = (folder / f"{category}.txt").read_text().split("\n")
    return frame


def resident_bytes():
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def time_one(folder, name):
    frame = scored_rows(folder, name)
    before = resident_bytes()
    start = time.process_time_ns()
    model = cb.CatBoostRegressor().load_model(str(folder / "model.cbm"))
    measured = {"load_ms": (time.process_time_ns() - start) / 1e6, "load_bytes": resident_bytes() - before}
    for rows in SIZES:
        part = frame[:rows]
        best = float("inf")
        for _ in range(20 if rows <= 1000 else 5):
            repeat = max(1, 50 // rows)
            start = time.process_time_ns()
            for _ in range(repeat):
                model.predict(part, thread_count=1)
            best = min(best, (time.process_time_ns() - start) / repeat / rows)
        measured[rows] = best
    (folder / "python.json").write_text(json.dumps(measured))


def main():
    command, out = sys.argv[1], pathlib.Path(sys.argv[2])
    for name in sys.argv[3:] or names():
        if command == "train":
            train(out / name, name)
        elif command == "time-one":
            time_one(out / name, name)
        else:
            # A process of its own for each, so that no model's memory was another's before.
            subprocess.run([sys.executable, __file__, "time-one", str(out), name], check=True)
        print(out / name, flush=True)


if __name__ == "__main__":
    main()
