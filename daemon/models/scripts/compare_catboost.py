#!/usr/bin/env python3
r"""Compares this crate's answers with Python CatBoost's, bit by bit, over random rows of many kinds of models.

    python compare_catboost.py [--rows 100000] [--out FOLDER] [NAME ...]

The tests' own data come from it too:

    python compare_catboost.py --rows 40 --shap-rows 10 --iterations 4 --only-write --out ../tests/catboost/data \
        nan_min multi_more_classes uncertainty lossguide_multi multi_label cat_mixed cat_all_kinds binary_text

Needs catboost, numpy and pandas, and cargo. Each model is trained, saved in both formats and loaded again (JSON does not
keep every bit, so its answers are those of the model that was read back); its rows and answers go to a folder, and
`cargo run --release --example catboost_compare` scores the same rows and counts the bits that differ.
"""

import argparse
import inspect
import json
import os
import pathlib
import subprocess
import tempfile
import warnings

import catboost as cb
import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
TRAIN = 3000
RNG = np.random.RandomState(20)
QUIET = dict(verbose=0, allow_writing_files=False, thread_count=2, iterations=60, random_seed=1)
CATS = ["city", "sex", "code", "flag", "long"]


def numbers(rows, features=8):
    """Numbers of several scales; a constant one and one with few values among them."""
    frame = pd.DataFrame(RNG.randn(rows, features), columns=[f"x{i}" for i in range(features)])
    frame["x1"] *= 1e4
    frame["x2"] = RNG.randint(0, 5, rows).astype(float)
    frame["x3"] = 7.0
    return frame


def with_missing(frame, share=0.1):
    """The same with NaN in two columns."""
    frame = frame.copy()
    for column in ("x0", "x4"):
        frame.loc[RNG.rand(len(frame)) < share, column] = np.nan
    return frame


def categories(rows, unseen=False):
    """Text, integers, booleans as text, and texts of every length class of the hash, beside numbers."""
    frame = numbers(rows, 4)
    more = 20 if unseen else 0
    frame["city"] = [f"ville {i}" for i in RNG.randint(0, 40 + more, rows)]
    frame["sex"] = RNG.choice(["m", "f", "東京"], rows)
    frame["code"] = RNG.randint(-5, 25 + more, rows)
    frame["flag"] = RNG.choice(["True", "False"], rows)
    frame["long"] = ["L" * int(k) + str(k) for k in RNG.randint(0, 130 + more, rows)]
    return frame


def unseen(rows):
    """Rows with categories that the training did not have, for functions that can make them."""
    if "unseen" in inspect.signature(rows).parameters:
        return rows(TRAIN * 2, unseen=True)
    return rows(TRAIN * 2)


def target(frame):
    """A number that depends on all kinds of columns."""
    x = frame["x0"].fillna(-1).to_numpy()
    y = x + 0.3 * frame["x2"].to_numpy() + np.sin(frame["x1"].to_numpy() / 3e3)
    if "city" in frame:
        y = y + frame["city"].str.len().to_numpy() * 0.1 + (frame["code"].to_numpy() % 5) * 0.4
        y = y + frame["city"].str[-1:].astype(int).to_numpy() * 0.2 * (frame["sex"] == "m").to_numpy()
    return y + RNG.randn(len(frame)) * 0.2


def thirds(y):
    return np.digitize(y, np.quantile(y, [0.33, 0.66]))


def half(y):
    return (y > np.median(y)).astype(int)


C, R, B, K = cb.CatBoostClassifier, cb.CatBoostRegressor, cb.CatBoost, cb.CatBoostRanker
NAMES3 = np.array(["red", "green", "blüe"])


def labels(*of):
    return lambda y: np.array(of)[thirds(y) if len(of) == 3 else half(y)]


def columns(*functions):
    return lambda y: np.column_stack([function(y) for function in functions])


# name: class, rows, target, parameters; those with _ are the script's own
MODELS = {
    "regression": (R, numbers, None, {}),
    "nan_min": (R, lambda n: with_missing(numbers(n)), None, dict(nan_mode="Min")),
    "nan_max": (R, lambda n: with_missing(numbers(n)), None, dict(nan_mode="Max")),
    "nan_forbidden": (R, numbers, None, dict(nan_mode="Forbidden")),
    "deep": (R, numbers, None, dict(depth=10, iterations=20)),
    "very_deep": (R, numbers, None, dict(depth=16, iterations=2)),
    "stumps": (R, numbers, None, dict(depth=1, iterations=200)),
    "long": (R, numbers, None, dict(iterations=1000, depth=4)),
    "many_features": (R, lambda n: numbers(n, 300), lambda y: y, dict(iterations=100, rsm=0.2)),
    "border_count_1000": (R, numbers, None, dict(border_count=1000, depth=8, iterations=200)),
    "per_feature_quantization": (R, numbers, None, dict(per_float_feature_quantization=["0:border_count=1024", "1:border_count=5"])),
    "ignored": (R, numbers, None, dict(ignored_features=[0, 3])),
    "monotone": (R, numbers, None, dict(monotone_constraints={"x0": 1})),
    "ordered": (R, numbers, None, dict(boosting_type="Ordered", has_time=True)),
    "depthwise": (R, numbers, None, dict(grow_policy="Depthwise", depth=7)),
    "lossguide": (R, lambda n: with_missing(numbers(n)), None, dict(grow_policy="Lossguide", max_leaves=50, depth=12)),
    "lossguide_multi": (C, numbers, thirds, dict(grow_policy="Lossguide", max_leaves=12)),
    "poisson": (R, numbers, lambda y: np.exp(y / 2).round(), dict(loss_function="Poisson")),
    "tweedie": (R, numbers, np.abs, dict(loss_function="Tweedie:variance_power=1.4")),
    "uncertainty": (R, numbers, None, dict(loss_function="RMSEWithUncertainty")),
    "quantile": (R, numbers, None, dict(loss_function="Quantile:alpha=0.2")),
    "multi_quantile": (R, numbers, None, dict(loss_function="MultiQuantile:alpha=0.1,0.5,0.9")),
    "multi_rmse": (R, numbers, columns(lambda y: y, np.cos), dict(loss_function="MultiRMSE")),
    "mae": (R, numbers, None, dict(loss_function="MAE")),
    "survival": (R, numbers, lambda y: np.column_stack([np.abs(y), np.abs(y) + 1]), dict(loss_function="SurvivalAft:dist=Normal")),
    "ranker": (K, numbers, lambda y: thirds(y).astype(float), dict(loss_function="YetiRank")),
    "base_binary": (B, numbers, half, dict(loss_function="Logloss")),
    "base_multi": (B, numbers, labels(*NAMES3), dict(loss_function="MultiClass")),
    "base_spread": (B, numbers, labels(*NAMES3), dict(loss_function="MultiClass", class_names=["other", "red", "green", "blüe"])),
    "binary_int": (C, numbers, labels(3, 7), {}),
    "binary_float": (C, numbers, labels(0.25, 1.0), {}),
    "binary_bool": (C, numbers, lambda y: half(y) == 1, {}),
    "binary_text": (C, numbers, labels("non", "oui"), {}),
    "binary_weights": (C, numbers, half, dict(class_weights=[1, 5])),
    "binary_threshold": (C, numbers, half, dict(_threshold=0.8)),
    "cross_entropy": (C, numbers, lambda y: 1 / (1 + np.exp(-y)), dict(loss_function="CrossEntropy")),
    "focal": (C, numbers, half, dict(loss_function="Focal:focal_alpha=0.6;focal_gamma=2")),
    "multi_int": (C, numbers, lambda y: thirds(y) - 1, {}),
    "multi_float": (C, numbers, labels(0.5, 1.5, 2.5), {}),
    "multi_text": (C, numbers, labels(*NAMES3), {}),
    "multi_of_two": (C, numbers, lambda y: half(y) == 1, dict(loss_function="MultiClass")),
    "multi_more_classes": (C, numbers, thirds, dict(loss_function="MultiClass", classes_count=6)),
    "multi_reordered": (C, numbers, thirds, dict(class_names=[2, 0, 1])),
    "multi_ten": (C, numbers, lambda y: pd.qcut(y, 10, labels=False), dict(iterations=30)),
    "one_vs_all": (C, numbers, labels(*NAMES3), dict(loss_function="MultiClassOneVsAll")),
    "multi_label": (C, numbers, columns(half, lambda y: half(np.cos(y)), lambda y: half(y * y)), dict(loss_function="MultiLogloss")),
    "multi_label_threshold": (C, numbers, columns(half, lambda y: half(np.cos(y))), dict(loss_function="MultiLogloss", _threshold=0.3)),
    "multi_cross_entropy": (C, numbers, columns(lambda y: half(y) * 0.8 + 0.1, lambda y: half(-y) * 0.7), dict(loss_function="MultiCrossEntropy")),
    "cat_binary": (C, categories, half, dict(cat_features=CATS)),
    "cat_regression": (R, categories, None, dict(cat_features=CATS)),
    "cat_multi": (C, categories, thirds, dict(cat_features=CATS)),
    "cat_one_hot": (C, categories, half, dict(cat_features=CATS, one_hot_max_size=255)),
    "cat_mixed": (R, categories, None, dict(cat_features=CATS, one_hot_max_size=3, max_ctr_complexity=4, iterations=150)),
    "cat_all_kinds": (R, categories, None, dict(
        cat_features=CATS, max_ctr_complexity=3,
        simple_ctr=["Borders:TargetBorderCount=5", "Buckets:TargetBorderCount=3", "BinarizedTargetMeanValue", "Counter"],
        combinations_ctr=["Borders:TargetBorderCount=2", "Counter:Prior=0.5/1", "BinarizedTargetMeanValue"])),
    "cat_counter_full": (C, categories, half, dict(cat_features=CATS, counter_calc_method="Full", simple_ctr=["Counter"], combinations_ctr=["Counter"])),
    "cat_lossguide": (C, categories, half, dict(cat_features=CATS, grow_policy="Lossguide")),
    "cat_depthwise_multi": (C, categories, thirds, dict(cat_features=CATS, grow_policy="Depthwise", depth=5)),
    "cat_multi_label": (C, categories, columns(half, lambda y: half(np.sin(y))), dict(loss_function="MultiLogloss", cat_features=CATS)),
    "cat_has_time": (C, categories, half, dict(cat_features=CATS, has_time=True)),
    "border_count_1": (R, numbers, None, dict(border_count=1)),
    "border_count_254": (R, numbers, None, dict(border_count=254, iterations=300)),
    "quantization_65535": (R, numbers, None, dict(per_float_feature_quantization=["0:border_count=65535"], iterations=300)),
    "quantization_deep": (R, numbers, None, dict(per_float_feature_quantization=["0:border_count=2000"], depth=10, iterations=30)),
    "model_shrink": (R, numbers, None, dict(model_shrink_rate=0.3, learning_rate=0.2)),
    "langevin": (R, numbers, None, dict(langevin=True, diffusion_temperature=1000)),
    "scale_and_bias": (R, numbers, None, dict(_after=lambda model: model.set_scale_and_bias(0.3, -1.7))),
    "scale_and_bias_multi": (R, numbers, columns(lambda y: y, np.cos), dict(loss_function="MultiRMSE", _after=lambda model: model.set_scale_and_bias(1.5, [0.1, -2.0]))),
    "few_trees_left": (R, numbers, None, dict(_after=lambda model: model.shrink(3, ntree_start=1))),
    "best_model_is_the_first": (R, numbers, None, dict(iterations=1)),
    "one_class": (C, numbers, lambda y: half(y) * 0 + 1, dict(allow_const_label=True, loss_function="MultiClass")),
    "one_class_named": (C, numbers, lambda y: half(y) * 0, dict(allow_const_label=True, class_names=[0, 1])),
    "classes_named_backwards": (C, numbers, labels("b", "a"), dict(class_names=["b", "a"])),
    "depthwise_nan": (R, lambda n: with_missing(numbers(n)), None, dict(grow_policy="Depthwise", nan_mode="Max")),
    "depthwise_binary": (C, lambda n: with_missing(numbers(n)), labels("non", "oui"), dict(grow_policy="Depthwise")),
    "lossguide_one_hot": (C, categories, half, dict(cat_features=CATS, grow_policy="Lossguide", one_hot_max_size=255)),
    "depthwise_uncertainty": (R, numbers, None, dict(loss_function="RMSEWithUncertainty", grow_policy="Depthwise")),
    "monotone_categories": (R, categories, None, dict(cat_features=CATS, monotone_constraints={"x0": 1, "x2": -1})),
    "huber": (R, numbers, None, dict(loss_function="Huber:delta=0.5")),
    "expectile": (R, numbers, None, dict(loss_function="Expectile:alpha=0.2")),
    "log_cosh": (R, numbers, None, dict(loss_function="LogCosh")),
    "lq": (R, numbers, None, dict(loss_function="Lq:q=3")),
    "mape": (R, numbers, lambda y: np.abs(y) + 1, dict(loss_function="MAPE")),
    "log_lin_quantile": (R, numbers, np.abs, dict(loss_function="LogLinQuantile:alpha=0.3")),
    "cox": (R, numbers, None, dict(loss_function="Cox")),
    "poisson_categories": (R, categories, lambda y: np.exp(y / 3).round(), dict(loss_function="Poisson", cat_features=CATS)),
    "multi_rmse_categories": (R, categories, columns(lambda y: y, np.cos, np.sin), dict(loss_function="MultiRMSE", cat_features=CATS)),
    "missing_values_multi_rmse": (R, numbers, columns(lambda y: y, lambda y: np.where(y > 0, y, np.nan)), dict(loss_function="MultiRMSEWithMissingValues")),
    "query_rmse": (K, numbers, lambda y: y, dict(loss_function="QueryRMSE")),
    "pair_logit": (K, numbers, lambda y: thirds(y).astype(float), dict(loss_function="PairLogit")),
    "ranker_categories": (K, categories, lambda y: thirds(y).astype(float), dict(loss_function="YetiRankPairwise", cat_features=CATS)),
    "base_poisson": (B, numbers, lambda y: np.exp(y / 2).round(), dict(loss_function="Poisson")),
    "base_uncertainty": (B, numbers, None, dict(loss_function="RMSEWithUncertainty")),
    "base_multi_label": (B, numbers, columns(half, lambda y: half(np.cos(y))), dict(loss_function="MultiLogloss")),
    "cat_only": (C, lambda n, unseen=False: categories(n, unseen)[["city", "sex", "code"]], half, dict(cat_features=["city", "sex", "code"])),
    "cat_borders": (R, categories, None, dict(cat_features=CATS, simple_ctr=["Borders:TargetBorderCount=9"], combinations_ctr=["Borders"])),
    "cat_buckets": (C, categories, thirds, dict(cat_features=CATS, simple_ctr=["Buckets"], combinations_ctr=["Buckets"])),
    "cat_mean": (C, categories, half, dict(cat_features=CATS, simple_ctr=["BinarizedTargetMeanValue"], combinations_ctr=["BinarizedTargetMeanValue"])),
    "cat_counter_skip": (C, categories, half, dict(cat_features=CATS, counter_calc_method="SkipTest", simple_ctr=["Counter"], combinations_ctr=["Counter"])),
    "cat_ctr_borders_255": (R, categories, None, dict(cat_features=CATS, simple_ctr=["Borders:CtrBorderCount=255"], iterations=200)),
    "cat_complexity_1": (C, categories, half, dict(cat_features=CATS, max_ctr_complexity=1)),
    "cat_complexity_6": (C, categories, half, dict(cat_features=CATS, max_ctr_complexity=6, iterations=200, depth=8)),
    "cat_per_feature_ctr": (C, categories, half, dict(cat_features=CATS, per_feature_ctr=["4:Counter:Prior=0/1", "5:Borders:Prior=0.3/1"])),
    "cat_final_none": (C, categories, half, dict(cat_features=CATS, final_ctr_computation_mode="Default", store_all_simple_ctr=True)),
    "constant_target": (R, numbers, lambda y: y * 0 + 3.5, dict(allow_const_label=True, bootstrap_type="No")),
}


# Models that are to be refused by what they have.
REFUSED = {"text features": dict(text_features=["words"]), "embedding features": dict(embedding_features=["vector"])}


def write_refused(out, what):
    """A model with features that are not served, in both formats."""
    frame = numbers(500, 3)
    frame["words"] = RNG.choice(["a red fox", "a blue bird", "nothing"], len(frame))
    frame["vector"] = list(RNG.randn(len(frame), 4))
    own = REFUSED[what]
    used = [*frame.columns[:3], *next(iter(own.values()))]
    model = C(**dict(QUIET, iterations=10), **own).fit(frame[used], half(frame["x0"].to_numpy()))
    for save_format in ("cbm",):  # CatBoost itself does not write these as JSON.
        folder = out / f"{what.replace(' ', '_')}.{save_format}"
        folder.mkdir(parents=True, exist_ok=True)
        model.save_model(str(folder / "model.cb"), format=save_format)
        (folder / "about.json").write_text(json.dumps(dict(model_type=C.__name__, refused=what)))


def summed():
    """The sum of two models, which has no parameters of its own."""
    frame = with_missing(numbers(TRAIN))
    y = target(frame)
    models = [R(**dict(QUIET, nan_mode="Min"), depth=depth).fit(frame, y) for depth in (3, 7)]
    return B, lambda n: with_missing(numbers(n)), frame, cb.sum_models(models, weights=[0.25, 1.5])


def adversarial(frame, model, rows):
    """Random rows like the training's, with borders and their neighbours, NaN, infinities and extremes among them."""
    frame = frame.sample(rows, replace=True, random_state=3).reset_index(drop=True)
    borders = model.get_borders()
    for place, name in enumerate(frame.columns):
        if frame[name].dtype != float:
            continue
        column = frame[name].to_numpy().copy()
        own = np.array(borders.get(place, []), dtype=np.float32)
        if len(own):
            at = RNG.choice(own, rows)
            near = np.choose(RNG.randint(0, 3, rows), [at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, -np.float32(np.inf))])
            column = np.where(RNG.rand(rows) < 0.3, near.astype(float), column)
        special = RNG.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e39, -1e39, 1e-46, 5e-324], rows)
        frame[name] = np.where(RNG.rand(rows) < 0.05, special, column)
    return frame


def answer(model, kind, frame, shap_rows):
    """All that Python answers, by the name of the method."""
    pool = cb.Pool(frame, cat_features=[name for name in CATS if name in frame])
    answers = {"predict": model.predict(pool), "leaf_index": model.calc_leaf_indexes(pool)}
    if kind is not K:
        answers["raw_score"] = model.predict(pool, prediction_type="RawFormulaVal")
    if kind is C:
        answers["predict_proba"] = model.predict_proba(pool)
    if shap_rows:
        few = cb.Pool(frame[:shap_rows], cat_features=[name for name in CATS if name in frame])
        try:
            values = np.asarray(model.get_feature_importance(few, type="ShapValues"))
        except cb.CatBoostError as error:
            print(f"no SHAP values: {str(error).splitlines()[0]}")  # A scaled model has none.
        else:
            answers["contributions"] = values.reshape(len(values), -1)
    return answers


def write(folder, model, kind, frame, answers):
    """about.json; numbers.f64 and categories.txt, by row; answers.f64, one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    is_number = [frame[name].dtype == float for name in frame.columns]
    numbers = frame.loc[:, is_number]
    categories = frame.loc[:, [not number for number in is_number]]
    numbers.to_numpy().astype("<f8").tofile(folder / "numbers.f64")
    if categories.shape[1]:
        lines = ("\t".join(map(str, row)) for row in categories.itertuples(index=False))
        (folder / "categories.txt").write_text("\n".join(lines), encoding="utf-8")
    kinds = ["number" if number else "category" for number in is_number]
    about = dict(model_type=kind.__name__, columns=kinds, rows=len(frame), answers={})
    at = 0
    with open(folder / "answers.f64", "wb") as file:
        for method, values in answers.items():
            values = np.asarray(values)
            about["answers"][method] = dict(shape=list(values.shape))
            if method == "predict" and kind is C:
                about["answers"][method]["values"] = values.reshape(-1).tolist()
            else:
                about["answers"][method]["at"] = at
                at += values.size
                values.astype("<f8").tofile(file)
    (folder / "about.json").write_text(json.dumps(about))


def train(name, iterations=None):
    if name == "summed":
        return summed()
    kind, rows, to_target, parameters = MODELS[name]
    parameters = dict(QUIET, **parameters)
    if iterations:
        parameters["iterations"] = iterations
    threshold = parameters.pop("_threshold", None)
    after = parameters.pop("_after", None)
    frame = rows(TRAIN)
    y = target(frame if "x0" in frame else categories(TRAIN))
    y = to_target(y) if to_target else y
    groups = dict(group_id=np.repeat(np.arange(TRAIN // 20), 20)) if kind is K else {}
    model = (kind(parameters) if kind is B else kind(**parameters)).fit(frame, y, **groups)
    if threshold:
        model.set_probability_threshold(threshold)
    if after:
        after(model)
    return kind, rows, frame, model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--shap-rows", type=int, default=200)
    parser.add_argument("--iterations", type=int, help="trees per model, to make small files for the tests")
    parser.add_argument("--out", help="where the folders go; with --only-write nothing is compared")
    parser.add_argument("--only-write", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    out = pathlib.Path(options.out or tempfile.mkdtemp(prefix="catboost-compare-"))
    for what in REFUSED if not options.names else ():
        write_refused(out, what)
    for name in options.names or [*MODELS, "summed"]:
        try:
            kind, rows, frame, model = train(name, options.iterations)
        except cb.CatBoostError as error:
            print(f"{name}: CatBoost does not train it: {str(error).splitlines()[0]}", flush=True)
            continue
        has_cats = "city" in frame
        for save_format in ("cbm", "json"):
            folder = out / f"{name}.{save_format}"
            folder.mkdir(parents=True, exist_ok=True)
            path = str(folder / "model.cb")
            pool = cb.Pool(frame, cat_features=[name for name in CATS if name in frame]) if has_cats else None
            model.save_model(path, format=save_format, pool=pool)
            loaded = kind()
            loaded.load_model(path, format=save_format)
            rows_to_score = adversarial(unseen(rows) if has_cats else rows(TRAIN * 2), model, options.rows)
            write(folder, loaded, kind, rows_to_score, answer(loaded, kind, rows_to_score, options.shap_rows))
    if options.only_write:
        return
    root = pathlib.Path(__file__).resolve().parents[3]
    command = ["cargo", "run", "--release", "-q", "-p", "yummy-models", "--example", "catboost_compare", "--", str(out)]
    raise SystemExit(subprocess.run(command, cwd=root, env=dict(os.environ)).returncode)


if __name__ == "__main__":
    main()
