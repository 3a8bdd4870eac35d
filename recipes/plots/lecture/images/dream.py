"""A dream beside the image that it began from, and how far it excites the chosen units."""

from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipes.plots.lecture.images.pictures import as_picture
from recipes.plots.style import LETTER, LINE, POINTS, TRAIN, VALIDATION, new_ax, new_figure

HEIGHT = 3.4  # inches
BARS = 3.2  # inches, of the axes of activations


def plot_dream(dream: Any) -> Figure:
    """Draw an image before and after, and the activations; return the Figure.

    Args:
        dream: What `recipes.lecture.images.dream.deep_dream` returns.
    """
    width = HEIGHT * dream.before.shape[1] / dream.before.shape[0]
    figure = new_figure((2 * width + BARS, HEIGHT + 0.4))
    before, after, bars = figure.subplots(1, 3, width_ratios=(width, width, BARS))
    for ax, image, title in ((before, dream.before, "before"), (after, dream.after, f"after: {_what(dream)}")):
        ax.imshow(as_picture(image, dream.limits), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        ax.set_title(fill(title, int(width / LETTER)), loc="left", fontsize=POINTS)
    plot_dream_activations(dream, bars)
    return figure


def plot_dream_activations(dream: Any, ax: Axes | None = None) -> Axes:
    """Show the chosen units' activation before, with noise of the same energy, and after.

    Args:
        dream: What `recipes.lecture.images.dream.deep_dream` returns.
        ax: Where to draw; a new figure without it.
    """
    ax = ax or new_ax((BARS, HEIGHT))
    values = (dream.activation_before, dream.activation_noise, dream.activation_after)
    colours, hatches = (LINE, VALIDATION, TRAIN), ("", "//", "")
    bars = ax.bar(("before", "noise", "dream"), values, 0.6, color=colours, edgecolor="white")
    for bar, hatch, value in zip(bars, hatches, values, strict=True):
        bar.set_hatch(hatch)
        away, edge = (-3, "top") if value < 0 else (3, "bottom")
        ax.annotate(f"{value:.3g}", (bar.get_x() + bar.get_width() / 2, value), (0, away), textcoords="offset points",
                    ha="center", va=edge, fontsize=POINTS)  # fmt: skip
    times = f"{dream.gain:.1f} times that of noise" if np.isfinite(dream.gain) else "noise does not excite them"
    ax.axhline(0, color="black", linewidth=0.8)
    ax.set_title(times, loc="left", fontsize=POINTS)
    ax.set_ylabel("mean activation of the units", fontsize=POINTS)
    ax.margins(y=0.12)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _what(dream: Any) -> str:
    units = "all units" if dream.units is None else f"unit {', '.join(map(str, dream.units))}"
    return f"{units} of {', '.join(dream.layers)}"
