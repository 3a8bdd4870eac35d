"""What each verdict weighs, read from a file.

`weights.json` is learnt by `python benchmarks/verdicts learn` on the development half of the corpus in
`tests/data/verdicts.npz`; `docs/diagnose.md` says how well it does on the other half.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("weights.json")
# What is known of a run decides which weights are taken.
WITH_CHANCE, WITHOUT_CHANCE, TRAINING_ALONE = "with chance", "without chance", "training loss alone"
SHARPEST = 0.02  # of R: gains below are taken linearly, above by their logarithm


@dataclass(frozen=True)
class Weights:
    """A logistic model of the verdicts, and three lines that are quantiles of what is to come.

    Attributes:
        features: Names, in order.
        centre: What is subtracted from each, `(features,)`.
        scale: What each is divided by then.
        classes: The verdicts, in order.
        slopes: `(classes, features)`.
        biases: `(classes,)`.
        gain: For 10 %, 50 % and 90 %, the bias and the slopes of the fall of the watched curve until twice as many
            epochs, `(3, 1 + features)`.
    """

    features: tuple[str, ...]
    centre: np.ndarray
    scale: np.ndarray
    classes: tuple[str, ...]
    slopes: np.ndarray
    biases: np.ndarray
    gain: np.ndarray

    def probabilities(self, features: dict[str, float]) -> dict[str, float]:
        """Say how probable each verdict is."""
        scores = self.slopes @ self._scaled(features) + self.biases
        shares = np.exp(scores - scores.max())
        return dict(zip(self.classes, (shares / shares.sum()).tolist(), strict=True))

    def gains(self, features: dict[str, float]) -> tuple[float, float, float]:
        """Give the 10 %, 50 % and 90 % quantile of the fall to come, in units of R; below 0 it is a rise."""
        lines = np.sort(self.gain @ np.r_[1.0, self._scaled(features)])
        low, middle, high = np.sinh(np.clip(lines, -8, 8)) * SHARPEST
        return float(low), float(middle), float(high)

    def _scaled(self, features: dict[str, float]) -> np.ndarray:
        values = np.array([features[name] for name in self.features])
        return np.clip((values - self.centre) / self.scale, -5, 5)  # no verdict rests on one number alone


@cache
def weights_for(mode: str) -> Weights:
    """Read the weights of a mode."""
    stored = json.loads(FILE.read_text(encoding="utf-8"))[mode]
    arrays = {name: np.array(stored[name]) for name in ("centre", "scale", "slopes", "biases", "gain")}
    return Weights(features=tuple(stored["features"]), classes=tuple(stored["classes"]), **arrays)
