"""From the arguments of `tune` to a `Problem`: everything is checked here, before any work."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import keras_tuner
import numpy as np
from keras_tuner.engine.metrics_tracking import infer_metric_direction

import cheatsheet
from cheatsheet.common.arguments import require_whole
from cheatsheet.rules.data import require_same_rows
from recipes.features import as_features
from recipes.training.data.batches import split_rows
from recipes.training.data.prepare import is_stream
from recipes.training.data.targets import encode_target
from recipes.tuning.problem import Problem
from recipes.tuning.space import OF_BODY, entries_of

STEPS = "steps_to_generalise"  # what grokking is searched for


def problem_of(
    x: Any, y: Any, task: str | None, body: str, space: Any, hypermodel: Any, objective: Any, executions: int,
    validation_data: Any, validation_split: float, batch_size: int, epochs: int, seed: int, callbacks: Sequence[Any],
) -> Problem:  # fmt: skip
    """The arguments of `tune`, checked and brought together."""
    for name, value, least in (("executions_per_trial", executions, 1), ("epochs", epochs, 1),
                               ("batch_size", batch_size, 1), ("seed", seed, 0)):  # fmt: skip
        require_whole(name, value, least)
    body = _body(body, y, hypermodel)
    if body == "grokking":
        if x is not None or y is not None:
            raise ValueError("body='grokking' has its own tables of equations. Leave x and y out.")
        train: tuple[Any, Any] = (None, None)
        validation = None
        decided = task
        entries = entries_of(space, body, (), 0, batch_size)
    else:
        if x is None:
            raise ValueError("Which data? Received: x=None. Say tune(x, y), or tune(x) for an autoencoder.")
        x, y = _arrays(x, y)
        decided = _task_of(y, task, hypermodel)
        train, validation = _divided(x, y, decided, validation_data, validation_split, seed, hypermodel)
        if hypermodel is not None:
            if space is not None:
                raise ValueError("hypermodel has its own space. Received beside it: space. Leave one of them out.")
            if not callable(getattr(hypermodel, "build", hypermodel)):
                raise TypeError(
                    "hypermodel is a function of hp that gives a compiled model, or a keras_tuner.HyperModel. "
                    f"Received: {type(hypermodel).__name__}."
                )
        shape = np.shape(train[0])[1:]
        entries = {} if hypermodel is not None else entries_of(space, body, shape, len(train[0]), batch_size)
    objective = _objective(objective, body)
    return Problem(
        x=train[0],
        y=train[1],
        validation=validation,
        task=decided,
        task_given=task,
        body="" if hypermodel is not None else body,
        entries=entries,
        hypermodel=hypermodel,
        epochs=int(epochs),
        batch_size=int(batch_size),
        executions=int(executions),
        seed=int(seed),
        objective=objective.name,
        direction=objective.direction,
        retrain=(x, y),
        split=float(validation_split) if validation_data is None else None,
        callbacks=(callbacks,) if isinstance(callbacks, keras.callbacks.Callback) else tuple(callbacks or ()),
    )


def _body(body: str, y: Any, hypermodel: Any) -> str:
    if hypermodel is not None or body == "grokking":
        return body
    if y is None:  # an autoencoder
        body = {"mlp": "dense", "cnn": "conv"}.get(body, body)
    fitting = ("mlp", "cnn") if y is not None else ("dense", "conv")
    if body not in fitting:
        known = f"Expected one of {', '.join(fitting)}" + (" with y" if y is not None else " without y, or grokking")
        raise ValueError(f"Unknown body. Received: body={body!r}. {known}." if body not in OF_BODY else
                         f"body={body!r} does not go with y={'None' if y is None else '...'}. {known}.")  # fmt: skip
    return body


def _arrays(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """All inputs and targets."""
    if isinstance(x, Mapping) or is_stream(x):
        raise ValueError(
            f"A search takes x as one array, whose rows it divides. Received: {type(x).__name__}. "
            "Pass the arrays, or train one model of several inputs with fit."
        )
    x = as_features(x)
    y = None if y is None else np.asarray(y)
    if y is not None:
        require_same_rows(x, y)
    return x, y


def _task_of(y: np.ndarray | None, task: str | None, hypermodel: Any) -> str | None:
    """The task of every trial and of the best model: a part of the rows may look like another than all of them."""
    if task is not None or y is None:
        return task
    if hypermodel is None:
        return cheatsheet.infer_task(y).task
    with contextlib.suppress(ValueError):  # a user's own model may take what the cheatsheet does not know
        return cheatsheet.infer_task(y).task
    return None


def _divided(
    x: np.ndarray, y: np.ndarray | None, task: str | None, validation_data: Any, fraction: float, seed: int,
    hypermodel: Any,
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:  # fmt: skip
    """The inputs and targets that train; those that validate."""
    if validation_data is not None:
        parts = validation_data if isinstance(validation_data, tuple | list) else (validation_data, None)
        if len(parts) != 2 or (parts[1] is None) != (y is None):
            raise ValueError("validation_data must be (x, y), or x alone for an autoencoder.")
        held_out = (as_features(parts[0]), None if parts[1] is None else np.asarray(parts[1]))
        return (x, y), held_out
    if not isinstance(fraction, int | float) or not 0 < fraction < 1:
        raise ValueError(
            f"A search needs rows to validate on: 0 < validation_split < 1. Received: validation_split={fraction!r}."
        )
    try:
        labels = _labels(y, task)
    except ValueError:
        if hypermodel is None:
            raise
        labels = None  # likewise
    train, validate = split_rows(len(x), fraction, seed, labels)

    def take(which: np.ndarray) -> tuple[Any, Any]:
        return x[which], None if y is None else y[which]

    return take(train), take(validate)


def _labels(y: np.ndarray | None, task: str | None) -> np.ndarray | None:
    """Class number of each row where `fit` would find classes to stratify by: not for numbers, nor probabilities."""
    if y is None or task not in ("binary", "multiclass"):
        return None
    head = cheatsheet.head(task, y=y)
    targets, classes = encode_target(y, head.loss, head.units)
    if classes is None:
        return None
    one_hot = targets.ndim == 2 and targets.shape[1] > 1
    return np.unique(targets.argmax(axis=1) if one_hot else targets, return_inverse=True)[1].reshape(-1)


def _objective(objective: Any, body: str) -> keras_tuner.Objective:
    if objective is None:
        objective = STEPS if body == "grokking" else "val_loss"
    if isinstance(objective, keras_tuner.Objective):
        return objective
    if not isinstance(objective, str):
        raise TypeError(f"objective is a name, or a keras_tuner.Objective. Received: {type(objective).__name__}.")
    direction = "min" if objective == STEPS and body == "grokking" else infer_metric_direction(objective)
    if direction is None:
        raise ValueError(
            f"Is more {objective!r} better, or less? "
            f"Say objective=keras_tuner.Objective({objective!r}, direction='min' or 'max')."
        )
    return keras_tuner.Objective(objective, direction)
