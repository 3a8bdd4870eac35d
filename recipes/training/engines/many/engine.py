"""Which jobs are trained together: networks that are alike but for their numbers, widths and rows."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from recipes.training.engines.engine import Job, Outcome

NAME = "stacked"


@dataclass(frozen=True)
class Together:
    """What is known of some jobs before they are trained.

    Attributes:
        jobs: Their places in the list that was given.
        network: What they have in common; `None` for one that must be trained by itself.
        why: What is in the way then, in words.
    """

    jobs: tuple[int, ...]
    network: Any = None
    why: str = ""


def groups(jobs: Sequence[Job]) -> list[Together]:
    """Sort jobs into those that can be trained together, and those that must be trained alone.

    Every variable that is not there yet is created.
    """
    from recipes.training.engines.many.network import Unsuited, as_wide_as

    found: list[Together] = []
    by_kind: dict[Hashable, list[tuple[int, Any]]] = {}
    for i, job in enumerate(jobs):
        try:
            network = _read(job)
        except Unsuited as error:
            found.append(Together((i,), why=str(error)))
            continue
        by_kind.setdefault(_kind(job, network), []).append((i, network))
    for members in by_kind.values():
        places, networks = zip(*members, strict=True)
        wide = as_wide_as(list(networks))
        if wide is not None:
            found.append(Together(places, wide))
            continue
        for network in dict.fromkeys(networks):  # each width by itself
            found.append(Together(tuple(i for i, own in members if own == network), network))
    return found


def train(jobs: Sequence[Job], network: Any) -> list[Outcome]:
    """Train the jobs of one group, at once; `network` is what they have in common."""
    from recipes.training.engines.many.train import train as train_all

    return train_all(jobs, network)


def _kind(job: Job, network: Any) -> Hashable:
    """Write down what must be equal for jobs to be trained together."""
    from recipes.training.engines.many.network import shapeless

    data = job.data
    arrays = (data.x, data.y, data.sample_weight, *(data.validation or ()))
    shapes = tuple(None if array is None else (array.shape[1:], array.dtype.str) for array in arrays)
    return shapeless(network), job.plan.batch_size, shapes


def _read(job: Job) -> Any:
    from recipes.training.engines.many.network import Unsuited, read
    from recipes.training.engines.tensorflow.alike import is_told_by_its_configuration
    from recipes.training.engines.tensorflow.program import build_variables

    model, data, plan = job.model, job.data, job.plan
    if keras.backend.backend() != "tensorflow":
        raise Unsuited(f"Keras' backend is {keras.backend.backend()}")
    if data.is_stream:
        raise Unsuited("x is a stream")
    if plan.callbacks or plan.resume is not None or plan.of_keras:
        raise Unsuited("it has callbacks, a checkpoint, or arguments that model.fit alone reads")
    arrays = (data.x, data.y, data.sample_weight, *(data.validation or ()))
    if not all(array is None or isinstance(array, np.ndarray) for array in arrays) or data.y is None:
        raise Unsuited("its inputs or targets are several arrays")
    if data.sample_weight is not None and data.sample_weight.ndim != 1:
        raise Unsuited("its steps or pixels have weights of their own")
    if model.run_eagerly:
        raise Unsuited("it is compiled with run_eagerly=True")
    build_variables(model, data)
    network = read(model)
    if not is_told_by_its_configuration(model, lambda twin: build_variables(twin, data)):
        raise Unsuited("it holds something that its configuration does not tell")
    return network
