"""Find the streaks of a readout image, and take from each its light curve and its strip.

The light of a row is the sum over the columns, each weighed by how much of the star and how little noise it has; pixels
that stand out from the star's profile, as cosmic rays leave them, are left out.
Reference: K. Horne (1986), PASP 98, 609, An optimal extraction algorithm for CCD spectroscopy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from cheatsheet.common.arguments import known_arguments_only, require_whole
from cheatsheet.common.words import show_values
from recipes.lecture.astronomy.echoes import PSF
from recipes.lecture.astronomy.inputs import (
    GAPS_OF_CURVES,
    GAPS_OF_IMAGES,
    as_curves,
    as_floats,
    as_pixels,
    is_empty,
    require_finite,
)
from recipes.lecture.astronomy.readout import CLASSES, READOUT, SKY, ReadoutImage, profile, simulate_readout

WIDTH = 9  # columns of a strip: 3.2 sigmas of a star to each side
LEAST = 6.0  # standard deviations above the sky that make a streak
REJECTED = 5.0  # standard deviations above the profile that make a pixel a cosmic ray's
UNSURE = 0.3  # of the star's light in a pixel: how much the profile may be wrong, as stars wander
ROUNDS = 3  # of leaving out pixels
NEAR = 2.0  # columns between a star and its streak, at most
HIT = 25.0  # electrons that a cosmic ray leaves in a pixel of a strip to count as a hit: three sigmas


@dataclass(frozen=True)
class Streaks:
    """Streaks out of many images, as a network takes them, and the truth about each.

    Attributes:
        curves: `(n, times)` of float32: light less its median, in standard deviations of a sample.
        strips: `(n, times, WIDTH)` of float32: each column less its median, in standard deviations of a pixel.
        classes: `(n,)`, positions in `CLASSES`.
        snr: `(n,)`: light of a sample over its noise, when nothing happens and the extraction is the best.
        hit: `(n,)`: whether a cosmic ray left a trace within the strip.
    """

    curves: np.ndarray
    strips: np.ndarray
    classes: np.ndarray
    snr: np.ndarray
    hit: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)

    def take(self, rows: Sequence[int] | np.ndarray) -> "Streaks":
        """Take some of them, in this order."""
        return Streaks(self.curves[rows], self.strips[rows], self.classes[rows], self.snr[rows], self.hit[rows])


def as_streaks(streaks: Streaks) -> Streaks:
    """Check streaks to learn from, simulated or one's own: finite curves and strips, and a class for each.

    Raises:
        ValueError: for none, NaN or infinity, and classes that are not as many or no positions in `CLASSES`.
    """
    curves, strips = as_curves(streaks.curves), _as_strips(streaks.strips)
    classes = np.asarray(streaks.classes)
    if not len(curves):
        raise ValueError("streaks must hold one or more. Received: none.")
    if not len(curves) == len(strips) == len(classes):
        raise ValueError(
            f"streaks must have a curve, a strip and a class each. Received: {len(curves)} curves, {len(strips)} "
            f"strips and {len(classes)} classes."
        )
    if classes.dtype.kind not in "iuf" or not np.isin(classes, range(len(CLASSES))).all():
        raise ValueError(
            f"streaks.classes must be whole numbers from 0 to {len(CLASSES) - 1}, the positions in CLASSES: "
            f"{', '.join(CLASSES)}. Received: {show_values(np.unique(classes))}. For classes of one's own build a "
            "network with num_classes=..., and train it by fit."
        )
    return Streaks(curves, strips, classes, streaks.snr, streaks.hit)


@known_arguments_only
def simulate_streaks(num_images: int, seed: int = 0) -> Streaks:
    """Simulate images and take the streaks out of them, each image from a seed of its own.

    Args:
        num_images: How many, of ten stars each.
        seed: Of all of them; other seeds give images that share nothing.

    Returns:
        The streaks that were found, in the order of the images and from left to right; a star that was not found is
        not among them.

    Raises:
        ValueError: where there is no image to make.

    >>> streaks = simulate_streaks(2, seed=1)
    >>> streaks.curves.shape, streaks.strips.shape
    ((20, 512), (20, 512, 9))
    """
    require_whole("num_images", num_images, 1)
    require_whole("seed", seed, 0)
    parts = [_streaks_of(simulate_readout(np.random.default_rng([seed, number]))) for number in range(num_images)]
    return Streaks(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _streaks_of(image: ReadoutImage) -> tuple[np.ndarray, ...]:
    """Take the streaks out of one image: the fields of `Streaks`."""
    columns = find_streaks(image.pixels)
    away = np.abs(columns[:, None] - image.columns)  # (found, stars)
    star = away.argmin(axis=1)
    near = away.min(axis=1) < NEAR
    columns, star = columns[near], star[near]
    light, strips = extract(image.pixels, columns), cut_strips(image.pixels, columns)
    rays = cut_strips(image.rays, columns)
    return (
        in_sigmas(light), strip_in_sigmas(strips), image.classes[star],
        signal_to_noise(image.fluxes[star]), np.asarray((rays > HIT).any(axis=(1, 2))),
    )  # fmt: skip


def find_streaks(pixels: np.ndarray) -> np.ndarray:
    """Find the columns of an image's streaks, to a tenth of a pixel.

    The median over the time, which no cosmic ray moves, is smoothed by a star's profile; where it is largest around and
    well above the sky there is a streak, whose place is the top of the Gaussian through the three highest columns.

    Args:
        pixels: `(times, columns)`, electrons; whole numbers of a camera become floats.

    Returns:
        `(k,)`, rising; 0 is the middle of the first column.

    Raises:
        ValueError: for NaN or infinity, and an image whose noise cannot be measured.
    """
    pixels = as_pixels(pixels)
    if len(pixels) < 2:
        raise ValueError(f"pixels must have two rows or more, as rows are times. Received: shape {pixels.shape}.")
    level = np.median(pixels, axis=0)
    smooth = ndimage.gaussian_filter1d(level, PSF, mode="nearest")
    sky = np.percentile(level, 25)  # stars cover less than half
    noise = np.median(np.abs(np.diff(pixels, axis=0))) * 1.4826 / np.sqrt(2)  # of a pixel, mostly of sky
    if not noise > 0:
        raise ValueError(
            "pixels must have noise that can be measured. Received: an image in which half or more of the pixels are "
            "what the pixel of the row before is. Pass images that are not rounded to less than their noise."
        )
    least = sky + LEAST * noise * np.sqrt(np.pi / 2 / len(pixels))  # a median's noise
    top = np.flatnonzero((smooth == ndimage.maximum_filter1d(smooth, WIDTH)) & (smooth > least))
    top = top[(top > 0) & (top < len(level) - 1)]
    left, middle, right = (np.log(np.maximum(smooth[top + step] - sky, 1e-3)) for step in (-1, 0, 1))
    bend = left - 2 * middle + right
    return top + np.divide(0.5 * (left - right), bend, out=np.zeros(len(top)), where=bend < 0)


def cut_strips(pixels: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Cut the strip around each streak out of an image: `(k, times, WIDTH)`, 0 beyond an edge.

    Raises:
        ValueError: as `extract`.
    """
    pixels = as_pixels(pixels)
    return _strips_at(pixels, _as_places(columns, pixels.shape[1]))


def _strips_at(pixels: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Do what `cut_strips` does, of an image and columns that are known to be good."""
    half = WIDTH // 2
    if not len(columns):
        return np.zeros((0, len(pixels), WIDTH), pixels.dtype)
    wide = np.pad(pixels, ((0, 0), (half, half)))
    return np.stack([wide[:, middle : middle + WIDTH] for middle in np.round(columns).astype(int)])


def extract(pixels: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Measure the light of each streak in each row, less the sky, without pixels that a cosmic ray has hit.

    light = sum(P D / V) / sum(P^2 / V), where P is the part of the light that falls on a pixel, D its electrons and V
    their variance; over pixels with D < light P + 5 sqrt(V + (0.3 light P)^2).

    Args:
        pixels: `(times, columns)`, electrons.
        columns: `(k,)`, where the streaks are, as `find_streaks` gives them; there may be none.

    Returns:
        `(k, times)`, electrons a row.

    Raises:
        ValueError: for NaN or infinity, and columns outside of the image.
    """
    pixels = as_pixels(pixels)
    columns = _as_places(columns, pixels.shape[1])
    middles, half = np.round(columns).astype(int), WIDTH // 2
    free = np.ones(pixels.shape[1], bool)
    for middle in middles:
        free[max(middle - half, 0) : middle + half + 1] = False
    sky = np.median(pixels[:, free], axis=1) if free.any() else np.full(len(pixels), SKY)
    strips = _strips_at(pixels - sky[:, None], columns)
    part = profile(np.arange(-half, half + 1) + (middles - columns)[:, None])[:, None]  # (k, 1, WIDTH)
    core = slice(half - 1, half + 2)
    light = np.median(strips[..., core] / part[..., core], axis=2, keepdims=True)  # two of three are no ray's
    for _ in range(ROUNDS):
        star = np.maximum(light, 0) * part
        variance = SKY + READOUT**2 + star
        whole = strips < star + REJECTED * np.sqrt(variance + (UNSURE * star) ** 2)
        weights = np.where(whole, part / variance, 0)
        total = (weights * part).sum(axis=2, keepdims=True)
        light = np.divide((weights * strips).sum(axis=2, keepdims=True), total, out=light.copy(), where=total > 0)
    return light[..., 0]


def signal_to_noise(light: np.ndarray) -> np.ndarray:
    """Give the light of a sample over its noise, from its electrons and those of sky and readout.

    Raises:
        ValueError: for NaN or infinity.
    """
    part = profile(np.arange(-(WIDTH // 2), WIDTH // 2 + 1.0))
    light = np.asarray(light, float)[..., None]
    require_finite(light.reshape(-1), "light", ("sample",), GAPS_OF_CURVES)
    information = (part**2 / (SKY + READOUT**2 + np.maximum(light, 0) * part)).sum(axis=-1)
    return light[..., 0] * np.sqrt(information)


def in_sigmas(light: np.ndarray) -> np.ndarray:
    """Give light curves `(k, times)` less their medians, in standard deviations that a sample has at the median.

    Raises:
        ValueError: for another shape, and NaN or infinity.
    """
    light = as_curves(light, "light")
    level = np.median(light, axis=1, keepdims=True)
    least = np.maximum(level, 1.0)  # electrons: a streak without light still has noise
    return ((light - level) * signal_to_noise(least) / least).astype(np.float32)


def strip_in_sigmas(strips: np.ndarray) -> np.ndarray:
    """Give each column of strips `(k, times, WIDTH)` less its median, in standard deviations that a pixel has there.

    Raises:
        ValueError: for another shape, and NaN or infinity.
    """
    strips = _as_strips(strips)
    level = np.median(strips, axis=1, keepdims=True)
    return ((strips - level) / np.sqrt(np.maximum(level, SKY) + READOUT**2)).astype(np.float32)


def _as_strips(strips: Any) -> np.ndarray:
    """Read strips as finite floats `(k, times, columns)`."""
    if is_empty(strips):
        return np.zeros((0, *(np.shape(strips)[1:] if np.ndim(strips) == 3 else (1, WIDTH))))
    array = as_floats(strips, "strips")
    if array.ndim != 3:
        raise ValueError(
            f"strips must be of shape (k, times, {WIDTH}), as cut_strips gives them. Received: shape {array.shape}."
        )
    require_finite(array, "strips", ("strip", "row", "column"), GAPS_OF_IMAGES)
    return array


def _as_places(columns: Any, width: int) -> np.ndarray:
    """Read where streaks are as finite floats `(k,)` within an image of so many columns."""
    if is_empty(columns):
        return np.zeros(0)
    array = as_floats(columns, "columns").astype(float) if np.ndim(columns) else np.asarray(columns)
    if array.ndim != 1:
        raise ValueError(f"columns must be of shape (k,). Received: shape {array.shape}. Of one streak pass [column].")
    require_finite(array, "columns", ("streak",), "Leave such streaks out.")
    outside = (np.round(array) < 0) | (np.round(array) >= width)
    if outside.any():
        raise ValueError(
            f"columns must lie in the image, from 0 to {width - 1}. Received: {int(outside.sum())} of {len(array)} "
            f"outside, the first {array[outside][0]:g}. Leave such streaks out; 0 is the middle of the first column."
        )
    return array
