"""State on disk that survives being killed at any moment: the one writer of this package. NumPy alone.

Two files in one folder take turns. A state is written to a temporary file, flushed to the disk, and then replaces the
older of the two, so that at every moment at least one whole state lies there. Each file carries a checksum of all that
it holds: a flipped bit is noticed, named, and the other file taken.
"""

import contextlib
import io
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cheatsheet.common.warn import warn_user
from cheatsheet.common.words import count
from recipes.running.digests import checksum, differing
from recipes.running.files import as_path, remove_files, write_atomically
from recipes.running.lock import locked, unlock

FILES = ("state-0.npz", "state-1.npz")
MOST_COST = 0.01  # share of the time that writing may take when nobody says how often
_LEFTOVER = re.compile(r"state-[01]\.npz\.\d+\.tmp")  # as `write_atomically` names it
_OWN = re.compile(rf"lock|state-[01]\.npz|{_LEFTOVER.pattern}")  # all that is ever written in a folder
_SETTINGS, _STATE, _CHECKSUM = "settings.json", "state.json", "sha256"


class OtherRunError(ValueError):
    """A folder holds the state of a run with other settings; the message names them."""


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds: arrays by name, and whatever else JSON can say."""

    arrays: dict[str, np.ndarray]
    state: dict[str, Any]


class Checkpoint:
    """A folder that holds the last state of one run, for this process alone while it is open.

    Args:
        folder: Made where it is missing. Of what lies there, the files that `_OWN` names are read and written alone.
        settings: What a run that goes on must have in common with the one that wrote, by name.

    Raises:
        TypeError: for what names no folder; a ValueError for a file.
        BlockingIOError: where another running process has the folder open.
    """

    def __init__(self, folder: str | os.PathLike[str], settings: Mapping[str, Any]) -> None:
        self.folder = as_path(folder, "A checkpoint is kept in a folder. Name it: checkpoint='folder'.")
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(
                f"{self.folder} is a file. A checkpoint is kept in a folder: name one, which will be made."
            )
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
        """Read the state at which the run stopped; `None` where it never wrote.

        Raises:
            OtherRunError: where the run that wrote had other settings, naming them.
            ValueError: where both files are damaged.
        """
        newest = _newest(self.folder)
        if newest is None:
            return None
        _, settings, saved = newest
        differences = differing(settings, self.settings)
        if differences:
            raise OtherRunError(
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
        np.savez(buffer, **held, **{_CHECKSUM: checksum(held)})  # type: ignore[arg-type]
        write_atomically(self.folder / FILES[self._serial % 2], buffer.getvalue())
        self._written = time.monotonic()
        self._cost = self._written - start

    def say_beyond(self, done: int, asked: int, noun: str, name: str) -> None:
        """Warn where the run that is kept has gone further than is asked for now, for it cannot go back.

        Args:
            done: How far it has gone.
            asked: How far it is to go.
            noun: Of what is counted.
            name: Of the argument.
        """
        if done > asked:
            warn_user(
                f"{self.folder} holds this run after {count(done, noun)}, more than {name}={asked:,}: it is given as "
                "it is there. For a shorter one name another folder."
            )

    def is_due(self) -> bool:
        """Say whether so much time has passed since the last state that writing one costs next to nothing."""
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


def _newest(folder: Path) -> tuple[Path, dict[str, Any], Saved] | None:
    """Find the file that was written last among those that are whole, its settings, and what it holds."""
    found, damaged = [], []
    for path in (folder / name for name in FILES):
        if not path.exists():
            continue
        try:
            found.append((path, *_read(path)))
        except Exception as error:  # whatever a flipped bit makes of a zip file
            said = "it is no .npz file" if "allow_pickle" in str(error) else error  # NumPy would run what it holds
            damaged.append(f"{path} ({said})")
    if damaged and not found:
        raise ValueError(
            f"No state can be read: {'; '.join(damaged)}. Name another folder, or delete these files to start anew."
        )
    if damaged:
        warn_user(f"Damaged, so the state before is taken: {damaged[0]}.")
    return max(found, key=lambda entry: entry[2].state["serial"]) if found else None


def _read(path: Path) -> tuple[dict[str, Any], Saved]:
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        held = {name: file[name] for name in file.files}
    if not {_SETTINGS, _STATE, _CHECKSUM} <= held.keys():
        raise ValueError("it is no checkpoint's")
    if bytes(held.pop(_CHECKSUM)) != bytes(checksum(held)):
        raise ValueError("its checksum does not fit")
    settings, state = (json.loads(held.pop(name).tobytes()) for name in (_SETTINGS, _STATE))
    return settings, Saved(held, state)
