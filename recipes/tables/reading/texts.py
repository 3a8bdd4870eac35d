"""Values in text: numbers with a decimal comma, thousands, a unit or a currency, and dates in their many forms."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pandas as pd

MARKS = {
    "", "?", "-", "--", "---", ".", "*", "na", "n/a", "n.a.", "nan", "null", "none", "missing", "unknown", "nd", "n.d.",
    "nil", "not available", "not applicable", "not measured", "k.a.", "k. a.", "keine angabe", "unbekannt", "fehlt",
    "n.v.", "inconnu", "manquant", "s.o.", "desconocido", "#n/a", "#nv", "#div/0!", "#value!", "#wert!", "#ref!",
    "#bezug!", "#name?", "#num!", "#zahl!", "#null!",
}  # fmt: skip
# Of two classes that are a pair of these, the first kind is the positive one.
YES = {
    "yes", "y", "ja", "j", "oui", "o", "si", "sí", "s", "true", "t", "positive", "positiv", "pos", "+", "1", "present",
}  # fmt: skip
NO = {"no", "n", "nein", "non", "false", "f", "negative", "negativ", "neg", "-", "0", "absent"}
CLASSES = {"none", "nil", "unknown", "unbekannt", "inconnu", "desconocido"}  # of a target, these may be what is meant
MOST_MARKS, SHARE_OF_NUMBERS = 3, 0.9  # of words among numbers that stand for a missing one
# Thousands are parted by commas (or points), blanks of any width, or apostrophes as in Switzerland.
_AROUND = r"[+-]?\s*[$€£¥]?\s*{}\s*[%€$£¥]?"
_BY_DECIMAL = {
    ".": re.compile(
        _AROUND.format(r"(\d{1,3}([, '])\d{3}(\2\d{3})*(\.\d*)?|(0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
    ),
    ",": re.compile(_AROUND.format(r"(\d{1,3}([. '])\d{3}(\2\d{3})*(,\d*)?|(0|[1-9]\d*)(,\d*)?|,\d+)([eE][+-]?\d+)?")),
}
_NEGATIVE = re.compile(r"\((.*\d.*)\)|([^-].*)-")  # as accountants write it, and as SAP does
_DRESS = re.compile(r"[\s$€£¥%']")
_SIGN = re.compile(r"[$€£¥%]")
_ALIKE = str.maketrans({"\u2212": "-", "\xa0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'"})  # as they are typed
# Codes and abbreviations of currencies that stand in front; of other letters there one cannot know (P0012).
_CURRENCY = re.compile(
    r"(CHF|EUR|USD|GBP|JPY|CNY|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RON|TRY|RUB|INR|BRL|ZAR|MXN|SGD|HKD|KRW|ILS|"
    r"US\$|CA\$|AU\$|NZ\$|HK\$|R\$|SFr\.?|Fr\.|Rs\.?|kr\.?)\s*(?=[+-]?[.,]?\d)"
)
_WITH_UNIT = re.compile(r"(.*\d)\s*([^\W\d_eE][^\s\d]{0,9}|[eE][^\s\d+-]{1,9})")
# Of pandas' strptime, in the order in which they are tried; "ISO8601" is any of 2024-03-01, 2024-03-01T12:00:00+01:00.
_DATES = (
    "ISO8601", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%d/%m/%y", "%m/%d/%y",
    "%d %b %Y", "%b %d, %Y", "%b %d %Y", "%d-%b-%Y", "%d-%b-%y", "%b-%Y", "%b %Y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y",
    "%y-%m-%d",
)  # fmt: skip
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_ZONE = re.compile(r"\s+(?:GMT|UTC|MEZ|MESZ|CET|CEST)(?:[+-]\d{1,2}(?::?\d\d)?)?")  # behind a time, and left out
TIMES_ALONE = ("%H:%M", "%H:%M:%S", "%I:%M %p")  # times without a day
DURATION = "duration"  # the form of times that count from nothing: 4 days 18:11:00, 55:31:07, P1DT2H30M
_DURATIONS = re.compile(
    r"-?\d+ days?(,? [+-]?\d{1,2}:\d\d:\d\d(\.\d+)?)?|\d+:[0-5]\d:[0-5]\d(\.\d+)?|"
    r"-?P(?=.*\d)(\d+W|(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?)"
)
# Months in English, German, French and Spanish, without accents, by their short English name, which strptime reads.
_MONTHS = {
    "jan": "january janv janvier januar janner jan enero ene", "feb": "february febr februar fev fevr fevrier febrero",
    "mar": "march marz maerz mrz mars marzo", "apr": "april avr avril abr abril", "may": "mai mayo",
    "jun": "june juni juin junio", "jul": "july juli juil juillet julio", "aug": "august aout ago agosto",
    "sep": "september sept septembre septiembre", "oct": "october okt oktober octobre octubre",
    "nov": "november novembre noviembre", "dec": "december dez dezember decembre dic diciembre",
}  # fmt: skip
_IN_ENGLISH = {word: month.title() for month, words in _MONTHS.items() for word in [month, *words.split()]}
_LIMIT = re.compile(r"\s*(?:[<>]=?|[≤≥])\s*(?=[+-]?[.,]?\d)")
FEWEST_BESIDE_LIMITS = 5  # distinct numbers, beside which "<5" is one of them rather than a class
_WORD = re.compile(r"[^\W\d_]{3,}\.?")
_DAY_AND_MONTH = re.compile(r"(?<!\d)(\d{1,2})(?:\.\s*|er\s+|\s+de\s+)(?=[^\W\d_])|(?<=[^\W\d_])\s+de\s+(?=\d)")
_THREE_NUMBERS = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([T ].*)?")
_MAY_BE_DATE = re.compile(r"(?=.*\d)(.*[-/.: ].*|P.*)")
_SHORT = re.compile(r"\d\d([-.])\d\d\1\d\d(?!\d).*")  # of two digits each, which no version 1.2.14 is
_OF_SHORT = ("%d.%m.%y", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d")


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
    texts = [_signed(text if text.isascii() else text.translate(_ALIKE)) for text in texts]
    for decimal in (prefer, "," if prefer == "." else "."):
        others = [text for text in texts if not _BY_DECIMAL[decimal].fullmatch(text)]
        few = len(others) <= MOST_MARKS and len(others) <= (1 - SHARE_OF_NUMBERS) * len(texts)
        if not others or (len(others) < len(texts) and all(map(is_missing_word, others))):
            return decimal, tuple(others)
        if few and not any(any(letter.isdigit() for letter in text) for text in others):
            return decimal, tuple(others)
    return None


def unit_of(texts: Sequence[str]) -> str:
    """Find the unit behind the number, or the currency before it, in all of these texts; `""` for none.

    Words for missing ones are left aside.

    >>> unit_of(["5 kg", "7.5 kg", "n/a"]), unit_of(["5 kg", "7 g"]), unit_of(["CHF 5", "CHF 7.50"])
    ('kg', '', 'CHF')
    """
    fronts = {found[1] if (found := _CURRENCY.match(text)) else "" for text in texts if not is_missing_word(text)}
    if len(fronts) == 1 and (front := fronts.pop()):
        return front if decimal_in([without_unit(text, front) for text in texts]) is not None else ""
    units = {found[2] if (found := _WITH_UNIT.fullmatch(text)) else "" for text in texts if not is_missing_word(text)}
    if len(units) != 1 or not (unit := units.pop()):
        return ""
    return unit if decimal_in([without_unit(text, unit) for text in texts]) is not None else ""


def limits_in(texts: Sequence[str]) -> list[str]:
    """List those of these texts that say between which numbers and infinity a value lies, if the others are numbers.

    >>> limits_in(["<0.5", "0.7", "1.2", "2.4", "3.3", "8.1 ", "n/a"]), limits_in(["<18", "18-65", ">65"])
    (['<0.5'], [])
    """
    limited = [text for text in texts if _LIMIT.match(text)]
    others = {text.strip() for text in texts if not _LIMIT.match(text) and not is_missing_word(text.strip())}
    if not limited or len(others) < FEWEST_BESIDE_LIMITS:
        return []
    all_plain = [without_limit(text).strip() for text in texts]
    unit = unit_of(all_plain)
    return limited if decimal_in([without_unit(text, unit) for text in all_plain]) is not None else []


def without_limit(text: str) -> str:
    """Give the limit that a text such as `< 0.5` names; other texts come back unchanged."""
    return _LIMIT.sub("", text, count=1) if text[:1] in " <>≤≥" and _LIMIT.match(text) else text


def signs_of(texts: Sequence[str]) -> list[str]:
    """List the signs that numbers in these texts bear (`$`, `%`); `""` among them where some bear none.

    >>> signs_of(["12 %", "0.5", "?"]), signs_of(["$5", "$7"])
    (['', '%'], ['$'])
    """
    return sorted({"".join(sorted(set(_SIGN.findall(text)))) for text in texts if any(map(str.isdigit, text))})


def without_unit(text: str, unit: str) -> str:
    """Give what stands before a unit, or behind a currency; other texts come back unchanged."""
    if not unit or text == unit:
        return text
    if (found := _CURRENCY.match(text)) and found[1] == unit:
        return text[found.end() :]
    return text.removesuffix(unit).rstrip() if text.endswith(unit) else text


def to_numbers(texts: pd.Series, decimal: str, unit: str = "", *, limits: bool = False) -> np.ndarray:
    """Read texts as numbers `(n,)`; NaN for those that are none, thousands in groups of other than three among them.

    With `limits` a text such as `<0.5` is read as its limit.
    """
    form, thousands = _BY_DECIMAL[decimal], "," if decimal == "." else "."

    def plain(text: object) -> object:
        if not isinstance(text, str):
            return text
        text = _signed(without_unit(without_limit(text) if limits else text, unit).translate(_ALIKE))
        if not form.fullmatch(text):
            return None
        return _DRESS.sub("", text).replace(thousands, "").replace(decimal, ".")

    return pd.to_numeric(texts.astype(object).map(plain), errors="coerce").to_numpy(np.float64)


def _signed(text: str) -> str:
    """Put the sign of a negative number in front: `-1,200` for `(1,200)` and `1,200-`."""
    found = _NEGATIVE.fullmatch(text) if text[-1:] in (")", "-") else None
    return f"-{found[1] or found[2]}" if found else text


def is_missing_word(text: str) -> bool:
    """Say whether a text stands for a missing number, such as `n/a`."""
    return text.lower() in MARKS


def date_format_in(texts: Sequence[str]) -> tuple[str, str] | None:
    """Find the form in which all of these texts are dates.

    Args:
        texts: Distinct texts, none of which is missing.

    Returns:
        The form for `to_dates`, and another that would fit as well (such as day and month the other way round), or
        `""`; `None` for other text.

    >>> date_format_in(["2024-03-01", "2024-04-15"]), date_format_in(["31/01/2020", "01/02/2020"])
    (('ISO8601', ''), ('%d/%m/%Y', ''))
    """
    sample = pd.Series([_in_english(_without_zone(text)) for text in texts], dtype=object)
    if not len(sample) or not sample.head(20).map(lambda text: bool(_MAY_BE_DATE.fullmatch(text))).all():
        return None
    fits = []
    is_short = sample.map(lambda text: bool(_SHORT.fullmatch(text))).all()
    forms = [f"{date}{time}" for date in _DATES for time in (_TIMES if date != "ISO8601" else ("",))]
    for form in [*forms, *TIMES_ALONE, DURATION]:
        if form.startswith(_OF_SHORT) and not is_short:
            continue
        if np.isnat(to_dates(sample.head(50), form)).any():
            continue
        if not np.isnat(to_dates(sample, form)).any():
            fits.append(form)
    if not fits:
        return None
    if fits[0] in TIMES_ALONE:
        return fits[0], ""
    return fits[0], next(iter(fits[1:]), "")


def look_like_dates(texts: Sequence[str]) -> bool:
    """Say whether all of these texts are three numbers as a date has, whatever their order.

    >>> look_like_dates(["2024-03-01", "31/02/2024 12:30"]), look_like_dates(["2024-03-01", "soon"])
    (True, False)
    """
    return all(map(_THREE_NUMBERS.fullmatch, texts))


def to_dates(texts: pd.Series, form: str) -> np.ndarray:
    """Read texts as dates, `datetime64[us]` without a zone, or durations, `timedelta64[us]`, `(n,)`; NaT for others."""
    if form == DURATION:
        return _to_durations(texts)
    if "%b" in form:
        texts = texts.map({text: _in_english(text) for text in texts.dropna().unique()})
    if form.endswith(("M", "S", "p")):
        texts = texts.map({text: _without_zone(text) for text in texts.dropna().unique()})
    dates = pd.to_datetime(texts, format=form, errors="coerce", utc=True)
    return dates.dt.tz_localize(None).to_numpy("datetime64[us]")


def _to_durations(texts: pd.Series) -> np.ndarray:
    is_one = texts.map(lambda text: isinstance(text, str) and bool(_DURATIONS.fullmatch(text)))
    return pd.to_timedelta(texts.where(is_one, None), errors="coerce").to_numpy("timedelta64[us]")


def _without_zone(text: str) -> str:
    """Give a date and a time without the name of a zone behind them: `2024/03/01 9:30:00 AM GMT+1`, as forms write."""
    return _ZONE.sub("", text) if text[-1:].isalnum() and _ZONE.search(text) else text


def _in_english(text: str) -> str:
    """Put the month of a date into three English letters: `1. März 2020` as `1 Mar 2020`."""
    if not _WORD.search(text):
        return text

    def month(found: re.Match[str]) -> str:
        word = unicodedata.normalize("NFKD", found[0].rstrip(".").lower()).encode("ascii", "ignore").decode()
        return _IN_ENGLISH.get(word, found[0])

    return _WORD.sub(month, _DAY_AND_MONTH.sub(r"\1 ", text))
