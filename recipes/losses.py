"""The one loss and the one metric of the cheatsheet that Keras lacks."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from cheatsheet.head import QUANTILES


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
