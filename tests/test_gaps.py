"""NaN that a loss or a first layer of the user's own leaves out: refused, and let through where it is allowed."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers, ops

import recipes
from recipes import DataError, fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 6)).astype("float32")
Y = RNG.normal(size=(200, 3)).astype("float32")
HOLES = RNG.random(Y.shape) < 0.2
Y[HOLES] = np.nan


@keras.saving.register_keras_serializable("test_gaps")
def square_where_known(true, predicted):
    known = ~ops.isnan(true)
    return ops.mean(ops.where(known, ops.square(ops.where(known, true, 0.0) - predicted), 0.0), axis=-1)


@keras.saving.register_keras_serializable("test_gaps")
class Filled(layers.Layer):
    def call(self, x):
        return ops.where(ops.isnan(x), 0.0, x)


def of_targets():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(3)])
    model.compile("adam", square_where_known)
    return model


def of_inputs(loss="mse"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), Filled(), layers.Dense(1)])
    model.compile("adam", loss)
    return model


def holed(x):
    return np.where(RNG.random(x.shape) < 0.1, np.nan, x).astype("float32")


@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame], ids=["array", "frame"])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_missing_targets_train_as_in_keras(container):
    options = {"epochs": 2, "shuffle": False, "verbose": 0}
    plain = of_targets()
    expected = plain.fit(X, Y, validation_data=(X, Y), **options).history
    with pytest.raises(DataError):
        fit(of_targets(), X, container(Y), **options)
    run = fit(of_targets(), X, container(Y), validation_data=(X, container(Y)), allow="not_finite", **options)
    for name, values in expected.items():
        np.testing.assert_allclose(run.history[name], values, rtol=1e-5)
    (found,) = [one for one in run.findings if one.rule == "not_finite" and not one.where]
    assert found.severity == "warning"
    assert f"y has {HOLES.sum()} values not finite" in found.message
    loss = plain.evaluate(X, Y, verbose=0)
    assert run.evaluate(X, container(Y))["loss"] == pytest.approx(loss, rel=1e-5)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_missing_inputs_are_given_to_the_layer_that_fills_them(tmp_path):
    x, y = holed(X), X[:, 0]
    with pytest.raises(DataError):
        fit(of_inputs(), x, y, verbose=0)
    run = fit(of_inputs(), x, y, epochs=2, validation_split=0.2, verbose=0, allow=["not_finite"])
    assert run.chance is not None
    np.testing.assert_allclose(run.predict(x), run.model.predict(np.nan_to_num(x), verbose=0), rtol=1e-6)
    run.save(tmp_path / "run")
    back = recipes.load(tmp_path / "run", custom_objects={"Filled": Filled})
    np.testing.assert_array_equal(back.predict(x), run.predict(x))
    assert back.evaluate(x, y)["r2"] == run.evaluate(x, y)["r2"]


def test_what_was_trained_without_gaps_refuses_them():
    run = fit(of_inputs(), X, X[:, 0], verbose=0, allow="not_finite")
    with pytest.raises(DataError):
        run.predict(holed(X))
    run = fit(of_inputs(), X, X[:, 0], verbose=0)
    with pytest.raises(DataError):
        run.predict(holed(X))


def test_a_loss_that_knows_nothing_of_gaps_and_weights_stay_refused():
    for y in (Y[:, 0], np.where(HOLES[:, 0], np.nan, 1.0)):
        for loss in ("mse", "binary_crossentropy"):
            with pytest.raises(DataError):
                fit(of_inputs(loss), X, y, verbose=0, allow="not_finite")
    weights = np.where(HOLES[:, 0], np.nan, 1.0)
    with pytest.raises(DataError):
        fit(of_inputs(), X, X[:, 0], sample_weight=weights, verbose=0, allow="not_finite")
    with pytest.raises(DataError):  # text is none that is missing
        fit(of_inputs(), np.full((200, 6), "a"), X[:, 0], verbose=0, allow="not_finite")
