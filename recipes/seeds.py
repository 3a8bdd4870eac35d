"""Seeds for layers: every one that is constructed in a block gets its own from one number, and nothing else notices.

Keras' initializers, and layers such as Dropout, that are given no seed ask `make_default_seed` for one when they are
constructed, and that draws from Python's global generator. To seed the latter would take numbers away from the rest of
the program, and from other threads. So, while there is a block, Keras asks a `make_default_seed` that looks whether
this thread is in one, and that is Keras' own for everybody else.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from recipes._keras import backend_random, seed_generator

LARGEST = int(1e9)  # Keras' own range, so that a seed gives what `random.seed` gave

_numbers: ContextVar[random.Random | None] = ContextVar("recipes_seeds", default=None)
_lock = threading.Lock()
_blocks = 0  # that are open now, in all threads
_keras_own: Callable[[], int] = seed_generator.make_default_seed


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Have layers constructed inside draw their seeds from this one, in the order in which they are constructed.

    That holds for nested models and for layers that are built at once, too. It does not for what has been constructed
    before (an initializer that several models share), for seeds that were chosen (they stay), and for whatever draws
    from the generators of Python, NumPy or TensorFlow by itself: these are neither seeded nor changed.

    Args:
        seed: `None` leaves it to Keras, whose seeds come from Python's global generator.
    """
    if seed is None:
        yield
        return
    token = _numbers.set(random.Random(int(seed)))
    _count_block(1)
    try:
        yield
    finally:
        _count_block(-1)
        _numbers.reset(token)


def _make_default_seed() -> int:
    """Make the seed of something that was given none."""
    numbers = _numbers.get()
    return _keras_own() if numbers is None else numbers.randint(1, LARGEST)


def _count_block(more: int) -> None:
    """Put our function in Keras' place with the first block, and Keras' own back with the last."""
    global _blocks, _keras_own
    with _lock:
        if _blocks == 0:
            _keras_own = seed_generator.make_default_seed
        _blocks += more
        now = _make_default_seed if _blocks else _keras_own
        seed_generator.make_default_seed = now  # for dropout and noise
        backend_random.make_default_seed = now  # for initializers
