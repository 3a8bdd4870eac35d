"""Streams go to Keras unread: what they say of themselves is asked, and what no training can be is said."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import refused

from recipes import build_model, fit
from recipes.training.evaluate import evaluate, predict
from recipes.training.impossible import impossible

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = (X[:, 0] > 0).astype(int)
SINGLE = "x is a Dataset of single rows of shape (4,), and the model takes batches of them. Pass x.batch(32)."
ALONE = (
    "x is a Dataset of inputs alone, and the model's loss needs targets. Have it give (x, y), as "
    "tf.data.Dataset.from_tensor_slices((x, y)) does."
)


@pytest.fixture
def model():
    return build_model(x=X, y=Y, seed=0)


def dataset(*arrays, batch=16):
    made = tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0])
    return made.batch(batch) if batch else made


def test_single_rows_and_inputs_alone(model):
    weights = model.get_weights()
    with refused(SINGLE):
        fit(model, dataset(X, Y, batch=0), verbose=0)
    with refused(ALONE):
        fit(model, dataset(X), verbose=0)
    with refused(SINGLE.replace("x is", "validation_data is").replace("x.batch", "validation_data.batch")):
        fit(model, dataset(X, Y), validation_data=dataset(X, Y, batch=0), verbose=0)
    with refused(ALONE):
        evaluate(model, dataset(X))
    with refused(SINGLE):
        predict(model, dataset(X, batch=0))
    np.testing.assert_array_equal(predict(model, dataset(X)), model.predict(X, verbose=0))
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_model_without_a_loss_takes_inputs_alone():
    class Shrinks(keras.layers.Layer):
        def call(self, x):
            self.add_loss(keras.ops.mean(x**2))
            return x

    inputs = keras.Input((4,))
    model = keras.Model(inputs, Shrinks()(keras.layers.Dense(2)(inputs)))
    model.compile("sgd")
    assert fit(model, dataset(X), epochs=2, verbose=0).epochs == 2


def test_that_nothing_was_judged_is_said(model):
    run = fit(model, dataset(X, Y), epochs=2, verbose=0)
    assert [one.rule for one in run.findings][-1] == "not_judged"
    assert not [one for one in run.findings if one.severity == "error"]


def test_a_crossentropy_below_zero_is_no_success(model):
    run = fit(model, dataset(X, Y + 1), epochs=20, verbose=0)
    assert run.history["loss"][-1] < 0
    assert (run.findings[0].rule, run.findings[0].severity) == ("impossible_loss", "error")
    assert run.findings[0].message.startswith("binary_crossentropy cannot be below 0, and was -")


@pytest.mark.parametrize("history", [{"loss": [0.5, -1e-9]}, {"loss": [0.5], "val_loss": [0.0]}, {}])
def test_rounding_is_no_fault(model, history):
    assert impossible(model, history) == []


def test_losses_that_may_be_negative_may():
    model = build_model(task="regression", loss="poisson", x=X, y=Y)
    assert impossible(model, {"loss": [0.5, -3.0]}) == []


def test_weights_that_are_no_numbers_behind_a_loss_that_is_one(model):
    x = X.copy()
    x[3, 1] = np.nan
    run = fit(model, dataset(x, Y), epochs=3, verbose=0)
    broken = [not np.isfinite(w).all() for layer in model.layers for w in map(np.asarray, layer.trainable_weights)]
    assert any(broken)
    assert run.findings[0].rule in ("nan_weights", "nan")
    dense = next(layer for layer in model.layers if layer.trainable_weights)
    dense.set_weights([np.full_like(w, np.nan) for w in dense.get_weights()])
    (found,) = impossible(model, {"loss": [0.7, 0.69]})
    assert (found.rule, found.where) == ("nan_weights", dense.name)
    assert impossible(model, {"loss": [0.7, np.nan]}) == []  # which the verdict says
