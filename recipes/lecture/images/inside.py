"""What a trained CNN of anybody's does inside: its kernels, its maps of an image, and what excites a unit.

`occlusion.py` asks which parts of an image a class rests on;
`reach.py` finds the layers and runs the model without a trace, `field.py` the part of an image that a unit sees.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cheatsheet.common.arguments import is_whole, known_arguments_only, require_whole
from cheatsheet.common.words import count
from cheatsheet.modelgraph import read
from recipes.lecture.images.field import Field, fields_of
from recipes.lecture.images.reach import (
    MOST_NAMES,
    find_layers,
    maps_of,
    named_layers,
    read_image,
    read_images,
    require_cnn,
    run,
)
from recipes.running.show import as_html


@dataclass(frozen=True)
class Kernels:
    """The weights with which a convolution reads what is before it.

    Attributes:
        layer: The layer's path.
        kind: Name of its class.
        values: `(height, width, channels before, units)`; of a depthwise one the units are those of each channel.
    """

    layer: str
    kind: str
    values: np.ndarray = field(repr=False)

    def plot(self) -> Any:
        """Draw the kernels; return the matplotlib Figure. `recipes.plots.plot_kernels` takes an Axes."""
        from recipes.plots import plot_kernels

        return plot_kernels(self).figure

    def __str__(self) -> str:
        height, width, before, units = self.values.shape
        return (
            f"{self.layer} ({self.kind}): {count(units, 'kernel')} of {height}×{width} over "
            f"{count(before, 'channel')}, {self.values.min():.3g} to {self.values.max():.3g}"
        )

    def _repr_html_(self) -> str:
        facts = {"layer": self.layer, "shape": "×".join(map(str, self.values.shape))}
        return as_html("Kernels", facts)


@dataclass(frozen=True)
class LayerMaps:
    """What one layer makes of an image.

    Attributes:
        layer: The layer's path.
        kind: Name of its class.
        values: `(rows, columns, units)`.
    """

    layer: str
    kind: str
    values: np.ndarray = field(repr=False)

    def __str__(self) -> str:
        rows, columns, units = self.values.shape
        idle = int((self.values <= 0).all(axis=(0, 1)).sum())
        still = f", {idle} of them nowhere above 0" if idle else ""
        return f"{self.layer} ({self.kind}): {count(units, 'map')} of {rows}×{columns}{still}"


@dataclass(frozen=True)
class FeatureMaps:
    """What a CNN makes of an image, from layer to layer in the order in which they are called.

    Attributes:
        image: As the model took it, `(height, width, channels)`.
        layers: Of each layer its maps.
    """

    image: np.ndarray = field(repr=False)
    layers: tuple[LayerMaps, ...]

    def __getitem__(self, layer: str) -> np.ndarray:
        for maps in self.layers:
            if f"/{maps.layer}".endswith(f"/{layer}"):
                return maps.values
        raise KeyError(f"There are no maps of {layer!r}. There are those of {', '.join(m.layer for m in self.layers)}.")

    def plot(self) -> Any:
        """Draw the strongest maps of each layer, a row each; return the matplotlib Figure.

        `recipes.plots.plot_feature_maps` takes an Axes.
        """
        from recipes.plots import plot_feature_maps

        return plot_feature_maps(self).figure

    def __str__(self) -> str:
        return "\n".join(map(str, self.layers))

    def _repr_html_(self) -> str:
        return as_html("Feature maps", {maps.layer: "×".join(map(str, maps.values.shape)) for maps in self.layers})


@dataclass(frozen=True)
class Patch:
    """A part of an image that excites a unit.

    Attributes:
        image: Which of the images, from 0.
        activation: What the unit gives.
        seen: The part of the image that it sees.
        pixels: That part, `(height, width, channels)`.
    """

    image: int
    activation: float
    seen: Field
    pixels: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class ExcitingPatches:
    """The parts of images that excite one unit most, each cut by what the unit sees.

    Attributes:
        layer: The unit's layer.
        unit: Which of its units, from 0.
        num_images: Of how many images.
        patches: The strongest first; fewer than asked where no more lie apart.
    """

    layer: str
    unit: int
    num_images: int
    patches: tuple[Patch, ...] = field(repr=False)

    def plot(self) -> Any:
        """Draw the patches with their activations; return the Figure. `recipes.plots.plot_patches` takes an Axes."""
        from recipes.plots import plot_patches

        return plot_patches(self).figure

    def __str__(self) -> str:
        lines = [
            f"unit {self.unit} of {self.layer}: the {len(self.patches)} strongest of {count(self.num_images, 'image')}"
        ]
        lines += [f"{patch.activation:.4g} in image {patch.image}: {patch.seen}" for patch in self.patches]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        strongest = f"{self.patches[0].activation:.4g}" if self.patches else None
        facts = {"layer": self.layer, "unit": self.unit, "images": f"{self.num_images:,}", "strongest": strongest}
        return as_html("Exciting patches", facts)


@known_arguments_only
def kernels(model: Any, layer: Any = None) -> Kernels:
    """Read the kernels of a convolution of any Keras CNN.

    Args:
        model: Any built Keras CNN: sequential, functional, nested, or a class of one's own that holds its layers.
        layer: Name of a layer, such as `"conv_1"` or `"encoder/conv"`; the model's first convolution by default.

    Raises:
        TypeError: for what is no Keras model.
        ValueError: for an unknown layer, and one that is no two-dimensional convolution.
    """
    model = require_cnn(model, "kernels")
    known = {path: found for path, found in named_layers(model) if _kernel_of(found) is not None}
    if layer is None and not known:
        raise ValueError(f"The model {model.name!r} has no convolution. Expected one such as Conv2D.")
    ((name, found),) = (find_layers(model, layer) if layer is not None else dict([next(iter(known.items()))])).items()
    values = _kernel_of(found)
    if values is None:
        listed = ", ".join([*known][:MOST_NAMES])
        raise ValueError(
            f"Layer {name!r} is no convolution of images ({type(found).__name__}). Expected one such as {listed}."
        )
    return Kernels(name, type(found).__name__, values)


def _kernel_of(layer: Any) -> np.ndarray | None:
    """Give a layer's kernel, `(height, width, channels before, units)`, where it is a convolution of images."""
    kernel = read(layer, "kernel") if read(layer, "depthwise_kernel") is None else layer.depthwise_kernel
    if read(kernel, "shape") is None or len(kernel.shape) != 4 or read(layer, "kernel_size") is None:
        return None
    values = np.asarray(kernel, np.float32)
    return values.swapaxes(2, 3) if type(layer).__name__.startswith("Conv2DTranspose") else values


@known_arguments_only
def feature_maps(model: Any, image: Any, layers: Any = None) -> FeatureMaps:
    """See what a CNN makes of an image at every depth.

    Args:
        model: Any built Keras CNN, nested ones too.
        image: `(height, width, channels)` in the units that the model takes, or `(height, width)` of one channel.
        layers: Names of those to see; by default all that give maps, but those that pass on what they were given.

    Raises:
        TypeError: for what is no Keras model.
        ValueError: for an image of another shape than the model's, an unknown layer, and one without maps.
    """
    model = require_cnn(model, "feature_maps")
    pixels = read_image(model, image)
    known = dict(named_layers(model)) if layers is None else find_layers(model, layers)
    _, seen = run(model, pixels[None], known)
    found: list[LayerMaps] = []
    last: Any = pixels
    for name, values in seen.items():
        shape = () if isinstance(values, list) else tuple(values.shape)
        if len(shape) != 4:
            if layers is not None:
                raise ValueError(f"Layer {name!r} gives shape {shape}. Expected maps, (n, rows, columns, units).")
            continue
        maps = np.asarray(values, np.float32)[0]
        if layers is None and np.array_equal(maps, last):
            continue
        found.append(LayerMaps(name, type(known[name.split("#")[0]]).__name__, maps))
        last = maps
    if not found:
        raise ValueError(f"The model {model.name!r} has no layer that gives maps. Expected a CNN.")
    return FeatureMaps(pixels, tuple(found))


@known_arguments_only
def exciting_patches(model: Any, images: Any, layer: Any, unit: int, count: int = 9) -> ExcitingPatches:
    """Find the parts of images that excite one unit of a CNN most, cut by exactly what the unit sees.

    One part of each image; of fewer images than parts several, half a field apart at least.

    Args:
        model: Any built Keras CNN.
        images: `(n, height, width, channels)` in the units that the model takes.
        layer: Name of the unit's layer; one of nodes sees the whole image.
        unit: Which of its units, from 0.
        count: How many parts, at most.

    Raises:
        TypeError: for what is no Keras model.
        ValueError: for images of another shape than the model's, an unknown layer or unit.

    References:
        Zeiler and Fergus (2014), Visualizing and understanding convolutional networks, figure 2. They show what is
        projected back beside each patch; here it is the patch alone.
    """
    require_whole("count", count, 1)
    model = require_cnn(model, "exciting_patches")
    pixels = read_images(model, images)
    ((name, found),) = find_layers(model, layer).items()
    maps = []
    for batch in maps_of(model, pixels, name, found):
        if not is_whole(unit, 0) or unit >= batch.shape[-1]:
            raise ValueError(f"Layer {name!r} has {batch.shape[-1]} units, from 0. Received: unit={unit!r}.")
        maps.append(batch[..., unit])
    values = np.concatenate(maps)  # (n, rows, columns)
    each = -(-count // len(pixels))
    apart = (0, 0)
    if each > 1:
        middle = values.shape[1] // 2, values.shape[2] // 2
        size = fields_of(model, name, found, pixels.shape[1:], [middle], unit)[0].size
        steps = [max(1, side // n) for side, n in zip(pixels.shape[1:3], values.shape[1:], strict=True)]
        apart = -(-size[0] // (2 * steps[0])), -(-size[1] // (2 * steps[1]))
    peaks = [(value, i, place) for i, each_map in enumerate(values) for value, place in _peaks(each_map, each, apart)]
    peaks = sorted(peaks, key=lambda peak: -peak[0])[:count]
    fields = fields_of(model, name, found, pixels.shape[1:], [place for _, _, place in peaks], unit)
    patches = [
        Patch(i, value, seen, pixels[i, seen.top : seen.bottom, seen.left : seen.right])
        for (value, i, _), seen in zip(peaks, fields, strict=True)
    ]
    return ExcitingPatches(name, int(unit), len(pixels), tuple(patches))


def _peaks(values: np.ndarray, most: int, apart: tuple[int, int]) -> list[tuple[float, tuple[int, int]]]:
    """List the largest values of a map, each with its place, none within so many rows and columns of a larger one."""
    left, found = values.astype(np.float64), []
    for _ in range(most):
        row, column = (int(i) for i in np.unravel_index(int(np.argmax(left)), left.shape))
        if not np.isfinite(left[row, column]):
            break
        found.append((float(values[row, column]), (row, column)))
        down, right = max(1, apart[0]), max(1, apart[1])
        left[max(0, row - down + 1) : row + down, max(0, column - right + 1) : column + right] = -np.inf
    return found
