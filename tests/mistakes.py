"""Good data and models that fit them, of which each of the mistakes in `refusals.py` spoils one thing."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from recipes import build_model, fit, tune

NUM_COLUMNS = 30
OTHER_OUTPUTS = {"kind": "sparse_categorical_crossentropy", "size": "mean_squared_error"}


class Given:
    """Good data of some size, and models that fit them; each case spoils one thing."""

    def __init__(self, num_rows: int) -> None:
        rng = np.random.default_rng(0)
        self.x = rng.normal(size=(num_rows, NUM_COLUMNS)).astype("float32")
        self.y = (self.x[:, 0] > 0).astype(int)
        self.kinds = np.digitize(self.x[:, 0], [-0.5, 0.5])
        self.numbers = self.x[:, 1].copy()
        self.table = pd.DataFrame(self.x, columns=[f"c{i}" for i in range(NUM_COLUMNS)], copy=False)
        self.folder = Path(tempfile.mkdtemp())
        few = slice(0, 64)
        self.run = fit(self.binary(), self.table[few], np.array(["no", "yes"])[self.y[few]], verbose=0)
        self.several_run = fit(
            self.several(), self.x[few], {"kind": self.kinds[few], "size": self.numbers[few]}, verbose=0
        )

    def binary(self) -> keras.Model:
        return build_model("binary", input_shape=(NUM_COLUMNS,), units=(2,), seed=0)

    def multiclass(self) -> keras.Model:
        return self.compiled(3, "softmax", "sparse_categorical_crossentropy")

    def one_hot(self) -> keras.Model:
        return self.compiled(3, "softmax", "categorical_crossentropy")

    def regression(self) -> keras.Model:
        return self.compiled(1, None, "mean_squared_error")

    def compiled(self, units: int, activation: Any, loss: Any, metrics: Any = None) -> keras.Model:
        model = keras.Sequential([keras.Input((NUM_COLUMNS,)), keras.layers.Dense(units, activation)])
        model.compile("adam", loss, metrics=metrics)
        return model

    def unbuilt(self) -> keras.Model:
        model = keras.Sequential([keras.layers.Dense(4, "relu"), keras.layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
        return model

    def each_step(self) -> keras.Model:
        model = keras.Sequential([keras.Input((NUM_COLUMNS, 1)), keras.layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
        return model

    def several(self) -> keras.Model:
        inputs = keras.Input((NUM_COLUMNS,))
        outputs = {"kind": keras.layers.Dense(3, "softmax", name="kind")(inputs),
                   "size": keras.layers.Dense(1, name="size")(inputs)}  # fmt: skip
        model = keras.Model(inputs, outputs)
        model.compile("adam", OTHER_OUTPUTS)
        return model

    def two_inputs(self) -> keras.Model:
        a, b = keras.Input((NUM_COLUMNS,), name="a"), keras.Input((2,), name="b")
        model = keras.Model([a, b], keras.layers.Dense(1)(keras.layers.Concatenate()([a, b])))
        model.compile("adam", "mean_squared_error")
        return model

    def pictures(self, *shape: int) -> np.ndarray:
        return np.zeros((len(self.x), *shape), "float32")

    def with_value(self, value: float) -> np.ndarray:
        """The inputs, with this value in one cell of the last row."""
        x = self.x.copy()
        x[-1, 3] = value
        return x

    def labelled(self, *labels: Any) -> np.ndarray:
        return np.resize(np.array(labels, dtype=object if None in labels else None), len(self.x))


class Case(NamedTuple):
    """A mistake: where, what, and the call; `warns` where it is only warned of."""

    where: str
    what: str
    call: Callable[[Given], Any]
    warns: bool = False


def endless():
    while True:
        yield np.zeros((2, NUM_COLUMNS)), np.zeros((2, 1))


def silent_fit(model: keras.Model, *data: Any, **options: Any) -> Any:
    return fit(model, *data, verbose=0, **options)


def of_fit(g: Given, model: keras.Model, *data: Any, **options: Any) -> Any:
    """Call fit, and see that the model is as it was before: no step was made."""
    before = [weight.copy() for weight in model.get_weights()]
    try:
        return silent_fit(model, *data, **options)
    finally:
        if before:
            for ours, theirs in zip(before, model.get_weights(), strict=True):
                np.testing.assert_array_equal(ours, theirs)


def search(g: Given, x: Any, y: Any, **options: Any) -> Any:
    return tune(x, y, directory=g.folder / "search", verbose=0, **options)


def keras_tuner_objective(name: str) -> Any:
    import keras_tuner

    return keras_tuner.Objective(name, "max")
