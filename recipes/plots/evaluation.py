"""What a model is worth: which classes it takes for which, whether its probabilities come true, how far it is off."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipes.plots.style import CHANCE, CURVES, LINE, POINTS, SQUARE, TRAIN, frame, new_ax, new_figure

MOST_NUMBERS = 12  # classes whose counts are written into the cells


def plot_evaluation(evaluation: Any) -> Figure:
    """Draw, for each output in a row of its own, what its task makes of it; return the Figure.

    Args:
        evaluation: What `run.evaluate(x, y)` returns.

    Raises:
        ValueError: where there is nothing to draw, as of a stream.
    """
    rows = []
    for name, report in evaluation.reports.items():
        panels = []
        if report.confusion_matrix is not None:
            panels.append(plot_confusion)
        elif report.recall:
            panels.append(plot_recall)
        if report.calibration is not None:
            panels.append(plot_calibration)
        if report.points is not None:
            panels.append(plot_predictions)
        rows += [(name, report, panels)] if panels else []
    if not rows:
        if evaluation.num_rows is None:
            raise ValueError(
                "There is nothing to draw: of a stream, which is read but once, Keras' numbers are all. Pass arrays."
            )
        raise ValueError(
            "There is nothing to draw: of a model that trains in a way of its own, and of a loss without classes or "
            "numbers to compare, as a detector's, the loss and the metrics are all. print shows them."
        )
    width = max(len(panels) for *_, panels in rows)
    figure = new_figure((SQUARE[0] * width, SQUARE[1] * len(rows)))
    axes = figure.subplots(len(rows), width, squeeze=False)
    for (name, report, panels), line in zip(rows, axes, strict=True):
        for draw, ax in zip(panels, line, strict=False):
            draw(report, ax)
            if name is not None:
                ax.set_title(f"{name}: {ax.get_title(loc='left')}", loc="left", fontsize=POINTS)
        for ax in line[len(panels) :]:
            ax.set_visible(False)
    return figure


def plot_confusion(report: Any, ax: Axes | None = None) -> Axes:
    """Show which classes are taken for which: shares of each true class, with the numbers of rows written in.

    Args:
        report: One of `Evaluation.reports`.
        ax: Where to draw; a new figure without it.
    """
    ax = ax or new_ax(SQUARE)
    matrix = np.asarray(report.confusion_matrix, float)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1e-12)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = np.arange(len(report.classes))
    if len(places) <= MOST_NUMBERS:
        labels = [str(label)[:16] for label in report.classes]
        upright = max(map(len, labels)) * len(labels) > 40  # letters that fit side by side
        ax.set_xticks(places, labels, rotation=90 if upright else 0)
        ax.set_yticks(places, labels)
        for i, row in enumerate(matrix):
            for j, value in enumerate(row):
                colour = "white" if shares[i, j] > 0.5 else "0.2"
                ax.text(j, i, f"{value:.5g}", ha="center", va="center", color=colour, fontsize=POINTS)
    ax.set(xlabel="predicted", ylabel="true")
    ax.set_title("share of each true class, and rows", loc="left", fontsize=POINTS)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return ax


def plot_recall(report: Any, ax: Axes | None = None) -> Axes:
    """Show for each label how many of its rows are found, and how many of those predicted are right.

    Args:
        report: One of `Evaluation.reports`.
        ax: Where to draw; a new figure without it.
    """
    ax = ax or new_ax(SQUARE)
    places = np.arange(len(report.classes))
    ax.barh(places - 0.2, [*report.recall.values()], 0.36, color=TRAIN, label="recall")
    ax.barh(places + 0.2, [*report.precision.values()], 0.36, color=LINE, label="precision")
    if len(places) <= 3 * MOST_NUMBERS:
        ax.set_yticks(places, [str(label)[:24] for label in report.classes])
    ax.invert_yaxis()
    ax.set(xlim=(0, 1))
    frame(ax, "share found, and share of the found that is right")
    _legend_below(ax)
    return ax


def plot_calibration(report: Any, ax: Axes | None = None) -> Axes:
    """Show how often what is given a probability comes true, with twice its standard error.

    Args:
        report: One of `Evaluation.reports`.
        ax: Where to draw; a new figure without it.
    """
    ax = ax or new_ax(SQUARE)
    calibration = report.calibration
    ax.plot([0, 1], [0, 1], ":", color=CHANCE, label="as it says")
    ax.errorbar(calibration.predicted, calibration.observed, 2 * calibration.error, fmt="o", color=TRAIN, capsize=2,
                label="as it is, and twice its standard error")  # fmt: skip
    ax.set(xlabel="probability that is given", ylabel="how often it comes true", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    frame(ax, "calibration")
    _legend_below(ax)
    return ax


def plot_predictions(report: Any, ax: Axes | None = None) -> Axes:
    """Show predicted against true numbers, at most 2,000 of them, with the line on which they would be equal.

    Args:
        report: One of `Evaluation.reports`.
        ax: Where to draw; a new figure without it.
    """
    ax = ax or new_ax(CURVES)
    true, predicted = report.points
    ax.plot(true, predicted, ".", color=TRAIN, alpha=0.4, markersize=4)
    ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
    ax.plot(ends, ends, ":", color=CHANCE)
    ax.set(xlabel="true", ylabel="predicted")
    frame(ax, "predicted against true")
    return ax


def _legend_below(ax: Axes) -> None:
    """Put the legend where no point lies."""
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, fontsize=POINTS)
