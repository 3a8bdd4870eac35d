"""Backpropagation's numbers on the network: forward above, and the way back below."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cheatsheet.common.words import count
from recipes.lecture.networks.drawing import DrawnLayer, Join, NetworkDrawing, nodes_shown
from recipes.plots.lecture.networks.drawing import draw_joins, draw_layers, prepare
from recipes.plots.lecture.networks.geometry import RADIUS, Geometry, geometry_of
from recipes.plots.style import POINTS, TEXT, TRAIN, VALIDATION, new_figure

COLUMN, PITCH = 2.9, 0.92  # inches: room for the numbers on the lines, and above and below the nodes
ABOVE, BELOW = 0.2, 0.6  # inches: for what is written at the highest and the lowest node, and the names
MOST_NODES = 8  # of a layer
MOST_ON_LINES = 16  # numbers between two layers: more lie on each other
FROM, TO = 0.2, 0.74  # of the way along a line, where the numbers of the first and of the last node stand
GROUND = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}


def plot_backpropagation(result: Any, *, row: int = 0) -> Figure:
    """Draw the forward pass above and the way back below, with all their numbers; return the Figure.

    Args:
        result: What `backpropagate` returns.
        row: Which of its rows the nodes are about, from 0; the gradients are those of all rows.

    Raises:
        ValueError: where there is no such row.
    """
    width, height = geometry_of(_drawing_of(result, None), column=COLUMN, pitch=PITCH, labels=False).size
    figure = new_figure((width + 0.3, 2 * (height + ABOVE + BELOW + 0.4)))
    upper, lower = figure.subplots(2, 1)
    plot_forward(result, upper, row=row)
    plot_backward(result, lower, row=row)
    return figure


def plot_forward(result: Any, ax: Axes | None = None, *, row: int = 0) -> Axes:
    """Show the forward pass of a row: weights on the lines, the activation a above each node, z and b below it.

    Args:
        result: What `backpropagate` returns.
        ax: Where to draw; a new figure without it.
        row: Which of its rows, from 0.
    """
    row = _require_row(result, row)
    drawing = _drawing_of(result, [layer.kernel for layer in result.layers])
    ax, geometry, points = _draw(drawing, ax)
    _write(ax, geometry, points, 0, [f"x {_short(value)}" for value in result.x[row]], None)
    for i, layer in enumerate(result.layers, 1):
        bias = [""] * len(layer.z[row]) if layer.bias is None else [f"\nb {_short(value)}" for value in layer.bias]
        below = [f"z {_short(z)}{b}" for z, b in zip(layer.z[row], bias, strict=True)]
        _write(ax, geometry, points, i, [f"a {_short(value)}" for value in layer.a[row]], below)
    wanted = ", ".join(_short(value) for value in result.y[row][:MOST_NODES])
    loss = f"{result.loss.name} {result.value:.4g}"
    _title(ax, drawing, f"forward: z = W · a(before) + b, a = f(z); wanted y = {wanted}; {loss}")
    return ax


def plot_backward(result: Any, ax: Axes | None = None, *, row: int = 0) -> Axes:
    """Show the way back of a row: dL/dW of all rows on the lines, δ = dL/dz below each node, dL/da above it.

    Args:
        result: What `backpropagate` returns.
        ax: Where to draw; a new figure without it.
        row: Which of its rows, from 0.
    """
    row = _require_row(result, row)
    drawing = _drawing_of(result, [layer.kernel_gradient for layer in result.layers])
    ax, geometry, points = _draw(drawing, ax)
    _write(ax, geometry, points, 0, [f"x {_short(value)}" for value in result.x[row]], None)
    for i, layer in enumerate(result.layers, 1):
        above = [f"dL/da {_short(value)}" if np.isfinite(value) else "" for value in layer.slopes[row]]
        delta = [f"δ {_short(value)}" for value in layer.delta[row]]
        if len(result.x) > 1 and layer.bias_gradient is not None:
            delta = [f"{text}\ndL/db {_short(b)}" for text, b in zip(delta, layer.bias_gradient, strict=True)]
        _write(ax, geometry, points, i, above, delta)
    of = "" if len(result.x) == 1 else f" over {count(len(result.x), 'row')}"
    bias = ", dL/db = δ" if len(result.x) == 1 else ", dL/db = Σ δ"
    _title(
        ax,
        drawing,
        f"backward: δ = dL/da · f'(z), dL/dW = a(before) · δ{of}{bias}; "
        f"a step of {result.learning_rate:g}: loss {result.value:.4g} to {result.after:.4g}",
    )
    return ax


def _require_row(result: Any, row: int) -> int:
    if not 0 <= row < len(result.x):
        raise ValueError(f"There is no row {row}. Expected one of 0 to {len(result.x) - 1}.")
    return row


def _drawing_of(result: Any, weights: Sequence[np.ndarray] | None) -> NetworkDrawing:
    """Make the drawing of its layers, with these numbers as those of the lines."""
    sizes = [result.x.shape[1], *(layer.kernel.shape[1] for layer in result.layers)]
    names = ["input", *(layer.name for layer in result.layers)]
    layers = tuple(
        DrawnLayer(name, "Dense", (name,), "nodes", (size,), size, nodes_shown(size, MOST_NODES), (), (), (), column)
        for column, (name, size) in enumerate(zip(names, sizes, strict=True))
    )
    joins = []
    for i, (before, after) in enumerate(pairwise(layers)):
        pairs = np.array([(a, b) for a in before.shown for b in after.shown])
        numbers = None if weights is None else weights[i][pairs[:, 0], pairs[:, 1]]
        joins.append(Join(i, i + 1, pairs, numbers))
    return NetworkDrawing("", layers, tuple(joins), True, len(result.layers), result.num_parameters)


def _draw(drawing: NetworkDrawing, ax: Axes | None) -> tuple[Axes, Geometry, float]:
    geometry = geometry_of(drawing, column=COLUMN, pitch=PITCH, labels=False)
    left, bottom = geometry.corner
    width, height = geometry.size
    geometry = replace(geometry, size=(width, height + ABOVE + BELOW), corner=(left, bottom - BELOW))
    ax, points = prepare(ax, geometry)
    draw_joins(drawing, geometry, ax)
    draw_layers(drawing, geometry, ax, points)
    for i, layer in enumerate(drawing.layers):
        ax.text(geometry.x[i], geometry.corner[1], layer.title, ha="center", va="bottom", fontsize=points,
                fontweight="bold", gid=f"title {i}")  # fmt: skip
    for join in drawing.joins:
        if join.weights is None or len(join.pairs) > MOST_ON_LINES:
            continue
        shown = drawing.layers[join.source].shown
        shares = dict(zip(shown, np.linspace(FROM, TO, len(shown)) if len(shown) > 1 else [0.5], strict=True))
        start, end = geometry.x[join.source] + RADIUS, geometry.x[join.target] - RADIUS
        for (a, b), value in zip(join.pairs.tolist(), join.weights, strict=True):
            # Each node's numbers stand in a column of their own, in which its lines are apart.
            height_a, height_b = geometry.nodes[join.source][a], geometry.nodes[join.target][b]
            ax.text(start + shares[a] * (end - start), height_a + shares[a] * (height_b - height_a), _short(value),
                    ha="center", va="center", fontsize=points, color=TRAIN if value >= 0 else VALIDATION, bbox=GROUND,
                    zorder=2.5, gid=f"line {join.source} {a} {b}")  # fmt: skip
    return ax, geometry, points


def _write(
    ax: Axes, geometry: Geometry, points: float, i: int, above: Sequence[str], below: Sequence[str] | None
) -> None:
    """Write above and below each node that is shown."""
    for number, height in geometry.nodes[i].items():
        x = geometry.x[i]
        ax.text(x, height + RADIUS + 0.04, above[number], ha="center", va="bottom", fontsize=points, bbox=GROUND,
                fontweight="bold", zorder=5, gid=f"above {i} {number}")  # fmt: skip
        if below is not None:
            ax.text(x, height - RADIUS - 0.04, below[number], ha="center", va="top", fontsize=points, bbox=GROUND,
                    color=TEXT, zorder=5, gid=f"below {i} {number}")  # fmt: skip


def _title(ax: Axes, drawing: NetworkDrawing, text: str) -> None:
    if any(len(join.pairs) > MOST_ON_LINES for join in drawing.joins):
        text += f"\nwithout numbers where more than {MOST_ON_LINES} lines lie between two layers"
    ax.set_title(text, loc="left", fontsize=POINTS)


def _short(value: float) -> str:
    """Write a number with three digits, as short as can be."""
    return f"{value + 0:.3g}"  # + 0, or -0 is written
