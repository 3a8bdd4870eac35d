"""The engine that runs everything: Keras' own `model.fit`, with our order of the batches."""

from typing import Any

import keras

from recipes.training.batches import ShuffledBatches
from recipes.training.engine import Outcome, Plan
from recipes.training.inputs import TrainingData


def train(model: keras.Model, data: TrainingData, plan: Plan) -> Outcome:
    """Train with `model.fit`; see `engine.py` for what goes in and comes out."""
    if data.is_stream:
        callbacks = [_Control(None, plan), *plan.callbacks, *([plan.progress] if plan.progress else [])]
        history = model.fit(data.x, epochs=plan.epochs, validation_data=data.validation, callbacks=callbacks, verbose=0)
        return Outcome(history.history, "keras: model.fit")
    arrays = (data.x, data.y) if data.sample_weight is None else (data.x, data.y, data.sample_weight)
    validation = None
    if data.validation is not None:
        validation = data.validation if data.validation[2] is not None else data.validation[:2]
    batches = ShuffledBatches(arrays, batch_size=plan.batch_size, seed=plan.seed, shuffle=plan.shuffle)
    callbacks = [_Control(batches, plan), *plan.callbacks]
    if plan.progress is not None:
        callbacks.append(plan.progress)
    history = model.fit(
        batches,
        epochs=plan.epochs,
        validation_data=validation,
        validation_batch_size=plan.batch_size,
        shuffle=False,  # ShuffledBatches has its own order
        callbacks=callbacks,
        verbose=0,
    )
    return Outcome(history.history, "keras: model.fit")


class _Control(keras.callbacks.Callback):
    """A new order for each epoch, and an end to the run when it is interrupted."""

    def __init__(self, batches: ShuffledBatches | None, plan: Plan) -> None:
        super().__init__()
        self.batches = batches
        self.plan = plan

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self.batches is not None:
            self.batches.set_epoch(epoch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.plan.interrupt.requested:
            self.model.stop_training = True
