"""What a `y` is: by its values, with evidence, for every kind that people pass."""

import numpy as np
import pandas as pd
import pytest
from conftest import refused
from hypothesis import given, settings
from hypothesis import strategies as st
from known_targets import CLASSES, COUNTS, NUMBERS, column
from sklearn import datasets

from cheatsheet import head, infer_task

IF_COUNTS = "if they are counts, say task='regression', loss='poisson'"


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        ([0, 1, 2] * 50, f"3 distinct integers 0..2 in 150 rows: multiclass; {IF_COUNTS}"),
        ([1, 2, 3] * 5, f"3 distinct integers 1..3 in 15 rows: multiclass; {IF_COUNTS}"),
        ([0, 1] * 5, "2 distinct integers 0 and 1 in 10 rows: binary"),
        ([0.0, 1.0, 1.0], "2 distinct integers 0 and 1 in 3 rows: binary"),
        (
            [-1, 1, 1],
            "2 distinct integers -1 and 1 in 3 rows: binary; for a margin instead of a probability, say loss='hinge'",
        ),
        ([True, False], "booleans in 2 rows: binary"),
        (["a", "b", "a"], "2 distinct texts ('a', 'b') in 3 rows: binary"),
        (["a", "b", "c"], "3 distinct texts ('a', 'b', 'c') in 3 rows: multiclass"),
        (pd.Series(["x", "y", "x"], dtype="category"), "2 distinct texts ('x', 'y') in 3 rows: binary"),
        (pd.Series([0, 1, 2, 1], dtype="Int64"), f"3 distinct integers 0..2 in 4 rows: multiclass; {IF_COUNTS}"),
        (
            np.eye(3)[[0, 1, 2, 1]],
            "4 rows of 3 columns, one 1 in each (one-hot): multiclass; "
            "if rows may hold several ones, say task='multilabel'",
        ),
        ([[1, 1, 0], [0, 0, 1]], "2 rows of 3 columns of 0 and 1, 1 to 2 ones a row: multilabel"),
        (
            [[0.25, 0.75], [0.5, 0.5]],
            "2 rows of 2 columns, each a distribution (sum 1): multiclass; "
            "if they are shares to be predicted as numbers, say task='regression'",
        ),
        ([1.5, 2.5, -3.0], "3 distinct numbers -3..2.5 in 3 rows: regression"),
        (
            [0.1, 0.9, 0.5],
            "3 distinct numbers 0.1..0.9 in 3 rows: regression; "
            "if they are probabilities of one class, say task='binary'",
        ),
        (
            range(18, 91),
            "73 distinct integers 18..90 in 73 rows: regression; if they are counts, say loss='poisson'; "
            "if each is the name of a class, say task='multiclass'",
        ),
        ([[1.5, 2.0], [0.5, 7.0]], "2 rows of 2 columns of numbers: regression; if y is x, say task='reconstruction'"),
    ],
)
def test_the_sentence(y, sentence):
    assert str(infer_task(y)) == sentence


def test_one_column_is_read_as_a_vector():
    assert infer_task([[0], [1], [2], [1]]) == infer_task([0, 1, 2, 1])


def test_images_are_a_reconstruction():
    assert infer_task(np.zeros((5, 8, 8, 1))).task == "reconstruction"


@pytest.mark.parametrize(("name", "task"), [("wine", "multiclass"), ("iris", "multiclass"), ("digits", "multiclass"),
                                            ("breast_cancer", "binary"), ("diabetes", "regression")])  # fmt: skip
def test_real_targets(name, task):
    from recipes import load_data

    assert infer_task(load_data(name).y).task == task


@pytest.mark.parametrize("num_classes", [3, 10, 100])
def test_enough_rows_of_numbered_classes_are_classes(num_classes):
    inferred = infer_task(np.arange(50 * num_classes) % num_classes)
    assert (inferred.task, inferred.num_classes) == ("multiclass", num_classes)
    assert inferred.classes == tuple(range(num_classes))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "y is missing. Received: None. Expected an array with one row per example."),
        ([], "y is empty: shape (0,). Expected at least one row. Look where it was filtered or split."),
        (3, "y is a single value (3). Expected an array with one row per example."),
        (
            [1.0, np.nan, np.inf],
            "y has 2 values not finite; the first is NaN in row 1. "
            "Expected finite numbers. Drop those rows or impute the values.",
        ),
        (
            ["a", None],
            "y has 1 missing value; the first is None in row 1. "
            "Expected a value in every row. Drop those rows or fill them.",
        ),
        (
            [7, 7, 7],
            "y holds a single value (7) in 3 rows, so there is nothing to learn. Expected at least two. "
            "Look where y was filtered, sorted or split.",
        ),
        (
            [str(i) for i in range(30)],
            "y holds numbers stored as text ('0', '1', '10', '11', '12', ...): 30 distinct in 30 rows. "
            "Convert them with np.asarray(y, float).",
        ),
        (
            [f"patient {i:02d}" for i in range(30)],
            "y holds 30 texts, all different ('patient 00', 'patient 01', 'patient 02', 'patient 03', "
            "'patient 04', ...): names, not classes. Expected labels that repeat. "
            "Pass the column that holds the classes.",
        ),
        (
            [1j, 2.0],
            "y is complex (complex128), and Keras would drop the imaginary part. Pass real numbers, such as "
            "np.abs(y), or real and imaginary parts as two columns.",
        ),
        (
            np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]"),
            "y holds dates or times (datetime64[D]). Expected numbers, booleans or text. "
            "Turn them into numbers first, such as days since a start: "
            "(np.asarray(y, 'M8[s]') - np.datetime64('2000-01-01')) / np.timedelta64(1, 'D').",
        ),
        (
            [f"{i},5" for i in range(30)],
            "y holds numbers with a decimal comma, as text ('0,5', '1,5', '10,5', '11,5', '12,5', ...), 30 distinct. "
            "Read it by np.char.replace(np.asarray(y, str), ',', '.').astype(float).",
        ),
    ],
)
def test_what_cannot_be_a_target(y, message):
    with refused(message):
        infer_task(y)


def test_ragged_rows_are_named():
    with pytest.raises(ValueError, match=r"^y is ragged: its rows differ in length"):
        infer_task([[1, 2], [3]])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=60, max_size=80).filter(lambda y: set(y) == set(range(4))), st.randoms())
def test_the_order_of_the_rows_and_the_names_of_the_classes_do_not_matter(y, random):
    shuffled = random.sample(y, len(y))
    assert infer_task(y) == infer_task(shuffled)
    named = infer_task([f"class {label}" for label in y])
    assert (named.task, named.num_classes) == (infer_task(y).task, infer_task(y).num_classes)


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_known_by_their_shape(name):
    y = column(COUNTS[name])
    found = infer_task(y)
    assert (found.task, found.loss, found.is_choice) == ("regression", "poisson", True)
    assert "as counts are" in found.evidence
    assert (head(y=y).loss, head(y=y).activation) == ("poisson", "softplus")
    assert head("regression", y=y).loss == "mean_squared_error"  # what one says decides
    assert head("multiclass", y=y).loss == "sparse_categorical_crossentropy"
    assert head(y=y, num_classes=len(np.unique(y))).task == "multiclass"
    assert head(y=y, activation="lecture").loss == "mean_squared_error"


@pytest.mark.parametrize("name", CLASSES)
def test_classes_stay_classes(name):
    assert infer_task(column(CLASSES[name])).task == "multiclass"


@pytest.mark.parametrize("name", NUMBERS)
def test_quantities_stay_quantities(name):
    found = infer_task(column(NUMBERS[name]))
    assert (found.task, found.loss) == ("regression", None)


@pytest.mark.parametrize(
    ("name", "task"),
    [("iris", "multiclass"), ("wine", "multiclass"), ("digits", "multiclass"), ("breast_cancer", "binary"),
     ("diabetes", "regression"), ("linnerud", "regression")],
)  # fmt: skip
def test_data_that_everybody_has(name, task):
    assert infer_task(getattr(datasets, f"load_{name}")().target).task == task


@given(st.integers(2, 40), st.integers(0, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_classes_of_any_size_are_no_counts(num_classes, skew, seed):
    """Classes 0..K-1, numbered in any order, of sizes that differ up to twentyfold, none smaller than ten."""
    rng = np.random.default_rng(seed)
    sizes = (10 * np.exp(rng.random(num_classes) * min(skew, np.log(20)))).astype(int)
    y = np.repeat(np.arange(num_classes), np.maximum(sizes, 10))
    assert infer_task(y).loss is None


def test_events_that_come_in_bursts_are_counts():
    """A Poisson rate that itself varies, as an exponential: geometric. Chance hides one in a hundred."""
    rng, found = np.random.default_rng(0), []
    for _ in range(300):
        y = rng.geometric(1 / (1 + rng.uniform(0.5, 10)), rng.integers(300, 3000)) - 1
        if len(np.unique(y)) >= 6:
            found.append(infer_task(y).loss == "poisson")
    assert np.mean(found) >= 0.99


@pytest.mark.parametrize(
    ("y", "is_choice"),
    [
        ([0, 1, 2] * 50, False),
        (["a", "b"] * 5, False),
        ([1, 2, 3] * 10, False),
        ([1, 2, 3, 4, 5] * 10, True),
        ([4, 6, 8] * 11, True),
        ([1.5, 2.5, 3.5, 2.0], False),
        ([1.5, 2.5, 3.5, 2.0, 1000.0], True),
        ([-1.5, 2.5, 3.5, 2.0, 1000.0], False),
    ],
)
def test_a_choice_is_one(y, is_choice):
    assert infer_task(y).is_choice is is_choice
