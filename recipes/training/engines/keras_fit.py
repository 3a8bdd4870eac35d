"""The engine that runs everything: Keras' own `model.fit`, with our order of the batches."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from recipes.training.data.prepare import TrainingData
from recipes.training.data.shuffled import ShuffledBatches
from recipes.training.engines.engine import CompiledOnce, Job, Outcome, Plan, stopping_after
from recipes.training.engines.resume import merged

HOW = "model.fit"


class KerasFit:
    """Keras' own loop, on any backend."""

    name = "keras"
    suits = "the only one that can"
    widens = False

    def obstacle(self, model: keras.Model, arrays: Any, callbacks: Sequence[keras.callbacks.Callback] = ()) -> None:
        """Name no obstacle: Keras runs whatever it has compiled."""

    def train(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Train the jobs one after the other."""
        return [_train(job.model, job.data, job.plan) for job in jobs]

    def predict(self, model: keras.Model, x: np.ndarray, batch_size: int) -> Any:
        """Return the outputs."""
        return model.predict(x, batch_size=batch_size, verbose=0)

    def evaluate(self, model: keras.Model, data: TrainingData, batch_size: int) -> dict[str, Any]:
        """Return the compiled loss and metrics."""
        with _functions_of_their_own(model):
            return model.evaluate(
                data.x, data.y, sample_weight=data.sample_weight, batch_size=batch_size, verbose=0, return_dict=True
            )


ENGINE = KerasFit()


def _train(model: keras.Model, data: TrainingData, plan: Plan) -> Outcome:
    batches: Any = data.x
    options: dict[str, Any] = {"validation_data": data.validation, "shuffle": False}  # batches have their own order
    if not data.is_stream:
        arrays = (data.x, data.y) if data.sample_weight is None else (data.x, data.y, data.sample_weight)
        if data.y is None:  # for the model's own train_step: a PyDataset would hand it a tuple
            options |= {"sample_weight": data.sample_weight, "batch_size": plan.batch_size, "shuffle": plan.shuffle}
        else:
            batches = ShuffledBatches(arrays, batch_size=plan.batch_size, seed=plan.seed, shuffle=plan.shuffle)
        if data.validation is not None:
            options["validation_data"] = data.validation if data.validation[2] is not None else data.validation[:2]
            options["validation_batch_size"] = plan.batch_size
    options |= plan.of_keras
    speed = _Speed()
    callbacks = [_Control(batches, plan), speed, *plan.callbacks, *([plan.progress] if plan.progress else [])]
    stopping = None
    if plan.patience is not None:
        stopping = stopping_after(plan.patience)
        callbacks.append(stopping)
    if plan.resume is not None:
        if plan.resume.stopped or plan.resume.epoch >= plan.epochs:  # model.fit would train one more epoch
            return Outcome(_finished(model, data, plan), HOW)
        callbacks.append(_Keep(plan))
        options["initial_epoch"] = plan.resume.epoch
    callbacks.append(_AsCompiled(model))
    with _functions_of_their_own(model):
        history = model.fit(batches, epochs=plan.epochs, callbacks=callbacks, verbose=0, **options).history
    history = history if plan.resume is None else merged(plan.resume.history, history)
    kept = None if stopping is None or stopping.best_weights is None else stopping.best_epoch + 1
    return Outcome(history, HOW, speed.steps_per_second, kept)


@contextmanager
def _functions_of_their_own(model: keras.Model) -> Iterator[None]:
    """Let Keras compile functions for our targets `(n, 1)` beside those that it has for the user's `(n,)`.

    It keeps one for all calls, whose shapes TensorFlow relaxes to any rank once it has seen both, and then fails.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return
    kept = model.train_function, model.test_function
    ours = _one_for_each_rank(model)
    model.train_function, model.test_function = None, ours
    try:
        yield
    finally:
        if model.test_function is ours:  # else a callback has compiled the model anew
            model.train_function, model.test_function = kept


def _one_for_each_rank(model: keras.Model) -> Callable[[Any], Any]:
    """Make a test function for the validation and for callbacks that evaluate with targets of their own."""
    made: dict[Any, Callable[[Any], Any]] = {}

    def test(batches: Any) -> Any:
        spec = getattr(batches, "element_spec", None)  # none of a Python generator, as of test_on_batch
        ranks = None if spec is None else tuple(one.shape.rank for one in keras.tree.flatten(spec))
        if ranks not in made:
            model.make_test_function(force=True)
            made[ranks], model.test_function = model.test_function, test
        return made[ranks](batches)

    return test


def _finished(model: keras.Model, data: TrainingData, plan: Plan) -> dict[str, list[float]]:
    """End a run again that had come to its end before; return its history."""
    assert plan.resume is not None
    if not model.built:
        model.build(keras.tree.map_structure(lambda array: (None, *array.shape[1:]), data.x))
    callbacks = keras.callbacks.CallbackList(plan.callbacks, model=model)
    callbacks.on_train_begin()
    _restore(model, plan)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    callbacks.on_train_end({name: values[-1] for name, values in plan.resume.history.items() if values})
    return plan.resume.history


def _restore(model: keras.Model, plan: Plan) -> None:
    assert plan.resume is not None
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    plan.resume.restore(model, plan.callbacks)


class _Control(keras.callbacks.Callback):
    """A new order for each epoch, and an end to the run when it is interrupted."""

    def __init__(self, batches: Any, plan: Plan) -> None:
        super().__init__()
        self.batches = batches
        self.plan = plan

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if isinstance(self.batches, ShuffledBatches):
            self.batches.set_epoch(epoch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.plan.interrupt.requested and self.plan.resume is None:  # else at the end of the epoch
            self.model.stop_training = True


class _AsCompiled(keras.callbacks.Callback):
    """Ends a run whose model a callback has compiled anew, with a sentence; after the others."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__()
        self._compiled_once, self._epoch = CompiledOnce(model), 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        self._compiled_once.require(epoch)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._compiled_once.require(self._epoch)


class _Keep(keras.callbacks.Callback):
    """Takes the run up where it stopped, and writes its states; after the others, whose counters it sets."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.history: dict[str, list[float]] = {}  # Keras' own is written after all callbacks

    def on_train_begin(self, logs: Any = None) -> None:
        _restore(self.model, self.plan)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        assert self.plan.resume is not None
        last = epoch + 1 == self.plan.epochs or self.plan.interrupt.requested
        self.plan.resume.offer(self.model, self.plan.callbacks, epoch + 1, self.history, finished=last)
        if self.plan.interrupt.requested:
            self.model.stop_training = True


class _Speed(keras.callbacks.Callback):
    """Steps per second once all is compiled: after the first epoch; within the only one, after its first step."""

    def __init__(self) -> None:
        super().__init__()
        self._marks: list[tuple[float, int]] = []  # after the first step, and after each epoch: when, and how many
        self._steps, self._before = 0, 0  # in all, and before this epoch
        self._last = (0.0, 0)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._steps = self._before + batch + 1  # Keras may have run several at once
        self._last = (time.perf_counter(), self._steps)
        if not self._marks:
            self._marks.append(self._last)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._before = self._steps
        self._marks.append((time.perf_counter(), self._steps))

    @property
    def steps_per_second(self) -> float:
        """NaN where there was one step alone."""
        if len(self._marks) > 2:
            begin, end = self._marks[1], self._marks[-1]
        else:
            begin, end = (self._marks or [self._last])[0], self._last
        return (end[1] - begin[1]) / (end[0] - begin[0]) if end[0] > begin[0] else float("nan")
