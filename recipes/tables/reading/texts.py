"""Values in text: numbers with a decimal comma, thousands, a unit or a currency, and dates in their many forms."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

MARKS = {"", "?", "-", "--", ".", "*", "na", "n/a", "nan", "null", "none", "missing", "unknown", "#n/a", "nd", "n.d."}
MOST_MARKS, SHARE_OF_NUMBERS = 3, 0.9  # of words among numbers that stand for a missing one
_AROUND = r"[+-]?\s*[$€£¥]?\s*{}\s*[%€$£¥]?"
_BY_DECIMAL = {
    ".": re.compile(_AROUND.format(r"(\d{1,3}(,\d{3})+(\.\d*)?|(0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?")),
    ",": re.compile(_AROUND.format(r"(\d{1,3}(\.\d{3})+(,\d*)?|(0|[1-9]\d*)(,\d*)?|,\d+)([eE][+-]?\d+)?")),
}
_DRESS = re.compile(r"[\s$€£¥%]")
# Of pandas' strptime, in the order in which they are tried; "ISO8601" is any of 2024-03-01, 2024-03-01T12:00:00+01:00.
_DATES = (
    "ISO8601", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%d/%m/%y", "%m/%d/%y",
    "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d-%b-%Y", "%d-%b-%y", "%b-%Y", "%b %Y", "%B %Y",
)  # fmt: skip
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p")
_MAY_BE_DATE = re.compile(r"(?=.*\d).*[-/.: ].*")


def decimal_in(texts: Sequence[str], prefer: str = ".") -> tuple[str, tuple[str, ...]] | None:
    """Find how numbers are written in these texts, none of which is missing.

    Args:
        texts: Distinct texts.
        prefer: The decimal mark of the file, which decides where both would do (1,234).

    Returns:
        The decimal mark, and the words that stand among the numbers for missing ones; `None` for other text.

    >>> decimal_in(["1,5", "22", "-"]), decimal_in(["$1,200", "$80"]), decimal_in(["007", "12"])
    ((',', ('-',)), ('.', ()), None)
    """
    for decimal in (prefer, "," if prefer == "." else "."):
        others = [text for text in texts if not _BY_DECIMAL[decimal].fullmatch(text)]
        few = len(others) <= MOST_MARKS and len(others) <= (1 - SHARE_OF_NUMBERS) * len(texts)
        if not others or (len(others) < len(texts) and all(map(is_missing_word, others))):
            return decimal, tuple(others)
        if few and not any(any(letter.isdigit() for letter in text) for text in others):
            return decimal, tuple(others)
    return None


def to_numbers(texts: pd.Series, decimal: str) -> np.ndarray:
    """Read texts as numbers `(n,)`; NaN for those that are none, thousands in groups of other than three among them."""
    form, thousands = _BY_DECIMAL[decimal], "," if decimal == "." else "."

    def plain(text: object) -> object:
        if not isinstance(text, str):
            return text
        if not form.fullmatch(text):
            return None
        return _DRESS.sub("", text).replace(thousands, "").replace(decimal, ".")

    return pd.to_numeric(texts.astype(object).map(plain), errors="coerce").to_numpy(np.float64)


def is_missing_word(text: str) -> bool:
    """Say whether a text stands for a missing number, such as `n/a`."""
    return text.lower() in MARKS


def date_format_in(texts: Sequence[str]) -> tuple[str, str] | None:
    """Find the form in which all of these texts are dates.

    Args:
        texts: Distinct texts, none of which is missing.

    Returns:
        The form for `to_dates`, and another that would fit as well (day and month the other way round), or `""`;
        `None` for other text.

    >>> date_format_in(["2024-03-01", "2024-04-15"]), date_format_in(["31/01/2020", "01/02/2020"])
    (('ISO8601', ''), ('%d/%m/%Y', ''))
    """
    sample = pd.Series([*texts], dtype=object)
    if not sample.head(20).map(lambda text: bool(_MAY_BE_DATE.fullmatch(text))).all():
        return None
    fits = []
    for form in [f"{date}{time}" for date in _DATES for time in (_TIMES if date != "ISO8601" else ("",))]:
        if np.isnat(to_dates(sample.head(50), form)).any():
            continue
        if not np.isnat(to_dates(sample, form)).any():
            fits.append(form)
    if not fits:
        return None
    swapped = fits[0].replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")
    return fits[0], swapped if swapped != fits[0] and swapped in fits else ""


def to_dates(texts: pd.Series, form: str) -> np.ndarray:
    """Read texts as dates, `datetime64[us]` without a zone `(n,)`; NaT for those that are none."""
    dates = pd.to_datetime(texts, format=form, errors="coerce", utc=True)
    return dates.dt.tz_localize(None).to_numpy("datetime64[us]")
