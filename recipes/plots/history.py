"""Loss curves with their verdicts."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cheatsheet import Finding
from cheatsheet.modelspec import describe_ends
from recipes.diagnosis.diagnose import diagnose
from recipes.plots.style import CHAINS, CHANCE, CURVES, LETTER, POINTS, TRAIN, VALIDATION, VERDICT, log_scale, new_ax

LOG_SPAN = 20.0  # losses that span more than this are drawn on a log axis


def plot_history(
    history: Any, ax: Axes | None = None, *, chance: float | None = None, findings: list[Finding] | None = None
) -> Axes:
    """Show whether a model learnt, and what the verdict is.

    Draws training and validation loss against the epoch, the loss of a constant guess as a line (and that of a perfect
    model, where it is not 0, but for counts: the best of models gives their rates and not each of them), the epochs
    that the verdict is about as a band, and the verdict above.

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
    ax = ax or new_ax(CURVES)
    epochs = np.arange(1, len(curves["loss"]) + 1)
    marker = "." if len(epochs) < 20 else ""
    ax.plot(epochs, curves["loss"], color=TRAIN, marker=marker, label="training")
    if curves.get("val_loss") is not None:
        ax.plot(epochs, curves["val_loss"], "--", color=VALIDATION, marker=marker, label="validation")
    known = [curves[name] for name in ("loss", "val_loss") if curves.get(name) is not None]
    drawn = [value for values in known for value in values if math.isfinite(value)]
    if chance is not None:
        ax.axhline(chance, color=CHANCE, linestyle=":", label=f"constant guess: {chance:.3g}")
        drawn.append(chance)
    least = getattr(history, "least", 0.0)
    if least and not _is_of_counts(history):  # soft targets: even a perfect model has a loss
        ax.axhline(least, color=CHANCE, linestyle="-.", linewidth=1, label=f"perfect model: {least:.3g}")
        drawn.append(least)
    _frame(ax, drawn)
    if findings:
        _write_verdict(ax, findings[0])
    return ax


def _is_of_counts(history: Any) -> bool:
    """Is this a run of the Poisson loss, whose least value is that of foretelling every count, as no rate can?"""
    model = getattr(history, "model", None)
    return model is not None and any(output.loss == "poisson" for output in describe_ends(model).outputs)


def _frame(ax: Axes, drawn: Sequence[float]) -> None:
    """Name the axes of loss curves, and choose a log axis for losses that span much."""
    if drawn and min(drawn) > 0 and max(drawn) / min(drawn) > LOG_SPAN:
        log_scale(ax.yaxis)
    ax.set(xlabel="epoch", ylabel="loss")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=(1, 2, 5, 10)))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)


def _write_verdict(ax: Axes, finding: Finding) -> None:
    colour = VERDICT[finding.severity]
    if finding.epochs is not None and 1 < finding.epochs[0] < finding.epochs[1]:
        ax.axvspan(*finding.epochs, color=colour, alpha=0.08, linewidth=0)
    text = f"{finding.rule.replace('_', ' ')}: {finding.message}"
    width = ax.bbox.width / ax.figure.dpi  # inches
    letters = max(20, int(width / LETTER))
    ax.set_title("\n".join(textwrap.wrap(text, letters)), loc="left", fontsize=POINTS, color=colour)


def plot_spread(runs: Any, ax: Axes | None = None) -> Axes:
    """Show what many networks have in common: the median of their curves, and the band that holds half of them.

    The curves themselves are drawn faintly behind, a dot on each where its weights were kept, and the verdict on these
    stands above. Median and band are of all networks, those that have stopped with what they had then, and end where
    fewer than half still train.

    Args:
        runs: A `Runs`.
        ax: Where to draw; a new figure without it.
    """
    ax = ax or new_ax(CURVES)
    drawn: list[float] = []
    history, curves = runs.history, runs.curves
    for name, colour, style, label in (("loss", TRAIN, "-", "training"), ("val_loss", VALIDATION, "--", "validation")):
        values = history.get(name)
        if values is None:
            continue
        longest, shown = values.shape[1], curves[name].shape[1]
        low, middle, high = np.nanpercentile(curves[name], [25, 50, 75], axis=0)
        epochs = np.arange(1, longest + 1)
        ax.plot(epochs, values.T, color=colour, linewidth=0.5, alpha=max(0.08, 1 / len(values)), linestyle=style)
        ax.fill_between(epochs[:shown], low, high, color=colour, alpha=0.2, linewidth=0)
        until = " (while half train)" if shown < longest else ""
        ax.plot(epochs[:shown], middle, style, color=colour, label=f"{label}, median of {len(values)}{until}")
        drawn += [value for value in values.ravel() if math.isfinite(value)]
    _mark_kept(ax, history, runs.kept)
    _frame(ax, drawn)
    if findings := runs.findings:
        _write_verdict(ax, findings[0])
    return ax


def _mark_kept(ax: Axes, history: Mapping[str, np.ndarray], kept: np.ndarray) -> None:
    """Put a dot where weights were kept that are not those of a network's last epoch."""
    values, colour = (history["val_loss"], VALIDATION) if "val_loss" in history else (history["loss"], TRAIN)
    marks = [(epoch, curve[epoch - 1]) for curve, epoch in zip(values, kept, strict=True)
             if np.isfinite(curve[epoch:]).any()]  # fmt: skip
    if marks:
        ax.plot(*zip(*marks, strict=True), "o", color=colour, markersize=3, alpha=0.6, label="weights that were kept")


def plot_runs(runs: Mapping[str, Sequence[Any]], ax: Axes | None = None, *, curve: str = "val_loss") -> Axes:
    """Show how several runs compare, and what the verdict on each was.

    One line for each chain of runs that went on from one another, against the epochs since its start; both axes
    logarithmic. A dot and a number mark the end of each run, and a list below says what the number means.

    Args:
        runs: For each chain its runs in order; the key is its name.
        ax: Where to draw; a new figure without it.
        curve: Which of the quantities in the histories.
    """
    ax = ax or new_ax((8, 6))
    number, lines = 0, []
    colours = colormaps[CHAINS](np.arange(len(runs)) % colormaps[CHAINS].N)
    for (name, chain), colour in zip(runs.items(), colours, strict=True):
        values = np.concatenate([run.history[curve] for run in chain])
        ax.plot(np.arange(1, len(values) + 1), values, color=colour, linewidth=1.5, label=name)
        end = 0
        for run in chain:
            number, end = number + 1, end + len(run.history[curve])
            finding = run.findings[0]
            ax.plot(end, values[end - 1], "o", color=colour, markersize=5)
            ax.annotate(
                str(number), (end, values[end - 1]), (4, 6), textcoords="offset points", color=colour, weight="bold"
            )
            lines.append((f"{number}  {values[end - 1]:.4f}  {finding.rule.replace('_', ' ')}", finding.severity))
    log_scale(ax.xaxis)
    log_scale(ax.yaxis)
    ax.set(xlabel="epoch", ylabel=curve)
    ax.grid(which="both", linewidth=0.3, alpha=0.4)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=POINTS)
    for i, (line, severity) in enumerate(lines):
        ax.annotate(
            line, (1.02, 1 - 0.055 * i), xycoords="axes fraction", fontsize=POINTS, va="top",
            color=VERDICT[severity], family="monospace",
        )  # fmt: skip
    return ax
