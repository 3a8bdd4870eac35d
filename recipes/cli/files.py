"""What commands are given in files, and the figures that they write."""

import sys
from pathlib import Path
from typing import Any

_OF_TABLES = (".csv", ".tsv", ".txt", ".dat", ".parquet", ".pq", ".xlsx", ".xls", ".ods")


def read_array(path: Path) -> Any:
    """Read an `.npy` file, memory-mapped.

    Raises:
        ValueError: for a file that is none, or that holds Python's objects.
    """
    import numpy as np

    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError):  # NumPy's own words advise to run whatever such a file holds
        array = None
    if not isinstance(array, np.ndarray):  # an .npz file holds several
        raise ValueError(
            f"{path} is no .npy file of numbers or text. Make one with np.save('y.npy', np.asarray(values, float)), "
            "of a table's columns with np.save('x.npy', frame[columns].to_numpy(float))."
        )
    return array


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


def require_data(name: str, files: str) -> None:
    """Require the name of a data set for `load_data`, where `name` is no file that is read here.

    Args:
        name: What `--data` says.
        files: Which files are read here, in words.

    Raises:
        ValueError: for another one; of a table it says where that goes.
    """
    from recipes.datasets import NAMES

    if name in NAMES:
        return
    expected = f"Expected one of {', '.join(NAMES)}, or {files}"
    if Path(name).suffix.lower() in _OF_TABLES:
        raise ValueError(
            f"--data {name} is a table. {expected}. A table goes with recipes fit: recipes fit {name} --target COLUMN."
        )
    raise ValueError(f"Unknown data set. Received: name={name!r}. {expected}.")


def require_room_in(folder: Path, overwrite: bool, vouches: str) -> None:
    """Require a folder to keep a run in, before the training rather than after it.

    Args:
        folder: The folder, which need not be there.
        overwrite: Whether an earlier run in it may be replaced.
        vouches: Name of the file that is there where a run was kept.

    Raises:
        FileExistsError: for one with other files in it, and for one with a run that is not to be replaced.
    """
    from recipes.running.saved import require_room

    require_room(folder, overwrite, vouches)


def require_folder(path: Path, flag: str) -> None:
    """Require a folder that figures can be written into, before the training rather than after it; it is made.

    Args:
        path: The folder.
        flag: That names it.

    Raises:
        ValueError: for one that cannot be made, or written into.
    """
    import os

    try:
        path.mkdir(parents=True, exist_ok=True)
        is_open = os.access(path, os.W_OK)
    except OSError:
        is_open = False
    if not is_open:
        raise ValueError(f"{flag} {path} is no folder that can be written into. Name another one.")


def require_file(path: Path, flag: str, example: str) -> None:
    """Require a path at which a file can be written, before the training rather than after it.

    Args:
        path: The path, at which a file may be.
        flag: That names it.
        example: A name for such a file.

    Raises:
        ValueError: for a folder, and for a path that leads through a file.
    """
    if path.is_dir():
        raise ValueError(f"{flag} {path} is a folder. Name a file, such as {example}.")
    above = next((parent for parent in path.parents if parent.exists()), None)
    if above is not None and not above.is_dir():
        raise ValueError(f"{flag} {path} cannot be written: {above} is a file. Name another path.")


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure, in place of an earlier one, and say where it lies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    print(f"figure: {path.resolve()}", file=sys.stderr)
