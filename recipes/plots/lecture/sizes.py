"""What a size costs and brings: losses against a model's parameters, accuracy against the batch size."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from recipes.lecture.models.occam import SIZES
from recipes.plots.style import CHANCE, CURVES, LINE, MIRRORED, POINTS, TRAIN, VALIDATION, log_scale, new_ax

MANY, WIDE = 10.0, 30.0  # parameters, and losses, that span more than this factor are drawn on a log axis
TALLEST = 1e5  # times the best validation loss: what is above leaves the picture, or the rest would be a line
# Of the learning rates, from the lowest: line style, marker, colour.
RATE_STYLES = ((":", "o", TRAIN), ("--", "s", VALIDATION), ("-", "^", "black"), ("-.", "D", MIRRORED))
LOWEST = 30.0  # times below the best validation loss: a training loss of 0 likewise


def plot_occam(occam: Any, ax: Axes | None = None, *, title: str = "") -> Axes:
    """Show training and validation loss against the number of parameters, with the simplest size that is as good.

    Bars are standard errors over the repetitions. Where a model can have as many parameters as there are numbers to
    learn, which least squares then repeats, a line says so.

    Args:
        occam: What `recipes.lecture.models.occam.occam` returns.
        ax: Where to draw; a new figure without it.
        title: Above the axes.
    """
    ax = ax or new_ax(CURVES)
    parameters = np.array([size.parameters for size in occam.sizes])
    for name, style, colour in (("train", "-o", TRAIN), ("validation", "--s", VALIDATION)):
        losses = np.array([getattr(size, name) for size in occam.sizes])  # (sizes, seeds)
        errors = losses.std(axis=1, ddof=1) / losses.shape[1] ** 0.5
        ax.errorbar(parameters, losses.mean(axis=1), errors, fmt=style, color=colour, markersize=4, linewidth=1.5,
                    capsize=2.5, label="training" if name == "train" else name)  # fmt: skip
    ax.axhline(occam.limit, color=CHANCE, linestyle=":", linewidth=1.2, gid="limit",
               label="best and one standard error")  # fmt: skip
    simplest = occam.simplest
    other = "none simpler is as good" if simplest is occam.best else f"{simplest.size:,} is as good"
    ax.plot(simplest.parameters, simplest.mean, "*", color="black", markersize=15, markeredgecolor="white", zorder=5,
            gid="simplest", label=f"simplest as good: {occam.by} {simplest.size:,}")  # fmt: skip
    numbers = occam.rows * occam.outputs
    if occam.by != "units" and parameters[0] < numbers <= parameters[-1]:
        ax.axvline(numbers, color=LINE, linestyle="-.", linewidth=1, gid="numbers", zorder=0,
                   label="as many parameters as numbers")  # fmt: skip
    if parameters[-1] > MANY * parameters[0]:
        log_scale(ax.xaxis)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _limit_heights(occam, ax)
    ax.set(xlabel=f"parameters, by {SIZES[occam.by][0]}", ylabel=occam.loss.replace("_", " "))
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.15), ncols=2, fontsize=POINTS)
    ax.set_title(title or f"{occam.by} {occam.best.size:,} is best, {other}", loc="left", fontsize=POINTS)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _limit_heights(occam: Any, ax: Axes) -> None:
    """Choose a log axis where the losses need one, and leave out what would press the rest into a line."""
    means = np.array([(size.train.mean(), size.mean) for size in occam.sizes])
    best = occam.best.mean
    if best > 0 and means.max() > WIDE * max(means.min(), best / LOWEST):
        log_scale(ax.yaxis, nonpositive="clip")
        ax.set_ylim(max(means.min() / 1.5, best / LOWEST), min(means.max() * 2, best * TALLEST))


def plot_batch_sizes(sizes: Any, ax: Axes | None = None, *, title: str = "") -> Axes:
    """Show what was reached with each batch size, a line for each learning rate; bars are standard errors.

    Args:
        sizes: What `compare_batch_sizes` returns.
        ax: Where to draw; a new figure without it.
        title: Above the axes; what is held constant is said there without it.
    """
    ax = ax or new_ax(CURVES)
    for i, (rate, means, errors) in enumerate(zip(sizes.learning_rates, sizes.means, sizes.errors, strict=True)):
        style, marker, colour = RATE_STYLES[i % len(RATE_STYLES)]
        ax.errorbar(np.array(sizes.batch_sizes), means, errors, linestyle=style, marker=marker, color=colour,
                    markersize=5, linewidth=1.5, capsize=2.5, label=f"rate {rate:g}")  # fmt: skip
    ax.set_xscale("log")
    ax.set_xticks(sizes.batch_sizes, [f"{size:,}" for size in sizes.batch_sizes])
    ax.minorticks_off()
    ax.set(xlabel="batch size", ylabel=f"validation {sizes.metric.replace('_', ' ')}")
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.15), ncols=3, fontsize=POINTS)
    steps = f"{max(sizes.steps):,} to {min(sizes.steps):,} steps" if sizes.held == "epochs" else ""
    ax.set_title(title or f"{sizes.budget:,} {sizes.held} for all" + (f" ({steps})" if steps else ""), loc="left",
                 fontsize=POINTS)  # fmt: skip
    ax.spines[["top", "right"]].set_visible(False)
    return ax
