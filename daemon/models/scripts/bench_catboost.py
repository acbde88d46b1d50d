#!/usr/bin/env python3
"""Trains the models of the CatBoost benchmark and times Python CatBoost on them, one thread.

    python bench_catboost.py FOLDER
    YUMMY_CATBOOST_BENCH=FOLDER cargo run --release -p yummy-models --features reference-catboost --example catboost_speed

100, 1,000 and 5,000 trees of depth 6: over 50 numbers, and over 20 numbers and 6 categories with CTRs. Each folder gets
model.cbm, 10,000 rows (cells.f64: row-major, categories as their hash) and python.json: nanoseconds per row by number of
rows, the least of several rounds of process time, once for a numpy array or Pool-less frame as MLflow passes it.
"""

import json
import pathlib
import sys
import time

import catboost as cb
import numpy as np
import pandas as pd

RNG = np.random.RandomState(7)
TRAIN, ROWS = 20_000, 10_000
SIZES = (1, 10, 100, 1_000, 10_000)


def numeric(rows):
    return pd.DataFrame(RNG.randn(rows, 50), columns=[f"x{i}" for i in range(50)])


def categorical(rows):
    frame = pd.DataFrame(RNG.randn(rows, 20), columns=[f"x{i}" for i in range(20)])
    for name, size in [("a", 5), ("b", 30), ("c", 100), ("d", 500), ("e", 2000), ("f", 20)]:
        frame[name] = [f"{name}{value}" for value in (RNG.rand(rows) ** 2 * size).astype(int)]
    return frame


def target(frame):
    y = frame.x0 + np.sin(3 * frame.x1) + frame.x2 * frame.x3 + 0.5 * RNG.randn(len(frame))
    for name in "abcdef":
        if name in frame:
            y = y + (frame[name].str[1:].astype(int) % 7) * 0.2
    return y


def time_python(model, frame):
    nanoseconds = {}
    for rows in SIZES:
        part = frame[:rows]
        best = float("inf")
        for _ in range(30 if rows <= 1000 else 5):
            repeat = max(1, 200 // rows)
            start = time.process_time_ns()
            for _ in range(repeat):
                model.predict(part, thread_count=1)
            best = min(best, (time.process_time_ns() - start) / repeat / rows)
        nanoseconds[rows] = best
    return nanoseconds


def main():
    out = pathlib.Path(sys.argv[1])
    for kind, rows, cats in [("numeric", numeric, None), ("ctr", categorical, list("abcdef"))]:
        train, score = rows(TRAIN), rows(ROWS)
        y = target(train)
        for trees in (100, 1000, 5000):
            folder = out / f"{kind}_{trees}"
            folder.mkdir(parents=True, exist_ok=True)
            model = cb.CatBoostRegressor(iterations=trees, depth=6, learning_rate=0.05, verbose=0, thread_count=2,
                                         allow_writing_files=False, cat_features=cats, max_ctr_complexity=2)
            model.fit(train, y)
            model.save_model(str(folder / "model.cbm"))
            for name in cats or []:
                (folder / f"{name}.txt").write_text("\n".join(score[name]))
            score.drop(columns=cats or []).to_numpy().astype("<f8").tofile(folder / "numbers.f64")
            (folder / "python.json").write_text(json.dumps(time_python(model, score)))
            np.asarray(model.predict(score)).astype("<f8").tofile(folder / "expected.f64")
            print(folder, flush=True)


if __name__ == "__main__":
    main()
