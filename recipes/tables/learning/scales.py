"""The scales on which numbers are learnt, and the way back from a network's outputs to the target's own units."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from recipes.tables.target import Target

MOST_SPREADS = 1e4  # of the numbers that their middle is away from 0: a float32 has seven digits


@dataclass(frozen=True)
class Scales:
    """How the outputs of a network become numbers of the target.

    A skewed positive target is learnt as its logarithm and as it is at once, by two outputs of one network: the first
    knows the small ones well, the second the large ones, on which the squared error depends. What is said is
    `share · smear · exp(first) + (1 − share) · max(second, lowest)`. Of others `max(first, lowest)` is.

    Attributes:
        middle: Of the numbers on each scale, which was subtracted ...
        spread: ... and this divided by.
        is_log: Whether the first of two outputs is the logarithm.
        smear: Mean of exp(residual) of the logarithm; with it the mean is given, not the median (Duan 1983,
            doi:10.1080/01621459.1983.10478017).
        share: Of the logarithm in what is said, from the rows that were held out; see `_share`.
        lowest: Below which no number is said: beside logarithms the lowest that was trained on, else the target's;
            `None` for none.
    """

    middle: tuple[float, ...]
    spread: tuple[float, ...]
    is_log: bool = False
    smear: float = 1.0
    share: float = 1.0
    lowest: float | None = None

    def learnt(self, y: np.ndarray) -> np.ndarray:
        """Put numbers `(n,)` on the scales of the outputs, `(n, outputs)` float32."""
        return ((_each(y, self.is_log) - self.middle) / self.spread).astype(np.float32)

    def balanced(self, outputs: np.ndarray, y: np.ndarray) -> "Scales":
        """Find smear and share from a network's outputs `(n, outputs)` for rows that it was not trained on."""
        if not self.is_log:
            return self
        logs, plain = (outputs * self.spread + self.middle).T
        smear = float(np.mean(np.exp(np.log(y) - logs)))
        first, second = np.exp(logs) * smear, self._bounded(plain, np.maximum)
        return replace(self, smear=smear, share=_share(first, second, y))

    def back(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs `(n, outputs)` into numbers `(n, 1)`."""
        outputs = np.asarray(outputs, np.float64) * self.spread + self.middle
        if not self.is_log:
            return self._bounded(outputs, np.maximum)
        second = self._bounded(outputs[:, 1:], np.maximum)
        return self.share * self.smear * np.exp(outputs[:, :1]) + (1 - self.share) * second

    def layers(self, outputs: Any) -> Any:
        """Do the same by layers behind a model's outputs; in float64 where float32 has too few digits for it."""
        is_narrow = any(
            abs(middle) > MOST_SPREADS * spread for middle, spread in zip(self.middle, self.spread, strict=True)
        )
        dtype = "float64" if is_narrow else None
        outputs = keras.layers.Rescaling([*self.spread], [*self.middle], dtype=dtype, name="outputs")(outputs)
        if not self.is_log:
            return self._bounded(outputs, keras.ops.maximum)
        second = self._bounded(outputs[:, 1:], keras.ops.maximum)
        return keras.ops.exp(outputs[:, :1]) * (self.share * self.smear) + second * (1 - self.share)

    def _bounded(self, numbers: Any, maximum: Callable[[Any, Any], Any]) -> Any:
        return numbers if self.lowest is None else maximum(numbers, self.lowest)


def scales_for(target: Target, y: np.ndarray) -> Scales | None:
    """Choose the scales from the rows that train; `None` for classes and counts, which are learnt as they are."""
    if target.loss != "mean_squared_error":
        return None
    is_log = target.scale == "log"
    each = _each(y, is_log)
    middle, spread = tuple(each.mean(axis=0).tolist()), tuple(each.std(axis=0).tolist())
    return Scales(middle, spread, is_log, lowest=float(y.min()) if is_log else target.lowest)


def _share(first: np.ndarray, second: np.ndarray, y: np.ndarray) -> float:
    """Find the first one's share in a mean of two predictions, by least squares and one standard error more.

    So much moves the squared error no more than chance has moved it, and where both are as good the first, that of the
    logarithm, is right of small numbers too. The standard error is that for errors of any spread (H. White 1980,
    doi:10.2307/1912934).
    """
    apart = first - second
    squares = np.sum(apart**2)
    if squares == 0:
        return 1.0
    share = np.sum((y - second) * apart) / squares
    error = np.sqrt(np.sum((apart * (y - second - share * apart)) ** 2)) / squares
    return float(np.clip(share + error, 0.0, 1.0))


def _each(y: np.ndarray, is_log: bool) -> np.ndarray:
    """Give numbers `(n,)` on each scale, `(n, scales)` float64."""
    return np.stack([np.log(y), y] if is_log else [y], axis=1, dtype=np.float64)
