"""What a user should look at in the columns, since a reader cannot know which of two things is meant."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cheatsheet.common.words import count, show_values
from cheatsheet.finding import Finding
from recipes.tables.columns.column import Column, Columns
from recipes.tables.columns.kinds import SOME_WITH, range_end
from recipes.tables.reading.reading import Reading

# Numbers that stand for a missing value where a form has no empty field.
CODES = {sign * number for number in (99.0, 999.0, 9999.0, 99999.0, 999999.0) for sign in (1, -1)} | {-1.0, -9.0}
FEWEST_OF_CODE = 2  # rows
# A number that is there so often, and so many times as far away as the others reach, is a code whatever it is.
FEWEST_OF_ANY, FAR_OF_ANY = 3, 100.0


def remarks(rows: Mapping[str, np.ndarray], columns: Columns, reading: Reading) -> list[Finding]:
    """Find what may mean something else than it was taken for.

    Args:
        rows: The values of each learnt column, by its name.
        columns: The decisions.
        reading: How the table was read.
    """
    found = []
    if reading.units:
        units = [unit for unit in reading.units if unit]
        message = f"the row below the names holds units ({show_values(units, 4)}) and was left out."
        found.append(Finding("units_row", "info", message))
    for column in columns.learnt:
        if column.name in reading.unsure:
            found.append(_unsure(column))
        if column.kind == "number":
            found += [*_of_signs(column), *_code(column, rows[column.name])]
            if column.num_limits:
                found.append(beyond_limit(column.name, f"{column.reason}, in the rows that are not tested on"))
        elif column.kind == "date":
            found += _future(column)
        elif column.kind == "category":
            found += alike(column.categories, f"categories of {column.name!r}", column.name)
    return found


def beyond_limit(name: str, how: str) -> Finding:
    """Say that values beyond a limit were read as the limit.

    Args:
        name: Of the column.
        how: What was read, in words.
    """
    message = f"values of {name!r} that lie beyond a limit were taken for the limit: {how}."
    fix = "write what shall stand for them, such as half a limit of detection, if that is meant"
    return Finding("beyond_limit", "info", message, fix, where=name)


def _unsure(column: Column) -> Finding:
    message = (
        f"the numbers of {column.name!r} all have three digits behind a mark, which were read as "
        f"{column.reason.removesuffix('.')}: nothing in the file says whether thousands are meant."
    )
    fix = "if thousands are meant, write 1234 for 1.234"
    return Finding("ambiguous_numbers", "warning", message, fix, where=column.name)


def _of_signs(column: Column) -> Iterable[Finding]:
    if SOME_WITH in column.reason:
        message = (
            f"the numbers of {column.name!r} are written in two ways, and were taken as they are: {column.reason}."
        )
        yield Finding("mixed_signs", "warning", message, "write all of them in one unit", where=column.name)


def _future(column: Column) -> Iterable[Finding]:
    """Find years of two digits that were read as years to come: births of 1952 as 2052."""
    tomorrow = 1.0 + time.time() / 86_400  # in days since 1970: today may be that in other time zones
    if "%y" in column.date_format and column.high is not None and column.high > tomorrow:
        latest = np.datetime64("1970-01-01") + np.timedelta64(int(column.high), "D")
        message = (
            f"dates of {column.name!r} lie in the future, up to {latest}: years of two digits are read as 1969 to 2068."
        )
        yield Finding("future_dates", "warning", message, "write years with four digits", where=column.name)


def _code(column: Column, values: np.ndarray) -> Iterable[Finding]:
    """Find a number far from all others that is used for missing values: -999."""
    there = values[~np.isnan(values)]
    for code in (float(there.min()), float(there.max())):
        others = there[there != code]
        times = len(there) - len(others)
        if times < FEWEST_OF_CODE or len(others) < FEWEST_OF_CODE:
            continue
        low, high = float(others.min()), float(others.max())
        distance = min(abs(code - low), abs(code - high))
        if code in CODES:
            is_code = distance > max(high - low, 1.0) or (code < 0 <= low and high - low > 2)
        else:
            reach = max(high - low, abs(low), abs(high), 1.0)
            is_code = (
                times >= FEWEST_OF_ANY and len(np.unique(others)) > FEWEST_OF_ANY and distance > FAR_OF_ANY * reach
            )
        if is_code:
            message = (
                f"{count(times, 'value')} of {column.name!r} {'is' if times == 1 else 'are'} {code:g}, and the others "
                f"{range_end(low)} to {range_end(high)}: a code for what is missing would look so, and it was taken "
                "for a number."
            )
            yield Finding("missing_code", "warning", message, "leave the fields empty if so", where=column.name)


def alike(categories: Iterable[Any], of: str, where: str) -> Iterable[Finding]:
    """Find categories or classes that differ in capitals or blanks alone.

    Args:
        categories: Of which those that are no text are left aside.
        of: Whose they are, in words.
        where: The column's name.
    """
    groups: dict[str, list[str]] = {}
    for category in categories:
        if isinstance(category, str):
            groups.setdefault(_plain(category), []).append(category)
    same = [names for names in groups.values() if len(names) > 1]
    if same:
        shown = "; ".join(show_values(names, 3) for names in same[:3])
        message = f"{of} differ in capitals or blanks alone ({shown}), and count as different."
        yield Finding("similar_categories", "warning", message, "write each in one way", where=where)


def differ_in_capitals(new: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Give for each new word the known one from which capitals or blanks alone tell it, where there is one."""
    plain = {_plain(word): word for word in known if word}
    return {word: plain[_plain(word)] for word in new if _plain(word) in plain}


def _plain(word: str) -> str:
    return "".join(word.lower().split())
