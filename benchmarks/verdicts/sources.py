"""What is trained: data sets and architectures, in two halves that share neither.

The development half may be looked at by whoever chooses a threshold; the scoring half may not. Nothing is downloaded.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn import datasets

HALVES = ("development", "scoring")


@dataclass(frozen=True)
class Source:
    """One data set, `x` standardised, with the task that it is for."""

    name: str
    task: str
    make: Callable[[], tuple[Any, Any]] = field(repr=False)

    def __call__(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x `(n, features)` and y `(n,)`."""
        x, y = self.make()
        x = np.asarray(x, np.float32)
        x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-6)
        if self.task == "regression":
            y = (y - np.mean(y)) / np.std(y)
        return x, np.asarray(y, np.float32 if self.task in ("regression", "counts") else np.int32)


@dataclass(frozen=True)
class Architecture:
    """A network: widths of the hidden layers, and what stands beside them."""

    name: str
    units: tuple[int, ...]
    activation: str = "relu"
    dropout: float = 0.0
    batch_norm: bool = False
    l2: float = 0.0


def _bunch(name: str, rows: int | None = None, flips: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Load a real set: some of its rows, or with this share of its labels drawn anew."""
    bunch: Any = getattr(datasets, f"load_{name}")()
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(bunch.data))[:rows]
    x, y = bunch.data[chosen], bunch.target[chosen]
    redrawn = rng.random(len(y)) < flips
    return x, np.where(redrawn, rng.permutation(y), y)


def _unrelated(rows: int, columns: int, classes: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw x and y that have nothing to do with each other."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, columns)), rng.integers(0, classes, rows) if classes else rng.normal(size=rows)


def _counts(rows: int, columns: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw counts whose logarithm depends on two columns and a product."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns))
    rate = np.exp(1 + 0.5 * x[:, 0] - 0.4 * x[:, 1] + 0.3 * x[:, 0] * x[:, 2] + spread * rng.normal(size=rows))
    return x, rng.poisson(rate)


SOURCES: dict[str, tuple[Source, ...]] = {
    "development": (
        Source("wine", "multiclass", lambda: _bunch("wine")),
        Source("digits 500", "multiclass", lambda: _bunch("digits", 500)),
        Source("digits 100", "multiclass", lambda: _bunch("digits", 100)),
        Source("moons", "binary", lambda: datasets.make_moons(300, noise=0.3, random_state=0)),
        Source("friedman 1", "regression", lambda: datasets.make_friedman1(300, noise=1.0, random_state=0)),
        Source("quantiles", "multiclass", lambda: datasets.make_gaussian_quantiles(
            n_samples=400, n_features=10, n_classes=3, random_state=0)),
        Source("swiss roll", "regression", lambda: datasets.make_swiss_roll(400, noise=0.5, random_state=0)),
        Source("noisy classes", "binary", lambda: datasets.make_classification(
            400, 20, n_informative=6, flip_y=0.4, random_state=0)),
        Source("counts", "counts", lambda: _counts(400, 5, 0.0, 0)),
        Source("few rows", "binary", lambda: datasets.make_classification(
            70, 15, n_informative=5, flip_y=0.1, random_state=1)),
        Source("unrelated, 2 classes", "binary", lambda: _unrelated(200, 20, 2, 0)),
        Source("unrelated, numbers", "regression", lambda: _unrelated(240, 12, None, 1)),
    ),
    "scoring": (
        Source("breast cancer", "binary", lambda: _bunch("breast_cancer")),
        Source("breast cancer 80", "binary", lambda: _bunch("breast_cancer", 80, seed=1)),
        Source("iris", "multiclass", lambda: _bunch("iris")),
        Source("diabetes", "regression", lambda: _bunch("diabetes")),
        Source("circles", "binary", lambda: datasets.make_circles(300, noise=0.2, factor=0.5, random_state=2)),
        Source("hastie", "binary", lambda: (
            lambda x, y: (x, (y + 1) // 2))(*datasets.make_hastie_10_2(500, random_state=2))),
        Source("friedman 2", "regression", lambda: datasets.make_friedman2(250, noise=100.0, random_state=2)),
        Source("five classes", "multiclass", lambda: datasets.make_classification(
            450, 16, n_informative=8, n_classes=5, flip_y=0.05, random_state=2)),
        Source("breast cancer, flipped", "binary", lambda: _bunch("breast_cancer", 300, 0.5, seed=2)),
        Source("s curve", "regression", lambda: datasets.make_s_curve(350, noise=0.3, random_state=2)),
        Source("crowded counts", "counts", lambda: _counts(300, 8, 0.5, 2)),
        Source("unrelated, 3 classes", "multiclass", lambda: _unrelated(210, 30, 3, 2)),
        Source("uncorrelated", "regression", lambda: _unrelated(180, 10, None, 3)),
    ),
}  # fmt: skip

ARCHITECTURES: dict[str, tuple[Architecture, ...]] = {
    "development": (
        Architecture("16", (16,)),
        Architecture("64-64", (64, 64)),
        Architecture("256", (256,)),
        Architecture("128-64 dropout", (128, 64), dropout=0.3),
        Architecture("64 batch norm", (64,), batch_norm=True),
        Architecture("128 L2", (128,), l2=1e-3),
        Architecture("32-32-32 tanh", (32, 32, 32), activation="tanh"),
    ),
    "scoring": (
        Architecture("8", (8,)),
        Architecture("64-32", (64, 32)),
        Architecture("512", (512,)),
        Architecture("256 dropout", (256,), dropout=0.5),
        Architecture("96-48 batch norm", (96, 48), batch_norm=True),
        Architecture("100-50 L2", (100, 50), l2=3e-3),
        Architecture("40-40-40-40 elu", (40, 40, 40, 40), activation="elu"),
    ),
}
OPTIMIZERS = ("adam", "sgd", "rmsprop", "momentum")
