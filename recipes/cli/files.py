"""What commands are given in files, and the figures that they write."""

import sys
from pathlib import Path
from typing import Any


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


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure, in place of an earlier one, and say where it lies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    print(f"figure: {path.resolve()}", file=sys.stderr)
