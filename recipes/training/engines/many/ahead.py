"""The program of networks that look alike, compiled in another thread while they are still being made and read.

XLA works outside Python's lock, and making a network inside it, so that two cores do both. Only time hangs on the
guess: who trains looks the program up by all that it depends on, and writes another one down where it was wrong.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from recipes.training.engines.engine import Job
from recipes.training.engines.many.stacked.network import Network, Unsuited, chain_of
from recipes.training.engines.many.train import Training

FEWEST = 4  # networks: fewer are read before a program is compiled
MOST_BYTES = 2**27  # of the rows, which the guess holds once more


def compile_ahead(jobs: Sequence[Job], network: Network) -> None:
    """Begin to compile the program in which these jobs would train, where something is gained by it.

    Args:
        jobs: Their data and plans as they will be; of the models the first, which has all its variables, is looked at.
        network: What the models have in common.
    """
    arrays = {id(array): array.nbytes for job in jobs for array in tf.nest.flatten(job.data.arrays)
              if array is not None}  # fmt: skip
    if len(jobs) < FEWEST or sum(arrays.values()) > MOST_BYTES:
        return
    training = Training([replace(job, model=jobs[0].model) for job in jobs], network)  # the others may not be read yet
    training.begin()
    training.compile_beside()


def look_alike(jobs: Sequence[Job]) -> bool:
    """Say whether the models seem to be one network with other numbers."""
    with suppress(Unsuited):
        return len({_look(job) for job in jobs}) == 1
    return False


def of_sizes(job: Job, sizes: Sequence[tuple[int, int]]) -> list[Job]:
    """Make jobs like this one, with so many rows to train and to validate on."""

    def resized(array: Any, number: int) -> Any:
        return None if array is None else np.resize(array, (number, *array.shape[1:]))

    found = []
    for train, held in sizes:
        data = job.data
        parts = {name: resized(getattr(data, name), train) for name in ("x", "y", "sample_weight")}
        validation = data.validation and tuple(resized(array, held) for array in data.validation)
        found.append(replace(job, data=replace(data, **parts, validation=validation)))
    return found


def _look(job: Job) -> Any:
    layers = tuple((type(layer).__name__, getattr(layer, "activation", None), *(tuple(v.shape) for v in layer.weights))
                   for layer in chain_of(job.model))  # fmt: skip
    return layers, type(job.model.optimizer), str(job.model.loss)
