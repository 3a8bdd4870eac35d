"""Models that take text and make numbers of it: trained by Keras' own loop, from whatever holds the text."""

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import refused

from recipes import DataError, fit, load

TEXTS = np.array(["good film", "bad film", "very good", "very bad"] * 10)
Y = np.array(["liked", "not"] * 20)


def words():
    layer = keras.layers.TextVectorization(max_tokens=20, output_sequence_length=4)
    layer.adapt(TEXTS)
    return [layer, keras.layers.Embedding(20, 4), keras.layers.GlobalAveragePooling1D()]


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    made = keras.Sequential([keras.Input((), dtype="string"), *words(), keras.layers.Dense(1, "sigmoid")])
    made.compile(keras.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
    return made


@pytest.mark.parametrize(
    "container",
    [lambda x: x, list, lambda x: x.astype(object), pd.Series, lambda x: pd.DataFrame({"text": x}),
     lambda x: pl.Series("text", x.tolist()), lambda x: pd.Series(x, dtype="category")],
)  # fmt: skip
@pytest.mark.slow_but("Series")
def test_text_is_learnt_from_whatever_holds_it(model, container):
    run = fit(model, container(TEXTS), Y, epochs=15, validation_data=(container(TEXTS[:8]), Y[:8]), verbose=0)
    assert run.engine.why == "the model takes text, which model.fit makes tensors of"
    assert list(run.predict_labels(container(TEXTS))) == list(Y)
    assert run.evaluate(container(TEXTS), Y)["accuracy"] == 1


@pytest.mark.slow
def test_the_split_and_the_best_weights(model):
    run = fit(model, TEXTS, Y, epochs=12, validation_split=0.25, patience=3, verbose=0)
    assert "val_loss" in run.history


def test_beside_numbers_in_another_input():
    texts, numbers = keras.Input((), dtype="string", name="text"), keras.Input((2,), name="numbers")
    hidden = texts
    for layer in words():
        hidden = layer(hidden)
    outputs = keras.layers.Dense(1, "sigmoid")(keras.layers.Concatenate()([hidden, numbers]))
    model = keras.Model({"text": texts, "numbers": numbers}, outputs)
    model.compile("adam", "binary_crossentropy")
    x = {"text": pd.Series(TEXTS), "numbers": np.zeros((40, 2))}
    run = fit(model, x, Y, verbose=0)
    assert run.predict(x).shape == (40, 1)
    with pytest.raises(DataError, match=r"x\['numbers'\] holds text"):
        fit(model, {"text": TEXTS, "numbers": np.full((40, 2), "a")}, Y, verbose=0)


def test_a_saved_run_reads_text(model, tmp_path):
    run = fit(model, TEXTS, Y, epochs=2, verbose=0)
    run.save(tmp_path / "run")
    np.testing.assert_array_equal(load(tmp_path / "run").predict(TEXTS), run.predict(TEXTS))


def test_what_is_no_text_is_refused(model):
    with refused(
        "x holds float64 (0.0, 1.0, 2.0), and the model takes text there. Pass the text itself, or np.asarray(x, str).",
        DataError,
    ):
        fit(model, np.arange(3.0), np.array([0, 1, 0]), verbose=0)
    with pytest.raises(DataError, match="missing value"):
        fit(model, ["good", None], np.array([0, 1]), verbose=0)
