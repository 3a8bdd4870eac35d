"""What does the loss curve say? From a history to findings, NumPy alone.

The lecture's advice: the loss should fall smoothly and be flat at the end. Not flat: still learning. Flat while the
validation loss rises: overfitting. A validation loss below the training loss is no mistake. The way is: `curves` reads,
`course` measures, `verdicts` decides, `rules` puts the verdict into words, `remarks` adds what stands beside it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.common.words import count
from cheatsheet.finding import SEVERITIES, Finding
from recipes.diagnosis import mends, remarks, rules
from recipes.diagnosis.course import course_of
from recipes.diagnosis.curves import FEWEST_EPOCHS, Curves, read_curves
from recipes.diagnosis.facts import Facts, facts_of
from recipes.diagnosis.verdicts import Seen, judge, learnt

REGIMES = (None, "grokking")


@known_arguments_only
def diagnose(
    history: Any,
    *,
    chance: float | None = None,
    least: float | None = None,
    spread: float | None = None,
    kept: int | Sequence[int] | None = None,
    model: Any = None,
    weighted: bool | None = None,
    regime: str | None = None,
) -> list[Finding]:
    """Tell what this loss curve says.

    Args:
        history: Dict or table with `"loss"` and perhaps `"val_loss"`, one value per epoch; or the `History` that Keras'
            `fit` returns, a `Run`, or the path of a file that Keras' `CSVLogger` wrote. With Keras' `validation_freq`
            there are fewer of `val_loss`.
        chance: Loss of the best constant guess, as `cheatsheet.chance_loss` gives it; a `Run` brings its own. Without
            it nothing can be worse than chance, and what there was to gain is measured from where the curve began.
        least: Loss of a perfect model, as `cheatsheet.least_loss` gives it; likewise, else 0.
        spread: Variance of an autoencoder's outputs over that of its data, between examples; a `Run` brings its own.
        kept: Epoch, counted from 1, whose weights the model has in the end, as after early stopping with
            `restore_best_weights`: the verdict is about these. A `Run` brings its own; by default the last one. A
            list, where the curves are medians of several networks: the epoch of each. Where a single epoch came after
            it, the verdict is that of the curve up to it.
        model: The Keras model, so that the mends fit it; a `Run` and a `History` bring their own.
        weighted: Whether rows or classes were weighted in training, which moves the training loss alone.
        regime: `"grokking"` where training on long after the rows are known by heart is meant, so that this is no
            mistake.

    Returns:
        Findings, the most severe first; the first one is the verdict. Rules of verdicts: `nan`, `diverging`,
        `worse_than_chance`, `memorised_noise`, `memorised`, `posterior_collapse`, `overfitting`, `still_learning`,
        `converged`, `too_short`; beside them `rate_too_high`, `rate_too_low`, `jumps`, `validation_below_training`,
        `plateau_then_drop`, `grokked`. The `confidence` of a verdict is how often it comes true where it is that sure,
        measured on trainings that it has not learnt from; 1 is for what is read off the curve.

    Raises:
        FileNotFoundError: for a path without a file.
        ValueError: for a history without `"loss"`, or with curves of different lengths.

    >>> falling = {"loss": [1 / epoch for epoch in range(1, 21)]}
    >>> diagnose(falling)[0].rule
    'still_learning'
    """
    if regime not in REGIMES:
        raise ValueError(f"Unknown regime. Received: regime={regime!r}. Expected 'grokking' or None.")
    if chance is None:
        chance = getattr(history, "chance", None)
    if least is None:
        least = getattr(history, "least", 0.0)
    if spread is None:
        spread = getattr(history, "spread", None)
    if kept is None:
        kept = getattr(history, "kept", None)
    facts = facts_of(getattr(history, "model", None) if model is None else model, weighted)
    curves = read_curves(history)
    epochs = [] if kept is None else np.ravel(kept).tolist()
    if epochs and 0 < max(epochs) < curves.last_epoch:
        if len(epochs) > 1 or curves.last_epoch - epochs[0] > curves.every:
            return _of_the_kept(curves, epochs, chance, least, spread, facts)
        curves = curves.until(_place(curves, epochs[0]))  # one epoch after the best one is no sign of an end
    broken = rules.not_a_number(curves, facts)
    if broken:
        return broken
    if len(curves.loss) < FEWEST_EPOCHS:
        return _of_few_epochs(curves, chance, least, facts)
    with np.errstate(all="ignore"):  # losses of 1e300 overflow where they are squared, and are judged all the same
        seen = Seen(curves, course_of(curves, chance, least), chance, least, facts, regime)
        rate, jumps = _on_the_rate(seen)
        seen = replace(seen, slower=any(map(is_slower, [*rate, *jumps])))
        return _in_order(_verdict(seen, spread), [*rate, *_remarks(seen), *jumps])


def _verdict(seen: Seen, spread: float | None) -> list[Finding]:
    """Give the verdict, and the facts about the end that another verdict would hide."""
    collapsed = rules.posterior_collapse(seen.curves, seen.chance, spread, seen.facts)
    verdict = judge(seen)
    late = remarks.grokked(seen)
    if verdict.rule == "memorised_noise" and (seen.regime == "grokking" or late):
        return [replace(rules.memorised(seen), confidence=verdict.confidence)]
    findings = [replace(rules.DOMINANT[verdict.rule](seen), confidence=verdict.confidence)]
    if collapsed:
        return collapsed + [finding for finding in findings if finding.rule == "still_learning"]
    if verdict.rule == "memorised_noise" and seen.course.rise > 0:
        findings.append(rules.overfitting(seen))
    if seen.at_chance and verdict.rule != "worse_than_chance":
        findings.append(rules.worse_than_chance(seen, still=verdict.rule == "still_learning"))
    return findings


def _on_the_rate(seen: Seen) -> tuple[list[Finding], list[Finding]]:
    """Say of the size of the steps what is wrong with it, and what jumps: both advise smaller ones, or neither does."""
    jumps = remarks.jumps(seen)
    if rough := remarks.rate_too_high(seen)[0]:
        return rough, jumps
    slow = remarks.rate_too_low(seen)[0]
    return slow, [replace(finding, fix="") for finding in jumps] if slow else jumps


def is_slower(finding: Finding) -> bool:
    """Say whether this advises smaller steps."""
    return finding.fix.startswith("lower learning_rate")


def _remarks(seen: Seen) -> list[Finding]:
    """Give what else stands beside the verdict."""
    return [
        *remarks.grokked(seen),
        *remarks.plateau_then_drop(seen),
        *remarks.validation_below_training(seen),
    ]


def _in_order(verdict: list[Finding], beside: list[Finding]) -> list[Finding]:
    """Put the verdict first, and nothing beside it that is more severe."""
    headline = verdict[0]
    if headline.rule == "diverging":
        beside = []
    elif headline.rule == "posterior_collapse":  # whose mend is larger steps
        beside = [finding for finding in beside if not is_slower(finding)]
    elif any(finding.rule == "worse_than_chance" for finding in verdict):
        beside = [finding for finding in beside if finding.rule == "rate_too_high"]
    rest = [*verdict[1:], *beside]
    rank = SEVERITIES.index(headline.severity)
    return [headline, *sorted(rest, key=lambda finding: max(rank, SEVERITIES.index(finding.severity)))]


def _of_few_epochs(curves: Curves, chance: float | None, least: float, facts: Facts | None) -> list[Finding]:
    """Judge fewer epochs than say anything of a curve's end."""
    short = rules.too_short(curves)
    last = float(curves.watched[-1])
    if chance is None or last < (enough := learnt(chance, least)):
        return [short]
    best = float(curves.watched.min())
    once = f" (at its best it was {best:.4g})" if best < enough else ""
    message = (
        f"{curves.name} is {last:.4g} at the end, no better than the {chance:.4g} of always giving the same "
        f"answer{once}."
    )
    mend = mends.of_chance(facts, still=False, loses=last > chance)
    return [Finding("worse_than_chance", "warning", message, mend.text, epochs=(1, curves.last_epoch)), short]


def _place(curves: Curves, epoch: int) -> int:
    """Find the value of this epoch, or the last one that was measured before it."""
    return max(epoch // curves.every - 1, 0)


def _of_the_kept(
    curves: Curves, epochs: list[int], chance: float | None, least: float, spread: float | None, facts: Facts | None
) -> list[Finding]:
    """Judge the epoch whose weights the model has: what came after it is thrown away, and says that it was the best."""
    kept = max(epochs)
    whose = f"in epoch {kept}, whose weights the model has"
    if len(epochs) > 1:
        which = f"{kept}" if min(epochs) == kept else f"{min(epochs)} to {kept}"
        whose = f"as the median of {count(len(epochs), 'network')}, each with the weights of its best epoch ({which})"
    i = _place(curves, kept)
    value, last = float(curves.watched[i]), curves.last_epoch
    until = curves.until(i)
    if broken := rules.not_a_number(until, facts):
        return broken
    if collapsed := rules.posterior_collapse(until, chance, spread, facts):
        return collapsed
    if chance is not None and value >= learnt(chance, least):
        message = (
            f"{curves.name} is {value:.4g} {whose}: no better than the {chance:.4g} of always giving the same answer."
        )
        mend = mends.of_chance(facts, still=False, loses=value > chance)
        return [Finding("worse_than_chance", "error", message, mend.text, epochs=(kept, kept))]
    after = f"the {count(last - kept, 'epoch')} after it brought nothing better"
    if len(epochs) > 1:
        after = f"in up to {last} epochs none of them became better after its own"
    message = f"{curves.name} is {value:.4g} {whose}; {after}."
    return [Finding("converged", "info", message, epochs=(int(np.median(epochs)), last))]
