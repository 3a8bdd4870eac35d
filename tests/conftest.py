"""Every test starts from the same seed; figures need no screen; real MNIST where it is there."""

import gc
import os
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from processes import started_python

ROOT = Path(__file__).parents[1]


def pytest_collection_finish():
    """Leave what the imports made out of later garbage collections: a million objects of TensorFlow, looked at for
    most of a second each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # a graph that is traced is some 10,000 objects, most of which stay


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow all cases of a test but those that its `slow_but` names by a part of their ids."""
    quick: dict[str, bool] = {}
    for item in items:
        for mark in item.iter_markers("slow_but"):
            test, _, case = item.nodeid.partition("[")
            is_quick = any(part in f"[{case}" for part in mark.args)
            quick[test] = quick.get(test, False) or is_quick
            if not is_quick:
                item.add_marker(pytest.mark.slow)
    if lost := [
        test for test, any_quick in quick.items() if not any_quick and sum(test in i.nodeid for i in items) > 1
    ]:
        raise pytest.UsageError(f"No case is quick of {', '.join(lost)}: slow_but names none of them.")


@contextmanager
def refused(message: str, error: type[Exception] = ValueError) -> Iterator[None]:
    """The block raises this error with exactly this message."""
    with pytest.raises(error) as caught:
        yield
    assert str(caught.value) == message


@contextmanager
def in_precision(floatx: str, policy: str | None = None) -> Iterator[None]:
    """Let Keras compute in this precision, losses too, within the block; by a mixed policy where one is named."""
    import keras

    before, kept = keras.config.floatx(), keras.config.dtype_policy()  # which is that of when it was first asked for
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy or floatx)
    try:
        yield
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(kept)


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
def start_python():
    """Starts Python with these arguments beside the test; whatever still runs at its end is killed."""
    with ExitStack() as started:
        yield lambda *arguments, **options: started.enter_context(started_python(*arguments, **options))


@pytest.fixture
def interruptible():
    """Python's own handler of Ctrl-C, which a process started in the background lacks."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def mnist_folder() -> Path:
    """The folder that RECIPES_DATA names; tests that need the real MNIST skip where it is not set."""
    folder = Path(os.environ.get("RECIPES_DATA", ""))
    if not (folder / "mnist.npz").is_file():
        pytest.skip("RECIPES_DATA names no folder with mnist.npz")
    return folder


@pytest.fixture
def way(request, monkeypatch):
    """One way of compiling, whatever the engine would choose; see `engines.WAYS`."""
    from recipes.training.engines.tensorflow import program

    monkeypatch.setattr(program.Program, "choose", lambda self, model, num_steps, **_: request.param)
    return request.param


@pytest.fixture
def jit(way):
    """Whether any of it goes through XLA, whose rounding and random numbers are its own."""
    return way != "plain graph"


def pytest_generate_tests(metafunc):
    """A test that asks for `way` or `jit` and does not say which ways runs in the usual ones."""
    asked = any("way" in str(mark.args[0]) for mark in metafunc.definition.iter_markers("parametrize"))
    if "way" in metafunc.fixturenames and not asked:
        from engines import WAYS

        metafunc.parametrize("way", WAYS, indirect=True)
