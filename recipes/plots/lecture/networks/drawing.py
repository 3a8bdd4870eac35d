"""A network drawn as on the slides: columns of nodes, stacks of maps, boxes; weights as lines; what it has below."""

from itertools import pairwise
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path

from recipes.lecture.networks.drawing import NetworkDrawing, draw_network
from recipes.lecture.networks.layers import COLOURS
from recipes.plots.lecture.networks.geometry import (
    BOX,
    COLUMN,
    LETTERS,
    RADIUS,
    ROW,
    SHEET_STEP,
    Geometry,
    dots,
    geometry_of,
    half_width,
    lines_of,
    num_sheets,
    sheet,
    short,
)
from recipes.plots.style import LETTER, LETTER_WIDTH, LINE, POINTS, TEXT, TRAIN, VALIDATION, new_ax, size_of

SMALL = POINTS - 1.5  # points, of letters below a layer in axes of the drawing's own size
LEAST, MOST = 3.5, POINTS  # points, in smaller and larger ones
THIN, THICK = 0.3, 2.8  # points, of a weight of 0 and of the largest one
FAINT_LINE = 0.35  # points, of a line without a weight


def plot_network(
    model: Any, ax: Axes | None = None, *, most_nodes: int = 8, most_columns: int = 12, title: str = ""
) -> Axes:
    """Show a network: its layers from left to right, its weights as lines, and below each layer what was chosen for it.

    A line is the wider the larger its weight, and dashed where that is below 0. What is left out of large layers and
    deep networks is said: the dots between nodes, "..." on what stands for several layers. Architecture is written in
    the slides' green, what training adds to it (dropout, regularisers) on their red.

    Args:
        model: Any Keras model, a `Run`, or what `draw_network` returns.
        ax: Where to draw; a new figure without it, as large as it takes.
        most_nodes: How many nodes of a layer are drawn.
        most_columns: How many columns.
        title: Above the axes.

    Raises:
        TypeError: for what is no model.
    """
    if isinstance(model, NetworkDrawing):
        drawing = model
    else:
        drawing = draw_network(model, most_nodes=most_nodes, most_columns=most_columns)
    geometry = geometry_of(drawing)
    ax, points = prepare(ax, geometry)
    has_weights = draw_joins(drawing, geometry, ax)
    draw_layers(drawing, geometry, ax, points)
    _write_below(drawing, geometry, ax, points)
    _write_groups(drawing, geometry, ax, points)
    note = "lines: the wider, the larger the weight; dashed where it is below 0" if has_weights else ""
    room = int(size_of(ax)[0] / LETTER)
    lines = [line for text in (drawing.sentence, note) for line in wrap(text, max(room, LETTERS))]
    ax.set_title(title or "\n".join(lines), loc="left", fontsize=POINTS)
    return ax


def prepare(ax: Axes | None, geometry: Geometry) -> tuple[Axes, float]:
    """Give axes in which an inch of the drawing is one, or the same share of the axes', and the letters' size."""
    width, height = geometry.size
    if ax is None:
        ax = new_ax((max(width, 4.0) + 0.2, height + 0.6))
        scale = 1.0
    else:
        scale = min(np.divide(size_of(ax), geometry.size))
    left, bottom = geometry.corner
    ax.set(xlim=(left, left + width), ylim=(bottom, bottom + height))
    ax.set_aspect("equal", anchor="W")
    ax.set_axis_off()
    return ax, float(np.clip(SMALL * scale, LEAST, MOST))


def draw_layers(drawing: NetworkDrawing, geometry: Geometry, ax: Axes, points: float) -> None:
    """Draw the nodes, maps and boxes."""
    ink = COLOURS["architecture"][0]
    for i, (layer, x, y) in enumerate(zip(drawing.layers, geometry.x, geometry.y, strict=True)):
        if layer.look == "nodes":
            for number, height in geometry.nodes[i].items():
                ax.add_patch(Circle((x, height), RADIUS, facecolor="white", edgecolor=ink, linewidth=1.2, zorder=3,
                                    gid=f"node {i} {number}"))  # fmt: skip
            for height in dots(geometry.nodes[i]):
                ax.plot(x, height, ".", color=ink, markersize=2.5, zorder=3, gid=f"dots {i}")
        elif layer.look == "maps":
            width, height = sheet(layer)
            number = num_sheets(layer)
            for k in range(number):
                shift = SHEET_STEP * ((number - 1) / 2 - k)
                corner = (x + shift - width / 2, y + shift - height / 2)
                ax.add_patch(Rectangle(corner, width, height, facecolor="white", edgecolor=ink, linewidth=1,
                                       zorder=3 + k / 10, gid=f"map {i} {k}"))  # fmt: skip
        else:
            corner = (x - BOX[0] / 2, y - BOX[1] / 2)
            ax.add_patch(FancyBboxPatch(corner, *BOX, boxstyle="round,pad=0,rounding_size=0.08", facecolor="white",
                                        edgecolor=ink, linewidth=1, zorder=3, gid=f"box {i}"))  # fmt: skip
        inside = "..." if layer.is_folded else short(layer.kind, 16) if layer.look == "box" else ""
        if inside:
            ax.text(x, y, inside, ha="center", va="center", fontsize=points * (1.7 if layer.is_folded else 1), zorder=4,
                    color=ink, gid=f"inside {i}")  # fmt: skip


def draw_joins(drawing: NetworkDrawing, geometry: Geometry, ax: Axes) -> bool:
    """Draw the lines; return whether any of them shows a weight."""
    largest = max((float(np.abs(join.weights).max()) for join in drawing.joins
                   if join.weights is not None and len(join.weights)), default=0.0)  # fmt: skip
    for join in drawing.joins:
        gid = f"join {join.source} {join.target}"
        way = geometry.bends[join.source, join.target]
        if not len(join.pairs) or way:
            _draw_arrow(drawing, geometry, ax, (join.source, join.target), gid)
            continue
        ends = [geometry.x[join.source] + RADIUS, geometry.x[join.target] - RADIUS]
        lines = [
            [(ends[0], geometry.nodes[join.source][a]), (ends[1], geometry.nodes[join.target][b])]
            for a, b in join.pairs.tolist()
        ]
        if join.weights is None:
            ax.add_collection(LineCollection(lines, colors=LINE, linewidths=FAINT_LINE, zorder=1, gid=gid))
        else:
            sizes = np.abs(join.weights) / (largest or 1.0)
            signs = join.weights >= 0
            ax.add_collection(
                LineCollection(
                    lines, zorder=1, gid=gid, linewidths=THIN + (THICK - THIN) * sizes,
                    colors=[TRAIN if is_up else VALIDATION for is_up in signs],
                    linestyles=["-" if is_up else (0, (2.5, 1.2)) for is_up in signs],
                )
            )  # fmt: skip
    return largest > 0


def _draw_arrow(drawing: NetworkDrawing, geometry: Geometry, ax: Axes, join: tuple[int, int], gid: str) -> None:
    """Join two layers as a whole, past the columns between them."""
    source, target = join
    way = geometry.bends[join]
    # A line that goes past others leaves and arrives at its own height, or as near to it as the layer reaches.
    leaves, arrives = (
        float(np.clip(way[side][1], *geometry.spans[i])) if way else geometry.y[i]
        for i, side in zip(join, (0, -1), strict=True)
    )
    start = (geometry.x[source] + half_width(drawing.layers[source]) + 0.03, leaves)
    end = (geometry.x[target] - half_width(drawing.layers[target]) - 0.03, arrives)
    points = [start, *way, end]
    vertices, codes = [points[0]], [Path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (x0 + x1) / 2  # it leaves and arrives level
        vertices += [(middle, y0), (middle, y1), (x1, y1)]
        codes += [Path.CURVE4] * 3
    arrow = FancyArrowPatch(path=Path(vertices, codes), arrowstyle="-|>", mutation_scale=8, color=TEXT, linewidth=0.8,
                            zorder=2, gid=gid)  # fmt: skip
    ax.add_patch(arrow)


# --- letters ------------------------------------------------------------------------------------------------------


def _write_below(drawing: NetworkDrawing, geometry: Geometry, ax: Axes, points: float) -> None:
    ground, letters = COLOURS["training"]
    styles: dict[str, dict[str, Any]] = {
        "title": {"fontweight": "bold"},
        "architecture": {"color": COLOURS["architecture"][0]},
        "training": {"color": letters, "bbox": {"facecolor": ground, "edgecolor": "none", "pad": 1}},
        "parameters": {"color": TEXT},
    }
    for i, layer in enumerate(drawing.layers):
        for row, (text, group) in enumerate(lines_of(layer)):
            y = geometry.labels[i] - ROW * row
            ax.text(geometry.x[i], y, text, ha="center", va="top", fontsize=points, gid=f"{group} {i}", **styles[group])


def _write_groups(drawing: NetworkDrawing, geometry: Geometry, ax: Axes, points: float) -> None:
    """Write the name of each nested model above its columns, where they are its own."""
    columns: dict[str, set[int]] = {}
    others: dict[int, set[str]] = {}
    for layer in drawing.layers:
        names = layer.names if layer.is_folded else layer.names[:1]
        groups = {name.split("/")[0] if "/" in name else "" for name in names}
        for group in groups:
            columns.setdefault(group, set()).add(layer.column)
        others.setdefault(layer.column, set()).update(groups)
    columns.pop("", None)
    top = geometry.corner[1] + geometry.size[1] - 0.1
    for group, mine in columns.items():
        if any(others[column] != {group} for column in mine):
            continue
        left, right = COLUMN * (min(mine) - 0.42), COLUMN * (max(mine) + 0.42)
        ax.plot([left, left, right, right], [top - 0.28, top - 0.2, top - 0.2, top - 0.28], color=LINE, linewidth=0.9,
                gid=f"group {group}")  # fmt: skip
        width = int((right - left) * 72 / points / LETTER_WIDTH)
        ax.text(
            (left + right) / 2, top - 0.16, short(group, width), ha="center", va="bottom", fontsize=points, color=TEXT
        )
