"""What holds no numbers, or not in every row, is refused by one sentence: what came, what was expected, the mend."""

import re
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from conftest import refused
from containers import ENCODE, IMPUTE, arrow, in_a_table

import recipes
from cheatsheet import DataError, infer_task
from cheatsheet.common.arrays import as_array
from recipes.features import as_features, columns_of, in_order

DATES = pd.to_datetime(["2020-01-01", "2020-01-02"])
ROWS = "Expected an array, list or table with one row per example."


def test_missing_values_name_their_columns():
    table = pd.DataFrame({"age": [1, None, None, None], "fare": pd.array([None, 1, 1, 1], dtype="Int64"),
                          "kept": 1.0})  # fmt: skip
    what = "has missing values in 2 columns: 'age' (3), 'fare' (1)."
    with refused(f"x {what} Expected a number in every row. {IMPUTE}"):
        as_features(table)
    with refused(f"y {what} Expected a value in every row. {IMPUTE}"):
        as_array(table, "y")
    with refused(f"x {what} Expected a number in every row. {IMPUTE}"):
        as_features(pl.DataFrame({"age": [1, None, None, None], "fare": [None, 1, 1, 1]}))


@pytest.mark.parametrize(
    "values",
    [
        pd.array([1, None], dtype="Float64"),
        pd.array([True, None], dtype="boolean"),
        arrow([1, None], pa.int64()),
        pd.Categorical([1, None]),
        pd.arrays.SparseArray([1.0, np.nan]),
        np.array([1, None], dtype=object),
        [Decimal(1), Decimal("sNaN")],
        ["1.5", None],
        pl.Series([1, None]),
        pl.Series([True, None]),
        pl.Series([None, "1"]),
    ],
)
def test_missing_values_in_every_kind_of_column(values):
    with refused(f"x has missing values in 1 column: 'a' (1). Expected a number in every row. {IMPUTE}"):
        as_features(in_a_table(values))


@pytest.mark.parametrize(("values", "shown"), [(pd.array([1, None], dtype="Int64"), "<NA>"),
                                               (pl.Series([1.0, None]), "None"), ([Decimal(1), None], "None"),
                                               ([pd.NaT, pd.NaT][:1], "NaT")])  # fmt: skip
def test_missing_values_of_one_column_alone(values, shown):
    row = len(values) - 1
    with refused(
        f"x has 1 missing value; the first is {shown} in row {row}. Expected a value in every row. "
        "Drop those rows or fill them."
    ):
        as_features(values)


def test_infinite_values():
    with refused("x has infinite values in 1 column: 'rate' (2). Expected finite numbers. "
                 "Look for a division by zero, drop those rows or impute the values."):  # fmt: skip
        as_features(pd.DataFrame({"rate": [np.inf, 1.0, -np.inf], "kept": 1}))


def test_all_that_is_in_the_way_is_named_at_once_and_words_before_what_is_missing():
    table = pd.DataFrame(
        {"age": [1, None], "city": ["Rome", None], "lists": [[1], [2]], "kind": pd.Categorical(["a", "b"]),
         "when": DATES[:2], "rate": [np.inf, 1.0], "size": [1.0, 2.0]}
    )  # fmt: skip
    with refused(
        f"5 things are in the way:\n1. x has columns that are not numbers: city, kind. {ENCODE}\n"
        "2. x has columns whose values are lists or arrays: lists. Expected one number a row. Pass each place as a "
        "column of its own, or all of it as an array (n, ...).\n"
        "3. x has columns of dates or times: when. Expected numbers. Turn them into numbers first, such as days since "
        "a start: (np.asarray(column, 'M8[s]') - np.datetime64('2000-01-01')) / np.timedelta64(1, 'D').\n"
        f"4. x has missing values in 1 column: 'age' (1). Expected a number in every row. {IMPUTE}\n"
        "5. x has infinite values in 1 column: 'rate' (1). Expected finite numbers. Look for a division by zero, drop "
        "those rows or impute the values."
    ):
        as_features(table)
    with pytest.raises(DataError) as caught:  # polars' and Arrow's tables likewise, and targets
        as_array(pl.DataFrame({"when": [*DATES[:2].date], "lists": [[1], [2]]}), "y")
    assert len(caught.value.findings) == 2
    assert "fit_table" not in str(caught.value)


@pytest.mark.parametrize("ask", ["build", "fit", "tune", "cross_validate"])
def test_whoever_takes_a_table_names_all_of_it_and_fit_table(ask, tmp_path):
    frame = pd.DataFrame({"ward": ["a", "b"] * 10, "when": pd.date_range("2024-01-01", periods=20), "dose": range(20)})
    y = [0, 1] * 10
    model = recipes.build_model("binary", input_shape=3)
    asked = {
        "build": lambda: recipes.build_model(x=frame, y=y),
        "fit": lambda: recipes.fit(model, frame, y, verbose=0),
        "tune": lambda: recipes.tune(frame, y, directory=tmp_path, verbose=0),
        "cross_validate": lambda: recipes.cross_validate("binary", frame, y, verbose=0),
    }
    with pytest.raises(DataError) as caught:
        asked[ask]()
    said = str(caught.value)
    assert "1. x has columns that are not numbers: ward. " in said
    assert "2. x has columns of dates or times: when. " in said
    assert "recipes.fit_table(frame, target=...) takes text, dates and gaps as they are" in said


def advised(message, container, name):
    """Follow the advice at the end of a message, which is an expression, on what was refused."""
    expression = re.search(r"(?:such as days since a start: |such as |a unit: |Read it by )(.*)\.$", message)[1]
    if " if it parts thousands, by " in expression:
        expression = expression.split(" if it parts")[0]
    return as_features(eval(expression, {"np": np, "pandas": pd, name: container}))[:, 0].tolist()


DAYS = [7305.0, 7306.0]  # since the year 2000
OF_TIME = {
    "dates or times": ([DATES, DATES.tz_localize("UTC"), DATES.date, arrow(DATES.date, pa.date32()), [*DATES.date],
                        pl.Series([*DATES.date]), pl.Series([*DATES.to_pydatetime()])], DAYS),
    "durations": ([DATES - DATES[0], pd.Series(DATES - DATES[0]), [*(DATES - DATES[0])],
                   (DATES - DATES[0]).to_pytimedelta(), pl.Series([*(DATES - DATES[0]).to_pytimedelta()]),
                   arrow([*(DATES - DATES[0])], pa.duration("ns"))], [0.0, 1.0]),
    "periods": ([DATES.to_period("D"), pd.Series(DATES.to_period("M")), [*DATES.to_period("D")]], None),
    "times of day": ([DATES.time, pl.Series([*DATES.time])], [0.0, 0.0]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("held", "dates", "numbers"),
    [(held, dates, numbers) for held, (containers, numbers) in OF_TIME.items() for dates in containers],
)
def test_dates_and_kin_are_refused_with_advice_that_works(held, dates, numbers):
    for name, read in (("x", as_features), ("y", infer_task)):
        with pytest.raises(DataError, match=f"^{name} holds {held} ") as caught:
            read(dates)
        days = advised(str(caught.value), dates, name)
        assert days == numbers or (numbers is None and days[1] - days[0] in (0, 1))
    with pytest.raises(DataError, match=f"^x has columns of {held}: a. Expected numbers. ") as caught:
        as_features(in_a_table(dates))
    column = in_a_table(dates)["a"]
    assert advised(str(caught.value), column, "column") == advised(str(caught.value), dates, "column")
    with pytest.raises(DataError, match=f"^y has columns of {held}: a. Expected numbers. "):
        as_array(in_a_table(dates), "y")


TEXTS = [
    (["3,14", "-2,5", "a,b"], None),
    (["3,14", "-2,5", "1e1"], [3.140000104904175, -2.5, 10.0]),
    (["3,14", "-2,5", "10"], [3.140000104904175, -2.5, 10.0]),
    (["1,234", "12,345,678.5", "7"], [1234.0, 12345678.0, 7.0]),
    (["1,234", "7"], [1234.0, 7.0]),
    (["True", "False", "True"], [1.0, 0.0, 1.0]),
    (["TRUE", "false"], [1.0, 0.0]),
]


@pytest.mark.parametrize(("texts", "numbers"), TEXTS)
@pytest.mark.parametrize("make", [list, np.array, pd.Series, pl.Series, lambda texts: pd.Series(texts, dtype="string")])
def test_text_that_means_numbers_is_refused_with_advice_that_works(texts, numbers, make):
    column = make(texts)
    for container, name in ((column, "x"), (in_a_table(column), "column")):
        with pytest.raises(DataError) as caught:
            as_features(container)
        if numbers is None:
            assert "OneHotEncoder" in str(caught.value)
        else:
            assert advised(str(caught.value), column, name) == numbers


def test_a_date_among_missing_ones():
    with pytest.raises(DataError, match=r"^x has columns of dates or times: a\. "):
        as_features(in_a_table([DATES[0], None]))


def test_sparse_that_is_too_large():
    message = (
        "x is sparse, of shape (100000, 10000), and takes 3.7 GiB as a dense float32 array. "
        "Expected at most 1 GiB. Pass fewer rows, or make fewer columns of these "
        "(sklearn.decomposition.TruncatedSVD)."
    )
    large = scipy.sparse.csr_matrix((100_000, 10_000))
    with refused(message):
        as_features(large)
    with refused(message.replace("(100000, 10000)", "(1000000, 300)").replace("3.7", "1.1")):
        as_features(pd.DataFrame.sparse.from_spmatrix(scipy.sparse.csr_matrix((1_000_000, 300))))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ({1, 2}, f"x is of type set. {ROWS} Pass a list: a set has no order, and each value once."),
        ({"a": 1}.values(), f"x is of type dict_values. {ROWS} Pass list(x)."),
        ({"a": 1}.keys(), f"x is of type dict_keys. {ROWS} Pass list(x)."),
        ((i for i in range(3)), f"x is of type generator. {ROWS} Pass list(x)."),
        (object(), f"x is of type object. {ROWS}"),
        (
            type("RaggedTensor", (), {"to_tensor": None})(),
            f"x is of type RaggedTensor. {ROWS} Pass x.to_tensor(), which pads the rows to one length.",
        ),
        (type("SparseTensor", (), {})(), f"x is of type SparseTensor. {ROWS} Pass tf.sparse.to_dense(x)."),
        ("text", "x is a single value ('text'). Expected an array with one row per example."),
        (b"text", "x is a single value (b'text'). Expected an array with one row per example."),
        (np.array(3, dtype=object), "x is a single value (3). Expected an array with one row per example."),
        (
            {"a": [1, 2], "b": [3, 4]},
            "x is of type dict. Received the keys 'a', 'b'. Expected one array or table. "
            "Pass pandas.DataFrame(x) for columns.",
        ),
        (pl.LazyFrame({"a": [1]}), "x is of type LazyFrame. Expected its rows. Pass x.collect()."),
        (
            np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
            "x is a structured array with the fields 'a', 'b'. Expected one kind of value. "
            "Pass numpy.lib.recfunctions.structured_to_unstructured(x), or pandas.DataFrame(x).",
        ),
        (
            np.ma.array([1.0, 2.0], mask=[0, 1]),
            "x has 1 masked value, and the mask would be lost. Fill or drop them first.",
        ),
        (
            pd.Series([1j, 2]),
            "x is complex (complex128), and Keras would drop the imaginary part. Pass real numbers, such as "
            "np.abs(x), or real and imaginary parts as two columns.",
        ),
        (
            pd.DataFrame({"z": [1j, 2]}),
            "x has complex columns: z, and Keras would drop the imaginary part. Pass real numbers, such as their "
            "absolute values, or real and imaginary parts as two columns.",
        ),
        (
            np.array([b"\xff"]),
            "x holds bytes that are no text in UTF-8 (invalid start byte). Expected numbers, booleans or text. "
            "Decode them first.",
        ),
        (pd.Series([{}, {}]), "x holds objects of type dict. Expected numbers, booleans or text."),
        (
            pd.DataFrame({"a": []}),
            "x is empty: shape (0, 1). Expected at least one row. Look where it was filtered or split.",
        ),
        (
            pd.DataFrame(index=[0, 1]),
            "x is empty: shape (2, 0). Expected at least one row. Look where it was filtered or split.",
        ),
    ],
)
def test_one_sentence(x, message):
    with refused(message):
        as_features(x)


def test_rows_of_unequal_length_in_a_series():
    with pytest.raises(ValueError, match=r"^x is ragged: its rows differ in length"):
        as_features(pd.Series([[1, 2], [3]]))


def test_what_cannot_become_an_array():
    class Closed:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("the file is closed")

    with refused(f"x is of type Closed, which NumPy cannot read (the file is closed). {ROWS}"):
        as_features(Closed())


def test_text_beside_numbers_in_a_target():
    with refused(
        "y mixes text and numbers ('a', 1). Expected one kind. Encode the text columns as numbers, or pass them apart."
    ):
        as_array(pd.DataFrame({"a": ["a", "b"], "b": [1, 2]}), "y")


@pytest.mark.parametrize("dtype", ["float64", "int64", "int32", "uint32", "Int64", "int64[pyarrow]"])
def test_what_float32_cannot_tell_apart_by_column(dtype):
    table = pd.DataFrame({"kept": [1.5, 2.5], "id": pd.array([2_000_000_000, 2_000_000_002], dtype=dtype)})
    with refused(
        "column 'id' of x varies by 1 around values of size 2e+09, which float32 cannot resolve. "
        "Subtract an offset, such as x.mean(axis=0)."
    ):
        as_features(table)
    with refused("column 'far' of x reaches 1e+20, too large for float32 arithmetic. Divide it by a scale first."):
        as_features(pd.DataFrame({"far": [1e20, 1.0]}))


def test_columns_of_lists():
    expected = (
        "x has columns whose values are lists or arrays: a. Expected one number a row. "
        "Pass each place as a column of its own, or all of it as an array (n, ...)."
    )
    for values in ([[1, 2], [3, 4]], [[1, 2], [3]], [np.ones(2), np.ones(2)]):
        with refused(expected):
            as_features(pd.DataFrame({"a": values, "b": [1.0, 2.0]}))
    with refused(expected):
        as_features(pa.table({"a": [[1, 2], [3, 4]], "b": [1.0, 2.0]}))


@pytest.mark.parametrize("make", [pa.table, lambda columns: pa.RecordBatch.from_pydict(columns)])
def test_tables_of_arrow(make):
    """They have names, are put in order, and name what is in the way, as any table."""
    table = make({"a": [1, 2, 3], "b": [0.5, 1.0, 2.0], "c": [True, False, True]})
    np.testing.assert_array_equal(as_features(table), [[1, 0.5, 1], [2, 1, 0], [3, 2, 1]])
    assert columns_of(table) == ("a", "b", "c")
    assert columns_of(in_order(table, ("c", "a", "b"), "x")) == ("c", "a", "b")
    with refused("x lacks the column 'c' and has the column 'd', which the model was not trained on. "
                 "Pass the columns 'a', 'b', 'c'.", DataError):  # fmt: skip
        in_order(make({"a": [1], "b": [2], "d": [3]}), ("a", "b", "c"), "x")
    with refused("x has missing values in 1 column: 'a' (1). Expected a number in every row. "
                 "Drop those rows or impute the values."):  # fmt: skip
        as_features(make({"a": [1, None], "b": [1, 2]}))
    small = make({"a": pa.array([1, 2], pa.int8()), "b": pa.array([1, 2], pa.int16())})
    assert as_features(small).dtype == np.int16
    assert as_features(make({"a": pa.array([1, 2, 1]).dictionary_encode()})).tolist() == [[1], [2], [1]]
