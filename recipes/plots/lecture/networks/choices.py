"""A model's parameters by layer, and its hyperparameters as a table in the lecture's two colours."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cheatsheet.common.words import count
from recipes.lecture.networks.layers import COLOURS
from recipes.lecture.networks.parameters import GROUPS, WHOLE
from recipes.plots.lecture.networks.drawing import plot_network
from recipes.plots.lecture.networks.geometry import geometry_of
from recipes.plots.style import LETTER, LINE, POINTS, TRAIN, new_ax, new_figure

ROW = 0.3  # inches, of a bar or of a line of the table
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
        ax.legend(frameon=False, fontsize=POINTS, loc="lower right")
    for place, layer in zip(places, layers, strict=True):
        ax.annotate(layer.equation, (layer.count, place), (4, 0), textcoords="offset points",
                    va="center", fontsize=POINTS)  # fmt: skip
    ax.set_yticks(places, [f"{layer.layer} ({layer.kind})" for layer in layers], fontsize=POINTS)
    ax.set(xlim=(0, 1.6 * max(all_of, default=1)), xlabel="parameters")
    ax.invert_yaxis()
    left_out = len(counted.layers) - len(layers)
    sum_of = counted.sum if len(counted.layers) <= 8 else counted.sum.split(" = ")[-1]
    sum_of = sum_of.replace("parameters, ", "parameters,\n")  # the title has no more room than the axes
    _frame(ax, sum_of + (f" ({count(left_out, 'more layer')} not shown)" if left_out else ""))
    return ax


def plot_hyperparameters(chosen: Any, ax: Axes | None = None) -> Axes:
    """Show what was chosen for a model as a table: architecture on dark green, training on light red.

    Args:
        chosen: What `hyperparameters` returns.
        ax: Where to draw; a new figure without it.
    """
    rows, texts, widths = _table_of(chosen)
    group_width, *widths = widths
    ax = ax or new_ax((group_width + sum(widths), ROW * (len(rows) + 1)))
    total = group_width + sum(widths)
    starts = np.cumsum([0, group_width, *widths])[:4] / total
    for i, ((group, _), line) in enumerate(zip(rows, texts, strict=True)):
        ground, letters = COLOURS[group]
        ax.barh(i, group_width / total, 0.94, color=ground)
        is_first = i == 0 or rows[i - 1][0] != group
        where = line[0] if is_first or texts[i - 1][0] != line[0] else ""
        shown = (group if is_first else "", where, *line[1:])
        for start, text, colour in zip(starts, shown, (letters, *["black"] * 3), strict=True):
            ax.text(start + LETTER / total, i, text, va="center", fontsize=POINTS, color=colour)
        if is_first and i:
            ax.axhline(i - 0.5, color="0.3", linewidth=0.8)
    ax.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5))
    ax.set_axis_off()
    ax.set_title("hyperparameters", loc="left", fontsize=POINTS)
    return ax


def plot_choices(chosen: Any) -> Figure:
    """Draw a network above the table of what was chosen for it; return the Figure.

    Args:
        chosen: What `hyperparameters` returns.
    """
    rows, _, widths = _table_of(chosen)
    size, table = geometry_of(chosen.drawing).size, (sum(widths), ROW * (len(rows) + 1))
    width = max(size[0], table[0])
    figure = new_figure((width + 0.2, size[1] + table[1] + 0.9))
    upper, lower = figure.subplots(2, 1, height_ratios=(size[1], table[1]))
    plot_network(chosen.drawing, upper)
    plot_hyperparameters(chosen, lower)
    lower.set_xlim(0, width / table[0])  # as wide as its words need
    return figure


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
