"""A text file of rows: how it is encoded, what parts its fields, and whether every line has all of them."""

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cheatsheet.common.words import count, show_values
from cheatsheet.finding import unreadable

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
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+|[+-]?\d{1,3}(\.\d{3})+,\d+")
_DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
_LEADING_ZERO = re.compile(r"[+-]?0\d+")


@dataclass(frozen=True)
class Reading:
    """How a table was read, so that the next one of its kind is read alike.

    Attributes:
        kind: `"csv"`, `"parquet"` or `"frame"`.
        separator: What parts the fields of a text file.
        decimal: `"."` or `","`.
        encoding: Of a text file.
        as_text: Columns that look like whole numbers but begin with zeros, such as postal codes.
    """

    kind: str
    separator: str | None = None
    decimal: str = "."
    encoding: str | None = None
    as_text: tuple[str, ...] = ()


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
    separator = _separator_of(sample)
    if like is not None and like.separator and like.separator != separator:
        mine, its = (len(_fields(sample[:1], part)[0]) for part in (separator, like.separator))
        separator = like.separator if its >= mine else separator
    header, rows_named = _require_whole_lines(path, encoding, separator)
    fields = _fields(sample, separator)[1:]
    decimal = _decimal_of(fields, separator) or (like.decimal if like is not None else ".")
    as_text = like.as_text if like is not None else _with_leading_zeros(header, fields)
    frame = pd.read_csv(
        path, sep=separator, decimal=decimal, encoding=encoding, names=["row names", *header] if rows_named else header,
        header=0, index_col=False, skipinitialspace=True, low_memory=False, skip_blank_lines=True,
        dtype={name: str for name in as_text if name in header},
    )  # fmt: skip
    return frame, Reading("csv", separator, decimal, encoding, as_text)


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
        return ","
    return max((part for part in SEPARATORS if by_share[part][0] >= best - 0.05), key=lambda part: by_share[part][1:])


def _require_whole_lines(path: Path, encoding: str, separator: str) -> tuple[list[str], bool]:
    """Require that every line has a field for each name of the header.

    Returns:
        The names, and whether the lines begin with a name of their own for which the header has none, as R writes.

    Raises:
        DataError: naming the first line that has more or fewer.
    """
    lines = csv.reader(_lines(path, encoding), delimiter=separator, skipinitialspace=True)
    header: list[str] = []
    wrong: dict[int, tuple[int, int]] = {}  # line and number of lines, by number of fields
    num_rows, ended = 0, 0
    try:
        for fields in lines:
            line, ended = ended + 1, lines.line_num  # a field in quotation marks may go over several
            if not fields:
                continue
            if not header:
                header = [field.strip() for field in fields]
                continue
            num_rows += 1
            if len(fields) != len(header):
                first, times = wrong.get(len(fields), (line, 0))
                wrong[len(fields)] = (first, times + 1)
    except csv.Error as error:
        raise unreadable(f"{path.name}, line {lines.line_num}: {error}. Is a quotation mark left open?") from None
    if num_rows == 0:
        raise unreadable(f"{path.name} has a header ({show_values(header)}) and no rows.")
    rows_named = wrong.keys() == {len(header) + 1} and wrong[len(header) + 1][1] == num_rows
    if wrong and not rows_named:
        width, (line, _) = min(wrong.items(), key=lambda item: item[1][0])
        others = sum(times for _, times in wrong.values()) - 1
        also = f", as {'has' if others == 1 else 'have'} {count(others, 'other line')}" if others else ""
        raise unreadable(
            f"{path.name}, line {line} has {count(width, 'field')} where the header has {len(header)}{also}. "
            "Put text that holds the separator in quotation marks, and mend the lines."
        )
    for i, name in enumerate(header):
        if not name:
            header[i] = f"column {i + 1}"
    twice = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    if twice:
        raise unreadable(
            f"{path.name} names {count(len(twice), 'column')} more than once: {show_values(twice)}. "
            "Give each column a name of its own."
        )
    return header, rows_named


def _columns_in(fields: list[list[str]]) -> Iterator[list[str]]:
    for column in zip(*fields, strict=False):
        yield [value.strip() for value in column if value.strip()]


def _decimal_of(fields: list[list[str]], separator: str) -> str:
    """Find whether numbers have a decimal comma, which they cannot have bare between commas; `""` where none tells."""
    commas = points = 0
    for values in _columns_in(fields):
        with_comma = [value for value in values if _DECIMAL_COMMA.fullmatch(value)]
        numeric = [value for value in values if value.replace(",", "").replace(".", "").lstrip("+-").isdigit()]
        commas += bool(with_comma) and len(numeric) > 0.9 * len(values)
        points += any(_DECIMAL_POINT.fullmatch(value) for value in values)
    if separator != "," and commas > 0 and commas >= points:
        return ","
    return "." if points else ""


def _with_leading_zeros(header: list[str], fields: list[list[str]]) -> tuple[str, ...]:
    columns: list[Any] = [*_columns_in(fields)]
    names = header if len(columns) == len(header) else ["row names", *header]
    return tuple(
        name
        for name, values in zip(names, columns, strict=False)
        if any(_LEADING_ZERO.fullmatch(value) for value in values)
    )
