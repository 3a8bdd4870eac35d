"""Is this argument a whole number, or a sequence of them, in its range? Else an error that says so."""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np


def is_whole(value: Any, least: int) -> bool:
    """Is this a whole number of at least this much? `True` and `False` are none, though Python counts with them."""
    if isinstance(value, bool | np.bool_):
        return False
    try:
        return operator.index(value) >= least
    except TypeError:
        return False


def require_whole(name: str, value: Any, least: int) -> None:
    """Refuse what is not a whole number of at least this much.

    Raises:
        ValueError: saying so.
    """
    if not is_whole(value, least):
        raise ValueError(f"{name} must be a whole number of at least {least}. Received: {name}={value!r}.")


def as_widths(name: str, values: Any) -> tuple[int, ...]:
    """A sequence of whole numbers of at least 1, one for each layer, as Keras takes them: NumPy's it does not.

    Raises:
        ValueError: where it is none.
    """
    is_sequence = isinstance(values, Sequence | np.ndarray) and not isinstance(values, str | bytes)
    if not is_sequence or not all(is_whole(value, 1) for value in values):
        raise ValueError(
            f"{name} must be a sequence of whole numbers of at least 1, one for each layer. "
            f"Received: {name}={values!r}. Expected something like (64, 32)."
        )
    return tuple(int(value) for value in values)
