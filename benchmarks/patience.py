"""What does `patience=` cost? `python benchmarks/patience.py` sets it against the same run without it.

The breast-cancer MLP 64-32 at batch 32, a fifth held out, 200 epochs of which none is left out (the patience is as
long); in turns, each once all is compiled. Printed are the median of the pairs' ratios of speed and its 95 % interval,
also with Keras' `EarlyStopping` in its place.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time
from collections.abc import Callable

import keras
import numpy as np
from compare import interval
from training import breast_cancer, mlp_model

from recipes import fit

EPOCHS, PAIRS = 200, 40


def main() -> None:
    x, y = breast_cancer()
    stopping = {"callbacks": keras.callbacks.EarlyStopping(patience=EPOCHS, restore_best_weights=True)}
    ways = {"without": {}, "patience=": {"patience": EPOCHS}, "EarlyStopping": stopping}
    models = {name: mlp_model() for name in ways}

    def seconds(name: str) -> float:
        start = time.perf_counter()
        run = fit(models[name], x, y, epochs=EPOCHS, validation_split=0.2, verbose=0, **ways[name])
        assert run.epochs == EPOCHS
        return time.perf_counter() - start

    measure(seconds, list(ways))


def measure(seconds: Callable[[str], float], names: list[str]) -> None:
    for name in names:
        seconds(name)  # compiles
    found = []
    for i in range(PAIRS):
        found.append({name: seconds(name) for name in (names if i % 2 == 0 else names[::-1])})
    print("| way | seconds | speed / that without | 95 % interval |")
    print("|---|---|---|---|")
    for name in names:
        ratios = sorted(pair[names[0]] / pair[name] for pair in found)
        low, high = interval(PAIRS)
        median = np.median([pair[name] for pair in found])
        print(f"| {name} | {median:.3f} | {ratios[PAIRS // 2]:.3f} | {ratios[low]:.3f} to {ratios[high]:.3f} |")


if __name__ == "__main__":
    main()
