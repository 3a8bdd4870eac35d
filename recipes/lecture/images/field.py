"""The receptive field: which part of an image a unit of a CNN sees."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.modelgraph import is_of_the_frameworks, read
from recipes.lecture.images.gradient import with_gradient
from recipes.lecture.images.reach import (
    as_maps,
    find_layers,
    has_any_size,
    input_shape,
    named_layers,
    places_of,
    replaced,
    require_cnn,
    run,
)

AT_ONCE = 8  # units that are traced at once, as each takes the memory of an image
SIDES = (32, 64, 128, 256, 512, 1024)  # tried, of a model that takes any size, until the field's edges are seen
# Layers that change values, but not where they come from.
PLACE_BY_PLACE = {
    "BatchNormalization", "LayerNormalization", "GroupNormalization", "UnitNormalization", "RMSNormalization",
    "Normalization", "Rescaling", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Activation",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """The part of an image that a unit sees: rows `top` to `bottom`, columns `left` to `right`, the latter excluded.

    Attributes:
        layer: The unit's layer.
        row: The unit's place in its map.
        column: Likewise.
        image_size: Height and width of the image; what the field has beyond its edges, the padding, is left out.
    """

    layer: str
    row: int
    column: int
    top: int
    bottom: int
    left: int
    right: int
    image_size: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.bottom - self.top, self.right - self.left

    @property
    def is_whole(self) -> bool:
        """Whether it ends at none of the image's edges, and so has its full size."""
        height, width = self.image_size
        return self.top > 0 and self.bottom < height and self.left > 0 and self.right < width

    def __str__(self) -> str:
        height, width = self.size
        return (
            f"{self.layer} at ({self.row}, {self.column}) sees {height}×{width} pixels: rows {self.top} to "
            f"{self.bottom - 1}, columns {self.left} to {self.right - 1} of {'×'.join(map(str, self.image_size))}"
        )


@known_arguments_only
def receptive_field(
    model: Any, layer: Any, *, at: Sequence[int] | None = None, size: Sequence[int] | None = None
) -> Field:
    """Find which pixels a unit of a CNN can depend on, exactly, whatever the weights are.

    Two convolutions of 3×3 see 5×5; a stride or a pool before a layer multiplies what the layer adds. It is the
    gradient of the unit in the network with all kernels positive, means in the place of maxima and neither activations
    nor normalisation, so that nothing cancels and every path counts: of any graph of layers, branches included.
    A normalisation over places would see the whole map; maxima and activations that code of one's own takes without a
    layer are traced as they are.

    Args:
        model: Any built Keras CNN.
        layer: Name of a layer, such as `"conv_2"` or `"encoder/conv"`.
        at: Row and column of the unit in the layer's map; the middle by default.
        size: Height and width of the image, for a model that takes any; by default large enough to hold the field.

    Raises:
        ValueError: for an unknown layer, one without places, and a place outside its map.
    """
    model = require_cnn(model, "receptive_field")
    ((name, found),) = find_layers(model, layer).items()
    if size is not None or not has_any_size(model):
        shape = (*(size or input_shape(model)[:2]), input_shape(model)[2])
        return _field(model, name, found, shape, at)
    for side in SIDES:
        try:
            field = _field(model, name, found, (side, side, input_shape(model)[2]), at)
        except Exception:  # an image too small for the layers, which say so in many ways
            if side == SIDES[-1]:
                raise
            continue
        if field.is_whole:
            break
    return field


def _field(model: Any, name: str, layer: Any, shape: Sequence[Any], at: Sequence[int] | None) -> Field:
    blank = np.zeros((1, *shape), np.float32)
    rows, columns = as_maps(run(model, blank, {name: layer})[1], name).shape[1:3]
    row, column = at if at is not None else (rows // 2, columns // 2)
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(f"at=({row}, {column}) is outside the map of layer {name!r}, which is {rows}×{columns}.")
    return fields_of(model, name, layer, blank.shape[1:], [(int(row), int(column))])[0]


def fields_of(
    model: Any,
    name: str,
    layer: Any,
    shape: Sequence[int],
    places: Sequence[tuple[int, int]],
    unit: int | None = None,
) -> list[Field]:
    """Find the field of several units of one layer.

    Args:
        model: What `require_cnn` returns.
        name: The layer's path.
        layer: The layer itself.
        shape: Height, width and channels of the image.
        places: Row and column of each unit in the map.
        unit: Which of the layer's units; all by default, which together may see more than each.
    """
    import keras

    fields, positive = [], _positive(model)
    for start in range(0, len(places), AT_ONCE):
        some = places[start : start + AT_ONCE]
        ones = np.ones((len(some), *shape), np.float32)

        def at_places(images: Any, some: Sequence[tuple[int, int]] = some) -> Any:
            with _linear(model):
                values = places_of(run(model, images, {name: layer}, positive)[1], name)
            chosen = [values[i, row, column] for i, (row, column) in enumerate(some)]
            return sum(keras.ops.sum(each if unit is None else each[unit]) for each in chosen)

        _, gradient = with_gradient(at_places, ones)
        for (row, column), depends in zip(some, (gradient != 0).any(axis=3), strict=True):
            lines, stripes = np.flatnonzero(depends.any(axis=1)), np.flatnonzero(depends.any(axis=0))
            if not len(lines):
                raise ValueError(f"Layer {name!r} at ({row}, {column}) depends on no pixel of the image.")
            ends = int(lines[0]), int(lines[-1]) + 1, int(stripes[0]), int(stripes[-1]) + 1
            fields.append(Field(name, row, column, *ends, (int(shape[0]), int(shape[1]))))
    return fields


def _positive(model: Any) -> list[tuple[Any, np.ndarray]]:
    """Give every weight a value with which nothing cancels, and nothing grows or vanishes with depth."""
    by_channel = set()
    for _, layer in named_layers(model):
        if read(layer, "depth_multiplier") is not None:  # each of its kernels reads one channel
            depthwise = read(layer, "depthwise_kernel")
            by_channel.add(id(layer.kernel if depthwise is None else depthwise))
    values = []
    for weight in model.weights:
        shape = tuple(weight.shape)
        if weight.name in ("bias", "beta"):
            value = 0.0
        elif len(shape) < 2:
            value = 1.0
        else:
            value = 1 / prod(shape[:2] if id(weight) in by_channel else shape[:-1])
        values.append((weight, np.full(shape, value, np.float32)))
    return values


@contextmanager
def _linear(model: Any) -> Iterator[None]:
    """Have a model compute a sum of pixels within the block: no activations, no normalisation, means for maxima."""
    import keras

    def mean_pool(layer: Any) -> Callable[..., Any]:
        return lambda inputs, *_, **__: keras.ops.average_pool(
            inputs, layer.pool_size, layer.strides, layer.padding, layer.data_format
        )

    def mean_of_all(layer: Any) -> Callable[..., Any]:
        return lambda inputs, *_, **__: keras.ops.mean(inputs, axis=(1, 2), keepdims=layer.keepdims)

    layers = {id(layer): layer for _, layer in named_layers(model)}.values()
    calls: dict[Any, Callable[..., Any]] = {}
    activations = []
    for layer in layers:
        kind = type(layer).__name__
        if isinstance(layer, keras.layers.MaxPooling2D):
            calls[layer] = mean_pool(layer)
        elif isinstance(layer, keras.layers.GlobalMaxPooling2D):
            calls[layer] = mean_of_all(layer)
        elif kind in PLACE_BY_PLACE and is_of_the_frameworks(type(layer)):
            calls[layer] = lambda inputs, *_, **__: inputs
        elif callable(read(layer, "activation")):
            activations.append((layer, layer.activation))
    with replaced(calls):
        try:
            for layer, _ in activations:
                object.__setattr__(layer, "activation", keras.activations.linear)
            yield
        finally:
            for layer, activation in activations:
                object.__setattr__(layer, "activation", activation)
