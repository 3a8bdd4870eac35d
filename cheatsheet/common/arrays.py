"""Whatever a user passes as `x` or `y`, as a NumPy array, or an error that says why it cannot be one."""

import numbers
import reprlib
from collections.abc import Iterable, Mapping, MappingView, Sequence, Set
from typing import Any

import numpy as np

from cheatsheet.common.columns import Unreadable, is_column, mend_of_time, read_column
from cheatsheet.common.tables import is_table, read_table, require_dense_size
from cheatsheet.common.words import count, show_values
from cheatsheet.finding import unreadable

MOST_COUNTED = 1_000_000  # different whole numbers that are counted in a table


def as_array(value: Any, name: str) -> np.ndarray:
    """Read a list, array, table, Series, tensor or sparse matrix as a NumPy array.

    Numbers and booleans keep their dtype; text becomes a string array. Nothing is copied that need not be.

    Args:
        value: Anything array-like with at least one row.
        name: What to call it in errors, such as `"y"`.

    Returns:
        Array of shape `(n, ...)` with `n >= 1`, of dtype bool, integer, float or string.

    Raises:
        DataError: for nothing, no rows, ragged rows, missing values (but NaN in an array), complex numbers, dates,
            sparse matrices that are too large without their zeros left out, and other objects.
    """
    if value is None:
        raise unreadable(f"{name} is missing. Received: None. Expected an array with one row per example.")
    if is_table(value):
        return read_table(value, name)
    column = value if is_column(value) else _as_numpy(value, name)
    if column.shape == ():
        raise unreadable(
            f"{name} is a single value ({reprlib.repr(column.item())}). Expected an array with one row per example."
        )
    if 0 in column.shape:
        raise unreadable(
            f"{name} is empty: shape {column.shape}. Expected at least one row. Look where it was filtered or split."
        )
    try:
        return read_column(column)
    except Unreadable as error:
        raise unreadable(f"{name} {_in_words(error, name, column.shape)}") from None


def _as_numpy(value: Any, name: str) -> np.ndarray:
    """Make an array of whatever dtype, objects included, of a value that stands for one."""
    if hasattr(value, "toarray"):  # SciPy's sparse matrices; np.asarray would wrap them in an object
        require_dense_size(value.shape, name)
        return value.toarray()
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise unreadable(
            f"{name} has {count(int(value.mask.sum()), 'masked value')}, and the mask would be lost. "
            "Fill or drop them first."
        )
    if hasattr(value, "detach") and hasattr(value, "cpu"):  # a PyTorch tensor, which may be tracked, or on a GPU
        value = value.detach().cpu()
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        if isinstance(value, list | tuple):
            if _are_several(value):
                shapes = ", ".join(str(tuple(part.shape)) for part in value)
                raise unreadable(
                    f"{name} is a {type(value).__name__} of {len(value)} arrays, of shapes {shapes}. Expected one. "
                    "Pass inputs and targets apart, as in fit(model, x, y) and run.evaluate(x, y)."
                ) from None
            raise unreadable(f"{name} {_in_words(Unreadable('ragged', str(error)), name, ())}") from None
        raise unreadable(
            f"{name} is of type {type(value).__name__}, which NumPy cannot read ({error}). "
            "Expected an array, list or table with one row per example."
        ) from None
    if array.shape == () and array.dtype == object and not isinstance(array[()], numbers.Number | np.bool_):
        raise unreadable(f"{name} is of type {type(value).__name__}. {_instead(value, name)}")
    return array


def _are_several(value: Sequence[Any]) -> bool:
    """Are these inputs, targets and perhaps weights of the same rows?"""
    shapes = [tuple(getattr(part, "shape", ())) for part in value]
    return len(value) in (2, 3) and all(shapes) and len({shape[:1] for shape in shapes}) == 1


def _instead(value: Any, name: str) -> str:
    """Say what to pass in the place of an object that is no array."""
    if isinstance(value, Mapping):
        keys = show_values([*value])
        return f"Received the keys {keys}. Expected one array or table. Pass pandas.DataFrame({name}) for columns."
    if type(value).__name__ == "LazyFrame":
        return f"Expected its rows. Pass {name}.collect()."
    expected = "Expected an array, list or table with one row per example."
    if hasattr(value, "to_tensor"):  # TensorFlow's RaggedTensor
        return f"{expected} Pass {name}.to_tensor(), which pads the rows to one length."
    if type(value).__name__ == "SparseTensor":
        return f"{expected} Pass tf.sparse.to_dense({name})."
    if isinstance(value, Set) and not isinstance(value, MappingView):
        return f"{expected} Pass a list: a set has no order, and each value once."
    return f"{expected} Pass list({name})." if isinstance(value, Iterable) else expected


def _in_words(error: Unreadable, name: str, shape: tuple[int, ...]) -> str:
    """Say why these values are no array of numbers, booleans or text, and what mends it."""
    if error.why == "missing":
        row = int(np.unravel_index(error.missing[0], shape)[0])
        return (
            f"has {count(len(error.missing), 'missing value')}; the first is {error.first!r} in row {row}. "
            "Expected a value in every row. Drop those rows or fill them."
        )
    if error.why == "mixed":
        return (
            f"mixes text and numbers ({show_values(error.rest)}). Expected one kind. "
            "Encode the text columns as numbers, or pass them apart."
        )
    if error.why == "complex":
        return (
            f"is complex ({error.what}), and Keras would drop the imaginary part. "
            f"Pass real numbers, such as np.abs({name}), or real and imaginary parts as two columns."
        )
    if error.why == "ragged":
        return (
            f"is ragged: its rows differ in length ({error.what}). Expected rows of one shape. "
            "Pad them, or cut them to one length."
        )
    expected = "Expected numbers, booleans or text."
    if error.why == "dates":
        held, mend = mend_of_time(error.what, name)
        return f"holds {held} ({error.what}). {expected} {mend}"
    return {
        "fields": f"is a structured array with the fields {error.what}. Expected one kind of value. "
        f"Pass numpy.lib.recfunctions.structured_to_unstructured({name}), or pandas.DataFrame({name}).",
        "bytes": f"holds bytes that are no text in UTF-8 ({error.what}). {expected} Decode them first.",
        "objects": f"holds objects of type {error.what}. {expected}",
    }[error.why]


def distinct(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """List the distinct values, ascending, and how often each is met, as `np.unique` does.

    Whole numbers of a small range, as labels are, are counted in a table rather than sorted: ten times as fast.
    """
    flat = array.reshape(-1)
    if flat.dtype.kind in "buif" and flat.size:
        low, high = flat.min(), flat.max()
        if np.isfinite(low) and np.isfinite(high) and int(high) - int(low) < MOST_COUNTED:
            if flat.dtype.kind == "u":
                places = flat - low
            elif flat.dtype.kind == "f":
                places = flat.astype(np.float64) - float(low)
            else:
                places = flat.astype(np.int64) - int(low)
            if flat.dtype.kind != "f" or (int(low) == low and bool((places == np.rint(places)).all())):
                counts = np.bincount(places.astype(np.int64))
                seen = np.flatnonzero(counts)
                values = low + seen.astype(flat.dtype) if flat.dtype.kind in "iu" else float(low) + seen
                return values.astype(flat.dtype), counts[seen]
    return np.unique(flat, return_counts=True)


def require_finite(array: np.ndarray, name: str) -> None:
    """Require every number to be finite: one NaN makes the whole loss NaN, and Keras does not say why.

    Args:
        array: Numbers of any shape.
        name: What to call it.

    Raises:
        DataError: naming the number of bad values and the first one's row and column.
    """
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    bad = ~np.isfinite(array)
    first = np.unravel_index(int(np.argmax(bad)), array.shape)
    what = "NaN" if np.isnan(array[first]) else "infinity"
    place = f"row {first[0]}"
    if array.ndim == 2:
        place += f", column {first[1]}"
    place += f" (index {tuple(int(i) for i in first)})" if array.ndim > 2 else ""
    raise unreadable(
        f"{name} has {count(int(bad.sum()), 'value')} not finite; the first is {what} in {place}. "
        "Expected finite numbers. Drop those rows or impute the values."
    )
