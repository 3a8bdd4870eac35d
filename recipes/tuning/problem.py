"""What all trials of a search have in common: the data, what is built from a configuration, and how it is trained."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras_tuner import HyperModel, HyperParameters
from keras_tuner.errors import FailedTrialError

from recipes.autoencoder.build import build_autoencoder
from recipes.build import build_model
from recipes.running.digests import digest_of
from recipes.training.data.prepare import prepare
from recipes.tuning.record.identity import described_callback, digest_of_code
from recipes.tuning.space import Entries, ask


@dataclass(frozen=True)
class Problem:
    """Everything that decides what a trial does, but its configuration.

    Attributes:
        x: Training inputs; `None` for grokking, which has its own tables.
        y: Training targets; `None` for an autoencoder.
        validation: `(x, y)`, or `None` for grokking.
        task: The cheatsheet's task: as given, or decided once from all of `y`; `None` without `y`.
        task_given: As the user said it.
        body: One of `space.OF_BODY`; `""` where `hypermodel` builds.
        entries: What is searched.
        hypermodel: The user's own: a function of `hp` that gives a compiled model, or a keras-tuner `HyperModel`.
        epochs: The most that a configuration is trained for.
        batch_size: Unless it is searched.
        executions: How often each configuration is trained, each time from other initial weights.
        seed: Of everything.
        objective: Name of the quantity in the history.
        direction: `"min"` or `"max"`.
        retrain: All rows and targets, that the best configuration is trained on in the end.
        split: Share of these rows that validates; `None` where the validation set was given.
        callbacks: Keras callbacks, of which each training gets a copy.
    """

    x: Any = field(repr=False)
    y: Any = field(repr=False)
    validation: tuple[Any, Any] | None = field(repr=False)
    task: str | None
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
    retrain: tuple[Any, Any] = field(repr=False)
    split: float | None
    callbacks: tuple[keras.callbacks.Callback, ...] = ()

    def declare(self, hp: Any) -> None:
        """Ask for every hyperparameter, so that keras-tuner knows the space; the user's own model is built for it."""
        if self.hypermodel is None:
            ask(hp, self.entries)
        else:
            self.build(hp, 0)

    def check(self) -> None:
        """Can the first configuration of the space be built, and trained on these data?

        A first configuration that the user's own code gives up says nothing of the others.

        Raises:
            ValueError: as `build_model` and `fit` say it, and whatever the user's own code raises.
        """
        if self.body == "grokking":
            return
        try:
            model = self.build(HyperParameters(), 0)
        except FailedTrialError:
            return
        if self.own_fit is None:
            prepare(model, self.x, self.y, validation_data=self.validation_data)

    @property
    def validation_data(self) -> Any:
        """As `fit` takes it: of an autoencoder the inputs alone."""
        return self.validation if self.y is not None or self.validation is None else self.validation[0]

    def build(self, hp: Any, seed: int) -> keras.Model:
        """The compiled model of this configuration."""
        if self.hypermodel is not None:
            with all_seeded(seed):
                model = getattr(self.hypermodel, "build", self.hypermodel)(hp)
            if not isinstance(model, keras.Model):
                raise TypeError(f"hypermodel must give a compiled Keras model. Received: {type(model).__name__}.")
            return model
        values = ask(hp, self.entries)
        options = {name: values[name] for name in ("optimizer", "learning_rate") if name in values}
        maker = _autoencoder if self.body in ("dense", "conv") else _model
        model = maker(self, values, seed=seed, **options)
        if "weight_decay" in values:
            model.optimizer.weight_decay = float(values["weight_decay"])
        return model

    def batch_size_of(self, hp: Any) -> int:
        """Rows a step."""
        return int(hp.values.get("batch_size", self.batch_size)) if self.hypermodel is None else self.batch_size

    @property
    def own_fit(self) -> Callable[..., Any] | None:
        """The user's `HyperModel.fit`, where it is more than `model.fit`."""
        fit = getattr(self.hypermodel, "fit", None)
        return fit if fit is not None and type(self.hypermodel).fit is not HyperModel.fit else None

    def settings(self) -> dict[str, Any]:
        """What must stay the same for a search to go on: by name, in plain values."""
        arrays = keras.tree.flatten((self.retrain, self.validation if self.split is None else None))
        return {
            "data": None if self.x is None else digest_of(*map(_for_digest, arrays)),
            "task": self.task_given,
            "validation_split": self.split,
            "body": self.body,
            "space": {name: list(entry) if isinstance(entry, tuple) else entry for name, entry in self.entries.items()},
            "hypermodel": digest_of_code(self.hypermodel),
            "objective": f"{self.direction} {self.objective}",
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "executions_per_trial": self.executions,
            "seed": self.seed,
            "callbacks": [described_callback(callback) for callback in self.callbacks],
        }


@contextmanager
def all_seeded(seed: int) -> Iterator[None]:
    """Within it, Python's and NumPy's global generators start from this seed; afterwards they are as before.

    For the user's own code alone, which may draw from them, and whose layers do.
    """
    state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 - the user's code may draw from it
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)  # noqa: NPY002


def seed_of(seed: int, number: int, execution: int) -> int:
    """The seed of one training, below 2^32; any two are unrelated."""
    return int(np.random.SeedSequence([seed, number, execution]).generate_state(1)[0])


def _model(problem: Problem, values: dict[str, Any], **options: Any) -> keras.Model:
    depth = values.get("num_layers")
    if "activation" in values:
        options["hidden_activation"] = values["activation"]
    options |= {name: values[name] for name in ("dropout", "kernel_size") if name in values}
    if problem.body == "cnn":
        if "filters" in values or depth is not None:
            options["filters"] = tuple(int(values.get("filters", 32)) * 2**i for i in range(depth or 2))
        if "units" in values:
            options["units"] = (int(values["units"]),)
    elif depth is not None:
        options["units"] = tuple(int(values.get(f"units_{i}", 64)) for i in range(1, depth + 1))
    elif "units" in values:
        options["units"] = (int(values["units"]),) * 2  # as many layers as build_model has by default
    return build_model(problem.task, x=problem.x, y=problem.y, body=problem.body, **options)


def _autoencoder(problem: Problem, values: dict[str, Any], **options: Any) -> keras.Model:
    depth = values.get("num_layers", 2)
    if "activation" in values:
        options["hidden_activation"] = values["activation"]
    if "latent" in values:
        options["latent"] = int(values["latent"])
    if problem.body == "conv" and ("filters" in values or "num_layers" in values):
        options["filters"] = tuple(int(values.get("filters", 16)) * 2**i for i in range(depth))
    elif problem.body == "dense" and ("units" in values or "num_layers" in values):
        options["units"] = tuple(max(1, int(values.get("units", 128)) // 2**i) for i in range(depth))
    return build_autoencoder(problem.body, x=problem.x, **options)


def _for_digest(array: Any) -> np.ndarray:
    array = np.asarray(array)
    return array.astype(str) if array.dtype.kind == "O" else array
