"""One column as numbers, booleans or text, whoever made it: NumPy, pandas, Arrow or polars; only NumPy is imported."""

import re
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

# What float() reads but people may mean otherwise is left out: 007 (a name), 1_000, nan, digits of other scripts.
_NUMBER = re.compile(r"\s*[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")
_COMMAS = re.compile(r"\s*[+-]?[0-9]*,?[0-9]+([eE][+-]?[0-9]+)?\s*")
_THOUSANDS = re.compile(r"\s*[+-]?[0-9]{1,3}(,[0-9]{3})*(\.[0-9]+)?\s*")
_TRUTH = {"true", "false"}
_AT_ONCE = 100_000  # texts that are looked at together, and from which it is judged what the others mean
_DATES = (date, time, timedelta, np.datetime64, np.timedelta64)
_MAY_BE_NAN = (float, np.floating, Decimal)


class Unreadable(ValueError):
    """Values that are no column of numbers, booleans or text.

    Attributes:
        why: `"missing"`, `"dates"`, `"complex"`, `"mixed"` (text among numbers), `"ragged"`, `"fields"`, `"bytes"` or
            `"objects"`.
        what: The type or the dtype that speaks against them, or what NumPy said.
        missing: Places of the values that are missing, in the flat array.
        rest: The values, without those that are missing.
        first: The first missing value.
    """

    def __init__(self, why: str, what: str = "", *, missing: Any = (), rest: Any = (), first: Any = None) -> None:
        super().__init__(f"{why}: {what}")
        self.why, self.what, self.missing, self.rest, self.first = why, what, missing, rest, first


def is_column(value: Any) -> bool:
    """Say whether this is a Series, an Index or an array of pandas', or a Series of polars'."""
    return hasattr(value, "to_numpy") and hasattr(value, "dtype")


def read_column(column: Any) -> np.ndarray:
    """Read a Series, with or without a dtype that can hold missing values.

    Returns:
        Array of dtype bool, integer, float or string, without a copy where that can be; NaN stays NaN.

    Raises:
        Unreadable: for all else, missing values included.
    """
    if isinstance(column.dtype, np.dtype):
        return read_values(np.asarray(column))
    if getattr(column.dtype, "kind", "O") in "mM" or type(column.dtype).__name__ == "PeriodDtype":
        raise Unreadable("dates", str(column.dtype))
    missing = np.flatnonzero(np.asarray(column.isna() if hasattr(column, "isna") else column.is_null()))
    plain = getattr(column.dtype, "numpy_dtype", None)  # of pandas' nullable and Arrow columns
    if plain is not None and plain.kind in "buif" and len(missing) == 0:
        return column.to_numpy(dtype=plain)
    if str(column.dtype) in ("Int128", "UInt128"):  # polars' own, which NumPy has not
        values = np.array(column.to_list(), dtype=object)
    else:
        values = np.asarray(column)
    if len(missing) and values.dtype.kind in "buif":  # NumPy has turned them into NaN
        raise Unreadable("missing", missing=missing, first=getattr(column, "iloc", column)[int(missing[0])])
    return read_values(values)


def read_values(array: np.ndarray) -> np.ndarray:
    """Read an array of any dtype as one of dtype bool, integer, float or string.

    Raises:
        Unreadable: for what is none of these.
    """
    kind = array.dtype.kind
    if kind == "O":
        return _read_objects(array)
    if kind == "T":  # NumPy's text of any length, in which values may be missing
        return _read_objects(array.astype(object))
    if kind == "S":
        return _decoded(array)
    if kind == "c":
        raise Unreadable("complex", str(array.dtype))
    if kind in "mM":
        raise Unreadable("dates", str(array.dtype))
    if array.dtype.names is not None:
        raise Unreadable("fields", ", ".join(map(repr, array.dtype.names)))
    if kind == "V" and "float" in array.dtype.name:  # bfloat16 and its kin, which are not NumPy's own
        return array.astype(np.float32)
    if kind not in "buifU":
        raise Unreadable("objects", str(array.dtype))
    return array


def numbers_in_text(array: np.ndarray) -> np.ndarray | None:
    """Read text as float64 where every value is a number beyond doubt; `None` where one is not.

    >>> numbers_in_text(np.array(["1.5", "-3", "1e4"])).tolist()
    [1.5, -3.0, 10000.0]
    >>> numbers_in_text(np.array(["1", "007"])) is numbers_in_text(np.array(["1", "1,000"])) is None
    True
    """
    flat = array.ravel()
    for start in range(0, len(flat), _AT_ONCE):
        if not all(map(_NUMBER.fullmatch, flat[start : start + _AT_ONCE].tolist())):
            return None
    return array.astype(np.float64)


def mend_of_text(array: np.ndarray, name: str) -> tuple[str, str] | None:
    """Say of text that means numbers or truth values what it is, and how to read it, whatever container it is in.

    Args:
        array: The text, whose first 100,000 values are looked at.
        name: What to call it in the expression.

    Returns:
        `None` for other text.
    """
    texts = array.ravel()[:_AT_ONCE].tolist()
    first, text = texts[0].strip().lower(), f"np.asarray({name}, str)"  # which most text ends at
    if first in _TRUTH and {word.strip().lower() for word in texts} <= _TRUTH:
        return "'True' and 'False' as text", f"Read it by np.char.lower({text}) == 'true'."
    if not first.strip("+-0123456789.,") and any("," in word for word in texts):
        decimals, thousands = (f"np.char.replace({text}, ',', {by}).astype(float)" for by in ("'.'", "''"))
        for_all = [all(map(pattern.fullmatch, texts)) for pattern in (_COMMAS, _THOUSANDS)]
        if all(for_all):
            return (
                "numbers with a comma, as text",
                f"Read it by {thousands} if it parts thousands, by {decimals} if not.",
            )
        if any(for_all):
            kind = "a decimal comma" if for_all[0] else "commas that part thousands"
            return f"numbers with {kind}, as text", f"Read it by {decimals if for_all[0] else thousands}."
    return None


def mend_of_time(what: str, name: str) -> tuple[str, str]:
    """Say of dates and kin what they are, and how to make numbers of them, whatever container they are in.

    Args:
        what: Their type or dtype.
        name: What to call them in the expression.
    """
    kind = what.lower()
    if "timedelta" in kind or "duration" in kind:
        return "durations", f"Divide them by a unit: np.asarray({name}, 'm8[us]') / np.timedelta64(1, 'D')."
    if "period" in kind:
        return "periods", f"Number them first, such as pandas.PeriodIndex({name}).astype('int64')."
    if kind in ("time", "time32", "time64"):
        return "times of day", f"Turn them into numbers first, such as [t.hour + t.minute / 60 for t in {name}]."
    days = f"(np.asarray({name}, 'M8[s]') - np.datetime64('2000-01-01')) / np.timedelta64(1, 'D')"
    return "dates or times", f"Turn them into numbers first, such as days since a start: {days}."


def _read_objects(array: np.ndarray) -> np.ndarray:
    """Read objects (pandas' way of keeping text, and all that it has no type for)."""
    flat = array.ravel()
    types = {*map(type, flat)}
    dates = [kind for kind in types if _is_date(kind)]
    if dates:
        raise Unreadable("dates", dates[0].__name__)
    if any(_may_be_missing(kind) for kind in types):
        gaps = np.fromiter(map(is_missing, flat), dtype=bool, count=len(flat))
        if gaps.any():
            missing = np.flatnonzero(gaps)
            raise Unreadable("missing", missing=missing, rest=flat[~gaps], first=flat[missing[0]])
    if all(issubclass(kind, str) for kind in types):
        return array.astype(str)
    if all(issubclass(kind, bytes) for kind in types):
        return _decoded(np.array(flat.tolist())).reshape(array.shape)
    if any(issubclass(kind, str | bytes) for kind in types):
        raise Unreadable("mixed", rest=flat)
    numbers = _read_numbers(flat)
    return numbers.reshape(array.shape + numbers.shape[1:])  # more axes where each object was a row


def _read_numbers(flat: np.ndarray) -> np.ndarray:
    try:
        numbers = np.array(flat.tolist())
        if numbers.dtype.kind == "O":  # Decimal, Fraction, and whole numbers that no integer type holds
            numbers = numbers.astype(np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        if _are_rows({*map(type, flat)}):
            raise Unreadable("ragged", str(error)) from None
        raise Unreadable("objects", type(flat[0]).__name__) from None
    return read_values(numbers)


def _decoded(array: np.ndarray) -> np.ndarray:
    try:
        return np.char.decode(array, "utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable("bytes", error.reason) from None


def _are_rows(types: set[type]) -> bool:
    return all(issubclass(kind, list | tuple | np.ndarray) for kind in types)


def _is_date(kind: type) -> bool:
    return (issubclass(kind, _DATES) and kind.__name__ != "NaTType") or kind.__name__ == "Period"


def _may_be_missing(kind: type) -> bool:
    return kind is type(None) or kind.__name__ in ("NAType", "NaTType") or issubclass(kind, _MAY_BE_NAN)


def is_missing(item: Any) -> bool:
    """Say whether a value stands for one that is missing: None, NaN, pandas' NA and NaT."""
    if item is None or type(item).__name__ in ("NAType", "NaTType"):  # pandas' own
        return True
    if isinstance(item, Decimal):
        return item.is_nan()  # its signalling NaN cannot be compared
    return isinstance(item, _MAY_BE_NAN) and bool(item != item)
