"""The folder of a saved run: whether it may be written to, whether its files are those that were saved; its JSON."""

import dataclasses
import hashlib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

FACTS = "run.json"  # what vouches for the other files of a single run
MOST_FACTS_BYTES = 64 * 2**20


class UntrustedFileError(ValueError):
    """A file that is no saved model, or one that names, or asks for, more than a model may; the message says what."""


def require_as_saved(folder: Path, digests: Mapping[str, Any], vouches: str) -> None:
    """Require the files that were saved, by their digests, which the file that vouches for them has.

    Raises:
        FileNotFoundError: for one that is missing.
        UntrustedFileError: for one that is another, or damaged.
    """
    for name, digest in digests.items():
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} lacks {name}, which belongs to the saved run.")
        with (folder / name).open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != digest:
                raise UntrustedFileError(
                    f"{folder / name} is not the file that was saved with {folder / vouches}, or is damaged."
                )


def require_room(
    target: Path, overwrite: bool, vouches: str, holds: str = "a saved run", ours: str | None = None
) -> None:
    """Require a folder that is ours to write in.

    Args:
        target: The folder, which need not be there.
        overwrite: Whether what we wrote there may be replaced.
        vouches: Name of the file that is there where we wrote.
        holds: What is in such a folder, in words.
        ours: A pattern of names that may be left of a write that was cut off, where `overwrite` is asked for.

    Raises:
        FileExistsError: for one with other files in it, or with what is not to be overwritten.
    """
    if target.suffix == ".keras":
        raise ValueError(
            f"A run is saved in a folder. Received: {str(target)!r}. "
            "Name a folder, or save the model alone with run.model.save."
        )
    if target.exists() and not target.is_dir():
        raise FileExistsError(f"{target} is a file. Name a folder, which will be made.")
    names = {path.name for path in target.iterdir()} if target.is_dir() else set()
    if vouches in names:
        if not overwrite:
            raise FileExistsError(f"{target} holds {holds}. Name another folder, or pass overwrite=True.")
    elif names and not (overwrite and ours and all(re.fullmatch(ours, name) for name in names)):
        raise FileExistsError(f"{target} holds other files ({', '.join(sorted(names)[:3])}). Name another folder.")


def as_json(value: Any) -> Any:
    """Put a value in words of JSON: tuples, and numbers that are none, tagged."""
    if isinstance(value, np.generic):
        value = value.item()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return {"tuple": [as_json(part) for part in value]}
    if isinstance(value, list):
        return [as_json(part) for part in value]
    raise ValueError(
        f"A saved run keeps names and labels that are text or numbers. Received: {value!r} ({type(value).__name__}). "
        "Rename the columns, such as by x.columns.astype(str)."
    )


def of_json(value: Any) -> Any:
    """Read back what `as_json` wrote; dataclasses come as dicts."""
    if isinstance(value, list):
        return [of_json(part) for part in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"float"}:
        return float(value["float"])
    if value.keys() == {"tuple"}:
        return tuple(of_json(part) for part in value["tuple"])
    return {name: of_json(part) for name, part in value.items()}
