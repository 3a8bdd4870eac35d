"""The images that a network takes for something else: what they look like says more than how many they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from recipes.plots.style import INK, POINTS, SQUARE, new_ax

GAP = 0.12  # of an image's width, between two of them
HEADROOM = 0.42  # of an image's height, for the words above it


def plot_misread(
    images: Any,
    labels: Any,
    predicted: Any,
    ax: Axes | None = None,
    *,
    class_names: Sequence[str] = (),
    most: int = 30,
    title: str = "",
) -> Axes:
    """Show the images whose label was not the predicted one, above each what it is and what it was taken for.

    Args:
        images: `(n, height, width)` or `(n, height, width, 1)`, ink.
        labels: `(n,)`, the true class numbers.
        predicted: `(n,)`, those that were predicted.
        ax: Where to draw; a new figure without it.
        class_names: What to write in the place of the numbers.
        most: How many images at most, the first ones.
        title: Above the axes; how many of how many without it.
    """
    images, labels, predicted = (np.asarray(values) for values in (images, labels, predicted))
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.ndim != 3 or not len(images) == len(labels) == len(predicted):
        raise ValueError(
            f"images have shape {images.shape}, labels {labels.shape}, predicted {predicted.shape}. "
            "Expected (n, height, width), (n,) and (n,)."
        )
    ax = ax or new_ax(SQUARE)
    wrong = np.flatnonzero(labels != predicted)
    shown = wrong[:most]
    few = f", the first {most:,}" if len(wrong) > most else ""
    columns = max(1, int(np.ceil(len(shown) ** 0.5)))
    height, width = images.shape[1:]
    for place, row in enumerate(shown):
        left = place % columns * (1 + GAP) * width
        top = place // columns * (1 + GAP + HEADROOM) * height
        ax.imshow(images[row], cmap=INK, extent=(left, left + width, top + height, top), gid=f"row {row}")
        true, said = (class_names[k] if len(class_names) else k for k in (labels[row], predicted[row]))
        ax.text(
            left + width / 2, top - 0.04 * height, f"{true} → {said}", ha="center", va="bottom", fontsize=POINTS - 1
        )
    rows = -(-len(shown) // columns)
    ax.set(xlim=(0, columns * (1 + GAP) * width), ylim=(rows * (1 + GAP + HEADROOM) * height, -HEADROOM * height))
    ax.set_axis_off()
    ax.set_title(title or f"{len(wrong):,} of {len(labels):,} misread{few}", loc="left", fontsize=POINTS)
    return ax
