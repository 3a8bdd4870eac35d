"""The tables: which equation, which pairs train, and which validate. NumPy alone.

Every equation `x o y = z` is four tokens and an answer. The numbers 0 .. n-1 are their own tokens, `n` is the operator
and `n + 1` the equals sign.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from recipes.grokking.operations import Binary as Own
from recipes.grokking.operations import answers_of, inverse, require_expression, takes_two
from recipes.running.memory import free_memory
from recipes.training.data.batches import epoch_order

Binary = Callable[[np.ndarray, np.ndarray, int], np.ndarray]

# A. Power et al. (2022), arXiv 2201.02177, appendix A.1.1: modulo p, for 0 <= x, y < p.
MODULAR: dict[str, Binary] = {
    "x+y": lambda x, y, p: x + y,
    "x-y": lambda x, y, p: x - y,
    "x/y": lambda x, y, p: x * _inverse(y, p),
    "x/y if y odd else x-y": lambda x, y, p: np.where(y % 2 == 1, x * _inverse(y, p), x - y),
    "x^2+y^2": lambda x, y, p: x**2 + y**2,
    "x^2+xy+y^2": lambda x, y, p: x**2 + x * y + y**2,
    "x^2+xy+y^2+x": lambda x, y, p: x**2 + x * y + y**2 + x,
    "x^3+xy": lambda x, y, p: x**3 + x * y,
    "x^3+xy^2+y": lambda x, y, p: x**3 + x * y**2 + y,
    "x*y": lambda x, y, p: x * y,  # not of the paper, but what several public programs train as "division"
}
# Permutations of five things, composed as functions: (xy)(i) = x(y(i)).
PERMUTATIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "S5: xy": lambda x, y: _compose(x, y),
    "S5: xyx^-1": lambda x, y: _compose(_compose(x, y), np.argsort(x, axis=1)),
    "S5: xyx": lambda x, y: _compose(_compose(x, y), x),
}
RANDOM = "random"  # answers without a rule, which nothing can generalise
OPERATIONS = (*MODULAR, *PERMUTATIONS, RANDOM)
DIVISIONS = ("x/y", "x/y if y odd else x-y")  # not by 0, nor by what has no inverse
MOST_FACTORED = 1_000_000  # p, whose table would take 64 TB
TABLE_BYTES = 64  # for each equation, while a table is made


@dataclass(frozen=True)
class Equations:
    """A whole table, and its division into training and validation.

    Attributes:
        operation: One of `OPERATIONS`, an expression, or the name of a function with a digest of its answers.
        rule: The one of `OPERATIONS` that gives the same table, however it was written; `None` for another one.
        num_symbols: Different values of x, y and the answer: p, or 120.
        x: Left operand of every equation `(n,)`, int32.
        y: Right operand `(n,)`.
        answer: `(n,)`.
        train: Row numbers that train, sorted.
        validation: The other row numbers, sorted.
        is_commutative: Whether `x o y` is `y o x` throughout.
    """

    operation: str
    num_symbols: int
    x: np.ndarray
    y: np.ndarray
    answer: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    is_commutative: bool = False
    rule: str | None = None

    @property
    def operator(self) -> int:
        """The token between x and y."""
        return self.num_symbols

    @property
    def equals(self) -> int:
        """The last token, at which the answer is read."""
        return self.num_symbols + 1

    @property
    def num_tokens(self) -> int:
        """Size of the vocabulary."""
        return self.num_symbols + 2

    def tokens(self, rows: np.ndarray) -> np.ndarray:
        """Write these equations as a model reads them: x, operator, y, equals sign; `(rows, 4)`, int32."""
        columns = (self.x[rows], self.operator, self.y[rows], self.equals)
        return np.stack(np.broadcast_arrays(*columns), axis=1).astype(np.int32)

    def mirror_in_training(self) -> np.ndarray | None:
        """Say for each validation row of a commutative operation whether `y o x` was in training; `None` for others.

        Copying the mirror image needs no arithmetic, so such rows say less about generalisation.
        """
        if not self.is_commutative:
            return None
        seen = np.zeros((self.num_symbols, self.num_symbols), bool)
        seen[self.x[self.train], self.y[self.train]] = True
        return seen[self.y[self.validation], self.x[self.validation]]


def equations(operation: str | Own = "x/y", p: int = 97, train_fraction: float = 0.5, seed: int = 0) -> Equations:
    """Make the table of all equations, and choose those that train.

    Args:
        operation: One of `OPERATIONS`; an expression in x and y, such as `"x^2 + 3*y"`; or a function of two whole
            numbers, whose answer is taken modulo p, `None` for none.
        p: The modulus; what has no inverse modulo p is not divided by. S5 has its own 120 symbols instead.
        train_fraction: Share of all equations that trains, `0 < train_fraction < 1`.
        seed: Of the division, and of the answers of `"random"`.

    Raises:
        ValueError: for an unknown operation, a p below 3, a fraction that leaves one side empty, and a table that the
            free memory does not hold; all before the table is made.
    """
    operation = as_named(operation)
    num_rows, num_train = table_size(operation, p, train_fraction)
    if TABLE_BYTES * num_rows > free_memory():
        raise ValueError(
            f"The {num_rows:,} equations take {TABLE_BYTES * num_rows / 1e9:,.1f} GB of memory, and "
            f"{free_memory() / 1e9:,.1f} GB are free. Received: p={p}. Expected a smaller p."
        )
    name, num_symbols = str(operation), int(p)
    rule: str | None = name
    if operation in PERMUTATIONS:
        num_symbols, x, y, answer = _of_permutations(name)
    elif operation in OPERATIONS:
        x, y, answer = _modulo(name, num_symbols, seed)
    else:
        own = answers_of(operation, num_symbols)
        name, x, y, answer = own.name, own.x, own.y, own.answer
        rule = _rule_of(num_symbols, x, y, answer)
        num_train = _num_train(len(x), train_fraction)
    order = epoch_order(seed, 2**64 - 1, len(x))  # an epoch that no run reaches
    return Equations(
        name,
        num_symbols,
        x.astype(np.int32),
        y.astype(np.int32),
        answer.astype(np.int32),
        np.sort(order[:num_train]),
        np.sort(order[num_train:]),
        is_commutative=operation != RANDOM and _is_commutative(num_symbols, x, y, answer),
        rule=rule,
    )


def as_named(operation: Any) -> Any:
    """Give the one of `OPERATIONS` that differs from this text in blanks alone; anything else as it is.

    >>> as_named("x * y")
    'x*y'
    """
    if not isinstance(operation, str):
        return operation
    written = "".join(operation.split())
    return next((name for name in OPERATIONS if "".join(name.split()) == written), operation)


def table_size(operation: str | Own, p: int, train_fraction: float) -> tuple[int, int]:
    """Count the equations, and those of them that train, without making them, so that p may be any.

    Of an operation of one's own these are the most that there can be: a table without gaps.

    Raises:
        ValueError: for an unknown operation, a p that is no whole number of at least 3, a fraction that leaves one side
            empty.
    """
    operation = as_named(operation)
    if not takes_two(operation) and not (isinstance(operation, str) and operation in OPERATIONS):
        known = f"one of {', '.join(map(repr, OPERATIONS))}"
        if not isinstance(operation, str):
            given = repr(operation) if isinstance(operation, int | float) else f"a {type(operation).__name__}"
            raise ValueError(
                f"Unknown operation. Received: operation={given}. Expected {known}; an expression in x and y; or a "
                "function of two whole numbers, such as lambda x, y: table[x][y] of a table."
            )
        try:
            require_expression(operation)
        except ValueError as error:
            raise ValueError(f"{error} Or {known}; or a function of two whole numbers.") from None
    if operation in PERMUTATIONS:
        num_rows = math.factorial(5) ** 2
    elif isinstance(p, bool) or not isinstance(p, int | np.integer) or p < 3:
        raise ValueError(f"p must be a whole number of at least 3. Received: p={p!r}. Expected 53, 97 or 113, say.")
    else:
        num_rows = int(p) * (_num_divisors(str(operation), int(p)) if operation in DIVISIONS else int(p))
    return num_rows, _num_train(num_rows, train_fraction)


def _num_train(num_rows: int, train_fraction: float) -> int:
    is_share = isinstance(train_fraction, int | float | np.number) and 0 < train_fraction < 1
    num_train = round(train_fraction * num_rows) if is_share else 0
    if not 0 < num_train < num_rows:
        raise ValueError(
            f"train_fraction is a share of the {num_rows:,} equations, between 0 and 1. "
            f"Received: train_fraction={train_fraction!r}, which leaves one side empty."
        )
    return num_train


def _num_divisors(operation: str, p: int) -> int:
    """Count the y of a division, by Euler's totient function: of an odd p, half of the invertible numbers are odd.

    Of a p beyond all tables it is all numbers but 0, at most as many as there are, and found at once.
    """
    if p > MOST_FACTORED:
        return p - 1
    invertible, rest = p, p
    for factor in range(2, math.isqrt(p) + 1):
        if rest % factor == 0:
            invertible -= invertible // factor
            while rest % factor == 0:
                rest //= factor
    invertible -= invertible // rest if rest > 1 else 0
    if operation == "x/y":
        return invertible
    odd = invertible if p % 2 == 0 else invertible // 2  # that are invertible
    return odd + (p - 1) // 2


def is_prime(number: int) -> bool:
    """Say whether this whole number of at least 2 has no divisor but itself and 1."""
    return all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


def _modulo(operation: str, p: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = (part.ravel() for part in np.meshgrid(np.arange(p), np.arange(p), indexing="ij"))
    if operation in DIVISIONS:
        has_answer = np.gcd(y, p) == 1
        if operation != "x/y":
            has_answer |= (y % 2 == 0) & (y != 0)
        x, y = x[has_answer], y[has_answer]
    if operation == RANDOM:
        key = np.array([seed, 2**64 - 2], dtype=np.uint64)  # the order of an epoch that no run reaches
        answer = np.random.Generator(np.random.Philox(key=key)).integers(0, p, len(x))
    else:
        answer = MODULAR[operation](x, y, p) % p
    return x, y, answer


def _rule_of(p: int, x: np.ndarray, y: np.ndarray, answer: np.ndarray) -> str | None:
    """Find the operation of `MODULAR` that has these answers, and for the same pairs."""
    for name in MODULAR:
        known = _modulo(name, p, seed=0)
        if all(map(np.array_equal, known, (x, y, answer))):
            return name
    return None


def _is_commutative(num_symbols: int, x: np.ndarray, y: np.ndarray, answer: np.ndarray) -> bool:
    square = np.full((num_symbols, num_symbols), -1)
    square[x, y] = answer
    return bool((square == square.T).all())


def _of_permutations(operation: str) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    group = np.array(list(itertools.permutations(range(5))))  # (120, 5), in lexicographic order
    x, y = (part.ravel() for part in np.meshgrid(np.arange(120), np.arange(120), indexing="ij"))
    product = PERMUTATIONS[operation](group[x], group[y])
    place = 5 ** np.arange(4, -1, -1)
    return 120, x, y, np.searchsorted(group @ place, product @ place)


def _compose(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Compose permutations: the images `(n, 5)` of 0..4 under `i -> x(y(i))`."""
    return np.take_along_axis(x, y, axis=1)


def _inverse(y: np.ndarray, p: int) -> np.ndarray:
    """Find the number with `y * inverse = 1` modulo p; 0 where there is none."""
    table = np.array([inverse(value, p) if math.gcd(value, p) == 1 else 0 for value in range(p)])
    return table[y]
