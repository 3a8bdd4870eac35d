"""Another table than the one that was trained on: each column read as it is written there, and how it differs."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from cheatsheet.common.words import count, show_values
from cheatsheet.finding import Finding
from recipes.tables.columns.column import MIDNIGHT, Column, Columns
from recipes.tables.columns.remarks import differ_in_capitals
from recipes.tables.columns.values import as_texts, is_dates
from recipes.tables.reading.texts import (
    DURATION,
    TIMES_ALONE,
    date_format_in,
    decimal_in,
    is_missing_word,
    signs_of,
    to_dates,
    to_numbers,
    unit_of,
    without_limit,
    without_unit,
)

YEAR = 365.0  # days beyond the training's that a new table may well reach


@dataclass(frozen=True)
class Written:
    """Another table, with numbers and dates as such where the training had them.

    Attributes:
        table: The rows.
        unreadable: By column the texts that are no number, which count as missing.
        findings: How a column is written in another way, where that may be wrong.
    """

    table: pd.DataFrame
    unreadable: Mapping[str, Sequence[str]]
    findings: tuple[Finding, ...]


def read_as_written(table: pd.DataFrame, columns: Columns, decimal: str) -> Written:
    """Read the numbers and dates that came as text in another table, each column by how it is written there.

    Args:
        table: Whatever is to be predicted.
        columns: The decisions.
        decimal: The decimal mark where a column does not tell (1,234).
    """
    table, unreadable = table.copy(deep=False), {}
    found: list[Finding] = []
    for column in columns.learnt:
        series = table.get(column.name)
        if series is None or is_dates(series):
            continue
        if column.kind == "number":
            found += _of_signs(series, column)
            if not pd.api.types.is_numeric_dtype(series.dtype):
                table[column.name], bad = numbers_in(series, column, decimal)
                if bad:
                    unreadable[column.name] = bad
        elif column.kind == "date" and not pd.api.types.is_numeric_dtype(series.dtype):
            form, finding = _form_of(series, column)
            found += finding
            if form != column.date_format:
                table[column.name] = values_as_dates(series, replace(column, date_format=form))
    return Written(table, unreadable, tuple(found))


def numbers_in(series: pd.Series, column: Column, decimal: str) -> tuple[np.ndarray, list[str]]:
    """Read numbers in text by how they are written in this very column.

    Args:
        series: Values, of which some are text.
        column: What was decided about it.
        decimal: The decimal mark where they do not tell.

    Returns:
        The numbers `(n,)`, NaN where missing or unreadable; and the texts that are no number.
    """
    texts = as_texts(series, column.marks)
    texts[[is_missing_word(text) for text in texts]] = ""
    if column.num_limits:
        texts = np.array([without_limit(text) for text in texts], dtype=object)
    words = sorted({*texts} - {""})
    unit = unit_of(words)
    unit = unit if unit == column.unit else ""  # 51 g is no number of a column in kg
    found = decimal_in([without_unit(text, unit) for text in words], decimal) if words else None
    mark = decimal if found is None else _mark_that_fits(words, found[0], unit, column)
    numbers = to_numbers(pd.Series(texts), mark, unit)
    return numbers, sorted({*texts[np.isnan(numbers)]} - {""})


def _mark_that_fits(words: Sequence[str], mark: str, unit: str, column: Column) -> str:
    """Choose the decimal mark where both would do (2,345): the other one if it alone gives what the training had."""
    other = "," if mark == "." else "."
    texts = pd.Series(words, dtype=object)
    read = {one: to_numbers(texts, one, unit) for one in (mark, other)}
    read = {one: numbers[~np.isnan(numbers)] for one, numbers in read.items()}
    reach = _reach_of(column)
    if reach is None or not len(read[other]) or len(read[other]) < len(read[mark]):
        return mark
    is_far = {one: ((numbers < reach[0]) | (numbers > reach[1])).any() for one, numbers in read.items()}
    return other if is_far[mark] and not is_far[other] else mark


def _reach_of(column: Column) -> tuple[float, float] | None:
    """Give the ends of what is not far from the training's numbers or dates: as far again as these reach, or a year."""
    if column.low is None or column.high is None:
        return None
    low, high = column.low, column.high
    least = (YEAR,) if column.days == "days since 1970-01-01" else (abs(low), abs(high))
    width = max(high - low, *least)
    return low - width, high + width


def values_as_dates(series: pd.Series, column: Column) -> pd.Series:
    """Read dates in text as dates, NaT for those that are none."""
    texts = pd.Series(as_texts(series, column.marks), dtype=object, index=series.index)
    return pd.Series(to_dates(texts.where(texts != "", None), column.date_format), index=series.index)


def _form_of(series: pd.Series, column: Column) -> tuple[str, list[Finding]]:
    """Find the form of dates in text: the training's where it fits, else what does, which is said."""
    trained = column.date_format or "ISO8601"
    words = [text for text in sorted({*as_texts(series, column.marks)}) if not is_missing_word(text)]
    if not words or not np.isnat(to_dates(pd.Series(words, dtype=object), trained)).any():
        return column.date_format, []
    found = date_format_in(words)
    if found is None:
        return column.date_format, []
    was = "dates" if not column.date_format else f"written as {column.date_format}"
    if (found[0] in TIMES_ALONE and column.days == MIDNIGHT) or (found[0] == DURATION and column.days == "days"):
        return found[0], []  # as objects, or with seconds: what is counted is the same
    message = f"the dates of {column.name!r} are read as {found[0]} here, and were {was} in the training"
    if not found[1]:
        return found[0], [Finding("other_dates", "info", f"{message}.", where=column.name)]
    message += f"; {found[1]} would fit too."
    return found[0], [Finding("ambiguous_dates", "warning", message, "write them as 2024-12-31", where=column.name)]


def _of_signs(series: pd.Series, column: Column) -> list[Finding]:
    """Find numbers that bear another sign than in the training: dollars for euros, shares for percent."""
    if column.unit not in ("%", "$", "€", "£", "¥", "") or column.high is None or column.low is None:
        return []
    if pd.api.types.is_numeric_dtype(series.dtype):
        signs, numbers = [""], series.to_numpy(np.float64, na_value=np.nan)
    else:
        texts = as_texts(series, column.marks)
        signs, numbers = signs_of(sorted({*texts})), numbers_in(series, column, ".")[0]
    had = f"with {column.unit}" if column.unit else "without a sign"
    others = [sign for sign in signs if sign and sign != column.unit]
    message = ""
    if others and (column.unit or "%" in others):
        message = f"{column.name!r} is written with {others[0]} here, and was {had} in the training."
    elif column.unit == "%" and "" in signs:
        largest = np.nanmax(np.abs(numbers), initial=0.0)
        if 0 < largest <= 1 < max(abs(column.low), abs(column.high)):  # 0.51 where 51 % was
            message = f"{column.name!r} was written with % in the training, and holds shares of 1 here."
    if not message:
        return []
    fix = "write it as in the training: the numbers are taken as they are"
    return [Finding("other_units", "warning", message, fix, where=column.name)]


def differences(series: pd.Series, values: np.ndarray, column: Column, bad: Sequence[str]) -> list[Finding]:
    """Say how a column of another table differs from that of the training.

    Args:
        series: Its values.
        values: As `values_of` reads them.
        column: The decision.
        bad: Texts that are no numbers.
    """
    missing = int((values == "").sum() if column.kind == "category" else np.isnan(values).sum())
    came = int(series.isna().sum())
    found: list[Finding] = []
    at: Any = {"where": column.name}
    if column.kind not in ("category", "number") and came < missing < len(values):
        bad = [str(value) for value in series[np.isnan(values)].dropna().unique() if not is_missing_word(str(value))]
    if missing == len(values) and (written := bad or _not_missing(series)):
        shown = show_values(written, 3)
        form = f" of the form {column.date_format}" if column.date_format else ""
        message = f"no value of {column.name!r} can be read as a {column.kind}{form} ({shown})."
        return [Finding("other_type", "error", message, "pass it as in the training", **at)]
    if bad:
        message = f"{column.name!r} holds what is no {column.kind} ({show_values(bad, 3)}), which counts as missing."
        found.append(Finding("unreadable_values", "warning", message, "mend these values", **at))
    found += _far(values, column)
    if missing and not column.num_missing:
        middle = "an average category" if column.kind == "category" else "the median"
        never = f"is missing in {count(missing, 'row')}, and never was in the training"
        message = f"{column.name!r} {never}: {middle} stands for it."
        found.append(Finding("new_missing", "warning", message, **at))
    if column.kind == "category":
        found += _new(values, column)
    return found


def _not_missing(series: pd.Series) -> list[Any]:
    """List the values that are no missing ones: neither words for these nor infinite."""
    finite = [value for value in series.dropna().tolist() if not (isinstance(value, float) and math.isinf(value))]
    return [value for value in finite if not is_missing_word(str(value).strip())]


def _far(values: np.ndarray, column: Column) -> Iterable[Finding]:
    """Find numbers and dates far from those of the training: as far again as these reach, and of dates a year."""
    reach = _reach_of(column)
    low, high = column.low, column.high
    if reach is None or low is None or high is None:
        return
    is_day = column.days == "days since 1970-01-01"
    below, above = values[values < reach[0]], values[values > reach[1]]
    number = len(below) + len(above)
    if not number:
        return
    shown = [_day(value) if is_day else f"{value:.6g}" for value in (low, high)]
    if len(below) and len(above):
        ends = [_day(value) if is_day else f"{value:.6g}" for value in (below.min(), above.max())]
        far = f"{len(below):,} below, down to {ends[0]}; {len(above):,} above, up to {ends[1]}"
    else:
        outside = [*below, *above]
        far = show_values([_day(value) for value in outside] if is_day else [float(value) for value in outside], 3)
    message = (
        f"{count(number, 'value')} of {column.name!r} {'lies' if number == 1 else 'lie'} far outside what was trained "
        f"on, {shown[0]} to {shown[1]} ({far})."
    )
    fix = "look whether units and decimal marks are those of the training"
    if is_day:
        fix = "look whether the dates are right; of others the model can only guess"
    yield Finding("far_outside", "warning", message, fix, where=column.name)


def _day(value: float) -> str:
    """Write days since 1970 as a date."""
    return str(np.datetime64("1970-01-01") + np.timedelta64(int(np.floor(value)), "D"))


def _new(values: np.ndarray, column: Column) -> Iterable[Finding]:
    """Find categories that the training lacked, those foremost that it had in other capitals."""
    new = sorted({*values} - {*column.categories, ""})
    pairs = differ_in_capitals(new, column.categories)
    if column.has_others:  # which stands for all others, but hardly for these
        new = [*pairs]
    if not new:
        return
    rows = int(np.isin(values.astype(str), new).sum())
    message = f"{column.name!r} has categories that the training lacked ({show_values(new)}), in {count(rows, 'row')}"
    if pairs:
        shown = ", ".join(f"{one!r} for {other!r}" for one, other in [*pairs.items()][:3])
        shown += ", ..." if len(pairs) > 3 else ""
        message += f"; capitals or blanks alone tell them from those that it had: {shown}"
    fix = "write them as in the training" if pairs else ""
    yield Finding("new_categories", "warning", f"{message}.", fix, where=column.name)
