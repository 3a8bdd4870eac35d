"""Whatever holds a table as one pandas frame: files, pandas, polars, Arrow, dicts of columns."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cheatsheet.common.words import count, did_you_mean, show_values
from cheatsheet.finding import unreadable
from recipes.tables.reading.csv import read_csv
from recipes.tables.reading.reading import Reading

_PARQUET = (".parquet", ".pq")


def read_frame(source: Any, like: Reading | None = None) -> tuple[pd.DataFrame, Reading]:
    """Read a table from a file or a container.

    Args:
        source: Path of a CSV or Parquet file; a DataFrame of pandas' or polars', a table of Arrow's, or a dict of
            columns. What pandas holds as an index with a name is a column.
        like: How a table of its kind was read before.

    Returns:
        A frame of its own, whose names are text, and how it was read.

    Raises:
        FileNotFoundError: for a path at which there is no file.
        DataError: for what is no table, has no rows, or names a column twice.
    """
    if isinstance(source, str | os.PathLike):
        frame, reading = _read_file(Path(source), like)
    else:
        frame, reading = _from_container(source), Reading("frame", decimal=like.decimal if like else ".")
    frame.columns = [str(name) for name in frame.columns]
    twice = list(dict.fromkeys(frame.columns[frame.columns.duplicated()]))
    if twice:
        raise unreadable(
            f"The table names {count(len(twice), 'column')} more than once: {show_values(twice)}. "
            "Give each column a name of its own."
        )
    if like is not None and len(frame) == 0:
        raise unreadable("The table has no rows to predict.")
    if frame.shape[0] == 0 or frame.shape[1] == 0:
        raise unreadable(f"The table has {count(frame.shape[0], 'row')} and {count(frame.shape[1], 'column')}.")
    return frame.reset_index(drop=True), replace(reading, num_rows=len(frame))


def require_name(name: Any, role: str) -> None:
    """Require that an argument can be the name of a column, rather than the values of one.

    Raises:
        ValueError: for a series, an array, a list.
    """
    if pd.api.types.is_list_like(name):
        what = "holds names of columns" if role == "drop" else "is the name of a column"
        mend = " Make them a column: frame.assign(y=values), and say target='y'." if role == "target" else ""
        raise ValueError(f"{role}= {what} of the table. Received: values, as {type(name).__name__}.{mend}")


def require_column(frame: pd.DataFrame, name: Any, role: str, lacking: str = "") -> str:
    """Require that a column is there, and return its name.

    Args:
        frame: The table.
        name: Of the column.
        role: The argument that names it, such as `"target"`.
        lacking: The sentence that says that it is not there; without it one that names the argument.

    Raises:
        ValueError: naming the columns that are there, and the nearest.
    """
    require_name(name, role)
    if str(name) not in frame.columns and str(name).strip() in frame.columns:  # as the names of a file are read
        return str(name).strip()
    if str(name) not in frame.columns:
        names = list(frame.columns)
        alone = " The first line of the file seems to hold values, not names." if all(map(_is_number, names)) else ""
        raise ValueError(
            f"{lacking or f'There is no column {str(name)!r} for {role}=.'} The table has {show_values(names, 12)}."
            f"{did_you_mean(name, names)}{alone}"
        )
    return str(name)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_file(path: Path, like: Reading | None) -> tuple[pd.DataFrame, Reading]:
    if not path.exists():
        near = [other.name for other in path.parent.iterdir() if other.is_file()] if path.parent.is_dir() else []
        raise FileNotFoundError(f"There is no file {path}.{did_you_mean(path.name, near)}")
    if path.is_dir():
        raise unreadable(f"{path} is a folder. Name a CSV or Parquet file.")
    with path.open("rb") as file:
        start = file.read(4)
    if path.suffix.lower() in _PARQUET or start == b"PAR1":
        try:
            return _with_index(pd.read_parquet(path)), Reading("parquet")
        except ImportError:
            raise ImportError(f"Reading {path.name} needs the package pyarrow: pip install pyarrow.") from None
        except Exception as error:  # whatever its readers make of a damaged file
            raise unreadable(f"{path.name} is no Parquet file, or is damaged ({type(error).__name__}).") from None
    return read_csv(path, like)


def _from_container(source: Any) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        if isinstance(source.columns, pd.MultiIndex):
            raise unreadable("The frame has columns on several levels. Flatten them, such as by joining their names.")
        return _with_index(source)
    if type(source).__name__ == "LazyFrame":
        raise unreadable("A LazyFrame has no rows yet. Pass frame.collect().")
    if hasattr(source, "to_pandas") and hasattr(source, "schema") and hasattr(source, "num_rows"):  # Arrow's
        return source.to_pandas()
    if hasattr(source, "get_columns") and hasattr(source, "schema"):  # polars'
        return _from_columns({column.name: _of_polars(column) for column in source.get_columns()})
    if isinstance(source, Mapping):
        return _from_columns(source)
    raise TypeError(
        "A table is the path of a CSV or Parquet file, a DataFrame, or a dict of columns. "
        f"Received: {type(source).__name__}. For an array say pandas.DataFrame(array, columns=[...])."
    )


def _of_polars(column: Any) -> np.ndarray:
    """Give the values of a polars column; of one of collections, whose arrays have more axes, each as one object."""
    if not column.dtype.is_nested():
        return column.to_numpy()
    found = np.empty(len(column), object)
    found[:] = column.to_list()
    return found


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the levels of an index that have names as columns, since whoever named them put data there."""
    named = [name for name in frame.index.names if name is not None and name not in frame.columns]
    return frame.reset_index(level=named) if named else frame.copy(deep=False)


def _from_columns(columns: Mapping[Any, Any]) -> pd.DataFrame:
    arrays = {}
    for name, values in columns.items():
        array = values if isinstance(values, pd.Series) else np.asarray(values)
        if array.ndim == 0:
            raise unreadable(f"The column {str(name)!r} is a single value. Expected a list, such as [{values!r}].")
        if array.ndim != 1:
            raise unreadable(f"The column {str(name)!r} has shape {array.shape}. Expected one value for each row.")
        if isinstance(values, list | tuple) and array.dtype.kind == "U":  # which has made a text of NaN
            array = np.asarray(values, dtype=object)
        arrays[str(name)] = array.reset_index(drop=True) if isinstance(array, pd.Series) else array
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) > 1:
        shown = ", ".join(f"{name!r} {len(array):,}" for name, array in [*arrays.items()][:5])
        raise unreadable(
            f"The columns have different numbers of rows: {shown}. Expected one value of each for each row."
        )
    return pd.DataFrame(arrays)
