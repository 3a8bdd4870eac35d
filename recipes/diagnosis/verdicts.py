"""The verdict: what the curve is by now, whether that lasts, and how sure that is.

What it is by now is a matter of definition, the same by which the corpus of `benchmarks/verdicts` says what came true.
Whether a flat curve will fall on, and how often a state lasts, is learnt from runs whose further course is known.
"""

from dataclasses import dataclass

import numpy as np

from recipes.diagnosis.course import BY_HEART, Course, state_of
from recipes.diagnosis.curves import Curves, end_of, median_over
from recipes.diagnosis.facts import Facts
from recipes.diagnosis.weights import SHARPEST, TRAINING_ALONE, WITH_CHANCE, WITHOUT_CHANCE, weights_for

SIGMAS = 3.0  # a change must exceed its noise this many times
BETTER_THAN_CHANCE = 0.01  # share of the way from the constant guess to a perfect model that counts as learnt
FALL = 0.01  # of R: a curve that fell less over the second half of its epochs is not still learning
SURELY = 0.5  # probability of still learning from which no fall need be seen
CERTAINLY = 2.0  # standard errors of a difference of medians
FEWEST_HALVED = 8  # epochs, from which halves of a half have several values
STEEP = 0.025  # of R: a fall over the last fifth that makes a loss above chance one that has not arrived
STEADY = 5.0  # standard errors of that fall
FEWEST_WEIGHED = 10  # epochs of the shortest runs that the weights have seen: below, no confidence is given


@dataclass(frozen=True)
class Seen:
    """All that a verdict is told from.

    Attributes:
        curves: Finite, of five values at least.
        course: What was measured on them.
        chance: Loss of a constant guess; `None` where it is not known.
        least: Loss of a perfect model.
        facts: Of the model; `None` where there is none.
        regime: `"grokking"` where a long plateau is expected.
        slower: Whether smaller steps are advised beside the verdict, so that nothing else may advise larger ones.
    """

    curves: Curves
    course: Course
    chance: float | None
    least: float
    facts: Facts | None = None
    regime: str | None = None
    slower: bool = False

    @property
    def mode(self) -> str:
        """Which weights are meant."""
        if self.curves.val_loss is None:
            return TRAINING_ALONE
        return WITHOUT_CHANCE if self.chance is None else WITH_CHANCE

    @property
    def at_chance(self) -> bool:
        """Whether the watched curve ended no better than a constant guess."""
        return self.chance is not None and self.course.end >= learnt(self.chance, self.least)

    @property
    def by_heart(self) -> bool:
        """Whether the training loss fell most of the way, while the validation loss ended where it began or above."""
        course = self.course
        return (
            self.curves.val_loss is not None
            and course.remains < BY_HEART
            and course.end >= learnt(course.top, course.least)
        )


@dataclass(frozen=True)
class Fall:
    """A fall up to the end of the training.

    Attributes:
        name: Of the curve in the history.
        start: Where the fall begins.
        end: What the curve is at its end, which is less.
        values: How many of its values, the last ones, it fell over.
        medians: Of how many values start and end are medians; 1 where single ones fell as well.
    """

    name: str
    start: float
    end: float
    values: int
    medians: int


@dataclass(frozen=True)
class Verdict:
    """The rule that weighs most.

    Attributes:
        rule: Its name.
        confidence: How often such a verdict comes true; `None` for runs shorter than any that was measured.
    """

    rule: str
    confidence: float | None


def learnt(chance: float, least: float) -> float:
    """Give the loss below which something has been learnt."""
    return chance - BETTER_THAN_CHANCE * (chance - least)


def forecast(seen: Seen) -> tuple[float, float, float] | None:
    """Say where the watched curve would be after as many epochs again: the 10 %, 50 % and 90 % quantile.

    `None` for fewer epochs than any run that this was measured on.
    """
    if len(seen.curves.loss) < FEWEST_WEIGHED:
        return None
    course = seen.course
    gains = weights_for(seen.mode).gains(course.features)
    low, middle, high = (course.end - gain * course.span for gain in gains[::-1])
    least = seen.least if seen.least <= course.best else -np.inf  # of a loss that may be negative nobody said how far
    return tuple(max(level, least) for level in (low, middle, high))  # type: ignore[return-value]


def last_fall(curves: Curves) -> Fall | None:
    """Find what fell up to the end: the watched curve over the last fifth of its epochs, else over half; else the loss.

    `None` where nothing did. Medians are compared, since of two single epochs chance may lift either.
    """
    n = len(curves.loss)
    medians = median_over(n)
    parts = [(name, curve, window) for name, curve in ((curves.name, curves.watched), ("loss", curves.loss))
             for window in (curves.tail, max(curves.tail, n - n // 2))]  # fmt: skip
    for name, curve, window in parts:
        part = curve[n - window :]
        start, end = float(np.median(part[:medians])), end_of(curve)
        if end < start:
            single = float(part[0]), float(part[-1])
            return Fall(name, *single, window, 1) if single[1] < single[0] else Fall(name, start, end, window, medians)
    return None


def may_learn_on(seen: Seen) -> bool:
    """Say whether training on may help: a curve fell, and the forecast lies below where the watched one is now.

    That is below its level at the end, and below its last epoch, which the model has by now.
    """
    to_come = forecast(seen)
    now = min(seen.course.end, float(seen.curves.watched[-1]))
    return last_fall(seen.curves) is not None and (to_come is None or to_come[1] < now)


def judge(seen: Seen) -> Verdict:
    """Say what the curve is by now, and whether it lasts: a flat curve may be still learning."""
    weights, features = weights_for(seen.mode), seen.course.features
    validated, known = seen.curves.val_loss is not None, seen.chance is not None
    state = state_of(seen.course, validated=validated, chance_known=known)
    share = weights.probability(state, features) if state in weights.lasts else None  # which no run has shown
    if state == "worse_than_chance" and _steep(seen) and may_learn_on(seen):
        state, share = "still_learning", weights.probability("converged", features)
    elif state == "converged" and share is not None:
        still = (share >= SURELY or (share >= weights.still and _falls(seen))) and may_learn_on(seen)
        state, share = ("still_learning", share) if still else ("converged", 1 - share)
    if state == "converged" and seen.at_chance:
        state = "worse_than_chance"
    is_measured = share is not None and len(seen.curves.loss) >= FEWEST_WEIGHED
    return Verdict(state, round(share, 2) if share is not None and is_measured else None)


def _steep(seen: Seen) -> bool:
    """Is the watched curve on its way, though it has not come below chance?"""
    features = seen.course.features
    fall, certainty = np.sinh(features["fall over 0.2"]) * SHARPEST, np.sinh(features["certainty"])
    return bool(fall > STEEP and certainty > STEADY)


def _falls(seen: Seen) -> bool:
    """Did either curve fall over the second half of the epochs, beyond its noise?"""
    course, n = seen.course, len(seen.curves.loss)
    for curve, noise in ((seen.curves.watched, course.noise), (seen.curves.loss, course.noise_loss)):
        parts = np.array_split(curve[n // 2 :], 2) if n > FEWEST_HALVED else (curve[n // 2 : n // 2 + 2], curve[-2:])
        fall = float(np.median(parts[0]) - np.median(parts[1]))
        if fall > max(FALL / 2 * course.span, CERTAINLY * noise * 1.25 * np.sqrt(2 / len(parts[1]))):
            return True
    return False
