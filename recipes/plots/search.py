"""A search: the scores as they came, the score against each hyperparameter, the curves of the best and the worst."""

import math
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from recipes.plots.style import POINTS, TRAIN, VALIDATION, log_scale
from recipes.tuning.record.journal import in_short, names_of

BEST, OTHER = VALIDATION, TRAIN
COLUMNS = 4
WIDE = 30.0  # numbers that span more than this factor are drawn on a log axis
FEW = 8  # different whole numbers, each of which gets a tick


def plot_trials(search: Any, ax: Axes | None = None) -> Axes:
    """Draw how the score went, trial by trial, and the best so far.

    Args:
        search: A `Search`.
        ax: Where to draw; a new figure without it.
    """
    ax = ax or plt.subplots(figsize=(6.4, 3.6), layout="constrained")[1]
    trials = sorted(search.completed, key=lambda trial: trial.number)
    numbers, scores = [t.number for t in trials], np.array([t.score for t in trials])
    better = np.minimum if search.problem.direction == "min" else np.maximum
    ax.plot(numbers, scores, "o", color=OTHER, markersize=4, label="trial")
    ax.step(numbers, better.accumulate(scores), where="post", color=BEST, label="best so far")
    failed = [t.number for t in search.trials if t.status == "failed"]
    if failed:
        ax.plot(
            failed, np.full(len(failed), 0.02), "x", color="0.4", transform=ax.get_xaxis_transform(), label="failed"
        )
    _mark(search, ax, lambda trial: trial.number)
    _scale(ax.yaxis, scores)
    ax.set(xlabel="trial", ylabel=search.problem.objective)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False, fontsize=POINTS)
    return _plain(ax)


def plot_hyperparameter(search: Any, name: str, ax: Axes | None = None) -> Axes:
    """Show which values of this hyperparameter scored well.

    Args:
        search: A `Search`.
        name: Of the hyperparameter; trials that do not have it are left out.
        ax: Where to draw; a new figure without it.

    Raises:
        ValueError: for a name that no trial has.
    """
    trials = [t for t in search.completed if name in t.hyperparameters]
    if not trials:
        known = sorted(names_of(search.trials))
        raise ValueError(f"No completed trial has a hyperparameter {name!r}. Expected one of {', '.join(known)}.")
    ax = ax or plt.subplots(figsize=(3.4, 3.2), layout="constrained")[1]
    values, scores = [t.hyperparameters[name] for t in trials], np.array([t.score for t in trials])
    places: dict[Any, float] = {}
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        places = {value: i for i, value in enumerate(sorted(set(values), key=str))}
        ax.set_xticks(list(places.values()), [str(in_short(value)) for value in places])
        ax.set_xlim(-0.5, len(places) - 0.5)
    elif len(set(values)) <= FEW and all(isinstance(value, int) for value in values):
        ax.set_xticks(sorted(set(values)))
    else:
        _scale(ax.xaxis, np.array(values, dtype=float))
    ax.plot([places.get(value, value) for value in values], scores, "o", color=OTHER, markersize=4)
    _mark(search, ax, lambda trial: places.get(trial.hyperparameters.get(name), trial.hyperparameters.get(name)))
    _scale(ax.yaxis, scores)
    ax.set(xlabel=name, ylabel=search.problem.objective)
    return _plain(ax)


def plot_curves(search: Any, ax: Axes | None = None) -> Axes:
    """Draw the loss curves of the best and of the worst trial, with their verdicts.

    Args:
        search: A `Search`.
        ax: Where to draw; a new figure without it.
    """
    ax = ax or plt.subplots(figsize=(6.4, 3.6), layout="constrained")[1]
    shown = {"best": (search.completed[0], BEST), "worst": (search.completed[-1], "0.55")}
    drawn: list[float] = []
    for which, (trial, colour) in shown.items():
        execution = trial.executions[0]
        for curve, style in (("loss", "-"), ("val_loss", "--")):
            if curve in execution.history:
                values = execution.history[curve]
                steps = execution.history.get("step") or np.arange(1, len(values) + 1)
                label = f"{which}, trial {trial.number}: {execution.verdict}" if curve == "loss" else None
                ax.plot(steps, values, style, color=colour, label=label)
                drawn += values
    ax.plot([], [], "--", color="0.3", label="dashed: validation")
    _scale(ax.yaxis, np.array(drawn))
    is_steps = "step" in search.completed[0].executions[0].history
    ax.set(xlabel="step" if is_steps else "epoch", ylabel="loss")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False, fontsize=POINTS)
    return _plain(ax)


def plot_search(search: Any) -> Figure:
    """Draw a whole search: trials and curves above, one panel for each hyperparameter that was searched below.

    For single panels on axes of your own see `plot_trials`, `plot_curves` and `plot_hyperparameter`.

    Args:
        search: A `Search` with at least one completed trial.

    Raises:
        ValueError: where no trial is completed.
    """
    names = searched(search)
    rows = math.ceil(len(names) / COLUMNS)
    figure = plt.figure(figsize=(11, 3.8 + 2.7 * rows), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(3.8, max(2.7 * rows, 0.1)))
    trials, curves = above.subplots(1, 2)
    plot_trials(search, trials)
    plot_curves(search, curves)
    panels = below.subplots(max(rows, 1), COLUMNS, squeeze=False, sharey="row").ravel()
    for i, (name, ax) in enumerate(zip(names, panels, strict=False)):
        plot_hyperparameter(search, name, ax)
        if i % COLUMNS:
            ax.set_ylabel("")
    for spare in panels[len(names) :]:
        spare.set_axis_off()
    return figure


def searched(search: Any) -> list[str]:
    """List the hyperparameters that differ between trials, in their order.

    Raises:
        ValueError: where no trial is completed.
    """
    trials = [search.best_trial, *search.completed]
    return [name for name in names_of(trials) if len({t.hyperparameters.get(name) for t in trials} - {None}) > 1]


def _mark(search: Any, ax: Axes, place: Any) -> None:
    """Draw a ring around the best trial, and a square around the simplest that is as good."""
    for trial, marker, label in (
        (search.best_trial, "o", "best"), (search.simplest_trial, "s", "simplest as good"),
    ):  # fmt: skip
        if place(trial) is not None:
            ax.plot(
                [place(trial)], [trial.score], marker, color="none", markeredgecolor=BEST, markersize=9, label=label
            )


def _scale(axis: Axis, values: np.ndarray) -> None:
    finite = values[np.isfinite(values)]
    if len(finite) and finite.min() > 0 and finite.max() / finite.min() > WIDE:
        log_scale(axis)


def _plain(ax: Axes) -> Axes:
    ax.spines[["top", "right"]].set_visible(False)
    return ax
