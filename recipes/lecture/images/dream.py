"""Deep Dream: an image changed so that it excites what a CNN has learnt to recognise, on any Keras CNN of images.

A model that takes one size only sees larger images in tiles of that size, and smaller ones mirrored at their edges.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cheatsheet.common.arguments import is_whole, known_arguments_only, require_whole
from cheatsheet.common.arrays import as_array, require_finite
from cheatsheet.common.words import count, did_you_mean
from cheatsheet.modelgraph import read
from recipes.lecture.images.eye import Eye, most_telling_unit, noise_activation, resized, smoothed, stretches
from recipes.lecture.images.reach import (
    OVERSHOOT,
    as_maps,
    find_layers,
    has_any_size,
    input_shape,
    named_layers,
    range_of,
    require_cnn,
    run,
)
from recipes.running.show import as_html

LEAST_SIDE = 32  # pixels of the smallest octave, where the model takes any size
LARGEST_TILE = 512  # side, where the model takes any size: a gigabyte of maps of 64 units
JITTER_SHARE = 8  # of the shorter side of a tile that is not one of several
ALL = "all"
IMAGENET = ("InceptionV3", "Xception")  # that take -1 to 1


@dataclass(frozen=True)
class Dream:
    """An image before and after, and how far it excites the chosen units.

    Attributes:
        before: The image as it came, `(height, width, channels)`.
        after: What became of it, in the same range.
        layers: Paths of the layers whose units were excited.
        units: Which of their units; `None` for all.
        limits: The lowest and highest value that a pixel may have.
        activations: Of the chosen units, at the end of each octave, on the image of that octave's size.
        sizes: Height and width of each octave.
        activation_before: Mean of the chosen units' activations over places, on the image.
        activation_after: Likewise, of the dream.
        activation_noise: Likewise, of the image with the dream's change at random places and with random signs: noise
            of the same energy, shifted by as much as the dream's jitter; the mean of eight.
        energy: Mean square of the change.
        noise_energy: Likewise, of the noise.
        tile_size: Height and width of what the model saw at once.
    """

    before: np.ndarray = field(repr=False)
    after: np.ndarray = field(repr=False)
    layers: tuple[str, ...]
    units: tuple[int, ...] | None
    limits: tuple[float, float]
    activations: tuple[float, ...] = field(repr=False)
    sizes: tuple[tuple[int, int], ...] = field(repr=False)
    activation_before: float
    activation_after: float
    activation_noise: float
    energy: float
    noise_energy: float
    tile_size: tuple[int, int]

    @property
    def gain(self) -> float:
        """How many times the noise's activation the dream's is; infinite where noise gives none."""
        return self.activation_after / self.activation_noise if self.activation_noise > 0 else float("inf")

    def plot(self) -> Any:
        """Draw the image before and after, and the activations; return the matplotlib Figure."""
        from recipes.plots import plot_dream

        return plot_dream(self)

    def __repr__(self) -> str:
        return f"<Dream of {self._what()}: {self._how_far()}>"

    def __str__(self) -> str:
        low, high = self.limits
        sizes = ", ".join(f"{height}×{width}" for height, width in self.sizes)
        return "\n".join(
            [
                f"{self._what()}: {self._how_far()}",
                f"octaves of {sizes}, seen in {self.tile_size[0]}×{self.tile_size[1]}, values {low:g} to {high:g}",
                f"root mean square of the change {self.energy**0.5:.3g}, of the noise {self.noise_energy**0.5:.3g}",
            ]
        )

    def _repr_html_(self) -> str:
        facts = {
            "layers": ", ".join(self.layers), "units": "all" if self.units is None else ", ".join(map(str, self.units)),
            "activation before": f"{self.activation_before:.4g}", "after": f"{self.activation_after:.4g}",
            "of noise of the same energy": f"{self.activation_noise:.4g}",
        }  # fmt: skip
        return as_html("Deep Dream", facts)

    def _what(self) -> str:
        units = "all units" if self.units is None else f"unit{'s' * (len(self.units) > 1)} {_list(self.units)}"
        return f"{units} of {_list(self.layers)}"

    def _how_far(self) -> str:
        times = f", {self.gain:.1f} times that" if np.isfinite(self.gain) else ""
        return (
            f"activation {self.activation_before:.4g} before, {self.activation_noise:.4g} with noise of the same "
            f"energy, {self.activation_after:.4g} after{times}"
        )


def _list(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values))


@known_arguments_only
def deep_dream(
    model: Any,
    image: Any,
    layers: Any = None,
    *,
    units: int | Sequence[int] | str | None = None,
    steps: int = 10,
    step_size: float = 0.015,
    octaves: int = 4,
    octave_scale: float = 1.4,
    jitter: int | None = None,
    tile_size: int | None = None,
    limits: tuple[float, float] | None = None,
    seed: int = 0,
) -> Dream:
    """Change an image so that chosen units of a CNN fire, which shows what they have learnt to recognise.

    Gradient ascent: image += step_size · range · g / mean|g|, g the gradient of the units' activations (of all units:
    of half their squares), its coarse patterns brought up to its fine ones. The image is shifted by some pixels before
    each step, so that no edge of a tile or stride of a layer shows; and it begins with a small copy of the image, whose
    changes are enlarged and taken up in the next octave.

    Args:
        model: Any built Keras CNN with one image as input, of any number of channels. It is run, and not changed.
        image: `(height, width, channels)` in the units that the model takes; of any size from half of what it takes.
            Photographs, noise and plain grey are all right.
        layers: Name of a layer, or several; the last one that gives maps by default.
        units: Which of the layers' units, from 0; `"all"` for what the layer sees already, and more of it. By default,
            of one layer, the unit that a short dream sets apart from noise most: some units of most CNNs answer noise
            as well as any pattern. Of several layers all.
        steps: In each octave.
        step_size: Mean change of a pixel in one step, as a share of the range.
        octaves: How many sizes, at most: those below what the model can take are left out.
        octave_scale: Each is so many times larger than the one before.
        jitter: Most pixels of a shift; by default a tile's side where there are several, and an eighth of the image's
            shorter side else.
        tile_size: Side of what the model sees at once, where it takes any size; 512 at most by default.
        limits: Lowest and highest value of a pixel; by default what the model's own first Rescaling makes 0 to 1 or
            -1 to 1, else 0 to 1, -1 to 1 or 0 to 255, whichever holds the image.
        seed: Of the shifts and of the noise. The same seed gives the same dream, on one machine.

    Returns:
        A `Dream` with the activations before, after, and of noise of the same energy: the image with the dream's change
        put at random places with random signs, so that what is left is how much was changed, not how.

    Raises:
        TypeError: for what is no Keras model.
        DataError: for an image that holds no finite numbers.
        ValueError: for an unknown layer or unit, an image that does not fit, and units that no pixel can excite.

    References:
        Mordvintsev, Olah and Tyka (2015), Inceptionism: going deeper into neural networks, and their notebook, of which
        the octaves, the shifts and the step are; the gradient's pyramid is of Mordvintsev's for TensorFlow (2016).
    """
    for name, value, least in (("steps", steps, 1), ("octaves", octaves, 1), ("seed", seed, 0)):
        require_whole(name, value, least)
    if not 0 < step_size < float("inf"):
        raise ValueError(f"step_size must be above 0. Received: step_size={step_size!r}. Expected about 0.015.")
    if not 1 < octave_scale < float("inf"):
        raise ValueError(f"octave_scale must be above 1. Received: octave_scale={octave_scale!r}. Expected about 1.4.")
    model = require_cnn(model, "deep_dream")
    before = _read(model, image)
    low, high = _limits(model, before, limits)
    before = np.clip(before, low, high)
    tile = _tile(model, before.shape, tile_size)
    if jitter is None:
        several = before.shape[0] > tile[0] or before.shape[1] > tile[1]
        jitter = min(tile) if several else max(1, min(tile) // JITTER_SHARE)
    require_whole("jitter", jitter, 0)
    found = _last_maps(model, before, tile) if layers is None else find_layers(model, layers)
    eye = Eye(model, found, _units(units), tile)
    _check_units(eye, before)
    sizes = _sizes(before.shape, int(octaves), float(octave_scale), tile, has_any_size(model))
    if units is None and len(found) == 1:
        way = step_size * (high - low) * steps * len(sizes)
        eye = replace(eye, units=(most_telling_unit(eye, before, way, (low, high), seed),))

    shifts = np.random.default_rng(seed)
    change = np.zeros((*sizes[0], before.shape[2]), np.float32)
    activations, moved = [], False
    for size in sizes:
        base = resized(before, size)
        dream = np.clip(base + resized(change, size), low, high)
        for _ in range(steps):
            shift = tuple(int(n) for n in shifts.integers(-jitter, jitter + 1, 2))
            gradient = np.roll(eye.gradient(np.roll(dream, shift, (0, 1))), (-shift[0], -shift[1]), (0, 1))
            if gradient.any():
                moved = True
                dream = np.clip(dream + np.float32(step_size * (high - low)) * smoothed(gradient), low, high)
        change = dream - base
        activations.append(eye.look(dream))
    if not moved:
        raise ValueError(
            f"No pixel of this image changes the chosen units of {_list([*found])}, whose activation is "
            f"{activations[-1]:.4g}. Choose other units, or begin with another image, such as noise."
        )
    noise, noise_energy = noise_activation(eye, before, dream, (low, high), jitter, seed)
    return Dream(
        before, dream, tuple(found), eye.units, (low, high), tuple(activations), tuple(sizes), eye.look(before),
        activations[-1], noise, float(np.mean((dream - before) ** 2)), noise_energy, tile,
    )  # fmt: skip


@known_arguments_only
def imagenet_cnn(name: str = "InceptionV3") -> Any:
    """Load one of Keras' CNNs with the weights learnt on ImageNet, made to take images of any size from 0 to 1.

    Args:
        name: `"InceptionV3"`, the successor of the network of the first dreams (layers `mixed3` and `mixed5`), or
            `"Xception"`.

    Raises:
        ValueError: for another name.
        FileNotFoundError: where the weights are not on this machine and cannot be downloaded.
    """
    import keras

    if name not in IMAGENET:
        raise ValueError(
            f"Unknown network. Received: name={name!r}. Expected one of {', '.join(IMAGENET)}."
            f"{did_you_mean(name, IMAGENET)}"
        )
    try:
        base = getattr(keras.applications, name)(weights="imagenet", include_top=False, input_shape=(None, None, 3))
    except Exception as error:  # urllib, socket and Keras' own; all mean the same to the caller
        raise FileNotFoundError(
            f"{name}'s ImageNet weights are not on this machine and could not be downloaded "
            f"({str(error).splitlines()[0] if str(error) else type(error).__name__}). Put them into ~/.keras/models "
            "where there is a network, or dream with a CNN of your own: deep_dream(model, image)."
        ) from error
    return keras.Sequential([keras.Input((None, None, 3)), keras.layers.Rescaling(2.0, -1.0, name="scale"), base])


def _read(model: Any, image: Any) -> np.ndarray:
    """Read an image of any size, with the channels that the model takes."""
    channels = input_shape(model)[2]
    array = as_array(image, "image")
    if array.ndim == 2 and channels == 1:
        array = array[..., None]
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim != 3 or array.dtype.kind not in "biuf" or channels not in (None, array.shape[2]):
        raise ValueError(
            f"image has shape {array.shape} and holds {array.dtype}. Expected numbers, (height, width, channels), "
            f"with the model's {count(channels or 1, 'channel')}."
        )
    require_finite(array, "image")
    return array.astype(np.float32)


def _limits(model: Any, image: np.ndarray, limits: Any) -> tuple[float, float]:
    """Find the range of a pixel's values: what was said, what the model's own scale is made for, or the image's."""
    if limits is not None:
        low, high = map(float, limits)
        if not low < high:
            raise ValueError(f"limits must be the lowest and the highest value. Received: limits={limits!r}.")
    else:
        scale = next((layer for _, layer in named_layers(model) if type(layer).__name__ == "Rescaling"), None)
        factor, offset = read(scale, "scale"), read(scale, "offset")
        if isinstance(factor, int | float) and isinstance(offset, int | float) and factor > 0:
            least = 0.0 if offset == 0 else -1.0  # the two ranges that networks are given
            low, high = (least - offset) / factor, (1 - offset) / factor
        else:
            low, high = range_of(image)
    beyond = OVERSHOOT * (high - low)
    if image.min() < low - beyond or image.max() > high + beyond or low == high:
        raise ValueError(
            f"image holds values from {image.min():g} to {image.max():g}. Expected {low:g} to {high:g}"
            f"{', which the model scales' if limits is None else ''}. Scale the image, or say limits=(lowest, highest)."
        )
    return low, high


def _tile(model: Any, shape: tuple[int, ...], tile_size: int | None) -> tuple[int, int]:
    """Decide how large a part of the image the model sees at once."""
    taken = input_shape(model)[:2]
    if tile_size is not None:
        require_whole("tile_size", tile_size, 1)
    sides = []
    for side, fixed in zip(shape[:2], taken, strict=True):
        if fixed is not None and tile_size not in (None, fixed):
            raise ValueError(
                f"tile_size={tile_size}, but the model {model.name!r} takes {taken[0]}×{taken[1]} pixels and no other "
                "size. Leave it out."
            )
        if fixed is not None and 2 * side < fixed:
            raise ValueError(
                f"image has shape {shape}, and the model {model.name!r} takes {taken[0]}×{taken[1]} pixels. Expected "
                "at least half of that. Enlarge it, as by keras.ops.image.resize."
            )
        sides.append(fixed if fixed is not None else min(side, tile_size or LARGEST_TILE))
    return sides[0], sides[1]


def _last_maps(model: Any, image: np.ndarray, tile: tuple[int, int]) -> dict[str, Any]:
    """Find the last layer that gives maps of more than one place."""
    known = dict(named_layers(model))
    part = image[np.ix_(*(stretches(n, t)[0] for n, t in zip(image.shape[:2], tile, strict=True)))]
    _, seen = run(model, part[None], known)
    maps = [
        key for key, values in seen.items()
        if not isinstance(values, list) and len(values.shape) == 4 and values.shape[1] * values.shape[2] > 1
    ]  # fmt: skip
    if not maps:
        raise ValueError(f"The model {model.name!r} has no layer that gives maps. Say which layers to excite.")
    name = maps[-1].split("#")[0]
    return {name: known[name]}


def _units(units: Any) -> tuple[int, ...] | None:
    if units is None or (isinstance(units, str) and units == ALL):
        return None
    several = tuple(units) if isinstance(units, list | tuple | np.ndarray) else (units,)
    if not several or not all(is_whole(unit, 0) for unit in several):
        raise ValueError(
            f"units must be numbers of units, from 0, or 'all'. Received: units={units!r}. Expected like 3 or (3, 7)."
        )
    return tuple(int(unit) for unit in several)


def _check_units(eye: Eye, image: np.ndarray) -> None:
    """Refuse layers without units, and units that they do not have."""
    _, tiles = next(eye.tiles(image))
    _, seen = run(eye.model, tiles[:1], eye.layers)
    for name in eye.layers:
        num = as_maps(seen, name).shape[-1]
        if eye.units is not None and max(eye.units) >= num:
            raise ValueError(f"Layer {name!r} has {num} units, from 0. Received: units={_list(eye.units)}.")


def _sizes(
    shape: tuple[int, ...], octaves: int, scale: float, tile: tuple[int, int], has_any: bool
) -> list[tuple[int, int]]:
    """List the sizes of the octaves, the smallest first, those left out that are too small to be seen."""
    least = [LEAST_SIDE if has_any else -(-side // 2) for side in tile]
    sizes = [(round(shape[0] / scale**i), round(shape[1] / scale**i)) for i in range(octaves)]
    fit = [size for size in sizes[1:] if size[0] >= least[0] and size[1] >= least[1]]
    return [*fit[::-1], sizes[0]]
