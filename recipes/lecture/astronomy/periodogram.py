"""The baseline: a periodogram, moving means, and a threshold for each.

What pulses has a peak in its periodogram; what flares is brighter than its median for a while; what is eclipsed is
fainter. Each of the three is given in standard deviations of noise and divided by its threshold; the largest ratio says
the class, and nothing above 1 is a constant star. Samples are even in time, so Fourier powers are the Lomb-Scargle
periodogram.
References: J. D. Scargle (1982), ApJ 263, 835; G. Kovács et al. (2002), A&A 391, 369 (boxes).
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage

from cheatsheet.common.arguments import require_whole
from recipes.lecture.astronomy.extraction import Streaks, as_streaks
from recipes.lecture.astronomy.inputs import as_curves
from recipes.lecture.astronomy.readout import CONSTANT, ECLIPSE, FLARE, PULSATION, RATE

SPIKES, LEASTS, WINDOWS, LOWEST = (
    (1, 3, 5),
    (1, 2, 4, 8),
    (20, 40, 80),
    (2.0, 3.0),
)  # what `tune_periodogram` tries, and
THRESHOLDS = np.exp(np.linspace(np.log(3.0), np.log(12.0), 25))  # for each of the three
HIGHEST = 60.0  # Hz: beyond, the atmosphere leaves little
OVERSAMPLED = 2  # frequencies per Fourier frequency, so that a peak between two of them is not missed
WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128)  # rows of the moving means
MEDIAN_OF_NOISE = 0.6745  # the median distance from 0 of a Gaussian of deviation 1


@dataclass(frozen=True)
class Periodogram:
    """A classifier of light curves by thresholds, with its settings, those that `tune_periodogram` chooses.

    Attributes:
        pulsing, eclipsed, flaring: Thresholds of the three, standard deviations.
        spike: Rows of the running median that takes spikes out before the means; 1 for none.
        least: Rows of the shortest mean.
        window: Fourier frequencies around a peak, on both sides together, that say how high it is: events raise the
            low ones.
        lowest: Hz, of a pulsation.
    """

    pulsing: float
    eclipsed: float
    flaring: float
    spike: int = 3
    least: int = 2
    window: int = 20
    lowest: float = 3.0

    def classify(self, curves: np.ndarray) -> np.ndarray:
        """Give the class of each light curve `(n, times)` in standard deviations: positions in `CLASSES`, `(n,)`.

        Raises:
            ValueError: for NaN or infinity, and curves of fewer than 128 samples, the longest of moving means.
        """
        return _decide(self.evidence(curves), np.array([self.pulsing, self.eclipsed, self.flaring]))

    def evidence(self, curves: np.ndarray) -> np.ndarray:
        """Measure how much each curve pulses, is eclipsed and flares: `(n, 3)`, standard deviations.

        Raises:
            ValueError: as `classify`.
        """
        curves = as_curves(curves, least=max(WIDTHS))
        return np.stack([pulsing(curves, self.window, self.lowest), *events(curves, self.spike, self.least)], axis=1)


def pulsing(curves: np.ndarray, window: int, lowest: float) -> np.ndarray:
    """Give the highest peak of each curve's periodogram above the geometric mean around it: `(n,)`, in sigmas.

    The mean logarithm of powers that are noise is less than the logarithm of their mean, by Euler's constant. A strong
    sine's own side lobes raise the level, too, and cost its peak up to a third of its power.

    Raises:
        ValueError: as `power_spectrum`; where no frequency of the curves lies between the lowest and 60 Hz.
    """
    frequencies, power = power_spectrum(curves)
    if not ((frequencies >= lowest) & (frequencies <= HIGHEST)).any():
        raise ValueError(
            f"No frequency to look at lies between lowest={lowest:g} and {HIGHEST:g} Hz. Received: curves of "
            f"{len(frequencies)} samples. Pass longer light curves, or a smaller lowest."
        )
    known = np.log(np.maximum(power, np.finfo(power.dtype).tiny))  # a curve that never changes has no power at all
    around = np.pad(known, ((0, 0), (window, window)), "reflect")  # a frequency is two of them
    level = np.exp(moving_mean(around, 2 * window + 1) + np.euler_gamma)
    asked = (frequencies >= lowest) & (frequencies <= HIGHEST)
    return np.sqrt(2 * (power / np.maximum(level, 1))[:, asked].max(axis=1))


def events(curves: np.ndarray, spike: int, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the lowest and the highest of each curve's moving means, without spikes: two of `(n,)`, standard deviations.

    Means of many rows spread more than noise without memory says, where the atmosphere has one; how much is measured on
    the curve itself, by the median of their distances from 0 (F. Pont et al. 2006, MNRAS 373, 231).

    Raises:
        ValueError: for NaN or infinity, and curves of fewer than 128 samples.
    """
    curves = as_curves(curves, least=max(WIDTHS))
    calm = ndimage.median_filter(curves, (1, spike), mode="nearest")
    dip, rise = np.zeros(len(curves)), np.zeros(len(curves))
    for rows in WIDTHS:
        if rows >= least:
            means = moving_mean(calm, rows) * np.sqrt(rows)
            spread = np.maximum(1, np.median(np.abs(means), axis=1) / MEDIAN_OF_NOISE)
            dip, rise = np.maximum(dip, -means.min(axis=1) / spread), np.maximum(rise, means.max(axis=1) / spread)
    return dip, rise


def power_spectrum(curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the power of light curves at frequencies up to half the rate.

    Args:
        curves: `(n, times)`; where they are noise of variance 1, each power is 1 on average.

    Returns:
        Frequencies `(m,)` in Hz, without 0, and powers `(n, m)`. A sine of amplitude A has A^2 times / 4 at its own.

    Raises:
        ValueError: for another shape, fewer than two samples, and NaN or infinity.
    """
    curves = as_curves(curves, least=2)
    times = curves.shape[1]
    about = curves - curves.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(about, OVERSAMPLED * times, axis=1)) ** 2 / times
    return np.fft.rfftfreq(OVERSAMPLED * times, 1 / RATE)[1:], power[:, 1:]


def moving_mean(curves: np.ndarray, rows: int) -> np.ndarray:
    """Give the means of all `rows` samples in a row: `(n, times - rows + 1)`.

    Raises:
        ValueError: for curves of fewer samples, and NaN or infinity.
    """
    require_whole("rows", rows, 1)
    curves = as_curves(curves, least=rows)
    sums = np.cumsum(np.pad(curves, ((0, 0), (1, 0))), axis=1, dtype=float)
    return (sums[:, rows:] - sums[:, :-rows]) / rows


def tune_periodogram(streaks: Streaks) -> Periodogram:
    """Choose the settings that are right most often on these streaks, on which they must not be judged.

    Raises:
        ValueError: as `as_streaks`; for curves of fewer than 128 samples.
    """
    streaks = as_streaks(streaks)
    pulses = {each: pulsing(streaks.curves, *each) for each in product(WINDOWS, LOWEST)}
    means = {each: events(streaks.curves, *each) for each in product(SPIKES, LEASTS)}
    best, chosen = -1.0, Periodogram(5.0, 5.0, 5.0)
    for ((window, lowest), pulse), ((spike, least), mean) in product(pulses.items(), means.items()):
        thresholds, right = _best_thresholds(np.stack([pulse, *mean], axis=1), streaks.classes)
        if right > best:
            best, chosen = right, Periodogram(*thresholds, spike=spike, least=least, window=window, lowest=lowest)
    return chosen


def _best_thresholds(evidence: np.ndarray, classes: np.ndarray) -> tuple[tuple[float, float, float], float]:
    """Move one threshold after the other to where most are right, until none moves."""
    thresholds, right = np.full(3, 5.0), -1.0
    while True:
        before = right
        for i, value in product(range(3), THRESHOLDS):
            moved = np.where(np.arange(3) == i, value, thresholds)
            now = float(np.mean(_decide(evidence, moved) == classes))
            if now > right:
                thresholds, right = moved, now
        if right == before:
            first, second, third = (round(float(value), 2) for value in thresholds)
            return (first, second, third), right


def _decide(evidence: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Say the class whose evidence is the most thresholds, or that nothing happens."""
    ratio = evidence / thresholds
    return np.where(ratio.max(axis=1) > 1, np.array([PULSATION, ECLIPSE, FLARE])[ratio.argmax(axis=1)], CONSTANT)
