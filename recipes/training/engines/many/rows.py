"""What steps are given: the rows of many jobs, held once, how many of them a step takes, and its rates."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipes.training.data.batches import epoch_order
from recipes.training.engines.engine import Plan
from recipes.training.engines.many.cost import part_of


def in_parts(batch_sizes: Sequence[int], num_rows: np.ndarray) -> tuple[np.ndarray, int]:
    """Find the rows a step that all can take: the batch size, or where they differ parts that divide each of them.

    Returns:
        The batch size of each network, where a batch of all its rows is as many whole parts as it takes; and that of a
        part.
    """
    if len({*batch_sizes}) == 1:
        return np.array(batch_sizes, np.int32), batch_sizes[0]
    part = part_of(batch_sizes, int(num_rows.min()))
    whole = -(-num_rows // part) * part
    return np.where(np.array(batch_sizes) < num_rows, batch_sizes, whole).astype(np.int32), part


def orders_of(
    plans: Sequence[Plan], num_rows: np.ndarray, batch_size: int, sizes: tuple[int, int], epochs: range
) -> np.ndarray:
    """Order the rows of K networks for each of these epochs, `(sizes[0], K, sizes[1])`."""
    orders = np.zeros((sizes[0], len(plans), sizes[1]), np.int32)
    for i, epoch in enumerate(epochs):
        known: dict[tuple[int, int, bool], np.ndarray] = {}
        for place, plan in enumerate(plans):
            rows = int(num_rows[place])
            like = (plan.seed, rows, plan.shuffle)
            if like not in known:
                known[like] = epoch_order(plan.seed, epoch, rows) if plan.shuffle else np.arange(rows, dtype=np.int32)
            orders[i, place, :rows] = known[like]
            # What fills the last batch up is a row of it, so that nothing overflows that would not alone.
            orders[i, place, rows:] = known[like][(rows - 1) // batch_size * batch_size]
    return orders


class Pool:
    """The rows of all jobs, each array once, one behind the other."""

    def __init__(self) -> None:
        self.parts: list[tuple[Any, Any, Any]] = []
        self.places: dict[tuple[int, int, int], int] = {}
        self.size = 0

    def put(self, x: Any, y: Any, weight: Any) -> int:
        """Put these rows in; return where they begin."""
        key = (id(x), id(y), id(weight))
        if key not in self.places:
            self.places[key] = self.size
            self.parts.append((x, y, weight))
            self.size += len(y)
        return self.places[key]

    def _joined(self, i: int) -> Any:
        arrays = [part[i] for part in self.parts]
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

    @property
    def x(self) -> Any:
        return self._joined(0)

    @property
    def y(self) -> Any:
        return self._joined(1)

    @property
    def weight(self) -> Any:
        return self._joined(2) if self.is_weighted else None

    @property
    def is_weighted(self) -> bool:
        """Whether rows have weights: those of all jobs, or of none."""
        return bool(self.parts) and self.parts[0][2] is not None


def schedules_of(models: Sequence[keras.Model], precision: str) -> list[Any]:
    """Compile the schedule of each model's rate for many steps at once; `None` for a rate that is a number.

    Called one by one, a step takes a millisecond.
    """
    known: dict[str, Any] = {}
    found: list[Any] = []
    for model in models:
        schedule = model.optimizer._learning_rate
        if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            found.append(None)
            continue
        key = repr(keras.saving.serialize_keras_object(schedule))
        if key not in known:
            known[key] = _compiled(schedule, precision)
        found.append(known[key])
    return found


def _compiled(schedule: Any, precision: str) -> Any:
    def rates(steps: Any) -> Any:
        return tf.map_fn(lambda step: tf.cast(schedule(step), precision), steps, fn_output_signature=precision)

    return tf.function(rates, autograph=False, input_signature=[tf.TensorSpec([None], tf.int64)])
