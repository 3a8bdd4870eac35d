"""The engine for data that fit in memory, on Keras' TensorFlow backend. TensorFlow is loaded once it is used."""

import sys
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from cheatsheet.common.warn import warn_user
from recipes.running.memory import free_memory
from recipes.training.data.prepare import TrainingData
from recipes.training.data.streams import is_stream
from recipes.training.engines.engine import Job, Outcome

MEMORY_SHARE = 0.5  # of the free memory that the resident copy of the data may take


class Resident:
    """Whole epochs inside one compiled function that holds the data."""

    name = "resident"
    suits = "arrays that fit in memory"
    widens = True

    def obstacle(
        self, model: keras.Model, arrays: Any, callbacks: Sequence[keras.callbacks.Callback] = ()
    ) -> str | None:
        """Say why this cannot run here; `None` if it can."""
        if is_stream(arrays):
            return f"x is a {type(arrays).__name__}, not arrays"
        if keras.backend.backend() != "tensorflow":
            return f"Keras' backend is {keras.backend.backend()}, and the resident engine needs tensorflow"
        if model.run_eagerly:
            return "the model is compiled with run_eagerly=True"
        if "tensorflow" in sys.modules and sys.modules["tensorflow"].config.functions_run_eagerly():
            return "TensorFlow is told to run functions eagerly"
        for name in ("train_step", "test_step", "fit", "make_train_function", "make_test_function"):
            if getattr(type(model), name) is not getattr(keras.Model, name):
                return f"{type(model).__name__} has its own {name}"
        if getattr(model, "_distribute_strategy", None) is not None:
            return "the model belongs to a tf.distribute strategy"
        for callback in callbacks:
            if acts_on_batches(callback):
                return f"{type(callback).__name__} acts on batches"
        if any(isinstance(array, np.ndarray) and array.dtype.hasobject for array in keras.tree.flatten(arrays)):
            return "the model takes text, which model.fit makes tensors of"
        size, free = _num_bytes(arrays), free_memory()
        if size > MEMORY_SHARE * free:
            return f"the data ({size / 1e9:.1f} GB) exceed {MEMORY_SHARE:.0%} of the free memory ({free / 1e9:.1f} GB)"
        return None

    def train(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Train the jobs one after the other; they share what is compiled where they are known to be alike."""
        from recipes.training.engines.tensorflow import loop

        for job in jobs:
            _say_what_was_frozen(job.model)
        return [loop.train(job.model, job.data, job.plan) for job in jobs]

    def predict(self, model: keras.Model, x: np.ndarray, batch_size: int) -> Any:
        """Return the outputs; a model with several of them, or several inputs, is left to Keras."""
        if len(getattr(model, "outputs", None) or ()) != 1 or len(model.inputs) != 1:
            return model.predict(x, batch_size=batch_size, verbose=0)
        from recipes.training.engines.tensorflow import loop

        return loop.predict(model, x, batch_size)

    def evaluate(self, model: keras.Model, data: TrainingData, batch_size: int) -> dict[str, Any]:
        """Return the compiled loss and metrics."""
        from recipes.training.engines.tensorflow import loop

        return loop.evaluate(model, data, batch_size)


ENGINE = Resident()


def _num_bytes(arrays: Any) -> int:
    """Count the bytes of a tree of arrays; one that stands in two places counts once."""
    flat = [array for array in keras.tree.flatten(arrays) if array is not None]
    return sum({id(array): getattr(array, "nbytes", 0) for array in flat}.values())


def acts_on_batches(callback: keras.callbacks.Callback) -> bool:
    """Say whether this callback must be called at every batch.

    Some of Keras' own have batch hooks that do nothing in their usual setting, where they act once an epoch.
    """
    own = keras.callbacks
    asleep = (
        (own.TerminateOnNaN, True),  # the engine shows it the epoch's loss, which is NaN if a batch's was
        (own.ModelCheckpoint, getattr(callback, "save_freq", None) == "epoch"),
        (own.BackupAndRestore, getattr(callback, "save_freq", None) == "epoch"),
        (own.TensorBoard, getattr(callback, "update_freq", None) == "epoch" and not _profiles(callback)),
    )
    for hook in ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end",
                 "on_test_batch_begin", "on_test_batch_end"):  # fmt: skip
        if getattr(getattr(callback, hook), "_is_default", False):
            continue
        keras_own = any(
            idle and isinstance(callback, kind) and getattr(type(callback), hook) is getattr(kind, hook)
            for kind, idle in asleep
        )
        if not keras_own:
            return True
    return False


def _profiles(callback: Any) -> bool:
    return bool(getattr(callback, "_start_batch", 0) or getattr(callback, "_stop_batch", 0))


def _say_what_was_frozen(model: keras.Model) -> None:
    """Warn of layers frozen after compiling: frozen here, while Keras' own loop may go on with what it traced."""
    compiled = getattr(model, "_compiled_trainable_state", {})
    changed = [
        layer.name for layer in model._flatten_layers() if compiled.get(layer, layer.trainable) != layer.trainable
    ]
    if changed:
        warn_user(
            f"trainable was changed after compile(), of {', '.join(changed)}: this run follows it, model.fit may not. "
            "Call compile() again to have both do the same."
        )
