"""The tables: every equation holds, and their division depends on the seed alone."""

import itertools

import numpy as np
import pytest
from conftest import refused

from recipes.grokking.equations import COMMUTATIVE, MODULAR, OPERATIONS, equations


@pytest.mark.parametrize("operation", MODULAR)
def test_every_equation_of_the_table_holds(operation):
    p = 11
    table = equations(operation, p)
    for x, y, z in zip(table.x.tolist(), table.y.tolist(), table.answer.tolist(), strict=True):
        if operation == "x/y" or (operation.startswith("x/y if") and y % 2):
            assert (z * y - x) % p == 0
        elif operation.startswith("x/y if"):
            assert (x - y - z) % p == 0
        else:
            assert (eval(operation.replace("^", "**").replace("xy", "x*y")) - z) % p == 0
    assert len(table.x) == p * p - p * operation.startswith("x/y")


def test_s5_is_the_group_of_permutations():
    group = list(itertools.permutations(range(5)))
    number = {permutation: i for i, permutation in enumerate(group)}
    compose = lambda a, b: tuple(a[b[i]] for i in range(5))  # noqa: E731
    table = {name: equations(f"S5: {name}") for name in ("xy", "xyx^-1", "xyx")}
    rng = np.random.default_rng(0)
    for row in rng.integers(0, 14_400, 200):
        x, y = (group[column[row]] for column in (table["xy"].x, table["xy"].y))
        inverse = tuple(x.index(i) for i in range(5))
        assert table["xy"].answer[row] == number[compose(x, y)]
        assert table["xyx^-1"].answer[row] == number[compose(compose(x, y), inverse)]
        assert table["xyx"].answer[row] == number[compose(compose(x, y), x)]


def test_the_division_is_a_partition_that_depends_on_the_seed():
    table = equations("x+y", 11, 0.3, seed=1)
    assert sorted([*table.train, *table.validation]) == list(range(121))
    assert len(table.train) == 36
    assert not np.array_equal(table.train, equations("x+y", 11, 0.3, seed=2).train)
    np.testing.assert_array_equal(table.train, equations("x+y", 11, 0.3, seed=1).train)


def test_tokens():
    table = equations("x-y", 5)
    np.testing.assert_array_equal(table.tokens(np.array([7])), [[1, 5, 2, 6]])
    assert table.num_tokens == 7


def test_mirrors():
    table = equations("x+y", 7, 0.5)
    train = {(table.x[i], table.y[i]) for i in table.train}
    expected = [(table.y[i], table.x[i]) in train for i in table.validation]
    np.testing.assert_array_equal(table.mirror_in_training(), expected)
    assert equations("x-y", 7).mirror_in_training() is None
    for operation in COMMUTATIVE:
        table = equations(operation, 7)
        square = table.answer.reshape(7, 7)
        np.testing.assert_array_equal(square, square.T)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"operation": "x%y"},
            f"Unknown operation. Received: operation='x%y'. Expected one of {', '.join(map(repr, OPERATIONS))}.",
        ),
        ({"p": 91}, "p must be a prime number of at least 3. Received: p=91. Expected 53, 97 or 113, say."),
        (
            {"train_fraction": 1.0},
            "train_fraction is a share of the 9,312 equations, between 0 and 1. "
            "Received: train_fraction=1.0, which leaves one side empty.",
        ),
    ],
)
def test_refusals(arguments, message):
    with refused(message):
        equations(**arguments)
