"""What a mend must know of a model, read from a live one through its own attributes; Keras is not imported."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

_STANDARDISING = ("Normalization", "Rescaling", "BatchNormalization", "LayerNormalization")
_DROPPING = ("Dropout", "SpatialDropout", "AlphaDropout", "GaussianDropout", "GaussianNoise")


@dataclass(frozen=True)
class Facts:
    """What a model has that explains its curves, and what of the usual advice it already follows.

    Attributes:
        optimizer: Name in lower case, such as `"adam"`; `None` where it is not known.
        learning_rate: The present one; `None` where it is not a number.
        standardises: Whether a layer scales the inputs.
        dropout: Whether a layer drops or disturbs features while training.
        penalties: Whether regularizers add to the loss.
        batch_norm: Whether batches are normalised.
        decays: Whether the optimizer decays weights.
        hidden: Whether there is a hidden layer.
        weighted: Whether rows or classes were weighted; `None` where nobody said.
    """

    optimizer: str | None = None
    learning_rate: float | None = None
    standardises: bool = False
    dropout: bool = False
    penalties: bool = False
    batch_norm: bool = False
    decays: bool = False
    hidden: bool = True
    weighted: bool | None = None


def facts_of(model: Any, weighted: bool | None = None) -> Facts | None:
    """Read a Keras model; `None` without one."""
    if model is None or not hasattr(model, "layers"):
        return None
    layers = list(_layers(model))
    names = [type(layer).__name__ for layer in layers]
    optimizer = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    with_weights = [layer for layer, name in zip(layers, names, strict=True)
                    if getattr(layer, "kernel", None) is not None or hasattr(layer, "cell")]  # fmt: skip
    return Facts(
        optimizer=None if optimizer is None else type(optimizer).__name__.lower(),
        learning_rate=_rate(optimizer),
        standardises=any(name.startswith(_STANDARDISING) for name in names),
        dropout=any(name.startswith(_DROPPING) for name in names)
        or any(getattr(layer, "dropout", 0) for layer in layers if isinstance(getattr(layer, "dropout", 0), float)),
        penalties=any(value is not None for layer in layers for name, value in vars(layer).items()
                      if name.endswith("regularizer")),
        batch_norm="BatchNormalization" in names,
        decays=bool(getattr(optimizer, "weight_decay", None)),
        hidden=len(with_weights) != 1,
        weighted=weighted,
    )  # fmt: skip


def _layers(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from _layers(layer)


def _rate(optimizer: Any) -> float | None:
    try:
        return float(np.asarray(optimizer.learning_rate))
    except (AttributeError, TypeError, ValueError):
        return None
