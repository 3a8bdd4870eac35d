"""Which jobs are trained together: networks that are alike but for what one program can hold, and their rows."""

import contextlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from recipes.running.checkpoint import Checkpoint
from recipes.running.thread import InThread
from recipes.training.engines.engine import Job, Outcome

NAME = "stacked"


@dataclass(frozen=True)
class Together:
    """What is known of some jobs before they are trained.

    Attributes:
        jobs: Their places in the list that was given.
        network: What they have in common; `None` for one that must be trained by itself.
        why: What is in the way then, in words; else why it is these that share a program.
    """

    jobs: tuple[int, ...]
    network: Any = None
    why: str = ""


def begin_ahead(job: Job, sizes: Sequence[tuple[int, int]]) -> None:
    """Begin to compile the program of jobs like this one, while the others are still being made.

    Args:
        job: The first of them.
        sizes: Rows to train and to validate on of all of them.
    """
    from recipes.training.engines.many.ahead import compile_ahead, of_sizes
    from recipes.training.engines.many.stacked.network import Unsuited

    with contextlib.suppress(Unsuited):
        compile_ahead(of_sizes(job, sizes), _read(job))


def groups(jobs: Sequence[Job], among: Sequence[tuple[Hashable, Any]] = (), *, ahead: bool = True) -> list[Together]:
    """Sort jobs into those that can be trained together, and those that must be trained alone.

    Every variable that is not there yet is created.

    Args:
        jobs: To sort.
        among: What `kinds` says of others, which are not trained here, but have the same network in common, so that
            several lists of jobs share a program.
        ahead: Whether the program of networks that look alike is being compiled meanwhile; it may have been begun.
    """
    from recipes.training.engines.many.ahead import compile_ahead, look_alike
    from recipes.training.engines.many.cost import apart
    from recipes.training.engines.many.stacked.common import in_common
    from recipes.training.engines.many.stacked.network import Unsuited

    found: list[Together] = []
    by_kind: dict[Hashable, list[tuple[int, Any]]] = {}
    shared = sharing([job.model for job in jobs])
    for i, job in enumerate(jobs):
        try:
            if i in shared:  # one after another, each going on from where the last one left what they share
                raise Unsuited("it shares weights, seeds or its optimizer with another of the models")
            network = _read(job)
            kind = _kind(job, network)
            if i == 0 and ahead and not among and look_alike(jobs):
                compile_ahead(jobs, network)
        except Unsuited as error:
            found.append(Together((i,), why=str(error)))
            continue
        by_kind.setdefault(kind, []).append((i, network))
    for of_members, members in by_kind.items():
        places, networks = zip(*members, strict=True)
        if others := [network for kind, network in among if kind == of_members]:
            wide = in_common([*networks, *others])
            if wide is not None:
                found.append(Together(places, wide, "networks that are alike"))
                continue
        split = apart([jobs[i] for i in places], networks)
        why = "networks that are alike"
        if len(split) > 1:
            why = f"in {len(split)} programs, since to fill all {len(places)} up would cost more than to compile"
        for some in split:
            mine = [networks[i] for i in some]
            wide = in_common(mine)
            if wide is not None:
                found.append(Together(tuple(places[i] for i in some), wide, why))
                continue
            for network in dict.fromkeys(mine):  # each width by itself
                found.append(Together(tuple(places[i] for i in some if networks[i] == network), network, why))
    return found


def kinds(jobs: Sequence[Job]) -> list[tuple[Hashable, Any]]:
    """Read the networks of these jobs, each with what it must share with another; those that cannot be left out."""
    from recipes.training.engines.many.stacked.network import Unsuited

    found = []
    for job in jobs:
        with contextlib.suppress(Unsuited):
            network = _read(job)
            found.append((_kind(job, network), network))
    return found


def train(jobs: Sequence[Job], network: Any, kept: Checkpoint | None = None, every: int | None = None) -> list[Outcome]:
    """Train the jobs of one group, at once; `network` is what they have in common.

    Args:
        kept: Where the state of all is written at the ends of blocks, and gone on from.
        every: After how many epochs; `None` for whenever it costs next to nothing.
    """
    from recipes.training.engines.many.train import Training

    training = Training(jobs, network, kept, every)
    training.begin()
    training.train()
    return training.finish()


class Behind:
    """The training of one group in a thread of its own, from now on.

    Where there is an accelerator, nothing is gained by it, and they train when their outcomes are asked for.

    Args:
        jobs: Of the group.
        network: What they have in common.
        first: Epochs that all models have behind them, of those that are planned.
    """

    def __init__(self, jobs: Sequence[Job], network: Any, first: int = 0) -> None:
        import tensorflow as tf

        from recipes.training.engines.many.train import Training
        from recipes.training.engines.tensorflow.walk import set_as_here

        self._training = Training(jobs, network, first=first)
        self._training.begin()  # here, as tracing reads what is set for the thread, and a `build` may be going on there
        set_there = set_as_here()

        def train() -> None:
            set_there()
            self._training.train()

        self._thread = None if tf.config.list_logical_devices("GPU") else InThread(train)

    def outcomes(self, at_end: Callable[[list[Outcome]], None] | None = None) -> list[Outcome]:
        """Wait until all have ended, and put what has become of them into the models.

        Args:
            at_end: Is called once the models are as their last epoch left them, with the outcomes that they have then;
                only thereafter those that keep their best epoch get its weights.
        """
        if self._thread is None:
            self._training.train()
        else:
            self._thread.wait()
        if at_end is not None and not self._training.plans[0].interrupt.requested:
            at_end(self._training.finish(keeps=False))
        return self._training.finish()

    def give_up(self) -> None:
        """End it soon; nobody will ask for the outcomes."""
        self._training.given_up = True
        if self._thread is not None:
            self._thread.wait()


def sharing(models: Sequence[keras.Model], *, trained: bool = False) -> set[int]:
    """Find the models, by their places, that have a variable in common with another of them.

    Args:
        models: Compiled models.
        trained: Ask for trainable variables alone, and those of optimizers.
    """
    holders: dict[int, set[int]] = {}
    for i, model in enumerate(models):
        weights = model.trainable_variables if trained else model.variables
        for variable in (*weights, *getattr(model.optimizer, "variables", ())):
            holders.setdefault(id(variable), set()).add(i)
    return {i for together in holders.values() if len(together) > 1 for i in together}


def _kind(job: Job, network: Any) -> Hashable:
    """Write down what must be equal for jobs to be trained together."""
    from recipes.training.engines.many.stacked.common import kinship

    data = job.data
    arrays = (data.x, data.y, data.sample_weight, *(data.validation or ()))
    shapes = tuple(None if array is None else (array.shape[1:], array.dtype.str) for array in arrays)
    whole = job.plan.batch_size if any(part.statistics for part in network.parts) else None  # of whole batches alone
    return kinship(network), whole, shapes, _margins(job) if network.reads_margins else None


def _margins(job: Job) -> bool:
    """Say whether all labels are -1 and +1, rather than 0 and 1, which Keras' hinges tell by those in a batch."""
    from recipes.training.engines.many.stacked.network import Unsuited

    held = job.data.validation
    labels = {float(label) for y in (job.data.y, held and held[1]) if y is not None for label in np.unique(y)}
    if not (labels <= {-1.0, 1.0} or labels <= {0.0, 1.0}):
        raise Unsuited("its loss or a metric reads margins, and its labels are neither -1 and +1 nor 0 and 1")
    return -1.0 in labels


def _read(job: Job) -> Any:
    from recipes.training.engines.many.stacked.network import Unsuited, read
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
    weights = (data.sample_weight, data.validation and data.validation[2])
    if any(weight is not None and weight.ndim != 1 for weight in weights):
        raise Unsuited("its steps or pixels have weights of their own")
    if model.run_eagerly:
        raise Unsuited("it is compiled with run_eagerly=True")
    build_variables(model, data)
    try:
        for variable in model.trainable_variables:
            model.optimizer._get_variable_index(variable)
    except KeyError:
        raise Unsuited("its optimizer was made for other variables") from None
    network = read(model)
    if not is_told_by_its_configuration(model, lambda twin: build_variables(twin, data)):
        raise Unsuited("it holds something that its configuration does not tell")
    return network
