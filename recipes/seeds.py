"""Seeds for layers: every one that is constructed in a block gets its own from one number, and nothing else notices.

Keras' initializers, and layers such as Dropout, that are given no seed ask `make_default_seed` for one when they are
constructed, and that draws from Python's global generator. To seed the latter would take numbers away from the rest of
the program, and from other threads. So Keras is given a `make_default_seed` that looks first whether the block that
this thread is in has numbers of its own, and is Keras' own everywhere else.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from keras.src.backend import random as backend_random
from keras.src.random import seed_generator

LARGEST = int(1e9)  # Keras' own range, so that a seed gives what `random.seed` gave

_numbers: ContextVar[random.Random | None] = ContextVar("recipes_seeds", default=None)


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Layers constructed inside draw their seeds from this one, in the order in which they are constructed.

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
    try:
        yield
    finally:
        _numbers.reset(token)


def _make_default_seed() -> int:
    """The seed of something that was given none."""
    numbers = _numbers.get()
    return _keras_own() if numbers is None else numbers.randint(1, LARGEST)


if seed_generator.make_default_seed.__module__ != __name__:  # not again where this module is loaded anew
    _keras_own = seed_generator.make_default_seed
seed_generator.make_default_seed = _make_default_seed  # for dropout and noise
backend_random.make_default_seed = _make_default_seed  # for initializers
