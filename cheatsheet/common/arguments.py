"""Checks of plain arguments: whole numbers, sequences of them, names of arguments; else an error that says so."""

import functools
import inspect
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from cheatsheet.common.words import did_you_mean

Function = TypeVar("Function", bound=Callable[..., Any])

# What people type, by habit from elsewhere.
OTHER_NAMES = {"lr": "learning_rate", "hidden_units": "units", "hidden": "units", "n_classes": "num_classes",
               "n_epochs": "epochs", "num_epochs": "epochs", "bs": "batch_size", "random_state": "seed"}  # fmt: skip

MOST = 2**63 - 1  # which compiled code can count to

_OF_MODEL = "It goes with the model: build_model({name}=...), or model.compile."
_SEARCHED = "Search it, or fix it to one value: space={{'{name}': [...]}}."
_OF_SEARCH = "Say the width of each layer, such as units=(64, 32); of a search take **search.arguments()."
_OF_FIT = "It goes with fit(model, x, y, {name}=...)."
# Arguments that belong to another function, or are said in another way, by the function that was given them.
ELSEWHERE: dict[str, dict[str, str]] = {
    "fit": dict.fromkeys(("learning_rate", "optimizer", "loss", "metrics", "units", "dropout"), _OF_MODEL),
    "tune": {
        "patience": "Pass callbacks=[keras.callbacks.EarlyStopping(patience=5)].",
        **dict.fromkeys(("learning_rate", "optimizer", "units", "filters", "dropout", "num_layers"), _SEARCHED),
    },
    "build_model": {
        **dict.fromkeys(("epochs", "batch_size", "validation_split", "validation_data", "patience", "callbacks",
                         "class_weight", "sample_weight"), _OF_FIT),
        **dict.fromkeys(("num_layers", "units_1"), _OF_SEARCH),
    },
    "build_autoencoder": dict.fromkeys(("num_layers", "units_1"), _OF_SEARCH),
}  # fmt: skip


def hint_for(function: str, name: str, known: Iterable[str]) -> str:
    """Write what to say instead of an argument that a function does not have, with a space before it; else nothing."""
    meant = OTHER_NAMES.get(name, name)
    elsewhere = ELSEWHERE.get(function, {}).get(meant)
    return f" {elsewhere.format(name=meant)}" if elsewhere else did_you_mean(meant, known)


def is_whole(value: Any, least: int) -> bool:
    """Say whether this is a whole number of at least `least`; a bool is none, though Python counts with it."""
    if isinstance(value, bool | np.bool_):
        return False
    try:
        return operator.index(value) >= least
    except TypeError:
        return False


def require_whole(name: str, value: Any, least: int) -> None:
    """Refuse what is not a whole number of at least this much, and what 64 bits do not hold.

    Raises:
        ValueError: saying so.
    """
    if not is_whole(value, least):
        raise ValueError(f"{name} must be a whole number of at least {least}. Received: {name}={value!r}.")
    if is_whole(value, MOST + 1):
        raise ValueError(f"{name} must be a whole number of at most {MOST:,}. Received: {name}={value!r}.")


def as_widths(name: str, values: Any) -> tuple[int, ...]:
    """Return a sequence of whole numbers of at least 1, one for each layer, as Keras takes them: NumPy's it does not.

    Raises:
        ValueError: where it is none.
    """
    is_sequence = isinstance(values, Sequence | np.ndarray) and not isinstance(values, str | bytes)
    if not is_sequence or not all(is_whole(value, 1) for value in values):
        raise ValueError(
            f"{name} must be a sequence of whole numbers of at least 1, one for each layer. "
            f"Received: {name}={values!r}. Expected something like (64, 32)."
        )
    return tuple(int(value) for value in values)


def known_arguments_only(function: Function) -> Function:
    """Decorate a function so that an argument it does not have is answered with the nearest one that it has.

    >>> @known_arguments_only
    ... def fit(model, *, epochs=1): ...
    >>> fit(None, epoch=3)
    Traceback (most recent call last):
    TypeError: fit has no argument 'epoch'. It takes model, epochs. Did you mean 'epochs'?
    """
    known = list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checked(*args: Any, **options: Any) -> Any:
        for name in options:
            if name not in known:
                hint = hint_for(function.__name__, name, known)
                raise TypeError(f"{function.__name__} has no argument {name!r}. It takes {', '.join(known)}.{hint}")
        return function(*args, **options)

    return checked  # type: ignore[return-value]
