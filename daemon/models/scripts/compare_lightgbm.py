#!/usr/bin/env python3
r"""Compares this crate's answers with Python LightGBM's, bit by bit, over models of random parameters.

    python compare_lightgbm.py [--seeds 0:300] [--rows 2000] [--out FOLDER] [--only-write] [KIND ...]

Kinds: `boosters` (random parameters, one model per seed), `categories` (pandas category columns), `estimators` (the
sklearn classes with labels of every type, in every container that MLflow writes; needs mlflow, skops, cloudpickle).
Needs lightgbm, numpy and pandas, and cargo. A model becomes a folder: what MLflow would load (`model/`), rows
(`cells.f64` or `cells.json`), answers (`answers.f64`) and `about.json`. `cargo run --example lightgbm_compare` scores the
same rows and counts the bits that differ.

Older LightGBM: run it there with `--only-write --out FOLDER` (lightgbm 2.3, 3.3 and 4.0 were tried), then
`--answer --out FOLDER` with the newest, which answers anew for the texts that the old one wrote.
"""

import argparse
import json
import os
import pathlib
import pickle
import shutil
import subprocess
import tempfile
import warnings

import lightgbm as lgb
import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
VERSION = tuple(int(part) for part in lgb.__version__.split(".")[:2])
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-35, -1e-35, 1.0000001e-35, 9.9e-36, 1e-40, -5e-324, 1e300, -1e300,
           2147483647.0, 2147483648.0, -2147483649.0, 4294967296.0, 1e18, -1.0, -0.5, 0.5, 1.5, 31.0, 32.0, 63.9, 64.0]
CONTRIBUTION_ROWS = 200
ONE_OUTPUT = ["regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie", "binary",
              "cross_entropy", "cross_entropy_lambda", "lambdarank", "rank_xendcg", "custom"]
MANY_OUTPUTS = ["multiclass", "multiclassova", "custom_many"]


def column(rng, rows):
    """Numbers of one of many kinds."""
    normal = rng.normal(size=rows)
    return [
        lambda: normal,
        lambda: normal * 1e30,
        lambda: normal * 1e-36,
        lambda: np.exp(3 * normal),
        lambda: rng.integers(0, 4, rows).astype(float),
        lambda: rng.integers(-3, 60, rows).astype(float),
        lambda: np.where(rng.random(rows) < 0.6, 0.0, normal),
        lambda: np.where(rng.random(rows) < 0.2, np.nan, normal),
        lambda: np.where(rng.random(rows) < 0.3, np.nan, np.where(rng.random(rows) < 0.5, 0.0, normal)),
        lambda: normal.astype("f4").astype(float),
        lambda: np.full(rows, 7.0),
        lambda: np.where(rng.random(rows) < 0.05, np.inf, normal),
        lambda: np.full(rows, np.nan),
    ][rng.choice(13, p=[0.2, 0.05, 0.05, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.04, 0.02, 0.02, 0.02])]()


def signal(rng, table):
    """What the columns have to say, and noise."""
    known = np.nan_to_num(table, nan=-1.0, posinf=3.0, neginf=-3.0)
    scaled = known / (np.abs(known).max(axis=0) + 1e-300)
    first = scaled[:, 0]
    return scaled @ rng.normal(size=table.shape[1]) + np.sin(9 * first) + rng.normal(size=len(table)) * 0.1


def some(rng, **choices):
    """Each parameter with a probability of a half."""
    return {name: values[rng.integers(len(values))] for name, values in choices.items() if rng.random() < 0.5}


def target(objective, score, classes):
    """A target that the objective accepts."""
    if objective == "binary":
        return (score > np.median(score)).astype(int)
    if objective in ("multiclass", "multiclassova", "custom_many"):
        return np.clip(np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1])), 0, classes - 1)
    if objective in ("cross_entropy", "cross_entropy_lambda"):
        return 1 / (1 + np.exp(-score))
    if objective in ("lambdarank", "rank_xendcg"):
        return np.digitize(score, np.quantile(score, [0.4, 0.8]))
    if objective in ("poisson", "gamma", "tweedie"):
        return np.abs(score) + 0.1
    return score


def parameters(rng, objective, classes, features):
    """Random parameters, fit for the objective."""
    chosen = some(
        rng, num_leaves=[2, 3, 7, 31, 100, 300], max_bin=[2, 3, 15, 63, 255, 1000, 5000], min_data_in_leaf=[1, 5, 20],
        learning_rate=[0.01, 0.3, 1.0], feature_fraction=[0.4, 0.9], lambda_l1=[0.1, 2.0], lambda_l2=[1.0], max_depth=[1, 4, 12],
        zero_as_missing=[True], use_missing=[False], extra_trees=[True], path_smooth=[1.0], min_data_in_bin=[1],
        feature_pre_filter=[False], boost_from_average=[False], max_delta_step=[0.5], cat_smooth=[1.0], cat_l2=[0.5],
        max_cat_to_onehot=[1, 4, 99], min_data_per_group=[1, 20], max_cat_threshold=[2, 64], enable_bundle=[False],
        min_sum_hessian_in_leaf=[0.0], min_gain_to_split=[0.01], bin_construct_sample_cnt=[50], feature_fraction_bynode=[0.5],
    )
    chosen["min_data_in_leaf"] = chosen.get("min_data_in_leaf", 3)
    boosting = ["gbdt", "gbdt", "dart", "rf", "goss"][rng.integers(5)]
    chosen["boosting"] = boosting
    if boosting == "rf" or (boosting != "goss" and rng.random() < 0.3):
        chosen.update(bagging_fraction=0.6, bagging_freq=1)
    if boosting == "dart":
        chosen.update(some(rng, xgboost_dart_mode=[True], uniform_drop=[True], drop_rate=[0.5]))
    if rng.random() < 0.15:
        chosen["monotone_constraints"] = [int(sign) for sign in rng.integers(-1, 2, features)]
    if VERSION >= (3, 2) and objective not in ("regression_l1",) and boosting != "rf" and rng.random() < 0.2:
        chosen.update(linear_tree=True, **some(rng, linear_lambda=[0.1, 1.0]))
        chosen.pop("zero_as_missing", None)
    if VERSION >= (4, 0) and rng.random() < 0.1:
        chosen["use_quantized_grad"] = True
    if objective == "binary":
        chosen.update(some(rng, sigmoid=[0.3, 1.7, 2.0, 1e-3], is_unbalance=[True]))
        if "is_unbalance" not in chosen:
            chosen.update(some(rng, scale_pos_weight=[3.0]))
    if objective == "multiclassova":
        chosen.update(some(rng, sigmoid=[0.5, 12.25]))
    if objective in ("regression", "regression_l1", "huber", "fair", "quantile", "mape"):
        chosen.update(some(rng, reg_sqrt=[True], alpha=[0.2, 0.9], fair_c=[2.0]))
    if objective == "tweedie":
        chosen.update(some(rng, tweedie_variance_power=[1.1, 1.9]))
    if objective in MANY_OUTPUTS:
        chosen["num_class"] = classes
    return chosen


def gradients(outputs):
    """A custom objective: squared error, or softmax."""
    def one(scores, data):
        return scores - data.get_label(), np.ones_like(scores)

    def many(scores, data):
        label = data.get_label().astype(int)
        by_class = scores.ndim == 1
        scores = scores.reshape(outputs, -1).T if by_class else scores
        share = np.exp(scores - scores.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        first, second = share - np.eye(outputs)[label], 2 * share * (1 - share)
        return (first.T.ravel(), second.T.ravel()) if by_class else (first, second)

    return many if outputs > 1 else one


def train(settings, data, rounds, objective, classes, **more):
    """`lightgbm.train`, however the version takes a custom objective."""
    settings = dict(settings, verbose=-1, num_threads=1, seed=3)
    if objective.startswith("custom"):
        function = gradients(classes if objective == "custom_many" else 1)
        settings["boosting"] = "gbdt"  # the others refuse a function or need more of it
        for name in ("bagging_fraction", "bagging_freq", "xgboost_dart_mode", "uniform_drop", "drop_rate"):
            settings.pop(name, None)
        if VERSION >= (4, 0):
            return lgb.train(dict(settings, objective=function), data, rounds, **more)
        return lgb.train(dict(settings, objective="none"), data, rounds, fobj=function, **more)
    return lgb.train(dict(settings, objective=objective), data, rounds, **more)


def names_of(rng, features):
    """Names that LightGBM takes, some of them odd."""
    odd = ["a b", "x=1", "größe", "東京", "sepal length (cm)", "%s", "a\tb", "Tree=0", "100%", "'q'", "a/b\\c", "#", "ünï  codé"]
    return [odd[index] if index < len(odd) and rng.random() < 0.7 else f"x{index}" for index in range(features)]


def booster(seed):
    """Trains a random model. Gives the text, the features' training values and whether there are categories."""
    rng = np.random.default_rng(seed)
    objective = (ONE_OUTPUT + MANY_OUTPUTS)[seed % (len(ONE_OUTPUT) + len(MANY_OUTPUTS))]
    classes = int(rng.integers(2, 6)) if objective in MANY_OUTPUTS else 1
    rows = int(rng.choice([40, 300, 1000]))
    features = int(rng.choice([1, 2, 5, 12, 40], p=[0.1, 0.2, 0.4, 0.2, 0.1]))
    table = np.column_stack([column(rng, rows) for _ in range(features)])
    label = target(objective, signal(rng, table), classes)
    if objective in ("regression", "huber") and rng.random() < 0.15:
        label = np.full(rows, 3.5)
    settings = parameters(rng, objective, classes, features)
    small = [index for index in range(features) if not np.isnan(table[:, index]).any() and set(np.unique(table[:, index])) <= set(range(-3, 61))]
    categorical = [index for index in small if rng.random() < 0.5]
    if categorical:
        settings.pop("monotone_constraints", None)
    ranked = dict(group=[20] * (rows // 20)) if objective in ("lambdarank", "rank_xendcg") else {}
    weights = dict(weight=rng.random(rows) + 0.1) if rng.random() < 0.2 else {}
    names = names_of(rng, features)
    def data():
        return lgb.Dataset(table, label, categorical_feature=categorical, feature_name=names, free_raw_data=False,
                           params={name: settings[name] for name in ("max_bin", "linear_tree") if name in settings}, **ranked, **weights)
    rounds = int(rng.choice([1, 3, 12, 40]))
    how = rng.choice(["plain", "early", "continued", "refitted", "cut", "shuffled"], p=[0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    more = {}
    if how == "early" and settings["boosting"] != "dart" and objective not in ("lambdarank", "rank_xendcg", "custom", "custom_many"):
        valid = lgb.Dataset(table[: rows // 2], label[: rows // 2][::-1], reference=None, categorical_feature=categorical, feature_name=names)
        train_data = data()
        valid = train_data.create_valid(table[: rows // 2], label[: rows // 2][::-1])
        early = dict(callbacks=[lgb.early_stopping(2, verbose=False)]) if VERSION >= (3, 3) else dict(early_stopping_rounds=2, verbose_eval=False)
        model = train(settings, train_data, rounds, objective, classes, valid_sets=[valid], **early)
    else:
        if how == "continued" and settings["boosting"] != "rf":
            more["init_model"] = train(settings, data(), 2, objective, classes)
        model = train(settings, data(), rounds, objective, classes, **more)
    save = {}
    if how == "refitted" and not ranked and not objective.startswith("custom"):
        model = model.refit(table, label, decay_rate=0.4)
    if how == "cut":
        save = dict(num_iteration=max(1, rounds // 2), start_iteration=min(1, rounds - 1))
    if how == "shuffled":
        model.shuffle_models()
    text = model.model_to_string(**save)
    about = dict(seed=seed, objective=objective, how=str(how), categorical=categorical, **{k: v for k, v in settings.items() if k != "monotone_constraints"})
    return text, table, about


def awkward(rng, text, table, rows):
    """Rows near the training's and near the thresholds, with whatever is special."""
    features = table.shape[1]
    near = [list(SPECIAL) for _ in range(features)]
    lines = [line.split("=", 1)[1].split() for line in text.split("\n") if line.startswith(("split_feature=", "threshold="))]
    for splits, thresholds in zip(lines[::2], lines[1::2]):
        for feature, threshold in zip(splits, thresholds):
            value = float(threshold)
            near[int(feature)] += [value, np.nextafter(value, np.inf), np.nextafter(value, -np.inf)]
    cells = table[rng.integers(len(table), size=rows)].copy()
    for index in range(features):
        picked = np.array(near[index])[rng.integers(len(near[index]), size=rows)]
        cells[:, index] = np.where(rng.random(rows) < 0.5, picked, cells[:, index])
    return cells


class Answers:
    """Answers one after the other, in a file of doubles."""

    def __init__(self, folder):
        self.folder, self.doubles, self.about = folder, [], {}

    def add(self, method, values):
        values = np.asarray(values)
        one = dict(shape=list(values.shape), kind=values.dtype.kind)
        if values.dtype.kind == "f" or method in ("leaf_index",):
            one["at"] = sum(len(part) for part in self.doubles)
            self.doubles.append(values.astype("<f8").ravel())
        else:
            one["values"] = values.ravel().tolist()
        self.about[method] = one

    def write(self, **about):
        np.concatenate(self.doubles or [np.empty(0)]).tofile(self.folder / "answers.f64")
        (self.folder / "about.json").write_text(json.dumps(dict(about, answers=self.about), default=str))


def answer_booster(folder, about, text, cells, frame=None):
    """All that `Booster` answers for a text."""
    model = lgb.Booster(model_str=text)
    rows = cells if frame is None else frame
    answers = Answers(folder)
    answers.add("predict", model.predict(rows))
    answers.add("raw_score", model.predict(rows, raw_score=True))
    answers.add("leaf_index", np.asarray(model.predict(rows, pred_leaf=True)).reshape(len(rows), -1))
    try:
        answers.add("contributions", model.predict(rows[:CONTRIBUTION_ROWS], pred_contrib=True))
    except lgb.basic.LightGBMError:
        pass  # linear trees have none
    answers.write(**about, rows=len(rows))


def write_booster(folder, text):
    (folder / "model").mkdir(parents=True, exist_ok=True)
    (folder / "model/model.lgb").write_text(text, encoding="utf-8", newline="\n")
    (folder / "model/MLmodel").write_text("flavors:\n  lightgbm:\n    data: model.lgb\n")


def boosters(out, seeds, rows):
    """Each in a process of its own: some parameters make LightGBM crash while it trains."""
    for seed in seeds:
        child = os.fork()
        if child == 0:
            one_booster(out / f"booster_{seed:04}", seed, rows)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status != 0:
            print(f"seed {seed}: ended with status {status}")
            shutil.rmtree(out / f"booster_{seed:04}", ignore_errors=True)


def one_booster(folder, seed, rows):
    try:
        text, table, about = booster(seed)
    except (lgb.basic.LightGBMError, ValueError, AttributeError) as error:
        print(f"seed {seed}: LightGBM does not train it: {str(error)[:150]}", flush=True)
        return
    write_booster(folder, text)
    cells = awkward(np.random.default_rng(seed + 10**6), text, table, rows)
    cells.astype("<f8").tofile(folder / "cells.f64")
    answer_booster(folder, about, text, cells)


def answer_again(out):
    """Answers of this LightGBM for what another has written."""
    for folder in sorted(out.glob("booster_*")):
        about = json.loads((folder / "about.json").read_text())
        text = (folder / "model/model.lgb").read_text(encoding="utf-8")
        cells = np.fromfile(folder / "cells.f64").reshape(about.pop("rows"), -1)
        about.pop("answers")
        answer_booster(folder, about, text, cells)


def categories(out, seeds, rows):
    """pandas columns of every kind of category; the rows have values that training had not."""
    kinds = {
        "text": (["b", "a", "ü", "", "True", "1"], ["zz", None]),
        "int": ([3, -7, 0, 2**40, 1], [5, None]),
        "float": ([0.5, -0.0, 1e300, 2.0], [0.25, None]),
        "bool": ([False, True], [None]),
        "one": (["only"], ["another"]),
    }
    for seed in seeds:
        rng = np.random.default_rng(seed)
        folder = out / f"categories_{seed:04}"
        names = list(rng.permutation(list(kinds))[: rng.integers(1, 6)])
        ordered = bool(rng.random() < 0.15)
        def frame(count, unseen):
            data = {"n0": rng.normal(size=count)}
            for name in names:
                seen, more = kinds[name]
                values = [seen[int(at)] for at in rng.integers(len(seen), size=count)]
                if unseen:
                    values = [more[int(rng.integers(len(more)))] if rng.random() < 0.2 else value for value in values]
                data[name] = pd.Series(values, dtype=object)
            data["n1"] = rng.normal(size=count)
            return pd.DataFrame(data)
        train_frame = frame(500, False)
        for name in names:
            train_frame[name] = pd.Categorical(train_frame[name], categories=sorted(set(train_frame[name])), ordered=ordered)
        score = train_frame["n0"] + sum(np.asarray(train_frame[name].cat.codes) % 3 for name in names)
        model = lgb.train(dict(objective="regression", verbose=-1, num_threads=1, min_data_per_group=1, cat_smooth=1.0, min_data_in_leaf=2,
                               **some(rng, max_cat_to_onehot=[1, 99], num_leaves=[4, 60])), lgb.Dataset(train_frame, score), 20)
        text = model.model_to_string()
        write_booster(folder, text)
        if ordered:
            columns = [f'{{"name": "{name}", "type": "{"string" if name in names else "double"}"}}' for name in train_frame.columns]
            with open(folder / "model/MLmodel", "a") as file:
                file.write("signature:\n  inputs: '[" + ", ".join(columns) + "]'\n")
        asked = frame(rows, True)
        cells = [[None if pd.isna(cell) else cell for cell in row] for row in asked.itertuples(index=False)]
        (folder / "cells.json").write_text(json.dumps(cells))
        for name in names:
            asked[name] = pd.Categorical(asked[name], categories=train_frame[name].cat.categories)
        answer_booster(folder, dict(seed=seed, names=names, ordered=ordered), text, np.empty(0), asked)


def label_kinds(score):
    """Targets of every type that a label can have."""
    half, third = score > np.median(score), np.digitize(score, np.quantile(score, [0.3, 0.6]))
    return {
        "int": half.astype(int), "negative": np.where(half, -5, -9), "large": np.where(half, 2**60 + 1, -(2**61)),
        "bool": half, "float": np.where(half, 0.1, -3.5), "float32": np.where(half, 0.1, 2.5).astype("f4"), "float_whole": half * 2.0,
        "text": np.where(half, "ja", "nö"), "object": np.where(half, "yes", "no").astype(object), "number_text": np.where(half, "10", "9"),
        "int8": half.astype("i1"), "uint64": np.where(half, 7, 2**40).astype("u8"), "int16": (third - 1).astype("i2"),
        "three": third + 1, "three_text": np.array(["a", "東京", ""])[third], "three_float": np.array([0.5, 1.5, -1e10])[third],
        "series": pd.Series(np.where(half, 3, 4)), "category": pd.Series(np.where(half, "x", "y")).astype("category"),
        "string": pd.Series(np.where(half, "x", "y"), dtype="string"), "nullable": pd.Series(half.astype(int), dtype="Int64"),
        "object_ints": np.where(half, 4, 6).astype(object), "object_bools": half.astype(object), "one": np.full(len(score), 5),
    }


def estimator_models(table, score):
    """Name and fitted estimator."""
    tiny = dict(n_estimators=4, num_leaves=5, verbose=-1, n_jobs=1, min_child_samples=5)
    C, R, K = lgb.LGBMClassifier, lgb.LGBMRegressor, lgb.LGBMRanker
    for name, label in label_kinds(score).items():
        yield f"class_{name}", lambda label=label: C(**tiny).fit(table, label)
    binary, three = (score > np.median(score)).astype(int), np.digitize(score, np.quantile(score, [0.3, 0.6]))
    half = len(score) // 2
    stop = dict(eval_set=[(table[:half], binary[:half][::-1])], callbacks=[lgb.early_stopping(1, verbose=False)])
    def gradient(label, scores):
        return scores - label, np.ones_like(scores)
    variants = {
        "class_balanced": lambda: C(class_weight="balanced", **tiny).fit(table, three),
        "class_weights": lambda: C(class_weight={0: 1, 1: 9}, **tiny).fit(table, binary),
        "class_early": lambda: C(**{**tiny, "n_estimators": 30}).fit(table, binary, **stop),
        "class_ova": lambda: C(objective="multiclassova", **tiny).fit(table, three),
        "class_ova_two": lambda: C(objective="multiclassova", **tiny).fit(table, binary),
        "class_multiclass_two": lambda: C(objective="multiclass", num_class=2, **tiny).fit(table, binary),
        "class_xentropy": lambda: C(objective="cross_entropy", **tiny).fit(table, binary),
        "class_xentlambda": lambda: C(objective="cross_entropy_lambda", **tiny).fit(table, binary),
        "class_regression": lambda: C(objective="regression", **tiny).fit(table, binary),
        "class_custom": lambda: C(objective=gradient, **tiny).fit(table, binary),
        "class_linear": lambda: C(linear_tree=True, **tiny).fit(table, binary),
        "class_dart": lambda: C(boosting_type="dart", **tiny).fit(table, three),
        "class_rf": lambda: C(boosting_type="rf", subsample=0.5, subsample_freq=1, **tiny).fit(table, three),
        "class_categorical": lambda: C(**tiny).fit(table, binary, categorical_feature=[2]),
        "class_more_classes": lambda: C(num_class=5, objective="multiclass", **tiny).fit(table, three),
        "class_init": lambda: C(**tiny).fit(table, binary, init_model=C(**tiny).fit(table, binary)),
        "class_pred_stop": lambda: C(pred_early_stop=True, pred_early_stop_margin=0.01, **tiny).fit(table, binary),
        "regressor": lambda: R(**tiny).fit(table, score),
        "regressor_early": lambda: R(**{**tiny, "n_estimators": 40}).fit(table, score, eval_set=[(table[:half], score[:half][::-1])], callbacks=[lgb.early_stopping(1, verbose=False)]),
        "regressor_custom": lambda: R(objective=gradient, **tiny).fit(table, score),
        "regressor_binary": lambda: R(objective="binary", **tiny).fit(table, binary),
        "regressor_constant": lambda: R(**tiny).fit(table, score * 0 + 2.5),
        "regressor_one_leaf": lambda: R(n_estimators=1, min_child_samples=10**6, verbose=-1).fit(table, score),
        "ranker": lambda: K(**tiny).fit(table, three, group=[len(score) // 10] * 10),
        "ranker_xendcg": lambda: K(objective="rank_xendcg", **tiny).fit(table, three, group=[len(score) // 10] * 10),
        "model": lambda: lgb.LGBMModel(objective="poisson", **tiny).fit(table, np.abs(score)),
        "model_multiclass": lambda: lgb.LGBMModel(objective="multiclass", num_class=3, **tiny).fit(table, three),
    }
    for objective in ["regression_l1", "huber", "fair", "quantile", "mape", "poisson", "tweedie", "gamma"]:
        variants[f"regressor_{objective}"] = lambda objective=objective: R(objective=objective, **tiny).fit(table, np.abs(score) + 0.1)
    yield from variants.items()


def estimators(out, _seeds, rows):
    """Every estimator, saved by MLflow where there is one and pickled where not."""
    rng = np.random.default_rng(5)
    table = np.column_stack([rng.normal(size=400), np.where(rng.random(400) < 0.2, np.nan, rng.normal(size=400)), rng.integers(0, 30, 400)])
    score = table[:, 0] + np.nan_to_num(table[:, 1]) + np.sin(table[:, 2])
    for name, fit in estimator_models(table, score):
        try:
            model = fit()
        except Exception as error:  # whatever an old version does not know
            print(f"{name}: LightGBM does not train it: {type(error).__name__} {str(error)[:120]}")
            continue
        text = model.booster_.model_to_string()
        cells = awkward(np.random.default_rng(8), text, table, min(rows, 300))
        for container, write in containers(model).items():
            folder = out / f"{name}.{container}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            try:
                predict = write(folder / "model")
            except Exception as error:
                print(f"{name}.{container}: not written: {type(error).__name__} {str(error)[:120]}")
                shutil.rmtree(folder)
                continue
            cells.astype("<f8").tofile(folder / "cells.f64")
            answers = Answers(folder)
            answers.add("predict", predict(cells))
            answers.add("raw_score", model.predict(cells, raw_score=True))
            if hasattr(model, "predict_proba"):
                answers.add("predict_proba", model.predict_proba(cells))
            answers.write(name=name, container=container, rows=len(cells))


def containers(model):
    """How a model can be written; each writer gives what predicts as MLflow would."""
    names = [f"Column_{index}" for index in range(model.n_features_)]
    def dump(protocol, dumps):
        def write(path):
            path.mkdir()
            (path / "model.pkl").write_bytes(dumps(model, protocol=protocol))
            (path / "MLmodel").write_text("flavors:\n  lightgbm:\n    data: model.pkl\n")
            return model.predict
        return write
    found = {f"pickle{protocol}": dump(protocol, pickle.dumps) for protocol in (0, 2, 5)}
    try:
        import cloudpickle
        found["cloudpickle"] = dump(5, cloudpickle.dumps)
        import mlflow
    except ImportError:
        return found
    def log(module, **how):
        def write(path):
            module.save_model(model, str(path), pip_requirements=["lightgbm"], **how)  # looking for them takes seconds
            loaded = mlflow.pyfunc.load_model(str(path))
            return lambda cells: loaded.predict(pd.DataFrame(cells, columns=names))
        return write
    import mlflow.lightgbm, mlflow.sklearn
    trusted = dict(skops_trusted_types=["collections.OrderedDict", "collections.defaultdict", "lightgbm.basic.Booster", "lightgbm.sklearn.LGBMClassifier",
                                        "lightgbm.sklearn.LGBMRegressor", "lightgbm.sklearn.LGBMRanker", "lightgbm.sklearn.LGBMModel",
                                        "sklearn.preprocessing._label.LabelEncoder", "__main__.gradient"])
    found["mlflow_skops"] = log(mlflow.lightgbm, serialization_format="skops", **trusted)
    found["mlflow_cloudpickle"] = log(mlflow.lightgbm, serialization_format="cloudpickle")
    found["sklearn_skops"] = log(mlflow.sklearn, serialization_format="skops", **trusted)
    found["sklearn_cloudpickle"] = log(mlflow.sklearn, serialization_format="cloudpickle")
    found["sklearn_pickle"] = log(mlflow.sklearn, serialization_format="pickle")
    return found


KINDS = dict(boosters=boosters, categories=categories, estimators=estimators)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0:300")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--out", help="where the folders go")
    parser.add_argument("--only-write", action="store_true")
    parser.add_argument("--answer", action="store_true", help="answer for the models in --out with this LightGBM")
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []])
    options = parser.parse_args()
    out = pathlib.Path(options.out or tempfile.mkdtemp(prefix="lightgbm-compare-"))
    out.mkdir(parents=True, exist_ok=True)
    seeds = range(*map(int, options.seeds.split(":")))
    if options.answer:
        answer_again(out)
    else:
        for kind in options.kinds or KINDS:
            KINDS[kind](out, seeds, options.rows)
    if options.only_write:
        return
    root = pathlib.Path(__file__).resolve().parents[3]
    command = ["cargo", "run", "-q", "-p", "yummy-models", "--example", "lightgbm_compare", "--", str(out)]
    raise SystemExit(subprocess.run(command, cwd=root, env=dict(os.environ)).returncode)


if __name__ == "__main__":
    main()
