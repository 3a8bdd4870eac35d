"""The values of a column as the model takes them: numbers with NaN, or text with "" for what is missing."""

from datetime import date, time, timedelta
from typing import Any

import numpy as np
import pandas as pd

from recipes.tables.columns.column import DURATIONS, MIDNIGHT, TIMES, Column, Columns
from recipes.tables.reading.texts import NO, YES, to_dates, to_numbers

ENDLESS = 3.4e38  # from here on numbers are infinite in float32, or stand for what is missing
_DAY_MICROSECONDS = 86_400_000_000


def values_of(series: pd.Series, column: Column) -> np.ndarray:
    """Read a column of any table as was decided about it.

    Args:
        series: Its values, of whatever type.
        column: The decision.

    Returns:
        `(n,)`: float64, where NaN is missing or infinite and dates are `Column.days`; or objects that are all `str`,
        `""` where missing. What cannot be read is missing.
    """
    if column.kind == "category":
        return as_texts(series, column.marks)
    if column.kind == "date":
        return _days(series, column)
    return _numbers(series, column)


def is_dates(series: pd.Series) -> bool:
    """Say whether a column came as dates, times or durations, in pandas' types or Python's."""
    if series.dtype.kind in "mM" or isinstance(series.dtype, pd.PeriodDtype):
        return True
    if series.dtype != object:
        return False
    there = [*series.dropna()]
    return bool(there) and all(isinstance(value, date | time | timedelta | np.datetime64) for value in there)


def how_it_came(series: pd.Series) -> str:
    """Say in words what a column of dates came as: dates, durations, or times of day."""
    first = next(iter(series.dropna()))
    if series.dtype.kind == "m" or isinstance(first, timedelta | np.timedelta64):
        return DURATIONS
    return TIMES if isinstance(first, time) else "came as dates"


def as_texts(series: pd.Series, marks: tuple[str, ...] = ()) -> np.ndarray:
    """Read values as stripped text `(n,)`, `""` where missing; whole numbers lose the `.0` that missing ones bring."""
    missing = series.isna().to_numpy()
    codes, distinct = pd.factorize(series.astype(object), use_na_sentinel=True)
    words = [_word(value) for value in distinct]
    words = ["" if word in marks else word for word in words]
    found = np.array([*words, ""], dtype=object)[codes]
    found[missing] = ""
    return found


def texts_of(table: pd.DataFrame, columns: Columns, kind: str) -> dict[str, np.ndarray]:
    """Read those columns of a kind that a table has as texts `(n,)`, by name."""
    there = (column.name for column in columns if column.kind == kind and column.name in table.columns)
    return {name: as_texts(table[name]) for name in there}


def _word(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    if isinstance(value, float | np.floating) and float(value).is_integer() and abs(float(value)) < 2**53:
        return str(int(value))
    return str(value).strip()


def _numbers(series: pd.Series, column: Column) -> np.ndarray:
    if pd.api.types.is_bool_dtype(series.dtype) or pd.api.types.is_numeric_dtype(series.dtype):
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
    elif is_dates(series):  # which no number is
        numbers = np.full(len(series), np.nan)
    else:
        texts = pd.Series(as_texts(series, column.marks))
        numbers = to_numbers(texts, column.decimal or ".", column.unit, limits=column.num_limits > 0)
        if column.kind == "boolean":
            truth = texts.map(_truth_of).to_numpy(np.float64)
            numbers = np.where(np.isnan(truth), numbers, truth)
    return np.where(np.abs(numbers) < ENDLESS, numbers, np.nan)


def _truth_of(text: str) -> float:
    """Read a yes or a no in one of several languages."""
    return 1.0 if text.lower() in YES else 0.0 if text.lower() in NO else np.nan


def _days(series: pd.Series, column: Column) -> np.ndarray:
    """Count days since 1970 (of durations: days; of times: days since midnight)."""
    if series.dtype.kind not in "mM" and not isinstance(series.dtype, pd.PeriodDtype) and not is_dates(series):
        texts = pd.Series(as_texts(series, column.marks), dtype=object)
        stamps = to_dates(texts.where(texts != "", None), column.date_format or "ISO8601")
    else:
        stamps = _stamps(series)
    days = stamps.astype("int64") / _DAY_MICROSECONDS
    if column.days == MIDNIGHT:
        days = days % 1.0
    return np.where(np.isnat(stamps), np.nan, days)


def _stamps(series: pd.Series) -> np.ndarray:
    if isinstance(series.dtype, pd.PeriodDtype):
        series = series.dt.to_timestamp()
    if series.dtype.kind == "m":
        return series.to_numpy("timedelta64[us]")
    if series.dtype.kind != "M":
        there = next(iter(series.dropna()))
        if isinstance(there, timedelta | np.timedelta64):
            return pd.to_timedelta(series, errors="coerce").to_numpy("timedelta64[us]")
        if isinstance(there, time):
            texts = series.map(lambda value: f"1970-01-01 {value}" if isinstance(value, time) else None)
            return pd.to_datetime(texts, format="ISO8601", errors="coerce").to_numpy("datetime64[us]")
        series = pd.to_datetime(series.astype(object), errors="coerce", utc=True)
    if getattr(series.dt, "tz", None) is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    return series.to_numpy("datetime64[us]")
