"""`predict` gives Keras' outputs to the last digit, for any number of rows, and is traced once for all of them."""

import keras
import numpy as np
import pytest
from keras import layers

from recipes.training.engines.tensorflow import program
from recipes.training.evaluate import predict

MODELS = {
    "dense": lambda: [keras.Input((7,)), layers.Dense(9, "relu"), layers.BatchNormalization(), layers.Dense(3)],
    "steps": lambda: [keras.Input((None, 4)), layers.LSTM(5, return_sequences=True), layers.Dense(2)],
    "images": lambda: [keras.Input((8, 8, 1)), layers.Conv2D(3, 3), layers.MaxPooling2D(), layers.Flatten()],
}


def rows(model, number):
    shape = [6 if size is None else size for size in model.input_shape[1:]]
    return np.random.default_rng(number).normal(size=(number, *shape)).astype("float32")


@pytest.mark.parametrize("name", MODELS)
def test_any_number_of_rows_in_one_tracing(name, monkeypatch):
    model = keras.Sequential(MODELS[name]())
    model.compile("adam", "mse")
    traced = []

    def counted(tracing):
        traced.append(tracing)
        return outputs(tracing)

    outputs = program.outputs
    monkeypatch.setattr(program, "outputs", counted)
    numbers = (1, 5, 8, 9, 30)
    found = [predict(model, rows(model, number), batch_size=8) for number in numbers]
    assert len(traced) == 1
    for number, ours in zip(numbers, found, strict=True):
        theirs = model.predict(rows(model, number), batch_size=8, verbose=0)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_a_batch_of_fixed_size():
    model = keras.Sequential([keras.Input((3, 2), batch_size=4), layers.LSTM(3, stateful=True)])
    model.compile("adam", "mse")
    x = rows(model, 8)
    ours = predict(model, x, batch_size=4)
    model.layers[0].reset_states()
    np.testing.assert_array_equal(ours, model.predict(x, batch_size=4, verbose=0))
