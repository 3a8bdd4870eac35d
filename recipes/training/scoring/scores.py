"""What one wants to know of predictions beside the loss, for each kind of target; scikit-learn computes it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from recipes.training.scoring.evaluation import Calibration, Report

NUM_BINS = 10  # of predicted probabilities, of equal width
MOST_CURVES = 100  # classes for which areas under curves are computed; each sorts all rows
MOST_POINTS = 2_000  # of predictions that are kept for the figure


def of_classes(
    true: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[Any],
    weights: np.ndarray | None,
    middle: float | None,
    *,
    are_chances: bool = False,
) -> tuple[dict[str, float], Report]:
    """Judge predicted classes.

    Args:
        true: Index of the true class of each row, step or pixel, `(n,)`.
        scores: Of the second of two classes `(n,)`, or probabilities of each `(n, K)`.
        classes: Their labels.
        weights: `(n,)`, or `None`.
        middle: For two classes the score above which it is the second; `None` for probabilities of each.
        are_chances: Whether scores of two classes are probabilities wherever the middle is.

    Returns:
        The numbers by name, and the tables.
    """
    from sklearn.metrics import confusion_matrix, precision_score, recall_score

    labels = np.arange(len(classes))
    guess = scores.argmax(axis=1) if middle is None else (scores > middle).astype(int)
    options = {"labels": labels, "sample_weight": weights}
    matrix = confusion_matrix(true, guess, **options)
    each = {"average": None, "zero_division": np.nan, **options}
    recall, precision = recall_score(true, guess, **each), precision_score(true, guess, **each)
    numbers = {"balanced_accuracy": float(np.nanmean(recall))}
    columns = [scores] if middle is not None else list(scores.T)
    auc = _auc([true == (1 if middle is not None else k) for k in labels[: len(columns)]], columns, weights)
    numbers |= {} if auc is None else {"auc": auc}
    calibration = None
    if middle is None or middle == 0.5 or are_chances:  # a margin is no probability
        sure = scores if middle is not None else scores.max(axis=1)
        came_true = true == 1 if middle is not None else guess == true
        calibration = _calibration(sure, came_true, weights)
        numbers["calibration_error"] = _calibration_error(calibration)
    by_class = [dict(zip(classes, values.tolist(), strict=True)) for values in (recall, precision)]
    positive = None if middle is None else classes[1]
    return numbers, Report(
        tuple(classes), matrix, by_class[0], by_class[1], calibration, positive=positive, threshold=middle
    )


def of_labels(
    true: np.ndarray, scores: np.ndarray, names: Sequence[Any], weights: np.ndarray | None
) -> tuple[dict[str, float], Report]:
    """Judge several yes or no a row: `true` and probabilities `(n, K)`."""
    from sklearn.metrics import precision_score, recall_score

    guess = scores > 0.5
    each = {"average": None, "zero_division": np.nan, "sample_weight": weights}
    recall, precision = recall_score(true, guess, **each), precision_score(true, guess, **each)
    auc = _auc(list(true.T == 1), list(scores.T), weights)
    numbers = {"balanced_accuracy": _balanced(true == 1, guess)} | ({} if auc is None else {"auc": auc})
    many = None if weights is None else np.repeat(weights, true.shape[1])
    calibration = _calibration(scores.ravel(), true.ravel() == 1, many)
    numbers["calibration_error"] = _calibration_error(calibration)
    by_label = [dict(zip(names, values.tolist(), strict=True)) for values in (recall, precision)]
    return numbers, Report(tuple(names), None, by_label[0], by_label[1], calibration)


def of_numbers(true: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None) -> tuple[dict[str, float], Report]:
    """Judge predicted numbers, both `(n, columns)`; r2 is the mean over the columns that vary."""
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    numbers = {}
    varying = np.ptp(true, axis=0) > 0
    if varying.any():
        numbers["r2"] = float(r2_score(true[:, varying], predicted[:, varying], sample_weight=weights))
    numbers["mean_absolute_error"] = float(mean_absolute_error(true, predicted, sample_weight=weights))
    numbers["root_mean_squared_error"] = float(root_mean_squared_error(true, predicted, sample_weight=weights))
    return numbers, Report(points=_points(true, predicted))


def of_quantiles(
    true: np.ndarray, predicted: np.ndarray, quantiles: Sequence[float], weights: np.ndarray | None
) -> tuple[dict[str, float], Report]:
    """Judge predicted quantiles `(n, q)` of numbers `(n,)`: y should lie below each as often as it says."""
    below = np.average(true[:, None] <= predicted, axis=0, weights=weights)
    asked, rows = np.asarray(quantiles, float), np.full(len(quantiles), len(true))
    calibration = Calibration(asked, below, np.sqrt(below * (1 - below) / len(true)), rows)
    middle = int(np.abs(asked - 0.5).argmin())
    numbers = {"calibration_error": _calibration_error(calibration)}
    return numbers, Report(calibration=calibration, points=_points(true[:, None], predicted[:, [middle]]))


def _auc(true: Sequence[np.ndarray], scores: Sequence[np.ndarray], weights: np.ndarray | None) -> float | None:
    """Compute the area under the ROC curve, each class against the rest, the mean over those that are in doubt.

    `None` where none is, and for a great many classes.
    """
    from sklearn.metrics import roc_auc_score

    if len(true) > MOST_CURVES:
        return None
    areas = [
        roc_auc_score(of_class, score, sample_weight=weights)
        for of_class, score in zip(true, scores, strict=True)
        if of_class.any() and not of_class.all() and np.isfinite(score).all()
    ]
    return float(np.mean(areas)) if areas else None


def _balanced(true: np.ndarray, guess: np.ndarray) -> float:
    """Compute the mean over labels of how many yes and how many no are found."""
    with np.errstate(invalid="ignore"):
        found = (true & guess).sum(axis=0) / true.sum(axis=0), (~true & ~guess).sum(axis=0) / (~true).sum(axis=0)
    return float(np.nanmean(np.stack(found)))


def _calibration(probability: np.ndarray, came_true: np.ndarray, weights: np.ndarray | None) -> Calibration:
    """Compare, in bins of equal width, mean probability and how often it came true."""
    weights = np.ones(len(probability)) if weights is None else weights.astype(float)
    bins = np.clip((probability * NUM_BINS).astype(int), 0, NUM_BINS - 1)
    rows = np.bincount(bins, minlength=NUM_BINS)
    total = np.bincount(bins, weights, NUM_BINS)
    there = total > 0
    predicted = np.bincount(bins, weights * probability, NUM_BINS)[there] / total[there]
    observed = np.bincount(bins, weights * came_true, NUM_BINS)[there] / total[there]
    # of a share of n: with one more of each kind (Laplace), since none in five does not mean never
    smooth = (observed * rows[there] + 1) / (rows[there] + 2)
    return Calibration(predicted, observed, np.sqrt(smooth * (1 - smooth) / rows[there]), rows[there])


def _calibration_error(calibration: Calibration) -> float:
    """Compute the expected calibration error: the mean gap, weighted by rows (Naeini et al. 2015)."""
    gaps = np.abs(calibration.predicted - calibration.observed)
    return float(np.average(gaps, weights=calibration.num_rows))


def _points(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    step = -(-true.size // MOST_POINTS)
    return np.stack([true.ravel()[::step], predicted.ravel()[::step]])
