"""What does the loss curve say? From a history to findings, NumPy alone.

The lecture's advice in rules: the loss should fall smoothly and be flat at the end. Not flat: still learning. Flat
while the validation loss rises: overfitting. A validation loss below the training loss is no mistake.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.common.words import count
from cheatsheet.finding import Finding, by_severity

TAIL = 0.2  # the last fifth of the epochs counts as "the end"
FEWEST_EPOCHS = 5  # below, no rule about the end of a curve can be told from noise
SIGMAS = 3.0  # a change must exceed its noise this many times
STILL_FALLING = 0.01  # relative fall over the tail that counts as "not flat"; the lecture's row 3 falls 2 %
STILL_FALLING_OF_DROP = 0.002  # the same against the whole drop, so that a loss near 0 can be flat
OVERFIT_RISE = 0.05  # relative rise of the validation loss above its best
DIVERGED = 0.5  # rise of the training loss above its best, against all that it had fallen
BETTER_THAN_CHANCE = 0.01  # share of the way from the constant guess to a perfect model that counts as learnt
COLLAPSED = 0.1  # variance of an autoencoder's outputs over that of its data; a useful one reaches 0.8 to 1
COLLAPSED_NEAR_CHANCE = 0.1  # relative distance of the loss to that of the mean example
JUMPS = 0.03  # scatter of the loss from epoch to epoch, relative to its level
FEWEST_OF_THE_END = 3  # epochs whose median says where a curve ended
_OF_CHANCE = "check that x and y belong together row by row, scale x, and try another learning_rate"
BELOW_TRAINING = 0.02  # relative gap by which the validation loss must lie below the training loss


@known_arguments_only
def diagnose(
    history: Any,
    *,
    chance: float | None = None,
    least: float | None = None,
    spread: float | None = None,
    kept: int | None = None,
) -> list[Finding]:
    """Tell what this loss curve says.

    Args:
        history: Dict or table with `"loss"` and perhaps `"val_loss"`, one value per epoch; or the `History` that Keras'
            `fit` returns, or a `Run`. With Keras' `validation_freq` there are fewer of `val_loss`.
        chance: Loss of the best constant guess, as `cheatsheet.chance_loss` gives it; a `Run` brings its own.
        least: Loss of a perfect model, as `cheatsheet.least_loss` gives it; likewise, else 0.
        spread: Variance of an autoencoder's outputs over that of its data, between examples; a `Run` brings its own.
        kept: Epoch, counted from 1, whose weights the model has in the end, as after early stopping with
            `restore_best_weights`: the verdict is about these. A `Run` brings its own; by default the last one.

    Returns:
        Findings, the most severe first; the first one is the headline. Rules: `nan`, `diverging`,
        `worse_than_chance`, `posterior_collapse`, `overfitting`, `still_learning`, `converged`,
        `validation_below_training`, `jumps`, `too_short`.

    Raises:
        ValueError: for a history without `"loss"`, or with curves of different lengths.

    >>> falling = {"loss": [1 / epoch for epoch in range(1, 21)]}
    >>> diagnose(falling)[0].rule
    'still_learning'
    """
    if chance is None:
        chance = getattr(history, "chance", None)
    if least is None:
        least = getattr(history, "least", 0.0)
    if spread is None:
        spread = getattr(history, "spread", None)
    if kept is None:
        kept = getattr(history, "kept", None)
    curves = _curves(history)
    if kept is not None and 0 < kept < curves.last_epoch:
        return _of_the_kept(curves, kept, chance, least, spread)
    broken = _not_a_number(curves)
    if broken:
        return broken
    if len(curves.loss) < FEWEST_EPOCHS:
        return [*_worse_than_chance(curves, chance, least, "warning"), *_too_short(curves)]
    collapsed = _posterior_collapse(curves, chance, spread)
    diverging = _diverging(curves)
    still = [] if diverging else _still_learning(curves)
    overfitting = [] if still else _overfitting(curves)
    hopeless = [] if collapsed else _worse_than_chance(curves, chance, least, "warning" if still else "error")
    flat = [] if diverging or still or overfitting else _converged(curves)
    below = [] if diverging or hopeless else _validation_below_training(curves)
    jumps = [] if diverging or hopeless else _jumps(curves)
    return by_severity([*diverging, *collapsed, *hopeless, *overfitting, *still, *flat, *below, *jumps])


def _of_the_kept(
    curves: "_Curves", kept: int, chance: float | None, least: float, spread: float | None
) -> list[Finding]:
    """Judge the epoch whose weights the model has: what came after it is thrown away, and says that it was the best."""
    i = max(kept // curves.every - 1, 0)
    value, last = float(curves.watched[i]), curves.last_epoch
    until = _Curves(curves.loss[: i + 1], None if curves.val_loss is None else curves.val_loss[: i + 1], curves.every)
    if broken := _not_a_number(until):
        return broken
    hopeless = []
    if chance is not None and value >= _learnt(chance, least):
        message = (
            f"{curves.name} is {value:.4g} in epoch {kept}, whose weights the model has: no better than the "
            f"{chance:.4g} of always giving the same answer."
        )
        hopeless = [Finding("worse_than_chance", "error", message, _OF_CHANCE, epochs=(kept, kept))]
    collapsed = _posterior_collapse(until, chance, spread)
    at_its_best = Finding(
        "converged",
        "info",
        f"{curves.name} is {value:.4g} in epoch {kept}, whose weights the model has; the {count(last - kept, 'epoch')} "
        "after it brought nothing better.",
        epochs=(kept, last),
    )
    return collapsed or hopeless or [at_its_best]


@dataclass(frozen=True)
class _Curves:
    loss: np.ndarray  # (epochs,)
    val_loss: np.ndarray | None
    every: int = 1  # epochs from one value to the next

    @property
    def watched(self) -> np.ndarray:
        """The curve that the verdict is about."""
        return self.loss if self.val_loss is None else self.val_loss

    @property
    def name(self) -> str:
        return "loss" if self.val_loss is None else "val_loss"

    @property
    def tail(self) -> int:
        """Number of epochs that count as the end."""
        return max(FEWEST_EPOCHS, math.ceil(TAIL * len(self.loss)))

    @property
    def tail_epochs(self) -> tuple[int, int]:
        return self.epoch(len(self.loss) - self.tail), self.last_epoch

    @property
    def last_epoch(self) -> int:
        return self.epoch(len(self.loss) - 1)

    def epoch(self, i: int) -> int:
        """Number of the epoch, counted from 1, of the value at this place."""
        return (i + 1) * self.every


def _curves(history: Any) -> _Curves:
    values = getattr(history, "history", history)
    if hasattr(values, "columns") and hasattr(values, "__getitem__"):  # a table, such as of CSVLogger's file
        values = {str(name): list(values[name]) for name in values.columns}
    if not isinstance(values, Mapping) or "loss" not in values:
        names = sorted(values) if isinstance(values, Mapping) else type(history).__name__
        raise ValueError(
            f"A history needs the key 'loss'. Received: {names}. Pass run.history, or what model.fit returned."
        )
    loss = _as_curve(values["loss"], "loss")
    val_loss = _as_curve(values["val_loss"], "val_loss") if values.get("val_loss") is not None else None
    if val_loss is None:
        return _Curves(loss, None)
    measured = np.flatnonzero(np.isfinite(val_loss))
    gaps = np.diff(measured, prepend=-1)
    if len(val_loss) == len(loss) and len(measured) > 1 and gaps[0] > 1 and (gaps == gaps[0]).all():
        val_loss = val_loss[measured]  # a table, which has a place for each epoch
    every = len(loss) // len(val_loss)
    if every > 1 and len(loss) // every == len(val_loss):  # Keras' validation_freq
        return _Curves(loss[every - 1 :: every], val_loss, every)
    if len(val_loss) != len(loss):
        raise ValueError(
            f"loss has {len(loss)} epochs, but val_loss has {len(val_loss)}. Expected one value per epoch in each, or "
            "of val_loss one in every so many (validation_freq)."
        )
    return _Curves(loss, val_loss)


def _as_curve(values: Sequence[float], name: str) -> np.ndarray:
    curve = np.asarray(values, dtype=np.float64)
    if curve.ndim != 1 or not len(curve):
        raise ValueError(f"{name} has shape {curve.shape}. Expected one value per epoch, and at least one epoch.")
    return curve


def _noise(curve: np.ndarray) -> float:
    """Measure the scatter from epoch to epoch, whatever the smooth course: by second differences, outliers ignored."""
    if len(curve) < 4:
        return 0.0
    second = np.diff(curve, 2)
    return float(1.4826 * np.median(np.abs(second - np.median(second))) / math.sqrt(6))  # var(a-2b+c) = 6 var


def _not_a_number(curves: _Curves) -> list[Finding]:
    for name, curve in (("loss", curves.loss), ("val_loss", curves.val_loss)):
        if curve is None or np.isfinite(curve).all():
            continue
        i = int(np.argmin(np.isfinite(curve)))
        epoch = curves.epoch(i)
        before = f" after {curve[i - 1]:.4g} in epoch {curves.epoch(i - 1)}" if i > 0 else ""
        what = "NaN" if np.isnan(curve[i]) else "infinite"
        return [
            Finding(
                "nan",
                "error",
                f"{name} became {what}{before}.",
                "lower learning_rate (by 10), scale x and y, and look for log(0) or division by 0 in a custom loss",
                epochs=(epoch, epoch),
            )
        ]
    return []


def _too_short(curves: _Curves) -> list[Finding]:
    epochs = curves.last_epoch
    return [
        Finding(
            "too_short",
            "info",
            f"{count(epochs, 'epoch')} cannot show how the curve ends; {curves.name} is {curves.watched[-1]:.4g}.",
            f"train for at least {FEWEST_EPOCHS} epochs",
            epochs=(1, epochs),
        )
    ]


def _diverging(curves: _Curves) -> list[Finding]:
    loss = curves.loss
    best = int(np.argmin(loss))
    end = float(np.median(loss[-curves.tail :]))
    end = min(end, float(loss[-1]))  # a curve that has come back down is not diverging
    fallen, risen = loss[0] - loss[best], end - loss[best]
    if not (risen > DIVERGED * fallen and risen > SIGMAS * _noise(loss) and risen > OVERFIT_RISE * abs(loss[best])):
        return []
    return [
        Finding(
            "diverging",
            "error",
            f"loss on the training data rose from {loss[best]:.4g} to {loss[-1]:.4g}.",
            "lower learning_rate (by 3 to 10), or clip gradients (clipnorm=1); a rising training loss is often a bug",
            epochs=(curves.epoch(best), curves.last_epoch),
        )
    ]


def _still_learning(curves: _Curves) -> list[Finding]:
    curve = curves.watched
    tail = curve[-curves.tail :]
    third = len(tail) // 3  # medians of the first and last third: a jump in either does not count as a slope
    stretch = (len(tail) - 1) / (len(tail) - third)  # from the thirds' middles to the whole tail
    fall = stretch * float(np.median(tail[:third]) - np.median(tail[-third:]))
    error = stretch * _noise(curve) * 1.25 * math.sqrt(2 / third)  # a median scatters 1.25 times as much as a mean
    level = abs(float(tail.mean()))
    drop = float(curve[0] - curve.min())
    if not fall > max(SIGMAS * error, STILL_FALLING * level, STILL_FALLING_OF_DROP * drop):
        return []
    return [
        Finding(
            "still_learning",
            "warning",
            f"{curves.name} was still falling when training stopped: from {tail[0]:.4g} to {tail[-1]:.4g} over the "
            f"last {len(tail) * curves.every} epochs.",
            "train for more epochs, or raise learning_rate",
            epochs=curves.tail_epochs,
        )
    ]


def _overfitting(curves: _Curves) -> list[Finding]:
    if curves.val_loss is None:
        return []
    val_loss, loss = curves.val_loss, curves.loss
    smooth = _smoothed(val_loss)
    best = int(np.argmin(smooth))
    end = val_loss[-max(FEWEST_OF_THE_END, len(val_loss) // 20) :]
    rise = float(np.median(end) - smooth[best])  # not of a spike alone
    drop = float(val_loss[0] - smooth[best])
    noise = _noise(val_loss)
    # Against |val_loss| alone a curve that ends near 0 would always have risen; against its drop alone, never.
    if not rise > max(SIGMAS * noise, OVERFIT_RISE * abs(smooth[best]), STILL_FALLING_OF_DROP * drop):
        return []
    if loss[-1] > loss[best] + SIGMAS * _noise(loss):  # both rise: not overfitting
        return []
    lowest = int(np.argmin(val_loss))
    epoch = curves.epoch(lowest)
    return [
        Finding(
            "overfitting",
            "warning",
            f"val_loss was lowest at epoch {epoch} ({val_loss[lowest]:.4g}) and ended at {val_loss[-1]:.4g}, "
            f"while loss went from {loss[lowest]:.4g} to {loss[-1]:.4g}.",
            f"stop near epoch {epoch} (EarlyStopping with restore_best_weights=True), or use dropout, "
            "fewer parameters, or more data",
            epochs=(epoch, curves.last_epoch),
        )
    ]


def _smoothed(curve: np.ndarray) -> np.ndarray:
    """Smooth by a centred running median over about a tenth of the epochs, shorter at the ends."""
    half = len(curve) // 20
    return np.array([np.median(curve[max(0, i - half) : i + half + 1]) for i in range(len(curve))])


def _learnt(chance: float, least: float) -> float:
    """Give the loss below which something has been learnt."""
    return chance - BETTER_THAN_CHANCE * (chance - least)


def _worse_than_chance(curves: _Curves, chance: float | None, least: float, severity: str) -> list[Finding]:
    if chance is None:
        return []
    short = len(curves.watched) < FEWEST_EPOCHS
    end = float(curves.watched[-1] if short else np.median(curves.watched[-curves.tail :]))
    learnt = _learnt(chance, least)
    if end < learnt:
        return []
    best, last = float(curves.watched.min()), float(curves.watched[-1])
    once = f" (at its best it was {best:.4g})" if best < learnt else ""
    seen = f"is {last:.4g} at the end" if last >= learnt else f"has a median of {end:.4g} at the end"
    return [
        Finding(
            "worse_than_chance",
            severity,
            f"{curves.name} {seen}, no better than the {chance:.4g} of always giving the same answer{once}.",
            ("train on, or raise learning_rate; " if severity == "warning" and not short else "") + _OF_CHANCE,
            epochs=(1, curves.last_epoch) if short else curves.tail_epochs,
        )
    ]


def _posterior_collapse(curves: _Curves, chance: float | None, spread: float | None) -> list[Finding]:
    """Find an autoencoder that has learnt the mean example and nothing that tells the examples apart."""
    end = float(np.median(curves.watched[-curves.tail :]))
    if spread is None or chance is None or spread >= COLLAPSED or end > chance * (1 + COLLAPSED_NEAR_CHANCE):
        return []
    return [
        Finding(
            "posterior_collapse",
            "error",
            f"whatever it is shown, the model gives nearly the mean example: its outputs vary by {spread:.1%} of what "
            f"the data vary, and {curves.name} is {curves.watched[-1]:.4g} where the mean example gets {chance:.4g}.",
            "recompile with optimizer='adam', or raise learning_rate: Keras' adadelta takes 0.001, its paper 1.0",
            epochs=curves.tail_epochs,
        )
    ]


def _jumps(curves: _Curves) -> list[Finding]:
    """Find scatter that is no bad sign by itself, as the lecture says, but looks like one."""
    tail = curves.watched[-curves.tail :]
    scatter = _noise(curves.watched[-2 * curves.tail :])
    level = abs(float(np.median(tail)))
    if level == 0 or not scatter > JUMPS * level:
        return []
    return [
        Finding(
            "jumps",
            "info",
            f"{curves.name} scatters by {scatter / level:.0%} from epoch to epoch. No bad sign "
            "by itself: large steps and kinked activations (ReLU) do that.",
            "lower learning_rate towards the end for a smoother and often lower loss",
            epochs=curves.tail_epochs,
        )
    ]


def _converged(curves: _Curves) -> list[Finding]:
    last, middle = float(curves.watched[-1]), float(np.median(curves.watched[-curves.tail :]))
    is_typical = abs(last - middle) <= SIGMAS * max(_noise(curves.watched), JUMPS / 10 * abs(middle))
    place = f"at {last:.4g}" if is_typical else f"around {middle:.4g} ({last:.4g} in the last epoch)"
    return [
        Finding(
            "converged",
            "info",
            f"{curves.name} is flat at the end, {place}.",
            epochs=curves.tail_epochs,
        )
    ]


def _validation_below_training(curves: _Curves) -> list[Finding]:
    if curves.val_loss is None:
        return []
    loss, val_loss = curves.loss[-curves.tail :], curves.val_loss[-curves.tail :]
    gap = float(np.mean(loss - val_loss))
    if not (gap > BELOW_TRAINING * abs(float(loss.mean())) and np.mean(val_loss < loss) >= 0.8):
        return []
    return [
        Finding(
            "validation_below_training",
            "info",
            f"val_loss (on average {val_loss.mean():.4g} in these epochs) lies below loss ({loss.mean():.4g}). No "
            "mistake where dropout, weight penalties or weights of the rows act on the training loss alone; it is also "
            "an average over an epoch in which the model still improved. Otherwise few rows validate, or easy ones.",
            epochs=curves.tail_epochs,
        )
    ]
