"""The loss around a model's weights as a map: contours, the model, the lowest place, and the path that led there."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from recipes.plots.style import POINTS, TRAIN, VALIDATION, new_ax

SIZE = (5.4, 4.8)  # inches
LEVELS = 14
EDGE = 0.06  # of the axes: half a label's width
HIGHEST = 0.97  # of the losses that are drawn as levels: a few at the rim would take all of them
HEIGHTS = "Blues"  # colour map of the losses: the darker, the higher, in grey too


def plot_landscape(landscape: Any, ax: Axes | None = None, *, levels: int = LEVELS, title: str = "") -> Axes:
    """Show the loss on the plane through a model's weights: the darker, the higher.

    The levels lie as the squares of equal steps do, so that rings around the bottom of a bowl are equally far apart.

    Args:
        landscape: What `loss_landscape` returns.
        ax: Where to draw; a new figure without it.
        levels: How many contours.
        title: Above the axes.
    """
    ax = ax or new_ax(SIZE)
    losses = np.ma.masked_invalid(landscape.losses)
    shown = losses.compressed()
    a, b, low = landscape.lowest
    if len(shown) and np.ptp(shown) > 0:
        bottom, top = float(shown.min()), float(np.quantile(shown, HIGHEST))
        top = top if top > bottom else float(shown.max())
        heights = bottom + (top - bottom) * np.linspace(0, 1, levels + 1) ** 2
        ax.contourf(landscape.first, landscape.second, losses, levels=heights, cmap=HEIGHTS, extend="max")
        lines = ax.contour(landscape.first, landscape.second, losses, levels=heights[1:], colors="0.25", linewidths=0.6)
        for label in ax.clabel(lines, heights[2::2], fmt="%.3g", fontsize=POINTS - 2, colors="black"):
            label.set_path_effects([withStroke(linewidth=2, foreground="white")])  # readable on every blue
            label.set_visible(_is_inside(label.get_position(), landscape))  # or the edge would cut it
    if landscape.path is not None:
        ax.plot(*landscape.path.T, "-o", color="black", linewidth=1, markersize=2.5, markerfacecolor="white",
                markeredgewidth=0.7, label="path, epoch by epoch", gid="path")  # fmt: skip
        ax.plot(*landscape.path[0], "s", color="black", markersize=5, label="its start", gid="start")
    ax.plot(0, 0, "o", markersize=9, markerfacecolor="white", markeredgecolor=TRAIN, markeredgewidth=2, gid="model",
            label=f"the model, {landscape.value:.3g}")  # fmt: skip
    ax.plot(a, b, "*", markersize=11, color=VALIDATION, markeredgecolor="white", gid="lowest", zorder=4, clip_on=False,
            label=f"lowest place, {low:.3g}")  # fmt: skip
    if landscape.path is None:
        ax.set_aspect("equal")
        ax.set(xlabel="first direction [filter lengths]", ylabel="second direction [filter lengths]")
    else:
        names = [f"{name} direction, {share:.0%} of the path" for name, share in
                 zip(("first", "second"), landscape.shares or (), strict=False)]  # fmt: skip
        ax.set(xlabel=names[0], ylabel=names[1])
    ax.set(xlim=landscape.first[[0, -1]], ylim=landscape.second[[0, -1]])
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.14), ncols=2, fontsize=POINTS)
    ax.set_title(title or landscape.loss, loc="left", fontsize=POINTS)
    return ax


def _is_inside(place: tuple[float, float], landscape: Any) -> bool:
    """Say whether a label there is whole."""
    ways = zip(place, (landscape.first, landscape.second), strict=True)
    return all(EDGE <= (at - way[0]) / (way[-1] - way[0]) <= 1 - EDGE for at, way in ways)
