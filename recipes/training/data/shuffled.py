"""Batches that Keras' own `fit` is given."""

import math
from typing import Any

import keras
import numpy as np

from recipes.training.data.batches import epoch_order


class ShuffledBatches(keras.utils.PyDataset):
    """Batches for `model.fit`, in the order of `epoch_order`.

    `set_epoch` must be called at the start of each epoch: Keras' own notices (`on_epoch_end`) also come while a
    model is being built, so they do not count epochs.
    """

    def __init__(self, arrays: Any, *, batch_size: int, seed: int, shuffle: bool) -> None:
        super().__init__()
        self.arrays = arrays  # (x, y[, sample_weight]), or x alone: each an array, or a tree of arrays
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.num_rows = len(keras.tree.flatten(arrays)[0])
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Take the order of this epoch."""
        self.order = epoch_order(self.seed, epoch, self.num_rows) if self.shuffle else np.arange(self.num_rows)

    def __len__(self) -> int:
        return math.ceil(self.num_rows / self.batch_size)

    def __getitem__(self, index: int) -> Any:
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return keras.tree.map_structure(lambda array: _as_keras_takes(array[rows]), self.arrays)


def _as_keras_takes(array: np.ndarray) -> Any:
    """Make a tensor of text, which Keras takes as an array in `fit(x)` but not in a batch."""
    return keras.ops.convert_to_tensor(array, dtype="string") if array.dtype.hasobject else array
