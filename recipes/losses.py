"""The losses and the metric of the cheatsheet that Keras lacks, and which loss goes with which of its metrics."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
from keras import ops

from cheatsheet.common.words import did_you_mean
from cheatsheet.head import QUANTILES, Head
from cheatsheet.modelspec import metric_names
from cheatsheet.table import OF_NUMBERED, OF_ROWS


@keras.saving.register_keras_serializable(package="recipes")
class Pinball(keras.losses.Loss):
    """How far is each output from being its quantile?

    loss = mean(max(q (y - p), (q - 1) (y - p))), averaged over the quantiles q; in the units of y.

    Args:
        quantiles: One for each output node, strictly between 0 and 1.

    A model saved with it loads after `import recipes.losses`, which registers it with Keras.

    References:
        Koenker and Bassett (1978), Regression Quantiles, Econometrica 46, eq. 2.1.
    """

    def __init__(self, quantiles: Sequence[float] = QUANTILES, name: str = "pinball", **options: Any) -> None:
        super().__init__(name=name, **options)
        self.quantiles = tuple(float(q) for q in quantiles)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        quantiles = ops.convert_to_tensor(self.quantiles, dtype=y_pred.dtype)  # (q,)
        y_true = ops.reshape(ops.cast(y_true, y_pred.dtype), (-1, 1))  # (n, 1)
        error = y_true - y_pred  # (n, q)
        return ops.mean(ops.maximum(quantiles * error, (quantiles - 1) * error), axis=-1)  # (n,)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "quantiles": list(self.quantiles)}


@keras.saving.register_keras_serializable(package="recipes")
def sign_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Compute how often the output lies on the right side of 0, for labels -1 and +1; shape `(n,)`."""
    same = ops.equal(ops.greater(y_true, 0), ops.greater(y_pred, 0))
    return ops.mean(ops.cast(same, "float32"), axis=-1)


def with_loss_for(head: Head, metrics: Sequence[Any], *, free: bool, rows: bool) -> Head:
    """Take the twin of a multiclass loss that these metrics can be watched beside.

    `"sparse_categorical_crossentropy"` of numbered classes and `"categorical_crossentropy"` of one-hot rows are the
    same number, but precision, recall, AUC and kin read rows alone, and Keras' sparse metrics numbers alone.

    Args:
        head: Of any task.
        metrics: Beside its own.
        free: Whether nobody has asked for this very loss.
        rows: Whether y holds rows. Of labels `fit` makes either.

    Raises:
        ValueError: for metrics that cannot be watched beside this loss, or beside each other.
    """
    if head.task != "multiclass":
        return head
    asked = metric_names(list(metrics))
    of_rows, of_numbers = ([name for name in asked if name in kind] for kind in (OF_ROWS, OF_NUMBERED))
    numbered = head.loss == "sparse_categorical_crossentropy"
    if of_rows and of_numbers:
        raise ValueError(
            f"metrics={of_rows[0]!r} reads one-hot rows, and {of_numbers[0]!r} the number of a class. "
            "Expected one kind. Leave 'sparse' out of the latter's name, or one of them."
        )
    if (numbered and of_rows) or (not numbered and of_numbers):
        strange, reads = (of_rows[0], "one-hot rows") if numbered else (of_numbers[0], "the number of a class")
        twin = "categorical_crossentropy" if numbered else "sparse_categorical_crossentropy"
        if not free or rows:
            takes = "the number of a class" if numbered else "rows"
            fix = f"Say loss={twin!r}" if numbered or not rows else "Leave 'sparse' out of its name"
            raise ValueError(f"The metric {strange!r} reads {reads}, but {head.loss} takes {takes}. {fix}.")
        return replace(head, loss=twin)
    return head


def require_metrics(metrics: Sequence[Any]) -> None:
    """Require names that Keras knows, before it meets them within its first step.

    Raises:
        ValueError: for another name, with the nearest.
    """
    for name in metrics:
        if not isinstance(name, str) or name.lower() in ("accuracy", "acc", "crossentropy", "ce"):
            continue
        try:
            keras.metrics.get(name)
        except ValueError:
            known = [name for name, thing in vars(keras.metrics).items() if isinstance(thing, type)]
            raise ValueError(
                f"Unknown metric. Received: metrics={name!r}. Expected the name of one of keras.metrics, such as "
                f"'accuracy', 'auc' or 'f1_score'.{did_you_mean(name, known)}"
            ) from None


@keras.saving.register_keras_serializable(package="recipes")
class Detection(keras.losses.Loss):
    """Does each cell of a grid say whether an object is there, and where it ends?

    loss = sum over cells with an object of 1 - q,
         + sum over these and those without one of |q - c|^g (-q ln c - (1 - q) ln(1 - c)),

    q the overlap (IoU) of the cell's box with the true one, as a number that c is to reach, and 0 where there is no
    object; c the confidence; g `focus`.

    Targets and outputs are `(n, rows, columns, 5)`: 1, 0 or -1 for a cell with an object, without one, or not asked,
    against the confidence from 0 to 1; then left, top, right and bottom of a box, in one unit, which is compared where
    there is an object.

    Args:
        focus: How little cells count that are already sure and right; 0 is plain crossentropy.

    A model saved with it loads after `import recipes.losses`, which registers it with Keras.

    References:
        Redmon et al. (2016), You Only Look Once, section 2 (confidence = P(object) IoU); Lin et al. (2017), Focal Loss
        for Dense Object Detection, eq. 4; Li et al. (2020), Generalized Focal Loss, eq. 2 (for q between 0 and 1); Yu
        et al. (2016), UnitBox (the overlap in a loss).
    """

    def __init__(self, focus: float = 2.0, name: str = "detection", **options: Any) -> None:
        super().__init__(name=name, **options)
        if not focus >= 0:
            raise ValueError(f"focus must be a number of at least 0. Received: focus={focus!r}.")
        self.focus = float(focus)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true = ops.cast(y_true, y_pred.dtype)
        here, empty = (ops.cast(ops.equal(y_true[..., 0], kind), y_pred.dtype) for kind in (1, 0))
        c = ops.clip(y_pred[..., 0], 1e-6, 1 - 1e-6)
        reached = _overlap(y_pred[..., 1:], y_true[..., 1:])
        q = here * ops.stop_gradient(reached)
        sure = -(ops.abs(q - c) ** self.focus) * (q * ops.log(c) + (1 - q) * ops.log(1 - c))
        return ops.sum(here * (1 - reached) + (here + empty) * sure, axis=(1, 2))  # (n,)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "focus": self.focus}


def _overlap(boxes: Any, others: Any) -> Any:
    """Divide what two boxes (left, top, right, bottom) share by their union; 0 where they have no area."""
    sides = ops.minimum(boxes[..., 2:], others[..., 2:]) - ops.maximum(boxes[..., :2], others[..., :2])
    shared = ops.prod(ops.maximum(sides, 0), axis=-1)
    areas = [ops.prod(ops.maximum(each[..., 2:] - each[..., :2], 0), axis=-1) for each in (boxes, others)]
    union = areas[0] + areas[1] - shared
    return ops.where(union > 0, shared / ops.where(union > 0, union, 1), 0)
