"""What a program takes from the model that it runs for: its variables, and the numbers lifted out of the graph."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from recipes.training.engines.description import LIFTED

# The optimizers of which Keras' base class applies the decay, so that a tensor in place of the number will do.
DECAYS_IN_BASE = ("SGD", "RMSprop", "Adam", "AdamW", "Nadam", "Adamax", "Adagrad", "Adadelta")


def state_of(model: keras.Model) -> list[keras.Variable]:
    """List every variable that training reads or writes: weights, seeds, optimizer, metrics; each once."""
    metrics = [variable for metric in model.metrics for variable in metric.variables]
    variables = [*model.variables, *getattr(model.optimizer, "variables", ()), *metrics]
    return list({id(variable): variable for variable in variables}.values())


def lifted(model: keras.Model) -> list[tuple[Any, str]]:
    """List layers and attributes that hold numbers outside the weights, in their order, and the optimizer's decay."""
    places: list[tuple[Any, str]] = []
    for layer in model._flatten_layers(include_self=False):
        places += [(layer, name) for name in lifted_names(layer)]
    if _has_plain_decay(model.optimizer):
        places.append((model.optimizer, "weight_decay"))
    return places


def values_of(places: list[tuple[Any, str]]) -> list[np.ndarray]:
    """Read the present values of these attributes: float32, or float64 for a layer that computes in it."""
    return [_value(owner, name) for owner, name in places]


def _value(owner: Any, name: str) -> np.ndarray:
    value = getattr(owner, name)
    if getattr(owner, "compute_dtype", None) == "float64":
        return np.asarray(keras.ops.cast(value, "float64"))
    return np.asarray(value, dtype=np.float32)


@contextmanager
def replaced(places: list[tuple[Any, str]], values: list[Any]) -> Iterator[None]:
    """Have these attributes hold these values (tensors of a graph being traced), within the block."""
    before = [getattr(layer, name) for layer, name in places]
    try:
        for (layer, name), value in zip(places, values, strict=True):
            object.__setattr__(layer, name, value)  # past Keras' tracking of attributes
        yield
    finally:
        for (layer, name), value in zip(places, before, strict=True):
            object.__setattr__(layer, name, value)


def lifted_names(layer: keras.Layer) -> tuple[str, ...]:
    """Name this layer's attributes that hold numbers outside the weights; none for a layer that is not Keras' own."""
    if not type(layer).__module__.startswith("keras.src."):
        return ()
    return tuple(name for name in LIFTED.get(type(layer).__name__, ()) if getattr(layer, name, None) is not None)


def _has_plain_decay(optimizer: Any) -> bool:
    """Is the decay a number that Keras' base class applies, so that a tensor in its place will do?"""
    kind = type(optimizer)
    own = kind.__module__.startswith("keras.src.") and kind.__name__ in DECAYS_IN_BASE
    return own and type(getattr(optimizer, "weight_decay", None)) is float
