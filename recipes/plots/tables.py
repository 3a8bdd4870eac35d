"""What became of a table: the network beside its rivals, and the columns it looks at."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from recipes.plots.history import plot_spread
from recipes.plots.style import CHANCE, TRAIN, VALIDATION, frame, new_ax
from recipes.tables.curves import as_arrays, curves_of, kept_in
from recipes.tables.scoring.scores import METRICS

MOST_COLUMNS = 20  # whose importance is drawn
ROW = 0.32  # inches, of a bar or an interval
LABEL = 24  # letters of a column's name


def plot_comparison(comparison: Any, ax: Axes | None = None) -> Axes:
    """Show by how much the network is better than each of the others, with the interval of the difference.

    A filled mark is a difference beyond chance, an open one is none: its interval holds 0, or the rows are too few for
    one.

    Args:
        comparison: `run.comparison` of a `TableRun`.
        ax: Where to draw; a new figure without it.
    """
    rivals = [*reversed(comparison.rivals)]
    ax = ax or new_ax((6.4, 1.3 + ROW * len(rivals)))
    ax.axvline(0, color=CHANCE, linestyle=":")
    for place, rival in enumerate(rivals):
        colour = VALIDATION if rival.verdict == "worse" else TRAIN
        around = None
        if rival.low is not None:
            around = [[rival.difference - rival.low], [rival.high - rival.difference]]
        ax.errorbar(
            [rival.difference], [place], xerr=around, fmt="o", color=colour, capsize=3,
            markerfacecolor="white" if rival.verdict in ("level", "unknown") else colour,
        )  # fmt: skip
    ax.set_yticks(range(len(rivals)), [rival.name for rival in rivals])
    ax.set(ylim=(-0.6, len(rivals) - 0.4), xlabel=f"how much better the network is ({METRICS[comparison.metric].unit})")
    interval = "too few for an interval" if comparison.too_few else "with its 95 % interval"
    frame(ax, f"difference on {comparison.num_rows:,} test rows, {interval}")
    return ax


def plot_importance(importance: Sequence[Any], ax: Axes | None = None, *, metric: str = "") -> Axes:
    """Show how much worse the predictions are when one column is permuted, the twenty that matter most.

    Args:
        importance: `run.importance` of a `TableRun`.
        ax: Where to draw; a new figure without it.
        metric: Of the run, for the unit.
    """
    shown = [*reversed(importance[:MOST_COLUMNS])]
    ax = ax or new_ax((6.4, 1.3 + ROW * max(len(shown), 2)))
    places = np.arange(len(shown))
    ax.barh(places, [one.increase for one in shown], 0.6, xerr=[one.spread for one in shown], color=TRAIN,
            error_kw={"ecolor": "0.3", "capsize": 2})  # fmt: skip
    ax.axvline(0, color=CHANCE, linewidth=1)
    names = [one.name if len(one.name) <= LABEL else f"{one.name[: LABEL - 1]}…" for one in shown]
    ax.set_yticks(places, names)
    ax.set(xlabel=f"increase of the loss when the column is permuted{f' ({METRICS[metric].unit})' if metric else ''}")
    more = f", {len(shown)} of {len(importance)}" if len(importance) > len(shown) else ""
    frame(ax, f"what the model looks at{more}")
    return ax


def plot_table_curves(run: Any, ax: Axes | None = None) -> Axes:
    """Show the loss curves of the networks of a `TableRun`, which may have been loaded, with the verdict on them.

    Args:
        run: A `TableRun`.
        ax: Where to draw; a new figure without it.
    """
    shown = SimpleNamespace(history=as_arrays(run.history), curves=curves_of(run.history), kept=kept_in(run.history),
                            findings=run.of_curves)  # fmt: skip
    return plot_spread(shown, ax)
