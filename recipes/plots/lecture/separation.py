"""Points of two classes and what parts them: truth tables, a perceptron's path, its mistakes and errors."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from recipes.lecture.neurons.separate import boolean_inputs, separate
from recipes.plots.style import (
    CHANCE,
    CURVES,
    LINE,
    POINTS,
    SMALL,
    TEXT,
    TRAIN,
    VALIDATION,
    log_scale,
    new_ax,
    new_figure,
)

MARGIN = 0.08  # of the span of the points, left free around them
MOST_LINES = 10  # of a path: more hide the points
ROOM_ABOVE = 30  # times the bound, for the legend
PALEST, DARKEST = 0.82, 0.25  # greys of the first and the last of them
SIDE = {False: ("o", "white", VALIDATION), True: ("s", TRAIN, TRAIN)}  # marker, face, edge: told apart without colour


def plot_truth_table(truth: Any, ax: Axes | None = None, *, neuron: Any = None, title: str = "") -> Axes:
    """Show a logical function of one or two inputs, and the line that parts its values, or why none does.

    Without a line, each pair of corners of one kind is joined; the pairs cross in a point that lies among both.

    Args:
        truth: For each row of `boolean_inputs(m)` whether it is true.
        ax: Where to draw; a new figure without it.
        neuron: A `ThresholdNeuron` whose line is drawn, halfway between the sums that reach its threshold and those
            that do not; the line of the widest margin without it.
        title: What the function is called.
    """
    truth = np.asarray(truth, bool)
    width = len(truth).bit_length() - 1
    if len(truth) not in (2, 4):
        raise ValueError(f"A truth table of {len(truth)} rows has no plane to be drawn in. Expected 2 or 4 rows.")
    ax = ax or new_ax(SMALL)
    inputs = boolean_inputs(width)
    corners = np.column_stack([inputs, np.zeros(len(inputs))])[:, :2]
    found = separate(inputs, truth)
    note = ""
    if neuron is not None:
        weights, threshold = neuron.now()
        sums = inputs @ weights
        above, below = sums[sums >= threshold], sums[sums < threshold]
        cut = ((above.min() if len(above) else threshold) + (below.max() if len(below) else threshold - 1)) / 2
        _draw_line(ax, (*weights, *([0] * (2 - width)), -cut), color=TEXT, linewidth=1.5, gid="line")
        note = f"fires where {_sum_of(weights)} ≥ {threshold:g}"
    elif found.common_point is None:
        normal = [*found.weights, *([0] * (2 - width)), found.bias]
        _draw_line(ax, normal, color=TEXT, linewidth=1.5, gid="line")
    else:
        for kind, style in ((truth, "-"), (~truth, "--")):
            ends = corners[kind & (found.shares > 0)]
            ax.plot(*ends.T, style, color=SIDE[bool(kind is truth)][2], linewidth=1.2, zorder=1, gid="pair")
        ax.plot(*found.common_point, "X", color=TEXT, markersize=9, gid="common point")
        note = "no line: both pairs meet at ({:g}, {:g})".format(*found.common_point)
    for kind in (False, True):
        marker, face, edge = SIDE[kind]
        ax.plot(*corners[truth == kind].T, marker, markerfacecolor=face, markeredgecolor=edge, markersize=11,
                markeredgewidth=1.6, label="true" if kind else "false")  # fmt: skip
    ax.set(xlim=(-0.45, 1.45), ylim=(-0.45, 1.45), xticks=(0, 1), yticks=(0, 1) if width == 2 else (), xlabel="input 1")
    if width == 2:
        ax.set_ylabel("input 2")
    ax.set_aspect("equal")
    _frame(ax, f"{title}\n{note}" if note else title)
    return ax


def plot_perceptron(run: Any) -> Figure:
    """Draw a perceptron's points with the path of its line, and its mistakes or errors; return the Figure.

    Args:
        run: What `learn_perceptron` returns.
    """
    figure = new_figure((2 * CURVES[0] - 2, CURVES[1]))
    left, right = figure.subplots(1, 2)
    plot_path(run, left)
    if run.rule == "rosenblatt":
        plot_mistakes(run, right)
    else:
        plot_errors({"the gradient": run}, right)
    return figure


def plot_path(run: Any, ax: Axes | None = None, *, title: str = "") -> Axes:
    """Show the points of both classes, the line at the end, and some of the lines on the way, the earlier the paler.

    Where no line parts the classes the best one met is dashed.

    Args:
        run: What `learn_perceptron` returns.
        ax: Where to draw; a new figure without it.
        title: Above the axes.
    """
    ax = ax or new_ax(CURVES)
    points = run.points
    low, high = points.x.min(axis=0), points.x.max(axis=0)
    room = MARGIN * np.where(high > low, high - low, 1.0)
    ax.set(xlim=(low[0] - room[0], high[0] + room[0]), ylim=(low[1] - room[1], high[1] + room[1]))
    # Early steps move the line most, so the stages are spaced by their number's logarithm.
    last = len(run.path) - 1
    stages: Any = np.unique(np.geomspace(1, last, MOST_LINES).astype(int))[:-1] if last > 1 else []
    for stage, grey in zip(stages, np.linspace(PALEST, DARKEST + 0.2, len(stages)), strict=True):
        _draw_line(ax, run.path[stage], color=str(grey), linewidth=0.9, zorder=1, gid=f"step {stage}")
    if run.separation.common_point is not None and not np.array_equal(run.best, run.weights):
        _draw_line(ax, run.best, color="black", linewidth=1.4, linestyle="--", gid="best", label="best met")
    _draw_line(ax, run.weights, color="black", linewidth=2, gid="end", label=f"line after {_steps(run)}")
    for kind in (False, True):
        marker, face, edge = SIDE[kind]
        ax.plot(*points.x[points.is_second == kind].T, marker, markerfacecolor=face, markeredgecolor=edge, markersize=5,
                label=str(points.classes[kind]))  # fmt: skip
    ax.set(xlabel=points.columns[0], ylabel=points.columns[1])
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.15), ncols=2, fontsize=POINTS)
    _frame(ax, title or f"{int(run.errors[-1])} of {len(points.x):,} rows on the wrong side")
    return ax


def plot_mistakes(run: Any, ax: Axes | None = None, *, title: str = "") -> Axes:
    """Show how many mistakes Rosenblatt's rule has made by each epoch, against the bound where there is one.

    Args:
        run: What `learn_perceptron` returns with `rule="rosenblatt"`.
        ax: Where to draw; a new figure without it.
        title: Above the axes.
    """
    ax = ax or new_ax(CURVES)
    epochs = np.arange(1, len(run.mistakes) + 1)
    ax.plot(
        epochs, np.cumsum(run.mistakes), color=TRAIN, marker="." if len(epochs) < 20 else "", label="mistakes so far"
    )
    if run.separation.is_separable:
        bound = run.bound
        ax.axhline(bound, color=CHANCE, linestyle=":", label=f"bound (R/γ)² = {bound:,.0f}")
        log_scale(ax.yaxis)
        ax.set_ylim(1, ROOM_ABOVE * bound)
    ax.set(xlabel="epoch", ylabel="mistakes")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=(1, 2, 5, 10)))
    ax.legend(frameon=False, fontsize=POINTS, loc="upper right" if run.separation.is_separable else "upper left")
    without = f"{run.num_mistakes:,} mistakes, and no end of them"
    _frame(ax, title or (f"{run.num_mistakes:,} mistakes in all" if run.separation.is_separable else without))
    return ax


def plot_errors(runs: Mapping[str, Any], ax: Axes | None = None, *, title: str = "") -> Axes:
    """Show how many rows lie on the wrong side of the line at each epoch's end.

    Args:
        runs: What `learn_perceptron` returned, by name; two at most are told apart without colour.
        ax: Where to draw; a new figure without it.
        title: Above the axes.
    """
    ax = ax or new_ax(CURVES)
    styles = (("-", LINE, 1.0), ("-", "black", 2.0), ("--", VALIDATION, 1.6), (":", TRAIN, 1.6))
    for i, (name, run) in enumerate(runs.items()):
        style, colour, width = styles[(i if len(runs) > 1 else 1) % len(styles)]
        epochs = np.arange(1, len(run.errors) + 1)
        ax.plot(epochs, run.errors, style, color=colour, linewidth=width, label=name)
    log_scale(ax.xaxis)
    ax.set(xlabel="epoch", ylabel="rows on the wrong side")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize=POINTS)
    _frame(ax, title or "errors at each epoch's end")
    return ax


def _sum_of(weights: np.ndarray) -> str:
    """Write a weighted sum of the inputs."""
    terms = [f"{'-' if w < 0 else '+'} {'' if abs(w) == 1 else f'{abs(w):.3g}·'}x{i}" for i, w in enumerate(weights, 1)]
    text = " ".join(terms)
    return text.removeprefix("+ ") if weights[0] > 0 else text.replace("- ", "-", 1)


def _steps(run: Any) -> str:
    number = len(run.path) - 1
    noun = "mistake" if run.rule == "rosenblatt" else "step"
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _draw_line(ax: Axes, weights: Any, **style: Any) -> None:
    """Draw the line on which weights · (x, 1) is 0, if it is one."""
    a, b, bias = map(float, weights)
    length = a * a + b * b
    if length == 0:
        return  # all points are on one side
    foot = (-bias * a / length, -bias * b / length)  # the line's point next to the origin
    ax.axline(foot, (foot[0] - b / length**0.5, foot[1] + a / length**0.5), **style)


def _frame(ax: Axes, title: str) -> None:
    ax.set_title(title, loc="left", fontsize=POINTS)
    ax.spines[["top", "right"]].set_visible(False)
