"""The numbers of K models as arrays with the network's axis in front, and back into the models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from recipes.training.engines.many.stacked.common import Choice, layers_of
from recipes.training.engines.many.stacked.layers import LAYERS
from recipes.training.engines.many.stacked.network import Network, chain_of, optimizer_of, seeds_of, statistics_of
from recipes.training.engines.many.stacked.optimizers import OPTIMIZERS


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
    fill = _Fill(shapes_of(network), network.precision)
    statistics = [[np.asarray(v) for v in _statistics(model)] for model in models]
    moments = [_moments(model, network) for model in models]
    return Stack(
        fill([_variables(model, network) for model in models]),
        [fill(same) for same in zip(*moments, strict=True)],
        [np.stack(same) for same in zip(*statistics, strict=True)],
        np.array([[_words(seed) for seed in _seeds(model, network)] for model in models], np.uint32).reshape(
            len(models), -1, 2
        ),
        np.array([int(model.optimizer.iterations) for model in models], np.int64),
    )


def put_back(stack: Stack, models: Sequence[keras.Model], network: Network) -> None:
    """Give these models the numbers of a stack."""
    shapes = shapes_of(network)
    for k, model in enumerate(models):
        _assign(_variables(model, network), stack.weights[k], shapes)
        for own, moment in zip(_moments(model, network), stack.moments, strict=True):
            _assign(own, moment[k], shapes)
        for variable, value in zip(_statistics(model), stack.statistics, strict=True):
            _put(variable, value[k])
        for seed, words in zip(_seeds(model, network), stack.words[k], strict=True):
            if seed is not None:
                _put(seed, words.astype(keras.backend.standardize_dtype(seed.dtype)))
        _put(model.optimizer.iterations, stack.steps[k])


def is_filled(models: Sequence[keras.Model], network: Network) -> np.ndarray | None:
    """Say which weights are a network's own, `(K, P)`; `None` where all are."""
    shapes = shapes_of(network)
    own = [_variables(model, network) for model in models]
    if all(v is not None and tuple(v.shape) == s for row in own for v, s in zip(row, shapes, strict=True)):
        return None
    ones = [[None if v is None else np.ones(v.shape, network.precision) for v in row] for row in own]
    return _Fill(shapes, network.precision)(ones) > 0


def constants_of(models: Sequence[keras.Model], network: Network) -> list[np.ndarray]:
    """Stack the constants of each layer that has any, each `(K, ...)`."""
    layers = [layers_of(model, network) for model in models]
    return [
        np.stack([np.asarray(keras.ops.cast(getattr(own[i], name), network.precision)) for own in layers])
        for i, part in enumerate(network.parts)
        for name in LAYERS[part.kind].constants
    ]


def dropout_rates(models: Sequence[keras.Model], network: Network) -> np.ndarray:
    """List the rates of the layers that draw, and the factor of what they keep, `(K, layers, 2)`."""
    drawing = [i for i, part in enumerate(network.parts) if part.draws]
    layers = [layers_of(model, network) for model in models]
    rates = np.array([[getattr(own[i], "rate", 0.0) for i in drawing] for own in layers], float)
    with np.errstate(divide="ignore"):
        scales = np.where(rates < 1, 1 / (1 - rates), 0.0)  # where nothing is kept
    return np.stack([rates, scales], axis=-1).astype(np.float32)


def choices(models: Sequence[keras.Model], network: Network) -> dict[str, np.ndarray]:
    """Say which of the alternatives each network has: layers, activations, optimizers, by their numbers.

    Returns:
        `present`: of each part that some lack, `(K, parts)`; `activation`: of each part with a choice, `(K, parts)`;
        `optimizer`: `(K,)`.
    """
    layers = [layers_of(model, network) for model in models]
    optional = [i for i, part in enumerate(network.parts) if part.is_optional]
    chosen = [(i, value.functions) for i, part in enumerate(network.parts) for _, value in part.settings
              if isinstance(value, Choice)]  # fmt: skip
    kinds = [*network.optimizers]
    return {
        "present": np.array([[own[i] is not None for i in optional] for own in layers], bool),
        "activation": np.array(
            [
                [functions.index(getattr(own[i], "activation", functions[0])) for i, functions in chosen]
                for own in layers
            ],
            np.int32,
        ),
        "optimizer": np.array([kinds.index(optimizer_of(model)) for model in models], np.int32),
    }


def penalties(models: Sequence[keras.Model], network: Network) -> np.ndarray:
    """List the factors of L1 and L2 for each trainable variable, `(K, variables, 2)`."""

    def of(variable: keras.Variable | None) -> tuple[float, float]:
        regularizer: Any = None if variable is None else variable.regularizer
        # Numbers are rounded to single precision, as Keras' `cast` does on the way to any other; L1 has a tensor.
        if type(regularizer).__name__ != "L1":
            first, second = (float(np.float32(getattr(regularizer, name, 0.0))) for name in ("l1", "l2"))
            return first, second
        return float(regularizer.l1), 0.0

    found = [[of(variable) for variable in _variables(model, network)] for model in models]
    return np.array(found).astype(network.precision)


def optimizer_numbers(models: Sequence[keras.Model], network: Network) -> dict[str, np.ndarray]:
    """List what may differ between the optimizers, by name, each `(K, 1)`; the rates come with the steps.

    A network whose optimizer has no such number gets 0.5, with which every rule computes something finite to discard.
    """
    names = [name for kind, _ in network.optimizers for name in OPTIMIZERS[kind].numbers]
    names += ["weight_decay"] if any(any(part.decayed) for part in network.parts) else []
    names += [clip for _, flags in network.optimizers for clip in [dict(flags)["clip"]] if clip is not None]

    def of(model: keras.Model, name: str) -> float:
        value = getattr(model.optimizer, name, None)
        return 0.5 if value is None else float(value)

    numbers = {name: np.array([[of(model, name)] for model in models]) for name in dict.fromkeys(names)}
    if "weight_decay" in numbers:  # which Keras rounds to single precision, whatever that of the weights
        numbers["weight_decay"] = numbers["weight_decay"].astype(np.float32)
    return {name: values.astype(network.precision) for name, values in numbers.items()}


def num_moments(network: Network) -> int:
    """Count the moments of the optimizer that keeps most: the others leave the last of these places empty."""
    return max(len(OPTIMIZERS[kind].kept(dict(flags))) for kind, flags in network.optimizers)


class _Fill:
    """Puts variables into rows of a matrix, each at its place and filled up with zeros."""

    def __init__(self, shapes: Sequence[tuple[int, ...]], precision: str) -> None:
        self.shapes, self.precision = shapes, precision
        self.ends = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])

    def __call__(self, variables: Sequence[Sequence[Any]]) -> np.ndarray:
        rows = np.zeros((len(variables), int(self.ends[-1])), self.precision)
        for row, own in zip(rows, variables, strict=True):
            for i, (variable, shape) in enumerate(zip(own, self.shapes, strict=True)):
                if variable is None:  # of a layer that this network lacks
                    continue
                place = row[self.ends[i] : self.ends[i + 1]].reshape(shape)
                place[tuple(map(slice, variable.shape))] = np.asarray(variable)
        return rows


def _assign(variables: Sequence[keras.Variable | None], row: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> None:
    start = 0
    for variable, shape in zip(variables, shapes, strict=True):
        end = start + int(np.prod(shape))
        if variable is not None:
            _put(variable, row[start:end].reshape(shape)[tuple(map(slice, variable.shape))])
        start = end


def _put(variable: keras.Variable, value: np.ndarray) -> None:
    """Assign as Keras' `assign` does outside its scopes, at half of its price."""
    variable.value.assign(value, read_value=False)


def _variables(model: keras.Model, network: Network) -> list[keras.Variable | None]:
    """List the trainable variables in their places; `None` for each of a layer that this model lacks."""
    found: list[keras.Variable | None] = []
    for part, layer in zip(network.parts, layers_of(model, network), strict=True):
        found += [None] * len(part.shapes) if layer is None else layer.trainable_variables
    return found


def _moments(model: keras.Model, network: Network) -> list[list[keras.Variable | None]]:
    """List the optimizer's moments, each as `_variables` lists what they are of."""
    kind, flags = optimizer_of(model)
    variables = _variables(model, network)
    found: list[list[keras.Variable | None]] = []
    for name in OPTIMIZERS[kind].kept(dict(flags)):
        kept = getattr(model.optimizer, name)
        found.append([None if v is None else kept[model.optimizer._get_variable_index(v)] for v in variables])
    return found + [[None] * len(variables)] * (num_moments(network) - len(found))


def _statistics(model: keras.Model) -> list[keras.Variable]:
    return [variable for layer in chain_of(model) for variable in statistics_of(layer)]


def _seeds(model: keras.Model, network: Network) -> list[keras.Variable | None]:
    """List the states of the random numbers, of each part that draws; `None` where this model does not."""
    found: list[keras.Variable | None] = []
    for part, layer in zip(network.parts, layers_of(model, network), strict=True):
        if part.draws:
            found += (seeds_of(layer) if layer is not None else []) or [None]
    return found


def _words(seed: keras.Variable | None) -> np.ndarray:
    return np.zeros(2, np.uint32) if seed is None else np.asarray(seed)
