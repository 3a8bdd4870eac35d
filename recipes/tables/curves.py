"""The loss curves of a table's networks, each of which kept the weights of its best epoch, and what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from cheatsheet.finding import Finding
from recipes.diagnosis.mends import LONGER
from recipes.training.runs import diagnose_kept, kept_on

# What mends a verdict here: of a network's arguments `fit_table` takes the epochs alone.
_MENDS = {
    "still_learning": "fit again with epochs={epochs}",
    "worse_than_chance": "look whether the target belongs to these rows; else other columns may tell more of it",
    "memorised_noise": "look whether the target belongs to these rows; else more rows, or other columns, may help",
    "nan": "look for extreme numbers in the table",
    "diverging": "look for extreme numbers in the table",
}


def curves_of(history: Mapping[str, Sequence[Sequence[float]]]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Let networks count on with the weights that they kept, those of the lowest val_loss; see `runs.kept_on`.

    Args:
        history: By name one list for each network, NaN where it had stopped.

    Returns:
        The curves by name, `(networks, epochs)`, and the epoch that each network kept, counted from 1.
    """
    curves = {name: np.asarray(values, float) for name, values in history.items()}
    is_known = ~np.isnan(curves["val_loss"])
    kept = np.argmin(np.where(is_known, curves["val_loss"], np.inf), axis=1) + 1
    return kept_on(curves, is_known.sum(axis=1), kept), kept


def verdict_on(history: Mapping[str, Sequence[Sequence[float]]], chance: float | None = None) -> list[Finding]:
    """Judge the median of several networks' curves, each of which kept the weights of its best epoch.

    Args:
        history: By name one list for each network, NaN where it had stopped.
        chance: Loss of the best constant guess, where it is known.
    """
    curves, kept = curves_of(history)
    epochs = round(LONGER * curves["val_loss"].shape[1])
    return [
        replace(finding, fix=_MENDS.get(finding.rule, "").format(epochs=epochs))
        for finding in diagnose_kept(curves, kept, chance=chance)
    ]
