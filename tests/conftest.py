"""Every test starts from the same seed; figures need no screen; real MNIST where it is there."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@contextmanager
def refused(message: str, error: type[Exception] = ValueError) -> Iterator[None]:
    """The block raises this error with exactly this message."""
    with pytest.raises(error) as caught:
        yield
    assert str(caught.value) == message


@pytest.fixture(autouse=True)
def _seeds() -> None:
    """Seed NumPy's and Python's global generators; Keras draws from the latter. Loads no Keras by itself."""
    import random

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global one is what users' code under test may draw from


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import sys

    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def mnist_folder() -> Path:
    """The folder that RECIPES_DATA names; tests that need the real MNIST skip where it is not set."""
    folder = Path(os.environ.get("RECIPES_DATA", ""))
    if not (folder / "mnist.npz").is_file():
        pytest.skip("RECIPES_DATA names no folder with mnist.npz")
    return folder
