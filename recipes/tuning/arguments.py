"""From the arguments of `tune` to a `Problem`: everything is checked here, before any work."""

import contextlib
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner
import numpy as np

import cheatsheet
from cheatsheet.common.arguments import require_whole
from cheatsheet.common.arrays import as_array
from cheatsheet.common.warn import warn_user
from cheatsheet.modelspec import OutputSpec
from cheatsheet.rules.data import require_same_rows
from recipes.features import as_features
from recipes.training.data.batches import split_rows
from recipes.training.data.streams import is_stream
from recipes.training.data.targets import class_index, encode_target
from recipes.tuning.grokking import GROKKING
from recipes.tuning.hypermodels import OWN_MODEL, OWN_TRAINING, own_fit
from recipes.tuning.kinds import Kind
from recipes.tuning.networks import AUTOENCODER, SUPERVISED
from recipes.tuning.oracles._keras_tuner import infer_metric_direction
from recipes.tuning.problem import Problem
from recipes.tuning.space import entries_of

_OF_BODY = {body: kind for kind in (SUPERVISED, AUTOENCODER, GROKKING) for body in kind.names}


def brings_data(body: str) -> bool:
    """Say whether a search with this body has its own data."""
    return body in _OF_BODY and _OF_BODY[body].brings_data


def problem_of(
    x: Any,
    y: Any,
    task: str | None,
    *,
    body: str,
    space: Any,
    hypermodel: Any,
    objective: Any,
    executions_per_trial: int,
    validation_data: Any,
    validation_split: float,
    batch_size: int,
    epochs: int,
    seed: int,
    callbacks: Any,
) -> Problem:
    """Check the arguments of `tune`, under their names there, and bring them together."""
    for name, value, least in (("executions_per_trial", executions_per_trial, 1), ("epochs", epochs, 1),
                               ("batch_size", batch_size, 1), ("seed", seed, 0)):  # fmt: skip
        require_whole(name, value, least)
    kind, body = _kind(body, y, hypermodel)
    decided, loss, train, validation = task, None, (None, None), None
    if kind.brings_data:
        if x is not None or y is not None:
            raise ValueError(f"body={body!r} has its own tables of equations. Leave x and y out.")
    else:
        if x is None:
            raise ValueError("Which data? Received: x=None. Say tune(x, y), or tune(x) for an autoencoder.")
        x, y = _arrays(x, y)
        tolerated = () if hypermodel is None else (ValueError,)  # a user's own model may take other targets
        with contextlib.suppress(*tolerated):
            decided, loss = _decided(y, task, said=hypermodel is None)
        if validation_data is not None:
            train, validation = (x, y), _given(validation_data, y)
        else:
            labels = None
            with contextlib.suppress(*tolerated):
                labels = _labels(y, decided)
            train, validation = _divided(x, y, validation_split, seed, labels)
    shape, num_rows = ((), 0) if train[0] is None else (np.shape(train[0])[1:], len(train[0]))
    entries = {}
    if kind.defaults is not None:
        entries = entries_of(space, body, kind.names[body], kind.defaults(body, shape, num_rows, batch_size))
    elif space is not None:
        raise ValueError("hypermodel has its own space. Received beside it: space. Leave one of them out.")
    objective = _objective(objective, kind)
    return Problem(
        kind=kind,
        x=train[0],
        y=train[1],
        validation=validation,
        task=decided,
        loss=loss,
        task_given=task,
        body=body,
        entries=entries,
        hypermodel=hypermodel,
        epochs=int(epochs),
        batch_size=int(batch_size),
        executions=int(executions_per_trial),
        seed=int(seed),
        objective=objective.name,
        direction=objective.direction,
        all_rows=(x, y),
        split=float(validation_split) if validation_data is None else None,
        callbacks=(callbacks,) if isinstance(callbacks, keras.callbacks.Callback) else tuple(callbacks or ()),
    )


def _kind(body: str, y: Any, hypermodel: Any) -> tuple[Kind, str]:
    """Find what is searched, and the body by its own name."""
    if hypermodel is not None:
        if brings_data(body):
            raise ValueError(f"hypermodel builds the model. Received beside it: body={body!r}. Leave one of them out.")
        if not callable(getattr(hypermodel, "build", hypermodel)):
            raise TypeError(
                "hypermodel is a function of hp that gives a compiled model, or a keras_tuner.HyperModel. "
                f"Received: {type(hypermodel).__name__}."
            )
        return (OWN_MODEL if own_fit(hypermodel) is None else OWN_TRAINING), ""
    if brings_data(body):
        return _OF_BODY[body], body
    kind = SUPERVISED if y is not None else AUTOENCODER
    if y is None:
        body = {"mlp": "dense", "cnn": "conv"}.get(body, body)
    if body not in kind.names:
        others = "" if y is not None else f", or {', '.join(name for name in _OF_BODY if brings_data(name))}"
        known = f"Expected one of {', '.join(kind.names)} {'with' if y is not None else 'without'} y{others}"
        raise ValueError(f"Unknown body. Received: body={body!r}. {known}." if body not in _OF_BODY else
                         f"body={body!r} does not go with y={'None' if y is None else '...'}. {known}.")  # fmt: skip
    return kind, body


def _arrays(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Read all inputs and targets."""
    if isinstance(x, Mapping) or is_stream(x):
        raise ValueError(
            f"A search takes x as one array, whose rows it divides. Received: {type(x).__name__}. "
            "Pass the arrays, or train one model of several inputs with fit."
        )
    x = as_features(x)
    y = None if y is None else as_array(y, "y")
    if y is not None:
        require_same_rows(x, y)
    return x, y


def _decided(y: np.ndarray | None, task: str | None, *, said: bool) -> tuple[str | None, str | None]:
    """Decide task and loss of every trial and of the best model: a part of the rows may look like another task's.

    With `said`, a line says what was decided where `y` allows another reading.
    """
    if task is not None or y is None:
        return task, None
    inferred = cheatsheet.infer_task(y)
    if said and inferred.is_choice:
        warn_user(f"The task was read off y: {inferred}.")
    return inferred.task, inferred.loss


def _given(validation_data: Any, y: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the inputs and targets that validate, as the user gives them."""
    parts = validation_data if isinstance(validation_data, tuple | list) else (validation_data, None)
    if len(parts) != 2 or (parts[1] is None) != (y is None):
        raise ValueError("validation_data must be (x, y), or x alone for an autoencoder.")
    return as_features(parts[0]), None if parts[1] is None else as_array(parts[1], "y")


def _divided(
    x: np.ndarray, y: np.ndarray | None, fraction: float, seed: int, labels: np.ndarray | None
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Divide inputs and targets into those that train and those that validate."""
    if not isinstance(fraction, int | float) or not 0 < fraction < 1:
        raise ValueError(
            f"A search needs rows to validate on: 0 < validation_split < 1. Received: validation_split={fraction!r}."
        )
    train, validate = split_rows(len(x), fraction, seed, labels)

    def take(which: np.ndarray) -> tuple[Any, Any]:
        return x[which], None if y is None else y[which]

    return take(train), take(validate)


def _labels(y: np.ndarray | None, task: str | None) -> np.ndarray | None:
    """Number each row's class where `fit` would find classes to stratify by: not for numbers, nor probabilities."""
    if y is None or task not in ("binary", "multiclass"):
        return None
    head = cheatsheet.head(task, y=y)
    targets, classes = encode_target(y, OutputSpec(loss=head.loss, width=head.units))
    return None if classes is None else class_index(targets, head.loss)


def _objective(objective: Any, kind: Kind) -> keras_tuner.Objective:
    if objective is None:
        objective = kind.objective
    if isinstance(objective, keras_tuner.Objective):
        return objective
    if not isinstance(objective, str):
        raise TypeError(f"objective is a name, or a keras_tuner.Objective. Received: {type(objective).__name__}.")
    direction = kind.objectives.get(objective) or infer_metric_direction(objective)
    if direction is None:
        raise ValueError(
            f"Is more {objective!r} better, or less? "
            f"Say objective=keras_tuner.Objective({objective!r}, direction='min' or 'max')."
        )
    return keras_tuner.Objective(objective, direction)
