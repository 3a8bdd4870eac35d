"""What an autoencoder keeps: its reconstructions, codes and errors. Each takes an Axes and returns it."""

import math
from collections.abc import Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recipes.plots.history import plot_history
from recipes.plots.style import CLASSES, INK, POINTS, SQUARE, TEXT, TRAIN, VALIDATION, log_scale, new_ax, new_figure

EXAMPLES = 10  # that are shown restored
# Walks from one class to another, by their places: 0 to 6, 1 to 7, ... of digits, and a short one.
WALKS = ((0, 6), (1, 7), (3, 8), (4, 9), (2, 3))


def plot_autoencoder(
    run: Any, x: Any, y: Any = None, *, strange: Any = None, names: Sequence[str] = ("known", "strange")
) -> Figure:
    """Draw what an autoencoder keeps, how it learnt and, with labels, how its codes lie and where it fails.

    Args:
        run: The `Run` of a model that `build_autoencoder` made.
        x: Examples that it has not learnt from `(n, ...)`; those that are no grey images have their loss curve drawn.
        y: Class of each `(n,)`, where there is one.
        strange: Examples of another kind `(m, ...)`, of the same shape, to be told by their error.
        names: What to call the two kinds.

    Returns:
        The Figure.
    """
    x = np.asarray(x)
    is_image = x.ndim in (3, 4) and (x.ndim == 3 or x.shape[3] == 1)
    if not is_image:
        return plot_history(run).figure  # type: ignore[return-value]
    encoder, decoder = run.model.get_layer("encoder"), run.model.get_layer("decoder")
    codes = encoder.predict(x, verbose=0)  # (n, latent)
    restored = decoder.predict(codes, verbose=0).reshape(x.shape)
    classes = [] if y is None else np.unique(y).tolist()
    firsts = [int(np.flatnonzero(np.asarray(y) == label)[0]) for label in classes[:EXAMPLES]]
    shown = firsts if len(firsts) > 1 else [*range(min(EXAMPLES, len(x)))]
    rows = 2 if len(classes) > 1 or strange is not None else 1
    figure = new_figure((13, 4.1 * rows))
    parts = figure.subfigures(rows, 1, squeeze=False)[:, 0]
    left, right = parts[0].subplots(1, 2, width_ratios=(1.7, 1))
    plot_reconstructions(x[shown], codes[shown], restored[shown], left)
    values, numbers = int(np.prod(x.shape[1:])), int(np.prod(codes.shape[1:]))
    left.set_title(f"{values:,} values -> {numbers:,} numbers -> {values:,} values, of examples it has never seen")
    plot_history(run, right)
    if rows == 1:
        return figure
    below = parts[1]
    walks = [(i, j) for i, j in WALKS if max(i, j) < len(firsts)]
    kinds = ["codes", *(["walks"] if walks else []), "worst"] if len(classes) > 1 else []
    kinds += ["strange"] if strange is not None else []
    widths = {"codes": 1, "walks": 0.5, "worst": 1.05, "strange": 1}
    axes = below.subplots(1, len(kinds), width_ratios=[widths[kind] for kind in kinds], squeeze=False)[0]
    for kind, ax in zip(kinds, axes, strict=True):
        if kind == "codes":
            plot_latent(codes, y, ax).set_title("codes, where they vary most", fontsize=POINTS + 1)
        elif kind == "walks":
            ax.remove()
            strips = below.add_subfigure(ax.get_subplotspec()).subplots(len(walks), 1, squeeze=False)[:, 0]
            for strip, (i, j) in zip(strips, walks, strict=True):
                plot_walk(decoder, codes[firsts[i]], codes[firsts[j]], strip, steps=6)
            strips[0].set_title("between two codes", fontsize=POINTS + 1)
        elif kind == "worst":
            plot_class_errors(x, restored, y, ax)
            ax.set_title("error of each class, and its worst case", fontsize=POINTS + 1)
        else:
            others = np.asarray(strange)
            errors = _errors(others, run.predict(others).reshape(others.shape))
            plot_anomaly(_errors(x, restored), errors, ax, names=names)
    return figure


def plot_reconstructions(originals: Any, codes: Any, reconstructions: Any, ax: Axes | None = None) -> Axes:
    """Draw what an autoencoder keeps.

    One column per example: the original, its code as a tile (each value one patch, dark is large), and what the
    decoder makes of the code.

    Args:
        originals: Images `(n, height, width)` or `(n, height, width, 1)`, values in [0, 1].
        codes: Bottleneck values `(n, latent)`.
        reconstructions: Same shape as the originals.
        ax: Where to draw; a new figure without it.
    """
    images = [
        np.asarray(part).reshape(len(originals), *np.shape(originals)[1:3]) for part in (originals, reconstructions)
    ]
    num, height, width = images[0].shape
    ax = ax or new_ax((num * 0.8, 2.8))
    tiles = [_as_tile(code, height, width) for code in _to_unit(np.asarray(codes).reshape(num, -1))]
    gap = max(1, height // 8)
    step_x, step_y = width + gap, height + gap
    rows: list[list[np.ndarray]] = [list(images[0]), tiles, list(images[1])]
    for row, parts in enumerate(rows):
        for column, part in enumerate(parts):
            left, top = column * step_x, row * step_y
            ax.imshow(
                part, cmap=INK, vmin=0, vmax=1, interpolation="nearest",
                extent=(left, left + width, top + height, top),
            )  # fmt: skip
    ax.set(xlim=(0, num * step_x - gap), ylim=(3 * step_y - gap, 0), xticks=[])
    ax.set_yticks([row * step_y + height / 2 for row in range(3)], ["original", "code", "reconstruction"])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def _to_unit(codes: np.ndarray) -> np.ndarray:
    """Set each code value against its own range over the examples, so that all columns share one scale."""
    low, high = codes.min(axis=0), codes.max(axis=0)
    return (codes - low) / np.where(high > low, high - low, 1.0)


def _as_tile(code: np.ndarray, height: int, width: int) -> np.ndarray:
    """Lay a code out as a grid without gaps where its length has fitting factors, else the nearest to square."""
    ideal = math.sqrt(len(code) * width / height)
    whole = [c for c in range(1, len(code) + 1) if len(code) % c == 0 and 0.5 <= c / ideal <= 2]
    columns = min(whole, key=lambda c: (abs(c - ideal), -c)) if whole else math.ceil(ideal)
    rows = math.ceil(len(code) / columns)
    tile = np.zeros(rows * columns)
    tile[: len(code)] = code
    return tile.reshape(rows, columns)


def plot_latent(codes: Any, labels: Any, ax: Axes | None = None, *, class_names: Sequence[str] | None = None) -> Axes:
    """Show whether the codes of one class lie together.

    The codes on the plane in which they vary most (principal component analysis), coloured and named by class.

    Args:
        codes: Bottleneck values `(n, latent)`; longer codes are flattened.
        labels: Class number of each `(n,)`.
        ax: Where to draw; a new figure without it.
        class_names: What to write at the middle of each class.
    """
    from sklearn.decomposition import PCA  # a second

    codes, labels = np.asarray(codes).reshape(len(codes), -1), np.asarray(labels)
    pca = PCA(2, random_state=0)
    plane = pca.fit_transform(codes)  # (n, 2)
    ax = ax or new_ax(SQUARE)
    classes = np.unique(labels)
    colours = colormaps[CLASSES](np.arange(len(classes)) % 10)
    for i, label in enumerate(classes):
        points = plane[labels == label]
        ax.scatter(points[:, 0], points[:, 1], s=6, color=colours[i], alpha=0.5, linewidths=0)
        name = str(label) if class_names is None else class_names[int(label)]
        x, y = np.median(points, axis=0)
        ax.text(
            x, y, name, ha="center", va="center", fontsize=POINTS + 2, weight="bold",
            color=colours[i], bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "boxstyle": "circle,pad=0.15"},
        )  # fmt: skip
    share = pca.explained_variance_ratio_
    ax.set(
        xlabel=f"first component ({share[0]:.0%})", ylabel=f"second component ({share[1]:.0%})", xticks=[], yticks=[]
    )
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def plot_walk(decoder: Any, start: Any, end: Any, ax: Axes | None = None, *, steps: int = 10) -> Axes:
    """Draw what lies between two codes.

    Args:
        decoder: Model from a code to an image.
        start: Code `(latent,)`, shown on the left.
        end: Code, shown on the right; the codes between lie on the straight line.
        ax: Where to draw; a new figure without it.
        steps: Number of images.
    """
    start, end = np.asarray(start), np.asarray(end)
    share = np.linspace(0, 1, steps).reshape(-1, *[1] * start.ndim)
    images = np.asarray(decoder((1 - share) * start + share * end))  # (steps, height, width, 1)
    ax = ax or new_ax((steps * 0.8, 1.0))
    gap = max(1, images.shape[1] // 8)
    strip = np.pad(images.reshape(steps, *images.shape[1:3]), ((0, 0), (0, 0), (0, gap)))
    ax.imshow(np.concatenate(list(strip), axis=1)[:, :-gap], cmap=INK, vmin=0, vmax=1, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def plot_class_errors(originals: Any, reconstructions: Any, labels: Any, ax: Axes | None = None) -> Axes:
    """Show which classes are restored badly, and what the worst cases look like.

    One bar for each class, the mean squared error of its examples; beside it its worst example and what became of it.

    Args:
        originals: Images `(n, height, width)` or `(n, height, width, 1)`.
        reconstructions: Same shape.
        labels: Class of each `(n,)`.
        ax: Where to draw; a new figure without it.
    """
    originals, reconstructions, labels = (np.asarray(part) for part in (originals, reconstructions, labels))
    height, width = originals.shape[1:3]
    errors = _errors(originals, reconstructions)
    classes = np.unique(labels)
    means = [errors[labels == label].mean() for label in classes]
    ax = ax or new_ax(SQUARE)
    ax.barh(range(len(classes)), means, height=0.6, color=TRAIN)
    unit = max(means) * 0.11  # width of an image in the units of the axis
    for i, label in enumerate(classes):
        of_class = np.flatnonzero(labels == label)
        worst = of_class[np.argmax(errors[of_class])]
        for k, image in enumerate((originals[worst], reconstructions[worst])):
            left = max(means) * 1.06 + k * unit * 1.15
            ax.imshow(
                image.reshape(height, width), cmap=INK, vmin=0, vmax=1, aspect="auto", interpolation="nearest",
                extent=(left, left + unit, i + 0.42, i - 0.42),
            )  # fmt: skip
        ax.text(max(means) * 1.06 + unit * 2.4, i, f"{errors[worst]:.3f}", va="center", fontsize=POINTS - 1)
    ax.set(xlim=(0, max(means) * 1.06 + unit * 4.2), ylim=(len(classes) - 0.5, -0.5), xlabel="mean squared error")
    ax.set_yticks(range(len(classes)), [str(label) for label in classes])
    ax.set_xticks([tick for tick in ax.get_xticks() if 0 <= tick <= max(means)])
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def plot_anomaly(
    known: Any, strange: Any, ax: Axes | None = None, *, names: Sequence[str] = ("known", "strange")
) -> Axes:
    """Show whether the reconstruction error tells what the autoencoder has never seen.

    Args:
        known: Error of each example of the kind that it was trained on `(n,)`; held-out ones, for honesty.
        strange: Error of each example of another set `(m,)`.
        ax: Where to draw; a new figure without it.
        names: What to call the two.
    """
    known, strange = np.asarray(known, dtype=float), np.asarray(strange, dtype=float)
    ax = ax or new_ax((4.4, 3.2))
    both = np.concatenate([known, strange])
    bins = np.geomspace(both.min(), both.max(), 40).tolist()
    for errors, name, colour in zip((known, strange), names, (TRAIN, VALIDATION), strict=True):
        ax.hist(errors, bins, weights=np.full(len(errors), 100 / len(errors)), color=colour, alpha=0.6, label=name)
    limit = float(np.quantile(known, 0.99))
    ax.axvline(limit, color=TEXT, linestyle=":")
    said = f"{np.mean(strange > limit):.0%} of the {names[1]} err more than 99% of the {names[0]}"
    ax.set_title(fill(said, 42), loc="left", fontsize=POINTS)
    log_scale(ax.xaxis)
    ax.set(xlabel="mean squared error of the reconstruction", ylabel="per cent of each set")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    return ax


def _errors(originals: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Compute the mean squared error of each example `(n,)`."""
    difference = (originals.astype(np.float64) - reconstructions).reshape(len(originals), -1)
    return np.mean(difference**2, axis=1)
