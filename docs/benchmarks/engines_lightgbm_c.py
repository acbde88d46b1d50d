"""Writes a LightGBM text of the size of model c (1000 trees x 255 leaves x 200 features) without training it.

    OUT=/some/folder/ python engines_lightgbm_c.py      # lgb_c.txt, lgb_c.x.f64

Trees grow by splitting a random leaf, which gives paths of about 11 levels, as model c has; thresholds come from 254
quantiles of a normal distribution, as 255 bins give. Training the real one (fixtures/engines/gen_lgb.py c) takes long.
"""
import os, statistics

import numpy as np

TREES, LEAVES, FEATURES = 1000, 255, 200
out = os.environ.get("OUT", "./")
rng = np.random.default_rng(3)
normal = statistics.NormalDist()
edges = np.array([[normal.inv_cdf((i + 1) / 255) for i in range(254)]] * FEATURES) + rng.normal(size=(FEATURES, 1)) * 1e-3
blocks = []
for tree in range(TREES):
    left, right, where = [], [], [None]
    for new in range(1, LEAVES):
        leaf, node = int(rng.integers(new)), len(left)
        if where[leaf]:
            (left if where[leaf][1] else right)[where[leaf][0]] = node
        left.append(~leaf), right.append(~new)
        where[leaf] = (node, True)
        where.append((node, False))
    feature = rng.integers(FEATURES, size=LEAVES - 1)
    # Deep nodes part what their parents left over: thresholds spread less than the values do.
    threshold = edges[feature, np.clip(rng.normal(127, 50, LEAVES - 1), 0, 253).astype(int)]
    numbers = lambda values: " ".join(repr(v) for v in np.asarray(values).tolist())
    blocks.append(
        f"Tree={tree}\nnum_leaves={LEAVES}\nnum_cat=0\nsplit_feature={numbers(feature)}\nsplit_gain={numbers(np.ones(LEAVES - 1))}\n"
        f"threshold={numbers(threshold)}\ndecision_type={numbers(np.full(LEAVES - 1, 2))}\nleft_child={numbers(left)}\nright_child={numbers(right)}\n"
        f"leaf_value={numbers(rng.normal(size=LEAVES) * 0.01)}\nleaf_weight={numbers(np.full(LEAVES, 30.0))}\nleaf_count={numbers(np.full(LEAVES, 30))}\n"
        f"internal_value={numbers(np.zeros(LEAVES - 1))}\ninternal_weight={numbers(np.full(LEAVES - 1, 60.0))}\ninternal_count={numbers(np.full(LEAVES - 1, 60))}\n"
        "is_linear=0\nshrinkage=0.05\n\n\n"
    )
names = " ".join(f"Column_{i}" for i in range(FEATURES))
head = (
    f"tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx={FEATURES - 1}\nobjective=regression\n"
    f"feature_names={names}\nfeature_infos={' '.join(['[-9:9]'] * FEATURES)}\ntree_sizes={' '.join(str(len(b)) for b in blocks)}\n\n"
)
open(out + "lgb_c.txt", "w").write(head + "".join(blocks) + "end of trees\n\nparameters:\nend of parameters\n\npandas_categorical:null\n")
rng.normal(size=(10000, FEATURES)).astype("<f8").tofile(out + "lgb_c.x.f64")
