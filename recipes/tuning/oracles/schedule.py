"""What a search will do, before it does it: how many configurations, for how many epochs."""

import math
from typing import Any

from cheatsheet.common.words import count
from recipes.tuning.oracles._keras_tuner import brackets


def brackets_of(oracle: Any) -> list[list[tuple[int, int]]]:
    """List Hyperband's brackets, the first one first: each round trains so many configurations up to so many epochs.

    As keras-tuner has them, which differs from the paper: L. Li et al. (2018), algorithm 1.
    """
    return brackets(oracle)


def totals(oracle: Any, max_trials: int | None, epochs: int) -> tuple[int | None, int | None]:
    """Count trials and epochs in all; `None` where only the space knows."""
    if oracle.name == "hyperband":
        rounds = [
            (size, last - (bracket[i - 1][1] if i else 0))
            for bracket in brackets_of(oracle)
            for i, (size, last) in enumerate(bracket)
        ]
        trials = sum(size for size, _ in rounds)
        if max_trials is None or max_trials >= trials:
            return trials, sum(size * more for size, more in rounds)
        return max_trials, None
    if oracle.name == "grid":
        size = _grid_size(oracle.get_space().space)
        most = min((number for number in (size, max_trials) if number is not None), default=None)
        return most, None if most is None else most * epochs
    return max_trials, None if max_trials is None else max_trials * epochs


def epochs_of(values: dict[str, Any], epochs: int) -> int:
    """Count the epochs that this configuration trains for; Hyperband's promoted ones go on from those of another."""
    return int(values.get("tuner/epochs", epochs)) - int(values.get("tuner/initial_epoch", 0))


def describe(oracle: Any, max_trials: int | None, epochs: int, executions: int) -> str:
    """Describe the schedule in words."""
    trials, total = totals(oracle, max_trials, epochs)
    times = f", each trained {count(executions, 'time')}" if executions > 1 else ""
    text = f"{oracle.name} search: {'all' if trials is None else f'{trials:,}'} configurations{times}"
    if oracle.name == "hyperband":
        text += f", {total or 0:,} epochs in all" if total is not None else ""
        for bracket in brackets_of(oracle):
            text += "\n  " + ", then ".join(f"{size} to epoch {last}" for size, last in bracket)
        return text
    return text + f" for {count(epochs, 'epoch')}" + ("" if total is None else f", {total * executions:,} in all")


def _grid_size(space: list[Any]) -> int | None:
    """Count the combinations of a space without conditions; `None` with them."""
    if any(parameter.conditions for parameter in space):
        return None
    return math.prod(len(list(parameter.values)) for parameter in space)
