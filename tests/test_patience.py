"""`patience=` is Keras' EarlyStopping with the best weights put back, without a callback."""

import keras
import numpy as np
import pytest
from conftest import refused

from recipes import build_model, fit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(160, 20)).astype("float32")
Y = (X[:, 0] + RNG.normal(size=160) > 0).astype(int)  # half of it is noise, so that it overfits


def stopping(patience):
    return keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("patience", [pytest.param(1, marks=pytest.mark.slow), 7, 200])
@pytest.mark.slow_but("7-0.3")
def test_it_ends_as_with_the_callback(patience, dropout):
    runs = []
    for options in ({"patience": patience}, {"callbacks": [stopping(patience)]}):
        model = build_model(x=X, y=Y, units=(32,), dropout=dropout, learning_rate=0.01, seed=0)
        runs.append(fit(model, X, Y, epochs=80, validation_split=0.3, verbose=0, **options))
    ours, theirs = runs
    assert ours.history.keys() == theirs.history.keys()
    for name in ours.history:
        np.testing.assert_allclose(ours.history[name], theirs.history[name], rtol=1e-5)
    assert ours.kept == theirs.kept == 1 + int(np.argmin(ours.history["val_loss"]))
    assert (ours.epochs, ours.steps) == (theirs.epochs, theirs.steps)
    for a, b in zip(ours.model.get_weights(), theirs.model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert int(ours.model.optimizer.iterations) == int(theirs.model.optimizer.iterations)
    assert [f.rule for f in ours.findings] == [f.rule for f in theirs.findings]


def test_the_model_has_the_lowest_val_loss():
    model = build_model(x=X[:112], y=Y[:112], units=(64,), learning_rate=0.01, seed=0)
    validation = X[112:], Y[112:]
    run = fit(model, X[:112], Y[:112], epochs=200, validation_data=validation, patience=10, verbose=0)
    assert run.epochs == run.kept + 10
    assert run.evaluate(*validation)["loss"] == pytest.approx(min(run.history["val_loss"]), rel=1e-5)


@pytest.mark.parametrize("options", [{"engine": "keras"}, {"checkpoint": True}, {"callbacks": []}])
@pytest.mark.slow_but("options1")
def test_by_every_way(tmp_path, options):
    options = {**options, "checkpoint": tmp_path} if "checkpoint" in options else options
    expected = fit(build_model(x=X, y=Y, seed=0, learning_rate=0.01), X, Y, epochs=60, validation_split=0.3,
                   patience=3, verbose=0)  # fmt: skip
    run = fit(build_model(x=X, y=Y, seed=0, learning_rate=0.01), X, Y, epochs=60, validation_split=0.3, patience=3,
              verbose=0, **options)  # fmt: skip
    assert run.epochs == expected.epochs
    assert run.kept == expected.kept
    np.testing.assert_allclose(run.history["val_loss"], expected.history["val_loss"], rtol=1e-4)


def test_refusals():
    model = build_model(x=X, y=Y, seed=0)
    with refused("patience=5 watches val_loss, and nothing validates. Pass validation_split=0.2, or validation_data."):
        fit(model, X, Y, patience=5)
    with refused("patience must be a whole number of at least 1. Received: patience=0."):
        fit(model, X, Y, patience=0, validation_split=0.2)
