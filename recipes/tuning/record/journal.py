"""What is kept of each trial: an append-only file of lines with checksums. It is the truth; all else is made from it.

A trial's folder holds `record.jsonl`. Its first line says that the trial was started, with the values chosen for it and
the state in which that left the chooser; one line follows for each time that it was trained, and a last one when it
has ended. A line that a kill cut off is no line.
"""

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from recipes.running.files import flush_folder
from recipes.training.several.folds import corrected_error

RECORD = "record.jsonl"
TRIAL_FOLDER = re.compile(r"trial_(\d{4,})")
_CHECKSUM_LENGTH = 16
ROUNDED = 16  # units in the last place, by which steps that are added up may miss a short number
_BOOKKEEPING = "tuner/"  # before the names of what Hyperband keeps beside the hyperparameters


class Hyperparameters(dict[str, Any]):
    """Values by name, shown without the last digit that counting up a step by step leaves: 0.1 + 0.2 as 0.3."""

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{name!r}: {in_short(value)!r}' for name, value in self.items())}}}"


def in_short(value: Any) -> Any:
    """Give a number as it is to be shown: the short one that it misses by the error of a few additions, else itself."""
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    near = float(f"{value:.12g}")
    return near if abs(near - value) <= ROUNDED * math.ulp(value) else value


@dataclass(frozen=True)
class Execution:
    """One configuration, trained once.

    Attributes:
        score: Best value of the objective over the epochs.
        best_epoch: The epoch that had it, counted from 1.
        epochs: Trained.
        seconds: Building and training.
        parameters: Trainable numbers of the model.
        standard_error: Of the score, by the spread over the validation rows; `None` where it is not known.
        verdict: First rule of `diagnose`, such as `"overfitting"`.
        history: One list per quantity, one value per epoch.
        share: With folds, the rows that were held out for each that trained; `None` without.
        at_once: How many networks were trained together with it, itself included.
        stacked: Whether by the program for many networks, be it alone there.
    """

    score: float
    best_epoch: int
    epochs: int
    seconds: float
    parameters: int
    standard_error: float | None
    verdict: str
    history: dict[str, list[float]] = field(repr=False)
    share: float | None = None
    at_once: int = 1
    stacked: bool = False

    @property
    def in_wave(self) -> bool:
        """Whether it was trained in a wave, of which older versions record the number alone."""
        return self.stacked or self.at_once > 1


@dataclass(frozen=True)
class Trial:
    """One configuration: its hyperparameters, and what came of them.

    Attributes:
        number: From 0, in the order in which they were chosen.
        values: Of the hyperparameters, and what Hyperband keeps beside them, by keras-tuner's names.
        status: `"running"`, `"completed"` or `"failed"`.
        executions: Each time that it was trained.
        error: Why it failed, else empty.
        used: Names of the values that its building asked for; `None` where that is not known, as before its end.
    """

    number: int
    values: dict[str, Any] = field(repr=False)
    status: str
    executions: tuple[Execution, ...] = ()
    error: str = ""
    chooser: dict[str, Any] = field(default_factory=dict, repr=False)  # its state once this trial was chosen
    space: tuple[dict[str, Any], ...] = field(default=(), repr=False)  # hyperparameters that first appeared in it
    wave: tuple[int, int] | None = field(
        default=None, repr=False
    )  # of trials that are trained together: first, behind the last
    used: tuple[str, ...] | None = field(default=None, repr=False)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Value by name; those that the configuration does not have are left out.

        keras-tuner chooses a value also for what a configuration does not ask for, such as the units of a third layer.
        """
        names = [name for name in self.values if not name.startswith(_BOOKKEEPING)]
        return Hyperparameters({name: self.values[name] for name in names if self.used is None or name in self.used})

    @property
    def bookkeeping(self) -> dict[str, Any]:
        """What Hyperband keeps beside the hyperparameters, such as `tuner/round`."""
        return {name: value for name, value in self.values.items() if name.startswith(_BOOKKEEPING)}

    @property
    def promoted(self) -> int | None:
        """The trial that Hyperband let go on as this one."""
        number = self.values.get("tuner/trial_id")
        return None if number is None else int(number)

    def last_epoch(self, most: int) -> int:
        """Say up to which epoch the trial is trained, of `most`."""
        return int(self.values.get("tuner/epochs", most))

    @property
    def id(self) -> str:
        """Its name in keras-tuner's files."""
        return trial_id(self.number)

    @property
    def score(self) -> float | None:
        """Mean over the executions; `None` unless completed."""
        return float(np.mean([e.score for e in self.executions])) if self.status == "completed" else None

    @property
    def standard_error(self) -> float | None:
        """Of the score: that over the folds; or over the validation rows, with several executions also between them."""
        if (shares := [e.share for e in self.executions if e.share is not None]) and self.repeated:
            return float(corrected_error(np.array([e.score for e in self.executions]), float(np.mean(shares))))
        by_rows = [e.standard_error for e in self.executions if e.standard_error is not None]
        between = np.var([e.score for e in self.executions], ddof=1) / len(self.executions) if self.repeated else 0.0
        if not by_rows:
            return float(np.sqrt(between)) if self.repeated else None
        return float(np.sqrt(np.mean(np.square(by_rows)) + between))

    @property
    def repeated(self) -> bool:
        """Was it trained more than once?"""
        return len(self.executions) > 1

    @property
    def parameters(self) -> int | None:
        """Trainable numbers of its model."""
        return self.executions[0].parameters if self.executions else None

    @property
    def seconds(self) -> float:
        """Of all executions."""
        return sum(e.seconds for e in self.executions)


def ranked(trials: Iterable[Trial], direction: str) -> list[Trial]:
    """Rank the trials with a score, the best first; of equals the first one."""
    sign = 1 if direction == "min" else -1
    return sorted((t for t in trials if t.score is not None), key=lambda t: (sign * (t.score or 0.0), t.number))


def names_of(trials: Iterable[Trial]) -> list[str]:
    """List the hyperparameters that any of these trials used, in the order of the one that used most."""
    by_number = sorted(trials, key=lambda trial: -len(trial.hyperparameters))
    return [*dict.fromkeys(name for trial in by_number for name in trial.hyperparameters)]


def trial_id(number: int) -> str:
    """Write a trial's number as `"0007"`: in keras-tuner's form, but the same however many trials are asked for."""
    return f"{number:04d}"


class Journal:
    """The trials of one folder.

    Args:
        folder: Of the search; each trial has `trial_0007` in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def folder_of(self, number: int) -> Path:
        """Say where a trial's files lie."""
        return self.folder / f"trial_{trial_id(number)}"

    def append(self, number: int, event: Mapping[str, Any]) -> None:
        """Add a line, and wait until the disk has it."""
        path = self.folder_of(number) / RECORD
        is_new = not path.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT)
        try:
            end = _end_of_whole_lines(path)
            os.ftruncate(handle, end)  # what a kill cut off
            os.lseek(handle, end, os.SEEK_SET)
            left = memoryview(_line(event))
            while left:  # a call may write less than it is given
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        if is_new:
            for folder in (path.parent, self.folder):  # the entries of the new file and folder
                flush_folder(folder)

    def read(self, number: int) -> Trial | None:
        """Read what is known of this trial; `None` if it was never started."""
        path = self.folder_of(number) / RECORD
        events = list(_events(path)) if path.exists() else []
        return _trial(number, events) if events else None

    def trials(self) -> list[Trial]:
        """Read all trials, by number."""
        names = (TRIAL_FOLDER.fullmatch(path.parent.name) for path in self.folder.glob(f"trial_*/{RECORD}"))
        found = [self.read(number) for number in sorted(int(name[1]) for name in names if name)]
        return [trial for trial in found if trial is not None]


def _line(event: Mapping[str, Any]) -> bytes:
    text = json.dumps(event, allow_nan=True).encode()
    return hashlib.sha256(text).hexdigest()[:_CHECKSUM_LENGTH].encode() + b" " + text + b"\n"


def _lines(path: Path) -> Iterator[bytes]:
    """The whole lines; the rest, which a kill cut off, is left out."""
    content = path.read_bytes()
    yield from content[: content.rfind(b"\n") + 1].splitlines(keepends=True)


def _end_of_whole_lines(path: Path) -> int:
    return sum(map(len, _lines(path))) if path.exists() else 0


def _events(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(_lines(path), start=1):
        checksum, _, text = line.rstrip(b"\n").partition(b" ")
        if hashlib.sha256(text).hexdigest()[:_CHECKSUM_LENGTH].encode() != checksum:
            raise ValueError(
                f"{path} is damaged in line {number}: its checksum does not fit. "
                f"Delete the folder {path.parent} to have that trial run again."
            )
        yield json.loads(text)


def _trial(number: int, events: Iterable[dict[str, Any]]) -> Trial:
    started, *later = events
    executions = tuple(Execution(**event["execution"]) for event in later if "execution" in event)
    ended: dict[str, Any] = next((event["ended"] for event in later if "ended" in event), {"status": "running"})
    return Trial(
        number,
        {**started["started"], **ended.get("values", {})},
        ended["status"],
        executions,
        ended.get("error", ""),
        started.get("chooser", {}),
        tuple(ended.get("space", ())),
        None if started.get("wave") is None else tuple(started["wave"]),
        None if "used" not in ended else tuple(ended["used"]),
    )
