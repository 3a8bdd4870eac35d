"""From a row of the cheatsheet (and perhaps a `y`) to the last layer: its width, activation, loss and metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.finding import unfit_target
from cheatsheet.table import Row, lookup
from cheatsheet.targets import Inference, in_unit_interval, infer_task, is_whole, require_target

QUANTILES = (0.05, 0.5, 0.95)  # the median and a 90 % interval
_OR_MEND = "leave num_classes out, or mend y"


@dataclass(frozen=True)
class Head:
    """The last layer and what it is trained with.

    Attributes:
        units: Number of output nodes.
        activation: Keras' name of the last activation.
        loss: Keras' name of the loss; `"pinball"` is `recipes.losses.Pinball`.
        metrics: Names of what to watch.
        task: The task that it serves.
        quantiles: One per node for `task="quantile"`, else empty.
    """

    units: int
    activation: str
    loss: str
    metrics: tuple[str, ...]
    task: str
    quantiles: tuple[float, ...] = ()


@known_arguments_only
def head(
    task: str | None = None,
    num_classes: int | None = None,
    y: Any = None,
    loss: str | None = None,
    activation: str | None = None,
    *,
    quantiles: Sequence[float] = QUANTILES,
) -> Head:
    """Find the last layer and the loss that this task needs.

    Args:
        task: One of `cheatsheet.TASKS`; taken from `y` when missing.
        num_classes: Number of classes (multiclass) or labels (multilabel), unless `y` tells.
        y: The target; it is checked, gives the width, and chooses between the one-hot, integer and probability
            twins of the multiclass loss.
        loss: Keras' name of another loss of the same task.
        activation: Another last activation. `"lecture"` takes the slide's, to the letter.
        quantiles: For `task="quantile"`, strictly between 0 and 1.

    Raises:
        ValueError: where task, classes, `y` and loss do not fit each other, naming the mend; a `DataError` where it
            is `y` that does not fit.

    >>> head("multiclass", num_classes=3)
    Head(units=3, activation='softmax', loss='categorical_crossentropy', metrics=('accuracy',), task='multiclass', \
quantiles=())
    >>> head(y=["a", "b", "c", "a"]).loss
    'sparse_categorical_crossentropy'
    >>> head("multiclass", num_classes=3, activation="lecture").activation
    'sigmoid'
    """
    if task is None:
        if y is None:
            raise ValueError("Which head? Received: task=None, y=None. Pass a task such as 'binary', or y.")
        task, loss = decided(infer_task(y), num_classes, loss, activation)
    row = lookup(task, loss or _loss_for(task, y))
    if row.units == "cells":
        raise ValueError(
            f"task={task!r} has no last layer of its own width, but five numbers for each cell of an image. "
            "Use recipes.lecture.astronomy.detector.build_detector, which python -m cheatsheet detection shows."
        )
    target = None if y is None else require_target(y, task, row.loss)
    if row.units == "quantiles":
        quantiles = _require_quantiles(quantiles)
        units = len(quantiles)
    else:
        quantiles = ()
        units = _width(row, num_classes, target)
    return Head(units, _activation(row, activation, target), row.loss, row.metrics, task, tuple(quantiles))


def decided(
    inferred: Inference, num_classes: int | None = None, loss: str | None = None, activation: str | None = None
) -> tuple[str, str | None]:
    """Decide task and loss from what `y` looks like and from what was said beside it; `None` is the task's own loss."""
    if inferred.loss is not None and num_classes is not None:
        return "multiclass", loss  # whose number is given
    return inferred.task, loss or (inferred.loss if activation is None else None)


def _loss_for(task: str, y: Any) -> str | None:
    """Choose the twin of the loss that reads this `y` as it stands; `None` leaves the slide's."""
    if y is None or task not in ("multiclass", "reconstruction"):
        return None
    target = require_target(y, task, "")
    if task == "reconstruction":
        return "binary_crossentropy" if in_unit_interval(target) else "mean_squared_error"
    if target.ndim == 1:
        return "sparse_categorical_crossentropy"
    return "categorical_crossentropy" if is_whole(target) else "kl_divergence"


def _activation(row: Row, activation: str | None, target: np.ndarray | None) -> str:
    if activation == "lecture":
        if row.lecture_activation is None:
            raise ValueError(
                f"The slide has no row for task={row.task!r}, loss={row.loss!r}. "
                "Received: activation='lecture'. Leave activation out, or name one."
            )
        return row.lecture_activation
    if activation is not None:
        return activation
    if row.task == "reconstruction" and target is not None and in_unit_interval(target):
        return "sigmoid"
    return row.activation


def _width(row: Row, num_classes: int | None, target: np.ndarray | None) -> int:
    is_whole_number = isinstance(num_classes, int | np.integer) and not isinstance(num_classes, bool)
    if num_classes is not None and (not is_whole_number or num_classes < 1):
        raise ValueError(f"num_classes must be a whole number of at least 1. Received: num_classes={num_classes!r}.")
    if row.units == "one":
        return _width_of_one(row, num_classes, target)
    if row.units == "classes":
        return _width_of_classes(num_classes, target)
    if target is None and num_classes is None:
        what = "labels" if row.task == "multilabel" else "values a row"
        raise ValueError(
            f"task={row.task!r} needs the number of {what}. Received: num_classes=None, y=None. "
            "Pass num_classes=K, or y."
        )
    width = int(num_classes or 0) if target is None else int(np.prod(target.shape[1:]))
    if num_classes is not None and num_classes != width:
        raise unfit_target(f"num_classes={num_classes}, but y has {width} columns.", _OR_MEND)
    return width


def _width_of_one(row: Row, num_classes: int | None, target: np.ndarray | None) -> int:
    if row.task == "binary":
        if num_classes not in (None, 2):
            raise ValueError(
                f"task='binary' has two classes and one output node. Received: num_classes={num_classes}. "
                f"Leave num_classes out, or say task='multiclass'."
            )
        return 1
    if num_classes is not None:
        raise ValueError(
            f"task={row.task!r} has no classes. Received: num_classes={num_classes}. Leave it out; the number of "
            "outputs is the number of y's columns."
        )
    return 1 if target is None or target.ndim == 1 else int(np.prod(target.shape[1:]))


def _width_of_classes(num_classes: int | None, target: np.ndarray | None) -> int:
    if num_classes == 1:
        raise ValueError(
            "task='multiclass' needs at least two classes: a softmax over one node is always 1. "
            "Received: num_classes=1. For yes or no say task='binary'."
        )
    if target is None:
        if num_classes is None:
            raise ValueError(
                "task='multiclass' needs the number of classes. Received: num_classes=None, y=None. "
                "Pass num_classes=K, or y."
            )
        return int(num_classes)
    seen = target.shape[1] if target.ndim == 2 else len(np.unique(target))
    if target.ndim == 2 and num_classes not in (None, seen):
        raise unfit_target(f"num_classes={num_classes}, but y has {seen} columns.", _OR_MEND)
    if num_classes is not None and seen > num_classes:
        raise unfit_target(
            f"num_classes={num_classes}, but y holds {seen} classes.", f"pass num_classes={seen}, or mend y"
        )
    return int(num_classes or seen)


def _require_quantiles(quantiles: Sequence[float]) -> tuple[float, ...]:
    given = np.atleast_1d(np.asarray(quantiles))
    values = tuple(float(q) for q in given) if given.ndim == 1 and given.dtype.kind in "iuf" else ()
    if not values or any(not 0 < q < 1 for q in values) or list(values) != sorted(set(values)):
        raise ValueError(
            f"quantiles must rise strictly between 0 and 1. Received: quantiles={quantiles!r}. "
            f"Expected something like {QUANTILES}."
        )
    return values
