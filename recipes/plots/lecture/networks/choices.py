"""A model's parameters by layer, and its hyperparameters as a table in the lecture's two colours."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from cheatsheet.common.words import count
from recipes.lecture.networks.layers import COLOURS
from recipes.lecture.networks.parameters import GROUPS, WHOLE
from recipes.plots.lecture.networks.drawing import plot_network
from recipes.plots.lecture.networks.geometry import geometry_of
from recipes.plots.style import LETTER, LINE, POINTS, TRAIN, new_ax, new_figure, size_of

ROW = 0.3  # inches, of a bar or of a line of the table
TITLE = 0.3  # inches, above either
BARS = 4.2  # inches, of the bars with their sums
UNDER = 0.5  # inches below an axis, where its numbers and its name end
LEAST = 5.0  # size of the letters of a table that has less room than it needs
MOST_ROWS = 40  # of either; what is left out is counted


def plot_parameters(counted: Any, ax: Axes | None = None) -> Axes:
    """Show how many parameters each layer has, with the sum that gives them; not trained ones in grey.

    Args:
        counted: What `count_parameters` returns.
        ax: Where to draw; a new figure without it.
    """
    layers = counted.layers[:MOST_ROWS]
    ax = ax or new_ax((7, 1.3 + ROW * max(len(layers), 2)))
    places = np.arange(len(layers))
    trained = np.array([layer.trainable for layer in layers])
    all_of = np.array([layer.count for layer in layers])
    ax.barh(places, trained, 0.6, color=TRAIN, label="trained")
    if (trained < all_of).any():
        ax.barh(
            places, all_of - trained, 0.6, left=trained, color=LINE, hatch="//", edgecolor="white", label="not trained"
        )
        below = ax.transAxes + ScaledTranslation(0, -UNDER, ax.figure.dpi_scale_trans)
        ax.legend(
            frameon=False, fontsize=POINTS, ncols=2, loc="upper right", bbox_to_anchor=(1, 0), bbox_transform=below
        )
    for place, layer in zip(places, layers, strict=True):
        ax.annotate(layer.equation, (layer.count, place), (4, 0), textcoords="offset points",
                    va="center", fontsize=POINTS)  # fmt: skip
    ax.set_yticks(places, [_name(layer) for layer in layers], fontsize=POINTS)
    ax.set(xlim=(0, 1.6 * max(all_of, default=1)), xlabel="parameters")
    ax.invert_yaxis()
    left_out = len(counted.layers) - len(layers)
    sum_of = counted.sum if len(counted.layers) <= 8 else counted.sum.split(" = ")[-1]
    sum_of = sum_of.replace("parameters, ", "parameters,\n")  # the title has no more room than the axes
    _frame(ax, sum_of + (f" ({count(left_out, 'more layer')} not shown)" if left_out else ""))
    return ax


def _name(layer: Any) -> str:
    return f"{layer.layer} ({layer.kind})"


def plot_hyperparameters(chosen: Any, ax: Axes | None = None) -> Axes:
    """Show what was chosen for a model as a table: architecture on dark green, training on light red.

    Args:
        chosen: What `hyperparameters` returns.
        ax: Where to draw; a new figure without it.
    """
    rows, texts, widths = _table_of(chosen)
    total = sum(widths)
    ax = ax or new_ax((total, ROW * (len(rows) + 1)))
    room = size_of(ax)[0]
    points = max(POINTS * min(1.0, room / total), LEAST)  # smaller letters rather than words over each other
    starts = np.cumsum([0.0, *widths])[:4]
    for i, ((group, _), line) in enumerate(zip(rows, texts, strict=True)):
        ground, letters = COLOURS[group]
        ax.barh(i, widths[0], 0.94, color=ground)
        is_first = i == 0 or rows[i - 1][0] != group
        where = line[0] if is_first or texts[i - 1][0] != line[0] else ""
        shown = (group if is_first else "", where, *line[1:])
        for start, text, colour in zip(starts, shown, (letters, *["black"] * 3), strict=True):
            ax.text(start + LETTER, i, text, va="center", fontsize=points, color=colour)
        if is_first and i:
            ax.axhline(i - 0.5, color="0.3", linewidth=0.8)
    ax.set(xlim=(0, max(room, total)), ylim=(len(rows) - 0.5, -0.5))  # in inches, so no wider than its words need
    ax.set_axis_off()
    ax.set_title("hyperparameters", loc="left", fontsize=POINTS)
    return ax


def plot_choices(chosen: Any, counted: Any = None) -> Figure:
    """Draw a network above the table of what was chosen for it; return the Figure.

    Args:
        chosen: What `hyperparameters` returns.
        counted: What `count_parameters` returns; its bars then stand beside the table.
    """
    rows, _, widths = _table_of(chosen)
    size, table = geometry_of(chosen.drawing).size, (sum(widths), ROW * (len(rows) + 1) + TITLE)
    bars = (0.0, 0.0) if counted is None else _size_of_bars(counted)
    width, height = max(size[0], table[0] + bars[0]) + 0.2, max(table[1], bars[1])
    figure = new_figure((width, size[1] + TITLE + 0.3 + height))
    parts: Any = figure.subfigures(2, 1, height_ratios=(size[1] + TITLE + 0.3, height))
    upper, lower = parts
    plot_network(chosen.drawing, upper.add_subplot())
    right = lower
    if counted is not None:
        left, right = lower.subfigures(1, 2, width_ratios=(bars[0], width - bars[0]))
        plot_parameters(counted, _from_the_top(left, bars[1], height))
    plot_hyperparameters(chosen, _from_the_top(right, table[1], height))
    return figure


def _size_of_bars(counted: Any) -> tuple[float, float]:
    """Compute the inches that the bars of `plot_parameters` need, with their names, sums and axis."""
    layers = counted.layers[:MOST_ROWS]
    names = max((len(_name(layer)) for layer in layers), default=0)
    return LETTER * names + BARS, ROW * max(len(layers), 2) + TITLE + 0.9


def _from_the_top(figure: Any, height: float, whole: float) -> Axes:
    """Make an Axes of this height in inches, at the top of a figure that is higher."""
    if whole - height < ROW:
        return figure.add_subplot()
    return figure.subfigures(2, 1, height_ratios=(height, whole - height))[0].add_subplot()


def _table_of(chosen: Any) -> tuple[list[Any], list[tuple[str, str, str]], list[float]]:
    """Choose the rows of the table; return them with their words, and the inches that each column needs."""
    rows: list[Any] = []
    for group in GROUPS:
        choices = chosen[group]
        rows += [(group, choice) for choice in choices[: MOST_ROWS // 2]]
        if len(choices) > MOST_ROWS // 2:
            rows.append((group, f"{len(choices) - MOST_ROWS // 2:,} more"))
    texts = [(_where(row), *(("", row) if isinstance(row, str) else (row.name, row.value))) for _, row in rows]
    columns = (GROUPS, *zip(*texts, strict=True))
    return rows, texts, [LETTER * (2 + max(map(len, column))) for column in columns]


def _where(row: Any) -> str:
    return "" if isinstance(row, str) else row.where or WHOLE


def _frame(ax: Axes, title: str) -> None:
    ax.set_title(title, loc="left", fontsize=POINTS)
    ax.spines[["top", "right"]].set_visible(False)
