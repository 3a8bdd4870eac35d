"""What a model was trained on is kept with it, and everything that takes data afterwards goes through it."""

import gc

import keras
import numpy as np
import pandas as pd
import pytest
from conftest import refused

from cheatsheet import DataError
from recipes import build_model, fit
from recipes.training.evaluate import evaluate, predict
from recipes.training.signature import _OF_MODEL, InputPart, OutputPart, Signature, signature_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype("float32")
Y = np.where(X[:, 0] > 0, "warm", "cold")
TABLE = pd.DataFrame(X, columns=["temperature", "wind", "rain"])


@pytest.fixture(scope="module")
def run():
    return fit(build_model(x=TABLE, y=Y, seed=0), TABLE, Y, epochs=20, verbose=0)


def test_a_row_taken_out_of_a_table_is_refused_with_what_keeps_its_columns():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(40, 3)), columns=["a", "b", "c"])
    y = (table["a"] > 0).astype(int)
    run = fit(build_model(x=table, y=y, seed=0), table, y, verbose=0)
    turned = table[["c", "b", "a"]]
    with pytest.raises(DataError, match=r"one row of a table.*iloc\[\[i\]\]"):
        run.predict(turned.iloc[3])
    np.testing.assert_allclose(run.predict(turned.iloc[[3]]), run.predict(table)[[3]], rtol=1e-5)


def test_it_says_what_came(run):
    assert run.signature == Signature(
        (InputPart(None, (3,), "float32", ("temperature", "wind", "rain")),),
        (OutputPart(None, (1,), ("cold", "warm")),),
    )
    assert signature_of(run.model) == run.signature
    assert run.classes == ("cold", "warm")


def test_columns_are_put_in_order_by_name(run):
    turned = TABLE[["rain", "temperature", "wind"]]
    expected = run.predict(TABLE)
    for values in (turned, X, X.tolist()):  # what has no names is taken as it stands
        np.testing.assert_array_equal(run.predict(values), expected)
    np.testing.assert_array_equal(predict(run.model, turned), expected)
    np.testing.assert_array_equal(run.predict_labels(turned), run.predict_labels(X))
    assert run.evaluate(turned, Y) == run.evaluate(X, Y) == evaluate(run.model, turned, Y)
    again = fit(run.model, turned, Y, epochs=1, validation_data=(TABLE, Y), verbose=0)
    assert again.signature == run.signature
    assert again.history["val_loss"][-1] == pytest.approx(again.evaluate(X, Y)["loss"], rel=1e-5)


@pytest.mark.parametrize("use", ["predict", "predict_labels", "evaluate", "validation_data", "fit"])
def test_columns_that_are_missing_or_new_are_refused(run, use):
    other = TABLE.rename(columns={"rain": "snow"})
    model = keras.models.clone_model(run.model)
    model.compile("adam", "binary_crossentropy")
    calls = {
        "predict": lambda: run.predict(other),
        "predict_labels": lambda: run.predict_labels(other),
        "evaluate": lambda: run.evaluate(other, Y),
        "validation_data": lambda: fit(model, TABLE, Y, validation_data=(other, Y), verbose=0),
        "fit": lambda: fit(run.model, other, Y, verbose=0),
    }
    where = "In validation_data: " if use == "validation_data" else ""
    with refused(
        f"{where}x lacks the column 'rain' and has the column 'snow', which the model was not trained on. "
        "Pass the columns 'temperature', 'wind', 'rain'.",
        DataError,
    ):
        calls[use]()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[0], "The rows of x have shape (1,), but the model takes (3,)."),
        (X[:, :1], "The rows of x have shape (1,), but the model takes (3,)."),
        (X[:, :2], "The rows of x have shape (2,), but the model takes (3,)."),
        (np.where(X > 2, np.nan, X), "not finite; the first is NaN in row"),
        (np.where(X > 0, "high", "low"), "x holds text"),
        (X[:, None, :], "The rows of x have shape (1, 3), but the model takes (3,)."),
    ],
)
def test_other_rows_are_refused_by_all_that_take_rows(run, x, message):
    for call in (run.predict, run.predict_labels, lambda x: run.evaluate(x, Y[: len(x)]),
                 lambda x: fit(run.model, X, Y, validation_data=(x, Y[: len(x)]), verbose=0)):  # fmt: skip
        with pytest.raises(ValueError, match=r".") as caught:
            call(x)
        assert message in str(caught.value)


def test_several_inputs_in_dicts_lists_and_tables():
    left, right = keras.Input((3,), name="left"), keras.Input((1,), name="right")
    out = keras.layers.Dense(1, "sigmoid")(keras.layers.Concatenate()([left, right]))
    model = keras.Model({"left": left, "right": right}, out)
    model.compile("adam", "binary_crossentropy")
    right_values = X[:, 0] * 2
    run = fit(model, {"left": TABLE, "right": right_values}, Y, epochs=2, verbose=0)
    assert [part.name for part in run.signature.inputs] == ["left", "right"]
    expected = model.predict({"left": X, "right": right_values[:, None]}, verbose=0)
    turned = {"right": right_values, "left": TABLE[["wind", "rain", "temperature"]]}
    np.testing.assert_allclose(run.predict(turned), expected, rtol=1e-6)
    np.testing.assert_array_equal(run.predict_labels(turned), np.where(expected[:, 0] > 0.5, "warm", "cold"))
    with refused("x has the keys 'left', and none for the input 'right' of the model.", DataError):
        run.predict({"left": X})


def test_streams_go_to_keras(run):
    import tensorflow as tf

    rows = tf.data.Dataset.from_tensor_slices((X, (Y == "warm").astype("float32")[:, None])).batch(20)
    np.testing.assert_allclose(run.predict(rows), run.predict(X), rtol=1e-5)
    assert run.evaluate(rows)["loss"] == pytest.approx(run.evaluate(X, Y)["loss"], rel=1e-5)


def test_it_ends_with_the_model():
    model = build_model(x=X, y=Y, seed=0)
    fit(model, X, Y, verbose=0)
    gc.collect()
    before = len(_OF_MODEL)
    del model
    gc.collect()
    assert len(_OF_MODEL) == before - 1


def test_counted_columns_are_put_in_order_too():
    """pandas' own names 0, 1, 2, as of a file without a header."""
    table = pd.DataFrame(X)
    run = fit(build_model(x=table, y=Y, seed=0), table, Y, epochs=3, verbose=0)
    assert run.signature.inputs[0].columns is None
    np.testing.assert_array_equal(run.predict(table[[2, 0, 1]]), run.predict(X))


def test_a_name_that_is_there_twice_cannot_be_put_in_order():
    twice = TABLE.set_axis(["a", "b", "a"], axis=1)
    run = fit(build_model(x=twice, y=Y, seed=0), twice, Y, verbose=0)
    np.testing.assert_array_equal(run.predict(twice), run.predict(X))
    with refused("x has the column 'a' more than once, so that nobody can put the columns in order. "
                 "Give each column a name of its own.", DataError):  # fmt: skip
        run.predict(twice.iloc[:, [1, 0, 2]])


def test_the_first_fit_knows_the_columns_that_the_model_was_built_from():
    """Its scales are those of the columns, so that another order would silently scale each by another's."""
    wide = TABLE * [1, 100, 1e4]
    turned = wide[["rain", "temperature", "wind"]]
    run = fit(build_model(x=wide, y=Y, seed=0), turned, Y, epochs=3, verbose=0)
    assert run.signature.inputs[0].columns == ("temperature", "wind", "rain")
    assert run.history == fit(build_model(x=wide, y=Y, seed=0), wide, Y, epochs=3, verbose=0).history
    model = build_model("binary", x=wide, seed=0)
    np.testing.assert_array_equal(predict(model, turned), predict(model, wide))
    with refused("x lacks the column 'rain' and has the column 'snow', which the model was not trained on. "
                 "Pass the columns 'temperature', 'wind', 'rain'.", DataError):  # fmt: skip
        fit(model, wide.rename(columns={"rain": "snow"}), Y, verbose=0)
    counted = pd.DataFrame(wide.to_numpy())
    kept = fit(build_model(x=counted[[2, 0, 1]], y=Y, seed=0), counted[[1, 0, 2]], Y, epochs=3, verbose=0)
    assert kept.history == run.history


def test_the_first_fit_knows_the_columns_of_the_target_too():
    targets = pd.DataFrame({"far": 1e4 * X[:, 0], "near": 1e-2 * X[:, 1]})
    with pytest.warns(UserWarning, match="The columns of y vary by"):
        model = build_model("regression", x=X, y=targets, seed=0)
    run = fit(model, X, targets[["near", "far"]], epochs=1, verbose=0)
    assert run.signature.outputs[0].columns == ("far", "near")
    assert abs(run.predict(X)).max(axis=0)[0] > 100 * abs(run.predict(X)).max(axis=0)[1]
    dummies = pd.get_dummies(pd.Series(Y))
    labelled = fit(build_model(x=X, y=dummies, seed=0), X, dummies[["warm", "cold"]], epochs=20, verbose=0)
    assert labelled.classes == ("cold", "warm")
    assert np.mean(labelled.predict_labels(X) == Y) > 0.8


def test_names_outlast_rows_without_names():
    model = build_model(x=TABLE, y=Y, seed=0)
    fit(model, TABLE, Y, verbose=0)
    run = fit(model, X, Y, verbose=0)
    assert run.signature.inputs[0].columns == ("temperature", "wind", "rain")
    np.testing.assert_array_equal(run.predict(TABLE[["rain", "wind", "temperature"]]), run.predict(X))


def test_an_index_in_another_order_is_refused(run):
    rows = pd.Series(Y, index=TABLE.index)
    message = "x and y have the same index in another order, but rows go by their place. Use y.loc[x.index]."
    for call in (lambda y: run.evaluate(TABLE, y), lambda y: fit(run.model, TABLE, y, verbose=0)):
        with refused(message, DataError):
            call(rows.sample(frac=1, random_state=0))
    run.evaluate(TABLE.iloc[::-1], rows.iloc[::-1])
    run.evaluate(TABLE, rows.set_axis(range(100, 160)))  # another index: who knows


def test_a_missing_y_is_said(run):
    with refused("y is missing, and this model gives something else than it takes. Pass y.", DataError):
        run.evaluate(TABLE)


def test_inputs_and_targets_that_are_swapped_or_in_one_tuple(run):
    swapped = "x has shape (60,) and y (60, 3), as if they were swapped."
    for call in (lambda: fit(run.model, Y, TABLE, verbose=0), lambda: run.evaluate([*Y], X),
                 lambda: fit(build_model("binary"), Y, X, verbose=0)):  # fmt: skip
        with refused(f"{swapped} Say fit(model, x, y), run.evaluate(x, y): inputs first.", DataError):
            call()
    with refused(f"In validation_data: {swapped} Say validation_data=(x, y): inputs first.", DataError):
        fit(run.model, TABLE, Y, validation_data=(Y, X), verbose=0)
    together = ("x is a tuple of 2 arrays, of shapes (60, 3), (60,). Expected one. "
                "Pass inputs and targets apart, as in fit(model, x, y) and run.evaluate(x, y).")  # fmt: skip
    for pair in ((X, Y), (TABLE, pd.Series(Y))):
        for call in (run.predict, run.evaluate, lambda pair: build_model(x=pair, y=Y),
                     lambda pair: fit(run.model, pair, Y, verbose=0)):  # fmt: skip
            with pytest.raises(DataError) as caught:
                call(pair)
            assert together in str(caught.value)


def test_no_yardstick_where_classes_are_weighted():
    few = np.where(X[:, 0] > 1.2, "warm", "cold")
    run = fit(
        build_model(x=X, y=few, seed=0), X, few, epochs=8, class_weight="balanced", validation_split=0.3, verbose=0
    )
    assert run.chance is None
    assert "worse_than_chance" not in [finding.rule for finding in run.findings]
