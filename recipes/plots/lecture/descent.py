"""A loss as a landscape: the optimizers' paths on it, the losses on the way, and the lines that they stand for."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipes.plots.style import FAINT, LINE, MIRRORED, POINTS, TEXT, TRAIN, VALIDATION, log_scale, new_ax, new_figure

PANEL = (4.1, 4.2)
# Line style, marker, colour: each of the three tells them apart.
STYLES = (
    ("-", "o", TRAIN),
    ("--", "s", VALIDATION),
    ("-.", "^", "black"),
    (":", "D", MIRRORED),
    ((0, (5, 1, 1, 1, 1, 1)), "v", "#7a3b8f"),
    ((0, (3, 1)), "P", "0.45"),
)
NUM_MARKERS = 8  # on a path
GRID = 90  # points of the surface along each axis
NUM_LEVELS = 12
DEEPEST = 1e-3  # lowest contour, as a share of the loss between the start and the best line
ROOM = 0.12  # of the span, left free around the paths
FAR = 1.0  # times the way from start to best, that a path may leave the box of the two and still be shown whole
CLOSEST = 1e-5  # of the first loss: what is nearer to the least counts as arrived


def plot_descent(descent: Any, step: int | None = None) -> Figure:
    """Draw the points with the lines, the surface with the paths, and the losses, side by side; return the Figure.

    Args:
        descent: What `descend` returns.
        step: Only so far; to the end without it.
    """
    figure = new_figure((3 * PANEL[0], PANEL[1]))
    points, surface, losses = figure.subplots(1, 3)
    plot_descent_lines(descent, points, step=step)
    plot_surface(descent, surface, step=step, legend=False)
    plot_descent_losses(descent, losses, step=step, legend=False)
    handles, labels = surface.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False, fontsize=POINTS
    )
    return figure


def plot_surface(
    descent: Any, ax: Axes | None = None, *, step: int | None = None, title: str = "", legend: bool = True
) -> Axes:
    """Show the loss of all lines as contours over slope and intercept, with the optimizers' paths.

    Args:
        descent: What `descend` returns.
        ax: Where to draw; a new figure without it.
        step: Only so far; to the end without it.
        title: Above the axes.
        legend: Whether the optimizers and their rates are named below.
    """
    ax = ax or new_ax(PANEL)
    (left, right), (low, high) = _window(descent)
    slopes, intercepts = np.linspace(left, right, GRID), np.linspace(low, high, GRID)
    values = descent.loss_at(np.stack(np.meshgrid(slopes, intercepts), axis=-1)) - descent.least
    first = float(descent.loss_at(descent.start)) - descent.least or float(values.max())
    levels = np.geomspace(DEEPEST * first, max(first, float(values.max())), NUM_LEVELS)
    ax.contour(slopes, intercepts, values, levels=levels, colors=FAINT, linewidths=0.8, zorder=0)
    ax.plot(*descent.start, "X", color=TEXT, markersize=9, gid="start", label="start", zorder=4)
    ax.plot(descent.best.slope, descent.best.intercept, "*", color="black", markersize=14, markeredgecolor="white",
            gid="best", label="best line", zorder=5)  # fmt: skip
    end = _end(descent, step)
    for (name, path), style in zip(descent.paths.items(), _styles(descent), strict=True):
        way = path.weights[: end + 1]
        ax.plot(*way.T, label=f"{name}, rate {path.learning_rate:.3g}", gid=name, **_marked(style, descent, end))
        ax.plot(
            *way[-1], style["marker"], color=style["color"], markersize=8, markeredgecolor="white", gid=f"{name} now"
        )
    ax.set(xlim=(left, right), ylim=(low, high), xlabel="slope", ylabel="intercept")
    if legend:
        ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.15), ncols=2, fontsize=POINTS)
    _frame(ax, title or f"{descent.loss.replace('_', ' ')} of each line")
    return ax


def plot_descent_losses(
    descent: Any, ax: Axes | None = None, *, step: int | None = None, title: str = "", legend: bool = True
) -> Axes:
    """Show how far above the least loss of any line each optimizer is after each step.

    Args:
        descent: What `descend` returns.
        ax: Where to draw; a new figure without it.
        step: Only so far; to the end without it.
        title: Above the axes.
        legend: Whether the optimizers are named below.
    """
    ax = ax or new_ax(PANEL)
    end = _end(descent, step)
    first = float(descent.loss_at(descent.start)) - descent.least
    closest = CLOSEST * first if first > 0 else 1e-12
    tops = [first]
    for (name, path), style in zip(descent.paths.items(), _styles(descent), strict=True):
        above = np.maximum(path.losses - descent.least, closest)
        tops.append(float(np.nanmax(np.where(np.isfinite(above), above, np.nan))))
        ax.plot(np.arange(end + 1), above[: end + 1], label=name, gid=name, **_marked(style, descent, end))
    log_scale(ax.yaxis)
    ax.set(xlim=(0, descent.steps), ylim=(closest / 1.5, min(2 * max(tops), 100 * max(first, closest))),
           xlabel="step", ylabel="loss above that of the best line")  # fmt: skip
    if legend:
        ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.15), ncols=3, fontsize=POINTS)
    _frame(ax, title or f"the best line has {descent.least:.3g}")
    return ax


def plot_descent_lines(descent: Any, ax: Axes | None = None, *, step: int | None = None) -> Axes:
    """Show the points and the line at which each optimizer is.

    Args:
        descent: What `descend` returns.
        ax: Where to draw; a new figure without it.
        step: Of which step; the last without it.
    """
    ax = ax or new_ax(PANEL)
    x, y = descent.lines.x, descent.lines.y
    ax.plot(x, y, "o", color=LINE, markersize=3, zorder=1)
    ends = np.array([x.min(), x.max()])
    end = _end(descent, step)
    for (name, path), style in zip(descent.paths.items(), _styles(descent), strict=True):
        slope, intercept = path.weights[end]
        heights = slope * ends + intercept
        if np.isfinite(heights).all():
            ax.plot(ends, heights, marker=style["marker"], linestyle=style["linestyle"], color=style["color"],
                    linewidth=1.6, gid=name)  # fmt: skip
    first = descent.start[0] * ends + descent.start[1]
    low, high = min(y.min(), first.min()), max(y.max(), first.max())
    room = ROOM * (high - low or 1.0)
    ax.set(ylim=(low - room, high + room), xlabel=descent.lines.names[0], ylabel=descent.lines.names[1])
    _frame(ax, f"the lines after step {end:,}")
    return ax


def _end(descent: Any, step: int | None) -> int:
    if step is None:
        return int(descent.steps)
    if not 0 <= step <= descent.steps:
        raise ValueError(f"The paths have the steps 0 to {descent.steps:,}. Received: step={step!r}.")
    return int(step)


def _styles(descent: Any) -> list[dict[str, Any]]:
    keys = ("linestyle", "marker", "color")
    return [dict(zip(keys, STYLES[i % len(STYLES)], strict=True)) for i in range(len(descent.paths))]


def _marked(style: dict[str, Any], descent: Any, end: int) -> dict[str, Any]:
    """Give the style of a path, with a few markers at the same steps in every frame."""
    every = max(1, descent.steps // NUM_MARKERS)
    return {**style, "markersize": 4, "markevery": list(range(0, end + 1, every)), "linewidth": 1.4}


def _window(descent: Any) -> np.ndarray:
    """Choose which slopes and intercepts are seen: those of the paths, but for the parts that went far astray."""
    ends = np.array([descent.start, (descent.best.slope, descent.best.intercept)])
    low, high = ends.min(axis=0), ends.max(axis=0)
    span = np.where(high > low, high - low, (high - low).max() or 1.0)
    ways = np.concatenate([path.weights for path in descent.paths.values()])
    ways = ways[np.isfinite(ways).all(axis=1)]
    low = np.maximum(np.minimum(low, ways.min(axis=0)), low - FAR * span)
    high = np.minimum(np.maximum(high, ways.max(axis=0)), high + FAR * span)
    room = ROOM * np.where(high > low, high - low, span)
    return np.stack([low - room, high + room], axis=1)


def _frame(ax: Axes, title: str) -> None:
    ax.set_title(title, loc="left", fontsize=POINTS)
    ax.spines[["top", "right"]].set_visible(False)
