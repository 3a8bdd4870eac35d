"""What any model is measured against: the loss of the best constant guess, and that of a perfect model."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from cheatsheet.chance import chance_loss, least_loss
from cheatsheet.modelspec import describe_model, loss_options
from cheatsheet.table import TABLE

MOST_YARDSTICK_VALUES = 1_000_000  # of the target that chance is estimated from; the rest changes its fourth digit


def loss_name(model: keras.Model) -> str | None:
    """Return Keras' full name of the loss of a model with one output; `None` for several outputs, or no loss."""
    outputs = describe_model(model).outputs
    return outputs[0].loss if len(outputs) == 1 else None


def middle_of(model: keras.Model) -> float:
    """Find the output above which an example is of the second class; the compiled loss says what outputs mean."""
    output = describe_model(model).outputs[0]
    return 0.0 if output.from_logits or output.loss in ("hinge", "squared_hinge") else 0.5


def yardsticks(model: keras.Model, targets: Any) -> tuple[float | None, float]:
    """Compute the loss of the best constant guess, and of a perfect model, where the table knows the loss."""
    name, loss = loss_name(model), _one_loss(model)
    if not isinstance(targets, np.ndarray) or name not in {row.loss for row in TABLE}:
        return None, 0.0
    if targets.size > MOST_YARDSTICK_VALUES:
        targets = targets[:: -(-targets.size // MOST_YARDSTICK_VALUES)]
    if name == "pinball":
        return chance_loss(name, targets, quantiles=loss.quantiles), 0.0
    if isinstance(loss, keras.losses.Loss) and not _is_as_in_the_table(loss):
        return None, 0.0
    return chance_loss(name, targets), least_loss(name, targets)


def _one_loss(model: keras.Model) -> Any:
    """Return the compiled loss of a model with one output, taken out of a list or dict of one."""
    loss = model.loss
    losses = [*loss.values()] if isinstance(loss, Mapping) else loss if isinstance(loss, list | tuple) else [loss]
    return losses[0] if len(losses) == 1 else None


def _is_as_in_the_table(loss: keras.losses.Loss) -> bool:
    """Is this Keras' own loss with its usual settings (from logits or not), without label smoothing and the like?"""
    if not type(loss).__module__.startswith("keras."):
        return False
    ours, usual = loss_options(loss), loss_options(type(loss)())
    return all(ours[key] == usual[key] for key in usual if key != "from_logits")
