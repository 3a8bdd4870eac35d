"""Two figures of grokking: when it happened, and what became of the embedding."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from recipes.grokking.fourier import circle_order, circle_plane, joining_order
from recipes.grokking.phases import GROKKING_RATIO, phases
from recipes.plots.style import (
    FAINT,
    LINE,
    MIRRORED,
    PANELS,
    POINTS,
    SMALL,
    TEXT,
    TRAIN,
    VALIDATION,
    WIDE,
    log_scale,
    new_ax,
    new_figure,
)

NAMED = 12  # numbers of an embedding, or a few more, where there is room for them
APART = 2  # points between two numbers, or they are read as one
FEW = 4  # times as many dimensions as numbers, and from there on any embedding looks like a ring in such a view
RING = "\nSo few numbers in so many dimensions look like a ring before anything is learnt: the Gini tells, not the ring"
GINI = "Gini: how unequally its frequencies share the embedding's variance (0: all alike; towards 1: a single wave)"


def plot_timeline(run: Any, ax: Axes | None = None) -> Axes:
    """Show when the training set and the validation set became known.

    Accuracies against the step on a logarithmic axis; for commutative operations the validation set in two parts, pairs
    whose mirror image was in training and pairs whose was not; and the norm of all weights on an axis of its own.

    Args:
        run: A `GrokRun`.
        ax: Where to draw; a new figure without it.
    """
    ax = ax or new_ax(WIDE)
    history, found = run.history, phases(run.history)
    steps = np.maximum(history["step"], 1)
    ax.plot(steps, history["accuracy"], color=TRAIN, label="training")
    if "val_accuracy_unmirrored" in history:
        ax.plot(
            steps, history["val_accuracy_mirrored"], "-.", color=MIRRORED, label="validation, mirror image in training"
        )
        ax.plot(
            steps, history["val_accuracy_unmirrored"], "--", color=VALIDATION, label="validation, neither in training"
        )
    else:
        ax.plot(steps, history["val_accuracy"], "--", color=VALIDATION, label="validation")
    events = ((found.memorised_at, "memorised"), (found.generalised_at, "generalised"))
    learnt = sorted((step, name) for step, name in events if step is not None)
    is_close = len(learnt) == 2 and learnt[1][0] < GROKKING_RATIO * learnt[0][0]  # their names would overlap
    for (step, name), side in zip(learnt, ("right", "left") if is_close else ("center", "center"), strict=False):
        ax.axvline(max(step, 1), color=LINE, linewidth=0.8, linestyle=":")
        ax.annotate(
            f"{name}\nat step {step:,}", (max(step, 1), 1.01), xycoords=("data", "axes fraction"), ha=side,
            fontsize=POINTS, color=TEXT,
        )  # fmt: skip
    log_scale(ax.xaxis)
    ax.set(xlabel="step", ylabel="accuracy", ylim=(-0.02, 1.05))
    norm = ax.twinx()
    norm.plot(steps, history["weight_norm"], color=FAINT, linewidth=1)
    norm.set_ylabel("norm of the weights", color=LINE)
    norm.tick_params(axis="y", colors=LINE)
    norm.set_ylim(0, None)
    norm.spines[["top"]].set_visible(False)
    ax.set_zorder(norm.get_zorder() + 1)
    ax.patch.set_visible(False)
    ax.spines[["top"]].set_visible(False)
    ax.legend(frameon=False, fontsize=POINTS, loc="upper left")
    return ax


def plot_embedding(
    run: Any, at: int, ax: Axes | None = None, *, plane: Any = None, frequency: int | None = None
) -> Axes:
    """Draw how the embedded numbers lie.

    Args:
        run: A `GrokRun` of an operation modulo p; of a product or quotient, of a prime p.
        at: Which of its evaluations; one at which the weights were numbers.
        ax: Where to draw; a new figure without it.
        plane: Two directions `(width, 2)`; those of the last evaluation's strongest circle when missing, so that
            several moments are seen from the same side.
        frequency: Of that circle; the points are joined in its order.

    Raises:
        ValueError: for S5 and for products modulo what is no prime, whose groups are no circles.
    """
    ax, numbers = _embedding(run, at, ax, plane, frequency)
    _thin_out([numbers])
    return ax


def _embedding(run: Any, at: int, ax: Axes | None, plane: Any, frequency: int | None) -> tuple[Axes, list[Annotation]]:
    """Draw how the embedded numbers lie, and give what names them as well."""
    order = circle_order(run.table)
    if order is None:
        expected = "an operation modulo p" if run.table.operation.startswith("S5") else "a prime p"
        raise ValueError(f"{_of(run)} has no circle to draw. Expected {expected}.")
    if plane is None or frequency is None:
        plane, frequency = circle_plane(run.embeddings[_last_finite(run)], order)
    ax = ax or new_ax(SMALL)
    points = run.embeddings[at] @ plane  # (tokens, 2)
    rim = joining_order(order, frequency)
    closed = points[np.append(rim, rim[0])]
    ax.plot(closed[:, 0], closed[:, 1], color=FAINT, linewidth=0.6, zorder=1)
    ax.scatter(points[order, 0], points[order, 1], c=np.arange(len(order)), cmap="twilight", s=14, zorder=2)
    named = order[:: max(1, len(order) // NAMED)]
    numbers = [
        ax.annotate(str(number), points[number], (2, 2), textcoords="offset points", fontsize=POINTS - 2, color=TEXT)
        for number in named
    ]
    ax.set(xticks=[], yticks=[], aspect="equal")
    ax.spines[:].set_color(FAINT)
    return ax, numbers


def _thin_out(panels: Sequence[Sequence[Annotation]]) -> None:
    """Take away each number that would lie over one before it on its Axes, where the layout puts them."""
    figure = panels[0][0].get_figure(root=True)
    assert figure is not None, "what has just been drawn has a figure"
    figure.draw_without_rendering()
    for numbers in panels:
        shown: list[Bbox] = []
        for number in numbers:
            box = number.get_window_extent()
            if any(box.padded(APART / 72 * figure.dpi).overlaps(other) for other in shown):
                number.remove()
            else:
                shown.append(box)


def plot_grokking(run: Any, axes: Any = None) -> Any:
    """Draw the timeline, and below it the embedding at four moments, whose titles say what had been learnt by then.

    Args:
        run: A `GrokRun`.
        axes: Five Axes; a new figure without them.

    Returns:
        The Axes; the first has the timeline.
    """
    order = circle_order(run.table)
    if order is None:
        ax = plot_timeline(run, None if axes is None else axes[0])
        ax.set_title(f"{_of(run)}: {run.kind}; its numbers lie on no circle", loc="left", fontsize=POINTS, pad=28)
        return [ax]
    if axes is None:
        above, below = new_figure(PANELS).subfigures(2, 1, squeeze=False, height_ratios=(1.3, 1))[:, 0]
        axes = [above.subplots(), *below.subplots(1, 4)]
        few = run.embeddings.shape[2] > FEW * len(order)
        below.supxlabel(f"{GINI}{RING}" if few else GINI, fontsize=POINTS, color=TEXT)
    plot_timeline(run, axes[0])
    history, end = run.history, _last_finite(run)
    ended = "" if end == len(history["step"]) - 1 else f"; no numbers from step {history['step'][end + 1]:,.0f} on"
    axes[0].set_title(f"{_of(run)}: {run.kind}{ended}", loc="left")
    plane, frequency = circle_plane(run.embeddings[end], order)
    moments = four_moments({name: values[: end + 1] for name, values in history.items()})
    size = 1.1 * max(np.abs(run.embeddings[at] @ plane).max() for at in moments)
    panels = []
    for ax, at in zip(axes[1:], moments, strict=True):
        panels.append(_embedding(run, at, ax, plane, frequency)[1])
        inequality = f"\nGini of its frequencies {history['gini'][at]:.2f}"
        ax.set_title(f"{moment_name(history, at)}: step {int(history['step'][at]):,}{inequality}", fontsize=POINTS)
        ax.set(xlim=(-size, size), ylim=(-size, size))
    _thin_out(panels)
    return axes


def _last_finite(run: Any) -> int:
    """Find the last evaluation before which, and at which, the embedding was numbers: a run may have diverged."""
    is_finite = np.isfinite(run.embeddings).all(axis=(1, 2))
    return len(is_finite) - 1 if is_finite.all() else max(int(is_finite.argmin()) - 1, 0)


def _of(run: Any) -> str:
    """Say which operation this is: of a function its name, without the digest that tells it from others."""
    operation = re.sub(r" \([0-9a-f]{8}\)$", "", run.table.operation).replace("<lambda>", "a function of yours")
    operation = " ".join(operation.split())
    return operation if operation.startswith("S5") else f"{operation} modulo {run.table.num_symbols}"


def four_moments(history: Mapping[str, Sequence[float]]) -> list[int]:
    """Choose the four evaluations to show, by their number.

    The first one; that at which one set was learnt; half-way from there, on a logarithmic scale; and that at which the
    other one was learnt, or the last. A third and two thirds of the evaluations where neither set was learnt.
    """
    steps, found = list(history["step"]), phases(history)
    last = len(steps) - 1
    known = sorted(steps.index(step) for step in (found.memorised_at, found.generalised_at) if step is not None)
    if not known:
        return [0, last // 3, 2 * last // 3, last]
    first, end = known[0], known[1] if len(known) == 2 else last
    half_way = int(np.searchsorted(steps, np.sqrt(max(steps[first], 1) * max(steps[end], 1))))
    return [0, first, min(max(half_way, first), end), end]


def moment_name(history: Mapping[str, Sequence[float]], at: int) -> str:
    """Say what is true of this evaluation: what happened there, else what had not happened yet, or never did."""
    found, step, last = phases(history), history["step"][at], history["step"][-1]
    events = {"start": history["step"][0], "memorised": found.memorised_at, "generalised": found.generalised_at}
    names = [name for name, when in events.items() if when == step]
    if step == last and last != history["step"][0]:
        names.append("end")
    if not names or names == ["end"]:
        for name in ("memorised", "generalised"):
            when = events[name]
            if when is None or step < when:
                is_on_its_way = names == ["end"] and name == "generalised" and found.kind == "generalising"
                names.append("generalising" if is_on_its_way else f"not {name}" + ("" if when is None else " yet"))
                break
    return ", ".join(names)
