"""Whatever a user passes as `x` or `y`, as a NumPy array, or an error that says why it cannot be one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cheatsheet.common.words import count, show_values


def as_array(value: Any, name: str) -> np.ndarray:
    """Read a list, array, pandas object or tensor as a NumPy array.

    Numbers and booleans keep their dtype; text becomes a string array. Nothing is copied that need not be.

    Args:
        value: Anything array-like with at least one row.
        name: What to call it in errors, such as `"y"`.

    Returns:
        Array of shape `(n, ...)` with `n >= 1`, of dtype bool, integer, float or string.

    Raises:
        ValueError: for nothing, no rows, ragged rows, missing values in text, complex numbers, dates,
            sparse matrices and other objects.
    """
    if value is None:
        raise ValueError(f"{name} is missing. Received: None. Expected an array with one row per example.")
    if hasattr(value, "toarray"):  # SciPy's sparse matrices; np.asarray would wrap them in an object
        raise ValueError(
            f"{name} is a sparse matrix of shape {value.shape}. Expected a dense array. "
            f"Pass {name}.toarray() if it fits in memory."
        )
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(
            f"{name} has {count(int(value.mask.sum()), 'masked value')}, and the mask would be lost. "
            "Fill or drop them first."
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"{name} is ragged: its rows differ in length ({error}). Expected rows of one shape. "
            "Pad them, or cut them to one length."
        ) from None
    if array.ndim == 0:
        raise ValueError(f"{name} is a single value ({value!r}). Expected an array with one row per example.")
    if array.size == 0:
        raise ValueError(
            f"{name} is empty: shape {array.shape}. Expected at least one row. Look where it was filtered or split."
        )
    if array.dtype == object:
        array = _from_objects(array, name)
    if array.dtype.kind == "c":
        raise ValueError(
            f"{name} is complex ({array.dtype}), and Keras would drop the imaginary part. "
            f"Pass real numbers, such as np.abs({name}), or real and imaginary parts as two columns."
        )
    if array.dtype.kind not in "buifUS":
        raise ValueError(
            f"{name} has dtype {array.dtype}. Expected numbers, booleans or text. "
            "Turn dates into numbers (days since a start, say) first."
        )
    return array.astype(str) if array.dtype.kind == "S" else array


def require_finite(array: np.ndarray, name: str, columns: Sequence[Any] | None = None) -> None:
    """Require every number to be finite: one NaN makes the whole loss NaN, and Keras does not say why.

    Args:
        array: Numbers of any shape.
        name: What to call it.
        columns: Names of the columns of a table.

    Raises:
        ValueError: naming the number of bad values and the first one's row and column.
    """
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    bad = ~np.isfinite(array)
    first = np.unravel_index(int(np.argmax(bad)), array.shape)
    what = "NaN" if np.isnan(array[first]) else "infinity"
    place = f"row {first[0]}"
    if array.ndim == 2:
        place += f", column {first[1] if columns is None else repr(columns[int(first[1])])}"
    place += f" (index {tuple(int(i) for i in first)})" if array.ndim > 2 else ""
    raise ValueError(
        f"{name} has {count(int(bad.sum()), 'value')} not finite; the first is {what} in {place}. "
        "Expected finite numbers. Drop those rows or impute the values."
    )


def _from_objects(array: np.ndarray, name: str) -> np.ndarray:
    """Turn an object array (pandas' default for text) into one of text or numbers."""
    flat = array.ravel()
    missing = [i for i, item in enumerate(flat) if _is_missing(item)]
    if missing:
        row = int(np.unravel_index(missing[0], array.shape)[0])
        raise ValueError(
            f"{name} has {count(len(missing), 'missing value')}; the first is {flat[missing[0]]!r} in row {row}. "
            "Expected a value in every row. Drop those rows or fill them."
        )
    if all(isinstance(item, str) for item in flat):
        return array.astype(str)
    if any(isinstance(item, str) for item in flat):
        raise ValueError(
            f"{name} mixes text and numbers ({show_values(flat)}). Expected one kind. "
            "Encode the text columns as numbers, or pass them apart."
        )
    try:
        return np.array(array.tolist())
    except ValueError:
        raise ValueError(
            f"{name} holds objects of type {type(flat[0]).__name__}. Expected numbers, booleans or text."
        ) from None


def _is_missing(item: Any) -> bool:
    if item is None or type(item).__name__ in ("NAType", "NaTType"):  # pandas' own, without importing pandas
        return True
    return isinstance(item, float) and item != item
