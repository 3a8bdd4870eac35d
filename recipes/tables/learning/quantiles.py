"""Quantiles of numbers, by networks of their own: below which number the true one lies so often, row by row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np

import cheatsheet
from cheatsheet.common.words import count, digits
from cheatsheet.finding import Finding
from recipes.tables.learning.fit_rows import Examples, out_of_fold
from recipes.tables.learning.linear import linear_of
from recipes.tables.learning.network import Settings, averaged, train_cores
from recipes.tables.target import Target

FAR_OFF = 2.5  # standard errors of a share, beyond which a quantile is said to be off


@dataclass(frozen=True)
class Quantiles:
    """How good the quantiles are on the test rows.

    Attributes:
        levels: That were asked for, rising: 0.1, 0.9.
        below: Share of the test rows whose number lies below each.
        loss: Mean pinball loss on the test rows, in the target's units.
        constant: That of the quantiles of the training's numbers, the same for all rows.
        num_test: How many rows these are.
    """

    levels: tuple[float, ...]
    below: tuple[float, ...]
    loss: float
    constant: float
    num_test: int

    def __str__(self) -> str:
        shares = ", ".join(
            f"{below:.1%} below q{level:g}" for level, below in zip(self.levels, self.below, strict=True)
        )
        return (
            f"quantiles: {shares}, of {count(self.num_test, 'test row')}; pinball loss {digits(self.loss)}, of the "
            f"same quantiles for all rows {digits(self.constant)}"
        )


def fit_quantiles(
    levels: Sequence[float],
    examples: Examples,
    target: Target,
    settings: Settings,
    *,
    seed: int,
    verbose: str | int = 0,
) -> tuple[keras.Model, bool]:
    """Train networks with an output for each level, by the pinball loss; return one model, and whether Ctrl-C ended it.

    Skewed positive numbers are learnt as logarithms, whose quantiles are the logarithms of theirs. Each level is then
    shifted so that it is right of the rows that were held out, as conformalised quantile regression does (Y. Romano et
    al. 2019, arXiv 1905.03222), and the levels of a row are put in order (V. Chernozhukov et al. 2010,
    doi:10.3982/ECTA7880).

    Args:
        levels: Rising, between 0 and 1.
        examples: Rows as the networks take them.
        target: What is predicted.
        settings: How the networks are made.
        seed: Of weights and orders.
        verbose: 0 is silent.

    Raises:
        KeyboardInterrupt: where Ctrl-C came before the first epoch was over.
    """
    y = np.log(examples.y) if target.scale == "log" else examples.y
    middle, spread = float(y.mean()), float(y.std())
    learnt = ((y - middle) / spread).astype(np.float32)
    head = replace(cheatsheet.head("quantile", quantiles=levels), metrics=())
    linear = linear_of(examples.features, learnt[:, None], examples.held)
    targets = [learnt] * len(examples.held) if linear is None else [left[:, 0] for left in linear.left]
    runs, is_cut_short = train_cores(
        examples.features, targets, head, examples.held, settings, seed=seed, verbose=verbose,
        unit=1.0 if linear is None else linear.spread,
    )  # fmt: skip
    seen, said = out_of_fold(runs, examples, linear)
    shifts = [float(np.quantile(learnt[seen] - said[:, k], level)) for k, level in enumerate(levels)]
    outputs = averaged(runs, examples.preprocessing.outputs[0], linear)
    offsets = [middle + spread * shift for shift in shifts]
    outputs = keras.layers.Rescaling([spread] * len(levels), offsets, name="outputs")(outputs)
    if target.scale == "log":
        outputs = keras.ops.exp(outputs)
    elif target.lowest is not None:
        outputs = keras.ops.maximum(outputs, target.lowest)
    outputs = keras.ops.sort(outputs, axis=1)
    return keras.Model(examples.preprocessing.inputs, outputs, name="table_quantiles"), is_cut_short


def judged(levels: Sequence[float], known: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> Quantiles:
    """Say how good quantiles are.

    Args:
        levels: That were asked for.
        known: Numbers of the rows that are not tested on, `(m,)`.
        true: Of the test rows, `(n,)`.
        predicted: Their quantiles, `(n, levels)`.
    """
    constant = cheatsheet.chance_loss("pinball", true, fitted_on=known, quantiles=levels)
    assert constant is not None  # a loss that the cheatsheet knows
    below = tuple(float(share) for share in (true[:, None] <= predicted).mean(axis=0))
    return Quantiles(tuple(levels), below, _pinball(levels, true, predicted), constant, len(true))


def _pinball(levels: Sequence[float], true: np.ndarray, predicted: np.ndarray) -> float:
    error = true[:, None] - predicted
    each = np.asarray(levels)
    return float(np.maximum(each * error, (each - 1) * error).mean())


def far_off(quantiles: Quantiles) -> list[Finding]:
    """Say which levels are further off on the test rows than chance explains."""
    off = []
    for level, below in zip(quantiles.levels, quantiles.below, strict=True):
        error = (level * (1 - level) / quantiles.num_test) ** 0.5
        if abs(below - level) > FAR_OFF * error:
            lie = f"{below:.1%} of {count(quantiles.num_test, 'test row')} lie below q{level:g}"
            off.append(f"{lie}, and about {100 * level:g}% should: too {'few' if below < level else 'many'}")
    if not off:
        return []
    fix = "take them for rough, or bring more rows"
    return [Finding("quantiles_off", "warning", f"{'; '.join(off)}, by more than chance explains.", fix)]
