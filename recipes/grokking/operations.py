"""An operation of one's own: an expression in x and y, or a function of two whole numbers, as a table modulo p.

NumPy alone. Answers are taken modulo p, and pairs without an answer are left out of the table.
"""

import ast
import hashlib
import inspect
import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Binary = Callable[[int, int], Any]
MOST_PAIRS = 1_000_000  # which are asked one by one: some seconds
MOST_BITS = 100_000  # of a power
NAMES = ("x", "y", "p")
MOST_SHOWN = 80  # characters of an expression that cannot be read
_MISSING_SIGN = re.compile(r"\d\s*[xyp(]|[xyp)]\s*[xyp\d(]")  # 3y, xy, 2(x + y)
EXPECTED = "whole numbers, x, y and p with +, -, *, /, //, %, ^ and '... if ... else ...'"
_SIGNS: dict[type, Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
}
_COMPARE: dict[type, Callable[[int, int], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


@dataclass(frozen=True)
class Answers:
    """The table of an operation of one's own.

    Attributes:
        name: The expression, or the name of the function with a digest of its answers.
        x: Left operands of all pairs that have an answer `(n,)`.
        y: Right operands `(n,)`.
        answer: Modulo p `(n,)`.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    answer: np.ndarray


def answers_of(operation: str | Binary, p: int) -> Answers:
    """Ask an operation for the answer of every pair of numbers 0 .. p-1.

    Args:
        operation: An expression such as `"x^2 + 3*y"`, in which `/` divides modulo p, or a function of two whole
            numbers that gives one, or `None` where there is no answer.
        p: The modulus, which need not be prime.

    Raises:
        ValueError: for an expression that cannot be read, a function that fails or gives something else than whole
            numbers, and a table that is empty, or too large to be asked pair by pair.
    """
    if p * p > MOST_PAIRS:
        raise ValueError(
            f"An operation of your own is asked for each pair, and p={p} has {p * p:,} of them. "
            f"Expected p of at most {math.isqrt(MOST_PAIRS):,}."
        )
    function = read(operation, p) if isinstance(operation, str) else operation
    found = []
    for x in range(p):
        for y in range(p):
            try:
                answer = function(x, y)
            except Exception as error:
                said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
                raise ValueError(
                    f"The operation fails for x={x}, y={y}: {said.rstrip('.')}. Expected a whole number, which is "
                    f"taken modulo p={p}, or None where there is no answer; in an expression such as 'x/y', / divides "
                    "modulo p."
                ) from error
            if answer is None:
                continue
            if not isinstance(answer, int | np.integer | np.bool_):
                raise ValueError(
                    f"The operation gives {answer!r} for x={x}, y={y}. Expected a whole number, which is taken modulo "
                    f"p={p}, or None where there is no answer."
                )
            found.append((x, y, int(answer) % p))
    name = operation if isinstance(operation, str) else getattr(operation, "__name__", type(operation).__name__)
    if not found:
        raise ValueError(f"The operation {name!r} has no answer for any pair of numbers modulo {p}.")
    table = np.array(found)
    if not isinstance(operation, str):  # two functions may have one name
        name = f"{name} ({hashlib.sha256(table.astype('<i8').tobytes()).hexdigest()[:8]})"
    return Answers(name, *table.T)


def takes_two(operation: Any) -> bool:
    """Say whether this is a function of two values."""
    if callable(operation):
        try:
            inspect.signature(operation).bind(0, 0)
        except TypeError:
            return False
        except ValueError:  # of a function that shows no signature
            return True
        return True
    return False


def require_expression(expression: str) -> None:
    """Require text that can be read as an expression in x and y.

    Raises:
        ValueError: naming what cannot be read.
    """
    _parsed(expression)


def read(expression: str, p: int) -> Binary:
    """Read an expression as a function of x and y, which gives `None` where it divides by what has no inverse modulo p.

    No code is run, and whole numbers are exact.

    Raises:
        ValueError: for anything but whole numbers, x, y, p and the signs.
    """
    tree = _parsed(expression)

    def function(x: int, y: int) -> int | None:
        try:
            return _computed(tree, {"x": x, "y": y, "p": p})
        except ZeroDivisionError:
            return None

    return function


def _parsed(expression: str) -> ast.expr:
    given = repr(expression if len(expression) <= MOST_SHOWN else f"{expression[:MOST_SHOWN]}...")
    expected = f"Expected {EXPECTED}."
    if _MISSING_SIGN.search(expression):
        expected += " A product needs its sign: 3*y, x*y."
    try:
        tree = ast.parse(" ".join(expression.split()).replace("^", "**"), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"Cannot read operation={given}. {expected}") from None
    for node in ast.walk(tree):
        if not _is_known(node):
            shown = ast.unparse(node).replace("**", "^") if isinstance(node, ast.expr) else type(node).__name__
            raise ValueError(f"Cannot read {shown[:MOST_SHOWN]!r} in operation={given}. {expected}")
    if not any(isinstance(node, ast.Name) and node.id != "p" for node in ast.walk(tree)):
        raise ValueError(f"operation={given} is the same for all x and y. {expected}")
    return tree


def _is_known(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=value):
            return type(value) is int
        case ast.Name(id=name):
            return name in NAMES
        case ast.Compare(ops=signs):
            return len(signs) == 1
    known = (ast.BinOp, ast.UnaryOp, ast.IfExp, ast.USub, ast.UAdd, ast.Div, ast.Pow, ast.Load, *_SIGNS, *_COMPARE)
    return isinstance(node, known)


def _computed(node: ast.AST, values: dict[str, int]) -> int:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=sign, operand=part):
            return (-1 if isinstance(sign, ast.USub) else 1) * _computed(part, values)
        case ast.IfExp(test=test, body=body, orelse=otherwise):
            return _computed(body if _computed(test, values) else otherwise, values)
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return int(_COMPARE[type(sign)](_computed(left, values), _computed(right, values)))
        case ast.BinOp(left=left, op=sign, right=right):
            first, second = _computed(left, values), _computed(right, values)
            if isinstance(sign, ast.Div):
                return first * inverse(second, values["p"])
            if isinstance(sign, ast.Pow):
                return _power(first, second, values["p"])
            return _SIGNS[type(sign)](first, second)
    raise AssertionError(f"{node} was let through")


def _power(base: int, exponent: int, p: int) -> int:
    if exponent < 0:
        return inverse(_power(base, -exponent, p), p)
    if abs(base) > 1 and exponent * base.bit_length() > MOST_BITS:
        raise ValueError(f"The operation takes {base} to the power of {exponent}, which is too large a number.")
    return int(base**exponent)


def inverse(number: int, p: int) -> int:
    """Find the number with `number * inverse = 1` modulo p.

    Raises:
        ZeroDivisionError: where there is none, as number and p have a divisor in common.
    """
    if math.gcd(number, p) != 1:
        raise ZeroDivisionError(f"{number} has no inverse modulo {p}")
    return pow(number, -1, p)
