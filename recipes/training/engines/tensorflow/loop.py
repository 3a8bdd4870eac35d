"""The engine for data that fit in memory: whole epochs inside one compiled TensorFlow function.

What falls away against `model.fit` is everything around the step; `program.py` holds what is compiled, and
`docs/engine.md` explains the numbers.
"""

import math
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipes.training.data.batches import epoch_order
from recipes.training.data.prepare import TrainingData
from recipes.training.engines.engine import CompiledOnce, Outcome, Plan
from recipes.training.engines.resume import merged
from recipes.training.engines.tensorflow.patience import Patience
from recipes.training.engines.tensorflow.program import Arrays, Logs, Program, ToWiden, build_variables, program_for
from recipes.training.engines.tensorflow.steps import PLAIN

BLOCK_SECONDS = 0.25  # a block is short enough to be shown and interrupted, long enough to hide the cost of a call


def train(model: keras.Model, data: TrainingData, plan: Plan) -> Outcome:
    """Train on the device; see `engine.py` for what goes in and comes out."""
    build_variables(model, data)
    arrays = _on_device(data)
    with_callbacks = bool(plan.callbacks)
    steps_per_epoch = -(-data.num_rows // plan.batch_size)
    to_widen = None
    if plan.widen:
        to_widen = ToWiden(data, plan.epochs * steps_per_epoch, plan.resume.way if plan.resume is not None else None)
    program, is_new = program_for(model, arrays, plan.batch_size, with_callbacks, to_widen)
    callbacks = keras.callbacks.CallbackList(
        plan.callbacks, add_history=True, model=model, verbose=0, epochs=plan.epochs, steps=steps_per_epoch
    )
    model.stop_training = False
    compiled_once = CompiledOnce(model)
    callbacks.on_train_begin()
    if plan.progress is not None:
        plan.progress.on_train_begin()
    first_epoch = getattr(model, "_initial_epoch", None) or 0  # set by BackupAndRestore
    way, history = None, model.history.history
    if plan.resume is not None:
        plan.resume.restore(model, plan.callbacks)
        model.stop_training = plan.resume.stopped
        first_epoch, way = plan.resume.epoch, plan.resume.way
    alone = plan.resume is not None  # its bits must not depend on what else this process has trained
    how = way or program.choose(model, (plan.epochs - first_epoch) * steps_per_epoch, alone=alone)
    watch = None if plan.patience is None else Patience(plan.patience, model)
    last_epoch, speed, kept = _run(program, how, model, arrays, plan, callbacks, first_epoch, watch, compiled_once)
    if plan.resume is not None:
        plan.resume.offer(model, plan.callbacks, last_epoch, history, how, finished=True)
        history = merged(plan.resume.history, history)
    if history:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    callbacks.on_train_end({name: values[-1] for name, values in history.items() if values})
    compiled = "compiled for this run" if is_new else "compiled before"
    return Outcome(history, f"{how}, {compiled}", speed, kept)


def evaluate(model: keras.Model, data: TrainingData, batch_size: int) -> dict[str, Any]:
    """Return the compiled loss and metrics on these rows, as Keras' `evaluate` gives them."""
    build_variables(model, data)
    arrays = Arrays((), _moved((data.x, data.y, data.sample_weight)), num_rows=1)
    program, _ = program_for(model, arrays, batch_size, with_callbacks=True)
    logs = program.call("validate", PLAIN, model, arrays, np.zeros((1, 1), dtype=np.int32), 1, batch_size)
    return {name: _plain(values[0]) for name, values in logs.items()}


def predict(model: keras.Model, x: np.ndarray, batch_size: int) -> np.ndarray:
    """Return the one output of a built model on these rows, as Keras' `predict` gives it."""
    arrays = Arrays(_moved((x,)), None, len(x), rows_vary=True)
    program, _ = program_for(model, arrays, batch_size, with_callbacks=True)
    return program.predict(model, arrays)


def _run(
    program: Program,
    how: str,
    model: keras.Model,
    arrays: Arrays,
    plan: Plan,
    callbacks: keras.callbacks.CallbackList,
    first_epoch: int,
    watch: Patience | None,
    compiled_once: CompiledOnce,
) -> tuple[int, float, int | None]:
    """Loop over blocks of epochs; a block is one epoch where callbacks must be called in between.

    Returns:
        The number of epochs that the model has been trained for, the steps per second of the blocks in which nothing
        was compiled (without such a block, of the only one less the time that went into tracing), and the epoch whose
        weights it has, where that is not the last one.
    """
    steps_per_epoch = -(-arrays.num_rows // plan.batch_size)
    epoch, count, blocks, end = first_epoch, program.usual_count, 0, first_epoch
    speed = Speed()
    while epoch < plan.epochs and not model.stop_training and not plan.interrupt.requested:
        if watch is not None:
            watch.begin(epoch)
        count = min(count, plan.epochs - epoch)
        if plan.resume is not None:
            count = plan.resume.block(epoch, count)
        start, tracing = time.perf_counter(), program.tracing_seconds
        orders = _orders(program, arrays, plan, epoch, count)
        if plan.callbacks:
            callbacks.on_epoch_begin(epoch)
            compiled_once.require(epoch)
            logs = program.call("train", how, model, arrays, orders, count, plan.batch_size)
            _show_last_loss(plan.callbacks, logs)
            if arrays.validation is not None:
                callbacks.on_test_begin()
                validation = program.call("validate", how, model, arrays, orders, count, plan.batch_size)
                callbacks.on_test_end({name: values[0] for name, values in validation.items()})
                logs |= {f"val_{name}": values for name, values in validation.items()}
        else:
            logs = program.call("both", how, model, arrays, orders, count, plan.batch_size)
        speed.add(count * steps_per_epoch, time.perf_counter() - start, program.tracing_seconds - tracing)
        for i in range(count):
            if not plan.callbacks:
                callbacks.on_epoch_begin(epoch + i)
            epoch_logs = {name: _plain(values[i]) for name, values in logs.items()}
            callbacks.on_epoch_end(epoch + i, epoch_logs)
            if plan.progress is not None:
                plan.progress.on_epoch_end(epoch + i, epoch_logs)
            if watch is not None and watch.has_ended(epoch + i, epoch_logs["val_loss"]):
                model.stop_training = True
                break
        end, epoch, blocks = epoch + count, epoch + i + 1, blocks + 1
        if blocks > 1:  # the first one may have been compiled on the way
            seconds = (time.perf_counter() - start) / count
            count = max(1, min(program.block_epochs, int(BLOCK_SECONDS / seconds)))
            program.usual_count = count
        if plan.resume is not None:
            plan.resume.offer(model, plan.callbacks, epoch, model.history.history, how)
    kept = None
    if watch is not None:

        def replay(first: int, number: int) -> None:
            orders = _orders(program, arrays, plan, first, number)
            program.call("both", how, model, arrays, orders, number, plan.batch_size)

        kept = watch.settle(epoch, end, replay)
    return epoch, speed.steps_per_second(how), kept


def _orders(program: Program, arrays: Arrays, plan: Plan, epoch: int, count: int) -> np.ndarray:
    """Order the rows for each epoch of a block, `(block_epochs, rows)`."""
    orders = np.zeros((program.block_epochs, arrays.num_rows), dtype=np.int32)
    for i in range(count):
        orders[i] = epoch_order(plan.seed, epoch + i, arrays.num_rows) if plan.shuffle else range(arrays.num_rows)
    return orders


class Speed:
    """Steps and seconds of the blocks, those in which something was compiled apart."""

    def __init__(self) -> None:
        self.compiled, self.compiling = [0, 0.0], [0, 0.0]  # steps, seconds

    def add(self, steps: int, seconds: float, tracing: float) -> None:
        """Count a block that took so long, so much of it for tracing."""
        total = self.compiling if tracing else self.compiled
        total[0] += steps
        total[1] += seconds - tracing

    def steps_per_second(self, how: str) -> float:
        """Give the steps per second; NaN where nobody can say: XLA compiles in the first step."""
        steps, seconds = self.compiled if self.compiled[0] or how != PLAIN else self.compiling
        return steps / seconds if steps and seconds > 0 else math.nan


def _plain(value: np.ndarray) -> Any:
    return float(value) if value.ndim == 0 else value


def _show_last_loss(callbacks: list[keras.callbacks.Callback], logs: Logs) -> None:
    """Show TerminateOnNaN, which looks at batches, the epoch's loss: a NaN in any of them makes that mean NaN."""
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.TerminateOnNaN):
            callback.on_batch_end(0, {"loss": float(logs["loss"][0])})


def _on_device(data: TrainingData) -> Arrays:
    training = _moved((data.x, data.y, data.sample_weight))
    validation = None if data.validation is None else _moved(data.validation)
    return Arrays(training, validation, data.num_rows)


def _moved(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """Turn trees of arrays into trees of tensors, without the parts that are `None`."""
    held: dict[int, tf.Tensor] = {}

    def move(array: Any) -> tf.Tensor:
        if id(array) not in held:
            held[id(array)] = tf.convert_to_tensor(array)
        return held[id(array)]

    return tuple(keras.tree.map_structure(move, part) for part in parts if part is not None)
