"""How a curve runs, in numbers that do not depend on its unit: what the verdict is weighed from.

All losses are measured in units of the range R, from the loss of a constant guess (without one, from where the curve
began) to the best smoothed value that was seen; it counts as at least a quarter of the way to a perfect model, so that
noise about chance is no range. Falls are positive.
"""

import math
from dataclasses import dataclass

import numpy as np

from recipes.diagnosis.curves import Curves, end_of, noise_of, smoothed
from recipes.diagnosis.forecast import extrapolated

LEAST_RANGE = 0.25  # of the way from chance to a perfect model
SHARPEST = 0.02  # of R: below, a change is taken linearly, above by its logarithm
TINY = 1e-12
MATTERS = 0.05  # of R: a rise or a fall that counts
ROSE = 0.10  # of the range of the training loss: a rise of it that counts
LEARNT = 0.01  # of the way from chance to a perfect model: less is no better than chance
BY_HEART = 0.5  # of that way: what the training loss has gone where rows are known by heart
STATES = ("converged", "overfitting", "worse_than_chance", "memorised_noise", "diverging")
BEYOND_NOISE = 1.5  # times the scatter of single epochs: a rise of medians that is none of them
WINDOWS = (0.5, 0.2, 0.1)  # shares of the epochs, up to the last, over which falls are measured


@dataclass(frozen=True)
class Course:
    """What was measured on the curves.

    Attributes:
        top: Loss of a constant guess; without one, that at the beginning.
        least: Loss of a perfect model.
        span: The range R, in the unit of the loss.
        best: Lowest smoothed value of the watched curve.
        best_at: Its place.
        end: Level at the end, of the watched curve: over a tenth of the epochs.
        last: Level of half of these, which is nearer to the last epoch.
        noise: Scatter from epoch to epoch, of the watched curve.
        end_loss: Level of the training loss at the end.
        last_loss: Likewise.
        best_loss: Lowest smoothed value of the training loss.
        at_best_loss: Smoothed training loss where the watched curve was best.
        noise_loss: Scatter of the training loss.
        features: Numbers by name, without a unit.
    """

    top: float
    least: float
    span: float
    best: float
    best_at: int
    end: float
    last: float
    noise: float
    end_loss: float
    last_loss: float
    best_loss: float
    at_best_loss: float
    noise_loss: float
    features: dict[str, float]

    @property
    def rise(self) -> float:
        """How far the watched curve ended above its best."""
        return min(self.end, self.last) - self.best

    @property
    def remains(self) -> float:
        """Share of the way from chance to a perfect model that the training loss has not gone."""
        return (self.end_loss - self.least) / max(self.top - self.least, TINY)


def course_of(curves: Curves, chance: float | None, least: float) -> Course:
    """Measure finite curves of at least five values."""
    watched, loss = curves.watched, curves.loss
    smooth, smooth_loss = smoothed(watched), smoothed(loss)
    best_at = int(np.argmin(smooth))
    best, end = float(smooth[best_at]), end_of(watched)
    top = float(smooth[0]) if chance is None else chance
    if least > best:  # a loss that may be negative, and nobody said how far
        least = best
    span = max(top - best, LEAST_RANGE * (top - least), TINY * max(abs(top), 1.0))
    whole = max(top - least, span)
    noise, noise_loss = noise_of(watched), noise_of(loss)
    n = len(watched)
    features = {
        "epochs": math.log10(n),
        "noise": _log(noise / span),
        "noise of training": _log(noise_loss / span),
        "rise": _sharp((min(end, float(smooth[-1])) - best) / span),
        "rise in noise": math.log1p(max(min(end, float(smooth[-1])) - best, 0.0) / (noise + 1e-3 * span)),
        "place of the best": (best_at + 1) / n,
        "level": (end - least) / whole,
        "best level": (best - least) / whole,
        "level of training": (end_of(loss) - least) / whole,
        "room of training": _log((end_of(loss) - least) / whole),
        "gap": _sharp((end - end_of(loss)) / span),
        "begun": _sharp((float(smooth[0]) - best) / span),
        "rise of training": _sharp((min(end_of(loss), float(smooth_loss[-1])) - float(smooth_loss.min())) / span),
        "chance is known": float(chance is not None),
    }
    for name, curve, scatter in (("", watched, noise), (" of training", loss, noise_loss)):
        for window in WINDOWS:
            fall, error = _fall(curve[-max(4, round(window * n)) :], scatter)
            features[f"fall over {window:g}{name}"] = _sharp(fall / span)
            if window == WINDOWS[1]:
                features[f"certainty{name}"] = math.asinh(fall / (error + 1e-4 * span))
        halved = [_at(curve, n >> k) for k in range(4)]  # levels at T, T/2, T/4, T/8
        for k in range(3):
            features[f"fall to T/{2**k}{name}"] = _sharp((halved[k + 1] - halved[k]) / span)
        features[f"to come{name}"] = _sharp((_at(curve, n) - extrapolated(curve, 2)) / span)
        features[f"to come in the end{name}"] = _sharp((_at(curve, n) - extrapolated(curve, 4)) / span)
    rough = float(np.std(watched[-max(5, n // 5) :] - smooth[-max(5, n // 5) :]))
    features["roughness"] = _log(rough / span)
    course = Course(
        top=top, least=least, span=span, best=best, best_at=best_at, end=end, last=float(smooth[-1]), noise=noise,
        end_loss=end_of(loss), last_loss=float(smooth_loss[-1]),
        best_loss=float(smooth_loss.min()), at_best_loss=float(smooth_loss[best_at]), noise_loss=noise_loss,
        features=features,
    )  # fmt: skip
    for name, value in features.items():
        features[name] = float(np.clip(np.nan_to_num(value), -12.0, 12.0))
    return course


def state_of(course: Course, *, validated: bool, chance_known: bool) -> str:
    """Name what the curve is by now, were nothing to happen any more.

    Args:
        course: What was measured.
        validated: Whether the watched curve is that of other rows.
        chance_known: Whether `course.top` is a constant guess; else nothing can be called no better.
    """
    rise_of_training = min(course.end_loss, course.last_loss) - course.best_loss
    if _rise_of_training(course) > ROSE and rise_of_training > BEYOND_NOISE * course.noise_loss:
        return "diverging"
    enough = course.top - LEARNT * (course.top - course.least)
    by_heart = validated and course.remains < BY_HEART and course.end >= enough
    if by_heart and course.best > course.top - MATTERS * course.span:
        return "memorised_noise"
    rises = course.rise > max(MATTERS * course.span, course.noise)
    if validated and rises and course.end_loss < course.at_best_loss:
        return "overfitting"
    return "worse_than_chance" if chance_known and course.best >= enough else "converged"


def _rise_of_training(course: Course) -> float:
    span = max(course.top - course.best_loss, LEAST_RANGE * (course.top - course.least), course.span)
    return (min(course.end_loss, course.last_loss) - course.best_loss) / span


def _sharp(change: float) -> float:
    """Take small changes linearly and large ones by their logarithm."""
    return math.asinh(change / SHARPEST)


def _log(share: float) -> float:
    return math.log10(max(share, 1e-5))


def _fall(part: np.ndarray, noise: float) -> tuple[float, float]:
    """Fit a line; return how far it falls from end to end, and the error of that from this noise."""
    t = np.arange(len(part)) - (len(part) - 1) / 2
    squares = float((t**2).sum())
    slope = float((t * part).sum()) / squares
    return -slope * (len(part) - 1), noise / math.sqrt(squares) * (len(part) - 1)


def _at(curve: np.ndarray, epoch: int) -> float:
    """Give the level at this epoch: a median over a tenth of the epochs up to it."""
    epoch = max(epoch, 1)
    return float(np.median(curve[max(0, epoch - max(3, epoch // 10)) : epoch]))
