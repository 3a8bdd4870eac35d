"""A finding for each verdict: what was seen, with its numbers, and what mends it."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from cheatsheet.common.words import count
from cheatsheet.finding import Finding
from recipes.diagnosis import mends
from recipes.diagnosis.course import MATTERS
from recipes.diagnosis.curves import FEWEST_EPOCHS, Curves, smoothed
from recipes.diagnosis.facts import Facts
from recipes.diagnosis.verdicts import SIGMAS, Seen, forecast, last_fall, learnt

RISEN = 0.01  # of R: a rise since the lowest val_loss that is worth a word
TYPICAL = 0.003  # relative distance from the level at the end that needs no word
COLLAPSED = 0.1  # variance of an autoencoder's outputs over that of its data; a useful one reaches 0.8 to 1
COLLAPSED_NEAR_CHANCE = 0.1  # relative distance of the loss to that of the mean example
UNKNOWN_CHANCE = "Whether that is better than a constant guess, chance=cheatsheet.chance_loss(loss, y) would say."
CERTAIN = 1.0  # confidence in what is read off the curve, not weighed


def not_a_number(curves: Curves, facts: Facts | None) -> list[Finding]:
    """Find the first epoch that is not a number."""
    for name, curve in (("loss", curves.loss), ("val_loss", curves.val_loss)):
        if curve is None or np.isfinite(curve).all():
            continue
        i = int(np.argmin(np.isfinite(curve)))
        epoch = curves.epoch(i)
        before = f" after {curve[i - 1]:.4g} in epoch {curves.epoch(i - 1)}" if i > 0 else ""
        what = "NaN" if np.isnan(curve[i]) else "infinite"
        message = f"{name} became {what}{before}."
        return [Finding("nan", "error", message, mends.of_nan(facts).text, epochs=(epoch, epoch), confidence=CERTAIN)]
    return []


def too_short(curves: Curves) -> Finding:
    """Say that so few epochs say nothing."""
    epochs, values = curves.last_epoch, f"{curves.name} is {curves.watched[-1]:.4g}"
    message = f"{count(epochs, 'epoch')} cannot show how the curve ends; {values}."
    fix = f"train for at least {FEWEST_EPOCHS} epochs"
    if curves.every > 1:
        message = (
            f"val_loss has {count(len(curves.watched), 'value')}, as with validation_freq={curves.every}, which cannot "
            f"show how the curve ends; {values} in epoch {epochs}. Expected at least {FEWEST_EPOCHS} values."
        )
        fix = f"train for at least {FEWEST_EPOCHS * curves.every} epochs, or validate more often (validation_freq=1)"
    return Finding(
        "too_short",
        "info",
        message,
        fix,
        epochs=(1, epochs),
        confidence=CERTAIN,
    )


def diverging(seen: Seen) -> Finding:
    """Say that the training loss rises."""
    curves = seen.curves
    best = int(np.argmin(curves.loss))
    return Finding(
        "diverging",
        "error",
        f"loss on the training data rose from {curves.loss[best]:.4g} to {curves.loss[-1]:.4g}.",
        mends.of_diverging(seen.facts).text,
        epochs=(curves.epoch(best), curves.last_epoch),
    )


def still_learning(seen: Seen) -> Finding:
    """Say that the curve was still falling, and what more epochs would bring."""
    curves, fall, to_come = seen.curves, last_fall(seen.curves), forecast(seen)
    assert fall is not None, "nothing that does not fall is called so"
    levels = [fall.start, fall.end, *([] if to_come is None else [to_come[1]])]
    start, end, *then = told_apart(levels if fall.name == curves.name else levels[:2])
    of = "" if fall.medians == 1 else f" (medians of {fall.medians} values)"
    message = (
        f"{fall.name} was still falling when training stopped: from {start} to {end} over the last "
        f"{fall.values * curves.every:,} epochs{of}."
    )
    more = curves.last_epoch
    if to_come is not None:
        now = ""
        if fall.name != curves.name:  # of the two curves the other fell
            today, *then = told_apart([float(curves.watched[-1]), to_come[1]])
            now = f", now {today},"
        message += (
            f" After {more:,} more epochs {curves.name}{now} would be about {then[0]} (in 8 of 10 such runs between "
            f"{to_come[0]:.4g} and {to_come[2]:.4g})."
        )
    mend = mends.of_still_learning(seen.facts, more if to_come is not None else None, faster=not seen.slower)
    epochs = curves.epoch(len(curves.loss) - fall.values), curves.last_epoch
    return Finding("still_learning", "warning", message, mend.text, epochs=epochs)


def told_apart(values: Sequence[float]) -> list[str]:
    """Write different numbers, one after the other, with as many digits as it takes to see that they differ.

    >>> told_apart([0.30001, 0.3])
    ['0.30001', '0.3']
    """
    digits = next((n for n in range(4, 17) if all(f"{a:.{n}g}" != f"{b:.{n}g}" for a, b in pairwise(values))), 17)
    return [f"{value:.{digits}g}" for value in values]


def overfitting(seen: Seen) -> Finding:
    """Say that the validation loss rose while the training loss fell, and since when."""
    curves, val_loss, loss = seen.curves, seen.curves.watched, seen.curves.loss
    lowest, turn = lowest_and_turn(val_loss)
    epoch = curves.epoch(turn)
    since = "" if turn == lowest else f" It has risen since about epoch {epoch}."
    return Finding(
        "overfitting",
        "warning",
        f"val_loss was lowest at epoch {curves.epoch(lowest)} ({val_loss[lowest]:.4g}) and ended at "
        f"{val_loss[-1]:.4g}, while loss went from {loss[lowest]:.4g} to {loss[-1]:.4g}.{since}",
        mends.of_overfitting(seen.facts, epoch).text,
        epochs=(epoch, curves.last_epoch),
    )


def lowest_and_turn(curve: np.ndarray) -> tuple[int, int]:
    """Find the place where a noisy curve was lowest, and that from which it rises, the same where these are near.

    It rises from where its smoothed course was lowest.
    """
    lowest, turn = int(np.argmin(curve)), int(np.argmin(smoothed(curve)))
    return lowest, lowest if abs(lowest - turn) <= max(1, len(curve) // 20) else turn


def memorised_noise(seen: Seen) -> Finding:
    """Say that the training rows are known by heart, and that nothing in them helps on others."""
    curves, course = seen.curves, seen.course
    guess = "a constant guess gets" if seen.chance is not None else "it began at"
    gone = 1 - course.remains
    where = curves.epoch(int(np.argmax(smoothed(curves.loss) < course.top - (course.top - course.least) / 2)))
    return Finding(
        "memorised_noise",
        "error",
        f"loss on the training rows fell to {curves.loss[-1]:.4g}, {gone:.0%} of the way to a perfect model, while "
        f"val_loss is {curves.watched[-1]:.4g} where {guess} {course.top:.4g}: the rows are known by heart, and "
        "nothing of that carries over.",
        mends.of_memorised(curves.epoch(course.best_at)).text,
        epochs=(where, curves.last_epoch),
    )


def memorised(seen: Seen) -> Finding:
    """Say that the rows are known by heart and validation is at chance, where that is the way to a rule."""
    curves, course = seen.curves, seen.course
    where = curves.epoch(int(np.argmax(smoothed(curves.loss) < course.top - (course.top - course.least) / 2)))
    decay = "" if seen.facts is not None and seen.facts.decays else ", with weight decay (AdamW(weight_decay=1.0))"
    return Finding(
        "memorised",
        "info",
        f"the training rows are known by heart (loss {curves.loss[-1]:.4g}) and validation is at chance (val_loss "
        f"{curves.watched[-1]:.4g}): so it looks before grokking, and also where there is no rule to find.",
        f"train on, ten times as long and more{decay}",
        epochs=(where, curves.last_epoch),
    )


def worse_than_chance(seen: Seen, *, still: bool) -> Finding:
    """Say that a constant guess is as good."""
    curves, course = seen.curves, seen.course
    assert seen.chance is not None
    end = float(np.median(curves.watched[-curves.tail :]))
    enough = learnt(seen.chance, seen.least)
    best, last = float(curves.watched.min()), float(curves.watched[-1])
    once = f" (at its best it was {best:.4g})" if best < enough else ""
    seen_at = f"is {last:.4g} at the end" if last >= enough else f"has a median of {end:.4g} at the end"
    return Finding(
        "worse_than_chance",
        "warning" if still else "error",
        f"{curves.name} {seen_at}, no better than the {seen.chance:.4g} of always giving the same answer{once}.",
        mends.of_chance(seen.facts, still=still, loses=course.end > seen.chance, faster=not seen.slower).text,
        epochs=curves.tail_epochs,
    )


def converged(seen: Seen) -> Finding:
    """Say that the curve is flat."""
    curves, course = seen.curves, seen.course
    risen = _risen(seen)
    last, middle = float(curves.watched[-1]), float(np.median(curves.watched[-curves.tail :]))
    is_typical = abs(last - middle) <= SIGMAS * max(course.noise, TYPICAL * abs(middle))
    place = f"at {last:.4g}" if is_typical else f"around {middle:.4g} ({last:.4g} in the last epoch)"
    guess = "" if seen.chance is not None else f" {UNKNOWN_CHANCE}"
    message = f"{curves.name} {'ended' if risen else 'is flat at the end,'} {place}.{risen}{guess}"
    fix = ""
    if risen:
        fix = "keep the weights of that epoch (patience=..., or Keras' EarlyStopping with restore_best_weights=True)"
    return Finding("converged", "info", message, fix, epochs=curves.tail_epochs)


def _risen(seen: Seen) -> str:
    """Tell of a val_loss that was lower once, beyond its noise, though by less than overfitting is; else nothing."""
    curves, course = seen.curves, seen.course
    if curves.val_loss is None:
        return ""
    lowest, turn = lowest_and_turn(curves.val_loss)
    by_now = float(curves.val_loss[-1] - curves.val_loss[lowest])  # the weights are those of the last epoch
    if min(course.rise, by_now) <= max(SIGMAS * course.noise, RISEN * course.span):
        return ""
    best = f"at epoch {curves.epoch(lowest)} ({curves.val_loss[lowest]:.4g})"
    if turn != lowest:
        best = f"around epoch {curves.epoch(turn)} (about {course.best:.4g})"
    little = ", too little to be called overfitting" if course.rise <= MATTERS * course.span else ""
    return (
        f" It was lowest {best}, and has risen since by {course.rise / course.span:.1%} of all that there was to gain"
        f"{little}."
    )


def posterior_collapse(
    curves: Curves, chance: float | None, spread: float | None, facts: Facts | None
) -> list[Finding]:
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
            mends.of_collapse(facts).text,
            epochs=curves.tail_epochs,
            confidence=CERTAIN,
        )
    ]


DOMINANT: dict[str, Callable[[Seen], Finding]] = {
    "diverging": diverging,
    "still_learning": still_learning,
    "overfitting": overfitting,
    "memorised_noise": memorised_noise,
    "converged": converged,
    "worse_than_chance": lambda seen: worse_than_chance(seen, still=False),
}
