"""The numbers of K models as arrays with the network's axis in front, and back into the models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from recipes.training.engines.many.layers import LAYERS
from recipes.training.engines.many.network import Network, seeds_of, statistics_of
from recipes.training.engines.many.optimizers import OPTIMIZERS


@dataclass
class Stack:
    """K networks, or what has become of them.

    Attributes:
        weights: `(K, P)`, all trainable variables of a network in a row.
        moments: What the optimizer keeps, each `(K, P)`.
        statistics: Other variables that training changes, each `(K, ...)`.
        words: Seeds of each layer that draws, `(K, layers, 2)`.
        steps: How many updates each network has had, `(K,)`.
    """

    weights: Any
    moments: list[Any]
    statistics: list[Any]
    words: Any
    steps: Any


def shapes_of(network: Network) -> list[tuple[int, ...]]:
    """List the shapes of the trainable variables, in the order in which they lie in a row of weights."""
    return [shape for part in network.parts for shape in part.shapes]


def stacked(models: Sequence[keras.Model], network: Network) -> Stack:
    """Put the present numbers of these models into arrays, narrower ones filled up with zeros."""
    shapes, kept = shapes_of(network), OPTIMIZERS[network.optimizer].kept(dict(network.flags))
    fill = _Fill(shapes, network.precision)
    statistics = [[np.asarray(v) for v in _statistics(model)] for model in models]
    return Stack(
        fill([model.trainable_variables for model in models]),
        [fill([_moments(model, name) for model in models]) for name in kept],
        [np.stack(same) for same in zip(*statistics, strict=True)],
        np.array([[np.asarray(seed) for seed in _seeds(model)] for model in models], np.uint32).reshape(
            len(models), -1, 2
        ),
        np.array([int(model.optimizer.iterations) for model in models], np.int64),
    )


def put_back(stack: Stack, models: Sequence[keras.Model], network: Network) -> None:
    """Give these models the numbers of a stack."""
    shapes, kept = shapes_of(network), OPTIMIZERS[network.optimizer].kept(dict(network.flags))
    for k, model in enumerate(models):
        _assign(model.trainable_variables, stack.weights[k], shapes)
        for name, moment in zip(kept, stack.moments, strict=True):
            _assign(_moments(model, name), moment[k], shapes)
        for variable, value in zip(_statistics(model), stack.statistics, strict=True):
            _put(variable, value[k])
        for variable, words in zip(_seeds(model), stack.words[k], strict=True):
            _put(variable, words.astype(keras.backend.standardize_dtype(variable.dtype)))
        _put(model.optimizer.iterations, stack.steps[k])


def is_filled(models: Sequence[keras.Model], network: Network) -> np.ndarray | None:
    """Say which weights are a network's own, `(K, P)`; `None` where all are."""
    shapes = shapes_of(network)
    if all(tuple(v.shape) == s for model in models for v, s in zip(model.trainable_variables, shapes, strict=True)):
        return None
    ones = [[np.ones(variable.shape, network.precision) for variable in model.trainable_variables] for model in models]
    return _Fill(shapes, network.precision)(ones) > 0


def constants_of(models: Sequence[keras.Model], network: Network) -> list[np.ndarray]:
    """Stack the constants of each layer that has any, each `(K, ...)`."""
    return [
        np.stack([np.asarray(keras.ops.cast(getattr(model.layers[i], name), network.precision)) for model in models])
        for i, part in enumerate(network.parts)
        for name in LAYERS[part.kind].constants
    ]


def dropout_rates(models: Sequence[keras.Model], network: Network) -> np.ndarray:
    """List the rates of the layers that draw, and the factor of what they keep, `(K, layers, 2)`."""
    rates = np.array([[m.layers[i].rate for i, part in enumerate(network.parts) if part.draws] for m in models], float)
    with np.errstate(divide="ignore"):
        scales = np.where(rates < 1, 1 / (1 - rates), 0.0)  # where nothing is kept
    return np.stack([rates, scales], axis=-1).astype(np.float32)


def penalties(models: Sequence[keras.Model]) -> np.ndarray:
    """List the factors of L1 and L2 for each trainable variable, `(K, variables, 2)`."""

    def of(variable: keras.Variable) -> tuple[float, float]:
        regularizer = variable.regularizer
        # Numbers are rounded to single precision, as Keras' `cast` does on the way to any other; L1 has a tensor.
        if type(regularizer).__name__ != "L1":
            first, second = (float(np.float32(getattr(regularizer, name, 0.0))) for name in ("l1", "l2"))
            return first, second
        return float(regularizer.l1), 0.0

    return np.array([[of(variable) for variable in model.trainable_variables] for model in models])


def optimizer_numbers(models: Sequence[keras.Model], network: Network) -> dict[str, np.ndarray]:
    """List what may differ between the optimizers, by name, each `(K, 1)`; the rates come with the steps."""
    names = [*OPTIMIZERS[network.optimizer].numbers]
    names += ["weight_decay"] if any(any(part.decayed) for part in network.parts) else []
    clip = dict(network.flags)["clip"]
    names += [] if clip is None else [clip]
    numbers = {name: np.array([[float(getattr(model.optimizer, name))] for model in models]) for name in names}
    if "weight_decay" in numbers:  # which Keras rounds to single precision, whatever that of the weights
        numbers["weight_decay"] = numbers["weight_decay"].astype(np.float32)
    return {name: values.astype(network.precision) for name, values in numbers.items()}


class _Fill:
    """Puts variables into rows of a matrix, each at its place and filled up with zeros."""

    def __init__(self, shapes: Sequence[tuple[int, ...]], precision: str) -> None:
        self.shapes, self.precision = shapes, precision
        self.ends = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])

    def __call__(self, variables: Sequence[Sequence[Any]]) -> np.ndarray:
        rows = np.zeros((len(variables), int(self.ends[-1])), self.precision)
        for row, own in zip(rows, variables, strict=True):
            for i, (variable, shape) in enumerate(zip(own, self.shapes, strict=True)):
                place = row[self.ends[i] : self.ends[i + 1]].reshape(shape)
                place[tuple(map(slice, variable.shape))] = np.asarray(variable)
        return rows


def _assign(variables: Sequence[keras.Variable], row: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> None:
    start = 0
    for variable, shape in zip(variables, shapes, strict=True):
        end = start + int(np.prod(shape))
        _put(variable, row[start:end].reshape(shape)[tuple(map(slice, variable.shape))])
        start = end


def _put(variable: keras.Variable, value: np.ndarray) -> None:
    """Assign as Keras' `assign` does outside its scopes, at half of its price."""
    variable.value.assign(value, read_value=False)


def _moments(model: keras.Model, name: str) -> list[keras.Variable]:
    """Find the optimizer's variables of this name, in the order of the model's."""
    kept = getattr(model.optimizer, name)
    return [kept[model.optimizer._get_variable_index(variable)] for variable in model.trainable_variables]


def _statistics(model: keras.Model) -> list[keras.Variable]:
    return [variable for layer in model.layers for variable in statistics_of(layer)]


def _seeds(model: keras.Model) -> list[keras.Variable]:
    return [variable for layer in model.layers for variable in seeds_of(layer)]
