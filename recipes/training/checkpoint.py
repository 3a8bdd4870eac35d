"""State on disk that survives being killed at any moment: the one writer of this package. NumPy alone.

Two files in one folder take turns. A state is written to a temporary file, flushed to the disk, and then replaces the
older of the two, so that at every moment at least one whole state lies there. Each file carries a checksum of all that
it holds: a flipped bit is noticed, named, and the other file taken.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

try:
    import fcntl
except ImportError:  # not on Windows, where two runs in one folder are not noticed
    fcntl = None  # type: ignore[assignment]

FILES = ("state-0.npz", "state-1.npz")
MOST_COST = 0.01  # share of the time that writing may take when nobody says how often
_LEFTOVER = re.compile(r"state-[01]\.npz\.\d+\.tmp")  # as `write_atomically` names it
_OWN = re.compile(rf"lock|state-[01]\.npz|{_LEFTOVER.pattern}")  # all that is ever written in a folder
_SETTINGS, _STATE, _CHECKSUM = "settings.json", "state.json", "sha256"


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds: arrays by name, and whatever else JSON can say."""

    arrays: dict[str, np.ndarray]
    state: dict[str, Any]


class Checkpoint:
    """A folder that holds the last state of one run, for this process alone while it is open.

    Args:
        folder: Made where it is missing.
        settings: What a run that goes on must have in common with the one that wrote, by name.

    Raises:
        BlockingIOError: where another running process has the folder open.
    """

    def __init__(self, folder: str | os.PathLike[str], settings: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self.settings = json.loads(json.dumps(settings))  # as it comes back from the file
        self.folder.mkdir(parents=True, exist_ok=True)
        self._serial = 0
        self._cost, self._written = 0.0, time.monotonic()
        self._lock = locked(self.folder)
        remove_files(self.folder, _LEFTOVER)  # of a process that was killed while it wrote

    def __enter__(self) -> "Checkpoint":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let other processes have the folder."""
        unlock(self._lock)
        self._lock = None

    def load(self) -> Saved | None:
        """Where did the run stop? `None` where it never wrote.

        Raises:
            ValueError: where the run that wrote had other settings, naming them; where both files are damaged.
        """
        newest = _newest(self.folder)
        if newest is None:
            return None
        _, settings, saved = newest
        differences = differing(settings, self.settings)
        if differences:
            raise ValueError(
                f"{self.folder} holds the state of another run: {differences}. "
                "Go on with the same settings, or name another folder."
            )
        self._serial = saved.state["serial"]
        return saved

    def save(self, arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
        """Write this state in place of the one before the last."""
        start = time.monotonic()
        self._serial += 1
        texts = {_SETTINGS: self.settings, _STATE: {**state, "serial": self._serial}}
        held = {name: np.asarray(array) for name, array in arrays.items()}
        held |= {name: np.frombuffer(json.dumps(value).encode(), np.uint8) for name, value in texts.items()}
        buffer = io.BytesIO()
        np.savez(buffer, **held, **{_CHECKSUM: _checksum(held)})  # type: ignore[arg-type]
        write_atomically(self.folder / FILES[self._serial % 2], buffer.getvalue())
        self._written = time.monotonic()
        self._cost = self._written - start

    def is_due(self) -> bool:
        """Has so much time passed since the last state that writing one costs next to nothing?"""
        return time.monotonic() - self._written >= self._cost / MOST_COST


def copy_state(folder: Path, target: Path) -> None:
    """Have the last state of one folder in another too, whole or not at all; none where the first never wrote."""
    newest = _newest(folder)
    if newest is not None:
        target.mkdir(parents=True, exist_ok=True)
        write_atomically(target / newest[0].name, newest[0].read_bytes())


def remove_state(folder: Path) -> None:
    """Delete what checkpoints wrote in this folder, and the folder itself where nothing else lies in it."""
    remove_files(folder, _OWN)
    with contextlib.suppress(OSError):  # it is not empty, or only a link
        folder.rmdir()


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


def _newest(folder: Path) -> tuple[Path, dict[str, Any], Saved] | None:
    """The file that was written last among those that are whole, its settings, and what it holds."""
    found, damaged = [], []
    for path in (folder / name for name in FILES):
        if not path.exists():
            continue
        try:
            found.append((path, *_read(path)))
        except Exception as error:  # whatever a flipped bit makes of a zip file
            damaged.append(f"{path} ({error})")
    if damaged and not found:
        raise ValueError(
            f"No state can be read: {'; '.join(damaged)}. Name another folder, or delete these files to start anew."
        )
    if damaged:
        warnings.warn(f"Damaged, so the state before is taken: {damaged[0]}.", stacklevel=4)
    return max(found, key=lambda entry: entry[2].state["serial"]) if found else None


def _read(path: Path) -> tuple[dict[str, Any], Saved]:
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        held = {name: file[name] for name in file.files}
    if not {_SETTINGS, _STATE, _CHECKSUM} <= held.keys():
        raise ValueError("it is no checkpoint's")
    if bytes(held.pop(_CHECKSUM)) != bytes(_checksum(held)):
        raise ValueError("its checksum does not fit")
    settings, state = (json.loads(held.pop(name).tobytes()) for name in (_SETTINGS, _STATE))
    return settings, Saved(held, state)


def _checksum(held: Mapping[str, np.ndarray]) -> np.ndarray:
    digest = hashlib.sha256()
    for name in sorted(held):
        array = np.ascontiguousarray(held[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


def digest_of(*arrays: np.ndarray | None) -> str:
    """A short text that differs when any of the arrays does."""
    held = {str(i): array for i, array in enumerate(arrays) if array is not None}
    return _checksum(held).tobytes().hex()[:16]


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Which settings differ, and how, in words; empty where none do."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return "; ".join(f"{name} was {_short(before.get(name))}, now {_short(now.get(name))}" for name in names)


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


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
