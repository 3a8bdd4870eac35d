"""Simulate images of a camera that is read while it looks, where each star is a streak; nothing here is observed.

Rows leave the detector one after the other while its shutter is open, so that the row is the time: each star draws a
line along the readout, whose brightness is its light curve, at as many samples a second as rows are read. What else
such an image holds is simulated as well: sky, photon and readout noise, thin clouds and scintillation, stars that
wander a little, and cosmic rays, which leave their charge in a moment.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from recipes.lecture.astronomy.echoes import PSF, smooth_noise

RATE = 300.0  # rows a second
TIMES, COLUMNS = 512, 192  # rows and columns of an image; 512 rows are 1.7 seconds
STARS, APART, MARGIN = 10, 11.0, 8.0  # an image; columns between two of them, and to an edge, at least
FAINTEST, BRIGHTEST = 50.0, 3000.0  # electrons a row, of a star
SKY, READOUT = 30.0, 6.0  # electrons a pixel: its light, and one sigma of the noise of reading it
CLOUDS, SCINTILLATION = 0.01, 0.01  # of the light, one sigma: alike for all stars, and of each star's own
WANDER = 0.15  # pixels across, one sigma, all stars together
RAYS = 12  # cosmic rays an image, on average
CLASSES = ("constant", "pulsation", "eclipse", "flare")
CONSTANT, PULSATION, ECLIPSE, FLARE = range(4)
# Ranges from which each star draws, even in the logarithm. No catalogue of such fast changes is behind them: they are
# what 1.7 seconds at 300 Hz can show, from hardly anything to the obvious.
FREQUENCIES, AMPLITUDES = (3.0, 40.0), (0.03, 0.5)  # of a pulsation: Hz, and of the light
DURATIONS, DEPTHS = (0.03, 0.5), (0.05, 0.9)  # of an eclipse: seconds, and of the light
DECAYS, HEIGHTS = (0.015, 0.25), (0.1, 3.0)  # of a flare: seconds until 1/e is left, and of the light
HALF_SMEAR = 7  # rows, five sigmas of a star


@dataclass(frozen=True)
class ReadoutImage:
    """One image, and what is in it.

    Attributes:
        pixels: `(TIMES, COLUMNS)`, electrons; the time runs down.
        columns: `(STARS,)`, rising: where each star is on average; 0 is the middle of the first column.
        classes: `(STARS,)`: positions in `CLASSES`.
        fluxes: `(STARS,)`: electrons a row of each star when nothing happens.
        rays: `(TIMES, COLUMNS)`, the part of the electrons that cosmic rays left.
    """

    pixels: np.ndarray
    columns: np.ndarray
    classes: np.ndarray
    fluxes: np.ndarray
    rays: np.ndarray


def simulate_readout(rng: np.random.Generator) -> ReadoutImage:
    """Simulate one image, of stars of any class and brightness.

    >>> image = simulate_readout(np.random.default_rng(0))
    >>> image.pixels.shape, len(image.columns)
    ((512, 192), 10)
    """
    gaps = np.sort(rng.uniform(0, COLUMNS - 1 - 2 * MARGIN - (STARS - 1) * APART, STARS))
    columns = MARGIN + gaps + APART * np.arange(STARS)
    classes = rng.integers(0, len(CLASSES), STARS)
    fluxes = _even_in_logarithm(rng, (FAINTEST, BRIGHTEST), STARS)
    clouds = 1 + CLOUDS * _red_noise(rng, 40)
    light = np.stack([smeared(light_curve(kind, rng)) for kind in classes], axis=1)  # (times, stars)
    light *= np.stack([1 + SCINTILLATION * _red_noise(rng, rng.uniform(2, 20)) for _ in classes], axis=1)
    expected = SKY + star_light(light * fluxes * clouds[:, None], columns, WANDER * _red_noise(rng, 6))
    rays = cosmic_rays(rng)
    pixels = rng.poisson(expected) + rng.normal(0, READOUT, expected.shape) + rays
    return ReadoutImage(pixels, columns, classes, fluxes, rays)


def light_curve(kind: int, rng: np.random.Generator) -> np.ndarray:
    """Make the light of a star, 1 when nothing happens, before the atmosphere smears it.

    A pulsation is a sine with up to 0.4 of it at twice its frequency; an eclipse has an even bottom and straight sides;
    a flare rises within some rows and decays exponentially, and every third has a second, smaller one behind it.

    Args:
        kind: Position in `CLASSES`.
        rng: What it is drawn from.

    Returns:
        `(TIMES + 14,)`: seven rows before the image and seven behind it, which `smeared` uses up.
    """
    seconds = np.arange(-HALF_SMEAR, TIMES + HALF_SMEAR) / RATE
    light, end = np.ones(len(seconds)), TIMES / RATE
    if kind == PULSATION:
        phase = 2 * np.pi * (_even_in_logarithm(rng, FREQUENCIES) * seconds + rng.random())
        wave = np.sin(phase) + rng.uniform(0, 0.4) * np.sin(2 * phase + rng.uniform(0, 2 * np.pi))
        light += _even_in_logarithm(rng, AMPLITUDES) * wave
    elif kind == ECLIPSE:
        duration, side = _even_in_logarithm(rng, DURATIONS), rng.uniform(0.1, 0.9)  # side: of its half
        away = np.abs(seconds - rng.uniform(0.1 * end, 0.9 * end)) / (0.5 * duration)
        light -= _even_in_logarithm(rng, DEPTHS) * np.clip((1 - away) / side, 0, 1)
    elif kind == FLARE:
        start, height = rng.uniform(0.05 * end, 0.85 * end), _even_in_logarithm(rng, HEIGHTS)
        light += height * _flare(seconds - start, _even_in_logarithm(rng, DECAYS))
        if rng.random() < 1 / 3:
            later = start + rng.uniform(0.05, 0.3) * end
            light += 0.5 * height * _flare(seconds - later, _even_in_logarithm(rng, DECAYS))
    return light


def smeared(light: np.ndarray) -> np.ndarray:
    """Spread each row's light over its neighbours, as a star is no point: `(TIMES + 14,)` to `(TIMES,)`.

    A Gaussian of `PSF` = 1.4 rows leaves of a sine of f Hz the part exp(-2 (pi PSF f / RATE)^2): 0.91 at 15 Hz, 0.50 at
    40 Hz.
    """
    kernel = np.exp(-0.5 * (np.arange(-HALF_SMEAR, HALF_SMEAR + 1) / PSF) ** 2)
    return np.convolve(light, kernel / kernel.sum(), "valid")


def star_light(light: np.ndarray, columns: np.ndarray, wander: np.ndarray | float = 0.0) -> np.ndarray:
    """Lay light curves along the columns of an image, each as wide as a star.

    Args:
        light: `(times, stars)`, electrons a row.
        columns: `(stars,)`.
        wander: `(times,)`, by how many columns all stars are off in each row.

    Returns:
        `(times, COLUMNS)`, electrons, which add up to `light`.
    """
    image, reach = np.zeros((len(light), COLUMNS)), np.arange(-HALF_SMEAR, HALF_SMEAR + 1)
    for column, curve in zip(columns, light.T, strict=True):
        near = round(column) + reach
        near = near[(near >= 0) & (near < COLUMNS)]
        image[:, near] += curve[:, None] * profile(near - column - np.reshape(wander, (-1, 1)))
    return image


def profile(away: np.ndarray) -> np.ndarray:
    """Give the part of a row's light that falls on a column so many pixels away from a star."""
    return np.exp(-0.5 * (away / PSF) ** 2) / (np.sqrt(2 * np.pi) * PSF)


def cosmic_rays(rng: np.random.Generator) -> np.ndarray:
    """Make the tracks of some cosmic rays, one pixel wide, of any direction and 300 to 8,000 electrons: electrons."""
    charge = np.zeros((TIMES, COLUMNS))
    for _ in range(rng.poisson(RAYS)):
        steps = np.arange(0, 1 + rng.exponential(4.0), 0.25)  # a quarter of a pixel
        angle, total = rng.uniform(0, 2 * np.pi), _even_in_logarithm(rng, (300.0, 8000.0))
        rows = np.floor(rng.uniform(0, TIMES) + steps * np.sin(angle)).astype(int)
        columns = np.floor(rng.uniform(0, COLUMNS) + steps * np.cos(angle)).astype(int)
        inside = (rows >= 0) & (rows < TIMES) & (columns >= 0) & (columns < COLUMNS)
        np.add.at(charge, (rows[inside], columns[inside]), total / len(steps))
    return charge


def _flare(seconds: np.ndarray, decay: float) -> np.ndarray:
    """Rise within a fifth of the decay, then decay; 1 at the peak."""
    rise = np.exp(-0.5 * (seconds / (0.1 * decay)) ** 2)
    return np.where(seconds < 0, rise, np.exp(-np.maximum(seconds, 0) / decay))


def _red_noise(rng: np.random.Generator, rows: float) -> np.ndarray:
    """Make noise `(TIMES,)` of variance 1 that is correlated over so many rows."""
    return smooth_noise(rng, (TIMES, 1), rows)[:, 0]


def _even_in_logarithm(rng: np.random.Generator, ends: tuple[float, float], size: int | None = None) -> Any:
    """Draw from between two ends, each factor as likely: a number, or `(size,)`."""
    low, high = np.log(ends)
    return np.exp(rng.uniform(low, high, size))
