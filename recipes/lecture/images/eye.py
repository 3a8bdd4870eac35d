"""What looks at an image of any size through a CNN, and says how far chosen units fire, and what would make them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from recipes.lecture.images.gradient import with_gradient
from recipes.lecture.images.reach import has_any_size, places_of, run

PIXELS_AT_ONCE = 2**18  # of the tiles that go through the model together: that of one of 512×512
NUM_NOISES = 8  # that are averaged: their activations differ by a few per cent
BLURS = (0.5, 1.0, 2.0)  # pixels, by which the gradient is smoothed: factors of two, as in a pyramid of images
EQUAL = 1e-3  # relative difference of two energies that are called equal
STEPS_OF_SEARCH = 40  # halvings, beyond float64's digits
PROBE_PIXELS = 64 * 64  # of the small copy of an image on which units are compared
PROBE_STEPS = 10  # in which a pixel goes as far as in all octaves
TOLD = 10  # times noise's activation: a unit that can be told from it
MOST_PROBED = 48  # units that are compared, spread over the layer
PROBED_AT_ONCE = 16
DOUBT = 0.1  # of the median activation: less noise than this does not make a unit better


@dataclass(frozen=True)
class Eye:
    """What looks at an image: a model, the units that are to be excited, and how large a part it sees at once."""

    model: Any
    layers: dict[str, Any]
    units: tuple[int, ...] | None
    tile: tuple[int, int]

    def look(self, image: np.ndarray) -> float:
        """Compute the mean activation of the chosen units over all tiles."""
        total, num = 0.0, 0
        for _, tiles in self.tiles(image):
            _, seen = run(self.model, tiles, self.layers)
            for key in seen:
                values = np.asarray(self._chosen(seen, key), np.float64)
                total, num = total + float(values.sum()), num + values.size
        return total / num

    def gradient(self, image: np.ndarray) -> np.ndarray:
        """Compute how an image changes the objective, pixel by pixel."""
        import keras

        def objective(tiles: Any) -> Any:
            _, seen = run(self.model, tiles, self.layers)
            total = 0.0
            for key in seen:
                chosen = keras.ops.cast(self._chosen(seen, key), "float32")
                # Of all units the strongest count most, as in the original; a sum, which no 16 bits lose.
                total += keras.ops.sum(chosen**2) / 2 if self.units is None else keras.ops.sum(chosen)
            return total

        total, times = np.zeros(image.shape, np.float32), np.zeros(image.shape[:2], np.float32)
        for places, tiles in self.tiles(image):
            _, gradients = with_gradient(objective, tiles)
            for place, gradient in zip(places, gradients, strict=True):
                np.add.at(total, np.ix_(*place), gradient)
                np.add.at(times, np.ix_(*place), 1)
        return total / times[..., None]

    def _chosen(self, seen: dict[str, Any], key: str) -> Any:
        import keras

        values = places_of(seen, key)
        return values if self.units is None else keras.ops.take(values, list(self.units), axis=-1)

    def tiles(self, image: np.ndarray) -> Iterator[tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray]]:
        """Cut an image into what is seen at once: of each part the rows and columns, and the parts themselves."""
        size = image.shape[:2]
        tile = tuple(map(min, size, self.tile)) if has_any_size(self.model) else self.tile
        rows, columns = (stretches(n, t) for n, t in zip(size, tile, strict=True))
        places = [(down, right) for down in rows for right in columns]
        many = max(1, PIXELS_AT_ONCE // (tile[0] * tile[1]))
        for start in range(0, len(places), many):
            some = places[start : start + many]
            yield some, np.stack([image[np.ix_(*place)] for place in some])


def stretches(length: int, tile: int) -> list[np.ndarray]:
    """Give the places along one axis that each tile takes; a shorter axis is mirrored at both ends.

    >>> stretches(5, 2), stretches(2, 4)
    ([array([0, 1]), array([2, 3]), array([3, 4])], [array([0, 0, 1, 1])])
    """
    if length >= tile:
        starts = [*range(0, length - tile + 1, tile), *([length - tile] if length % tile else [])]
        return [np.arange(start, start + tile) for start in starts]
    place = (np.arange(tile) - (tile - length) // 2) % (2 * length)
    return [np.where(place < length, place, 2 * length - 1 - place)]


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring an image to another size."""
    import keras

    if image.shape[:2] == size:
        return image
    resize = keras.ops.image.resize
    return np.asarray(resize(image, size, interpolation="bilinear", antialias=True, data_format="channels_last"))


def smoothed(gradient: np.ndarray) -> np.ndarray:
    """Give coarse and fine patterns of a gradient the same part, which else is mostly fine; of mean size 1."""
    from scipy.ndimage import gaussian_filter

    blurred = [gaussian_filter(gradient, (width, width, 0), mode="wrap") for width in BLURS]
    total = sum(each / np.abs(each).mean() for each in blurred)
    return total / np.abs(total).mean()


def most_telling_unit(eye: Eye, image: np.ndarray, way: float, limits: tuple[float, float], seed: int) -> int:
    """Find the unit that a short dream on a small copy of the image sets apart from noise.

    Noise is the dream's change at other places, with random signs (white) and with its own (the same colours). Of the
    units whose activation is ten times that of the former, the one that is told best from the latter: it likes a
    pattern, not a colour. Without such units the one that is told best from the former.
    """
    import keras

    small = eye.tile
    if has_any_size(eye.model):
        shrunk = max(1.0, (image.shape[0] * image.shape[1] / PROBE_PIXELS) ** 0.5)
        small = max(1, round(image.shape[0] / shrunk)), max(1, round(image.shape[1] / shrunk))
    tiles = np.clip(resized(image, small), *limits)[None]
    (name,) = eye.layers

    def activations(images: Any) -> Any:
        values = places_of(run(eye.model, images, eye.layers)[1], name)
        return keras.ops.mean(keras.ops.cast(values, "float32"), axis=(1, 2))  # (n, units)

    num = int(activations(tiles).shape[-1])
    candidates = np.unique(np.linspace(0, num - 1, MOST_PROBED).astype(int))
    pace = np.float32(way / PROBE_STEPS)
    rng = np.random.default_rng([seed, 2])  # other numbers than the shifts' and the noise's
    after: list[float] = []
    white: list[float] = []
    colour: list[float] = []
    for start in range(0, len(candidates), PROBED_AT_ONCE):
        mine = np.eye(num, dtype=np.float32)[candidates[start : start + PROBED_AT_ONCE]]

        def total(images: Any, mine: np.ndarray = mine) -> Any:
            return keras.ops.sum(activations(images) * mine)

        def of_each(images: np.ndarray, mine: np.ndarray = mine) -> list[float]:
            return (np.asarray(activations(images)) * mine).sum(axis=1).tolist()

        before = dreams = np.repeat(tiles, len(mine), axis=0)
        for _ in range(PROBE_STEPS):
            _, gradients = with_gradient(total, dreams)
            steps = [pace * smoothed(each) if each.any() else each for each in gradients]
            dreams = np.clip(dreams + np.stack(steps), *limits)
        change = np.stack([rng.permutation(each.reshape(-1, each.shape[-1])) for each in dreams - before])
        change = change.reshape(before.shape)
        signs = rng.choice(np.array([-1, 1], np.float32), change.shape)
        after += of_each(dreams)
        white += of_each(np.clip(before + signs * change, *limits))
        colour += of_each(np.clip(before + change, *limits))
    raised = np.array(after)
    doubt = DOUBT * float(np.median(raised[raised > 0])) if (raised > 0).any() else 1.0
    from_white, from_colour = (raised / (np.maximum(noise, 0) + doubt) for noise in (white, colour))
    is_told = from_white >= min(TOLD, from_white.max())
    return int(candidates[np.argmax(np.where(is_told, from_colour, -1))])


def noise_activation(
    eye: Eye, before: np.ndarray, after: np.ndarray, limits: tuple[float, float], jitter: int, seed: int
) -> tuple[float, float]:
    """Compute the mean activation of the image with its change made noise, and the noise's mean energy.

    The same values at other places with random signs, made stronger until what the limits cut off is made up for.
    """
    rng = np.random.default_rng([seed, 1])  # other numbers than the shifts'
    change = (after - before).reshape(-1, before.shape[2])
    activations, energies = [], []
    for _ in range(NUM_NOISES):
        shuffled = (rng.permuted(change, axis=0) * rng.choice((-1, 1), change.shape)).reshape(before.shape)
        noisy = _with_energy(before, shuffled, float(np.mean(change**2)), limits)
        shift = tuple(int(n) for n in rng.integers(-jitter, jitter + 1, 2))
        activations.append(eye.look(np.roll(noisy, shift, (0, 1))))
        energies.append(float(np.mean((noisy - before) ** 2)))
    return float(np.mean(activations)), float(np.mean(energies))


def _with_energy(before: np.ndarray, change: np.ndarray, energy: float, limits: tuple[float, float]) -> np.ndarray:
    """Add a change to an image so that its mean square, within the limits, is this; or as near as they allow."""

    def changed(times: float) -> np.ndarray:
        return np.clip(before + np.float32(times) * change, *limits)

    def excess(times: float) -> float:
        return float(np.mean((changed(times) - before) ** 2)) - energy

    least, most = 0.0, 1.0
    while excess(most) < -EQUAL * energy and most < 1e6:
        most *= 2
    for _ in range(STEPS_OF_SEARCH):
        middle = (least + most) / 2
        least, most = (middle, most) if excess(middle) < 0 else (least, middle)
        if abs(excess(most)) <= EQUAL * energy:
            break
    return changed(most)
