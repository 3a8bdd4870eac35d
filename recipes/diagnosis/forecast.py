"""What would more epochs bring? A curve extrapolated by the two laws that losses follow, each as well as it fits.

Laws: `a + b exp(-t / s)`, a quadratic valley, and `a + b t^-p`, what noise and size leave (Hestness et al. 2017,
arXiv 1712.00409). For each `s` and `p` of a grid, `a` and `b` are a line; the laws are averaged by how well they fit.
"""

from typing import Any

import numpy as np

MOST_POINTS = 48  # medians that stand for a curve
FIRST = 0.1  # of the epochs, left out: the fast beginning says little about the end
SCALES = tuple(0.1 * 2 ** (k / 2) for k in range(11))  # s, in units of the epochs that were seen
POWERS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # p


def extrapolated(curve: np.ndarray, times: float) -> float:
    """Extrapolate a curve to so many times its length.

    >>> t = np.arange(1, 101)
    >>> round(extrapolated(1 + 1 / t, 2.0), 2)  # 1 + 1/200
    1.0
    """
    n = len(curve)
    start = min(int(FIRST * n), n - 4)
    points = min(MOST_POINTS, n - start)
    t = (_by_part(np.arange(start, n), points, np.mean) + 1) / n  # in units of the epochs that were seen
    y = _by_part(curve[start:], points, np.median)
    laws = np.array([*(np.exp(-t / s) for s in SCALES), *(t**-p for p in POWERS)])  # (laws, points)
    then = np.array([*(np.exp(-times / s) for s in SCALES), *(times**-p for p in POWERS)])
    weights = 0.2 + t  # what is nearer to the end says more about what follows
    weights = weights / weights.sum()
    centre, middle = laws @ weights, float(y @ weights)
    deviations = laws - centre[:, None]
    slopes = (deviations * weights) @ (y - middle) / ((deviations**2) @ weights)
    residuals = y - middle - slopes[:, None] * deviations
    errors = (residuals**2) @ weights  # (laws,)
    least = float(errors.min())
    shares = np.exp(-len(t) / 4 * np.log((errors + 1e-15) / (least + 1e-15)))
    predicted = middle + slopes * (then - centre)
    return float(shares @ predicted / shares.sum())


def _by_part(values: np.ndarray, parts: int, of: Any) -> np.ndarray:
    """Give the mean or median of each of so many parts, the first of which are longer by one where they must be."""
    size, longer = divmod(len(values), parts)
    edge = longer * (size + 1)
    first, rest = values[:edge].reshape(longer, size + 1), values[edge:].reshape(-1, size)
    return np.concatenate([of(first, axis=1), of(rest, axis=1)])
