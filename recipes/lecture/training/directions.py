"""Directions in the space of a model's weights: random ones scaled filter by filter, and those of a training's path."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cheatsheet.modelgraph import read

Direction = list[np.ndarray]  # an array for each trainable variable of a model
TINY = 1e-10  # added to a norm before it divides, as in the paper's program


def random_directions(model: Any, seed: int) -> tuple[Direction, Direction]:
    """Draw two random directions, each filter of which is as long as the model's own.

    d_f is replaced by d_f / |d_f| · |w_f| for each filter f: all weights that lead to one node, or to one map. Biases
    and whatever else has a single axis (the scale and shift of a batch normalisation) stay: their direction is 0.

    Args:
        model: A built Keras model.
        seed: Of the directions.

    References:
        Li, Xu, Taylor, Studer and Goldstein (2018), Visualizing the Loss Landscape of Neural Nets, arXiv 1712.09913,
        equation 1 and section 4.
    """
    generator = np.random.default_rng(seed)
    kept = [_axes_of_filters(variable, model) for variable in model.trainable_variables]
    weights = [np.asarray(variable, float) for variable in model.trainable_variables]
    first, second = (
        [_like(array, axes, generator) for array, axes in zip(weights, kept, strict=True)] for _ in range(2)
    )
    return first, second


def _like(weights: np.ndarray, kept: tuple[int, ...] | None, generator: np.random.Generator) -> np.ndarray:
    """Draw an array whose filters are as long as those of the weights; 0 where there are none."""
    if kept is None:
        return np.zeros_like(weights)
    drawn = generator.normal(size=weights.shape)
    within = tuple(axis for axis in range(weights.ndim) if axis not in kept)
    lengths = [np.sqrt((array**2).sum(axis=within, keepdims=True)) for array in (weights, drawn)]
    return drawn * lengths[0] / (lengths[1] + TINY)


def _axes_of_filters(variable: Any, model: Any) -> tuple[int, ...] | None:
    """Tell which axes number the filters, while the others lie within one; `None` where there are no filters."""
    number = len(variable.shape)
    if number < 2 or variable.name == "bias":  # of attention and of a GRU it has two axes
        return None
    layer, name = _owner_of(variable, model)
    kind = type(layer).__name__
    if name == "embeddings":
        return (0,)  # a row is a word's vector
    if name == "depthwise_kernel" or kind.startswith("Depthwise"):
        return number - 2, number - 1  # each map has its own, as often as the multiplier says
    if kind.endswith("Transpose"):
        return (number - 2,)
    equation = read(layer, "equation")
    if kind == "EinsumDense" and isinstance(equation, str):
        letters, outputs = equation.split(",")[1].split("->")
        return tuple(axis for axis, letter in enumerate(letters) if letter in outputs)
    return (number - 1,)


def _owner_of(variable: Any, model: Any) -> tuple[Any, str]:
    """Find the layer, within wrappers and nested models too, that has this variable, and as what."""
    for layer in model._flatten_layers():
        for name in ("kernel", "depthwise_kernel", "embeddings"):
            if read(layer, name) is variable:
                return layer, name
    return None, ""


def path_directions(
    weights: Sequence[Any], places: Sequence[int], path: Sequence[Any]
) -> tuple[tuple[Direction, Direction], np.ndarray, tuple[float, float]]:
    """Find the plane through the weights in which a training's path runs most: its two principal directions.

    Of the rows w_epoch - w the two right singular vectors with the largest singular values, each of length 1.

    Args:
        weights: The trainable weights now, an array each.
        places: Where these stand among all weights.
        path: For each epoch all weights, as `model.get_weights()` gives them.

    Returns:
        The directions, `(epochs, 2)` of where the path is in the plane, and which shares of its length squared the two
        directions have.

    Raises:
        ValueError: where the path does not belong to these weights, or does not span a plane.

    References:
        As above, section 7.
    """
    rows = []
    for epoch, arrays in enumerate(path):
        own = [np.asarray(arrays[place], float) for place in places] if len(arrays) > max(places) else []
        if [array.shape for array in own] != [array.shape for array in weights]:
            raise ValueError(
                f"The weights of epoch {epoch} are not those of this model. Received: {len(arrays)} arrays. "
                "Expected what model.get_weights() gave at each epoch's end."
            )
        rows.append(np.concatenate([(a - b).ravel() for a, b in zip(own, weights, strict=True)]))
    matrix = np.array(rows).reshape(len(rows), -1)
    _, lengths, vectors = np.linalg.svd(matrix, full_matrices=False)
    if np.linalg.matrix_rank(matrix) < 2:
        raise ValueError(
            f"A path of {len(rows)} sets of weights does not span a plane. Expected two that differ from the model's "
            "own and from each other in more than their length: keep them at each epoch's end."
        )
    ends = np.cumsum([array.size for array in weights])[:-1]
    first, second = (
        [part.reshape(array.shape) for part, array in zip(np.split(vector, ends), weights, strict=True)]
        for vector in vectors[:2]
    )
    shares = lengths[:2] ** 2 / (lengths**2).sum()
    return (first, second), matrix @ vectors[:2].T, (float(shares[0]), float(shares[1]))
