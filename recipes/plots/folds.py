"""A cross-validation: the curves of all folds, and the scores on the rows that each held out."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from recipes.plots.history import plot_spread
from recipes.plots.style import CHANCE, CURVES, TRAIN, VALIDATION, frame, new_ax, new_figure

MOST_SCORES = 4  # that are drawn below one another


def plot_folds(folds: Any) -> Figure:
    """Draw the loss curves of all folds, their median and the verdict on it, and beside them each fold's scores.

    Args:
        folds: What `cross_validate` returns. Of its scores the first four with one value a fold are drawn.

    Returns:
        A figure; for single panels on axes of your own see `plot_spread(folds.runs)` and `plot_fold_scores`.
    """
    names = [name for name, values in folds.scores.items() if values.ndim == 1][:MOST_SCORES]
    figure = new_figure((CURVES[0] + 3.6, CURVES[1]))
    sides: Any = figure.subfigures(1, 2, width_ratios=(CURVES[0], 3.6))
    curves, scores = sides
    plot_spread(folds.runs, curves.subplots())
    for name, ax in zip(names, scores.subplots(len(names), 1, squeeze=False, sharex=True)[:, 0], strict=True):
        plot_fold_scores(folds, name, ax)
        if name != names[-1]:
            ax.set_xlabel("")
    return figure


def plot_fold_scores(folds: Any, name: str = "loss", ax: Axes | None = None) -> Axes:
    """Show a score of each fold on the rows that it held out, with their mean and its standard error as a band.

    Folds are counted from 1, as in their table.

    Args:
        folds: What `cross_validate` returns.
        name: Of the score.
        ax: Where to draw; a new figure without it.

    Raises:
        ValueError: for a name that is none of its scores, or one with several values a fold.
    """
    known = [score for score, values in folds.scores.items() if values.ndim == 1]
    if name not in known:
        raise ValueError(f"There is no score {name!r} with one value a fold. Expected one of {', '.join(known)}.")
    ax = ax or new_ax((3.6, 3.0))
    values, mean, error = folds.scores[name], folds.mean[name], folds.standard_error[name]
    places = np.arange(1, len(values) + 1)  # as in the table
    ax.axhspan(mean - error, mean + error, color=VALIDATION, alpha=0.2, linewidth=0)
    ax.axhline(mean, color=VALIDATION)
    ax.vlines(places, mean, values, color=CHANCE, linewidth=0.8)
    ax.plot(places, values, "o", color=TRAIN, markersize=5)
    ax.margins(y=0.15)  # room for whole marks
    ax.set(xlabel="fold, on the rows that it held out", xlim=(0.5, len(values) + 0.5))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=4))
    frame(ax, f"{name} {mean:.3g} ± {error:.2g}")
    return ax
