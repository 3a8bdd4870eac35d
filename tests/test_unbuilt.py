"""A model that its first rows build is refused what it would be refused once it is built, before anything is built."""

import keras
import numpy as np
import pytest
from conftest import refused
from keras import layers

from cheatsheet import check
from recipes import DataError, fit

X = np.random.default_rng(0).normal(size=(40, 8, 3)).astype("float32")
CLASSES = (X[:, 0, 0] > 0).astype(int)
PER_STEP = {
    "a forgotten Flatten": lambda width: [layers.Dense(4, "relu"), layers.Dense(width)],
    "return_sequences": lambda width: [layers.LSTM(4, return_sequences=True), layers.Dense(width)],
    "both ways": lambda width: [layers.Bidirectional(layers.GRU(3, return_sequences=True)), layers.Dense(width)],
    "nested": lambda width: [keras.Sequential([layers.Conv1D(4, 1, activation="relu")]), layers.Dense(width)],
}


def compiled(layers_of, loss="mse"):
    model = keras.Sequential(layers_of)
    model.compile("adam", loss)
    return model


@pytest.mark.parametrize("y", [X[:, -1, 0], X[:, -1, :1], X[:, -1, :2]], ids=["(n,)", "(n, 1)", "(n, 2)"])
@pytest.mark.parametrize("name", PER_STEP)
def test_one_target_a_row_for_outputs_a_step(name, y):
    width = 1 if y.ndim == 1 else y.shape[1]
    unbuilt, built = compiled(PER_STEP[name](width)), compiled([keras.Input((8, 3)), *PER_STEP[name](width)])
    found = [(one.rule, one.message) for one in check(unbuilt, X, y)]
    assert found == [(one.rule, one.message) for one in check(built, X, y)]
    with pytest.raises(DataError, match="one answer a row"):
        fit(unbuilt, X, y, verbose=0)
    assert not unbuilt.built


@pytest.mark.parametrize(
    ("loss", "width"), [("binary_crossentropy", 1), ("sparse_categorical_crossentropy", 2)], ids=["binary", "multi"]
)
def test_one_class_a_row_for_outputs_a_step(loss, width):
    model = compiled([layers.Dense(4, "relu"), layers.Dense(width, "sigmoid" if width == 1 else "softmax")], loss)
    with pytest.raises(DataError):
        fit(model, X, CLASSES, verbose=0)
    assert not model.built


@pytest.mark.parametrize(
    ("layers_of", "y"),
    [
        ([layers.LSTM(4), layers.Dense(1)], X[:, -1, 0]),
        ([layers.LSTM(4, return_sequences=True), layers.Dense(1)], X[:, :, 0]),
        ([layers.Flatten(), layers.Dense(1)], X[:, -1, 0]),
        ([layers.Dense(4, "relu"), layers.Dense(3)], X),
    ],
    ids=["one a row", "one a step", "flattened", "restores"],
)
def test_what_fits_trains(layers_of, y):
    model = compiled(layers_of)
    assert "target_shape" not in {one.rule for one in check(model, X, y)}
    assert fit(model, X, y, verbose=0).epochs == 1


def test_nothing_of_the_users_is_run():
    asked = []

    class Own(layers.Layer):
        def compute_output_shape(self, shape):
            asked.append(shape)
            return shape

    check(compiled([Own(), layers.Dense(1)]), X, X[:, -1, 0])
    assert asked == []


def test_columns_by_name_for_one_input():
    model = compiled([layers.Dense(1)])
    message = (
        "x is a dict with the keys 'a', 'b', but a Sequential model takes one array. Pass pandas.DataFrame(x), whose "
        "columns they are, or one of them."
    )
    with refused(message):
        fit(model, {"a": X[:, 0, 0], "b": X[:, 0, 1]}, X[:, 0, 2], verbose=0)
