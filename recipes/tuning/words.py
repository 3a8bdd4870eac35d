"""Arguments of `tune` that can be judged without Keras: names of bodies and tuners, whole numbers, a share."""

from typing import Any

from cheatsheet.common.arguments import require_whole

TUNERS = ("random", "bayesian", "hyperband", "grid")
# Bodies with a target, without one, and with data of their own.
WITH_Y, WITHOUT_Y, OWN_DATA = ("mlp", "cnn", "sequence"), ("dense", "conv"), ("grokking",)
_LEAST = {"executions_per_trial": 1, "epochs": 1, "batch_size": 1, "seed": 0, "max_trials": 1, "workers": 1}


def brings_data(body: str | None) -> bool:
    """Say whether a search with this body has its own data."""
    return body in OWN_DATA


def require_numbers(**numbers: Any) -> None:
    """Require whole numbers of at least as much as each argument of this name needs.

    Raises:
        ValueError: for the first that is none.
    """
    for name, least in _LEAST.items():
        if name in numbers:
            require_whole(name, numbers[name], least)


def require_tuner(tuner: Any) -> None:
    """Require the name of a tuner.

    Raises:
        ValueError: for another one.
    """
    if tuner not in TUNERS:
        raise ValueError(f"Unknown tuner. Received: tuner={tuner!r}. Expected one of {', '.join(TUNERS)}.")


def require_body(body: str, *, has_y: bool) -> str:
    """Require the name of a body that goes with a target, or without one; return the one that is meant.

    Raises:
        ValueError: for another one.
    """
    if not has_y:
        body = {"mlp": "dense", "cnn": "conv"}.get(body, body)
    names = WITH_Y if has_y else WITHOUT_Y
    if body in names:
        return body
    others = "" if has_y else f", or {', '.join(OWN_DATA)}"
    known = f"Expected one of {', '.join(names)} {'with' if has_y else 'without'} y{others}"
    if body not in (*WITH_Y, *WITHOUT_Y, *OWN_DATA):
        raise ValueError(f"Unknown body. Received: body={body!r}. {known}.")
    raise ValueError(f"body={body!r} does not go with y={'...' if has_y else 'None'}. {known}.")


def require_split(fraction: Any) -> None:
    """Require a share of the rows to validate on.

    Raises:
        ValueError: for what is none.
    """
    if not isinstance(fraction, int | float) or not 0 < fraction < 1:
        raise ValueError(
            f"A search needs rows to validate on: 0 < validation_split < 1. Received: validation_split={fraction!r}."
        )
