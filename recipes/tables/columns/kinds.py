"""Deciding what a column is, from its name and the values of the rows that train and validate."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from cheatsheet.common.words import count, show_values
from recipes.tables.columns.column import LEARNT, Column, Columns
from recipes.tables.columns.values import ENDLESS, as_texts, how_it_came, is_dates, values_of
from recipes.tables.reading.texts import (
    DURATION,
    TIMES_ALONE,
    date_format_in,
    decimal_in,
    is_missing_word,
    limits_in,
    look_like_dates,
    signs_of,
    unit_of,
    without_limit,
    without_unit,
)

MOST_CATEGORIES = 255  # with a place of their own; as many as scikit-learn's boosting takes
FEWEST_ROWS_OF_CATEGORY = 4  # of one with a place of its own, in columns of more than a few
FEW_CATEGORIES = 12
FEWEST_FOR_IDS = 20  # rows, below which values differ by chance
DAY_NUMBERS = (19000101, 21001231)  # between which whole numbers may be days, as 20241231 is
# Reasons that a mend of the table would take away, as `prepare.py` and `remarks.py` say.
NUMBERS_AND, DATES_AND = "numbers, and", "dates, and"
DATES_IN_FORMS = "dates in more than one form, or days that are none"
TWO_MARKS = "numbers with two decimal marks"
SOME_WITH = "some with"  # a sign that others lack
NEARLY_DISTINCT = 0.9  # of the rows: ids, of which some are missing or there twice
MOSTLY_DISTINCT = 0.5  # of the rows: names rather than categories
WORDS_OF_PROSE = 4.0  # mean number of words in free text
_ID_NAME = re.compile(
    r"(^|[_\W])(id|ids|idx|index|uuid|guid|key|rownames?|row|unnamed|column 1|no|nr|number)($|[_\W\d])", re.I
)
# Names that Keras gives the layers and operations of the model; `preprocessing.py` has them.
_OF_KERAS = re.compile(
    r"(numbers|features|index_of|code_of|places_of|scale|bins|mean|ensemble|preprocessing|member|head|outputs?|is_?nan|where|square|sqrt|true_divide|divide|"
    r"multiply|add|subtract|cast|take|clip|sin|cos|exp|identity|get_item|concatenate|rescaling|reshape|input_layer|"
    r"activation|average|expand_dims|functional|linear|maximum|sort)(_\d+)?"
)
_CAMEL_ID = re.compile(r"[a-z](ID|Id)$")


def decide_columns(frame: pd.DataFrame, *, decimal: str = ".", roles: dict[str, str] | None = None) -> Columns:
    """Decide of each column what it is and whether the network learns from it.

    Args:
        frame: The rows that train and validate, without the target.
        decimal: The decimal mark of the file.
        roles: Columns whose kind was said: `"group"`, `"time"` or `"dropped"`, by name.
    """
    roles = roles or {}
    why = {"group": "keeps rows together in the split", "time": "orders the rows of the split", "dropped": "as asked"}
    found = []
    for name in frame.columns:
        if name in roles:
            found.append(Column(name, roles[name], why[roles[name]]))
        else:
            found.append(_decide(name, frame[name], decimal))
    return Columns(_with_inputs(found))


def _with_inputs(columns: Sequence[Column]) -> list[Column]:
    """Name the model's inputs as the columns, as far as Keras takes the names and has none like it itself."""
    taken: set[str] = set()
    named = []
    for column in columns:
        if column.kind in LEARNT:
            name = re.sub(r"[/\x00-\x1f]", "_", column.name)[:100] or "column"
            while name in taken or _OF_KERAS.fullmatch(name):
                name += " (column)"
            taken.add(name)
            column = replace(column, input=name)
        named.append(column)
    return named


def _decide(name: str, series: pd.Series, decimal: str) -> Column:
    missing = int(series.isna().sum())
    if missing == len(series):
        return Column(name, "constant", "all values are missing", missing)
    if is_dates(series):
        return _counted(Column(name, "date", how_it_came(series)), series)
    if _is_truth(series):
        return _counted(Column(name, "boolean", "true or false"), series)
    if pd.api.types.is_complex_dtype(series.dtype):
        return Column(name, "text", "complex numbers, which are left out: make columns of their parts", missing)
    if pd.api.types.is_numeric_dtype(series.dtype):
        return _of_numbers(Column(name, "number", "numbers"), series)
    if any(isinstance(value, list | tuple | dict | set | np.ndarray) for value in series.dropna().head(50)):
        return Column(name, "text", "each value is a collection, which is left out", missing)
    return _of_texts(name, series, decimal)


def _is_truth(series: pd.Series) -> bool:
    if pd.api.types.is_bool_dtype(series.dtype):
        return True
    return series.dtype == object and all(isinstance(value, bool | np.bool_) for value in series.dropna())


def _of_numbers(column: Column, series: pd.Series, also: Sequence[str] = ()) -> Column:
    """Decide about numbers; `also` is what else was seen in reading them, in words."""
    values = values_of(series, column)
    there = values[~np.isnan(values)]
    if len(there) == 0:
        return replace(column, kind="constant", reason="no value is a finite number", num_missing=len(values))
    distinct = np.unique(there)
    column = replace(column, num_missing=len(values) - len(there), num_distinct=len(distinct))
    if infinite := _num_infinite(series, column):
        also = [*also, f"{infinite:,} infinite, which count as missing"]
    if len(distinct) == 1 and column.num_missing == 0:
        return replace(column, kind="constant", reason=f"always {distinct[0]:g}")
    whole = bool((distinct == np.round(distinct)).all())
    if whole and DAY_NUMBERS[0] <= distinct[0] and distinct[-1] <= DAY_NUMBERS[1] and not column.unit:
        as_days = replace(
            column, kind="date", reason=f"dates as whole numbers, {distinct[0]:.0f}", date_format="%Y%m%d"
        )
        if not np.isnan(values_of(pd.Series(distinct), as_days)).any():
            return _counted(as_days, series)
    if whole and len(there) >= FEWEST_FOR_IDS and len(distinct) >= NEARLY_DISTINCT * len(values):
        is_in_every_row = len(distinct) == len(values)
        steps = np.diff(distinct)
        named, numbered = _is_id_name(column.name), is_in_every_row and bool((steps == 1).all())
        # of a split, most of the numbers 1 to n are there
        dense = len(distinct) / (distinct[-1] - distinct[0] + 1) > 0.6 and distinct[0] in (0, 1)
        if named or numbered or (is_in_every_row and dense):
            why = f"another whole number in {'' if is_in_every_row else 'nearly '}every row, and its name"
            why = "numbers the rows" if is_in_every_row and (numbered or dense) else why
            return replace(column, kind="id", reason=f"{why}: not to be learnt from")
    if set(distinct.tolist()) <= {0.0, 1.0}:
        return replace(column, kind="boolean", reason=_with_missing("0 or 1", column))
    what = "; ".join([f"{column.reason} {range_end(distinct[0])} to {range_end(distinct[-1])}", *also])
    return replace(column, reason=_with_missing(what, column), low=float(distinct[0]), high=float(distinct[-1]))


def _num_infinite(series: pd.Series, column: Column) -> int:
    if not pd.api.types.is_float_dtype(series.dtype):
        return 0
    return int((np.abs(series.to_numpy(np.float64, na_value=np.nan)) >= ENDLESS).sum())


def _of_texts(name: str, series: pd.Series, decimal: str) -> Column:
    texts = as_texts(series)
    words, frequencies = np.unique(texts[texts != ""].astype(str), return_counts=True)
    if len(words) == 0:
        return Column(name, "constant", "all values are empty", len(texts))
    said = isinstance(series.dtype, pd.CategoricalDtype)  # whoever made it says that these are categories
    if not said and {word.lower() for word in words} <= {"true", "false"}:
        return _counted(Column(name, "boolean", "true or false, as text"), series)
    limited = [] if said else limits_in(words.tolist())
    plain = [without_limit(word) if limited else word for word in words.tolist()]
    unit = "" if said else unit_of(plain)
    numbers = [without_unit(word, unit) for word in plain]
    if not said and (found := decimal_in(numbers, decimal)) is not None:
        mark, marks = found
        signs = signs_of([word for word in numbers if word not in marks])
        unit = unit or (signs[0] if len(signs) == 1 else "")
        num_limits = int(frequencies[np.isin(words, limited)].sum())
        more = [
            *(["with a decimal comma"] if mark == "," else []),
            *([f"in {unit}"] if unit else []),
            *([f"{SOME_WITH} {show_values([sign for sign in signs if sign], 3)}"] if len(signs) > 1 else []),
            *([f"{show_values(marks)} for missing"] if marks else []),
            *([said_of_limits(num_limits, limited)] if limited else []),
        ]
        column = Column(name, "number", "numbers in text", decimal=mark, marks=marks, unit=unit, num_limits=num_limits)
        return _of_numbers(column, series, more)
    marks = tuple(word for word in words.tolist() if is_missing_word(word))
    if not said and (dates := date_format_in([word for word in words.tolist() if word not in marks])) is not None:
        also = f"; {dates[1]} would fit too, and must be right for what it means" if dates[1] else ""
        what = "durations" if dates[0] == DURATION else "times of day" if dates[0] in TIMES_ALONE else "dates"
        read_as = "" if dates[0] == DURATION else f", read as {dates[0]}"
        how = f"{what} in text{read_as}{also}" + (f", {show_values(marks)} for missing" if marks else "")
        return _counted(Column(name, "date", how, marks=marks, date_format=dates[0]), series)
    column = Column(name, "category", "", int((texts == "").sum()), len(words), marks=marks)
    if marks:
        texts = as_texts(series, marks)
        words, frequencies = np.unique(texts[texts != ""].astype(str), return_counts=True)
        column = replace(column, num_missing=int((texts == "").sum()), num_distinct=len(words))
    return _of_words(column, words, frequencies, len(texts), said)


def said_of_limits(number: int, limited: Sequence[str]) -> str:
    """Say in words that so many entries were read as the limits that they name."""
    return f"{count(number, 'entry')} such as {limited[0]!r} read as {'its' if number == 1 else 'their'} limit"


def _of_words(column: Column, words: np.ndarray, frequencies: np.ndarray, num_rows: int, said: bool) -> Column:
    if len(words) == 0 or (len(words) == 1 and column.num_missing == 0):
        what = f"always {show_values(words[:1])}" if len(words) else "all values are missing"
        return replace(column, kind="constant", reason=what)
    there = int(frequencies.sum())
    if not said and there >= FEWEST_FOR_IDS and len(words) > MOSTLY_DISTINCT * there:
        prose = float(np.mean([len(word.split()) for word in words[:1000]]))
        if prose >= WORDS_OF_PROSE:
            return replace(column, kind="text", reason=f"free text ({show_values(words, 1)}), which is left out")
        no_numbers = [word for word in words.tolist() if decimal_in([word]) is None]
        no_dates = [word for word in words.tolist() if not look_like_dates([word])]
        for kind, odd in ((NUMBERS_AND, no_numbers), (DATES_AND, no_dates)):
            if odd and len(odd) < len(words) / 2:
                what = f"{kind} {count(len(odd), 'text')} among them that {'is' if len(odd) == 1 else 'are'} none"
                return replace(column, kind="text", reason=f"{what} ({show_values(odd, 3)}), left out")
        if look_like_dates(words.tolist()):
            return replace(column, kind="text", reason=f"{DATES_IN_FORMS} ({show_values(words, 3)}), left out")
        if not no_numbers:
            what = f"{TWO_MARKS} ({show_values(words, 3)}), left out"
            return replace(column, kind="text", reason=what)
        is_id = _is_id_name(column.name) and len(words) >= NEARLY_DISTINCT * there
        if is_id or len(words) == there:
            every = "every row" if len(words) == there else "nearly every row"
            return replace(column, kind="id", reason=f"another text in {every} ({show_values(words, 2)}): names")
        return replace(column, kind="text", reason=f"{len(words):,} different texts in {there:,} rows, left out")
    by_size = np.argsort(-frequencies, kind="stable")
    fewest = FEWEST_ROWS_OF_CATEGORY if len(words) > FEW_CATEGORIES else 1
    kept = [str(words[i]) for i in by_size[:MOST_CATEGORIES] if frequencies[i] >= fewest]
    if not kept:
        return replace(column, kind="text", reason=f"{len(words):,} different texts, none of them often, left out")
    others = len(words) - len(kept)
    reason = f"{count(len(words), 'category')} ({show_values(kept, 3)})"
    reason += f", {others:,} rare ones together" if others else ""
    categories = (*sorted(kept), *([""] if column.num_missing else []))
    return replace(column, reason=_with_missing(reason, column), categories=categories, has_others=others > 0)


def _counted(column: Column, series: pd.Series) -> Column:
    """Count what is missing and what is different; a single value is a constant."""
    values = values_of(series, column)
    there = values[~np.isnan(values)]
    distinct = np.unique(there)
    column = replace(column, num_missing=len(values) - len(there), num_distinct=len(distinct))
    if len(distinct) == 0 or (len(distinct) == 1 and column.num_missing == 0):
        return replace(column, kind="constant", reason=f"one value in all rows ({column.reason})")
    if column.kind == "date":
        column = replace(column, low=float(distinct[0]), high=float(distinct[-1]))
    return replace(column, reason=_with_missing(column.reason, column))


def _with_missing(what: str, column: Column) -> str:
    return f"{what}, {column.num_missing:,} missing" if column.num_missing else what


def range_end(value: float) -> str:
    """Write an end of a column's range, such as `15,370`: four digits, and all of those before the point."""
    is_plain = abs(value) < 1e9 if value == round(value) else 1e3 <= abs(value) < 1e6
    return f"{value:,.0f}" if is_plain else f"{value:.4g}"


def _is_id_name(name: str) -> bool:
    return bool(_ID_NAME.search(name) or _CAMEL_ID.search(name))
