"""What the tests of the engines share: small models, and the comparison of a resident run with `model.fit`."""

import keras
import numpy as np
import pytest
from keras import layers

from recipes import fit, load_data
from recipes.training.data.prepare import prepare
from recipes.training.engines.engine import Plan
from recipes.training.engines.tensorflow import program
from recipes.training.fit import train_as_planned

WINE = load_data("wine")
X = ((WINE.x - WINE.x.mean(0)) / WINE.x.std(0)).astype("float32")
Y = WINE.y
DIGITS = load_data("digits")
IMAGES, LABELS = DIGITS.x[:200], DIGITS.y[:200]


PLAIN, MIXED, XLA = (pytest.param(way, id=way) for way in (program.PLAIN, program.MIXED, program.XLA))
SLOW_MIXED, SLOW_XLA = (pytest.param(way, id=way, marks=pytest.mark.slow) for way in (program.MIXED, program.XLA))
WAYS = [PLAIN, SLOW_MIXED, XLA]  # the middle one is made of the other two
PLAIN_FIRST = [PLAIN, SLOW_MIXED, SLOW_XLA]  # where compiling has little to do with what is tested
plain_first = pytest.mark.parametrize("way", PLAIN_FIRST, indirect=True)


def fit_by(way, model, x, y, **options):
    """`fit` by this engine; `"widened"` as a search does it, in a program for networks of all widths."""
    if way != "widened":
        return fit(model, x, y, engine=way, verbose=0, **options)
    of_data = {name: options.pop(name) for name in ("validation_split", "validation_data") if name in options}
    checkpoint = options.pop("checkpoint", None)
    plan = Plan(**{"epochs": 1, "batch_size": 32, "shuffle": True, "seed": 0, "widen": True, **options})
    return train_as_planned(model, prepare(model, x, y, **of_data), plan, checkpoint=checkpoint)


def compare(make, x, y, *, exact=False, rtol=1e-5, engine="resident", eagerly=True, **options):
    """Train one copy with `model.fit` and one by another engine; weights and histories must agree.

    Keras takes its steps one by one, which for so few is sooner done than compiling them, unless `eagerly` is false.
    """
    options = {"epochs": 2, "batch_size": 32, **options}
    runs = {}
    for one in ("keras", engine):
        keras.utils.set_random_seed(1)  # the same initial weights and dropout seeds
        made = options.copy()
        if "callbacks" in made:
            made["callbacks"] = made["callbacks"]()
        model = make()
        model.run_eagerly = one == "keras" and eagerly
        runs[one] = fit_by(one, model, x, y, **made)
    theirs, ours = runs["keras"], runs[engine]
    assert (ours.engine.name, theirs.engine.name) == ("resident", "keras")
    assert set(ours.history) == set(theirs.history)
    for name, values in theirs.history.items():
        np.testing.assert_allclose(ours.history[name], values, rtol=1e-4, atol=1e-6, err_msg=name)
    for a, b in zip(theirs.model.variables, ours.model.variables, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        if exact:
            np.testing.assert_array_equal(b, a)
        elif a.dtype.kind == "f":  # relative to the largest weight of each array
            assert np.abs(a - b).max() <= rtol * np.abs(a).max(), a.shape
    assert int(ours.model.optimizer.iterations) == int(theirs.model.optimizer.iterations)
    return theirs, ours


def mlp(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=("accuracy",), hidden=(), last="softmax"):
    model = keras.Sequential([keras.Input((13,)), layers.Dense(16, "relu"), *hidden, layers.Dense(3, last)])
    model.compile(optimizer, loss, metrics=list(metrics))
    return model


def cnn():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(6, 3, padding="same", use_bias=False),  # BatchNormalization would undo a bias
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
