"""What all figures have in common: sizes, colours, points, and where an Axes comes from when none is given."""

import sys
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, MaxNLocator, NullFormatter

TRAIN, VALIDATION = "#1f5a99", "#d1602a"  # blue and orange: told apart by every eye, and in print
MIRRORED = "#8a8a2a"  # a part of the validation set
CHANCE = "0.55"  # what every curve is measured by
TEXT, LINE, FAINT = "0.3", "0.6", "0.8"  # greys: of notes, of marks, of what only joins
VERDICT = {"error": "#a02020", "warning": "#8a5a00", "info": "#2b6e3f"}  # by severity
CLASSES = "tab10"  # colour map of classes
CHAINS = "Dark2"  # colour map of runs that go on from one another
INK = "gray_r"  # colour map of images whose values are ink

POINTS = 9  # size of what is written into a figure
LETTER_WIDTH = 0.6  # of the font size; DejaVu Sans, averaged over English text, is 0.55
LETTER = POINTS * LETTER_WIDTH / 72  # width of a letter of a note, inches

MULTIPLES = ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7))  # of the powers of ten that a log axis is labelled at
FEWEST_LABELS = 2  # of a log axis: one says where, two how far

CURVES = (6.4, 4.4)  # inches, of a figure of curves
SQUARE = (4.4, 4.4)
WIDE = (7, 4.2)
SMALL = (3.4, 3.4)
PANELS = (11, 7)  # of several Axes


def new_figure(size: tuple[float, float]) -> Figure:
    """Make a figure that pyplot does not keep: it ends with its last reference, and a notebook shows it once."""
    if "IPython" in sys.modules:
        plt.draw_if_interactive()  # loads the notebook's backend, from which IPython learns how a Figure is shown
    return Figure(figsize=size, layout="constrained")


def new_ax(size: tuple[float, float]) -> Axes:
    """Make an Axes on such a figure of its own."""
    return new_figure(size).add_subplot()


def size_of(ax: Axes) -> tuple[float, float]:
    """Give the width and height of an Axes in inches, or what a layout that is still to come will leave it, nearly."""
    figure, whole, spec = ax.figure, ax.get_figure(root=True), ax.get_subplotspec()
    width, height = figure.bbox.width / figure.dpi, figure.bbox.height / figure.dpi
    if spec is not None and whole is not None and whole.get_layout_engine() is not None:
        grid = spec.get_gridspec()
        columns, rows = np.array(grid.get_width_ratios()), np.array(grid.get_height_ratios())
        share = columns[spec.colspan].sum() / columns.sum(), rows[spec.rowspan].sum() / rows.sum()
    else:
        box = ax.get_position()
        share = box.width, box.height
    return width * share[0], height * share[1]


class Labelled(LogLocator):
    """Places ticks at powers of ten, and between them where fewer than two powers are in view."""

    def tick_values(self, vmin: float, vmax: float) -> Any:
        low, high = sorted((vmin, vmax))
        for multiples in MULTIPLES:
            self.set_params(subs=multiples)
            ticks = np.asarray(super().tick_values(vmin, vmax))
            if np.count_nonzero((ticks >= low) & (ticks <= high)) >= FEWEST_LABELS:
                return ticks
        return np.asarray(MaxNLocator(nbins=4).tick_values(vmin, vmax))


def log_scale(axis: Axis, **options: str) -> None:
    """Make an axis logarithmic, with two labels at least, wherever its limits will be.

    Args:
        axis: Such as `ax.xaxis`.
        options: Of matplotlib's scale, such as `nonpositive`.
    """
    ax = axis.axes
    (ax.set_xscale if axis is ax.xaxis else ax.set_yscale)("log", **options)
    axis.set_major_locator(Labelled())
    axis.set_major_formatter(LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf)))
    axis.set_minor_formatter(NullFormatter())  # else they overlap in a small panel


def frame(ax: Axes, title: str) -> None:
    """Write a title above the left end of an Axes, and leave its upper and right side open."""
    ax.set_title(title, loc="left", fontsize=POINTS)
    ax.spines[["top", "right"]].set_visible(False)
