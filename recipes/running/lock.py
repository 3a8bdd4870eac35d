"""A folder for one process alone, while it runs."""

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows, where two runs in one folder are not noticed
    fcntl = None  # type: ignore[assignment]


def locked(folder: Path) -> int | None:
    """Have this folder for this process alone: a handle for `unlock`, which the system frees when the process ends.

    Raises:
        BlockingIOError: where another process has it.
    """
    if fcntl is None:
        return None
    handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise BlockingIOError(
            f"{folder} is in use by another process. Wait for it to end, or name another folder."
        ) from None
    return handle


def unlock(handle: int | None) -> None:
    """Let other processes have the folder."""
    if handle is not None:
        os.close(handle)
