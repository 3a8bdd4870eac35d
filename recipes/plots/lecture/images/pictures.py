"""Images of any number of channels as something to look at, and many of them side by side on one Axes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from recipes.lecture.images.reach import range_of
from recipes.plots.style import POINTS, TEXT

GAP = 0.08  # between tiles, of a tile's side


def as_picture(image: Any, limits: tuple[float, float] | None = None) -> np.ndarray:
    """Make an image of `(height, width, channels)` one of grey or of colours, values 0 to 1.

    Three channels are red, green and blue; of any other number their mean is grey.

    Args:
        image: Numbers in any units.
        limits: The values that are black and white; 0 to 1, -1 to 1 or 0 to 255 by default, whichever holds all.

    Returns:
        `(height, width)` or `(height, width, 3)`.
    """
    values = np.asarray(image, float)
    low, high = limits or range_of(values)
    scaled = np.clip((values - low) / (high - low if high > low else 1.0), 0, 1)
    return scaled if scaled.shape[-1] == 3 else scaled.mean(axis=2)


def draw_tile(ax: Axes, picture: np.ndarray, left: float, top: float, size: tuple[float, float] = (1, 1)) -> None:
    """Draw a picture, values 0 to 1, into a rectangle of height and width `size` of an Axes whose y runs down."""
    ax.imshow(
        picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="equal",
        extent=(left, left + size[1], top + size[0], top),
    )  # fmt: skip


def draw_rows(ax: Axes, rows: Sequence[Sequence[np.ndarray]], names: Sequence[str], notes: Any = None) -> Axes:
    """Draw pictures in rows, tiles of one height, whatever their numbers of pixels.

    Args:
        ax: Where to draw.
        rows: Pictures with values 0 to 1.
        names: Of each row, at its left.
        notes: Of each tile, below it; the rows stand further apart then.
    """
    step = 1 + (0.3 if notes is not None else GAP)
    widest = 0.0
    for row, pictures in enumerate(rows):
        left = 0.0
        for column, picture in enumerate(pictures):
            width = picture.shape[1] / picture.shape[0]
            draw_tile(ax, picture, left, row * step, (1, width))
            if notes is not None:
                ax.text(left + width / 2, row * step + 1.04, notes[row][column], ha="center", va="top",
                        fontsize=POINTS - 2, color=TEXT)  # fmt: skip
            left += width + GAP
        widest = max(widest, left - GAP)
    ax.set(xlim=(0, widest), ylim=(len(rows) * step - (0 if notes is not None else GAP), 0), xticks=[])
    ax.set_yticks([row * step + 0.5 for row in range(len(rows))], names, fontsize=POINTS - 1)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax
