"""What a row costs in the Python libraries that score LightGBM models, on the models of fixtures/engines/gen_lgb.py.

    python engines_lightgbm_peers.py /folder/with/models a b      # prints ns per row, the least of many rounds

Measures those of lightgbm, lleaves, tl2cgen, treelite (GTIL) and onnxruntime that are installed:
    pip install lightgbm lleaves treelite tl2cgen onnxruntime onnxmltools onnxconverter-common
One thread, CPU time of the process, rows that differ from call to call. Compiling (lleaves, tl2cgen) is not counted.
"""
import os, sys, tempfile, time

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np

FEATURES = {"a": 13, "b": 50, "c": 200}
ROWS = [1, 10, 100, 1000, 10000]
BUDGET = 0.5  # seconds for each engine and number of rows


def engines(path, features):
    """Name and predict function of each library that is installed."""
    import lightgbm

    booster = lightgbm.Booster(model_file=path)
    yield "lightgbm ndarray", lambda x: booster.predict(x, num_threads=1)
    try:
        import pandas

        names = booster.feature_name()
        yield "lightgbm DataFrame (MLflow)", lambda x: booster.predict(pandas.DataFrame(x, columns=names), num_threads=1)
    except ImportError:
        pass
    try:
        import lleaves

        compiled = lleaves.Model(model_file=path)
        compiled.compile()
        yield "lleaves", lambda x: compiled.predict(x, n_jobs=1)
    except ImportError:
        pass
    try:
        import treelite

        model = treelite.frontend.load_lightgbm_model(path)
        yield "treelite GTIL", lambda x: treelite.gtil.predict(model, x, nthread=1)
        import tl2cgen

        library = os.path.join(tempfile.mkdtemp(), "model.so")
        tl2cgen.export_lib(model, toolchain="gcc", libpath=library, params={"parallel_comp": 8})
        predictor = tl2cgen.Predictor(library, nthread=1)
        yield "tl2cgen", lambda x: predictor.predict(tl2cgen.DMatrix(x))
    except ImportError:
        pass
    try:
        import onnxmltools, onnxruntime
        from onnxmltools.convert.common.data_types import FloatTensorType

        onnx = onnxmltools.convert_lightgbm(booster, initial_types=[("x", FloatTensorType([None, features]))], zipmap=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(onnx.SerializeToString(), options)
        yield "onnxruntime (f32)", lambda x: session.run(None, {"x": x.astype("f4")})
    except ImportError:
        pass


def least(predict, x, rows):
    """Least CPU time of one call, in nanoseconds per row."""
    blocks = [x[i : i + rows] for i in range(0, min(len(x), 1000 * rows), rows)]
    predict(blocks[0])
    best, spent, call = float("inf"), 0.0, 0
    while spent < BUDGET or call < 3:
        start = time.process_time_ns()
        predict(blocks[call % len(blocks)])
        took = time.process_time_ns() - start
        best, spent, call = min(best, took), spent + took / 1e9, call + 1
    return best / rows


folder, models = sys.argv[1], sys.argv[2:]
for name in models:
    x = np.fromfile(os.path.join(folder, f"lgb_{name}.x.f64")).reshape(-1, FEATURES[name])
    for engine, predict in engines(os.path.join(folder, f"lgb_{name}.txt"), FEATURES[name]):
        print(name, engine, *(f"{rows}: {least(predict, x, rows):.0f}" for rows in ROWS), sep="\t", flush=True)
