"""The one atomic writer of this package, and the one that deletes: whole files by name, and nothing else."""

import contextlib
import os
import re
from pathlib import Path
from typing import Any


def as_path(value: Any, expected: str) -> Path:
    """Return the path that a user has given.

    Args:
        value: Text, or a path.
        expected: What it names, in a sentence, and what to say.

    Raises:
        TypeError: for anything else.
        ValueError: for no text at all, which would be the folder that one happens to be in.
    """
    if isinstance(value, str | os.PathLike):
        if not os.fspath(value):
            raise ValueError(f"{expected} Received: {value!r}.")
        return Path(value)
    shown = repr(value) if value is None or isinstance(value, bool | int | float) else type(value).__name__
    raise TypeError(f"{expected} Received: {shown}.")


def remove_files(folder: Path, names: re.Pattern[str]) -> None:
    """Delete the files of a folder that have one of these names; whatever else lies there is somebody else's."""
    for path in list(folder.iterdir()):
        if names.fullmatch(path.name) and not path.is_dir():
            path.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Replace a file so that at every moment the old content or the new lies there whole.

    With `flush` also after a power cut, which costs some milliseconds.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            if flush:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:  # a full disk, a missing permission
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise OSError(
            error.errno, f"{path} could not be written ({error.strerror}). What lay there is untouched"
        ) from None
    if flush:
        flush_folder(path.parent)  # the rename itself


def flush_folder(folder: Path) -> None:
    """Have the names in this folder on the disk, where the system can be asked for that."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
