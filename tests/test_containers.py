"""Whatever holds numbers gives the same numbers, or one sentence that says what is in the way."""

import array
import tracemalloc
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from conftest import refused
from containers import ENCODE, IMPUTE, arrow, in_a_table
from hypothesis import given, settings
from hypothesis import strategies as st

from cheatsheet import DataError, infer_task
from cheatsheet.common.arrays import as_array
from recipes.features import as_features, columns_of, in_order

CLEAN = np.array([3.0, 1.0, 2.5, -4.0], np.float32)
WHOLE = np.array([3, 1, 2, 4])

FRACTIONS = {  # CLEAN in everything that can hold it
    "float64": CLEAN.astype(np.float64),
    "float16": CLEAN.astype(np.float16),
    "longdouble": CLEAN.astype(np.longdouble),
    "list": CLEAN.tolist(),
    "Decimal": [Decimal(str(value)) for value in CLEAN],
    "Fraction": [Fraction(float(value)) for value in CLEAN],
    "objects": CLEAN.astype(object),
    "array.array": array.array("d", CLEAN),
    "memoryview": memoryview(CLEAN),
    "nothing masked": np.ma.array(CLEAN, mask=[0, 0, 0, 0]),
    "Series": pd.Series(CLEAN),
    "Index": pd.Index(CLEAN),
    "Float64": pd.array(CLEAN, dtype="Float64"),
    "Arrow": arrow(CLEAN.tolist(), pa.float64()),
    "Arrow decimal": arrow([Decimal(str(value)) for value in CLEAN], pa.decimal128(5, 2)),
    "categories": pd.Categorical(CLEAN),
    "pandas sparse": pd.arrays.SparseArray(CLEAN, fill_value=0.0),
    "polars": pl.Series(CLEAN),
    "polars Decimal": pl.Series([Decimal(str(value)) for value in CLEAN]),
}
INTEGERS = {
    "int64": WHOLE,
    "uint64": WHOLE.astype(np.uint64),
    "range": range(4),
    "Int64": pd.array(WHOLE, dtype="Int64"),
    "Arrow": arrow(WHOLE.tolist(), pa.int64()),
    "categories": pd.Categorical(WHOLE),
    "polars": pl.Series(WHOLE),
    "polars Int128": pl.Series(WHOLE, dtype=pl.Int128),
}
FLAGS = {
    "list": [True, False],
    "objects": np.array([True, False], dtype=object),
    "mixed with numbers": np.array([True, 0.0], dtype=object),
    "boolean": pd.array([True, False], dtype="boolean"),
    "Arrow": arrow([True, False], pa.bool_()),
    "polars": pl.Series([True, False]),
}
SMALL = {
    "int8": np.array([1, 2], np.int8),
    "Int8": pd.array([1, 2], dtype="Int8"),
    "Arrow": arrow([1, 2], pa.int8()),
    "polars": pl.Series([1, 2], dtype=pl.Int8),
}


class TestNumbers:
    @pytest.mark.parametrize("kind", FRACTIONS)
    def test_fractions(self, kind):
        for x in (FRACTIONS[kind], in_a_table(FRACTIONS[kind])):
            features = as_features(x)
            assert features.dtype == np.float32
            np.testing.assert_array_equal(features, CLEAN[:, None])
        np.testing.assert_array_equal(as_array(FRACTIONS[kind], "y"), CLEAN)
        np.testing.assert_array_equal(as_array(in_a_table(FRACTIONS[kind]), "y"), CLEAN[:, None])

    @pytest.mark.parametrize("kind", INTEGERS)
    def test_wide_integers_are_float32_as_inputs_and_integers_as_targets(self, kind):
        values = INTEGERS[kind]
        for x in (values, in_a_table(values)):
            features = as_features(x)
            assert features.dtype == np.float32
            np.testing.assert_array_equal(features, np.array([*values], dtype=np.float64)[:, None])
        assert as_array(values, "y").dtype.kind in "iu"

    @pytest.mark.parametrize("kind", FLAGS)
    def test_booleans(self, kind):
        for x in (FLAGS[kind], in_a_table(FLAGS[kind])):
            np.testing.assert_array_equal(as_features(x), np.array([[1], [0]], np.float32))

    @pytest.mark.parametrize("kind", SMALL)
    def test_small_integers_stay_integers_for_embeddings(self, kind):
        for x in (SMALL[kind], in_a_table(SMALL[kind])):
            assert as_features(x).dtype == np.int8

    @pytest.mark.parametrize(
        ("columns", "dtype"),
        [
            ({"a": np.int8, "b": np.uint8}, np.int16),
            ({"a": np.int32, "b": np.uint32}, np.float32),  # no 32 bits hold both
            ({"a": np.int8, "b": bool}, np.float32),
            ({"a": np.int32, "b": np.float16}, np.float32),
        ],
    )
    def test_the_type_of_a_table_holds_all_its_columns(self, columns, dtype):
        table = pd.DataFrame({name: np.ones(3, kind) for name, kind in columns.items()})
        features = as_features(table)
        assert features.dtype == dtype
        np.testing.assert_array_equal(features, np.ones((3, 2)))

    def test_names_that_are_there_twice_or_have_several_levels(self):
        for names in (["a", "a"], pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])):
            np.testing.assert_array_equal(as_features(pd.DataFrame([[1, 2.5]], columns=names)), [[1, 2.5]])

    @pytest.mark.parametrize(
        "make",
        [
            scipy.sparse.csr_matrix,
            scipy.sparse.coo_array,
            scipy.sparse.lil_matrix,
            lambda dense: pd.DataFrame.sparse.from_spmatrix(scipy.sparse.csr_matrix(dense)),
        ],
    )
    def test_sparse_is_made_dense(self, make):
        dense = np.array([[0.0, 1.5], [2.0, 0.0]])
        np.testing.assert_array_equal(as_features(make(dense)), dense)
        np.testing.assert_array_equal(as_array(make(dense), "y"), dense)

    @pytest.mark.filterwarnings("ignore:the matrix subclass")
    def test_matrices_and_series_of_rows(self):
        np.testing.assert_array_equal(as_features(np.asmatrix([[1, 2], [3, 4]])), [[1, 2], [3, 4]])
        np.testing.assert_array_equal(as_features(pd.Series([[1, 2], [3, 4]])), [[1, 2], [3, 4]])

    def test_text_labels(self):
        labels = ["no", "yes"]
        for y in (labels, pd.Series(labels), pd.Series(labels, dtype="string[pyarrow]"), pd.Categorical(labels),
                  pl.Series(labels), pl.Series(labels, dtype=pl.Categorical), np.array([b"no", b"yes"]),
                  np.array(labels, dtype=np.dtypes.StringDType())):  # fmt: skip
            assert as_array(y, "y").tolist() == labels
        assert as_array(pd.DataFrame({"y": labels}), "y").tolist() == [["no"], ["yes"]]


class TestNumbersInText:
    def test_they_are_read_and_it_is_said_once_for_all_columns(self):
        table = pd.DataFrame({"a": ["1.5", "-3"], "b": [1, 2], "c": ["1e4", " .5 "], "d": pd.Categorical(["0", "+7."])})
        with pytest.warns(UserWarning, match="stored as text") as told:
            features = as_features(table)
        np.testing.assert_array_equal(features, np.array([[1.5, 1, 1e4, 0], [-3, 2, 0.5, 7]], np.float32))
        assert [str(warning.message) for warning in told] == [
            "x has numbers stored as text in 3 columns: 'a', 'c', 'd'. They are read as numbers."
        ]
        assert told[0].filename == __file__

    def test_of_an_array(self):
        with pytest.warns(
            UserWarning, match=r"^x holds numbers stored as text \('1', '2'\)\. They are read as numbers"
        ):
            np.testing.assert_array_equal(as_features(["1", "2"]), [[1], [2]])

    @pytest.mark.parametrize("text", ["007", "1_000", "nan", "inf", "0x1", "", "²", "٣", "1e", "--1"])
    def test_what_may_be_no_number_is_text(self, text):
        with refused(f"x has columns that are not numbers: a. {ENCODE}"):
            as_features(pd.DataFrame({"a": ["1", text]}))

    @pytest.mark.parametrize(
        ("text", "kind"), [("1,5", "numbers with a decimal comma"), ("1,000", "numbers with a comma")]
    )
    def test_commas_are_not_guessed_about(self, text, kind):
        with pytest.raises(DataError, match=rf"^x has columns of {kind}, as text: a\. Expected numbers\. Read it by "):
            as_features(pd.DataFrame({"a": ["1", text]}))


def test_no_copy_of_a_table_is_made_on_the_way():
    rows, columns = 20_000, 50
    table = pd.DataFrame({f"c{i}": np.ones(rows) if i % 2 else np.ones(rows, bool) for i in range(columns)})
    as_features(table[:10])
    for x in (table, table.convert_dtypes(), pl.DataFrame({name: table[name].to_numpy() for name in table})):
        tracemalloc.start()
        features = as_features(x)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1.1 * features.nbytes


def test_a_long_table_of_many_kinds_of_columns_is_its_numbers():
    rng, rows = np.random.default_rng(0), 9_001  # more than are written at once
    kinds = ("float64", "float32", "int64", "bool", "Float64", "Int32", "boolean", "object", "str")
    clean = rng.integers(0, 2, size=(rows, 40))
    table = pd.DataFrame({f"c{i}": pd.Series(clean[:, i]).astype(kinds[i % len(kinds)]) for i in range(40)})
    with pytest.warns(UserWarning, match=r"numbers stored as text in 4 columns: 'c8', 'c17', 'c26', 'c35'\."):
        np.testing.assert_array_equal(as_features(table), clean)


@pytest.mark.parametrize("offset", [1e4, 1e6, 1e8, -1e8, 1e12])
def test_only_columns_that_float32_merges_are_refused(offset):
    rng = np.random.default_rng(0)
    for rows in (2, 10, 1000):
        for spread in 10.0 ** rng.uniform(-3, 8, size=40):
            column = offset + spread * rng.choice([rng.normal(size=rows), np.arange(rows) == 0, np.zeros(rows)])
            lost = np.ptp(column) > 0 and column.std() < 16 * np.finfo(np.float32).eps * abs(column).max()
            x = np.column_stack([np.arange(rows), column])
            if lost:
                with pytest.raises(DataError, match=r"column 1 of x varies by .*, which float32 cannot resolve"):
                    as_features(x)
            else:
                as_features(x)


class TestColumns:
    def test_of_polars_are_known_and_put_in_order(self):
        table = pl.DataFrame({"b": [1.0], "a": [2.0]})
        assert columns_of(table) == ("b", "a")
        np.testing.assert_array_equal(as_features(in_order(table, ("a", "b"), "x")), [[2, 1]])

    def test_name_the_classes_of_one_hot_rows(self):
        for table in (pd.get_dummies(pd.Series(["mid", "low", "high"] * 5))[["low", "mid", "high"]],
                      pl.DataFrame({"low": [0, 1, 0], "mid": [1, 0, 0], "high": [0, 0, 1]})):  # fmt: skip
            inferred = infer_task(table)
            assert (inferred.task, inferred.classes) == ("multiclass", ("low", "mid", "high"))
        assert infer_task(pd.DataFrame(np.eye(3))).classes == (0, 1, 2)


# How a column of numbers may come: the values, and what holds them. Missing is None.
def _with_gaps(values):
    return [np.nan if value is None else value for value in values]


HOLDERS = {
    "NumPy": lambda values: np.array(_with_gaps(values), dtype=np.float64),
    "nullable": lambda values: pd.array(values, dtype="Float64"),
    "Arrow": lambda values: arrow(values, pa.float64()),
    "Arrow decimal": lambda values: arrow([None if v is None else Decimal(v) for v in values], pa.decimal128(12, 4)),
    "categories": pd.Categorical,
    "objects": lambda values: np.array(values, dtype=object),
    "Decimal": lambda values: np.array([None if v is None else Decimal(v) for v in values], dtype=object),
    "sparse": lambda values: pd.arrays.SparseArray(_with_gaps(values)),
}
VALUES = st.integers(-4096, 4096).map(lambda i: i / 4)  # exact in float32 and in four decimals


@st.composite
def tables(draw, gaps):
    """Columns by name as (holder, values), all of one length."""
    rows, number = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    value = st.none() | VALUES if gaps else VALUES
    column = st.tuples(st.sampled_from([*HOLDERS]), st.lists(value, min_size=rows, max_size=rows))
    return {f"c{i}": draw(column) for i in range(number)}


@settings(max_examples=80, deadline=None)
@given(st.booleans().flatmap(tables))
def test_any_table_is_its_numbers_or_a_sentence_that_counts_what_is_missing(columns):
    table = pd.DataFrame({name: HOLDERS[holder](values) for name, (holder, values) in columns.items()})
    missing = {name: values.count(None) for name, (_, values) in columns.items() if None in values}
    if missing:
        counts = ", ".join(f"'{name}' ({number})" for name, number in missing.items())
        plural = "s" * (len(missing) > 1)
        with refused(
            f"x has missing values in {len(missing)} column{plural}: {counts}. Expected a number in every row. {IMPUTE}"
        ):
            as_features(table)
        return
    clean = np.array([values for _, values in columns.values()], dtype=np.float32).T
    np.testing.assert_array_equal(as_features(table), clean)
    np.testing.assert_array_equal(as_features(pl.DataFrame({n: v for n, (_, v) in columns.items()})), clean)
    np.testing.assert_array_equal(as_features(scipy.sparse.csr_array(clean)), clean)
    np.testing.assert_array_equal(as_features(np.ma.array(clean, mask=np.zeros_like(clean))), clean)
