"""How sure a verdict is, and what more epochs would bring: the numbers, read from a file.

`weights.json` is learnt by `python benchmarks/verdicts learn` on the development half of the corpus in
`tests/data/verdicts.npz`; `docs/diagnose.md` says how well it does on the other half.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("weights.json")
# What is known of a run decides which numbers are taken.
WITH_CHANCE, WITHOUT_CHANCE, TRAINING_ALONE = "with chance", "without chance", "training loss alone"
SHARPEST = 0.02  # of R: gains below are taken linearly, above by their logarithm
FARTHEST = 4.0  # standard deviations: no answer rests on one number alone


@dataclass(frozen=True)
class Lines:
    """Linear functions of standardised features.

    Attributes:
        features: Names, in order.
        centre: What is subtracted from each, `(features,)`.
        scale: What each is divided by then.
        slopes: A bias and the slopes of each line, `(lines, 1 + features)`.
    """

    features: tuple[str, ...]
    centre: np.ndarray
    scale: np.ndarray
    slopes: np.ndarray

    def __call__(self, features: dict[str, float]) -> np.ndarray:
        """Compute all lines, `(lines,)`."""
        values = np.array([features[name] for name in self.features])
        values = np.clip((values - self.centre) / self.scale, -FARTHEST, FARTHEST)
        return self.slopes @ np.r_[1.0, values]


@dataclass(frozen=True)
class Weights:
    """What one mode has learnt.

    Attributes:
        lasts: For each state the log odds that it is what comes true; for `"converged"` that the curve is still
            learning instead.
        still: Probability from which that is the verdict.
        gain: The 10 %, 50 % and 90 % quantile of the fall to come.
    """

    lasts: dict[str, Lines]
    still: float
    gain: Lines

    def probability(self, state: str, features: dict[str, float]) -> float:
        """Say how probable it is that this state lasts; of `"converged"`, that the curve is still learning."""
        return float(1 / (1 + np.exp(-self.lasts[state](features)[0])))

    def gains(self, features: dict[str, float]) -> tuple[float, float, float]:
        """Give quantiles of the fall until twice as many epochs, in units of R; below 0 it is a rise."""
        low, middle, high = np.sinh(np.clip(np.sort(self.gain(features)), -8, 8)) * SHARPEST
        return float(low), float(middle), float(high)


@cache
def weights_for(mode: str) -> Weights:
    """Read the numbers of a mode."""
    stored = json.loads(FILE.read_text(encoding="utf-8"))[mode]
    lasts = {state: _lines(lines) for state, lines in stored["lasts"].items()}
    return Weights(lasts, stored["still"], _lines(stored["gain"]))


def _lines(stored: dict[str, Any]) -> Lines:
    centre, scale, slopes = (np.array(stored[name]) for name in ("centre", "scale", "slopes"))
    return Lines(tuple(stored["features"]), centre, scale, slopes)
