"""What any model is measured against: the loss of the best constant guess, and that of a perfect model."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from cheatsheet.chance import chance_loss, least_loss
from cheatsheet.dataspec import end_called
from cheatsheet.modelspec import describe_ends, loss_options
from cheatsheet.table import TABLE

MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "auto")  # reductions to a mean over the rows
MOST_YARDSTICK_VALUES = 1_000_000  # of the target that chance is estimated from; the rest changes its fourth digit


def loss_name(model: keras.Model) -> str | None:
    """Return Keras' full name of the loss of a model with one output; `None` for several outputs, or no loss."""
    outputs = describe_ends(model).outputs
    return outputs[0].loss if len(outputs) == 1 else None


def middle_of(model: keras.Model, name: str | None = None) -> float:
    """Find the value above which an example is of the second class; the compiled loss says what outputs mean.

    Args:
        model: A compiled model.
        name: Of one of several outputs.
    """
    outputs = describe_ends(model).outputs
    output = (end_called(name, outputs) if name else None) or outputs[0]
    return 0.0 if output.gives_logits or output.loss in ("hinge", "squared_hinge") else 0.5


def yardsticks(model: keras.Model, targets: Any, fitted_on: Any = None) -> tuple[float | None, float]:
    """Compute the loss of the best constant guess, and of a perfect model, where that is the quantity Keras reports.

    It is not where the table does not know the loss, where penalties are added to it or masks leave steps out, and
    where it is no mean over the rows. The weight of an output's loss counts.

    Args:
        model: A compiled model.
        targets: Those that are watched, encoded.
        fitted_on: Those that train, where they are others: nobody knows the base rates of the validation beforehand.
    """
    name, loss = loss_name(model), _one_loss(model)
    if not isinstance(targets, np.ndarray) or name is None or name not in {row.loss for row in TABLE}:
        return None, 0.0
    has_steps = targets.ndim > (1 if name == "sparse_categorical_crossentropy" else 2)
    if _has_penalties(model) or (has_steps and has_masks(model)):
        return None, 0.0
    weight = loss_weight(model)
    if weight is None or getattr(loss, "reduction", MEANS[0]) not in MEANS:
        return None, 0.0
    chance, least = _of_loss(name, loss, targets, fitted_on)
    return (None, 0.0) if chance is None else (weight * chance, weight * least)


def loss_weight(model: keras.Model) -> float | None:
    """Return the weight of the loss of a model with one output; `None` where it is no positive number."""
    compiled = model._compile_loss
    weights = [w for w in keras.tree.flatten(getattr(compiled, "_user_loss_weights", None)) if w is not None]
    if not weights:
        return 1.0
    is_plain = len(weights) == 1 and isinstance(weights[0], int | float | np.number) and weights[0] > 0
    return float(weights[0]) if is_plain else None


def _of_loss(
    name: str, loss: Any, every_target: np.ndarray, fitted_on: np.ndarray | None
) -> tuple[float | None, float]:
    targets, fitted_on = (_few_by_row(values, name) for values in (every_target, fitted_on))
    assert targets is not None
    if name == "pinball":
        return chance_loss(name, targets, fitted_on=fitted_on, quantiles=loss.quantiles), 0.0
    if isinstance(loss, keras.losses.Loss) and not _is_as_in_the_table(loss):
        return None, 0.0
    return chance_loss(name, targets, fitted_on=fitted_on), least_loss(name, targets)


def _has_penalties(model: keras.Model) -> bool:
    """Does something add to the loss: a regularizer of weights or activities, or a layer's own `add_loss`?"""
    for layer in model._flatten_layers():
        if any(value is not None for name, value in vars(layer).items() if name.endswith("regularizer")):
            return True
    return bool(model.built and model.losses)


def has_masks(model: keras.Model) -> bool:
    """Say whether a layer leaves some steps out of the loss."""
    layers = model._flatten_layers()
    return any(isinstance(layer, keras.layers.Masking) or getattr(layer, "mask_zero", False) for layer in layers)


def _few_by_row(targets: np.ndarray | None, name: str | None) -> np.ndarray | None:
    """Put steps and pixels, each of which has its class, below one another, and leave rows out where they are many."""
    if targets is None:
        return None
    if name == "sparse_categorical_crossentropy":
        targets = targets.reshape(-1)
    elif name in ("categorical_crossentropy", "kl_divergence") and targets.ndim > 2:
        targets = targets.reshape(-1, targets.shape[-1])
    return targets[:: -(-targets.size // MOST_YARDSTICK_VALUES)] if targets.size > MOST_YARDSTICK_VALUES else targets


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
