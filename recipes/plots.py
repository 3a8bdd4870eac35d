"""Figures. Each takes an Axes and returns it; nothing is shown or saved here."""

import math
import re
import textwrap
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cheatsheet import Finding
from recipes.diagnose import diagnose

TRAIN, VALIDATION, CHANCE = "#1f5a99", "#d1602a", "0.55"  # blue and orange: told apart by every eye, and in print
_VERDICT = {"error": "#a02020", "warning": "#8a5a00", "info": "#2b6e3f"}
VERDICT_POINTS = 9
LETTER_WIDTH = 0.6  # of the font size; DejaVu Sans, averaged over English text, is 0.55
LOG_SPAN = 20.0  # losses that span more than this are drawn on a log axis


def plot_history(
    history: Any, ax: Axes | None = None, *, chance: float | None = None, findings: list[Finding] | None = None
) -> Axes:
    """Did it learn, and what is the verdict?

    Draws training and validation loss against the epoch, the loss of a constant guess as a line (and that of a perfect
    model, where it is not 0), the epochs that the verdict is about as a band, and the verdict above.

    Args:
        history: A `Run`, a dict of curves, or what Keras' `fit` returns.
        ax: Where to draw; a new figure without it.
        chance: Loss of the best constant guess; a `Run` brings its own.
        findings: What `diagnose` said; computed when missing.
    """
    curves = getattr(history, "history", history)
    chance = chance if chance is not None else getattr(history, "chance", None)
    if findings is None:
        findings = getattr(history, "findings", None) or diagnose(history, chance=chance)
    if ax is None:
        ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")[1]
    epochs = np.arange(1, len(curves["loss"]) + 1)
    marker = "." if len(epochs) < 20 else ""
    ax.plot(epochs, curves["loss"], color=TRAIN, marker=marker, label="training")
    if curves.get("val_loss") is not None:
        ax.plot(epochs, curves["val_loss"], "--", color=VALIDATION, marker=marker, label="validation")
    drawn = [value for name in ("loss", "val_loss") for value in curves.get(name) or () if math.isfinite(value)]
    if chance is not None:
        ax.axhline(chance, color=CHANCE, linestyle=":", label=f"constant guess: {chance:.3g}")
        drawn.append(chance)
    least = getattr(history, "least", 0.0)
    if least:  # soft targets: even a perfect model has a loss
        ax.axhline(least, color=CHANCE, linestyle="-.", linewidth=1, label=f"perfect model: {least:.3g}")
        drawn.append(least)
    if drawn and min(drawn) > 0 and max(drawn) / min(drawn) > LOG_SPAN:
        ax.set_yscale("log")
    ax.set(xlabel="epoch", ylabel="loss")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=(1, 2, 5, 10)))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    if findings:
        _write_verdict(ax, findings[0])
    return ax


def _write_verdict(ax: Axes, finding: Finding) -> None:
    span = re.search(r"(\d+)-(\d+)", finding.where)
    colour = _VERDICT[finding.severity]
    if span and not finding.where.startswith("epochs 1-"):
        ax.axvspan(int(span[1]), int(span[2]), color=colour, alpha=0.08, linewidth=0)
    text = f"{finding.rule.replace('_', ' ')}: {finding.message}"
    width = ax.bbox.width / ax.figure.dpi  # inches
    letters = max(20, int(width * 72 / (VERDICT_POINTS * LETTER_WIDTH)))
    ax.set_title("\n".join(textwrap.wrap(text, letters)), loc="left", fontsize=VERDICT_POINTS, color=colour)


def plot_reconstructions(originals: Any, codes: Any, reconstructions: Any, ax: Axes | None = None) -> Axes:
    """What does an autoencoder keep?

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
    if ax is None:
        ax = plt.subplots(figsize=(num * 0.8, 2.8), layout="constrained")[1]
    tiles = [_as_tile(code, height, width) for code in _to_unit(np.asarray(codes).reshape(num, -1))]
    gap = max(1, height // 8)
    step_x, step_y = width + gap, height + gap
    rows: list[list[np.ndarray]] = [list(images[0]), tiles, list(images[1])]
    for row, parts in enumerate(rows):
        for column, part in enumerate(parts):
            left, top = column * step_x, row * step_y
            ax.imshow(
                part, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest",
                extent=(left, left + width, top + height, top),
            )  # fmt: skip
    ax.set(xlim=(0, num * step_x - gap), ylim=(3 * step_y - gap, 0), xticks=[])
    ax.set_yticks([row * step_y + height / 2 for row in range(3)], ["original", "code", "reconstruction"])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def _to_unit(codes: np.ndarray) -> np.ndarray:
    """Each code value against its own range over the examples, so that all columns share one scale."""
    low, high = codes.min(axis=0), codes.max(axis=0)
    return (codes - low) / np.where(high > low, high - low, 1.0)


def _as_tile(code: np.ndarray, height: int, width: int) -> np.ndarray:
    """A code as a grid without gaps where its length has fitting factors, else the nearest to square."""
    ideal = math.sqrt(len(code) * width / height)
    whole = [c for c in range(1, len(code) + 1) if len(code) % c == 0 and 0.5 <= c / ideal <= 2]
    columns = min(whole, key=lambda c: (abs(c - ideal), -c)) if whole else math.ceil(ideal)
    rows = math.ceil(len(code) / columns)
    tile = np.zeros(rows * columns)
    tile[: len(code)] = code
    return tile.reshape(rows, columns)
