"""What does checking cost? `python benchmarks/gate.py` measures it on 10^6 rows of 30 columns.

Prints the time of the gate (everything before the first step) against that of one epoch of an MLP 64-32 at batch 32,
the memory that it takes beside x, and the slowest of the refusals of `tests/refusals.py` on as many rows.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
import time
import tracemalloc
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
from refusals import CASES, Given

from recipes import build_model, fit
from recipes.training.data.prepare import prepare

NUM_ROWS, NUM_COLUMNS, REPEATS = 10**6, 30, 5
SHOWN = 12


def main() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(NUM_ROWS, NUM_COLUMNS)).astype("float32")
    y = (x[:, 0] > 0).astype(int)
    model = build_model("binary", input_shape=(NUM_COLUMNS,), seed=0)
    fit(model, x[:3200], y[:3200], verbose=0)  # builds and compiles
    gates, epochs = [], []
    for _ in range(REPEATS):
        start = time.perf_counter()
        data = prepare(model, x, y)
        gates.append(time.perf_counter() - start)
        run = fit(model, x, y, verbose=0)
        epochs.append(run.seconds - gates[-1])
    gate, epoch = np.median(gates), np.median(epochs)
    print(f"gate {gate:.3f} s, one epoch of {run.steps:,} steps {epoch:.2f} s: {gate / epoch:.1%}")
    print(f"x is {'the very array' if data.x is x else 'a copy'}")
    tracemalloc.start()
    prepare(model, x, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"memory at most {peak / 1e6:.0f} MB beside x's {x.nbytes / 1e6:.0f} MB")

    given = Given(NUM_ROWS)
    seconds = []
    for case in CASES:
        if case.where not in ("fit", "predict", "predict_labels", "evaluate", "build_model", "infer_task", "tune"):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spoilt = _Recorded(given)
            try:
                case.call(spoilt)
            except Exception:
                seconds.append((time.perf_counter() - spoilt.since, f"{case.where}: {case.what}"))
    print(f"slowest of {len(seconds)} refusals:")
    for second, name in sorted(seconds, reverse=True)[:SHOWN]:
        print(f"  {second:.2f} s  {name}")


class _Recorded:
    """The good data, noting when they were last asked for: the spoiling of them is not the refusal's time."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.since = time.perf_counter()

    def __getattr__(self, name: str) -> object:
        value = getattr(self.given, name)
        if callable(value) and not isinstance(value, type):

            def timed(*arguments: object, **options: object) -> object:
                found = value(*arguments, **options)
                self.since = time.perf_counter()
                return found

            return timed
        self.since = time.perf_counter()
        return value


if __name__ == "__main__":
    main()
