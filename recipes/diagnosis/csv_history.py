"""A history from the file that Keras' `CSVLogger` writes."""

import csv
import math
import os
from collections.abc import Sequence
from pathlib import Path

MISSING = ("", "NA")  # what stands where a quantity was not measured; Keras writes NA
SEPARATORS = (",", ";", "\t", "|")
MOST_BYTES = 2**28  # a million epochs of ten columns


def read_history(path: str | os.PathLike[str], *, separator: str | None = None) -> dict[str, list[float]]:
    """Read the loss curves of a file, one row per epoch.

    A `val_loss` without a single number, as Keras writes it where nothing validates, is left out.

    Args:
        path: The file.
        separator: Between its columns; when missing, whichever of comma, semicolon, tab and bar sets the name `loss`
            apart in the first line.

    Returns:
        `"loss"` and, where it was measured, `"val_loss"`; NaN where one epoch lacks it.

    Raises:
        OSError: where it cannot be read.
        ValueError: for a file without a column `loss`, or with something else than numbers in it.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes. Expected a history of at most {MOST_BYTES:,}.")
    if separator is not None and len(separator) != 1:
        raise ValueError(f"A separator is one character. Received: separator={separator!r}.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = list(file)
        if separator is None:
            separator = next((one for one in SEPARATORS if "loss" in _header(lines, one)), SEPARATORS[0])
        rows = list(csv.reader(lines, delimiter=separator))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is no table: {error}. Expected what Keras' CSVLogger writes.") from error
    header = _header(lines, separator)
    if "loss" not in header:
        raise ValueError(
            f"{path} has the columns {', '.join(header) or 'none'}. Expected loss, and perhaps val_loss, as Keras' "
            "CSVLogger writes them."
        )
    rows = [row for row in rows[1:] if row and row != rows[0]]  # a run that went on may write its header again
    history: dict[str, list[float]] = {}
    for name in ("loss", "val_loss"):
        if name in header:
            history[name] = [_number(row, header.index(name), path, i) for i, row in enumerate(rows, start=2)]
    if "val_loss" in header and all(_text(row, header.index("val_loss")) in MISSING for row in rows):
        del history["val_loss"]
    return history


def _header(lines: Sequence[str], separator: str) -> list[str]:
    """Read the names of the columns, none of an empty file."""
    return [name.strip() for name in next(csv.reader(lines[:1], delimiter=separator), [])]


def _text(row: list[str], column: int) -> str:
    return row[column].strip() if column < len(row) else ""


def _number(row: list[str], column: int, path: Path, line: int) -> float:
    text = _text(row, column)
    if text in MISSING:
        return math.nan
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{path}, line {line}, has {text!r} for a loss. Expected a number.") from None
