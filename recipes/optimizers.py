"""An optimizer from its name and its numbers, for every model that is built here."""

from typing import Any, TypeAlias

import keras
import numpy as np

from cheatsheet.common.words import did_you_mean

Rate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule


def optimizer_of(
    optimizer: str | keras.optimizers.Optimizer, learning_rate: Rate | None, weight_decay: float | None = None
) -> keras.optimizers.Optimizer:
    """Make the optimizer of this name with these numbers; an object is taken as it is, and nothing beside it.

    Raises:
        ValueError: for an unknown name, numbers that cannot be, and numbers beside an object.
    """
    if not isinstance(optimizer, str):
        for name, value in (("learning_rate", learning_rate), ("weight_decay", weight_decay)):
            if value is not None:
                raise ValueError(
                    f"{name}={value} beside an optimizer object. Set it in the object, or name the optimizer."
                )
        return optimizer
    try:
        made = keras.optimizers.get(optimizer)
    except ValueError:
        names = [name.lower() for name in dir(keras.optimizers) if name[0].isupper() and name != "Optimizer"]
        raise ValueError(
            f"Unknown optimizer. Received: optimizer={optimizer!r}. Expected one of {', '.join(names)}."
            + did_you_mean(optimizer, names)
        ) from None
    if isinstance(learning_rate, keras.optimizers.schedules.LearningRateSchedule):
        made = type(made)(learning_rate=learning_rate)
    elif learning_rate is not None:
        made.learning_rate = _number("learning_rate", learning_rate)
    if weight_decay is not None:
        made.weight_decay = _number("weight_decay", weight_decay)
    return made


def _number(name: str, value: Any) -> float:
    if not isinstance(value, int | float | np.number) or isinstance(value, bool):
        or_schedule = ", or one of keras.optimizers.schedules" if name == "learning_rate" else ""
        raise ValueError(f"{name} is a number{or_schedule}. Received: {in_short(value)}.")
    if not np.isfinite(value) or value < 0 or (name == "learning_rate" and value == 0):
        expected = "be positive" if name == "learning_rate" else "not be negative"
        raise ValueError(f"{name} must {expected}. Received: {name}={value!r}.")
    return float(value)


def in_short(value: Any) -> str:
    """Show a value where its text is short, else its type."""
    return repr(value) if isinstance(value, str | bool | list | tuple) else type(value).__name__
