"""How many threads share the networks of a program, and what runs in them.

The loops of a program for small networks leave a part of the cores idle between operations: on two cores twenty
networks of 64-32 units in one thread keep 1.4 busy, ten in each of two threads 1.9 (`benchmarks/many.py`).
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from recipes.running.thread import cores_given

MOST_TWICE = 1.2  # computed for each network, where a program takes as many in each thread and some stand in two


def num_threads(number: int, cores: int) -> int:
    """Choose how many threads share so many networks, each with as many of them.

    As many as there are cores; fewer where too many networks would be computed in two threads, for the shares to be
    equal.
    """
    for threads in range(min(cores, number), 1, -1):
        if threads * -(-number // threads) <= MOST_TWICE * number:
            return threads
    return 1


def num_cores() -> int:
    """Count the cores, or as many as TensorFlow was told to use; one beside a graphics card, which is full anyway."""
    if tf.config.list_logical_devices("GPU"):
        return 1
    cores = cores_given() or os.cpu_count() or 1
    told = tf.config.threading.get_intra_op_parallelism_threads() or os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    return min(cores, int(told)) if str(told).isdigit() and int(told) else cores


def shares(places: np.ndarray, threads: int, *, equal: bool) -> list[np.ndarray]:
    """Share places out to threads; `equal` gives each as many, the last ones in two of them.

    >>> shares(np.arange(5), 2, equal=True)
    [array([0, 1, 2]), array([3, 4, 4])]
    """
    if not equal:
        return np.array_split(places, threads)
    size = -(-len(places) // threads)
    return [places[np.minimum(np.arange(i * size, (i + 1) * size), len(places) - 1)] for i in range(threads)]


@contextmanager
def threads_beside(number: int) -> Iterator[Callable[[Sequence[Callable[[], Any]]], list[Any]]]:
    """Give a function that makes so many calls at once, one of them in this thread, and lists what they return."""
    if number == 1:
        yield lambda calls: [call() for call in calls]
        return
    with ThreadPoolExecutor(number - 1, thread_name_prefix="recipes") as pool:

        def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
            others = [pool.submit(call) for call in calls[1:]]
            return [calls[0](), *(other.result() for other in others)]

        yield at_once
