"""When did it memorise, when did it generalise, and is that grokking? From a history, NumPy alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cheatsheet.common.words import count
from cheatsheet.finding import Finding

KNOWN = 0.99  # accuracy that counts as having learnt a set, as in the paper
MOST_KNOWN = 0.5  # validation accuracy from which on a run is on its way
SUSTAINED = 5  # evaluations in a row; a single one may be a passing peak
GROKKING_RATIO = 3.0  # below, generalisation came along with memorisation
MOST_DECAY = 2.0  # more decay than this keeps networks from memorising, or from staying there (docs/grokking.md)
MOST_FRACTION = 0.9  # a larger share of the table leaves next to nothing to generalise to
GROWTH = 1.1  # each evaluation comes 10 % later than the one before
CLOSE = 25  # and so many steps later once the validation set is known, to see whether it stays


@dataclass(frozen=True)
class Phases:
    """What happened, in steps at which it was evaluated; nothing is interpolated.

    Attributes:
        memorised_at: First evaluation with a training accuracy of at least 99 %; `None` if none.
        generalised_at: First of five evaluations in a row with a validation accuracy of at least 99 %; `None` if none.
        kind: `"grokking"` (three times as many steps to generalise as to memorise, or more), `"comprehension"`
            (fewer), `"memorisation"` (training set only) or `"confusion"` (neither), as Z. Liu et al. (2022),
            arXiv 2205.10343, name them; `"generalising"` where the training set is known and, at the end, most but
            not yet 99 % of the validation set.
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
    """Say what these evaluations show.

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
        is_on_its_way = history["val_accuracy"][-1] >= MOST_KNOWN
        return Phases(memorised, None, "generalising" if is_on_its_way else "memorisation")
    found = Phases(memorised, generalised, "grokking")
    return found if (found.delay_ratio or 0) >= GROKKING_RATIO else replace(found, kind="comprehension")


def next_evaluation(history: Mapping[str, Sequence[float]]) -> int:
    """Find the next evaluation's step, on a logarithmic scale; soon where the validation set has just been learnt."""
    if not history["step"]:
        return 0
    step = int(history["step"][-1])
    if history["val_accuracy"][-1] >= KNOWN:
        return step + CLOSE
    return max(step + 10, math.ceil(step * GROWTH))


def is_sustained(history: Mapping[str, Sequence[float]]) -> bool:
    """Say whether the validation set has been known over the last evaluations, and the training set at all."""
    last = history["val_accuracy"][-SUSTAINED:]
    return len(last) == SUSTAINED and min(last) >= KNOWN and max(history["accuracy"]) >= KNOWN


def describe(history: Mapping[str, Sequence[float]], chance: float) -> str:
    """Name the present phase, in the words of the live line."""
    found = phases(history)
    if not history["step"]:
        return "starting"
    if found.generalised_at is not None:
        return f"{'grokked' if found.kind == 'grokking' else 'learnt'} at step {found.generalised_at:,}"
    if found.memorised_at is None:
        return "memorising"
    if found.kind == "memorisation":
        level = "at chance" if history["val_accuracy"][-1] < 3 * chance else "low"
        return f"memorised at step {found.memorised_at:,}: validation {level}"
    return "generalising"


@dataclass(frozen=True)
class Circumstances:
    """What decides which advice can help a run.

    Attributes:
        has_rule: Whether the answers follow one; random ones do not.
        train_fraction: Share of the table that trained.
        weight_decay: Of the optimizer.
        steps_left: Of the budget, where the run was interrupted before its end.
        is_kept: Whether the same call goes on where it was stopped.
    """

    has_rule: bool = True
    train_fraction: float = 0.5
    weight_decay: float = 1.0
    steps_left: int = 0
    is_kept: bool = False


def findings(history: Mapping[str, Sequence[float]], found: Phases, of: Circumstances) -> list[Finding]:
    """Give the verdict, as `diagnose` gives its own, with advice that can help under these circumstances."""
    where, text = _what_happened(history, found)
    fix = _what_helps(history, found, of)
    severity = "info" if found.generalised_at is not None or not fix else "warning"
    if not of.has_rule:
        text += " The answers are random: they can be memorised, but there is no rule to find."
        if found.generalised_at is not None:
            text += " So few validation equations were right by chance."
    if not math.isfinite(_last_loss(history)):
        severity, text = "error", f"{text} The loss is no number any more."
    return [Finding(found.kind, severity, text, fix, where=where)]


def _what_happened(history: Mapping[str, Sequence[float]], found: Phases) -> tuple[str, str]:
    """Say at which steps something happened, and what, in a sentence."""
    last = int(history["step"][-1])
    accuracy, val_accuracy = history["accuracy"][-1], history["val_accuracy"][-1]
    if found.kind == "grokking":
        return f"steps {found.memorised_at}-{found.generalised_at}", (
            f"training accuracy reached {KNOWN:.0%} at step {found.memorised_at:,}, validation accuracy at step "
            f"{found.generalised_at:,} and stayed there: {found.delay_ratio:.1f} times as many steps."
        )
    if found.kind == "comprehension":
        ratio = (
            "" if found.delay_ratio is None else f", {found.delay_ratio:.1f} times as many steps as the training set"
        )
        text = f"the validation set was learnt at step {found.generalised_at:,}{ratio}: without grokking's delay."
        return f"step {found.generalised_at}", text
    if found.kind == "generalising":
        return f"steps {found.memorised_at}-{last}", (
            f"the training set was memorised at step {found.memorised_at:,}; at the end of {count(last, 'step')} the "
            f"validation accuracy is {val_accuracy:.1%}, and {KNOWN:.0%} has not been kept over {SUSTAINED} "
            "evaluations."
        )
    if found.kind == "memorisation":
        back = "" if accuracy >= KNOWN else f"the training accuracy is back at {accuracy:.1%}, and "
        return f"steps 0-{last}", (
            f"the training set was memorised at step {found.memorised_at:,}, but at the end of {count(last, 'step')} "
            f"{back}the validation accuracy is {val_accuracy:.1%}."
        )
    return f"steps 0-{last}", (
        f"after {count(last, 'step')} the training accuracy is {accuracy:.1%}, "
        f"the validation accuracy {val_accuracy:.1%}."
    )


def _what_helps(history: Mapping[str, Sequence[float]], found: Phases, of: Circumstances) -> str:
    """Say which changes may bring this run on; none where all is well, or where nothing can."""
    is_memorised = history["accuracy"][-1] >= KNOWN
    if not math.isfinite(_last_loss(history)):
        return "a smaller learning_rate"
    if found.kind == "grokking" or (found.kind != "confusion" and not of.has_rule):
        return ""
    if found.kind == "comprehension":
        return "for the delay: a smaller train_fraction" + (" or less weight_decay" if of.weight_decay else "")
    if of.steps_left:
        way = "the same call goes on from there" if of.is_kept else "with checkpoint='folder' the same call can go on"
        return f"go on: it was stopped with {count(of.steps_left, 'step')} left; {way}"
    if history["val_accuracy"][-1] >= KNOWN and is_memorised:
        return "more steps, to see whether it stays there"
    choices = ["more steps"]
    if not is_memorised:
        choices.append(
            "a smaller learning_rate" if found.kind in ("memorisation", "generalising") else "another learning_rate"
        )
        choices += ["less weight_decay"] if of.weight_decay > MOST_DECAY else []
    else:
        choices += ["more weight_decay"] if of.weight_decay < MOST_DECAY else []
        choices += ["more train_fraction"] if of.train_fraction < MOST_FRACTION else []
    if len(choices) == 1:
        return choices[0]
    return f"{', '.join(choices[:-1])}{',' if len(choices) > 2 else ''} or {choices[-1]}"


def _last_loss(history: Mapping[str, Sequence[float]]) -> float:
    return history["loss"][-1] if "loss" in history else 0.0
