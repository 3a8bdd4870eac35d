"""The inputs `x` as numbers that a network can take, or an error that says what is in the way."""

from typing import Any

import numpy as np

from cheatsheet.arrays import as_array, require_finite, show_values


def as_features(x: Any, name: str = "x") -> np.ndarray:
    """Which array of numbers is this input?

    Args:
        x: Array-like of shape `(n, ...)`; `(n,)` is one feature and becomes `(n, 1)`.
        name: What to call it in errors.

    Returns:
        Array of shape `(n, ...)` with at least two axes; float32, or the integer dtype that came.

    Raises:
        ValueError: for text, missing or non-finite values, empty or ragged input, and numbers that float32
            cannot hold.
    """
    array = as_array(x, name)
    if array.dtype.kind == "U":
        columns = getattr(x, "columns", None)
        text = _text_columns(array)
        named = [str(columns[i]) for i in text] if columns is not None else [str(i) for i in text]
        raise ValueError(
            f"{name} holds text ({show_values(np.unique(array))}) in column {', '.join(named[:5])}. Expected numbers. "
            "Encode text columns first (sklearn.preprocessing.OneHotEncoder)."
        )
    require_finite(array, name)
    if array.dtype.kind in "bf":
        array = _as_float32(array, name)
    return array[:, None] if array.ndim == 1 else array


def _as_float32(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype == np.float64:
        largest = max(abs(float(array.max())), abs(float(array.min())))
        if largest > 1e18:  # its square, which every variance and squared error needs, leaves float32
            raise ValueError(
                f"{name} reaches {largest:.3g}, too large for float32 arithmetic. Divide it by a scale first."
            )
    return np.ascontiguousarray(array, dtype=np.float32)


def _text_columns(array: np.ndarray) -> list[int]:
    """Columns of a text array that are not all numbers."""
    if array.ndim == 1:
        return [0]
    columns = array.reshape(len(array), -1)
    found = []
    for i in range(columns.shape[1]):
        try:
            columns[:, i].astype(float)
        except ValueError:
            found.append(i)
    return found or [0]


def moments(array: np.ndarray, keep: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over all axes but the last `keep`, in float64.

    A constant has standard deviation 1 here: divided by its true 0, the first other value met in use would
    become infinite.
    """
    axes = tuple(range(array.ndim - keep))
    mean = array.mean(axis=axes, dtype=np.float64)
    std = array.std(axis=axes, dtype=np.float64)
    return mean, np.where(std > 1e-9 * np.maximum(1.0, np.abs(mean)), std, 1.0)
