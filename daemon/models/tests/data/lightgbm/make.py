"""Trains the small LightGBM models of this folder and records what Python answers for them.

    python make.py            # writes outputs.json and *.pkl, *.skops beside itself

Needs lightgbm 4.7.0, scikit-learn 1.9.1, skops 0.16.0, cloudpickle (the versions that wrote the committed files).
"""
import json, pathlib, pickle, warnings, zipfile

import cloudpickle, lightgbm as lgb, numpy as np, skops.io

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(11)
N, F = 600, 6
X = rng.normal(size=(N, F))
X[:, 2] = rng.integers(0, 40, N)
X[:, 3] = np.where(rng.random(N) < 0.4, 0, X[:, 3])
X[rng.random(X.shape) < 0.06] = np.nan
s = np.nan_to_num(X[:, 0]) + np.sin(np.nan_to_num(X[:, 2])) + (X[:, 3] == 0) + rng.normal(size=N) * 0.2
T = X[:10].copy()
T[6] = [np.inf, -np.inf, 1e10, 1e-36, np.nan, -0.0]
T[7] = [0.0, 1e-35, -1.0, -1e-40, 5e-324, np.nan]
T[8] = [np.nan] * F
T[9] = [1e300, -1e300, 31.9, 0.5, 0.0, 2.0]


def plain(a):
    """Numbers as JSON has them, and as text where it has not."""
    a = np.asarray(a)
    if a.dtype.kind == "f":
        return [plain(v) for v in a] if a.ndim else (float(a) if np.isfinite(a) else str(float(a)).replace("inf", "Infinity").replace("nan", "NaN"))
    return a.tolist()


def outputs():
    """Every output of boosters of every kind."""
    base = dict(verbose=-1, num_threads=1, num_leaves=8, min_data_in_leaf=5, max_bin=63)
    binary, multi = (s > 1).astype(int), np.digitize(s, [0.3, 1.5])
    cases = {
        "regression": (dict(objective="regression"), s, 8),
        "binary": (dict(objective="binary", sigmoid=1.7), binary, 8),
        "multiclass": (dict(objective="multiclass", num_class=3), multi, 4),
        "ova": (dict(objective="multiclassova", num_class=3, sigmoid=0.7), multi, 4),
        "categorical": (dict(objective="regression", min_data_per_group=5, cat_smooth=1, max_cat_to_onehot=4), s, 8),
        "onehot": (dict(objective="binary", min_data_per_group=1, cat_smooth=1, max_cat_to_onehot=99), binary, 6),
        "zero_missing": (dict(objective="binary", zero_as_missing=True), binary, 6),
        "no_missing": (dict(objective="regression", use_missing=False), s, 6),
        "rf": (dict(objective="binary", boosting="rf", bagging_freq=1, bagging_fraction=0.6), binary, 6),
        "dart": (dict(objective="binary", boosting="dart"), binary, 8),
        "linear": (dict(objective="regression", linear_tree=True), s, 6),
        "linear_categorical": (dict(objective="regression", linear_tree=True, min_data_per_group=5), s, 4),
        "sqrt": (dict(objective="regression_l1", reg_sqrt=True), s, 4),
        "poisson": (dict(objective="poisson"), np.abs(np.round(s)), 4),
        "tweedie": (dict(objective="tweedie"), np.abs(s), 4),
        "gamma": (dict(objective="gamma"), np.abs(s) + 0.1, 4),
        "xentropy": (dict(objective="cross_entropy"), 1 / (1 + np.exp(-s)), 4),
        "xentlambda": (dict(objective="cross_entropy_lambda"), 1 / (1 + np.exp(-s)), 4),
        "quantile": (dict(objective="quantile", alpha=0.9), s, 4),
        "constant": (dict(objective="regression"), np.full(N, 3.25), 3),
        "one_tree": (dict(objective="regression"), s, 1),
        "deep": (dict(objective="regression", num_leaves=300, min_data_in_leaf=1, max_bin=600, learning_rate=0.5), s, 2),
    }
    out = {}
    for name, (params, y, rounds) in cases.items():
        cats = [2] if "categorical" in name or name == "onehot" else "auto"
        Z = X.copy()
        if cats != "auto":
            Z[:, 2] = np.abs(np.nan_to_num(Z[:, 2]))
        b = lgb.train({**base, **params}, lgb.Dataset(Z, y, categorical_feature=cats), rounds)
        one = dict(model=b.model_to_string(), predict=plain(b.predict(T)), raw_score=plain(b.predict(T, raw_score=True)), leaf_index=plain(b.predict(T, pred_leaf=True)))
        if not params.get("linear_tree"):
            one["contributions"] = plain(b.predict(T, pred_contrib=True))
        out[name] = one
    (HERE / "outputs.json").write_text(json.dumps(dict(rows=plain(T), models=out), separators=(",", ":")))


def estimators():
    """Estimators in every container, with labels of every type."""
    Z = X[:, :3]
    y = s > 1
    tiny = dict(n_estimators=2, num_leaves=3, verbose=-1, n_jobs=1)
    labels = {
        "bool": y, "int64": np.where(y, 40, -7), "int32": y.astype("i4"), "int8": y.astype("i1"), "uint8": y.astype("u1"), "float64": y * 2.0, "float32": (y * 2).astype("f4"),
        "text": np.where(y, "ja", "nö"), "object": np.where(y, "yes", "no").astype(object), "three": np.digitize(s, [0.3, 1.5]) + 5,
        "bigendian": np.where(y, 40, -7).astype(">i4"),
    }
    out = {}
    def record(name, m, write):
        path = HERE / name
        write(path)
        p = m.predict(T[:, :3])
        out[name] = dict(predict=plain(p), dtype=p.dtype.kind, predict_proba=plain(m.predict_proba(T[:, :3])) if hasattr(m, "predict_proba") else None)
    for i, (kind, v) in enumerate(labels.items()):
        m = lgb.LGBMClassifier(**tiny).fit(Z, v)
        for protocol in sorted({2 + i % 4, 5 if kind in ("text", "object", "bool") else 4}):
            record(f"{kind}_{protocol}.pkl", m, lambda p: p.write_bytes(pickle.dumps(m, protocol=protocol)))
        if kind in ("text", "object", "three", "int8", "float32"):
            record(f"{kind}.skops", m, lambda p: skops.io.dump(m, p, compression=zipfile.ZIP_DEFLATED))
    for kind in ("text", "bool"):
        m = lgb.LGBMClassifier(**tiny).fit(Z, labels[kind])
        for protocol in (0, 1):
            record(f"{kind}_{protocol}.pkl", m, lambda p: p.write_bytes(pickle.dumps(m, protocol=protocol)))
    def gradient(label, score):
        return score - label, np.ones_like(score)
    m = lgb.LGBMClassifier(objective=gradient, **tiny).fit(Z, y)
    record("custom_classifier.pkl", m, lambda p: p.write_bytes(cloudpickle.dumps(m)))
    record("custom_classifier.skops", m, lambda p: skops.io.dump(m, p, compression=zipfile.ZIP_DEFLATED))
    m = lgb.LGBMRegressor(objective=gradient, **tiny).fit(Z, s)
    record("custom_regressor.pkl", m, lambda p: p.write_bytes(cloudpickle.dumps(m)))
    m = lgb.LGBMRanker(**tiny).fit(Z, y.astype(int), group=[60] * 10)
    record("ranker.pkl", m, lambda p: p.write_bytes(cloudpickle.dumps(m)))
    record("ranker.skops", m, lambda p: skops.io.dump(m, p, compression=zipfile.ZIP_DEFLATED))
    m = lgb.LGBMRegressor(**{**tiny, "n_estimators": 6}).fit(Z, s)
    m.booster_.best_iteration = 2
    record("best_iteration.pkl", m, lambda p: p.write_bytes(pickle.dumps(m)))
    (HERE / "estimators.json").write_text(json.dumps(dict(rows=plain(T[:, :3]), files=out), separators=(",", ":")))


outputs()
estimators()
