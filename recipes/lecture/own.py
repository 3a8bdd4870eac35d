"""One's own data for the slides' scripts: columns of a CSV file, and pictures, read as the recipes take them."""

import csv
from collections.abc import Sequence
from typing import Any

import numpy as np

from cheatsheet.common.words import did_you_mean
from recipes.running.files import as_path

SEPARATORS = (",", ";", "\t")  # of which the one is taken that stands most often in a file's first line
MODES = {1: "grayscale", 3: "rgb", 4: "rgba", None: "rgb"}  # Keras' names, by the number of channels
MOST_BYTES = {True: 2**16 - 1, False: 2**8 - 1}  # what white is, of pictures of 16 bits and of all others


def read_numbers(path: Any, columns: Sequence[str]) -> np.ndarray:
    """Read columns of numbers of a CSV file, `(n, columns)`.

    Args:
        path: The file, with the names of its columns in the first line; parted by commas, semicolons or tabs.
        columns: Which, by name.

    Raises:
        OSError: where it cannot be read.
        ValueError: where it has no such column, or something else than a number in one.
    """
    rows = _rows(path, columns)
    numbers = np.empty((len(rows), len(columns)))
    for i, (line, row) in enumerate(rows):
        for j, (column, text) in enumerate(zip(columns, row, strict=True)):
            try:
                numbers[i, j] = float(text)
            except ValueError:
                raise ValueError(
                    f"{path}, line {line}, has {text!r} in the column {column!r}. Expected a number such as 3.5. "
                    "Mend it, or delete the line."
                ) from None
    return numbers


def read_labels(path: Any, column: str) -> np.ndarray:
    """Read a column of a CSV file as text, `(n,)`: the class of each row.

    Args:
        path: As `read_numbers` takes it.
        column: Which, by name.

    Raises:
        OSError: where it cannot be read.
        ValueError: where it has no such column, or nothing in one of its rows.
    """
    rows = _rows(path, [column])
    for line, (text,) in rows:
        if not text:
            raise ValueError(f"{path}, line {line}, has no {column!r}. Expected a class. Name it, or delete the line.")
    return np.array([text for _, (text,) in rows])


def _rows(path: Any, columns: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Read these columns of each row that is not empty, with the number of its line."""
    source = as_path(path, "path must be the name of a CSV file.")
    try:
        with source.open(newline="", encoding="utf-8-sig") as file:  # a spreadsheet may write a mark before all else
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(SEPARATORS, key=first.count))
            rows = [(reader.line_num, [text.strip() for text in row]) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{source} is no table: {error}. Expected a CSV file in UTF-8.") from error
    names = rows[0][1] if rows else []
    for column in columns:
        if column not in names:
            raise ValueError(
                f"{source} has no column {column!r}. Its first line names {', '.join(names) or 'none'}."
                f"{did_you_mean(column, names)}"
            )
    places = [names.index(column) for column in columns]
    rows = [(line, row) for line, row in rows[1:] if any(row)]
    if not rows:
        raise ValueError(f"{source} has no rows. Expected numbers below the names of its columns.")
    return [(line, [row[place] if place < len(row) else "" for place in places]) for line, row in rows]


def read_picture(path: Any, shape: Sequence[int | None], *, white: float = 1.0) -> np.ndarray:
    """Read an image as a model takes it, `(height, width, channels)`; a `.npy` file as it is.

    A picture is cut to the shape's proportions, around its middle, and then made smaller or larger.

    Args:
        path: The file: `.npy`, or a picture.
        shape: Height, width and channels; `None` where any will do.
        white: What white shall be: 1, or 255 for a model that takes bytes.

    Raises:
        OSError: where it cannot be read.
        ValueError: for a picture where the channels are no picture's.
    """
    source = as_path(path, "path must be the name of an image.")
    if source.suffix == ".npy":
        return np.load(source)
    import keras

    height, width, channels = shape
    if channels not in MODES:
        raise ValueError(
            f"{source} is a picture, and the model takes {channels} channels. Expected a .npy file of (height, width, "
            f"{channels}), as numpy.save writes it."
        )
    size = None if height is None or width is None else (height, width)
    picture = keras.utils.load_img(
        source, color_mode=MODES[channels], target_size=size, interpolation="bilinear", keep_aspect_ratio=True
    )
    values = keras.utils.img_to_array(picture, data_format="channels_last", dtype="float32")
    return values * np.float32(white / MOST_BYTES[picture.mode.startswith("I")])
