"""The tables: every equation holds, and their division depends on the seed alone."""

import itertools
import re

import numpy as np
import pytest
from conftest import refused

from recipes.grokking.equations import MODULAR, OPERATIONS, RANDOM, as_named, equations, table_size
from recipes.grokking.fourier import circle_order, restricted_and_excluded_loss
from recipes.grokking.operations import EXPECTED, read


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
    commutative = {operation for operation in OPERATIONS if equations(operation, 7).is_commutative}
    assert commutative == {"x+y", "x^2+y^2", "x^2+xy+y^2", "x*y"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"operation": "x o y"},
            f"Cannot read operation='x o y'. Expected {EXPECTED}. Or one of {', '.join(map(repr, OPERATIONS))}; or a "
            "function of two whole numbers.",
        ),
        ({"p": 2}, "p must be a whole number of at least 3. Received: p=2. Expected 53, 97 or 113, say."),
        (
            {"operation": lambda x, y: x / 2, "p": 5},
            "The operation gives 0.0 for x=0, y=0. Expected a whole number, which is taken modulo p=5, or None where "
            "there is no answer.",
        ),
        (
            {"operation": lambda x, y: x // y, "p": 5},
            "The operation fails for x=0, y=0: ZeroDivisionError: integer division or modulo by zero. Expected a whole "
            "number, which is taken modulo p=5, or None where there is no answer; in an expression such as 'x/y', / "
            "divides modulo p.",
        ),
        (
            {"operation": lambda x, y: {}[x + y], "p": 5},
            "The operation fails for x=0, y=0: KeyError: 0. Expected a whole number, which is taken modulo p=5, or "
            "None where there is no answer; in an expression such as 'x/y', / divides modulo p.",
        ),
        (
            {"operation": np.zeros((5, 5), int), "p": 5},
            f"Unknown operation. Received: operation=a ndarray. Expected one of {', '.join(map(repr, OPERATIONS))}; an "
            "expression in x and y; or a function of two whole numbers, such as lambda x, y: table[x][y] of a table.",
        ),
        (
            {"train_fraction": "0.5"},
            "train_fraction is a share of the 9,312 equations, between 0 and 1. "
            "Received: train_fraction='0.5', which leaves one side empty.",
        ),
        (
            {"operation": "x/0", "p": 5},
            "The operation 'x/0' has no answer for any pair of numbers modulo 5.",
        ),
        (
            {"operation": "x-2*y", "p": 1009},
            "An operation of your own is asked for each pair, and p=1009 has 1,018,081 of them. "
            "Expected p of at most 1,000.",
        ),
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


@pytest.mark.parametrize("p", [3, 4, 9, 12, 15, 97])
def test_the_table_is_counted_before_it_is_made_also_where_p_is_no_prime(p):
    for operation in OPERATIONS:
        assert table_size(operation, p, 0.5)[0] == len(equations(operation, p).x)


def test_what_has_no_inverse_is_not_divided_by():
    table = equations("x/y", 12)
    assert {*table.y.tolist()} == {1, 5, 7, 11}
    assert all((z * y - x) % 12 == 0 for x, y, z in zip(table.x, table.y, table.answer, strict=True))


# As an expression, and as what Python makes of it.
EXPRESSIONS = {
    "x^2 + 3*y": lambda x, y, p: x**2 + 3 * y,
    "-x * (y - 7)^3": lambda x, y, p: -x * (y - 7) ** 3,
    "x//2 + y if x > y else x*y": lambda x, y, p: x // 2 + y if x > y else x * y,
    "x % 3 + p*y - 2*(x == y)": lambda x, y, p: x % 3 + p * y - 2 * (x == y),
    "2^x - y": lambda x, y, p: 2**x - y,
}


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("p", [11, 12])
def test_an_expression_of_one_s_own(expression, p):
    table, function = equations(expression, p), EXPRESSIONS[expression]
    assert table.operation == expression
    assert len(table.x) == p * p
    for x, y, z in zip(table.x.tolist(), table.y.tolist(), table.answer.tolist(), strict=True):
        assert (function(x, y, p) - z) % p == 0
    again = equations(lambda x, y: function(x, y, p), p)
    np.testing.assert_array_equal(again.answer, table.answer)
    np.testing.assert_array_equal(again.train, table.train)


@pytest.mark.parametrize("operation", [name for name in MODULAR if "odd" not in name])
def test_the_paper_s_operations_may_be_written_as_expressions(operation):
    expression = operation.replace("xy", "x*y")
    expression = f"({expression})"  # no longer the name
    for p in (7, 12):
        ours, theirs = equations(expression, p), equations(operation, p)
        for part in ("x", "y", "answer", "train", "validation", "is_commutative"):
            np.testing.assert_array_equal(getattr(ours, part), getattr(theirs, part))
        assert ours.rule == theirs.rule


def test_blanks_change_nothing():
    for operation in OPERATIONS:
        assert as_named(operation.replace("*", " * ").replace("+", "  +\n").replace("/", "/ ")) == operation
    assert equations("x * y", 7).operation == "x*y"
    assert table_size("x / y", 97, 0.5) == table_size("x/y", 97, 0.5)


@pytest.mark.parametrize(
    ("operation", "rule"),
    [("y + x", "x+y"), (lambda x, y: y * x, "x*y"), ("x - y + p", "x-y"), (lambda x, y: x * y + 1, None), ("+x", None),
     (lambda x, y: None if x == y else x + y, None)],
)  # fmt: skip
def test_what_gives_the_same_table_is_the_same_rule(operation, rule):
    table = equations(operation, 11, seed=3)
    assert table.rule == rule
    if rule is None:
        return
    named = equations(rule, 11, seed=3)
    np.testing.assert_array_equal(circle_order(table), circle_order(named))
    logits = np.random.default_rng(0).normal(size=(len(table.x), table.num_tokens))
    assert restricted_and_excluded_loss(table, logits) == restricted_and_excluded_loss(named, logits)


def test_comparisons_are_0_and_1_in_functions_as_in_expressions():
    for other in (lambda x, y: x == y, lambda x, y: np.equal(x, y), lambda x, y: int(x == y)):
        np.testing.assert_array_equal(equations(other, 5).answer, equations("x == y", 5).answer)


@pytest.mark.parametrize(
    ("expression", "said"),
    [("x^2 + 3y", "A product needs its sign: 3*y, x*y."), ("x^2 + xy", "Cannot read 'xy' in operation='x^2 + xy'."),
     ("z + x", "Cannot read 'z' in operation='z + x'."), ("p + 1", "is the same for all x and y"),
     ("x + " * 100, "x + x + x + ...'")],
)  # fmt: skip
def test_it_is_said_what_cannot_be_read(expression, said):
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        equations(expression, 5)
    assert len(str(caught.value)) < 700


def test_pairs_without_an_answer_are_left_out():
    table = equations(lambda x, y: None if x == y else x + y, 5)
    assert sorted(zip(table.x.tolist(), table.y.tolist(), strict=True)) == [*itertools.permutations(range(5), 2)]
    assert table.is_commutative
    assert len(table.train) == 10
    assert {*equations("x * y^-1", 6).y.tolist()} == {1, 5}


def test_two_functions_of_one_name_have_different_names_in_a_record():
    one, other = (equations(function, 5).operation for function in (lambda x, y: x, lambda x, y: y))
    assert one != other
    assert one == equations(lambda x, y: x + 5 * y, 5).operation  # the same table


@pytest.mark.parametrize(
    "expression",
    ["x.real", "f(x)", "__import__('os').getcwd()", "x and y", "1 + 2", "x if y", "x < y < p", "x[0]", "lambda: x",
     "x; y", "(x := 3)", "'x'", "x + 1.5", "x + True", "z", "x @ y", "x & y", "not x", "[x]", ""],
)  # fmt: skip
def test_text_that_is_no_arithmetic_is_refused_and_runs_nothing(expression):
    with pytest.raises(ValueError, match=r"Cannot read|is the same for all"):
        equations(expression, 5)
    with pytest.raises(ValueError, match=r"Expected whole numbers, x, y and p"):
        read(expression, 5)


def test_a_number_beyond_all_bounds_is_refused():
    with refused("The operation takes 3 to the power of 7625597484987, which is too large a number."):
        read("x^y^y^y", 5)(3, 3)
    assert read("x^y^y^y", 5)(1, 3) == 1
    assert RANDOM in OPERATIONS
