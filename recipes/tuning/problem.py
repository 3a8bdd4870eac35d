"""What all trials of a search have in common: the data, what is built from a configuration, and how it is trained."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import keras
import numpy as np
from keras_tuner import HyperParameters
from keras_tuner.errors import FailedTrialError

from recipes.running.digests import digest_of
from recipes.training.names import named_anew, numbered_anew
from recipes.training.several.cross_validate import require_no_constants
from recipes.training.signature import Signature
from recipes.tuning.kinds import Kind
from recipes.tuning.oracles._keras_tuner import serialize
from recipes.tuning.record.identity import described_callback, digest_of_code
from recipes.tuning.space import Entries, ask


@dataclass(frozen=True)
class Problem:
    """Everything that decides what a trial does, but its configuration.

    Attributes:
        kind: How a configuration is built and trained.
        x: Training inputs; `None` where the kind brings its own data.
        y: Training targets; `None` for an autoencoder.
        sample_weight: Of the training rows; `None` for none.
        class_weight: As for `fit`.
        metrics: To watch beside the task's own, of which each model gets copies.
        validation: `(x, y)` or `(x, y, sample_weight)`; `None` where the kind brings its own data.
        task: The cheatsheet's task: as given, or decided once from all of `y`; `None` without `y`.
        loss: Name of the loss, where it is not the task's first; decided with it.
        task_given: As the user said it.
        body: One of the kind's; `""` where `hypermodel` builds.
        entries: What is searched; empty where `hypermodel` says it.
        hypermodel: The user's own: a function of `hp` that gives a compiled model, or a keras-tuner `HyperModel`.
        epochs: The most that a configuration is trained for.
        batch_size: Unless it is searched.
        executions: How often each configuration is trained, each time from other initial weights; with folds, on each.
        seed: Of everything.
        objective: Name of the quantity in the history.
        direction: `"min"` or `"max"`.
        all_rows: Inputs, targets and weights before they were divided, that the best configuration is trained on in
            the end.
        split: Share of these rows that validates; `None` where the validation set was given.
        callbacks: Keras callbacks, of which each training gets a copy.
        like: The names of the columns of x and y, which the arrays have lost; `None` where they had none.
        folds: The rows that train and those that are held out, of each fold, by their numbers in `all_rows`; empty
            where one part of the rows validates. With folds, x, y, weights and validation are those of the first.
        is_fold: Whether this is what is to be done on one of them.
    """

    kind: Kind = field(repr=False)
    x: Any = field(repr=False)
    y: Any = field(repr=False)
    sample_weight: Any = field(repr=False)
    class_weight: Any
    metrics: tuple[Any, ...]
    validation: tuple[Any, ...] | None = field(repr=False)
    task: str | None
    loss: str | None
    task_given: str | None
    body: str
    entries: Entries
    hypermodel: Any
    epochs: int
    batch_size: int
    executions: int
    seed: int
    objective: str
    direction: str
    all_rows: tuple[Any, Any, Any] = field(repr=False)
    split: float | None
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    like: Signature | None = None
    folds: tuple[tuple[np.ndarray, np.ndarray], ...] = field(default=(), repr=False)
    is_fold: bool = False

    def build(self, hp: Any, seed: int) -> keras.Model:
        """Build the compiled model of this configuration.

        Raises:
            ValueError: with folds, for a model of the user's that holds constants of rows that a fold holds out.
        """
        model = named_anew(lambda: self.kind.build(self, hp, seed))
        if (self.folds or self.is_fold) and self.hypermodel is not None:
            require_no_constants([model])
        return model

    @property
    def trainings(self) -> int:
        """How often each configuration is trained: the executions, on every fold."""
        return self.executions * max(1, len(self.folds))

    def of(self, training: int) -> "Problem":
        """Give what a training of each trial, counted from 0, has to do: on its own fold, where there are any."""
        return self._of_folds[training % len(self.folds)] if self.folds else self

    @cached_property
    def _of_folds(self) -> tuple["Problem", ...]:
        return tuple(replace(self, **on_fold(self.all_rows, fold), folds=(), is_fold=True) for fold in self.folds)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out for other processes what they make themselves."""
        return {name: value for name, value in vars(self).items() if name != "_of_folds"}

    def declare(self, hp: Any) -> None:
        """Ask for every hyperparameter, so that keras-tuner knows the space; the user's own model is built for it."""
        if self.hypermodel is None:
            ask(hp, self.entries)
        else:
            self.build(hp, 0)

    @property
    def validation_data(self) -> Any:
        """As `fit` takes it: of an autoencoder the inputs alone."""
        return self.validation if self.y is not None or self.validation is None else self.validation[0]

    def batch_size_of(self, hp: Any) -> int:
        """Say how many rows a step of this configuration takes."""
        return int(hp.values.get("batch_size", self.batch_size)) if "batch_size" in self.entries else self.batch_size

    def settings(self) -> dict[str, Any]:
        """List what must stay the same for a search to go on: by name, in plain values."""
        x, y, weights = self.all_rows
        given = self.validation if self.split is None and not self.folds else None
        arrays = keras.tree.flatten(((x, y), given))
        arrays += [] if weights is None else [weights]
        asked = {
            "class_weight": _in_words(self.class_weight),
            "metrics": numbered_anew([*map(_in_words, self.metrics)]),
        }
        return {
            "data": None if self.x is None else digest_of(*map(_for_digest, arrays)),
            "task": self.task_given,
            "validation_split": self.split,
            "body": self.body,
            "space": self._space(),
            "hypermodel": digest_of_code(self.hypermodel),
            "objective": f"{self.direction} {self.objective}",
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "executions_per_trial": self.executions,
            "seed": self.seed,
            "callbacks": [described_callback(callback) for callback in self.callbacks],
            **{name: value for name, value in asked.items() if value},  # which older searches know nothing of
            **(
                {"cv": [len(self.folds), digest_of(*(rows for fold in self.folds for rows in fold))]}
                if self.folds
                else {}
            ),
        }

    def _space(self) -> Any:
        if self.hypermodel is None:
            return {name: list(entry) if isinstance(entry, tuple) else entry for name, entry in self.entries.items()}
        hp = HyperParameters()
        with contextlib.suppress(FailedTrialError):  # what it asked for until then
            self.declare(hp)
        return [serialize(parameter) for parameter in hp.space]


def seed_of(seed: int, number: int, execution: int) -> int:
    """Make the seed of one training, below 2^32; any two are unrelated."""
    return int(np.random.SeedSequence([seed, number, execution]).generate_state(1)[0])


def on_fold(rows: tuple[Any, Any, Any], fold: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    """Take what trains and what validates on a fold of inputs, targets and weights; `None` stays `None`."""
    (x, y, weights), (train, held) = rows, fold
    names = ("x", "y", "sample_weight")
    taken = {name: None if part is None else part[train] for name, part in zip(names, (x, y, weights), strict=True)}
    return {**taken, "validation": (x[held], None if y is None else y[held])}


def _for_digest(array: Any) -> np.ndarray:
    array = np.asarray(array)
    return array.astype(str) if array.dtype.kind == "O" else array


def _in_words(value: Any) -> Any:
    """Describe a metric, or weights of classes, as JSON can."""
    if isinstance(value, Mapping):
        return {str(key): float(weight) for key, weight in value.items()}
    if value is None or isinstance(value, str):
        return value
    try:
        return keras.saving.serialize_keras_object(value)
    except (TypeError, ValueError, NotImplementedError):  # the user's own, which has no words
        return type(value).__name__
