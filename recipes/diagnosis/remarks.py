"""What a curve shows beside its verdict: its rate, its jumps, a validation below training, a plateau, grokking."""

import numpy as np

from cheatsheet.finding import Finding
from recipes.diagnosis import mends
from recipes.diagnosis.curves import scatter_of, smoothed
from recipes.diagnosis.rules import CERTAIN
from recipes.diagnosis.verdicts import Seen, learnt

JUMPS = 0.03  # scatter of the loss from epoch to epoch, relative to its level
BELOW_TRAINING = 0.02  # relative gap by which the validation loss must lie below the training loss
MOSTLY_BELOW = 0.8  # of the last epochs
PLATEAU = 0.2  # of the epochs, before anything fell
FEWEST_OF_A_PLATEAU = 5
BEGUN, DROPPED = 0.05, 0.5  # of the whole fall: where it begins, and where it is a drop
STANDS_OUT = 10.0  # times the scatter of single epochs: a fall that is a drop
STRAIGHT = 0.75  # fall over the second half against that over the first, of a curve that has hardly begun
HARDLY = 0.3  # of the way from the beginning to a perfect model
ROUGH = 0.15  # scatter of the training loss in units of R, of a rate too high
LEFT = 0.1  # of the way to a perfect model, that smaller steps might still go
HELPS = 0.7  # how often the other rate was better, on the development half (`benchmarks/verdicts advice`)
LATE = 1.5  # times as long as it took to learn the rows by heart: when generalising is late


def jumps(seen: Seen) -> list[Finding]:
    """Find scatter that is no bad sign by itself, as the lecture says, but looks like one."""
    curves = seen.curves
    tail = curves.watched[-curves.tail :]
    scatter = scatter_of(curves.watched[-2 * curves.tail :])
    level = abs(float(np.median(tail)))
    if level == 0 or not scatter > JUMPS * level:
        return []
    message = (
        f"{curves.name} scatters by {scatter / level:.0%} from epoch to epoch. No bad sign by itself: large steps and "
        "kinked activations (ReLU) do that."
    )
    fix = "lower learning_rate towards the end for a smoother and often lower loss"
    return [Finding("jumps", "info", message, fix, epochs=curves.tail_epochs, confidence=CERTAIN)]


def validation_below_training(seen: Seen) -> list[Finding]:
    """Find a validation loss below the training loss, and say what of this model does that."""
    curves = seen.curves
    if curves.val_loss is None:
        return []
    loss, val_loss = curves.loss[-curves.tail :], curves.val_loss[-curves.tail :]
    gap = float(np.mean(loss - val_loss))
    if not (gap > BELOW_TRAINING * abs(float(loss.mean())) and np.mean(val_loss < loss) >= MOSTLY_BELOW):
        return []
    message = (
        f"val_loss (on average {val_loss.mean():.4g} in these epochs) lies below loss ({loss.mean():.4g}). "
        f"{mends.below_training(seen.facts)}"
    )
    return [
        Finding("validation_below_training", "info", message, epochs=curves.tail_epochs, confidence=CERTAIN),
    ]


def plateau_then_drop(seen: Seen) -> list[Finding]:
    """Find a loss that did nothing for long, and then fell at once."""
    curves = seen.curves
    smooth = smoothed(curves.watched)
    start = float(np.median(smooth[: max(3, len(smooth) // 20)]))
    fall = start - float(smooth.min())
    if fall <= max(BEGUN * (start - seen.course.least), STANDS_OUT * seen.course.noise):
        return []
    begins = int(np.argmax(smooth < start - BEGUN * fall))
    drops = int(np.argmax(smooth < start - DROPPED * fall))
    if begins < max(FEWEST_OF_A_PLATEAU, PLATEAU * len(smooth)) or drops - begins > begins / 2:
        return []
    message = (
        f"{curves.name} stayed near {start:.4g} for {curves.epoch(begins - 1)} epochs and then fell by half of all "
        f"that it fell within {(drops - begins + 1) * curves.every}: a plateau is no end."
    )
    fix = "a little more patience than the plateau is long"
    if not seen.slower:
        fix += "; a higher learning_rate shortens it"
    return [Finding("plateau_then_drop", "info", message, fix, epochs=(1, curves.epoch(drops)), confidence=CERTAIN)]


def grokked(seen: Seen) -> list[Finding]:
    """Find a validation loss that fell long after the training rows were known by heart."""
    curves, course = seen.curves, seen.course
    if curves.val_loss is None:
        return []
    half_way = course.top - (course.top - course.least) / 2
    known = smoothed(curves.loss) < half_way
    late = smoothed(curves.watched) >= learnt(course.top, course.least)
    arrived = float(np.median(curves.watched[-3:]))  # a run may stop as soon as it has
    if not known.any() or not late.any() or arrived > half_way:
        return []
    by_heart, rule = int(np.argmax(known)), len(late) - int(np.argmax(late[::-1]))
    if rule < LATE * (by_heart + 1) or rule - by_heart < FEWEST_OF_A_PLATEAU:
        return []
    if curves.watched[by_heart:rule].max() < curves.watched[: by_heart + 1].max():  # it was falling all the time
        return []
    message = (
        f"the training rows were known by heart in epoch {curves.epoch(by_heart)}, and validation fell below chance "
        f"only after epoch {curves.epoch(rule - 1)}, to {curves.watched[-1]:.4g}: a rule was found long after "
        "(grokking)."
    )
    return [Finding("grokked", "info", message, epochs=(curves.epoch(by_heart), curves.last_epoch), confidence=CERTAIN)]


def rate_too_low(seen: Seen) -> tuple[list[Finding], mends.Mend | None]:
    """Find a curve that falls, but so slowly that it has hardly begun."""
    course, features = seen.course, seen.course.features
    begun = float(smoothed(seen.curves.loss)[0])
    way = (begun - course.end_loss) / max(begun - course.least, 1e-12)
    n = len(seen.curves.loss)
    first, second = (_fall(seen.curves.loss[part]) for part in (slice(0, n // 2), slice(n // 2, n)))
    if not (0 < way < HARDLY and second > STRAIGHT * first > 0) or features["certainty of training"] < 1:
        return [], None
    factor = mends.LARGE_STEP if way < HARDLY / 3 else mends.SMALL_STEP
    mend = mends.faster(seen.facts, factor)
    message = (
        f"loss falls evenly and has gone {way:.0%} of the way from {begun:.4g} to a perfect model in {n:,} epochs: the "
        f"steps are too small, by a factor of {factor:g} or more."
    )
    epochs = (1, seen.curves.last_epoch)
    return [Finding("rate_too_low", "warning", message, mend.text, epochs=epochs, confidence=HELPS)], mend


def rate_too_high(seen: Seen) -> tuple[list[Finding], mends.Mend | None]:
    """Find a training loss that scatters widely, above what smaller steps would lead to."""
    course, curves = seen.course, seen.curves
    scatter = scatter_of(curves.loss[-2 * curves.tail :]) / course.span
    if scatter < ROUGH or course.remains < LEFT:
        return [], None
    factor = mends.LARGE_STEP if scatter > 2 * ROUGH or course.end_loss > course.top else mends.SMALL_STEP
    mend = mends.slower(seen.facts, factor)
    message = (
        f"loss scatters by {scatter:.0%} of all that there is to gain from epoch to epoch: the steps are too large, "
        f"by a factor of {factor:g} or so."
    )
    return [Finding("rate_too_high", "warning", message, mend.text, epochs=curves.tail_epochs, confidence=HELPS)], mend


def _fall(part: np.ndarray) -> float:
    third = max(1, len(part) // 3)
    return float(np.median(part[:third]) - np.median(part[-third:]))
