"""What of a training run goes into a checkpoint, and how it comes back."""

import hashlib
import json
import time
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from recipes.running.checkpoint import Checkpoint
from recipes.running.digests import digest_of
from recipes.training.data.prepare import TrainingData
from recipes.training.engines.description import description, optimizers_in, rate_of
from recipes.training.names import numbered_anew, plain_names, renamed

History = dict[str, list[float]]
_PLAIN = (bool, int, float, str, type(None))
_COMPILED = ("loss", "loss_weights", "metrics", "weighted_metrics")


class Resume:
    """Gives an engine the state to go on from, and takes its states as it goes.

    Attributes:
        epoch: Epochs that had been trained when the state was written; 0 for a new run.
        batch: Batches of the next epoch that had been, too: 0 in every state that is written today.
        history: Of these epochs.
        way: How the engine compiled, which the bits of the weights depend on; `None` for a new run.
        stopped: Whether the run had come to its end by itself (early stopping).
        seconds: Spent on these epochs.
        first_steps: Batches that the model had seen before the run.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        every: int | None,
        model: keras.Model,
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> None:
        self.checkpoint = checkpoint
        self.every = every
        self._fresh = [plain_attributes(callback) for callback in callbacks]
        self._saved = checkpoint.load()
        state = self._saved.state if self._saved else {}
        self.epoch: int = state.get("epoch", 0)
        self.batch: int = state.get("batch", 0)
        if self.batch:
            raise ValueError(
                f"{checkpoint.folder} holds a state inside epoch {self.epoch + 1}, from which only a later version of "
                "this package can go on. Use that one, or name another folder."
            )
        history = {name: list(map(_from_json, v)) for name, v in state.get("history", {}).items()}
        self._names = plain_names(model)
        now = {plain: name for name, plain in self._names.items()}
        self.history: History = renamed(renamed(history, state.get("names", {})), now)
        self.way: str | None = state.get("way")
        self.stopped: bool = state.get("stopped", False)
        self.seconds: float = state.get("seconds", 0.0)
        self._start = time.monotonic()
        self._last_epoch = self.epoch
        self.first_steps: int = state.get("first_steps", steps_of(model))
        self._first_rate = state.get("first_rate", rate_of(model))
        if rate_of(model) not in (
            self._first_rate,
            state.get("rate", self._first_rate),
        ):  # a schedule may have changed it
            raise ValueError(
                f"{checkpoint.folder} holds the state of another run: learning_rate was {self._first_rate}, "
                f"now {rate_of(model)}. Go on with the same settings, or name another folder."
            )

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
        """Say how many of `count` epochs may be trained from here in one go."""
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
        stopped = bool(model.stop_training)
        due = self.checkpoint.is_due() if self.every is None else epoch % self.every == 0
        if (epoch == self._last_epoch) if finished else not (due or stopped):
            return
        arrays = {f"variable {i}": _as_saved(variable) for i, variable in enumerate(_variables(model))}
        for i, callback in enumerate(callbacks):
            for k, array in enumerate(getattr(callback, "best_weights", None) or ()):
                arrays[f"best {i} {k:06d}"] = np.asarray(array)
        self.checkpoint.save(
            arrays,
            {
                "epoch": epoch,
                "batch": 0,
                "names": self._names,
                "history": {name: list(map(_to_json, v)) for name, v in merged(self.history, history).items()},
                "way": way,
                "stopped": stopped,
                "seconds": self.seconds + time.monotonic() - self._start,
                "num_variables": len(_variables(model)),
                "callbacks": [
                    {name: v for name, v in plain_attributes(callback).items() if v != fresh.get(name, self)}
                    for callback, fresh in zip(callbacks, self._fresh, strict=True)
                ],
                "first_steps": self.first_steps,
                "first_rate": self._first_rate,
                "rate": rate_of(model),
            },
        )
        self._last_epoch = epoch


def _variables(model: keras.Model) -> list[keras.Variable]:
    """List weights, seeds and the optimizer's variables; metrics begin anew with every epoch."""
    return [*model.variables, *model.optimizer.variables]


def _as_saved(variable: keras.Variable) -> np.ndarray:
    """Return a variable's numbers in a type that NumPy's files know: bfloat16 as float32, which holds each of them."""
    array = np.asarray(variable)
    return array if array.dtype.kind in "biufc" else array.astype(np.float32)


def steps_of(model: keras.Model) -> int:
    """Count the batches that a model's optimizer has seen."""
    return int(model.optimizer.iterations) if model.optimizer is not None else 0


def _to_json(value: Any) -> Any:
    """Turn a metric of several values, which is an array, into a list."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def _from_json(value: Any) -> Any:
    return np.asarray(value, dtype=np.float32) if isinstance(value, list) else value


def merged(before: History, after: History) -> History:
    """Join the histories of two parts of a run."""
    return {name: [*before.get(name, ()), *after.get(name, ())] for name in {**before, **after}}


def settings_of(
    model: keras.Model,
    data: TrainingData,
    *,
    engine: str,
    batch_size: int,
    shuffle: bool,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback],
    digest: str | None = None,
) -> dict[str, Any]:
    """List what must stay the same for a run to go on as if it had never stopped; epochs may be added.

    Args:
        digest: `digest_of_data(data)`, where it is known.
    """
    with warnings.catch_warnings(action="ignore"):  # of lambdas, that they are unsafe to save
        layers, compiled = description(model)
    kind, config = compiled.pop("optimizer")
    for one in optimizers_in(config):
        if isinstance(one.get("learning_rate"), float):
            one.pop("learning_rate")  # a variable, which callbacks change
    return {
        "engine": engine,
        "layers": hashlib.sha256(json.dumps(layers, sort_keys=True, default=str).encode()).hexdigest()[:16],
        "optimizer": [kind, json.loads(json.dumps(config, default=str))],
        **numbered_anew(json.loads(json.dumps({name: compiled.get(name) for name in _COMPILED}, default=str))),
        "data": digest or digest_of_data(data),
        "batch_size": batch_size,
        "shuffle": shuffle,
        "seed": seed,
        "callbacks": [type(callback).__name__ for callback in callbacks],
    }


def digest_of_data(data: TrainingData) -> str:
    """Make a short text that differs when any of the arrays does."""
    validation = data.validation or (None, None, None)
    return digest_of(*keras.tree.flatten((data.x, data.y, data.sample_weight, *validation)))


def plain_attributes(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """List counters and best values, such as EarlyStopping's `wait`; not models and functions, nor `min_delta`.

    Keras turns the sign of the latter in the first epoch of a process, also of one that goes on.
    """
    values = {name: v.item() if isinstance(v, np.generic) else v for name, v in vars(callback).items()}
    return {name: v for name, v in values.items() if isinstance(v, _PLAIN) and name != "min_delta" and name[0] != "_"}
