"""The verdict: which of the possible ones weighs most, and how sure that is.

What a curve does not show at all is no verdict, whatever the weights say: overfitting needs a rise beyond the noise,
divergence a training loss that rises, memorised noise a training loss that fell. Between those that are left the
weights decide, learnt from runs whose further course is known.
"""

from dataclasses import dataclass

from recipes.diagnosis.course import Course
from recipes.diagnosis.curves import Curves
from recipes.diagnosis.facts import Facts
from recipes.diagnosis.weights import TRAINING_ALONE, WITH_CHANCE, WITHOUT_CHANCE, weights_for

SIGMAS = 3.0  # a change must exceed its noise this many times
BETTER_THAN_CHANCE = 0.01  # share of the way from the constant guess to a perfect model that counts as learnt
BY_HEART = 0.5  # of that way: what the training loss has gone where rows are known by heart
RISE = 0.02  # of R: a rise of either curve that may be a verdict
FALL = 0.005  # of R: a fall that may be one
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
    """

    curves: Curves
    course: Course
    chance: float | None
    least: float
    facts: Facts | None = None
    regime: str | None = None

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


def possible(seen: Seen) -> set[str]:
    """Name the verdicts that the curves allow at all."""
    course, rules = seen.course, {"still_learning", "converged"}
    falls = [course.features[name] for name in course.features if name.startswith(("fall over 0", "fall to T/1"))]
    if max(falls) <= FALL:
        rules.discard("still_learning")
    rises = course.rise > max(SIGMAS / 2 * course.noise, RISE * course.span)
    learns = course.end_loss <= course.at_best_loss + SIGMAS * course.noise_loss
    if seen.curves.val_loss is not None and rises and learns:
        rules.add("overfitting")
    if course.end_loss - course.best_loss > max(SIGMAS * course.noise_loss, RISE * course.span):
        rules.add("diverging")
    if seen.by_heart:
        rules.add("memorised_noise")
    if seen.at_chance:
        rules.add("worse_than_chance")
        rules.discard("converged")
    return rules


def judge(seen: Seen) -> Verdict:
    """Weigh the verdicts that are possible."""
    shares = weights_for(seen.mode).probabilities(seen.course.features)
    allowed = {rule: share for rule, share in shares.items() if rule in possible(seen)}
    rule = max(allowed, key=lambda name: allowed[name])
    confidence = allowed[rule] / max(sum(allowed.values()), 1e-9)
    long_enough = len(seen.curves.loss) >= FEWEST_WEIGHED
    return Verdict(rule, round(confidence, 2) if long_enough else None)
