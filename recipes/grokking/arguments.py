"""Arguments of `grok` that can be judged without Keras: names of presets, their tables of equations, ranges."""

import math
from typing import Any

import numpy as np

from cheatsheet.common.arguments import require_whole
from recipes.grokking.equations import table_size

# Of each preset the operation, the modulus and the share that trains.
TABLES: dict[str, tuple[str, int, float]] = {
    "lecture": ("x+y", 53, 0.5),
    "paper": ("x/y", 97, 0.5),
    "figure1": ("x/y", 97, 0.5),
}
_LEAST = {"batch_size": 1, "max_steps": 1, "seed": 0}
_RATES = ("learning_rate", "weight_decay", "grokfast")


def require_preset(name: Any) -> None:
    """Require the name of a preset.

    Raises:
        ValueError: for another one.
    """
    if name not in TABLES:
        raise ValueError(f"Unknown preset. Received: preset={name!r}. Expected one of {', '.join(TABLES)}.")


def require_ranges(**numbers: Any) -> None:
    """Require of those numbers among the arguments of `grok` that are given here that they can be.

    Raises:
        ValueError: for the first that cannot.
    """
    for name, least in _LEAST.items():
        if name in numbers:
            require_whole(name, numbers[name], least)
    beta_2 = numbers.get("beta_2", 0.0)
    if not isinstance(beta_2, int | float | np.number) or not 0 <= beta_2 < 1:
        raise ValueError(f"beta_2 must be at least 0 and below 1. Received: beta_2={beta_2!r}.")
    for name in _RATES:
        rate = numbers.get(name, 1.0)
        if (
            not isinstance(rate, int | float | np.number)
            or not math.isfinite(rate)
            or rate < 0
            or (name == "learning_rate" and rate == 0)
        ):
            least_text = "above 0" if name == "learning_rate" else "at least 0"
            raise ValueError(f"{name} must be {least_text}. Received: {name}={rate!r}.")


def as_switch(name: str, value: Any) -> bool | None:
    """Return what is on or off; `None`, which leaves it as it is, stays.

    Raises:
        ValueError: for anything but a bool, 0 and 1: the text "no" would be true.
    """
    if value is None:
        return None
    if isinstance(value, str) or np.ndim(value) or value not in (0, 1):
        raise ValueError(f"{name} is on or off. Received: {name}={value!r}. Expected True or False.")
    return bool(value)


def require_table(preset: str, operation: Any, p: Any, train_fraction: Any) -> None:
    """Require the table of equations of a preset, changed by what is not `None`; it is not made.

    Raises:
        ValueError: as `table_size`.
    """
    usual = TABLES[preset]
    table_size(
        usual[0] if operation is None else operation,
        usual[1] if p is None else p,
        usual[2] if train_fraction is None else train_fraction,
    )
