"""Simulate star-subtracted fields with light echoes in them, and where each echo is; nothing here is observed.

A light echo is the light of an old explosion that dust scatters towards us, years late: a diffuse arc, hardly brighter
than the noise of a pixel, seen where the stars have been subtracted. What else such a field holds is simulated as well:
the noise, what is left of the stars, and the streaks of satellites.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cheatsheet.common.arguments import known_arguments_only, require_whole
from cheatsheet.common.words import count
from recipes.lecture.astronomy.boxes import as_boxes_of_images
from recipes.lecture.astronomy.inputs import as_images

SIDE = 192  # pixels of a scene
# The light of an echo where it is brightest, in standard deviations of a pixel's noise: chosen before any network was
# trained, so that a matched filter, tuned on scenes of its own, reaches an AP50 between 0.3 and 0.6.
FAINTEST, BRIGHTEST = 1.0, 4.0
LEAST_ECHOES, MOST_ECHOES = 3, 7  # tried a scene; some lie outside or on one another
LENGTHS, WIDTHS, RADII = (28.0, 80.0), (2.0, 4.5), (25.0, 250.0)  # of an arc: along it, across (one sigma), curvature
EDGE = 0.25  # of its brightest pixel: what is brighter belongs to an echo's box
STARS, MOST_STREAKS = 70, 2  # a scene: on average; at most
PSF = 1.4  # pixels, one sigma, of a star
MARGIN = 3.0  # pixels between the boxes of two echoes, at least


@dataclass(frozen=True)
class Scenes:
    """Simulated fields and the boxes of their echoes.

    Attributes:
        images: `(n, SIDE, SIDE)`, in standard deviations of a pixel's noise.
        boxes: For each scene `(k, 4)`: left, top, right and bottom in pixels, from the image's upper left corner.
    """

    images: np.ndarray
    boxes: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Sequence[int] | np.ndarray) -> "Scenes":
        """Take some of the scenes, in this order."""
        return Scenes(self.images[rows], tuple(self.boxes[row] for row in rows))


def as_scenes(scenes: Scenes, *, square: bool = True) -> Scenes:
    """Check scenes, simulated or one's own: finite images of one size, and for each the boxes of its echoes in pixels.

    Args:
        scenes: Boxes may be lists, and images have a last axis of one channel.
        square: Whether the images must be.

    Returns:
        The same with images `(n, height, width)` and boxes `(k, 4)` of floats.

    Raises:
        ValueError: for what is no scenes or none, NaN or infinity, images that are not square, and boxes that are not
            as many as the images, have no area, lie outside or are no pixels.
    """
    if not (hasattr(scenes, "images") and hasattr(scenes, "boxes")):
        raise ValueError(
            f"scenes must be Scenes. Received: {type(scenes).__name__}. "
            "Expected Scenes(images, boxes), with images (n, side, side) and boxes (k, 4) for each."
        )
    images = as_images(scenes.images)
    if not len(images):
        raise ValueError("scenes must hold one image or more. Received: none.")
    if len(images) != len(scenes.boxes):
        raise ValueError(
            f"scenes must hold boxes for each image. Received: {count(len(images), 'image')} and boxes for "
            f"{len(scenes.boxes)}. An image without an echo has the boxes []."
        )
    height, width = images.shape[1:]
    if square and height != width:
        raise ValueError(
            f"scenes must be square, as quarter turns are. Received: images of {height} x {width} pixels. "
            "Cut them to squares, and the boxes with them."
        )
    return Scenes(images, tuple(as_boxes_of_images(scenes.boxes, size=(width, height))))


@known_arguments_only
def simulate_echoes(num_scenes: int, seed: int = 0, *, most_streaks: int = MOST_STREAKS) -> Scenes:
    """Simulate scenes, each from a seed of its own: the first ten of a hundred are those of ten.

    Args:
        num_scenes: How many.
        seed: Of all of them; other seeds give scenes that share nothing.
        most_streaks: Of satellites in a scene; 0 leaves them out.

    Returns:
        The scenes, images `(num_scenes, 192, 192)` of float32 in standard deviations of the noise.

    Raises:
        ValueError: where there is no scene to make.

    >>> scenes = simulate_echoes(2, seed=1)
    >>> scenes.images.shape, [len(boxes) > 0 for boxes in scenes.boxes]
    ((2, 192, 192), [True, True])
    """
    require_whole("num_scenes", num_scenes, 1)
    require_whole("seed", seed, 0)
    require_whole("most_streaks", most_streaks, 0)
    made = [_scene(np.random.default_rng([seed, number]), most_streaks) for number in range(num_scenes)]
    return Scenes(np.stack([image for image, _ in made]).astype(np.float32), tuple(boxes for _, boxes in made))


def _scene(rng: np.random.Generator, most_streaks: int) -> tuple[np.ndarray, np.ndarray]:
    """Put one scene together."""
    image = rng.normal(size=(SIDE, SIDE)) + 0.15 * smooth_noise(rng, (SIDE, SIDE), 25)  # and a sky that is not flat
    image += star_residuals(rng)
    for _ in range(rng.integers(0, most_streaks + 1)):
        image += streak(rng)
    boxes: list[np.ndarray] = []
    for _ in range(rng.integers(LEAST_ECHOES, MOST_ECHOES + 1)):
        light, box = echo(rng)
        if box is not None and not any(_near(box, other) for other in boxes):
            image += light
            boxes.append(box)
    while not boxes:  # the first may lie beyond the edge
        light, box = echo(rng)
        if box is not None:
            image += light
            boxes.append(box)
    return image, np.array(boxes)


def echo(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
    """Make a diffuse arc of a circle, with knots along it, and its box; `None` where too little of it is in the image.

    Returns:
        Its light `(SIDE, SIDE)`, and left, top, right, bottom.
    """
    length, radius = rng.uniform(*LENGTHS), np.exp(rng.uniform(*np.log(RADII)))
    width, angle = rng.uniform(*WIDTHS), rng.uniform(0, 2 * np.pi)
    middle = rng.uniform(0.08 * SIDE, 0.92 * SIDE, 2)
    length = min(length, 2.2 * radius)  # never more than a third of the circle
    y, x = np.indices((SIDE, SIDE)) + 0.5
    centre = middle - radius * np.array([np.cos(angle), np.sin(angle)])
    across = np.hypot(x - centre[0], y - centre[1]) - radius
    turn = np.arctan2(y - centre[1], x - centre[0]) - angle
    along = radius * ((turn + np.pi) % (2 * np.pi) - np.pi)
    profile = np.exp(-0.5 * (across / np.where(across > 0, width / 1.5, width)) ** 2)  # sharper at the front
    ends = np.exp(-((np.abs(along) / (0.5 * length)) ** 6))
    knots = np.exp(0.35 * smooth_noise(rng, (SIDE, SIDE), 5))  # the dust is no even sheet
    light = profile * ends * knots
    light /= light.max()
    bright = light > EDGE
    inside = [np.flatnonzero(bright.any(axis=axis)) for axis in (0, 1)]
    box = np.array([inside[0][0], inside[1][0], inside[0][-1] + 1, inside[1][-1] + 1], float)
    light *= np.exp(rng.uniform(np.log(FAINTEST), np.log(BRIGHTEST)))
    whole = length * 2 * width
    return light, box if bright.sum() > 0.5 * whole and (box[2:] - box[:2]).min() >= 6 else None


def star_residuals(rng: np.random.Generator) -> np.ndarray:
    """Make what subtraction leaves of stars: a shifted and widened image against the true one, and its own noise."""
    image = np.zeros((SIDE, SIDE))
    y, x = np.indices((SIDE, SIDE)) + 0.5
    for _ in range(rng.poisson(STARS)):
        flux = min(20.0 * rng.pareto(1.2), 3000.0)  # of the brightest pixel; few are bright
        place, shift = rng.uniform(0, SIDE, 2), rng.normal(0, 0.12, 2)
        wider = PSF * np.exp(rng.normal(0, 0.03))
        near = np.abs(x - place[0]) + np.abs(y - place[1]) < 16 * PSF
        true = _star(x[near] - place[0], y[near] - place[1], PSF)
        left = _star(x[near] - place[0] - shift[0], y[near] - place[1] - shift[1], wider) * (PSF / wider) ** 2
        image[near] += flux * (true - left) + np.sqrt(0.15 * flux * true) * rng.normal(size=near.sum())
    return image


def streak(rng: np.random.Generator) -> np.ndarray:
    """Make the track of a satellite: a straight line through the image, which may glint as it tumbles."""
    y, x = np.indices((SIDE, SIDE)) + 0.5
    angle, place = rng.uniform(0, np.pi), rng.uniform(0.1 * SIDE, 0.9 * SIDE, 2)
    across = (x - place[0]) * np.sin(angle) - (y - place[1]) * np.cos(angle)
    along = (x - place[0]) * np.cos(angle) + (y - place[1]) * np.sin(angle)
    glint = 1.0
    if rng.random() < 0.4:
        glint = 0.5 + 0.5 * np.sin(2 * np.pi * along / rng.uniform(20, 90) + rng.uniform(0, 6.3))
    return np.exp(rng.uniform(np.log(0.8), np.log(8))) * glint * np.exp(-0.5 * (across / (1.1 * PSF)) ** 2)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> np.ndarray:
    """Make noise of variance 1 that is correlated over `scale` pixels (one sigma of a Gaussian); its edges meet."""
    rows, columns = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])
    low = np.exp(-2 * (np.pi * scale) ** 2 * (rows**2 + columns**2))
    noise = np.fft.irfft2(np.fft.rfft2(rng.normal(size=shape)) * low, shape)
    return (noise - noise.mean()) / noise.std()


def _star(x: np.ndarray, y: np.ndarray, sigma: float) -> np.ndarray:
    """Give a Gaussian star's light, 1 in the middle."""
    return np.exp(-0.5 * (x**2 + y**2) / sigma**2)


def _near(box: np.ndarray, other: np.ndarray) -> bool:
    """Say whether two boxes overlap, or nearly."""
    return bool((box[:2] < other[2:] + MARGIN).all() and (other[:2] < box[2:] + MARGIN).all())
