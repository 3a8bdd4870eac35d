"""The curves of a history: read from whatever holds them, smoothed, and their noise."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recipes.diagnosis.csv_history import read_history

FEWEST_EPOCHS = 5  # below, nothing about the end of a curve can be told from noise
TAIL = 0.2  # the last fifth of the epochs counts as "the end"
SMOOTHED_OVER = 0.1  # of the epochs: the window of the running median
END = 0.1  # of the epochs: those whose median says where a curve ended
FEWEST_OF_THE_END = 3
MOST_POINTS = 2_000  # of a curve that is smoothed value by value


@dataclass(frozen=True)
class Curves:
    """Training and validation loss, one value for each time that both were measured.

    Attributes:
        loss: Training loss, `(n,)`.
        val_loss: Validation loss, `(n,)`; `None` where nothing validated.
        every: Epochs from one value to the next (Keras' `validation_freq`).
    """

    loss: np.ndarray
    val_loss: np.ndarray | None
    every: int = 1

    @property
    def watched(self) -> np.ndarray:
        """The curve that the verdict is about."""
        return self.loss if self.val_loss is None else self.val_loss

    @property
    def name(self) -> str:
        """Its name in the history."""
        return "loss" if self.val_loss is None else "val_loss"

    @property
    def tail(self) -> int:
        """Number of values that count as the end."""
        return max(FEWEST_EPOCHS, math.ceil(TAIL * len(self.loss)))

    @property
    def tail_epochs(self) -> tuple[int, int]:
        """First and last epoch of the end."""
        return self.epoch(len(self.loss) - self.tail), self.last_epoch

    @property
    def last_epoch(self) -> int:
        """Number of the last epoch, counted from 1."""
        return self.epoch(len(self.loss) - 1)

    def epoch(self, i: int) -> int:
        """Number of the epoch, counted from 1, of the value at this place."""
        return (i + 1) * self.every

    def until(self, i: int) -> "Curves":
        """Leave out what came after the value at this place."""
        return Curves(self.loss[: i + 1], None if self.val_loss is None else self.val_loss[: i + 1], self.every)


def read_curves(history: Any) -> Curves:
    """Read the loss curves of a `Run`, a `History`, a dict, a table, or the file that `CSVLogger` wrote.

    Raises:
        OSError: for a path without a file that can be read.
        ValueError: for a history without `"loss"`, or with curves of different lengths.
    """
    values = read_history(history) if isinstance(history, str | os.PathLike) else getattr(history, "history", history)
    if hasattr(values, "columns") and hasattr(values, "__getitem__"):  # a table, such as of CSVLogger's file
        values = {str(name): list(values[name]) for name in values.columns}
        values = {name: curve for name, curve in values.items() if name != "val_loss" or not _is_empty(curve)}
    if not isinstance(values, Mapping) or "loss" not in values:
        names = sorted(values) if isinstance(values, Mapping) else type(history).__name__
        raise ValueError(
            f"A history needs the key 'loss'. Received: {names}. Pass run.history, what model.fit returned, or the "
            "path of the file that CSVLogger wrote."
        )
    loss = _as_curve(values["loss"], "loss")
    val_loss = _as_curve(values["val_loss"], "val_loss") if values.get("val_loss") is not None else None
    if val_loss is None:
        return Curves(loss, None)
    measured = np.flatnonzero(np.isfinite(val_loss))
    gaps = np.diff(measured, prepend=-1)
    if len(val_loss) == len(loss) and len(measured) > 1 and gaps[0] > 1 and (gaps == gaps[0]).all():
        val_loss = val_loss[measured]  # a table, which has a place for each epoch
    every = len(loss) // len(val_loss)
    if every > 1 and len(loss) // every == len(val_loss):  # Keras' validation_freq
        return Curves(loss[every - 1 :: every], val_loss, every)
    if len(val_loss) != len(loss):
        raise ValueError(
            f"loss has {len(loss)} epochs, but val_loss has {len(val_loss)}. Expected one value per epoch in each, or "
            "of val_loss one in every so many (validation_freq)."
        )
    return Curves(loss, val_loss)


def _is_empty(curve: Sequence[Any]) -> bool:
    """Is there no number in it, as in the `val_loss` that CSVLogger writes where nothing validates?"""
    return all(value is None or value != value for value in curve)


def _as_curve(values: Sequence[float], name: str) -> np.ndarray:
    curve = np.asarray(values, dtype=np.float64)
    if curve.ndim != 1 or not len(curve):
        raise ValueError(f"{name} has shape {curve.shape}. Expected one value per epoch, and at least one epoch.")
    return curve


def noise_of(curve: np.ndarray) -> float:
    """Measure the scatter from epoch to epoch, whatever the smooth course: by second differences, outliers ignored."""
    if len(curve) < 4:
        return 0.0
    second = np.diff(curve, 2)
    return float(1.4826 * np.median(np.abs(second - np.median(second))) / math.sqrt(6))  # var(a-2b+c) = 6 var


def scatter_of(curve: np.ndarray) -> float:
    """Measure the noise of a curve that may fall steeply: no more than what goes up and down bears out.

    Where a curve falls fast its bend is in the second differences too; what never rises does not scatter.

    >>> scatter_of(np.array([8.0, 4.0, 2.0, 1.0, 0.5]))
    0.0
    """
    if len(curve) < FEWEST_EPOCHS:
        return 0.0
    rises = float(np.maximum(np.diff(curve), 0).mean())
    return min(noise_of(curve), rises * math.sqrt(math.pi))  # of noise alone the mean rise is its scatter / sqrt(pi)


def smoothed(curve: np.ndarray) -> np.ndarray:
    """Smooth by a centred running median over about a tenth of the values, shorter at the ends.

    >>> smoothed(np.array([3.0, 2.0, 9.0, 1.0, 0.5])).tolist()
    [2.5, 3.0, 2.0, 1.0, 0.75]
    """
    n = len(curve)
    if n > MOST_POINTS:  # medians of consecutive values first, which costs a hundredth and changes next to nothing
        places = np.array_split(np.arange(n), MOST_POINTS // 2)
        medians = np.array([np.median(curve[part]) for part in places])
        return np.interp(np.arange(n), [part.mean() for part in places], smoothed(medians))
    half = max(1, int(n * SMOOTHED_OVER / 2))
    if n <= 2 * half + 1:
        return np.array([np.median(curve[max(0, i - half) : i + half + 1]) for i in range(n)])
    inside = np.median(np.lib.stride_tricks.sliding_window_view(curve, 2 * half + 1), axis=1)
    first = [np.median(curve[: i + half + 1]) for i in range(half)]
    last = [np.median(curve[i - half :]) for i in range(n - half, n)]
    return np.array([*first, *inside, *last])


def median_over(n: int) -> int:
    """Say over how many of so many values a level is a median: a tenth, three at least."""
    return max(FEWEST_OF_THE_END, round(n * END))


def end_of(curve: np.ndarray) -> float:
    """Say where a curve ended: the median of its last tenth, of three values at least."""
    return float(np.median(curve[-median_over(len(curve)) :]))
