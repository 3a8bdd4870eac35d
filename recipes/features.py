"""The inputs `x` as numbers that a network can take, or an error that says what is in the way."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from cheatsheet.common.arguments import is_whole
from cheatsheet.common.arrays import as_array, require_finite
from cheatsheet.common.columns import mend_of_text, numbers_in_text
from cheatsheet.common.tables import columns_of, integer_dtype, is_table, names_in, number_columns, select
from cheatsheet.common.warn import warn_user
from cheatsheet.common.words import show_values
from cheatsheet.finding import DataError, Finding, unreadable

# Of a table that is written into an array of rows: as much as a processor's cache holds, which is four times as fast as
# column by column.
COLUMNS_AT_ONCE, ROWS_AT_ONCE = 16, 4096


@dataclass(frozen=True)
class BuiltFrom:
    """Names of the columns of the tables that a model was built from, in their order; `None` where they had none."""

    x: tuple[Any, ...] | None = None
    y: tuple[Any, ...] | None = None


_gaps: ContextVar[bool] = ContextVar("recipes_gaps", default=False)
_BUILT_FROM: WeakKeyDictionary[Any, BuiltFrom] = WeakKeyDictionary()


def remember_columns(model: Any, x: Any, y: Any = None) -> None:
    """Keep with a model, for as long as it lives, the names of the columns whose scales it was built with."""
    names = BuiltFrom(columns_of(x), columns_of(y))
    if names != BuiltFrom():
        _BUILT_FROM[model] = names


def built_from(model: Any) -> BuiltFrom:
    """Return what `remember_columns` keeps of a model."""
    return _BUILT_FROM.get(model, BuiltFrom())


def as_features(x: Any, name: str = "x") -> np.ndarray:
    """Read an input as an array of numbers.

    Args:
        x: Array-like of shape `(n, ...)`; `(n,)` is one feature and becomes `(n, 1)`.
        name: What to call it in errors.

    Returns:
        Array of shape `(n, ...)` with at least two axes; float32, or the integer dtype that came.

    Raises:
        DataError: for text, missing or non-finite values (unless within `gaps_borne`), empty or ragged input, and
            numbers that float32 cannot hold.
    """
    if _gaps.get() and (array := _with_gaps(x)) is not None:
        as_float32(np.nan_to_num(array, posinf=0.0, neginf=0.0), name)
        array = array.astype(np.float32)
        return array[:, None] if array.ndim == 1 else array
    if is_table(x):
        return _from_table(x, name)
    array = as_array(x, name)
    if array.dtype.kind == "U":
        array = _from_text(array, name)
    require_finite(array, name)
    if array.dtype.kind in "bf" or array.dtype.itemsize == 8:
        array = as_float32(array, name)
    else:
        _require_float32(array, name)  # which Keras makes of them, but for embeddings
    return array[:, None] if array.ndim == 1 else array


@contextmanager
def gaps_borne(are_borne: bool) -> Iterator[None]:
    """Have `as_features`, within the block, let NaN and infinity through, for networks that know what to do with it."""
    before = _gaps.set(are_borne)
    try:
        yield
    finally:
        _gaps.reset(before)


def are_gaps_borne() -> bool:
    """Say whether this is within `gaps_borne`."""
    return _gaps.get()


def _with_gaps(x: Any) -> np.ndarray | None:
    """Read numbers of which some are NaN or infinite; `None` for whatever else, which is read as always."""
    try:
        array = np.asarray(x.to_numpy() if is_table(x) else x, np.float64)
    except (TypeError, ValueError):
        return None
    return array if array.ndim and array.size and not np.isfinite(array).all() else None


def as_texts(x: Any, name: str = "x") -> np.ndarray:
    """Read an input as text, for a model that turns text into numbers itself.

    Returns:
        Array of objects `(n, ...)`, of which Keras makes its strings; of NumPy's own text it makes none.

    Raises:
        DataError: for missing values, and for what is no text.
    """
    array = as_array(x, name)
    if array.dtype.kind != "U":
        raise unreadable(
            f"{name} holds {array.dtype.name} ({show_values(array.ravel())}), and the model takes text there. "
            f"Pass the text itself, or np.asarray({name}, str)."
        )
    return array.astype(object)


def _from_table(table: Any, name: str) -> np.ndarray:
    """Fill one array by a few columns at a time, so that no copy of the whole table is made on the way."""
    array = np.empty(table.shape, integer_dtype(table) or np.float32)
    names = names_in(table)
    waiting: list[tuple[int, np.ndarray]] = []
    for i, column in number_columns(table, name):
        _require_float32(column, name, f"column {str(names[i])!r} of {name}")
        waiting.append((i, column))
        if len(waiting) == COLUMNS_AT_ONCE or column.base is None:  # memory of its own: one such at a time
            _fill(array, waiting)
            waiting.clear()
    _fill(array, waiting)
    return array


def _fill(array: np.ndarray, columns: list[tuple[int, np.ndarray]]) -> None:
    for start in range(0, len(array), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        for i, column in columns:
            array[rows, i] = column[rows]


def _from_text(array: np.ndarray, name: str) -> np.ndarray:
    numbers = numbers_in_text(array)
    if numbers is None:
        if (meant := mend_of_text(array, name)) is not None:
            raise unreadable(f"{name} holds {meant[0]} ({show_values(array.ravel())}). Expected numbers. {meant[1]}")
        raise unreadable(
            f"{name} holds text ({show_values(np.unique(array[:ROWS_AT_ONCE]))}). Expected numbers. "
            "Encode text columns first (sklearn.preprocessing.OneHotEncoder)."
        )
    warn_user(f"{name} holds numbers stored as text ({show_values(array.ravel())}). They are read as numbers.")
    return numbers


def in_order(x: Any, columns: tuple[Any, ...] | None, name: str) -> Any:
    """Put a table's columns in the order of those that a model was trained on; leave what has no names as it is.

    Args:
        x: A table, or anything else.
        columns: Their names then; `None` for none.
        name: What to call it in errors.

    Raises:
        DataError: for columns that are missing or new, and for one row of a table taken out as a column.
    """
    if columns and hasattr(x, "to_frame") and {*columns} == {*getattr(x, "index", ())}:
        message = f"{name} is one row of a table, taken out as a Series whose index are the columns."
        raise DataError([Finding("input_shape", "error", message, "pass table.iloc[[i]], which stays a table")])
    names = columns_of(x)
    if columns is None and names is not None and {*names} == {*range(len(names))}:
        return select(x, range(len(names)))  # counted as those of the training were, and put in another order
    if columns is None or names is None or names == columns:
        return x
    if twice := [name for name in {*names, *columns} if names.count(name) > 1 or columns.count(name) > 1]:
        message = f"{name} has the {_columns(twice)} more than once, so that nobody can put the columns in order."
        raise DataError([Finding("other_columns", "error", message, "give each column a name of its own")])
    missing, new = [n for n in columns if n not in names], [n for n in names if n not in columns]
    if missing or new:
        lacks = f"lacks the {_columns(missing)}" if missing else ""
        has = f"has the {_columns(new)}, which the model was not trained on" if new else ""
        message = f"{name} {' and '.join(part for part in (lacks, has) if part)}."
        raise DataError([Finding("other_columns", "error", message, f"pass the columns {show_values(columns, 20)}")])
    return select(x, columns)


def _columns(names: list[Any]) -> str:
    return f"{'column' if len(names) == 1 else 'columns'} {show_values(names)}"


def as_float32(array: np.ndarray, name: str) -> np.ndarray:
    """Turn numbers into float32, or raise where they do not survive; copy them only where it must be."""
    _require_float32(array, name)
    return np.ascontiguousarray(array, dtype=np.float32)


def _require_float32(array: np.ndarray, name: str, where: str = "") -> None:
    """Require numbers, of whatever type, that are still told apart as float32; `where` names the one column.

    Raises:
        DataError: for values that are too large, or like 1e8 + noise, in any width of integers too.
    """
    if array.dtype.kind == "b" or array.dtype.itemsize < 4 or array.dtype == np.float32:
        return  # float32 has been rounded before, and the rest is exact
    largest = max(abs(float(array.max())), abs(float(array.min())))
    if largest > 1e18:  # its square, which every variance and squared error needs, leaves float32
        raise unreadable(
            f"{where or name} reaches {largest:.3g}, too large for float32 arithmetic. Divide it by a scale first."
        )
    if largest > (1e4 if array.dtype.kind == "f" else 2**24):  # whole numbers up to there are exact
        require_float32_spread(array, name, where)


def require_float32_spread(array: np.ndarray, name: str, where: str = "") -> None:
    """Require that what varies in each column survives float32, which has 24 bits; `where` names the one column.

    Raises:
        DataError: for values like 1e8 + noise, all of which become one number.
    """
    columns = array.reshape(len(array), -1)
    high, low = (ends.astype(np.float64) for ends in (columns.max(axis=0), columns.min(axis=0)))
    size, reach = np.maximum(high, -low), high - low
    resolved = 16 * np.finfo(np.float32).eps * size
    # Two values that far apart give n of them a standard deviation of reach / sqrt(2 n) at the least.
    for i in np.flatnonzero((reach > 0) & (reach / np.sqrt(2 * len(columns)) < resolved)):
        if (spread := columns[:, i].std(dtype=np.float64)) < resolved[i]:
            where = where or (name if columns.shape[1] == 1 else f"column {i} of {name}")
            raise unreadable(
                f"{where} varies by {spread:.3g} around values of size {size[i]:.3g}, which float32 cannot resolve. "
                f"Subtract an offset, such as {name}.mean(axis=0)."
            )


def input_shape_of(features: np.ndarray | None, input_shape: Sequence[int] | int | None) -> tuple[int, ...] | None:
    """Find the shape of one example, from the data or as given; `None` where neither is.

    Raises:
        ValueError: for a shape that is none, or that the data do not have.
    """
    given = None if input_shape is None else _as_shape(input_shape)
    if features is None:
        return given
    if given is not None and given != features.shape[1:]:
        raise ValueError(
            f"input_shape={given}, but the rows of x have shape {features.shape[1:]}. Leave input_shape out."
        )
    return features.shape[1:]


def require_image(shape: tuple[int, ...], who: str, fix: str) -> None:
    """Require the shape of one image as Keras takes it, `(height, width, channels)`.

    Args:
        shape: Of one example.
        who: What asks for images: `"body='cnn'"`.
        fix: What to do with examples that are none.

    Raises:
        ValueError: for another number of axes; for (channels, height, width), PyTorch's order, which Keras would train
            on along the wrong axis.
    """
    if len(shape) != 3:
        raise ValueError(
            f"{who} expects images (height, width, channels), but one example has shape {shape}. "
            f"{fix[0].upper()}{fix[1:]}."
        )
    if shape[0] in (1, 3) and shape[2] > 4:
        raise ValueError(
            f"input_shape={shape} looks like (channels, height, width). Expected the channels last: "
            f"{(*shape[1:], shape[0])}. Use np.moveaxis(x, 1, -1)."
        )


def _as_shape(input_shape: Sequence[int] | int) -> tuple[int, ...]:
    sizes = tuple(input_shape) if isinstance(input_shape, Iterable) else (input_shape,)
    if not sizes or not all(is_whole(size, 1) for size in sizes):
        raise ValueError(
            f"input_shape must be the shape of one example, in whole numbers of at least 1. "
            f"Received: input_shape={input_shape!r}. Expected something like (30,) or (28, 28, 1)."
        )
    return tuple(int(size) for size in sizes)


def moments(array: np.ndarray, keep: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute mean and standard deviation over all axes but the last `keep`, in float64.

    A constant has standard deviation 1 here: divided by its true 0, the first other value met in use would
    become infinite.
    """
    axes = tuple(range(array.ndim - keep))
    mean = array.mean(axis=axes, dtype=np.float64)
    std = array.std(axis=axes, dtype=np.float64)
    return mean, np.where(std > 1e-9 * np.abs(mean), std, 1.0)
