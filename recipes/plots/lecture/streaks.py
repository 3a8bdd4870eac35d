"""A simulated image of streaks, what is in it, and how often methods read it rightly."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from cheatsheet.common.words import count
from recipes.plots.style import CHANCE, INK, POINTS, TEXT, TRAIN, VALIDATION, frame, new_ax, new_figure

SIZE = (13, 5.2)  # inches: an image, four light curves, and accuracies
SHOWN = 1000.0  # electrons that are black
BRIGHT = 10.0  # signal to noise of the light curves that are shown, at least
WITHIN = (0.5, 99.5)  # percentiles of a light curve that a panel has room for: what a cosmic ray left may be far beyond
LOWEST = 0.2  # accuracy at the foot of the axis, or less where a point is
SPARE = 0.03  # accuracy between the end of a bar and the frame
FREE = 0.5  # accuracy below which the legend has room for itself in the frame, where no point lies there
COLOURS = {"periodogram": TEXT, "CNN": TRAIN, "transformer": VALIDATION, "CNN on strips": TRAIN,
           "transformer on strips": VALIDATION}  # fmt: skip


def draw_streaks(found: Any) -> Figure:
    """Draw an image, a light curve of each class, and accuracy against signal to noise.

    Args:
        found: What `compare_classifiers` returns.
    """
    from recipes.lecture.astronomy.readout import CLASSES

    figure = new_figure(SIZE)
    grid = figure.add_gridspec(len(CLASSES), 3, width_ratios=(1.15, 1, 1.1))
    plot_readout(found.image, figure.add_subplot(grid[:, 0]))
    first = None
    for number, kind in enumerate(CLASSES):
        ax = first = figure.add_subplot(grid[number, 1], sharex=first)
        plot_light_curve(found, row_of(found, number), ax)
        ax.tick_params(labelbottom=kind == CLASSES[-1])
        if kind != CLASSES[-1]:
            ax.set_xlabel("")
    plot_accuracies(found, figure.add_subplot(grid[:, 2]))
    return figure


def row_of(found: Any, kind: int) -> int:
    """Choose the first streak of a class that is bright, whatever is said of it; of all where none of them is."""
    bright = np.flatnonzero((found.test.classes == kind) & (found.test.snr >= BRIGHT))
    return int(bright[0]) if len(bright) else int(np.argmax(found.test.classes == kind))


def plot_readout(image: Any, ax: Axes | None = None) -> Axes:
    """Show an image with the time to the right, dark where it is bright, and what each streak is.

    Args:
        image: What `simulate_readout` returns.
        ax: Where to draw; a new figure without it.
    """
    from recipes.lecture.astronomy.readout import CLASSES, RATE

    ax = ax or new_ax((6, 4.4))
    times, columns = image.pixels.shape
    ax.imshow(image.pixels.T, cmap=INK, norm=PowerNorm(0.5, 0, SHOWN), aspect="auto", interpolation="nearest",
              extent=(0, times / RATE, columns - 0.5, -0.5))  # fmt: skip
    ax.set_yticks(image.columns, [CLASSES[kind] for kind in image.classes])
    ax.set(xlabel="seconds")
    ax.tick_params(left=False, labelsize=POINTS - 1)
    frame(ax, "a simulated image; dots are cosmic rays")
    return ax


def plot_light_curve(found: Any, row: int, ax: Axes | None = None) -> Axes:
    """Draw the light curve of one streak, and what it is, and what each method says that it is not.

    Args:
        found: What `compare_classifiers` returns.
        row: Of its streaks.
        ax: Where to draw; a new figure without it.
    """
    from recipes.lecture.astronomy.readout import CLASSES, RATE

    ax = ax or new_ax((5, 2))
    curve, kind = found.test.curves[row], found.test.classes[row]
    ax.plot(np.arange(len(curve)) / RATE, curve, color=TEXT, linewidth=0.7)
    said = {method: each[0].classes[row] for method, each in found.judged.items()}
    wrong = [f"{method}: {CLASSES[its]}" for method, its in said.items() if its != kind]
    low, high = np.percentile(curve, WITHIN)
    room = 0.2 * (high - low)
    ax.set(xlabel="seconds", ylabel="sigmas", xlim=(0, len(curve) / RATE), ylim=(low - room, high + room))
    frame(ax, f"{CLASSES[kind]}, S/N {found.test.snr[row]:.0f}; {'; '.join(wrong) or 'all methods are right'}")
    return ax


def plot_accuracies(found: Any, ax: Axes | None = None) -> Axes:
    """Draw the accuracy of each method against the signal to noise of a sample.

    A point is the mean over the trainings, and a bar the standard error that so many streaks leave. The legend stands
    in the frame where no bar is as low, else below it.

    Args:
        found: What `compare_classifiers` returns.
        ax: Where to draw; a new figure without it.
    """
    from recipes.lecture.astronomy.readout import CLASSES
    from recipes.lecture.astronomy.streaks import SNR_NAMES

    ax = ax or new_ax((5.5, 4.4))
    groups = {name: rows for name in SNR_NAMES if len(rows := found.groups[name])}
    ends: list[np.ndarray] = []  # of the bars
    for number, method in enumerate(found.judged):
        means = np.array([found.accuracies(method, rows).mean() for rows in groups.values()])
        errors = np.sqrt(means * (1 - means) / [len(rows) for rows in groups.values()])
        ends += [means - errors, means + errors]
        places = np.arange(len(groups)) + 0.06 * (number - (len(found.judged) - 1) / 2)
        ax.errorbar(places, means, errors, color=COLOURS[method], marker="o", markersize=4, linewidth=1,
                    linestyle="--" if "strips" in method else "-", gid=method,
                    label=f"{method}: {found.accuracies(method).mean():.3f} in all")  # fmt: skip
    ax.axhline(1 / len(CLASSES), color=CHANCE, linewidth=1, linestyle=":", label="chance")
    ax.set_xticks(range(len(groups)), [f"{name}\n{count(len(rows), 'streak')}" for name, rows in groups.items()])
    least, most = np.min(ends), np.max(ends)
    bottom, top = (LOWEST if least > LOWEST else least - SPARE), (1.0 if most < 1 else most + SPARE)
    ax.set(ylim=(bottom, top), xlabel="signal to noise of a sample, 1/300 s", ylabel="accuracy")
    free: dict[str, Any] = {"loc": "lower right"}
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2), "ncols": 2}
    ax.legend(
        facecolor="white", edgecolor="none", framealpha=1, fontsize=POINTS - 1, **(free if least > FREE else below)
    )
    frame(ax, f"{len(found.test):,} simulated streaks, unseen")
    return ax
