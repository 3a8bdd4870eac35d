"""Which rows train and which are held out, fold by fold, and how they are taken from whatever holds them."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from cheatsheet.common.arguments import require_whole
from cheatsheet.common.tables import is_table
from cheatsheet.common.words import count


def folds_of(cv: Any, y: np.ndarray, groups: Any, repeats: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """List the rows that train and those that are held out, of each fold of each repeat.

    Args:
        cv: As for `cross_validate`.
        y: Targets, one row each.
        groups: Of each row, or `None`.
        repeats: How often, with other folds each time.
        seed: Of the shuffles.

    Raises:
        TypeError: for what gives no folds.
        ValueError: for too few rows, and for folds that are none, overlap, or part a group.
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

    found: list[tuple[np.ndarray, np.ndarray]] = []
    for repeat in range(repeats):
        if isinstance(cv, int | np.integer) and not isinstance(cv, bool):
            require_whole("cv", cv, 2)
            if len(y) < cv:
                raise ValueError(f"cv={cv} folds of {count(len(y), 'row')} leave some without a row.")
            options = {"n_splits": int(cv), "shuffle": True, "random_state": seed + repeat}
            if groups is not None:
                splitter = GroupKFold(**options)
            else:
                splitter = StratifiedKFold(**options) if _is_of_classes(y, int(cv)) else KFold(**options)
        else:
            splitter = cv
        if hasattr(splitter, "get_n_splits"):
            with warnings.catch_warnings(action="ignore", category=UserWarning):  # of ignored groups: refused below
                parts: Any = [*splitter.split(np.zeros((len(y), 1)), y, groups)]
        elif isinstance(splitter, list | tuple):
            parts = splitter
        else:
            raise TypeError(
                f"cv is a number of folds, a splitter of scikit-learn, or a list of (training rows, held-out rows). "
                f"Received: {cv!r}."
            )
        for rows, held in parts:
            found.append((_row_numbers(rows, len(y)), _row_numbers(held, len(y))))
    if not found:
        raise ValueError("cv has no folds. Expected at least one.")
    apart = None if groups is None else np.asarray(groups)
    for i, (rows, held) in enumerate(found):
        if len(np.intersect1d(rows, held)):
            raise ValueError("A fold trains on rows that it holds out.")
        if apart is not None and len(np.intersect1d(apart[rows], apart[held])):
            raise ValueError(
                f"Fold {i} (counted from 0) trains on rows of a group of which it holds others out. "
                "Pass the number of folds, or a splitter that heeds groups, such as GroupKFold."
            )
    return found


def corrected_error(values: np.ndarray, share: float) -> Any:
    """Estimate the standard error of a mean over trainings, s sqrt(1 / J + n_test / n_train); NaN for a single one.

    Folds share most of the rows that train them, and repeats all rows, so that s / sqrt(J) would be too small, and
    would vanish with more repeats. C. Nadeau and Y. Bengio (2003), Inference for the generalization error, Machine
    Learning 52, equation 9.

    Args:
        values: Of each training `(J,)` or `(J, quantities)`.
        share: n_test / n_train, rows that are held out for each that trains.
    """
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return math.nan
    return values.std(axis=0, ddof=1) * math.sqrt(1 / len(values) + share)


def share_of(folds: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Count the rows that are held out for each that trains, the mean over the folds."""
    return float(np.mean([len(held) / len(rows) for rows, held in folds]))


def rows_of(values: Any, rows: np.ndarray) -> Any:
    """Take these rows of an array, a list, a table or a sparse matrix, in the container that it came in."""
    if hasattr(values, "iloc"):
        return values.iloc[rows]
    if is_table(values):
        return values.take(rows) if hasattr(values, "take") else values[rows]
    if hasattr(values, "tocsr"):
        return values.tocsr()[rows]
    if isinstance(values, list | tuple):
        return [values[i] for i in rows]
    import keras  # last of all, and only for what may be a tensor: folds of other things need none

    if keras.ops.is_tensor(values):
        return keras.ops.take(values, rows, axis=0)
    return values[rows]


def _row_numbers(rows: Any, number: int) -> np.ndarray:
    """Read the rows of a fold: their numbers, or a mask.

    Raises:
        ValueError: for no rows, for numbers outside of them, and for a mask of another length.
    """
    taken = np.asarray(rows)
    if taken.dtype == bool and taken.shape == (number,):
        taken = np.flatnonzero(taken)
    if taken.ndim != 1 or not taken.size or taken.dtype.kind not in "iu":
        raise ValueError(
            f"A fold's rows are their numbers, or a mask of {number:,}. "
            f"Received: {taken.dtype} of shape {taken.shape}. Expected at least one row."
        )
    if taken.min() < 0 or taken.max() >= number:
        raise ValueError(f"A fold has the rows {taken.min()} to {taken.max()}. Expected 0 to {number - 1}.")
    return taken


def _is_of_classes(y: np.ndarray, num_folds: int) -> bool:
    """Are these classes, with at least one row of each for every fold?"""
    if y.ndim > 1 or (y.dtype.kind == "f" and not (y == np.rint(y)).all()):
        return False
    counts = np.unique(y, return_counts=True)[1]
    return len(counts) < len(y) / 2 and int(counts.min()) >= num_folds
