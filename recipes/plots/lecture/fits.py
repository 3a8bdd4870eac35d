"""What is best by which measure: lines by two losses, clusters by their variances."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cheatsheet.common.words import count
from recipes.lecture.models.lines import LOSSES
from recipes.plots.style import CURVES, LINE, POINTS, TEXT, TRAIN, VALIDATION, new_ax, new_figure

STYLES = {"mean_squared_error": ("--", VALIDATION), "mean_absolute_error": ("-", TRAIN)}
GREYS, MARKERS = ("0.45", "0.7", "0.25", "0.85", "0.6", "0.1"), "osD^vP"  # of clusters, told apart by their markers


def plot_lines(lines: Any, ax: Axes | None = None, *, outliers: Any = None, reference: Any = None) -> Axes:
    """Show the points and the best line by each loss.

    Args:
        lines: What `fit_lines` returns.
        ax: Where to draw; a new figure without it.
        outliers: `(n,)`, true for the rows to be marked.
        reference: A `Line` to compare with, such as that of the points without the outliers.
    """
    ax = ax or new_ax(CURVES)
    strange = np.zeros(len(lines.x), bool) if outliers is None else np.asarray(outliers, bool)
    ax.plot(lines.x[~strange], lines.y[~strange], "o", color=LINE, markersize=3.5)
    if strange.any():
        ax.plot(lines.x[strange], lines.y[strange], "X", color="black", markersize=7, label=f"{strange.sum()} outliers")
    if reference is not None:
        ends = np.array([lines.x.min(), lines.x.max()])
        ax.plot(ends, reference.slope * ends + reference.intercept, ":", color=TEXT, linewidth=2.5, gid="reference",
                label=f"without them: {_equation(reference)}")  # fmt: skip
    for loss, line in lines.lines.items():
        style, colour = STYLES[loss]
        ends = np.array([lines.x.min(), lines.x.max()])
        ax.plot(ends, line.slope * ends + line.intercept, style, color=colour, linewidth=2, gid=loss,
                label=f"{LOSSES[loss]}: {_equation(line)}")  # fmt: skip
    ax.set(xlabel=lines.names[0], ylabel=lines.names[1])
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.15), ncols=2, fontsize=POINTS)
    _frame(ax, "distance between prediction and truth")
    return ax


def plot_clustering(clusters: Any) -> Figure:
    """Draw the clusters where they have two columns, and the variances; return the Figure.

    Args:
        clusters: What `cluster` returns.
    """
    panels = 2 if clusters.x.shape[1] == 2 else 1
    figure = new_figure((CURVES[0] * panels, CURVES[1]))
    axes = figure.subplots(1, panels, squeeze=False)[0]
    if panels == 2:
        plot_clusters(clusters, axes[0])
    plot_variances(clusters, axes[-1])
    return figure


def plot_clusters(clusters: Any, ax: Axes | None = None, *, names: tuple[str, str] = ("x1", "x2")) -> Axes:
    """Show the clusters' points joined to their centres, and the centres joined to the mean of all.

    Args:
        clusters: What `cluster` returns of two columns.
        ax: Where to draw; a new figure without it.
        names: Of the columns.
    """
    if clusters.x.shape[1] != 2:
        raise ValueError(
            f"The points have {count(clusters.x.shape[1], 'column')}. Expected two, to be drawn in a plane."
        )
    ax = ax or new_ax(CURVES)
    middle = clusters.x.mean(axis=0)
    for i, centre in enumerate(clusters.centres):
        points = clusters.x[clusters.labels == i]
        spokes = np.stack([points, np.broadcast_to(centre, points.shape), np.full(points.shape, np.nan)], axis=1)
        ax.plot(*spokes.reshape(-1, 2).T, color=TRAIN, linewidth=0.5, alpha=0.6, zorder=1,
                label="within" if i == 0 else None)  # fmt: skip
        ax.plot(*points.T, MARKERS[i % len(MARKERS)], color=GREYS[i % len(GREYS)], markersize=4, gid=f"cluster {i}")
        ax.plot(
            *np.stack([centre, middle]).T, "--", color=VALIDATION, linewidth=1.8, label="between" if i == 0 else None
        )
    ax.plot(*clusters.centres.T, "*", color="black", markersize=13, markeredgecolor="white", label="centres", zorder=4)
    ax.plot(*middle, "P", color=VALIDATION, markersize=9, markeredgecolor="white", label="mean of all", zorder=4)
    ax.set(xlabel=names[0], ylabel=names[1])
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.15), ncols=4, fontsize=POINTS)
    _frame(ax, f"k-means with {clusters.num_clusters} clusters")
    return ax


def plot_variances(clusters: Any, ax: Axes | None = None) -> Axes:
    """Show the variance within the clusters and between them against their number; their sum is the same for all.

    Args:
        clusters: What `cluster` returns.
        ax: Where to draw; a new figure without it.
    """
    ax = ax or new_ax(CURVES)
    numbers = np.arange(1, len(clusters.intra) + 1)
    ax.plot(numbers, clusters.intra, "-o", color=TRAIN, markersize=4, label="within")
    ax.plot(numbers, clusters.inter, "--s", color=VALIDATION, markersize=4, label="between")
    ax.axhline(clusters.total, color=LINE, linestyle=":", label="their sum")
    ax.axvline(clusters.num_clusters, color="0.85", linewidth=6, zorder=0)
    ax.set(xlabel="clusters", ylabel="variance", xticks=numbers)
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.15), ncols=3, fontsize=POINTS)
    _frame(ax, "intra- against inter-cluster variance")
    return ax


def _equation(line: Any) -> str:
    return f"{line.slope:.3g}·x {line.intercept:+.3g}"


def _frame(ax: Axes, title: str) -> None:
    ax.set_title(title, loc="left", fontsize=POINTS)
    ax.spines[["top", "right"]].set_visible(False)
