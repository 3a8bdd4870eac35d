"""What no training on sound data can end with, and no loss curve says: a loss below its least, weights without numbers.

Arrays are judged before they train; it happens with streams, which nobody has read.
"""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from cheatsheet.finding import Finding
from recipes.training.data.yardsticks import loss_name

ROUNDING = 1e-6  # below 0, of what is 0
NEVER_BELOW_0 = {
    "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy", "binary_focal_crossentropy",
    "categorical_focal_crossentropy", "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error", "huber", "log_cosh", "hinge", "squared_hinge", "categorical_hinge", "pinball",
}  # fmt: skip


def impossible(model: keras.Model, history: Mapping[str, Sequence[float]]) -> list[Finding]:
    """Find in a finished training what sound data cannot have led to.

    Args:
        model: It is trained.
        history: Loss and val_loss by epoch.
    """
    found = []
    name, layer = loss_name(model), _without_numbers(model)
    lowest = min((*history.get("loss", ()), *history.get("val_loss", ())), default=0.0)
    if name in NEVER_BELOW_0 and lowest < -ROUNDING and not model.losses:
        message = (
            f"{name} cannot be below 0, and was {lowest:.4g}: some targets, or weights of rows, are none it takes."
        )
        fix = "pass some rows to cheatsheet.check(model, x, y), which says what is wrong with them"
        found.append(Finding("impossible_loss", "error", message, fix))
    if layer is not None and np.isfinite(history.get("loss", [np.nan])[-1]):
        message = (
            f"weights of the layer {layer!r} are NaN, though the loss is a number: what the model gives no longer "
            "depends on its inputs."
        )
        fix = "look for missing values in x"
        found.append(Finding("nan_weights", "error", message, fix, where=layer))
    return found


def _without_numbers(model: keras.Model) -> str | None:
    """Name the first layer with weights that are NaN or infinite."""
    for layer in model._flatten_layers(include_self=False):
        for variable in layer._trainable_variables:
            values = np.asarray(variable)
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                return str(layer.name)
    return None
