"""Early stopping without a callback: blocks of many epochs stay whole, and the best epoch is found again afterwards.

What `EarlyStopping("val_loss", patience=..., restore_best_weights=True)` does, at nearly the speed of a run without.
The weights of each epoch never leave the program, so of each block the state before it is kept while the best epoch
lies in it; training these epochs again, which gives the same bits, gives its weights.
"""

import math
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from recipes.training.engines.tensorflow.state import state_of

Snapshot = list[tf.Tensor]


class Patience:
    """Watches val_loss, epoch by epoch.

    Args:
        patience: Epochs without a lower val_loss after which a run ends.
        model: Whose state is looked at and set.
    """

    def __init__(self, patience: int, model: keras.Model) -> None:
        self.patience, self.model = patience, model
        self.best, self.best_epoch, self.wait = math.inf, -1, 0
        self._block: tuple[int, Snapshot] = (0, [])  # its first epoch, and the state before it
        self._of_best = self._block

    def begin(self, epoch: int) -> None:
        """Take the state before a block that begins with this epoch."""
        self._block = epoch, _taken(state_of(self.model))

    def has_ended(self, epoch: int, val_loss: float) -> bool:
        """Say whether the run ends with this epoch, as Keras' callback would, to which the first is the best."""
        if self.best_epoch < 0 or val_loss < self.best:
            self.best, self.best_epoch, self.wait, self._of_best = val_loss, epoch, 0, self._block
            return False
        self.wait += 1
        return self.wait >= self.patience

    def settle(self, epoch: int, end: int, replay: Callable[[int, int], None]) -> int | None:
        """Put the weights of the best epoch back; everything else stays as it was after the last epoch that counts.

        Args:
            epoch: So many epochs count.
            end: So many were trained: the last block may have gone on after the run had ended.
            replay: Trains from an epoch on, so many of them.

        Returns:
            The number of the best epoch, counted from 1; `None` where it is the last one.
        """
        if end > epoch:
            self._rewind(self._block, epoch, replay)
        if self.best_epoch < 0 or self.best_epoch + 1 == epoch:
            return None
        variables = state_of(self.model)
        last = _taken(variables)
        self._rewind(self._of_best, self.best_epoch + 1, replay)
        weights = self.model.get_weights()
        _put(variables, last)
        self.model.set_weights(weights)
        return self.best_epoch + 1

    def _rewind(self, block: tuple[int, Snapshot], until: int, replay: Callable[[int, int], None]) -> None:
        first, before = block
        _put(state_of(self.model), before)
        replay(first, until - first)


def _taken(variables: Sequence[keras.Variable]) -> Snapshot:
    return [tf.identity(variable.value) for variable in variables]


def _put(variables: Sequence[keras.Variable], values: Snapshot) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
