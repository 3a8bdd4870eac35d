"""What an engine is, and what passes between `fit` and it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import keras
import numpy as np

from cheatsheet.common.words import count
from recipes.running.interrupt import Interrupt
from recipes.training.data.prepare import TrainingData
from recipes.training.engines.resume import Resume


@dataclass(frozen=True)
class Plan:
    """How to train, whatever engine does it.

    Attributes:
        epochs: Passes over the rows, those before a checkpoint included.
        batch_size: Rows a step.
        shuffle: Whether each epoch has a new order.
        seed: Of that order.
        callbacks: The user's.
        progress: A callback of our own that only looks at the logs; it may be told of several epochs at once.
        interrupt: Its `requested` asks the engine to end at the next clean place.
        resume: Where the run goes on from, and what takes its states; `None` keeps nothing on disk.
        patience: Epochs without a lower val_loss after which the run ends; in the end the model has the weights of the
            lowest. `None` trains all epochs.
        of_keras: Arguments that Keras' own `fit` alone reads, such as `steps_per_epoch`, by name.
        widen: Whether this is one of many runs of networks that differ in widths and rates, so that what is compiled
            for all of them at once pays, at the price of other random numbers in dropout.
    """

    epochs: int
    batch_size: int
    shuffle: bool
    seed: int
    callbacks: list[keras.callbacks.Callback] = field(default_factory=list)
    progress: keras.callbacks.Callback | None = None
    interrupt: Interrupt = field(default_factory=Interrupt)
    resume: Resume | None = None
    patience: int | None = None
    of_keras: Mapping[str, Any] = field(default_factory=dict)
    widen: bool = False


@dataclass(frozen=True)
class Job:
    """One model to train on its data as planned."""

    model: keras.Model
    data: TrainingData
    plan: Plan


@dataclass(frozen=True)
class Outcome:
    """What has become of a job, whose model is trained in place.

    Attributes:
        history: One list per quantity, one value per epoch, those before a checkpoint included.
        how: What ran, in words.
        steps_per_second: Of training alone, once all was compiled; NaN where nothing ran after that.
        kept: Epoch, counted from 1, whose weights `plan.patience` has put back; `None` for the last one.
        first_steps: Batches that the model had seen before, where a checkpoint knows it.
    """

    history: dict[str, list[float]]
    how: str
    steps_per_second: float = math.nan
    kept: int | None = None
    first_steps: int | None = None


def stopping_after(patience: int) -> keras.callbacks.EarlyStopping:
    """Make the callback that means the same as `Plan.patience`."""
    return keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True)


class CompiledOnce:
    """What a model is compiled with as a run begins, which no callback may change within it: Keras' own fit breaks off.

    Args:
        model: A compiled model.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._held = model.optimizer, model._compile_loss

    def require(self, epoch: int) -> None:
        """Require it to be compiled as it was, before an epoch.

        Raises:
            ValueError: for a model that was compiled anew.
        """
        optimizer, loss = self._held
        if self._model.optimizer is not optimizer or self._model._compile_loss is not loss:
            raise ValueError(
                f"A callback has compiled the model anew, after {count(epoch, 'epoch')} of this fit, which cannot go "
                "on with another optimizer. End it there (epochs=, or stop_training), compile, and call fit again."
            )


class Engine(Protocol):
    """Trains models on arrays, in batches whose order `recipes.training.data.batches.epoch_order` gives.

    It trains models in place, as Keras' own `fit` would: the same steps in the same order, the same callbacks at the
    same epochs. It may run many steps between two looks at the world, and end such a block inside an epoch; what it
    hands to `plan.resume` says after which epoch, and after how many batches of the next.

    Attributes:
        name: As `fit(engine=name)` asks for it, and a checkpoint keeps it.
        suits: What it is for, in words.
        widens: Whether `plan.widen` makes a difference to it.
    """

    name: str
    suits: str
    widens: bool

    def obstacle(
        self, model: keras.Model, arrays: Any, callbacks: Sequence[keras.callbacks.Callback] = ()
    ) -> str | None:
        """Say why it cannot run this compiled model on this tree of arrays, or this stream; `None` if it can."""

    def train(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Train each job's model in place."""

    def predict(self, model: keras.Model, x: np.ndarray, batch_size: int) -> Any:
        """Return the outputs of a built model, as Keras' `predict` gives them."""

    def evaluate(self, model: keras.Model, data: TrainingData, batch_size: int) -> dict[str, Any]:
        """Return the compiled loss and metrics on `data.x`, `data.y`, `data.sample_weight`, as Keras' `evaluate`."""


@dataclass(frozen=True)
class EngineUsed:
    """Which engine ran, how, and why it was chosen.

    >>> print(EngineUsed("keras", "model.fit", "as asked"))
    keras: model.fit (as asked)
    """

    name: str
    how: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: {self.how} ({self.why})"
