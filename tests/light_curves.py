"""A light curve of each class, plain to see."""

import numpy as np

from recipes.lecture.astronomy.readout import RATE, TIMES


def shapes(rng, height=6.0):
    """A light curve of each class in noise of deviation 1, in the order of `CLASSES`."""
    seconds = np.arange(TIMES) / RATE
    flare = np.where(seconds > 0.7, np.exp(-(seconds - 0.7) / 0.1), 0)
    made = np.stack([0 * seconds, np.sin(2 * np.pi * 11.3 * seconds), -1.0 * (np.abs(seconds - 0.6) < 0.1), flare])
    return (height * made + rng.normal(size=made.shape)).astype(np.float32)
