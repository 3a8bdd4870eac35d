"""When did it memorise, when did it generalise, and is that grokking? From a history, NumPy alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cheatsheet.arrays import count
from cheatsheet.finding import Finding

KNOWN = 0.99  # accuracy that counts as having learnt a set, as in the paper
SUSTAINED = 5  # evaluations in a row; a single one may be a passing peak
GROKKING_RATIO = 3.0  # below, generalisation came along with memorisation
GROWTH = 1.1  # each evaluation comes 10 % later than the one before
CLOSE = 25  # and so many steps later once the validation set is known, to see whether it stays


@dataclass(frozen=True)
class Phases:
    """What happened, in steps at which it was evaluated; nothing is interpolated.

    Attributes:
        memorised_at: First evaluation with a training accuracy of at least 99 %; `None` if none.
        generalised_at: First of five evaluations in a row with a validation accuracy of at least 99 %; `None` if none.
        kind: `"grokking"` (three times as many steps to generalise as to memorise, or more), `"comprehension"`
            (fewer), `"memorisation"` (training set only) or `"confusion"` (neither); Z. Liu et al. (2022),
            arXiv 2205.10343.
    """

    memorised_at: int | None
    generalised_at: int | None
    kind: str

    @property
    def delay_ratio(self) -> float | None:
        """Steps to generalise over steps to memorise."""
        if self.memorised_at is None or self.generalised_at is None:
            return None
        return self.generalised_at / max(self.memorised_at, 1)


def phases(history: Mapping[str, Sequence[float]]) -> Phases:
    """What do these evaluations show?

    Args:
        history: `"step"`, `"accuracy"` and `"val_accuracy"`, one value for each evaluation.
    """
    steps = [int(step) for step in history["step"]]
    memorised = next((step for step, a in zip(steps, history["accuracy"], strict=True) if a >= KNOWN), None)
    known = [accuracy >= KNOWN for accuracy in history["val_accuracy"]]
    starts = (i for i in range(len(known) - SUSTAINED + 1) if all(known[i : i + SUSTAINED]))
    first = next(starts, None)
    generalised = None if first is None else steps[first]
    if memorised is None:
        return Phases(None, generalised, "confusion" if generalised is None else "comprehension")
    if generalised is None:
        return Phases(memorised, None, "memorisation")
    found = Phases(memorised, generalised, "grokking")
    return found if (found.delay_ratio or 0) >= GROKKING_RATIO else replace(found, kind="comprehension")


def next_evaluation(history: Mapping[str, Sequence[float]]) -> int:
    """At which step comes the next one? On a logarithmic scale; soon where the validation set has just been learnt."""
    if not history["step"]:
        return 0
    step = int(history["step"][-1])
    if history["val_accuracy"][-1] >= KNOWN:
        return step + CLOSE
    return max(step + 10, math.ceil(step * GROWTH))


def is_sustained(history: Mapping[str, Sequence[float]]) -> bool:
    """Has the validation set been known over the last evaluations, and the training set at all?"""
    last = history["val_accuracy"][-SUSTAINED:]
    return len(last) == SUSTAINED and min(last) >= KNOWN and max(history["accuracy"]) >= KNOWN


def describe(history: Mapping[str, Sequence[float]], chance: float) -> str:
    """The present phase, in the words of the live line."""
    found = phases(history)
    if not history["step"]:
        return "starting"
    if found.generalised_at is not None:
        return f"{'grokked' if found.kind == 'grokking' else 'learnt'} at step {found.generalised_at:,}"
    if found.memorised_at is None:
        return "memorising"
    if history["val_accuracy"][-1] < 0.5:
        level = "at chance" if history["val_accuracy"][-1] < 3 * chance else "low"
        return f"memorised at step {found.memorised_at:,}: validation {level}"
    return "generalising"


def findings(history: Mapping[str, Sequence[float]], found: Phases) -> list[Finding]:
    """The verdict, as `diagnose` gives its own."""
    last = int(history["step"][-1])
    accuracy, val_accuracy = history["accuracy"][-1], history["val_accuracy"][-1]
    if found.kind == "grokking":
        text = (
            f"training accuracy reached {KNOWN:.0%} at step {found.memorised_at:,}, validation accuracy at step "
            f"{found.generalised_at:,} and stayed there: {found.delay_ratio:.1f} times as many steps."
        )
        return [Finding("grokking", "info", f"steps {found.memorised_at}-{found.generalised_at}", text)]
    if found.kind == "comprehension":
        ratio = (
            "" if found.delay_ratio is None else f", {found.delay_ratio:.1f} times as many steps as the training set"
        )
        text = f"the validation set was learnt at step {found.generalised_at:,}{ratio}: without grokking's delay."
        fix = "for the delay: a smaller train_fraction, less weight_decay"
        return [Finding("comprehension", "info", f"step {found.generalised_at}", text, fix)]
    where = f"steps 0-{last}"
    if found.kind == "memorisation":
        text = (
            f"the training set was memorised at step {found.memorised_at:,}, but at the end of {count(last, 'step')} "
        )
        text += f"the validation accuracy is {val_accuracy:.1%}."
        return [
            Finding("memorisation", "warning", where, text, "more steps, more weight_decay, or more train_fraction")
        ]
    text = f"after {count(last, 'step')} the training accuracy is {accuracy:.1%}, "
    text += f"the validation accuracy {val_accuracy:.1%}."
    return [Finding("confusion", "warning", where, text, "more steps, or another learning_rate")]
