"""Convolution, ReLU and max pooling with their numbers, as far as a step or to the end."""

from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from recipes.plots.style import FAINT, LINE, POINTS, SMALL, VALIDATION, new_ax, new_figure

SIZE = (9.6, 6.6)  # inches, of six grids
LETTERS = 125  # of a line above them
MOST_SIDE = 16  # of a grid whose numbers can be read
DARK = 0.5  # of the way from the lowest value to the highest: numbers below are white


def plot_cells(
    values: Any, ax: Axes | None = None, *, title: str = "", window: tuple[float, float, float, float] | None = None,
    limits: tuple[float, float] | None = None,
) -> Axes:  # fmt: skip
    """Show numbers in rows and columns, each written into a cell, the larger the lighter; of more than 16 a side none.

    Args:
        values: `(height, width)`; NaN stays blank.
        ax: Where to draw; a new figure without it.
        title: Above the axes.
        window: Top, left, height and width of a frame around some of the cells, in cells.
        limits: The values that are black and white; the lowest and the highest by default.
    """
    values = np.ma.masked_invalid(np.asarray(values, float))
    ax = ax or new_ax(SMALL)
    low, high = limits or (values.min(), values.max())
    if values.mask.all() or not high > low:
        low = high = 0.0 if values.mask.all() else float(low)
        low, high = low - 1, high + 1  # one value alone is grey
    ax.imshow(values, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    rows, columns = values.shape
    if max(rows, columns) <= MOST_SIDE:
        size = min(12.0, 60 / max(rows, columns, 5))
        for (row, column), value in np.ndenumerate(values.filled(np.nan)):
            if np.isfinite(value):
                colour = "white" if (value - low) / (high - low) < DARK else "black"
                text = f"{value + 0.0:.3g}"  # no minus before a zero
                ax.text(
                    column, row, text, ha="center", va="center", color=colour, fontsize=size * min(1, 4 / len(text))
                )
        ax.set_xticks(np.arange(columns + 1) - 0.5, [])
        ax.set_yticks(np.arange(rows + 1) - 0.5, [])
        ax.grid(color=LINE, linewidth=0.6)
        ax.tick_params(length=0)
    else:
        ax.set(xticks=[], yticks=[])
    ax.spines[:].set_color(FAINT)
    if window is not None:
        top, left, height, width = window
        frame = Rectangle((left - 0.5, top - 0.5), width, height, fill=False, edgecolor=VALIDATION,
                          linewidth=3 if max(rows, columns) <= MOST_SIDE else 1.5)  # fmt: skip
        frame.set(gid="window", clip_on=False)
        ax.add_patch(frame)
    ax.set_title(title, loc="left", fontsize=POINTS)
    return ax


def plot_convolution(result: Any, step: int | None = None) -> Figure:
    """Draw an image's way through convolution, ReLU and max pooling; return the Figure.

    Args:
        result: What `convolve` returns.
        step: As far as this step, from 0; without it all of it, and the window of the largest value.
    """
    last = result.num_steps - 1
    kind, row, column = result.place(last if step is None else step)
    if step is None:
        shown = int(np.argmax(result.feature_map))
        kind = "window"
        row, column = divmod(shown, result.feature_map.shape[1])
        done, is_rectified, pools = result.feature_map.size, True, result.pooled.size
    else:
        shown = min(step, result.feature_map.size - 1)
        done = shown + 1
        is_rectified = step >= result.feature_map.size
        pools = max(0, step - result.feature_map.size)
    window = result.windows[shown]
    figure = new_figure(SIZE)
    axes = figure.subplots(2, 3)
    in_pixels = in_map = in_relu = in_pooled = None
    if kind == "window":
        in_pixels, in_map = (window.top, window.left, *result.kernel.shape), (row, column, 1, 1)
    elif kind == "pool":
        start = row * result.pool_strides, column * result.pool_strides
        in_relu, in_pooled = (*start, result.pool_size, result.pool_size), (row, column, 1, 1)
    limits = _limits(result.image)
    plot_cells(result.image, axes[0, 0], title=f"image {_size(result.image)}", window=in_pixels, limits=limits)
    plot_cells(result.kernel, axes[0, 1], title=f"kernel {_size(result.kernel)}", limits=_limits(result.kernel))
    widest = float(np.abs(result.image).max() * np.abs(result.kernel).max())
    if kind == "window":
        plot_cells(
            window.products, axes[0, 2], title=f"pixels × weights, sum {window.total:.4g}", limits=(-widest, widest)
        )
    else:
        axes[0, 2].set_axis_off()
    lightest = _limits(result.feature_map)  # of all three, so that a value keeps its grey
    seen = (
        (axes[1, 0], result.feature_map, done, "feature map", in_map),
        (axes[1, 1], result.relu, result.relu.size * is_rectified, "ReLU", in_relu),
        (axes[1, 2], result.pooled, pools, f"{result.pool_size}×{result.pool_size} max pool", in_pooled),
    )
    for ax, values, count, name, frame in seen:
        so_far = np.where(np.arange(values.size).reshape(values.shape) < count, values, np.nan)
        plot_cells(so_far, ax, title=f"{name} {_size(values)}", window=frame, limits=lightest)
    said = result.caption(shown if step is None else step)
    lines = fill(said, LETTERS).split("\n")
    text = "\n".join([*lines, " "][: max(2, len(lines))])  # two lines at least, so that no frame of a page jumps
    figure.suptitle(text, x=0.02, ha="left", fontsize=POINTS + 1)
    return figure


def _limits(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _size(values: np.ndarray) -> str:
    return "×".join(map(str, values.shape))
