"""The loss curves of a table's networks, each of which kept the weights of its best epoch, and what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from cheatsheet.finding import Finding
from recipes.diagnosis.mends import LONGER
from recipes.diagnosis.rules import UNKNOWN_CHANCE
from recipes.training.several.runs import diagnose_kept, trained_on

# What mends a verdict here: of a network's arguments `fit_table` takes the epochs alone.
_MENDS = {
    "still_learning": "fit again with epochs={epochs}",
    "worse_than_chance": "look whether the target belongs to these rows; else other columns may tell more of it",
    "memorised_noise": "look whether the target belongs to these rows; else more rows, or other columns, may help",
    "nan": "look for extreme numbers in the table",
    "diverging": "look for extreme numbers in the table",
}


History = Mapping[str, Sequence[Sequence[float]]]


def curves_of(history: History) -> dict[str, np.ndarray]:
    """Give the curves that a median is drawn of, `(networks, epochs)`; see `Runs.curves`.

    Args:
        history: By name one list for each network, NaN where it had stopped.
    """
    curves = as_arrays(history)
    return trained_on(curves, (~np.isnan(curves["val_loss"])).sum(axis=1))


def kept_in(history: History) -> np.ndarray:
    """Find the epoch whose weights each network kept `(networks,)`, counted from 1: that of its lowest val_loss."""
    val_loss = as_arrays(history)["val_loss"]
    return np.argmin(np.where(np.isnan(val_loss), np.inf, val_loss), axis=1) + 1


def as_arrays(history: History) -> dict[str, np.ndarray]:
    """Make an array `(networks, epochs)` of each quantity."""
    return {name: np.asarray(values, float) for name, values in history.items()}


def verdict_on(history: History, chance: float | None = None, linear_loss: float | None = None) -> list[Finding]:
    """Judge the median of several networks' curves, each of which kept the weights of its best epoch.

    Args:
        history: By name one list for each network, NaN where it had stopped.
        chance: Loss of the best constant guess, where it is known.
        linear_loss: That of a linear part beside which the networks were trained. What they can gain is within it, so
            that the guess says no more than whether all of it is in vain.
    """
    curves = as_arrays(history)
    epochs = round(LONGER * curves["val_loss"].shape[1])
    found = diagnose_kept(curves, kept_in(history), chance=chance)
    if linear_loss is not None and "worse_than_chance" not in {finding.rule for finding in found}:
        first, *others = diagnose_kept(curves, kept_in(history), chance=None)
        message = first.message.replace(f" {UNKNOWN_CHANCE}", "")
        found = [replace(first, message=f"{message} The linear part alone has {linear_loss:.4g}."), *others]
    return [replace(finding, fix=_MENDS.get(finding.rule, "").format(epochs=epochs)) for finding in found]
