"""Simulated light echoes with what was found in them, and precision against recall."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from recipes.lecture.astronomy.boxes import as_boxes
from recipes.lecture.astronomy.inputs import as_floats
from recipes.plots.style import INK, POINTS, TEXT, TRAIN, VALIDATION, frame, new_ax, new_figure

SIZE = (13, 4.9)  # inches: a scene, the same with boxes, and the curves
SHOWN = (-2.5, 5.0)  # standard deviations that are white and black
POINT = "gold"  # like no method's
COLOURS = {"matched filter": TEXT, "network": TRAIN, "network with attention": VALIDATION}


def draw_echoes(found: Any) -> Figure:
    """Draw a scene as it is and with the boxes of the best method, and the curves of all.

    Args:
        found: What `compare_detectors` returns.
    """
    figure = new_figure(SIZE)
    axes = figure.subplots(1, 3, width_ratios=(1, 1, 1.2))
    method = max(found.judged, key=lambda name: found.average_precisions(name).mean())
    row = most_echoes(found)
    plot_scene(found.scenes.images[found.splits[0][1][row]], ax=axes[0])
    frame(axes[0], "a simulated field, stars subtracted")
    plot_detections(found, method, row, axes[1])
    plot_precision_recall(found, axes[2])
    return figure


def most_echoes(found: Any) -> int:
    """Choose the first split's test scene with the most echoes, whatever was found there."""
    return int(np.argmax([len(found.scenes.boxes[row]) for row in found.splits[0][1]]))


def plot_scene(image: np.ndarray, boxes: Any = (), ax: Axes | None = None) -> Axes:
    """Show a field, dark where it is bright, and boxes in it.

    Args:
        image: `(height, width)`, in standard deviations of the noise; NaN stays white.
        boxes: `(k, 4)`: left, top, right, bottom in pixels.
        ax: Where to draw; a new figure without it.

    Raises:
        ValueError: for an image of another shape, and boxes that are not four finite sides each.
    """
    image = as_floats(image, "image")
    if image.ndim != 2:
        raise ValueError(f"image must be of shape (height, width). Received: shape {image.shape}.")
    boxes = as_boxes(boxes, area=False)
    ax = ax or new_ax((4.4, 4.4))
    height, width = image.shape
    ax.imshow(image, cmap=INK, vmin=SHOWN[0], vmax=SHOWN[1], extent=(0, width, height, 0), interpolation="nearest")
    draw_boxes(ax, boxes, color="black", linestyle="--", linewidth=1.3, gid="true")
    ax.set(xticks=[], yticks=[])
    return ax


def draw_boxes(ax: Axes, boxes: Any, **style: Any) -> None:
    """Draw boxes on an Axes in pixels."""
    for left, top, right, bottom in boxes:
        ax.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, **style))


def plot_detections(found: Any, method: str, row: int = 0, ax: Axes | None = None) -> Axes:
    """Show a scene that the first split tests, with the true boxes and those that a method found.

    Shown are those down to the least confidence at which precision, over all test scenes, is still the lecture's 0.80;
    of a method that is never as precise as that the surest, as many as there are echoes in all test scenes.

    Args:
        found: What `compare_detectors` returns.
        method: One of its methods.
        row: Of the test scenes.
        ax: Where to draw; a new figure without it.

    Raises:
        ValueError: for a method that was not compared.
    """
    from recipes.lecture.astronomy.light_echoes import FILTER, LECTURE_POINT, require_method

    require_method(method, found.judged)
    scene = found.splits[0][1][row]
    judged = found.judged[method][0]
    curve = judged.curve
    precise = np.flatnonzero(curve.precision >= LECTURE_POINT[1])
    shown = precise[-1] + 1 if len(precise) else min(curve.num_true, len(curve.scores))
    least = curve.scores[shown - 1] if shown else np.inf
    here = judged.found[row]
    sure = here.scores >= least
    ax = plot_scene(found.scenes.images[scene], found.scenes.boxes[scene], ax)
    draw_boxes(ax, here.boxes[sure], color=COLOURS[method], linewidth=1.6, gid="found")
    for box, score in zip(here.boxes[sure], here.scores[sure], strict=True):
        ax.text(box[0] + 2, box[1] + 2, f"{score:.2f}", va="top", fontsize=POINTS - 2, color=COLOURS[method],
                clip_on=True, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
    if not len(precise):
        ax.set_xlabel(
            f"precision never reaches {LECTURE_POINT[1]:.2f}: the surest are shown,\nas many as there are echoes",
            fontsize=POINTS,
        )
    said = "answer in sigmas" if method == FILTER else "confidence"
    frame(ax, f"dashed: true; solid: found by the {method},\nwith its {said}")
    return ax


def plot_precision_recall(found: Any, ax: Axes | None = None) -> Axes:
    """Draw precision against recall, a line for each split, and the lecture's point, which is of real fields.

    Args:
        found: What `compare_detectors` returns.
        ax: Where to draw; a new figure without it.
    """
    from recipes.lecture.astronomy.light_echoes import LECTURE_POINT

    ax = ax or new_ax((5.5, 4.4))
    for method, each in found.judged.items():
        precisions = found.average_precisions(method)
        spread = f" ± {precisions.std(ddof=1):.2f}" if len(precisions) > 1 else ""
        for number, one in enumerate(each):
            label = f"{method}: AP50 {precisions.mean():.2f}{spread}" if number == 0 else None
            ax.plot(one.curve.recall, one.curve.precision, color=COLOURS[method], linewidth=1, alpha=0.8, label=label,
                    gid=method)  # fmt: skip
    ax.plot(*LECTURE_POINT, "*", color=POINT, markersize=13, markeredgecolor="black", gid="lecture",
            label="AILE on real fields (slide)", zorder=4)  # fmt: skip
    ax.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="recall: found of all echoes", ylabel="precision: true of what is found")
    ax.legend(frameon=False, loc="lower left", fontsize=POINTS - 1)
    frame(ax, f"{len(found.splits[0][1])} simulated fields, unseen")
    return ax
