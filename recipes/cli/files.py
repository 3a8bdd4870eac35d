"""What commands are given in files, and the figures that they write."""

import csv
import sys
from pathlib import Path
from typing import Any

MOST_BYTES = 2**30  # of a file whose one column is read
MISSING = ("", "NA", "NaN", "nan")  # "None" may be a class of its own


def read_array(path: Path) -> Any:
    """Read an `.npy` file.

    Raises:
        ValueError: for a file that is none, or that holds Python's objects.
    """
    import numpy as np

    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path} is no .npy file of numbers or text ({error}).") from None


def read_arrays(name: str, asked: tuple[str, ...] = ("x", "y")) -> list[Any]:
    """Read these arrays of an `.npz` file; the first has to be there, and the others are `None` where they are not.

    Raises:
        ValueError: for a file without the first, and for one that is no `.npz` file.
    """
    import zipfile

    import numpy as np

    try:
        with open(name, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            if asked[0] not in file.files:
                raise ValueError(f"it holds {', '.join(file.files)}")
            return [file[array] if array in file.files else None for array in asked]
    except (ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        expected = " and ".join(asked)
        raise ValueError(
            f"{name} cannot be read: {error}. Expected an .npz file of {expected}, or {asked[0]}."
        ) from None


def read_column(path: Path, name: str | None, separator: str | None = None) -> tuple[list[str], int]:
    """Read one column of a table in a text file.

    Args:
        path: The file, whose first line names the columns.
        name: Of the column; the only one where it is missing.
        separator: Between its columns; where it is missing the one of `,`, `;`, tab and `|` that the first line has
            most of.

    Returns:
        The values that there are, as text, and the number of rows in which there is none.

    Raises:
        ValueError: for a file that is no such table, for a column that is not there, and for lines of another width.
    """
    from cheatsheet.common.words import did_you_mean

    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes. Expected a table of at most {MOST_BYTES:,}.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            separator = separator or max(",;\t|", key=first.count)
            rows = csv.reader(file, delimiter=separator)
            header = [column.strip() for column in next(rows, [])]
            place = _place(path, header, name, did_you_mean)
            values, num_missing = [], 0
            for row in rows:
                if not row:
                    continue
                if len(row) != len(header):
                    raise ValueError(
                        f"{path}, line {rows.line_num}, has {len(row)} columns, and the first line {len(header)}. "
                        "Name the separator: --separator ';'."
                    )
                text = row[place].strip()
                if text in MISSING:
                    num_missing += 1
                else:
                    values.append(text)
    except (UnicodeDecodeError, csv.Error, TypeError) as error:
        raise ValueError(f"{path} is no table in UTF-8 ({error}).") from None
    return values, num_missing


def _place(path: Path, header: list[str], name: str | None, did_you_mean: Any) -> int:
    listed = ", ".join(header[:20]) + (", ..." if len(header) > 20 else "")
    if name is None and len(header) != 1:
        raise ValueError(
            f"{path} has the columns {listed}. Name one: --target {header[-1]!r}." if header else f"{path} is empty."
        )
    if name is None:
        return 0
    if header.count(name) != 1:
        found = f"{header.count(name)} columns" if name in header else "no column"
        hint = did_you_mean(name, header) if name not in header else ""
        raise ValueError(f"{path} has {found} {name!r}. Its columns are {listed or 'none'}.{hint}")
    return header.index(name)


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure, in place of an earlier one, and say where it lies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    print(f"figure: {path.resolve()}", file=sys.stderr)
