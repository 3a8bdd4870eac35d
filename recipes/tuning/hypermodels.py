"""The searches over the user's own code: a function of `hp`, or a `keras_tuner.HyperModel`, also with its own `fit`."""

import contextlib
import copy
import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras_tuner import HyperModel, HyperParameters
from keras_tuner.errors import FailedTrialError

from recipes.diagnosis.diagnose import diagnose
from recipes.training.names import metrics_given, numbered
from recipes.tuning.kinds import Kind, Trained, Training
from recipes.tuning.work import train as by_engine

if TYPE_CHECKING:
    from recipes.tuning.problem import Problem


def build(problem: "Problem", hp: Any, seed: int) -> keras.Model:
    """Build what the user's code makes of these hyperparameters."""
    with all_seeded(seed):
        model = getattr(problem.hypermodel, "build", problem.hypermodel)(hp)
    if not isinstance(model, keras.Model):
        raise TypeError(f"hypermodel must give a compiled Keras model. Received: {type(model).__name__}.")
    name_afresh(model)
    return model


def name_afresh(model: keras.Model) -> None:
    """Name metrics that the user has not named as in a process of their own: `auc` in each trial, not `auc_7`.

    Keras counts such names up over the process; keras-tuner clears the session of Keras before each trial.
    """
    numbers: dict[str, int] = {}
    for metric in metrics_given(model):
        metric.name = numbered(metric.name, type(metric).__name__, numbers)


def own_fit(hypermodel: Any) -> Callable[..., Any] | None:
    """Find the user's `HyperModel.fit`, where it is more than `model.fit`."""
    fit = getattr(hypermodel, "fit", None)
    return fit if fit is not None and type(hypermodel).fit is not HyperModel.fit else None


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the epoch that is best so far, and counts the epochs; as keras-tuner does."""

    def __init__(self, problem: "Problem") -> None:
        super().__init__()
        self.objective, self.sign = problem.objective, 1 if problem.direction == "min" else -1
        self.epochs, self.best = 0, math.inf
        self.weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs += 1
        value = self.sign * float((logs or {}).get(self.objective, math.nan))
        if value < self.best:
            self.best, self.weights = value, self.model.get_weights()


def train(problem: "Problem", training: Training, state: Path) -> Trained:
    """Train as the user's `HyperModel.fit` does, whose order of the batches need not be the same twice.

    The weights are those of the best epoch where it passes its callbacks on, else those of the end.
    """
    return _trained(problem, training)


def again(problem: "Problem", trainings: Sequence[Training], epoch: int) -> Trained:
    """Train the same once more; the model has the weights that it gave."""
    trained = _trained(problem, trainings[-1])
    trained.model.set_weights(trained.weights)
    return trained


@contextmanager
def all_seeded(seed: int) -> Iterator[None]:
    """Start Python's and NumPy's global generators from this seed within the block; afterwards they are as before.

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


def _trained(problem: "Problem", training: Training) -> Trained:
    keep = KeepBest(problem)
    model = problem.build(training.hp, training.seed)
    fit = own_fit(problem.hypermodel)
    assert fit is not None
    with all_seeded(training.seed):
        found = fit(
            training.hp, model, problem.x, problem.y, epochs=training.epochs, batch_size=problem.batch_size,
            validation_data=problem.validation, callbacks=[keep, *copy.deepcopy(list(problem.callbacks))], verbose=0,
            **{name: weight for name in ("sample_weight", "class_weight")
               if (weight := getattr(problem, name)) is not None},
        )  # fmt: skip
    history = _as_history(found, problem.objective)
    is_of_history = keep.epochs == len(history.get(problem.objective, ()))  # it may have trained several times
    weights = keep.weights if keep.weights is not None and is_of_history else model.get_weights()
    verdict = diagnose(history)[0].rule if "loss" in history else ""
    return Trained(model, history, verdict, weights=weights)


def _as_history(found: Any, objective: str) -> dict[str, list[float]]:
    """Read what a user's `fit` may return, as keras-tuner does: a `History`, a dict, a number, or a list of these."""
    if hasattr(found, "history"):
        return {name: list(values) for name, values in found.history.items()}
    if isinstance(found, list) and found:
        parts = [_as_history(part, objective) for part in found]
        return {name: [float(np.mean([part[name][-1] for part in parts]))] for name in parts[0]}
    if isinstance(found, dict):
        return {name: list(np.atleast_1d(value)) for name, value in found.items()}
    if isinstance(found, int | float | np.floating):
        return {objective: [float(found)]}
    raise TypeError(
        f"HyperModel.fit returned {type(found).__name__}. Expected what model.fit returns, a dictionary, or a number."
    )


def _check(problem: "Problem") -> None:
    """Build a first configuration; one that the user's own code gives up says nothing of the others."""
    with contextlib.suppress(FailedTrialError):
        problem.build(HyperParameters(), 0)


OWN_MODEL = Kind(build=build, train=by_engine.train, again=by_engine.again, retrain=by_engine.retrain,
                 check=by_engine.check, by_engine=True)  # fmt: skip
OWN_TRAINING = Kind(build=build, train=train, again=again, retrain=None, check=_check)
