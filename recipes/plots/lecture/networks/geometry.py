"""Where everything of a network's drawing stands, in inches, whatever the size of the axes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log2
from textwrap import wrap

import numpy as np

from recipes.lecture.networks.drawing import DrawnLayer, NetworkDrawing
from recipes.lecture.networks.layout import place

COLUMN = 1.75  # from column to column
RADIUS = 0.13  # of a node
PITCH = 0.42  # from node to node
GAP = 0.22  # between two things above each other
BOX = (1.2, 0.5)
SHEET_STEP, MOST_SHEETS = 0.07, 4  # of a stack of maps
ROW = 0.165  # of a line of letters
LETTERS = 24  # in a line below a layer
MARGIN = 0.15
HEADING = 0.35  # above, for the names of nested models


@dataclass(frozen=True)
class Geometry:
    """Where everything stands, in inches.

    Attributes:
        x: `(n,)` of the layers.
        y: `(n,)` of their middles, upwards.
        spans: `(n, 2)`, from where to where they reach.
        nodes: Of each layer, the height of each node that is shown.
        bends: Of each join that passes other columns, its `(x, y)` there.
        labels: `(n,)`, where the letters below begin.
        size: Width and height of the whole.
        corner: Its lower left corner.
    """

    x: np.ndarray
    y: np.ndarray
    spans: np.ndarray
    nodes: tuple[dict[int, float], ...]
    bends: dict[tuple[int, int], list[tuple[float, float]]]
    labels: np.ndarray
    size: tuple[float, float]
    corner: tuple[float, float]


def geometry_of(
    drawing: NetworkDrawing, *, column: float = COLUMN, pitch: float = PITCH, labels: bool = True
) -> Geometry:
    """Lay a drawing out.

    Args:
        drawing: What `draw_network` returns.
        column: Inches from column to column.
        pitch: Inches from node to node.
        labels: Whether there is room for letters below each layer.
    """
    layers = drawing.layers
    heights = [_height(layer, pitch) for layer in layers]
    below = [ROW * len([*lines_of(layer)]) + 0.1 if labels else 0.0 for layer in layers]
    extents = [(height / 2, height / 2 + rows) for height, rows in zip(heights, below, strict=True)]
    joins = [(join.source, join.target) for join in drawing.joins]
    y, bends = place([layer.column for layer in layers], joins, extents, GAP)
    x = column * np.array([layer.column for layer in layers], float)
    ends = y - np.array(heights) / 2
    starts = ends - 0.1
    if len(layers) == drawing.num_columns > 0:  # a plain chain: the letters stand in one line
        starts[:] = starts.min()
    top = max((height / 2 + at for height, at in zip(heights, y, strict=True)), default=0)
    top = max([top, *(at for way in bends.values() for _, at in way)]) + MARGIN
    if labels and any("/" in name for layer in layers for name in layer.names):
        top += HEADING
    bottom = min(start - rows for start, rows in zip(starts, below, strict=True)) if layers else 0.0
    bottom -= MARGIN
    width = column * max(drawing.num_columns - 1, 0) + COLUMN
    half = np.array(heights) / 2 - [RADIUS if layer.look == "nodes" else 0.05 for layer in layers]
    return Geometry(
        x=x,
        y=y,
        spans=np.column_stack([y - half, y + half]),
        nodes=tuple(_nodes(layer, at, pitch) for layer, at in zip(layers, y, strict=True)),
        bends={join: [(column * at, height) for at, height in way] for join, way in bends.items()},
        labels=starts,
        size=(width, top - bottom),
        corner=(-COLUMN / 2, bottom),
    )


# --- letters below a layer -----------------------------------------------------------------------------------------


def lines_of(layer: DrawnLayer) -> Iterator[tuple[str, str]]:
    """Give what stands below a layer, line by line, and of what group each line is."""
    yield short(layer.title, LETTERS), "title"
    for group, texts in (("architecture", layer.architecture), ("training", layer.training)):
        for text in texts:
            yield from ((short(line, LETTERS), group) for line in wrap(text, LETTERS, break_long_words=False))
    yield from ((line, "parameters") for line in _sum_in_lines(layer))


def _sum_in_lines(layer: DrawnLayer) -> list[str]:
    """Break a sum before its result; leave it out where it is longer than two lines."""
    text = layer.equation
    if len(text) <= LETTERS:
        return [text] if text else []
    formula, _, result = text.partition(" = ")
    lines = wrap(formula, LETTERS)
    return [*lines, f"= {result}"] if len(lines) < 3 else [f"{result} parameters"]


def short(text: str, most: int) -> str:
    """Leave out the middle of a long name."""
    return text if len(text) <= most else f"{text[: (most - 1) // 2]}…{text[-(most // 2) :]}"


# --- sizes --------------------------------------------------------------------------------------------------------


def _height(layer: DrawnLayer, pitch: float) -> float:
    if layer.look == "nodes":
        return pitch * (_num_places(layer.shown, layer.size) - 1) + 2 * RADIUS
    if layer.look == "maps":
        return sheet(layer)[1] + SHEET_STEP * (num_sheets(layer) - 1)
    return BOX[1]


def half_width(layer: DrawnLayer) -> float:
    """Give half the width of a layer."""
    if layer.look == "nodes":
        return RADIUS
    if layer.look == "maps":
        return (sheet(layer)[0] + SHEET_STEP * (num_sheets(layer) - 1)) / 2
    return BOX[0] / 2


def sheet(layer: DrawnLayer) -> tuple[float, float]:
    """Give the width and height of a map: by the logarithm of its sides; a sequence is a strip."""
    shape = layer.shape or ()
    sides = shape[1:] if layer.size is not None and shape[0] == layer.size and shape[-1] != layer.size else shape[:-1]
    lengths = [0.28 + 0.1 * log2(side) if side else 0.7 for side in sides]  # unknown: as of 18
    height, width = (lengths[-2], lengths[-1]) if len(lengths) > 1 else (lengths[0], 0.16)
    return min(width, 1.1), min(height, 1.1)


def num_sheets(layer: DrawnLayer) -> int:
    """Count the maps of a stack that are drawn."""
    return min(layer.size or MOST_SHEETS, MOST_SHEETS)


def _num_places(shown: Sequence[int], size: int | None) -> int:
    """Count the nodes of a column, and the place of the dots."""
    return len(shown) + (len(shown) < (size or 0))


def _nodes(layer: DrawnLayer, y: float, pitch: float) -> dict[int, float]:
    """Find the height of each node that is shown."""
    if layer.look != "nodes":
        return {}
    top = y + pitch * (_num_places(layer.shown, layer.size) - 1) / 2
    skip = [number > place_of for place_of, number in enumerate(layer.shown)]
    return {number: top - pitch * (i + after) for i, (number, after) in enumerate(zip(layer.shown, skip, strict=True))}


def dots(nodes: dict[int, float]) -> list[float]:
    """Find where the dots stand: in the gap between two nodes that do not follow each other."""
    numbers = list(nodes)
    for before, after in pairwise(numbers):
        if after != before + 1:
            middle, step = (nodes[before] + nodes[after]) / 2, 0.1
            return [middle - step, middle, middle + step]
    return []
