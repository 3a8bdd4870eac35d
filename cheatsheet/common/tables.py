"""A table of pandas' or polars', column by column, so that none of its columns' types decides for the others."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cheatsheet.common.columns import Unreadable, mend_of_text, mend_of_time, numbers_in_text, read_column
from cheatsheet.common.warn import warn_user
from cheatsheet.common.words import count, show_values
from cheatsheet.finding import DataError, Finding, unreadable

# Of a sparse matrix made dense, in float32. It is dense in float64 first, so three times this is taken on the way.
MOST_DENSE_BYTES = 2**30
MOST_NAMES = 5  # of columns, in a message
_AS_IT_IS = "; recipes.fit_table(frame, target=...) takes text, dates and gaps as they are"

# What is wrong, in a word or as what the columns hold and how to mend that: the columns, and in how many of their rows.
Faults = dict[str | tuple[str, str], dict[str, int]]


def is_table(value: Any) -> bool:
    """Say whether this is a table: Arrow's, or a DataFrame of pandas', of polars' or of kin with their attributes."""
    is_frame = type(value).__name__ != "LazyFrame" and hasattr(value, "columns") and hasattr(value, "dtypes")
    return is_frame or _is_arrow(value)


def _is_arrow(value: Any) -> bool:
    """Is this a Table or a RecordBatch of Arrow's?"""
    return hasattr(value, "column_names") and hasattr(value, "schema") and hasattr(value, "num_rows")


def names_in(table: Any) -> list[Any]:
    """List the names of a table's columns."""
    return list(table.column_names if _is_arrow(table) else table.columns)


def select(table: Any, names: Sequence[Any]) -> Any:
    """Take these columns of a table, in this order."""
    return table.select(list(names)) if _is_arrow(table) else table[list(names)]


def _dtypes(table: Any) -> list[Any]:
    return [str(kind) for kind in table.schema.types] if _is_arrow(table) else list(table.dtypes)


def _is_plain(dtype: Any) -> bool:
    """Is this one of NumPy's own types of numbers?"""
    return isinstance(dtype, np.dtype) and dtype.kind in "buif"


def columns_of(x: Any) -> tuple[Any, ...] | None:
    """Return the names of a table's columns; `None` for an array, and for columns that are only counted."""
    if not is_table(x):
        return None
    names = tuple(names_in(x))
    return None if names == tuple(range(len(names))) else names


def class_columns(y: Any) -> tuple[str, ...] | None:
    """Return the names of a target's columns where they can name classes: several, all of them text; else `None`."""
    names = columns_of(y)
    if names is None or len(names) < 2 or len({*names}) < len(names):
        return None
    return names if all(isinstance(name, str) for name in names) else None


def integer_dtype(table: Any) -> np.dtype | None:
    """Find the integers of at most 32 bits that hold every column; `None` where the columns' types promise none."""
    names = [str(getattr(dtype, "numpy_dtype", dtype)).lower() for dtype in _dtypes(table)]
    if not names or not {*names} <= {"int8", "int16", "int32", "uint8", "uint16", "uint32"}:
        return None
    common = np.result_type(*names)
    return common if common.itemsize < 8 else None


def number_columns(table: Any, name: str) -> Iterator[tuple[int, np.ndarray]]:
    """Read the columns of a table of inputs as numbers, one at a time; warn once where text was read as numbers.

    Args:
        table: With at least one row and one column.
        name: What to call it.

    Yields:
        The place of each column that holds finite numbers, and these, `(n,)`; NumPy's own come last and are not copied.

    Raises:
        DataError: after the last one, naming every column that holds something else.
    """
    _require_rows(table, name)
    faults: Faults = {}
    from_text: list[str] = []
    labels, plain = list(map(str, names_in(table))), [_is_plain(dtype) for dtype in _dtypes(table)]
    for i in sorted(range(len(labels)), key=plain.__getitem__):  # those last that cannot hold anything but numbers
        label = labels[i]
        try:
            column = _flat(column_at(table, i))
            if column.dtype.kind == "U":
                column, from_text = _numbers(column), [*from_text, label]
            _require_all_finite(column)
        except Unreadable as error:
            if error.why == "missing" and any(isinstance(item, str) for item in error.rest):
                error = _text_with_gaps(error)
            _add(faults, label, error)
            continue
        yield i, column
    faults = {why: dict(sorted(found.items(), key=lambda item: labels.index(item[0]))) for why, found in faults.items()}
    _raise_faults(faults, name, "number")
    if from_text:
        columns = f"{count(len(from_text), 'column')}: {_few([repr(label) for label in from_text])}"
        warn_user(f"{name} has numbers stored as text in {columns}. They are read as numbers.")


def read_table(table: Any, name: str) -> np.ndarray:
    """Read a table of targets as one array `(n, k)` of the type that holds all columns: numbers, or text.

    Raises:
        DataError: for no rows; for columns that hold something else, or miss values, naming each; for text beside
            numbers.
    """
    _require_rows(table, name)
    faults: Faults = {}
    columns = []
    for i, label in enumerate(map(str, names_in(table))):
        try:
            column = _flat(column_at(table, i))
            if column.dtype.kind == "f" and np.isnan(column).any():
                raise Unreadable("missing", missing=np.flatnonzero(np.isnan(column)))
            columns.append(column)
        except Unreadable as error:
            _add(faults, label, error)
    _raise_faults(faults, name, "value")
    if len({column.dtype.kind == "U" for column in columns}) > 1:
        raise unreadable(
            f"{name} mixes text and numbers ({show_values([column[0] for column in columns])}). Expected one kind. "
            "Encode the text columns as numbers, or pass them apart."
        )
    return np.stack(columns, axis=1)


def require_dense_size(shape: tuple[int, ...], name: str) -> None:
    """Require that a sparse matrix or table of this shape fits in memory with its zeros written out."""
    size = 4 * int(np.prod(shape, dtype=np.float64))
    if size > MOST_DENSE_BYTES:
        raise unreadable(
            f"{name} is sparse, of shape {shape}, and takes {size / 2**30:,.1f} GiB as a dense float32 array. "
            f"Expected at most {MOST_DENSE_BYTES / 2**30:.0f} GiB. Pass fewer rows, or make fewer columns of these "
            "(sklearn.decomposition.TruncatedSVD)."
        )


def _require_rows(table: Any, name: str) -> None:
    if 0 in table.shape:
        raise unreadable(
            f"{name} is empty: shape {table.shape}. Expected at least one row. Look where it was filtered or split."
        )
    if any(type(dtype).__name__ == "SparseDtype" for dtype in _dtypes(table)):
        require_dense_size(table.shape, name)


def column_at(table: Any, i: int) -> Any:
    """Take a column by its place: names may be there twice."""
    if _is_arrow(table):
        return ArrowColumn(table.column(i))
    return table.iloc[:, i] if hasattr(table, "iloc") else table.to_series(i)


class ArrowColumn:
    """One of Arrow's columns with the few attributes of a Series that are read here."""

    def __init__(self, values: Any) -> None:
        self.values, self.dtype = values, str(values.type)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.values.to_numpy(zero_copy_only=False), dtype=dtype)

    def __getitem__(self, i: int) -> Any:
        return self.values[i].as_py()

    def is_null(self) -> Any:
        return self.values.is_null()


def _flat(column: Any) -> np.ndarray:
    values = read_column(column)
    if values.ndim > 1:
        raise Unreadable("objects", "list")
    return values


def _numbers(text: np.ndarray) -> np.ndarray:
    numbers = numbers_in_text(text)
    if numbers is None:
        raise Unreadable("text", rest=text)
    return numbers


def _text_with_gaps(error: Unreadable) -> Unreadable:
    """Decide what is in the way of a text column's values: that they are missing, or that they are words."""
    try:
        _numbers(np.array([str(item) for item in error.rest]))
    except Unreadable as words:
        return words
    return error


def _require_all_finite(column: np.ndarray) -> None:
    if column.dtype.kind != "f" or np.isfinite((column.min(), column.max())).all():  # NaN passes through both
        return
    missing = np.isnan(column)
    if missing.any():
        raise Unreadable("missing", missing=np.flatnonzero(missing))
    raise Unreadable("infinite", missing=np.flatnonzero(np.isinf(column)))


def _add(faults: Faults, label: str, error: Unreadable) -> None:
    why: str | tuple[str, str] = error.why if error.why in ("complex", "missing", "infinite") else "objects"
    if error.why == "ragged" or error.what == "list":
        why = "nested"
    elif error.why == "dates":
        why = mend_of_time(error.what, "column")
    elif error.why == "text":
        why = mend_of_text(error.rest, "column") or "objects"
    faults.setdefault(why, {})[label] = len(error.missing)


def _raise_faults(faults: Faults, name: str, expected: str) -> None:
    """Raise for all faults at once, the gravest kind first, naming the columns that have each; for none, do nothing."""
    as_it_is = _AS_IT_IS if expected == "number" else ""
    others = "that are not numbers" if expected == "number" else "that hold neither numbers nor text"
    mends: dict[str | tuple[str, str], str] = {
        why: f"columns of {why[0]}: {{columns}}. Expected numbers. {why[1]}" for why in faults if isinstance(why, tuple)
    }
    sentences: dict[str | tuple[str, str], str] = {  # gravest first
        "objects": f"columns {others}: {{columns}}. "
        f"Encode them first (sklearn.preprocessing.OneHotEncoder), or leave them out{as_it_is}.",
        "nested": "columns whose values are lists or arrays: {columns}. "
        "Expected one number a row. Pass each place as a column of its own, or all of it as an array (n, ...).",
        **mends,
        "complex": "complex columns: {columns}, and Keras would drop the imaginary part. "
        "Pass real numbers, such as their absolute values, or real and imaginary parts as two columns.",
        "missing": "missing values in {number}: {counts}. "
        f"Expected a {expected} in every row. Drop those rows or impute the values.",
        "infinite": "infinite values in {number}: {counts}. "
        "Expected finite numbers. Look for a division by zero, drop those rows or impute the values.",
    }
    found = []
    for why, sentence in sentences.items():
        columns = faults.get(why)
        if columns:
            counts = _few([f"{label!r} ({number:,})" for label, number in columns.items()])
            number = count(len(columns), "column")
            found.append(f"{name} has " + sentence.format(columns=_few([*columns]), counts=counts, number=number))
    if not found:
        return
    raise DataError([Finding("unreadable_values", "error", message) for message in found])


def _few(words: Sequence[str]) -> str:
    return ", ".join(words[:MOST_NAMES]) + (", ..." if len(words) > MOST_NAMES else "")
