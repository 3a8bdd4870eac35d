"""Which columns the model looks at: how much worse it becomes when the values of one are dealt out anew."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recipes.tables.scoring.scores import losses

REPEATS = 3  # of each column
MOST_ROWS = 1_000  # of the test that are looked at
MOST_CELLS = 4_000_000  # of a table that is predicted at once


@dataclass(frozen=True)
class Importance:
    """How much of what the model says hangs on one column.

    Attributes:
        name: Of the column.
        increase: Of the mean loss on test rows when its values are permuted, in the loss's unit (nats, deviance; for
            R² the share of the variance); about 0 where the model does without it.
        spread: Standard deviation of this over the permutations.
    """

    name: str
    increase: float
    spread: float


def permutation_importance(
    predict: Callable[[Mapping[str, np.ndarray]], np.ndarray],
    rows: Mapping[str, np.ndarray],
    true: np.ndarray,
    names: Sequence[str],
    *,
    metric: str,
    seed: int = 0,
) -> tuple[Importance, ...]:
    """Permute one column after the other, and see how much worse the predictions are.

    L. Breiman (2001), "Random Forests", section 10. Of columns that tell the same, each seems to be of little
    importance, since the other one is still there.

    Args:
        predict: From values of the columns to probabilities `(n, classes)` or numbers `(n,)`.
        rows: Values of the learnt columns of the test rows.
        true: Their encoded targets `(n,)`.
        names: Of the columns to permute.
        metric: `"log_loss"`, `"poisson_deviance"` or `"r2"`.
        seed: Of the permutations, and of the rows, where there are more than 1,000.

    Returns:
        One for each column, the largest increase first.
    """
    rng = np.random.default_rng([seed, 41])
    some = np.sort(rng.permutation(len(true))[:MOST_ROWS])
    rows, true = {name: values[some] for name, values in rows.items()}, true[some]
    unit = float(true.var()) or 1.0 if metric == "r2" else 1.0
    before = losses(metric, true, predict(rows)).mean() / unit
    at_once = max(1, MOST_CELLS // (len(true) * len(rows)))  # permuted tables, one below the other
    tasks = [(name, rng.permutation(len(true))) for name in names for _ in range(REPEATS)]
    after: list[float] = []
    for start in range(0, len(tasks), at_once):
        part = tasks[start : start + at_once]
        below = {
            name: np.concatenate([values[order] if name == permuted else values for permuted, order in part])
            for name, values in rows.items()
        }
        of_rows = losses(metric, np.tile(true, len(part)), predict(below)) / unit
        after += of_rows.reshape(len(part), -1).mean(axis=1).tolist()
    increases = np.array(after).reshape(len(names), REPEATS) - before
    found = [
        Importance(name, float(own.mean()), float(own.std(ddof=1))) for name, own in zip(names, increases, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: -one.increase))
