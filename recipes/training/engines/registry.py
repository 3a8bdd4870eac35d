"""The engines that there are, and which of them a run gets."""

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

import keras

from cheatsheet.common.words import did_you_mean
from recipes.training.engines.engine import Engine

# Modules with an `ENGINE`, in the order in which they are asked; the last one runs everything.
ROOMS = ["recipes.training.engines.tensorflow.engine", "recipes.training.engines.keras_fit"]


def engines() -> list[Engine]:
    """Return every engine, the one that is preferred first."""
    return [import_module(room).ENGINE for room in ROOMS]


def choose(
    asked: str,
    model: keras.Model,
    arrays: Any,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    *,
    of_keras: Iterable[str] = (),
    widen: bool = False,
) -> tuple[Engine, str]:
    """Choose the engine that runs this, and say why.

    Args:
        asked: The name of an engine, or `"auto"` for the first that can.
        model: A compiled model.
        arrays: Tree of everything that it runs on, or a stream.
        callbacks: The user's.
        of_keras: Names of arguments that the last engine alone reads.
        widen: Whether this is one of many runs.

    Raises:
        ValueError: for an unknown name, and where the engine that is asked for cannot run this.
    """
    known = {engine.name: engine for engine in engines()}
    *_, last = known
    names = [*of_keras]

    def obstacle_of(name: str) -> str | None:
        if names and name != last:
            return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} read by model.fit alone"
        return known[name].obstacle(model, arrays, callbacks)

    if asked in known:
        obstacle = obstacle_of(asked)
        if obstacle is not None:
            others = " or ".join(repr(name) for name in ("auto", *known) if name != asked)
            raise ValueError(f"engine={asked!r} cannot run this: {obstacle}. Use engine={others}.")
        return known[asked], "as asked"
    if asked != "auto":
        possible = ("auto", *known)
        raise ValueError(
            f"Unknown engine. Received: engine={asked!r}. Expected one of {', '.join(possible)}."
            + did_you_mean(asked, possible)
        )
    obstacles: list[str] = []
    for name, engine in known.items():
        obstacle = obstacle_of(name)
        if obstacle is None:
            suits = "one of many runs" if widen and engine.widens else engine.suits
            return engine, "; ".join(dict.fromkeys(obstacles)) or suits
        obstacles.append(obstacle)
    raise ValueError(f"No engine can run this: {'; '.join(obstacles)}.")
