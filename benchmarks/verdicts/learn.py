"""Learn what each verdict weighs, from the development half alone.

A multinomial logistic model on the features of `recipes.diagnosis.course`, its penalty chosen by leaving out one data
set at a time; what more epochs bring by three linear quantiles, widened until eight of ten left-out values lie within.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression, QuantileRegressor
from sklearn.model_selection import GroupKFold, cross_val_predict
from stored import Case, cases
from truth import FOLLOWING, in_blocks, then, truth

from recipes.diagnosis.course import Course, course_of
from recipes.diagnosis.curves import Curves, end_of
from recipes.diagnosis.weights import FILE, SHARPEST, TRAINING_ALONE, WITH_CHANCE, WITHOUT_CHANCE

MODES = (WITH_CHANCE, WITHOUT_CHANCE, TRAINING_ALONE)
AS_FIT = "as fit"  # with chance, where `fit` would name it
PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0)
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
    return Look(case, course, came, gain if np.isfinite(gain) else np.nan)


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
    names = [*of[0].course.features]
    x, y = matrix(of, names), np.array([look.truth for look in of])
    groups = np.array([look.case.source for look in of])
    centre, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-3)
    x = np.clip((x - centre) / scale, -5, 5)
    folds = list(GroupKFold(FOLDS).split(x, y, groups))
    best = None
    for penalty in PENALTIES:
        model = LogisticRegression(C=penalty, max_iter=5000)
        p = cross_val_predict(model, x, y, cv=folds, method="predict_proba")
        classes = np.unique(y)
        right = p[np.arange(len(y)), np.searchsorted(classes, y)]
        loss, accuracy = -np.log(np.maximum(right, 1e-9)).mean(), (classes[p.argmax(1)] == y).mean()
        print(f"{mode}: C={penalty:g} left-out log loss {loss:.3f}, accuracy {accuracy:.3f} of {len(y)}", flush=True)
        if best is None or loss < best[0]:
            best = loss, penalty
    model = LogisticRegression(C=best[1], max_iter=5000).fit(x, y)
    gain = _quantiles(of, x, groups)
    rounded = {"centre": centre, "scale": scale, "slopes": model.coef_, "biases": model.intercept_, "gain": gain}
    return {"features": names, "classes": model.classes_.tolist(),
            **{name: np.round(values, 4).tolist() for name, values in rounded.items()}}  # fmt: skip


def _quantiles(of: list[Look], x: np.ndarray, groups: np.ndarray) -> np.ndarray:
    gain = np.array([look.gain for look in of])
    known = np.isfinite(gain)
    x, target, groups = x[known], np.arcsinh(gain[known] / SHARPEST), groups[known]
    lines, left_out = [], []
    for quantile in QUANTILES:
        model = QuantileRegressor(quantile=quantile, alpha=0.01, solver="highs")
        left_out.append(cross_val_predict(model, x, target, cv=GroupKFold(FOLDS), groups=groups))
        model.fit(x, target)
        lines.append(np.r_[model.intercept_, model.coef_])
    low, _, high = np.sort(left_out, axis=0)
    wider = np.quantile(np.maximum(low - target, target - high), QUANTILES[2] - QUANTILES[0])
    print(f"  interval: covers {np.mean((low <= target) & (target <= high)):.3f} left out, widened by {wider:.3f}")
    lines[0][0] -= wider
    lines[2][0] += wider
    return np.array(lines)
