"""`predict` gives Keras' outputs to the last digit, for any number of rows, and is traced once for all of them."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

import cheatsheet
from cheatsheet import DataError
from recipes import fit
from recipes.training.engines.tensorflow import program
from recipes.training.evaluate import evaluate, predict

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


def test_one_example_without_the_axis_of_the_rows_is_told_how_to_pass_it():
    """A picture or a sequence; in predict and evaluate nobody is told to build the model anew."""
    for shape, body in (((8, 8, 1), [layers.Flatten()]), ((8, 8, 3), [layers.Flatten()]), ((6, 4), [layers.GRU(2)]),
                        ((None, 4), [layers.GRU(2)])):  # fmt: skip
        model = keras.Sequential([keras.Input(shape), *body, layers.Dense(1)])
        model.compile("adam", "mse")
        x = rows(model, 3)
        given = x.shape[1:]
        said = (
            f"x has the shape of a single row, {given}, but the model takes any number of rows like it. Pass x[np.new"
        )
        for call in (
            lambda m=model, x=x: predict(m, x[0]),
            lambda m=model, x=x: evaluate(m, x[0], np.zeros(len(x[0]))),
        ):
            with pytest.raises(DataError) as caught:
                call()
            assert str(caught.value).startswith(said)
        (found,) = [one for one in cheatsheet.check(model, x[0], np.zeros(len(x[0]))) if one.rule == "input_shape"]
        assert found.fix.startswith("pass x[np.newaxis]")
        assert predict(model, x[0][np.newaxis]).shape == (1, 1)
        with pytest.raises(DataError, match=r"The rows of x have shape .*\. Resize or reshape x\.$"):
            predict(model, np.concatenate([x, x], axis=-1))


def test_of_several_inputs_the_one_is_named_that_lacks_its_rows():
    left, right = keras.Input((8, 8, 3), name="left"), keras.Input((2,), name="right")
    joined = layers.Concatenate()([layers.Flatten()(left), right])
    model = keras.Model([left, right], layers.Dense(1)(joined))
    model.compile("adam", "mse")
    with pytest.raises(DataError, match=r"Pass x\['left'\]\[np\.newaxis\]"):
        predict(model, {"left": np.zeros((8, 8, 3)), "right": np.zeros((1, 2))})


def test_a_dict_of_columns_for_one_input():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    model.compile("adam", "mse")
    columns = {"a": np.arange(3.0), "b": np.ones(3)}
    with pytest.raises(
        DataError, match=r"Pass the array itself, or pandas\.DataFrame\(x\) where the keys name columns"
    ):
        predict(model, columns)
    assert predict(model, pd.DataFrame(columns)).shape == (3, 1)


def test_a_grey_picture_without_channels_and_series_without_a_last_axis():
    """`(n, steps)` are many series; `(steps, 1)` is one, not as many series of one step each."""
    grey = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(1)])
    grey.compile("adam", "mse")
    with pytest.raises(DataError, match=r"the shape of a single row, \(8, 8\).*Pass x\[np.newaxis\]"):
        predict(grey, np.zeros((8, 8)))
    assert predict(grey, np.zeros((8, 8))[np.newaxis]).shape == (1, 1)
    series = keras.Sequential([keras.Input((None, 1)), layers.GRU(2), layers.Dense(1)])
    series.compile("adam", "mse")
    x = rows(series, 5)
    np.testing.assert_array_equal(predict(series, x[..., 0]), predict(series, x))
    assert predict(series, x[:1, :1, 0]).shape == (1, 1)
    for one in (x[0], x[0, :, :1]):
        with pytest.raises(DataError, match=r"the shape of a single row, \(6, 1\)"):
            predict(series, one)
    fit(series, x[:, 0], np.zeros(5), verbose=0)  # as many targets as steps: Keras takes them for series of one
    np.testing.assert_array_equal(predict(series, x[:, 0]), series.predict(x[:, 0], verbose=0))
