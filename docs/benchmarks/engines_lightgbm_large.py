"""Trains two models that the quickest kernels cannot take: trees of more than 256 leaves, rows of more than 256 columns.

    OUT=/some/folder/ python engines_lightgbm_large.py deep wide     # lgb_deep.txt, lgb_deep.x.f64, …

The data are of the kind of fixtures/engines/gen_lgb.py, which makes models a, b and c; the folder may be the same.
"""
import os, sys

import lightgbm as lgb
import numpy as np

SIZES = {"deep": dict(rounds=500, leaves=1000, features=50), "wide": dict(rounds=300, leaves=63, features=500)}
ROWS, TEST_ROWS = 20_000, 10_000
out = os.environ.get("OUT", "./")
for name in sys.argv[1:] or SIZES:
    size, rng = SIZES[name], np.random.default_rng(7)
    x = rng.normal(size=(ROWS + TEST_ROWS, size["features"]))
    weights = rng.normal(size=size["features"]) * (rng.random(size["features"]) < 0.6)
    y = x @ weights + 0.5 * np.sin(3 * x[:, :10]).sum(axis=1) + x[:, 0] * x[:, 1] + rng.normal(size=len(x))
    parameters = dict(objective="regression", num_leaves=size["leaves"], learning_rate=0.05, min_data_in_leaf=5, num_threads=1, verbose=-1)
    booster = lgb.train(parameters, lgb.Dataset(x[:ROWS], y[:ROWS]), size["rounds"])
    booster.save_model(f"{out}lgb_{name}.txt")
    x[ROWS:].astype("<f8").tofile(f"{out}lgb_{name}.x.f64")
