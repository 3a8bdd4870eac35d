"""A text file of rows: how it is encoded, what parts its fields, and whether every line has all of them."""

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas as pd

from cheatsheet.common.words import count, show_values
from cheatsheet.finding import unreadable
from recipes.tables.reading.reading import Reading
from recipes.tables.reading.texts import decimal_in, is_missing_word, without_limit

SEPARATORS = (",", ";", "\t", "|")
SAMPLE_LINES = 1_000  # from which separator and decimals are read
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHERS = (
    (b"PK\x03\x04", "an Excel workbook or another zip archive", "Save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "Save the sheet as CSV"),
    (b"\x1f\x8b", "compressed (gzip)", "Unpack it first"),
    (b"%PDF", "a PDF", "Save the table as CSV"),
    (b"\x89HDF", "an HDF5 file", "Read its table with pandas.read_hdf and pass the frame"),
)
_JSON = re.compile(rb'\s*(\{\s*"[^"]*"\s*:|\[\s*[\[{])')
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+|[+-]?\d{1,3}(\.\d{3})+,\d+")
_DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
_THREE_DIGITS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")  # 1.234: thousands, or three decimals
_LEADING_ZERO = re.compile(r"0\d+")
_SEPARATOR_SAID = re.compile(r"\ufeff?\"?sep=(.)\"?\s*", re.I)  # the first line that Excel writes and understands
# What pandas takes for missing but for "None", which is a class where it is the target's, and a word elsewhere.
_MISSING = ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
            "NA", "NULL", "NaN", "n/a", "nan", "null")  # fmt: skip
FEWEST_NUMBERS = 5  # below a word, for it to be a unit


def read_csv(path: Path, like: Reading | None = None) -> tuple[pd.DataFrame, Reading]:
    """Read a text file of rows whose first line names the columns.

    Args:
        path: The file.
        like: How a file of its kind was read; the separator, and decimals that do not tell, are taken from it.

    Returns:
        The frame, with missing values where a field is empty or says so, and how it was read.

    Raises:
        DataError: for a file that is empty, is no text, or has lines with more or fewer fields than its header, and for
            names that are given twice.
    """
    encoding = _encoding_of(path)
    sample = [line for _, line in zip(range(SAMPLE_LINES), _lines(path, encoding), strict=False)]
    if not any(line.strip() for line in sample):
        raise unreadable(f"{path.name} is empty. Expected a first line with the names of the columns, and rows below.")
    said = _SEPARATOR_SAID.fullmatch(sample[0])
    sample_start = sample[0].strip()
    sample = sample[1:] if said else sample
    comments = _comments_above(sample)
    sample = sample[comments:]
    above = comments + bool(said)
    separator = said[1] if said else _separator_of(sample)
    if not said and like is not None and like.separator and like.separator != separator:
        mine, its = (len(_fields(sample[:1], part)[0]) for part in (separator, like.separator))
        separator = like.separator if its >= mine else separator
    lines = _require_whole_lines(path, encoding, separator, above)
    fields = _fields(sample, separator)[1:]
    units = _units_in(fields, like.units if like is not None else ())
    fields = fields[1:] if units else fields
    decimal, unsure = _decimal_of(fields, separator)
    if like is not None and (unsure or not decimal):
        decimal, unsure = like.decimal, ()
    as_text = like.as_text if like is not None else lines.with_zeros
    frame = pd.read_csv(
        path, sep=separator, decimal=decimal or ".", encoding=encoding, names=[*lines.names], header=0, index_col=False,
        skiprows=[*range(above), *([lines.first_row - 1] if units else [])], skipinitialspace=True,
        low_memory=False, skip_blank_lines=True, keep_default_na=False, na_values=[*_MISSING],
        dtype={name: str for name in as_text if name in lines.names},
    )  # fmt: skip
    empty = [name for name in lines.nameless if frame[name].isna().all()]
    frame = frame.drop(columns=empty)
    left_out = [f"line 1, which names the separator ({sample_start})"] if said else []
    left_out += [f"{count(comments, 'line')} of comments above the names"] if comments else []
    left_out += [f"line {lines.first_row}, of units ({show_values([u for u in units if u], 4)})"] if units else []
    left_out += [f"{count(len(empty), 'column')} without a name and values"] if empty else []
    left_out += [f"{count(lines.num_blank, 'blank line')}"] if lines.num_blank else []
    num_read = len(frame)
    if frame.tail(1).isna().all(axis=None):  # rows of separators alone, which spreadsheets leave below a table
        is_filled = frame.notna().any(axis=1).to_numpy()
        frame = frame.iloc[: int(is_filled.nonzero()[0].max(initial=-1)) + 1]
    if num_read > len(frame):
        left_out.append(f"{count(num_read - len(frame), 'row')} of separators alone at the end")
    named = tuple(lines.names[i] for i in unsure if lines.names[i] not in empty)
    return frame, Reading("csv", separator, decimal or ".", encoding, as_text, units, named, tuple(left_out))


def _encoding_of(path: Path) -> str:
    """Find the encoding: what a byte order mark says, UTF-8 where all of it is, else Western European."""
    with path.open("rb") as file:
        start = file.read(4096)
    for magic, what, mend in _OTHERS:
        if start.startswith(magic):
            raise unreadable(f"{path.name} is {what}, not text. {mend}.")
    for mark, encoding in _BOMS:
        if start.startswith(mark):
            return encoding
    if start.lstrip()[:1] == b"<":
        raise unreadable(f"{path.name} is an HTML or XML page, not a table in text. Export the table as CSV.")
    if _JSON.match(start):
        raise unreadable(f"{path.name} is JSON. Read it with pandas.read_json or json_normalize, and pass the frame.")
    if b"\0" in start:
        zeros = [start[i::2].count(0) for i in (0, 1)]
        if max(zeros) > 0.3 * len(start) / 2 and min(zeros) < 0.05 * len(start):
            return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        raise unreadable(f"{path.name} holds zero bytes: it is no text file. Export the table as CSV or Parquet.")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while block := file.read(2**20):
                decoder.decode(block)
        decoder.decode(b"", final=True)
        return "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        with path.open(encoding="cp1252") as text:
            while text.read(2**20):
                pass
        return "cp1252"
    except UnicodeDecodeError:
        return "latin-1"


def _comments_above(sample: list[str]) -> int:
    """Count the lines above the names that begin with `#`; the last of them holds the names where nothing else does."""
    number = next((i for i, line in enumerate(sample) if line.strip() and not line.startswith("#")), 0)
    if number == 0:
        return 0
    separator = _separator_of(sample[number:])
    last = _fields([sample[number - 1].lstrip("#").lstrip(" ")], separator)[0]
    below = _fields(sample[number : number + FEWEST_NUMBERS], separator)
    has_names = not any(map(_is_number, below[0])) and any(_is_number(text) for row in below[1:] for text in row)
    return number - (len(last) == len(below[0]) > 1 and not has_names)


def _lines(path: Path, encoding: str) -> Iterator[str]:
    with path.open(encoding=encoding, newline="") as file:
        yield from file


def _fields(lines: list[str], separator: str) -> list[list[str]]:
    try:
        found = [*csv.reader(lines, delimiter=separator, skipinitialspace=True)]
    except csv.Error:
        return [[""]]
    return [fields for fields in found if fields] or [[""]]


def _separator_of(sample: list[str]) -> str:
    """Choose what parts all lines into the same number of fields; of several what parts the header too, or the most.

    In a file of two columns with decimal commas, every line but the header has as many commas as semicolons.
    """

    def worth(separator: str) -> tuple[float, bool, int]:
        widths = [len(fields) for fields in _fields(sample, separator)]
        usual = max(set(widths), key=widths.count)
        share = widths.count(usual) / len(widths)
        return (share if usual > 1 else 0.0, widths[0] == usual, usual)

    by_share = {separator: worth(separator) for separator in SEPARATORS}
    best = max(share for share, *_ in by_share.values())
    if best == 0.0:
        share, has_header, _ = worth(" ")
        columns = _columns_in(_fields(sample, " ")[1:])
        return " " if share == 1.0 and has_header and any(map(_are_numbers, columns)) else ","
    return max((part for part in SEPARATORS if by_share[part][0] >= best - 0.05), key=lambda part: by_share[part][1:])


@dataclass(frozen=True)
class _Lines:
    """What is known of a file whose lines are whole.

    Attributes:
        names: Of the columns; `"row names"` where the lines begin with one for which the header has none, as R writes.
        nameless: Those that the header leaves empty, under the names that they were given.
        with_zeros: Those with whole numbers that begin with zeros.
        first_row: The line below the header, counted from 1.
        num_blank: Lines with nothing in them.
    """

    names: tuple[str, ...]
    nameless: tuple[str, ...]
    with_zeros: tuple[str, ...]
    first_row: int
    num_blank: int


def _require_whole_lines(path: Path, encoding: str, separator: str, skipped: int) -> _Lines:
    """Require that every line has a field for each name of the header.

    Raises:
        DataError: naming the first line that has more or fewer.
    """
    marked = [False]  # whether a line that may hold a leading zero was read since
    may_lead = re.compile(rf"{re.escape(separator)}0\d").search  # that begins with letters is found fast
    starts = ('"0', f"{separator} 0")

    def noted() -> Iterator[str]:
        for text in islice(_lines(path, encoding), skipped, None):
            if text[:1] == "0" or may_lead(text) is not None or starts[0] in text or starts[1] in text:
                marked[0] = True
            yield text

    lines = csv.reader(noted(), delimiter=separator, skipinitialspace=True)
    header: list[str] = []
    raw_header: list[str] = []
    wrong: dict[int, tuple[int, int]] = {}  # line and number of lines, by number of fields
    num_rows, num_blank, ended, first_row, ends_filled, zeros = 0, 0, skipped, 0, False, set[int]()
    try:
        for fields in lines:
            line, ended = ended + 1, lines.line_num + skipped  # a field in quotation marks may go over several
            if not fields:
                num_blank += 1
                continue
            if not header:
                raw_header, header = fields, [field.strip() for field in fields]
                header[0] = header[0].lstrip("#").strip() or header[0]  # names in the last line of comments
                continue
            num_rows += 1
            first_row = first_row or line
            if fields == raw_header and len(header) > 1 and not any(map(_is_number, header)):
                raise unreadable(
                    f"{path.name}, line {line} repeats the names of the columns: these are tables one below the other. "
                    "Delete such lines, if the columns mean the same."
                )
            if num_rows == 1:
                _require_names(path.name, header, fields, line)
            if marked[0]:
                zeros |= {
                    i for i, field in enumerate(fields) if field[:1] == "0" and _LEADING_ZERO.fullmatch(field.strip())
                }
                marked[0] = False
            ends_filled = ends_filled or bool(fields[-1].strip())
            if len(fields) != len(header):
                first, times = wrong.get(len(fields), (line, 0))
                wrong[len(fields)] = (first, times + 1)
    except csv.Error as error:
        raise unreadable(
            f"{path.name}, line {lines.line_num + skipped}: {error}. Is a quotation mark left open?"
        ) from None
    if num_rows == 0:
        raise unreadable(f"{path.name} has a header ({show_values(header)}) and no rows.")
    has_one_more = wrong.keys() == {len(header) + 1} and wrong[len(header) + 1][1] == num_rows
    if has_one_more and not ends_filled:  # each line ends in a separator, the header does not
        header.append("")
    elif has_one_more:
        header.insert(0, "row names")
    elif wrong:
        usual = max(wrong, key=lambda width: wrong[width][1])
        if usual > len(header) and wrong[usual][1] > 0.8 * num_rows:
            line = wrong[usual][0]
            raise unreadable(
                f"{path.name} begins with {count(len(header), 'field')} in a line, and from line {line} on has "
                f"{usual}. Line {line} seems to name the columns: delete the lines above it."
            )
        width, (line, _) = min(wrong.items(), key=lambda item: item[1][0])
        others = sum(times for _, times in wrong.values()) - 1
        also = f", as {'has' if others == 1 else 'have'} {count(others, 'other line')}" if others else ""
        raise unreadable(
            f"{path.name}, line {line} has {count(width, 'field')} where the header has {len(header)}{also}. "
            "Put text that holds the separator in quotation marks, and mend the lines."
        )
    nameless = [i for i, name in enumerate(header) if not name]
    for i in nameless:
        header[i] = f"column {i + 1}"
    twice = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    if twice:
        raise unreadable(
            f"{path.name} names {count(len(twice), 'column')} more than once: {show_values(twice)}. "
            "Give each column a name of its own."
        )
    return _Lines(
        tuple(header), tuple(header[i] for i in nameless), tuple(header[i] for i in sorted(zeros)), first_row, num_blank
    )


def _require_names(file: str, header: list[str], fields: list[str], line: int) -> None:
    """Require that the header is not a title above the names, padded with separators as spreadsheets do."""
    is_title = len(header) > 2 and bool(header[0]) and not any(header[1:])
    if is_title and len(fields) == len(header) and all(fields) and not any(map(_is_number, fields)):
        raise unreadable(
            f"{file} has a first line with {header[0]!r} alone, and line {line} seems to name the columns: delete the "
            "lines above it."
        )


def _is_number(text: str) -> bool:
    return decimal_in([without_limit(text.strip())]) is not None


def _are_numbers(texts: list[str]) -> bool:
    there = [without_limit(text) for text in texts if not is_missing_word(text)]
    return bool(there) and decimal_in(sorted({*there})) is not None


def _units_in(fields: list[list[str]], known: tuple[str, ...]) -> tuple[str, ...]:
    """Find whether the row below the names holds units: those known, or words above all columns of numbers."""
    first_row = tuple(text.strip() for text in fields[0]) if fields else ()
    if known and sorted(first_row) == sorted(known):
        return first_row
    if len(fields) <= FEWEST_NUMBERS:
        return ()
    words = numbers = 0
    for i, first in enumerate(fields[0]):
        below = [text for row in fields[1:] if i < len(row) and (text := row[i].strip()) and not is_missing_word(text)]
        if len(below) < FEWEST_NUMBERS or not all(map(_is_number, below[:50])) or not _are_numbers(below):
            continue
        numbers += 1
        if _is_number(first) or first.strip() in below:
            return ()
        words += not is_missing_word(first.strip())
    return first_row if words and 2 * words >= numbers else ()


def _columns_in(fields: list[list[str]]) -> Iterator[list[str]]:
    for column in zip(*fields, strict=False):
        yield [without_limit(value.strip()) for value in column if value.strip()]


def _decimal_of(fields: list[list[str]], separator: str) -> tuple[str, tuple[int, ...]]:
    """Find whether numbers have a decimal comma, which they cannot have bare between commas; `""` where none tells.

    Returns:
        The mark, and the places of the columns that alone tell it, if all of them could hold thousands as well: 1.234
        where fields are not parted by commas, as where 1,5 is written.
    """
    commas = points = 0
    unsure, sure = [], False
    for i, values in enumerate(_columns_in(fields)):
        marked = [value for value in values if _DECIMAL_COMMA.fullmatch(value) or _DECIMAL_POINT.fullmatch(value)]
        if len(marked) >= 3 and all(map(_THREE_DIGITS.fullmatch, marked)):
            unsure.append(i)
        sure = sure or not all(map(_THREE_DIGITS.fullmatch, marked))
        with_comma = [value for value in values if _DECIMAL_COMMA.fullmatch(value)]
        numeric = [value for value in values if value.replace(",", "").replace(".", "").lstrip("+-").isdigit()]
        commas += bool(with_comma) and len(numeric) > 0.9 * len(values)
        points += any(_DECIMAL_POINT.fullmatch(value) for value in values)
    which = () if sure or separator == "," else tuple(unsure)
    if separator != "," and commas > 0 and commas >= points:
        return ",", which
    return ("." if points else ""), which
