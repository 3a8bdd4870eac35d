"""One fault is refused as one error with its findings, whichever function meets it first."""

import numpy as np
import pandas as pd
import pytest

from cheatsheet import DataError, chance_loss, head, infer_task
from recipes import build_autoencoder, build_model, fit, tune

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype("float32")
Y = (X[:, 0] > 0).astype(int)


def spoilt(array, value):
    array = np.array(array, dtype="float64")
    array.reshape(-1)[7] = value
    return array


INPUTS = {
    "NaN": spoilt(X, np.nan),
    "infinity": spoilt(X, np.inf),
    "too large": spoilt(X, 1e30),
    "text": np.full(X.shape, "a"),
    "dates": pd.DataFrame({"a": pd.date_range("2026-01-01", periods=40)}),
    "missing": pd.DataFrame(X).where(X > 0),
    "complex": X.astype("complex64"),
    "ragged": [[1.0, 2.0], [3.0]],
    "empty": X[:0],
    "masked": np.ma.masked_less(X, 0),
    "a set": {1.0, 2.0},
    "a pair": (X, Y),
}
TARGETS = {
    "NaN": spoilt(Y, np.nan),
    "missing": [None, *Y[1:]],
    "dates": pd.date_range("2026-01-01", periods=40),
    "one class": Y * 0,
    "a single value": 3.0,
    "ragged": [[1], *[[1, 2]] * 39],
    "empty": [],
    "complex": Y * 1j,
    "fewer rows": Y[:-1],
}


@pytest.fixture(scope="module")
def model():
    return build_model("binary", input_shape=(3,), units=(2,))


@pytest.mark.parametrize("fault", INPUTS)
def test_inputs(fault, model, tmp_path):
    x = INPUTS[fault]
    calls = {
        "fit": lambda: fit(model, x, Y, verbose=0),
        "validation_data": lambda: fit(model, X, Y, validation_data=(x, Y), verbose=0),
        "build_model": lambda: build_model(x=x, y=Y),
        "build_autoencoder": lambda: build_autoencoder("dense", x=x),
        "tune": lambda: tune(x, Y, directory=tmp_path, verbose=0),
        "tune, validation_data": lambda: tune(X, Y, validation_data=(x, Y), directory=tmp_path, verbose=0),
    }
    assert {name: rules_of(call) for name, call in calls.items()} == dict.fromkeys(calls, "unreadable_values")


@pytest.mark.parametrize("fault", TARGETS)
def test_targets(fault, model, tmp_path):
    y = TARGETS[fault]
    calls = {
        "fit": lambda: fit(model, X, y, verbose=0),
        "build_model": lambda: build_model(x=X, y=y),
        "tune": lambda: tune(X, y, directory=tmp_path, verbose=0),
        "infer_task": lambda: infer_task(y),
        "head": lambda: head(y=y),
        "chance_loss": lambda: chance_loss("mean_squared_error", y),
    }
    rule = {"one class": "unfit_target", "fewer rows": "unequal_rows"}.get(fault, "unreadable_values")
    if fault == "fewer rows":
        calls = {name: calls[name] for name in ("fit", "build_model", "tune")}
    if fault == "one class":
        del calls["chance_loss"]
    assert {name: rules_of(call) for name, call in calls.items()} == dict.fromkeys(calls, rule)


def test_weights(model, tmp_path):
    calls = [lambda: fit(model, X, Y, sample_weight=np.ones(5), verbose=0),
             lambda: tune(X, Y, sample_weight=np.ones(5), directory=tmp_path, verbose=0)]  # fmt: skip
    assert [*map(rules_of, calls)] == ["weight_shape"] * 2


def test_classes_that_a_width_does_not_hold():
    kinds = np.arange(40) % 3
    calls = [lambda: fit(build_model("multiclass", num_classes=2, input_shape=(3,)), X, kinds, verbose=0),
             lambda: build_model(x=X, y=kinds, num_classes=2), lambda: head("multiclass", 2, kinds)]  # fmt: skip
    assert [*map(rules_of, calls)] == ["unfit_target"] * 3


def rules_of(call):
    """The rule of the first finding."""
    with pytest.raises(DataError) as caught:
        call()
    return caught.value.findings[0].rule
