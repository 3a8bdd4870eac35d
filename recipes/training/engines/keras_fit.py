"""The engine that runs everything: Keras' own `model.fit`, with our order of the batches."""

from typing import Any

import keras

from recipes.training.data.batches import ShuffledBatches
from recipes.training.data.prepare import TrainingData
from recipes.training.engines.engine import Outcome, Plan
from recipes.training.engines.resume import merged


def train(model: keras.Model, data: TrainingData, plan: Plan) -> Outcome:
    """Train with `model.fit`; see `engine.py` for what goes in and comes out."""
    batches: Any = data.x
    options: dict[str, Any] = {"validation_data": data.validation}
    if not data.is_stream:
        arrays = (data.x, data.y) if data.sample_weight is None else (data.x, data.y, data.sample_weight)
        batches = ShuffledBatches(arrays, batch_size=plan.batch_size, seed=plan.seed, shuffle=plan.shuffle)
        options["shuffle"] = False  # ShuffledBatches has its own order
        if data.validation is not None:
            options["validation_data"] = data.validation if data.validation[2] is not None else data.validation[:2]
            options["validation_batch_size"] = plan.batch_size
    callbacks = [_Control(batches, plan), *plan.callbacks, *([plan.progress] if plan.progress else [])]
    if plan.resume is not None:
        if plan.resume.stopped or plan.resume.epoch >= plan.epochs:  # model.fit would train one more epoch
            return Outcome(_finished(model, data, plan), "keras: model.fit")
        callbacks.append(_Keep(plan))
        options["initial_epoch"] = plan.resume.epoch
    history = model.fit(batches, epochs=plan.epochs, callbacks=callbacks, verbose=0, **options).history
    return Outcome(history if plan.resume is None else merged(plan.resume.history, history), "keras: model.fit")


def _finished(model: keras.Model, data: TrainingData, plan: Plan) -> dict[str, list[float]]:
    """The end of a run that had come to it before."""
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
