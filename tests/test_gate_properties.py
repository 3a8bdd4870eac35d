"""Whatever container data come in: fit and predict are as on clean arrays to the bit, or refused before a step."""

from decimal import Decimal

import keras
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import recipes
from cheatsheet import DataError
from recipes import fit

NUM_ROWS = 24
# Numbers that every container holds exactly: halves for fractions, whole ones and flags beside them.
HALVES = np.array([-2.0, -0.5, 0.0, 0.5, 1.0, 1.5, 3.0])


# --- columns: the numbers, and how they are held ---------------------------------------------------------------------

FRACTIONS = {
    "float64": lambda v: v,
    "float32": lambda v: v.astype("float32"),
    "Float64": lambda v: pd.array(v, dtype="Float64"),
    "Arrow": lambda v: pd.array(v.tolist(), dtype=pd.ArrowDtype(pa.float64())),
    "Arrow decimal": lambda v: pd.array([Decimal(str(x)) for x in v], dtype=pd.ArrowDtype(pa.decimal128(6, 2))),
    "objects": lambda v: pd.Series(v.tolist(), dtype=object),
    "Decimal": lambda v: pd.Series([Decimal(str(x)) for x in v], dtype=object),
    "category": lambda v: pd.Categorical(v),
    "sparse": lambda v: pd.arrays.SparseArray(v, fill_value=0.0),
}
WHOLE = {
    "int64": lambda v: v.astype("int64"),
    "int8": lambda v: v.astype("int8"),
    "uint16": lambda v: np.abs(v).astype("uint16"),
    "Int64": lambda v: pd.array(v.astype("int64"), dtype="Int64"),
    "Arrow int": lambda v: pd.array(v.astype("int64").tolist(), dtype=pd.ArrowDtype(pa.int32())),
}
FLAGS = {
    "bool": lambda v: v > 0,
    "boolean": lambda v: pd.array(v > 0, dtype="boolean"),
    "Arrow bool": lambda v: pd.array((v > 0).tolist(), dtype=pd.ArrowDtype(pa.bool_())),
}
# Columns that no network takes, which must be refused.
SPOILT = {
    "missing": lambda v: np.where(v > 0, np.nan, v),
    "missing Int64": lambda v: pd.array([None, *v[1:].astype(int)], dtype="Int64"),
    "missing Arrow": lambda v: pd.array([None, *v[1:].tolist()], dtype=pd.ArrowDtype(pa.float64())),
    "infinite": lambda v: np.where(v > 0, np.inf, v),
    "text": lambda v: np.where(v > 0, "red", "blue"),
    "text categories": lambda v: pd.Categorical(np.where(v > 0, "red", "blue")),
    "dates": lambda v: pd.date_range("2026-01-01", periods=len(v)),
    "Unix times": lambda v: (1_700_000_000 + np.arange(len(v))).astype("int64"),
    "lists": lambda v: pd.Series([[x] for x in v], dtype=object),
}


@st.composite
def columns(draw):
    """The numbers of one column, in float64, and the column as somebody holds it."""
    of = draw(st.sampled_from((FRACTIONS, WHOLE, FLAGS)))
    name = draw(st.sampled_from(sorted(of)))
    values = np.array(draw(st.lists(st.sampled_from(HALVES), min_size=NUM_ROWS, max_size=NUM_ROWS)))
    if of is WHOLE:
        values = np.round(np.abs(values) if name == "uint16" else values)
    elif of is FLAGS:
        return (values > 0).astype(float), FLAGS[name](values)
    return values, of[name](values)


CONTAINERS = {
    "pandas": lambda table: table,
    "polars": lambda table: pl.from_pandas(_plain(table)),
    "pyarrow": lambda table: pa.Table.from_pandas(_plain(table), preserve_index=False),
    "records": lambda table: _plain(table).to_records(index=False).tolist(),
    "lists": lambda table: _plain(table).to_numpy(float).tolist(),
    "array": lambda table: _plain(table).to_numpy(float),
    "Fortran": lambda table: np.asfortranarray(_plain(table).to_numpy("float32")),
    "strided": lambda table: np.repeat(_plain(table).to_numpy(float), 2, axis=0)[::2],
    "masked, nothing masked": lambda table: np.ma.array(_plain(table).to_numpy(float), mask=False),
    "csr": lambda table: scipy.sparse.csr_matrix(_plain(table).to_numpy(float)),
    "coo": lambda table: scipy.sparse.coo_array(_plain(table).to_numpy(float)),
}
NAMED = ("pandas", "polars", "pyarrow")


def _plain(table):
    """The table with plain NumPy columns, which every container can be made of."""
    return pd.DataFrame({name: np.asarray([float(value) for value in table[name]]) for name in table.columns})


# --- targets: what is given, and what the loss wants -----------------------------------------------------------------


def _labels(codes):
    """Ways of writing the same classes, numbered in sorted order of the names."""
    names = np.array(["ash", "beech", "cedar"])[codes]
    return {
        "text": names,
        "list of text": names.tolist(),
        "category": pd.Categorical(names),
        "string": pd.array(names, dtype="string"),
        "Arrow": pd.array(names.tolist(), dtype=pd.ArrowDtype(pa.string())),
        "polars": pl.Series(names.tolist()),
        "1..K": codes + 1,
        "with gaps": codes * 10 - 5,
        "whole floats": codes.astype(float),
        "Int64": pd.Series(codes, dtype="Int64"),
        "column": codes[:, None],
        "one-hot": np.eye(codes.max() + 1)[codes],
        "one-hot table": pd.get_dummies(names),
    }


SHIFTED = ("1..K", "with gaps")  # whole numbers that are not 0..K-1
TASKS = {
    "binary": ((1, "sigmoid"), "binary_crossentropy"),
    "sparse": ((3, "softmax"), "sparse_categorical_crossentropy"),
    "one-hot": ((3, "softmax"), "categorical_crossentropy"),
    "numbers": ((1, None), "mean_squared_error"),
    "two numbers": ((2, None), "mean_squared_error"),
}


@st.composite
def targets(draw, task, left_out=()):
    """What is given as y, and the very array that the loss wants; without some of the ways of writing labels."""
    if task in ("numbers", "two numbers"):
        width = 2 if task == "two numbers" else 1
        values = np.array(draw(st.lists(st.sampled_from(HALVES), min_size=NUM_ROWS * width, max_size=NUM_ROWS * width)))
        clean = values.reshape(NUM_ROWS, width)
        given = {"array": clean, "table": pd.DataFrame(clean).add_prefix("t"), "polars": pl.DataFrame(clean),
                 "Float64": pd.DataFrame(clean).astype("Float64"), "float16": clean.astype("float16"),
                 "lists": clean.tolist()}  # fmt: skip
        if width == 1:
            given |= {"Series": pd.Series(values), "Decimal": [Decimal(str(v)) for v in values], "flat": values}
        return given[draw(st.sampled_from(sorted(given)))], clean.astype("float32")
    most = 1 if task == "binary" else 2
    codes = np.array(draw(st.lists(st.integers(0, most), min_size=NUM_ROWS, max_size=NUM_ROWS)))
    codes[: most + 1] = np.arange(most + 1)  # each class is there
    given = _labels(codes)
    if task == "binary":
        given = {name: y for name, y in given.items() if not name.startswith("one-hot")} | {
            "bool": codes == 1, "boolean": pd.array(codes == 1, dtype="boolean"), "-1/+1": 2 * codes - 1}  # fmt: skip
    clean = {"binary": codes[:, None].astype("float32"), "sparse": codes.astype("int32"),
             "one-hot": np.eye(3, dtype="float32")[codes]}[task]  # fmt: skip
    given = {name: y for name, y in given.items() if name not in left_out}
    return given[draw(st.sampled_from(sorted(given)))], clean


def network(width, task, outputs=1):
    """A small compiled model, the same each time."""
    inputs = keras.Input((width,))
    (units, activation), loss = TASKS[task]
    start = keras.initializers.GlorotUniform(seed=0)
    hidden = keras.layers.Dense(3, "tanh", kernel_initializer=start)(inputs)
    made = {"main": keras.layers.Dense(units, activation, kernel_initializer=start, name="main")(hidden)}
    losses = {"main": loss}
    if outputs == 2:
        made["side"] = keras.layers.Dense(1, kernel_initializer=start, name="side")(hidden)
        losses["side"] = "mean_squared_error"
    model = keras.Model(inputs, made if outputs == 2 else made["main"])
    model.compile(keras.optimizers.SGD(0.1), losses if outputs == 2 else loss)
    return model


def check(data):
    """One example of the property: fit, predict, columns in another order, save and load, missing and new columns."""
    made = data.draw(st.lists(columns(), min_size=2, max_size=4))
    names = [f"c{i}" for i in range(len(made))]
    clean = np.stack([values for values, _ in made], axis=1).astype("float32")
    table = pd.DataFrame({name: column for name, (_, column) in zip(names, made, strict=True)})
    container = data.draw(st.sampled_from(sorted(CONTAINERS)))
    hold = CONTAINERS[container]
    task = data.draw(st.sampled_from(sorted(TASKS)))
    outputs = data.draw(st.sampled_from((1, 1, 2)))
    y, clean_y = data.draw(targets(task, SHIFTED if outputs == 2 and task in ("sparse", "one-hot") else ()))
    side = clean[:, :1]
    given_y, wanted_y = (y, clean_y) if outputs == 1 else ({"main": y, "side": side}, {"main": clean_y, "side": side})
    options = {"epochs": 2, "batch_size": 8, "verbose": 0}

    ours, theirs = network(len(names), task, outputs), network(len(names), task, outputs)
    run, expected = fit(ours, hold(table), given_y, **options), fit(theirs, clean, wanted_y, **options)
    assert run.history == expected.history
    outputs_of = expected.predict(clean)
    _assert_equal(run.predict(hold(table)), outputs_of)
    _assert_equal(run.predict(clean), outputs_of)

    spoilt = _spoilt(data, table, names)
    untouched = ours.get_weights()
    for call in (lambda: run.predict(spoilt), lambda: fit(ours, spoilt, given_y, **options)):
        with pytest.raises(DataError):
            call()
    for before, after in zip(untouched, ours.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)

    if container in NAMED:
        order = data.draw(st.permutations(names))
        _assert_equal(run.predict(CONTAINERS[data.draw(st.sampled_from(NAMED))](table[order])), outputs_of)
        for other in (table.drop(columns=names[0]), table.assign(new=1.0), table.rename(columns={names[0]: "new"})):
            with pytest.raises(DataError):
                run.predict(hold(other))
    return run, hold(table), outputs_of


def _spoilt(data, table, names):
    """The table with one column that cannot be."""
    spoil = SPOILT[data.draw(st.sampled_from(sorted(SPOILT)))]
    values = np.where(np.arange(NUM_ROWS) % 2, 1.0, -1.0)
    spoilt = table.copy()
    spoilt[data.draw(st.sampled_from(names))] = spoil(values)
    return spoilt


def _assert_equal(ours, theirs):
    for one, other in zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("task", ["sparse", "one-hot"])
@pytest.mark.parametrize("labels", SHIFTED)
def test_shifted_numbers_are_encoded_for_one_output_and_refused_for_one_of_two(labels, task):
    codes = np.arange(NUM_ROWS) % 3
    x, y = np.eye(3, dtype="float32")[codes], _labels(codes)[labels]
    run = fit(network(3, task), x, y, epochs=200, batch_size=8, verbose=0)
    np.testing.assert_array_equal(run.predict_labels(x), y)
    model = network(3, task, 2)
    before = model.get_weights()
    with pytest.raises(DataError, match=r"^In output 'main': y holds the labels .* takes the classes 0\.\.2\."):
        fit(model, x, {"main": y, "side": x[:, :1]}, verbose=0)
    for ours, theirs in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@given(st.data())
@settings(max_examples=10, **QUIET)
def test_any_container_is_as_clean_arrays(data):
    check(data)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@given(st.data())
@settings(max_examples=2_000, **QUIET)
def test_any_container_is_as_clean_arrays_many_times(tmp_path_factory, data):
    run, x, outputs = check(data)
    folder = tmp_path_factory.mktemp("run") / "saved"
    run.save(folder)
    back = recipes.load(folder)
    assert back.signature == run.signature
    _assert_equal(back.predict(x), outputs)
