"""Callbacks that a training is given: what they may be, what they watch, and what they leave behind."""

import difflib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from cheatsheet.common.words import show_values
from cheatsheet.modelgraph import is_of_the_frameworks
from recipes.running.files import write_atomically
from recipes.training.names import quantities_of

RATE = "learning_rate"  # which schedules and ReduceLROnPlateau write into the history


def as_callbacks(callbacks: Any) -> list[keras.callbacks.Callback]:
    """List Keras callbacks, made and not named, of which one may come alone, and `None` stands for none.

    Raises:
        TypeError: for anything else among them.
    """
    found = [callbacks] if isinstance(callbacks, keras.callbacks.Callback) else [*(callbacks or ())]
    for callback in found:
        if not isinstance(callback, keras.callbacks.Callback):
            shown = f"the class {callback.__name__}" if isinstance(callback, type) else repr(callback)
            raise TypeError(
                f"callbacks holds {shown}. Expected objects of keras.callbacks, such as "
                "keras.callbacks.EarlyStopping(patience=5)."
            )
    return found


def require_monitored(model: keras.Model, callbacks: Sequence[keras.callbacks.Callback], *, validates: bool) -> None:
    """Require that the history will have what callbacks watch.

    Keras warns of it at each epoch and trains to the end: nothing is stopped early, and no best model is saved.

    Args:
        model: What is trained, compiled.
        callbacks: Keras' own are asked. Where there are others, they may write quantities of their own.
        validates: Whether there are rows to validate on.

    Raises:
        ValueError: for a quantity that nothing will write.
    """
    if not callbacks or any(map(_may_write, callbacks)):
        return
    quantities = quantities_of(model)
    for callback in callbacks:
        watched = _watched(callback)
        if watched is None:
            continue
        who = f"{type(callback).__name__}(monitor={watched!r})"
        plain = watched.removeprefix("val_")
        if plain != watched and not validates:
            raise ValueError(
                f"{who} watches the validation, and nothing validates. Pass validation_split=0.2, or validation_data; "
                f"or watch monitor={plain!r}."
            )
        if quantities is None or plain in quantities or watched in (*quantities, RATE):
            continue
        there = [*quantities, *(f"val_{name}" for name in quantities if validates)]
        near = difflib.get_close_matches(watched, there, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{who} watches what the history will not have. It has {show_values(there)}.{hint}")


def kept_by(callbacks: Sequence[keras.callbacks.Callback]) -> int | None:
    """Find the epoch, counted from 1, whose weights early stopping has put back; `None` where the last ones stay."""
    kept = None
    for callback in callbacks:  # the last one has the last word
        if isinstance(callback, keras.callbacks.EarlyStopping) and callback.restore_best_weights:
            kept = callback.best_epoch + 1 if callback.best_weights is not None else kept
    return kept


@contextmanager
def logs_appended(callbacks: Sequence[keras.callbacks.Callback], epoch: int) -> Iterator[None]:
    """Have `CSVLogger` go on below the epochs of the calls that this one goes on from; else it begins its file anew.

    Args:
        callbacks: The run's.
        epoch: How many epochs the state has that the run goes on from; the file may have more, which run again.
    """
    logs = [one for one in callbacks if type(one) is keras.callbacks.CSVLogger and not one.append and epoch]
    for log in logs:
        if os.path.exists(log.filename):
            _keep_epochs(Path(log.filename), log.sep, epoch)
        log.append = True
    try:
        yield
    finally:
        for log in logs:
            log.append = False


def _keep_epochs(path: Path, separator: str, epoch: int) -> None:
    """Take the lines of later epochs out of a log."""
    lines = path.read_bytes().splitlines(keepends=True)
    numbers = [line.split(separator.encode())[0].strip() for line in lines]
    kept = [line for line, k in zip(lines, numbers, strict=True) if not k.isdigit() or int(k) < epoch]
    write_atomically(path, b"".join(kept))


def _may_write(callback: keras.callbacks.Callback) -> bool:
    """Could it put quantities of its own into the logs, where callbacks after it find them?"""
    return not is_of_the_frameworks(type(callback)) or isinstance(callback, keras.callbacks.LambdaCallback)


def _watched(callback: keras.callbacks.Callback) -> str | None:
    """Name the quantity without which a callback does nothing."""
    if getattr(callback, "save_best_only", True) is False:  # saves whatever comes
        return None
    watched = getattr(callback, "monitor", None)
    return watched if isinstance(watched, str) else None
