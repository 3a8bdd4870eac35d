"""What `fit_table` is asked for, judged before anything is trained: the table is prepared, and Keras is not needed."""

import inspect
import time as clock
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np

import cheatsheet
from cheatsheet.common.arguments import require_whole
from cheatsheet.common.words import count
from recipes.tables.prepare import Prepared, prepare_table
from recipes.tables.scoring.intervals import fewest_rows
from recipes.tables.split import Split
from recipes.tables.target import Target


@dataclass(frozen=True)
class Ready:
    """A table and what is asked of it, all of which can be.

    Attributes:
        prepared: The table; its target has the costs of mistakes.
        intervals: Share of the true numbers that shall lie in an interval; `None` for none.
        levels: Of the quantiles; none where none were asked for.
        epochs: At most, where it was said.
        seed: Of the split, the weights and the order of the rows.
        asked: The arguments that were given, by name.
        seconds: That it took.
    """

    prepared: Prepared
    intervals: float | None
    levels: tuple[float, ...]
    epochs: int | None
    seed: int
    asked: dict[str, Any]
    seconds: float


def ready_table(
    frame: Any,
    target: str,
    *,
    task: str | None = None,
    loss: str | None = None,
    group: str | None = None,
    time: str | None = None,
    drop: Sequence[str] = (),
    positive: Any = None,
    cost_false_positive: float | None = None,
    cost_false_negative: float | None = None,
    intervals: float | None = None,
    quantiles: Sequence[float] = (),
    test_split: float = 0.2,
    num_networks: int = 8,
    epochs: int | None = None,
    seed: int = 0,
) -> Ready:
    """Judge the arguments of `fit_table`, which explains them and what is raised, and prepare the table."""
    start = clock.perf_counter()
    drop = [drop] if isinstance(drop, str) else [*drop]
    require_whole("num_networks", num_networks, 1)
    if epochs is not None:
        require_whole("epochs", epochs, 1)
    ready = prepare_table(frame, target, task=task, loss=loss, group=group, time=time, drop=drop, positive=positive,
                          test_split=test_split, num_networks=num_networks, seed=seed)  # fmt: skip
    goal = replace(ready.target, costs=_costs(ready.target, cost_false_positive, cost_false_negative))
    if intervals is not None:
        _require_intervals(intervals, goal, ready.split)
    levels = _levels(quantiles, goal, _num_held(ready.split))
    asked = _asked(frame, target, task=task, loss=loss, group=group, time=time, drop=drop, positive=positive,
                   cost_false_positive=cost_false_positive, cost_false_negative=cost_false_negative,
                   intervals=intervals, quantiles=np.ravel(quantiles).tolist(), test_split=test_split,
                   num_networks=num_networks, epochs=epochs, seed=seed)  # fmt: skip
    seconds = clock.perf_counter() - start
    return Ready(replace(ready, target=goal), intervals, levels, epochs, seed, asked, seconds)


def _costs(target: Target, *costs: float | None) -> tuple[float, float] | None:
    """Read the costs of the two mistakes; `None` where none was given."""
    if costs == (None, None):
        return None
    for name, cost in zip(("cost_false_positive", "cost_false_negative"), costs, strict=True):
        if cost is not None and (isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 < cost < np.inf):
            raise ValueError(f"{name} is a positive number. Received: {name}={cost!r}.")
    if target.positive is None:
        raise ValueError(
            f"Costs of false positives and negatives are for two classes. Received: {target.name!r}, {target.task}."
        )
    first, second = (1.0 if cost is None else float(cost) for cost in costs)
    return first, second


def _require_intervals(coverage: Any, target: Target, split: Split) -> None:
    """Require a share, numbers to predict, and enough rows that are held out."""
    if isinstance(coverage, bool) or not isinstance(coverage, int | float) or not 0 < coverage < 1:
        raise ValueError(
            f"intervals= is the share that shall lie in them, 0 < intervals < 1. Received: intervals={coverage!r}."
        )
    if target.classes is not None:
        raise ValueError(
            f"intervals= are for numbers. Received: intervals={coverage!r} for {target.name!r}, which holds "
            f"{count(len(target.classes), 'class')}; what is predicted of it are probabilities."
        )
    number, fewest = _num_held(split), fewest_rows(coverage)
    if number < fewest:
        raise ValueError(
            f"intervals={coverage!r} needs at least {fewest:,} rows that are held out of the training. Received: "
            f"{number:,}. Bring more rows, or ask for a smaller share."
        )


def _num_held(split: Split) -> int:
    """Count the rows that some network leaves out."""
    return len(np.unique(np.concatenate(split.held)))


def _asked(frame: Any, target: str, **others: Any) -> dict[str, Any]:
    """List the arguments that were given: the path of the table, and what is not as it is by default."""
    usual = {name: parameter.default for name, parameter in inspect.signature(ready_table).parameters.items()}
    given = {name: value for name, value in others.items() if value != usual[name] and value != []}
    return {**({"frame": str(frame)} if isinstance(frame, str | PathLike) else {}), "target": target, **given}


def _levels(quantiles: Any, target: Target, num_held: int) -> tuple[float, ...]:
    """Read the levels that were asked for; none where none were.

    Args:
        quantiles: Numbers that rise strictly between 0 and 1, or a single one.
        target: What is predicted.
        num_held: Rows that are held out of the training.

    Raises:
        ValueError: for other numbers, a target of classes, and too few rows for the outermost level.
    """
    if np.size(quantiles) == 0:
        return ()
    levels = cheatsheet.head("quantile", quantiles=np.atleast_1d(quantiles).tolist()).quantiles
    if target.classes is not None:
        raise ValueError(
            f"quantiles= are of numbers. Received: quantiles={[*levels]} for {target.name!r}, which holds "
            f"{count(len(target.classes), 'class')}; what is predicted of it are probabilities."
        )
    fewest = int(np.ceil(1 / min(levels[0], 1 - levels[-1]) - 1e-9))
    if num_held < fewest:
        raise ValueError(
            f"quantiles={[*levels]} needs at least {fewest:,} rows that are held out of the training. Received: "
            f"{num_held:,}. Bring more rows, or ask for levels nearer to the middle."
        )
    return levels
