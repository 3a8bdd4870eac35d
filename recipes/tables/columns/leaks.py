"""Which columns tell the target by themselves, so that they may have been written down after it was known."""

from collections.abc import Mapping

import numpy as np

from cheatsheet.finding import Finding
from recipes.tables.columns.column import Columns

FEWEST_ROWS = 30  # below which a column tells the target by chance
SHARE_TOLD = 0.99  # of the errors of the commonest class, or of the variance, that are gone
ROWS_PER_VALUE = 5  # of a column whose values are taken for categories, on average


def leaks(rows: Mapping[str, np.ndarray], columns: Columns, target: np.ndarray, *, is_classes: bool) -> list[Finding]:
    """Find the columns that determine the target.

    Args:
        rows: The values of each learnt column, by its name.
        columns: The decisions.
        target: Numbers, or the place of each row's class, `(n,)`.
        is_classes: Which of the two.

    Returns:
        A warning for each; they are learnt from all the same, since nobody but the user knows when they are written.
    """
    if len(target) < FEWEST_ROWS:
        return []
    found = []
    for column in columns.learnt:
        share = _told(rows[column.name], target, is_classes)
        if share >= SHARE_TOLD:
            what = "the class of every row" if is_classes else "the target"
            much = "" if share == 1.0 else f" ({share:.2%} of it)"
            message = (
                f"the column {column.name!r} alone tells {what}{much}, as one does that is written down afterwards."
            )
            fix = f"if it is not known when a prediction is asked for, pass drop=[{column.name!r}]"
            found.append(Finding("leak", "warning", message, fix, where=column.name))
    return found


def _told(values: np.ndarray, target: np.ndarray, is_classes: bool) -> float:
    codes = np.unique(values, return_inverse=True)[1]
    num_values = int(codes.max()) + 1
    if values.dtype == np.float64:
        there = ~np.isnan(values)
        if there.sum() > FEWEST_ROWS and num_values > 2:
            by_order = _told_by_order(values[there], target[there], is_classes) * there.mean()
            if by_order >= SHARE_TOLD:
                return by_order
    if num_values * ROWS_PER_VALUE > len(target):
        return 0.0
    if is_classes:
        table = np.zeros((num_values, int(target.max()) + 1))
        np.add.at(table, (codes, target), 1)
        errors = len(target) - table.max(axis=1).sum()
        return 1 - float(errors / (len(target) - table.sum(axis=0).max()))
    rows = np.bincount(codes)
    means = np.bincount(codes, target) / rows
    total = float(((target - target.mean()) ** 2).sum())
    return 1 - float(((target - means[codes]) ** 2).sum()) / total if total > 0 else 0.0


def _told_by_order(values: np.ndarray, target: np.ndarray, is_classes: bool) -> float:
    """Say how much a line through a number tells, or for classes one threshold between each two of them."""
    if np.ptp(values) == 0 or np.ptp(target) == 0:
        return 0.0
    if not is_classes:
        return float(np.corrcoef(values, target)[0, 1] ** 2)
    order = np.lexsort((target, values))
    changes = np.diff(target[order]) != 0
    if (np.diff(values[order])[changes] == 0).any():  # rows of one value with several classes
        return 0.0
    return 1.0 if changes.sum() == len(np.unique(target)) - 1 else 0.0
