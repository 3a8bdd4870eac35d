"""Learn what each verdict weighs, from the development half alone.

What a curve is by now is defined, not learnt. Learnt are, for each such state, the odds that it lasts: logistic models
on a few features of `recipes.diagnosis.course`, judged by leaving out data sets; and what more epochs bring: three
linear quantiles, widened until eight of ten left-out values lie within.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression, QuantileRegressor
from sklearn.model_selection import GroupKFold, cross_val_predict
from stored import Case, cases
from truth import FOLLOWING, in_blocks, then, truth

from recipes.diagnosis.course import Course, course_of, state_of
from recipes.diagnosis.curves import Curves, end_of
from recipes.diagnosis.weights import FARTHEST, FILE, SHARPEST, TRAINING_ALONE, WITH_CHANCE, WITHOUT_CHANCE

MODES = (WITH_CHANCE, WITHOUT_CHANCE, TRAINING_ALONE)
AS_FIT = "as fit"  # with chance, where `fit` would name it
PENALTY = 0.03  # of the logistic models, chosen by leaving out data sets
MISSED = 0.14  # of those still learning that may be called converged
FEWEST_TO_LEARN = 8  # of either kind, for more than a share
# What is asked of a flat curve, and of what may not last.
FALLING = ("fall over 0.5", "fall over 0.2", "fall to T/1", "to come", "to come in the end", "certainty", "noise",
           "epochs", "place of the best", "fall to T/1 of training", "to come in the end of training",
           "fall over 0.2 of training", "room of training", "gap")  # fmt: skip
LASTING = ("noise", "epochs", "rise", "rise in noise", "rise of training", "level", "level of training", "certainty",
           "to come in the end", "chance is known")  # fmt: skip
FOLDS = 6
QUANTILES = (0.1, 0.5, 0.9)
EARLIER = (2, 4)  # a shown curve is also looked at when it had these shares of its epochs: the rest is then known
FEWEST = 8  # epochs of an earlier look


@dataclass(frozen=True)
class Look:
    """A curve as it is shown, what came true, and how much it fell later."""

    case: Case
    course: Course
    truth: str | None
    whole: bool  # whether all epochs are shown that `diagnose` is to be shown
    gain: float  # fall of the level until twice as many epochs, in units of R; NaN where that is not finite


def looks(of: list[Case], mode: str, *, earlier: bool = False) -> list[Look]:
    """Measure the shown curves of these cases, in a mode; also at earlier epochs, to learn from."""
    found = []
    for case in of:
        if case.truth == "nan":
            continue
        if (look := _look(case, mode, case.loss, case.val_loss, case.later_loss, case.later_val_loss)) is not None:
            found.append(look)
        for share in EARLIER if earlier else ():
            n = case.epochs // share
            if n < FEWEST:
                continue
            parts = [_following(case, name, n) for name in ("loss", "val_loss")]
            look = _look(case, mode, case.loss[:n], case.val_loss[:n], *parts, known=False)
            if look is not None and look.truth is not None:
                found.append(look)
    return found


def _following(case: Case, name: str, n: int) -> np.ndarray:
    """Give the curve behind epoch n until four times n, thinned: the rest of what is shown, and of what followed."""
    rest = in_blocks(getattr(case, name)[n : n * (1 + FOLLOWING)])
    later = getattr(case, f"later_{name}")
    missing = max(0.0, n * (1 + FOLLOWING) / case.epochs - 1) / FOLLOWING  # share of what followed that is needed
    taken = later[: round(missing * len(later))]
    shown = in_blocks(rest) if not len(taken) else _thinned(rest, len(taken) / 2)
    return np.concatenate([shown, taken])


def _thinned(curve: np.ndarray, number: float) -> np.ndarray:
    parts = np.array_split(curve, min(len(curve), max(2, round(number))))
    return np.array([np.median(part) for part in parts])


def _look(case: Case, mode: str, loss: np.ndarray, val_loss: np.ndarray, later_loss: np.ndarray,
          later_val_loss: np.ndarray, *, known: bool = True) -> Look | None:  # fmt: skip
    if mode == AS_FIT:
        mode = WITH_CHANCE if case.given else WITHOUT_CHANCE
    if mode == WITH_CHANCE and not case.given:
        return None
    alone = mode == TRAINING_ALONE
    watched, later = (loss, later_loss) if alone else (val_loss, later_val_loss)
    curves = Curves(loss, None if alone else val_loss)
    course = course_of(curves, case.chance if mode == WITH_CHANCE else None, case.least if mode == WITH_CHANCE else 0.0)
    came = case.truth if known and not alone else truth(loss, watched, later_loss, later, case.chance, case.least)
    gain = (end_of(watched) - then(later)) / course.span
    return Look(case, course, came, known, gain if np.isfinite(gain) else np.nan)


def matrix(of: list[Look], names: list[str]) -> np.ndarray:
    """Put the features into `(looks, features)`."""
    return np.array([[look.course.features[name] for name in names] for look in of])


def learn(path: Path = FILE) -> None:
    """Learn all modes and write them down."""
    development = cases(half="development")
    stored = {mode: _learn(looks(development, mode, earlier=True), mode) for mode in MODES}
    path.write_text(json.dumps(stored, indent=0, separators=(",", ":")) + "\n", encoding="utf-8")


def _learn(of: list[Look], mode: str) -> dict:
    of = [look for look in of if look.truth is not None]
    validated = mode != TRAINING_ALONE
    states = np.array([state_of(look.course, validated=validated, chance_known=mode == WITH_CHANCE) for look in of])
    truths = np.array([look.truth for look in of])
    lasts: dict[str, dict] = {}
    for state in sorted(set(states) - {"converged"}):
        chosen = np.flatnonzero(states == state)
        lasts[state] = _logistic([of[i] for i in chosen], LASTING, truths[chosen] == state)[0]
    flat = np.flatnonzero((states == "converged") & np.isin(truths, ("converged", "still_learning")))
    still = truths[flat] == "still_learning"
    lasts["converged"], left_out = _logistic([of[i] for i in flat], FALLING, still, even=True)
    now = np.array([of[i].whole for i in flat])
    threshold = round(min(0.5, float(np.quantile(left_out[still & now], MISSED))), 3)
    said = states.astype(object)
    said[flat] = np.where(left_out >= threshold, "still_learning", "converged")
    whole = np.array([look.whole for look in of])
    print(f"{mode}: accuracy left out {np.mean((said == truths)[whole]):.3f} of {whole.sum()}, "
          f"still learning from {threshold}")  # fmt: skip
    return {"lasts": lasts, "still": threshold, "gain": _quantiles(of)}


def _logistic(of: list[Look], names: Sequence[str], y: np.ndarray, *, even: bool = False) -> tuple[dict, np.ndarray]:
    """Fit log odds; return them, and the probabilities that each has where its data set is left out.

    A truth that is the same in all, or nearly, is a constant: so many of so many, and one half of each more.
    """
    x = matrix(of, list(names))
    centre, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-3)
    x = np.clip((x - centre) / scale, -FARTHEST, FARTHEST)
    groups = np.array([look.case.source for look in of])
    if min(y.sum(), (~y).sum()) < FEWEST_TO_LEARN or len(set(groups)) < FOLDS:
        odds = (y.sum() + 0.5) / ((~y).sum() + 0.5)
        slopes = np.r_[np.log(odds), np.zeros(len(names))]
        left_out = np.full(len(y), odds / (1 + odds))
    else:
        model = LogisticRegression(C=PENALTY, max_iter=5000, class_weight="balanced" if even else None)
        left_out = cross_val_predict(model, x, y, cv=GroupKFold(FOLDS), groups=groups, method="predict_proba")[:, 1]
        model.fit(x, y)
        slopes = np.r_[model.intercept_, model.coef_[0]]
    return _stored(names, centre, scale, slopes[None]), left_out


def _stored(names: Sequence[str], centre: np.ndarray, scale: np.ndarray, slopes: np.ndarray) -> dict:
    numbers = {"centre": centre, "scale": scale, "slopes": slopes}
    return {"features": list(names), **{name: np.round(values, 4).tolist() for name, values in numbers.items()}}


def _quantiles(of: list[Look]) -> dict:
    of = [look for look in of if np.isfinite(look.gain)]
    x = matrix(of, list(FALLING))
    centre, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-3)
    x = np.clip((x - centre) / scale, -FARTHEST, FARTHEST)
    target = np.arcsinh(np.array([look.gain for look in of]) / SHARPEST)
    groups = np.array([look.case.source for look in of])
    lines, left_out = [], []
    for quantile in QUANTILES:
        model = QuantileRegressor(quantile=quantile, alpha=0.001, solver="highs")
        left_out.append(cross_val_predict(model, x, target, cv=GroupKFold(FOLDS), groups=groups))
        model.fit(x, target)
        lines.append(np.r_[model.intercept_, model.coef_])
    low, _, high = np.sort(left_out, axis=0)
    outside = np.maximum(low - target, target - high)[[look.whole for look in of]]
    wider = float(np.quantile(outside, QUANTILES[2] - QUANTILES[0]))
    print(f"  interval: covers {np.mean((low <= target) & (target <= high)):.3f} left out, widened by {wider:.3f}")
    lines[0][0] -= wider
    lines[2][0] += wider
    return _stored(FALLING, centre, scale, np.array(lines))
