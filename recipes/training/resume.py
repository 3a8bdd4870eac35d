"""What of a training run goes into a checkpoint, and how it comes back."""

import hashlib
import json
import time
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from recipes.training.checkpoint import Checkpoint, digest_of
from recipes.training.inputs import TrainingData
from recipes.training.sharing import description

History = dict[str, list[float]]
_PLAIN = (bool, int, float, str, type(None))


class Resume:
    """Gives an engine the state to go on from, and takes its states as it goes.

    Attributes:
        epoch: Epochs that had been trained when the state was written; 0 for a new run.
        history: Of these epochs.
        way: How the engine compiled, which the bits of the weights depend on; `None` for a new run.
        stopped: Whether the run had come to its end by itself (early stopping).
        seconds: Spent on these epochs.
    """

    def __init__(self, checkpoint: Checkpoint, every: int | None) -> None:
        self.checkpoint = checkpoint
        self.every = every
        self._saved = checkpoint.load()
        state = self._saved.state if self._saved else {}
        self.epoch: int = state.get("epoch", 0)
        self.history: History = state.get("history", {})
        self.way: str | None = state.get("way")
        self.stopped: bool = state.get("stopped", False)
        self.seconds: float = state.get("seconds", 0.0)
        self._start = time.monotonic()
        self._last_epoch = self.epoch

    def restore(self, model: keras.Model, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        """Put the saved numbers into a built model, and into its callbacks after their `on_train_begin`."""
        if self._saved is None:
            return
        variables = _variables(model)
        arrays = [self._saved.arrays[f"variable {i}"] for i in range(self._saved.state["num_variables"])]
        if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
            raise ValueError(
                f"{self.checkpoint.folder} holds {len(arrays)} arrays of a model with other layers. "
                "Go on with the same model, or name another folder."
            )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        for i, (callback, attributes) in enumerate(zip(callbacks, self._saved.state["callbacks"], strict=True)):
            for name, value in attributes.items():
                setattr(callback, name, value)
            best = [array for name, array in sorted(self._saved.arrays.items()) if name.startswith(f"best {i} ")]
            if best:
                callback.best_weights = best

    def block(self, epoch: int, count: int) -> int:
        """How many of `count` epochs may be trained from here in one go?"""
        return count if self.every is None else min(count, self.every - epoch % self.every)

    def offer(
        self,
        model: keras.Model,
        callbacks: Sequence[keras.callbacks.Callback],
        epoch: int,
        history: History,
        way: str | None = None,
        *,
        finished: bool = False,
    ) -> None:
        """Write the state after `epoch` epochs, if it is time to.

        Args:
            history: Of the epochs since this process began.
            finished: The run ends here: written whatever the time, unless it has been.
        """
        stopped = bool(model.stop_training) and not finished
        due = self.checkpoint.is_due() if self.every is None else epoch % self.every == 0
        if (epoch == self._last_epoch) if finished else not (due or stopped):
            return
        arrays = {f"variable {i}": np.asarray(variable) for i, variable in enumerate(_variables(model))}
        for i, callback in enumerate(callbacks):
            for k, array in enumerate(getattr(callback, "best_weights", None) or ()):
                arrays[f"best {i} {k:06d}"] = np.asarray(array)
        self.checkpoint.save(
            arrays,
            {
                "epoch": epoch,
                "history": merged(self.history, history),
                "way": way,
                "stopped": stopped,
                "seconds": self.seconds + time.monotonic() - self._start,
                "num_variables": len(_variables(model)),
                "callbacks": [_plain_attributes(callback) for callback in callbacks],
            },
        )
        self._last_epoch = epoch


def _variables(model: keras.Model) -> list[keras.Variable]:
    """Weights, seeds and the optimizer's; metrics begin anew with every epoch."""
    return [*model.variables, *model.optimizer.variables]


def merged(before: History, after: History) -> History:
    """One history of two parts of a run."""
    return {name: [*before.get(name, ()), *after.get(name, ())] for name in {**before, **after}}


def settings_of(
    model: keras.Model,
    data: TrainingData,
    *,
    batch_size: int,
    shuffle: bool,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback],
) -> dict[str, Any]:
    """What must stay the same for a run to go on as if it had never stopped; epochs may be added."""
    validation = data.validation or (None, None, None)
    arrays = keras.tree.flatten((data.x, data.y, data.sample_weight, *validation))
    with warnings.catch_warnings(action="ignore"):  # of lambdas, that they are unsafe to save
        layers, compiled = description(model)
    return {
        "layers": hashlib.sha256(json.dumps(layers, sort_keys=True, default=str).encode()).hexdigest()[:16],
        "loss": json.loads(json.dumps(compiled.get("loss"), default=str)),
        "optimizer": json.loads(json.dumps(compiled["optimizer"], default=str)),
        "data": digest_of(*arrays),
        "batch_size": batch_size,
        "shuffle": shuffle,
        "seed": seed,
        "callbacks": [type(callback).__name__ for callback in callbacks],
    }


def _plain_attributes(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """Counters and best values, such as EarlyStopping's `wait`; not models, files and functions."""
    values = {name: v.item() if isinstance(v, np.generic) else v for name, v in vars(callback).items()}
    return {name: v for name, v in values.items() if isinstance(v, _PLAIN) and not name.startswith("_")}
