"""The yardstick of every loss curve: what does a model get that always gives the same answer?"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.common.arrays import as_array, distinct, require_finite
from cheatsheet.common.words import show_values
from cheatsheet.finding import unfit_target
from cheatsheet.head import QUANTILES
from cheatsheet.table import canonical_loss
from cheatsheet.targets import SUM_TOLERANCE, is_whole


@known_arguments_only
def chance_loss(loss: str, y: Any, *, fitted_on: Any = None, quantiles: Sequence[float] = QUANTILES) -> float | None:
    """Give the loss that the best constant guess gets on this target.

    The guess may differ between output nodes (the base rates of the classes, the mean image of an autoencoder),
    but not between examples. A model whose loss is no lower has learnt nothing from `x`.

    Args:
        loss: Keras' name of the loss.
        y: Target as the loss takes it: numbers `(n,)` or `(n, ...)`, 0/1 for binary crossentropy, integers for
            the sparse one, one-hot rows or rows of probabilities for the categorical ones, -1/+1 for hinge.
        fitted_on: Target on which the constant is chosen, such as that of the training rows where `y` validates; by
            default `y` itself.
        quantiles: Only for `"pinball"`.

    Returns:
        The loss, in the unit that Keras reports (nats for the crossentropies); `None` for an unknown loss.

    Raises:
        ValueError: for a target that this loss is not defined on, such as negative counts.

    >>> round(chance_loss("binary_crossentropy", [0, 1, 0, 1]), 4)  # ln 2
    0.6931
    >>> chance_loss("mean_squared_error", [1.0, 3.0])  # the variance
    1.0
    >>> round(chance_loss("binary_crossentropy", [0, 0], fitted_on=[0, 1]), 4)
    0.6931
    """
    name = canonical_loss(loss)
    if name != "pinball" and name not in _CHANCE:
        return None
    values = _columns(y, name)
    on = values if fitted_on is None else _columns(fitted_on, name)
    return _pinball(values, on, quantiles) if name == "pinball" else float(_CHANCE[name](values, on))


@known_arguments_only
def least_loss(loss: str, y: Any) -> float:
    """Give the loss that a perfect model would get on this target.

    0 for most losses, but not for all: crossentropy with targets between 0 and 1 costs their entropy (an autoencoder's
    grey pixels, soft labels), and the Poisson loss leaves out ln y!, so that it may be far below 0. Of counts it is a
    bound that no model of their rates comes near: it is reached where every single count is foretold.

    Args:
        loss: Keras' name of the loss.
        y: Target as for `chance_loss`.

    >>> least_loss("mean_squared_error", [1.0, 3.0])
    0.0
    >>> round(least_loss("binary_crossentropy", [0.5, 0.5]), 4)  # ln 2
    0.6931
    """
    name = canonical_loss(loss)
    if name == "poisson":
        values = _columns(y, name)
        return float((values + _entropy(values)).mean())  # y - y ln y
    if name == "binary_crossentropy":
        values = _columns(y, name)
        if is_whole(values):
            return 0.0
        return float((_entropy(values) + _entropy(1 - values)).mean())
    if name == "categorical_crossentropy":
        values = _columns(y, name)
        return 0.0 if is_whole(values) else float(_entropy(values).sum(axis=1).mean())
    return 0.0


# Where each loss is defined: the least and the largest value.
_DOMAIN = {
    "binary_crossentropy": (0, 1), "categorical_crossentropy": (0, 1), "kl_divergence": (0, 1), "hinge": (-1, 1),
    "poisson": (0, np.inf), "mean_squared_logarithmic_error": (0, np.inf),
    "sparse_categorical_crossentropy": (0, np.inf),
}  # fmt: skip


def _columns(y: Any, loss: str) -> np.ndarray:
    """Return the target as float64 of shape (n, values).

    Raises:
        ValueError: for what holds no finite numbers, or numbers on which this loss is not defined.
    """
    array = as_array(y, "y")
    require_finite(array, "y")
    if array.dtype.kind == "U":
        raise unfit_target(f"{loss} expects numbers, but y holds text ({show_values(array)}).", "encode the labels")
    least, largest = _DOMAIN.get(loss, (-np.inf, np.inf))
    low, high = array.min(), array.max()
    slack = SUM_TOLERANCE if largest == 1 else 0  # of float32 shares
    if low < least - slack or high > largest + slack:
        expected = f"values of at least {least}" if largest == np.inf else f"values from {least} to {largest}"
        raise unfit_target(
            f"{loss} expects {expected}, but y runs from {low:.4g} to {high:.4g}.", "mend y, or the loss"
        )
    return array.reshape(len(array), -1).astype(np.float64)


def _entropy(p: np.ndarray) -> np.ndarray:
    """Compute -p ln p in nats, with 0 ln 0 = 0."""
    return -p * np.log(np.where(p > 0, p, 1.0))


def _squared(y: np.ndarray, on: np.ndarray) -> float:
    return ((y - on.mean(axis=0)) ** 2).mean()


def _absolute(y: np.ndarray, on: np.ndarray) -> float:
    return np.abs(y - np.median(on, axis=0)).mean()


def _squared_logarithmic(y: np.ndarray, on: np.ndarray) -> float:
    return _squared(*(np.log1p(np.maximum(values, 1e-7)) for values in (y, on)))  # Keras' own floor


def _cross(p: np.ndarray, q: np.ndarray, num_rows: int) -> np.ndarray:
    """Compute -p ln q in nats; what q has never met in so many rows counts as half a row of them."""
    return -p * np.log(np.maximum(q, 0.5 / num_rows))


def _binary(y: np.ndarray, on: np.ndarray) -> float:
    p, q = y.mean(axis=0), on.mean(axis=0)
    return (_cross(p, q, len(on)) + _cross(1 - p, 1 - q, len(on))).mean()


def _categorical(y: np.ndarray, on: np.ndarray) -> float:
    return _cross(y.mean(axis=0), on.mean(axis=0), len(on)).sum()


def _divergence(y: np.ndarray, on: np.ndarray) -> float:
    return _categorical(y, on) - _entropy(y).sum(axis=1).mean()


def _sparse(y: np.ndarray, on: np.ndarray) -> float:
    labels = np.unique(np.concatenate([distinct(y)[0], distinct(on)[0]]))
    p, q = (np.bincount(np.searchsorted(labels, values.ravel()), minlength=len(labels)) / values.size
            for values in (y, on))  # fmt: skip
    return _cross(p, q, len(on)).sum()


def _hinge(y: np.ndarray, on: np.ndarray) -> float:
    is_second = (on > 0).mean(axis=0) > 0.5
    return 2 * ((y > 0) != is_second).mean(axis=0).mean()


def _poisson(y: np.ndarray, on: np.ndarray) -> float:
    mean = on.mean(axis=0)
    return (mean - y.mean(axis=0) * np.log(np.maximum(mean, 1e-7))).mean()


def _huber(y: np.ndarray, on: np.ndarray, delta: float = 1.0) -> float:
    """Compute the loss of the best constant, which has no closed form: bisect until the mean clipped residual is 0."""
    low, high = on.min(axis=0), on.max(axis=0)
    for _ in range(100):
        middle = (low + high) / 2
        above = np.clip(on - middle, -delta, delta).mean(axis=0) > 0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    error = np.abs(y - (low + high) / 2)
    return np.where(error <= delta, error**2 / 2, delta * (error - delta / 2)).mean()


def _pinball(y: np.ndarray, on: np.ndarray, quantiles: Sequence[float]) -> float:
    q = np.asarray(quantiles, dtype=np.float64)  # (q,)
    error = y[:, :1] - np.quantile(on[:, 0], q)  # (n, q)
    return float(np.maximum(q * error, (q - 1) * error).mean())


_CHANCE: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "mean_squared_error": _squared,
    "mean_absolute_error": _absolute,
    "mean_squared_logarithmic_error": _squared_logarithmic,
    "binary_crossentropy": _binary,
    "categorical_crossentropy": _categorical,
    "kl_divergence": _divergence,
    "sparse_categorical_crossentropy": _sparse,
    "hinge": _hinge,
    "huber": _huber,
    "poisson": _poisson,
}
