"""From the arguments of `tune` to a `Problem`: everything is checked here, before any work."""

import contextlib
from collections.abc import Mapping
from typing import Any

import keras_tuner
import numpy as np

import cheatsheet
from cheatsheet.common.arrays import as_array
from cheatsheet.common.words import count
from cheatsheet.finding import DataError, Finding
from cheatsheet.modelspec import OutputSpec
from cheatsheet.rules.data import require_same_rows
from recipes.build import say_what_is_flattened, say_what_was_read
from recipes.features import as_features, columns_of, in_order
from recipes.training.callbacks import as_callbacks
from recipes.training.data.batches import split_rows
from recipes.training.data.checks import raise_errors, unaligned_rows
from recipes.training.data.streams import is_stream
from recipes.training.data.targets import class_index, encode_target
from recipes.training.several.cross_validate import lacking
from recipes.training.several.folds import folds_of
from recipes.training.signature import named
from recipes.tuning.grokking import GROKKING
from recipes.tuning.hypermodels import OWN_MODEL, OWN_TRAINING, own_fit
from recipes.tuning.kinds import Kind
from recipes.tuning.networks import AUTOENCODER, SUPERVISED
from recipes.tuning.oracles._keras_tuner import infer_metric_direction
from recipes.tuning.problem import Problem, on_fold
from recipes.tuning.space import entries_of
from recipes.tuning.words import brings_data, require_body, require_numbers, require_split

SPLIT = 0.2  # of the rows validates, when nobody says


def problem_of(
    x: Any,
    y: Any,
    task: str | None,
    *,
    body: str | None,
    space: Any,
    hypermodel: Any,
    objective: Any,
    executions_per_trial: int,
    validation_data: Any,
    validation_split: float | None,
    cv: Any,
    groups: Any,
    sample_weight: Any,
    class_weight: Any,
    metrics: Any,
    batch_size: int,
    epochs: int,
    seed: int,
    callbacks: Any,
) -> Problem:
    """Check the arguments of `tune`, under their names there, and bring them together."""
    require_numbers(executions_per_trial=executions_per_trial, epochs=epochs, batch_size=batch_size, seed=seed)
    asked = body is not None
    kind, body = _kind(body or "mlp", y, hypermodel)
    callbacks = tuple(as_callbacks(callbacks))
    decided, loss, validation, weights, like = task, None, None, None, None
    folds: list[tuple[np.ndarray, np.ndarray]] = []
    _require_one_way(kind, cv, groups, validation_data, validation_split)
    split = SPLIT if validation_split is None else validation_split
    train: tuple[Any, ...] = (None, None, None)
    _require_possible(kind, y, hypermodel, sample_weight, class_weight, metrics)
    if kind.brings_data:
        if x is not None or y is not None:
            raise ValueError(f"body={body!r} has its own tables of equations. Leave x and y out.")
    else:
        if x is None:
            raise ValueError("Which data? Received: x=None. Say tune(x, y), or tune(x) for an autoencoder.")
        raise_errors(unaligned_rows(x, y=y, sample_weight=sample_weight, groups=groups))
        columns = columns_of(x), _several(columns_of(y))
        like = named(*columns)
        x, y = _arrays(in_order(x, None, "x"), in_order(y, None, "y"))
        if not asked and hypermodel is None and y is not None:
            say_what_is_flattened(x.shape[1:])
        tolerated = () if hypermodel is None else (ValueError,)  # a user's own model may take other targets
        with contextlib.suppress(*tolerated):
            decided, loss = _decided(y, task, said=hypermodel is None)
        weights = _weights(sample_weight, x)
        if cv is not None:
            folds = _folds(cv, x, y, groups, seed, decided)
            first = on_fold((x, y, weights), folds[0])
            train, validation = (first["x"], first["y"], first["sample_weight"]), first["validation"]
        elif validation_data is not None:
            train, validation = (x, y, weights), _given(validation_data, y, columns)
        else:
            labels = None
            with contextlib.suppress(*tolerated):
                labels = _labels(y, decided)
            train, validation = _divided((x, y, weights), split, seed, labels)
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
        sample_weight=train[2],
        class_weight=class_weight,
        metrics=tuple(metrics),
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
        all_rows=(x, y, weights),
        split=float(split) if validation_data is None and cv is None else None,
        callbacks=callbacks,
        like=like,
        folds=tuple(folds),
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
        return GROKKING, body
    return (SUPERVISED if y is not None else AUTOENCODER), require_body(body, has_y=y is not None)


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


def _several(names: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    """Give the names of a target's columns where there are several: that of a single one says nothing."""
    return names if len(names or ()) > 1 else None


def _decided(y: np.ndarray | None, task: str | None, *, said: bool) -> tuple[str | None, str | None]:
    """Decide task and loss of every trial and of the best model: a part of the rows may look like another task's.

    With `said`, a line says what was decided where `y` allows another reading.
    """
    if task is not None or y is None:
        return task, None
    inferred = cheatsheet.infer_task(y)
    if said:
        say_what_was_read(inferred)
    return inferred.task, inferred.loss


def _require_possible(kind: Kind, y: Any, hypermodel: Any, sample_weight: Any, class_weight: Any, metrics: Any) -> None:
    """Require weights and metrics that this kind of search can use."""
    if isinstance(metrics, str) or not isinstance(metrics, list | tuple):
        raise TypeError(f"metrics is a list of Keras metrics or their names. Received: {type(metrics).__name__}.")
    if metrics and (hypermodel is not None or kind.brings_data):
        raise ValueError("metrics go with the models that this search builds. Name them in hypermodel's compile.")
    if kind.brings_data and (sample_weight is not None or class_weight is not None):
        raise ValueError("A search that has its own data has no weights. Leave sample_weight and class_weight out.")
    if sample_weight is not None and class_weight is not None:
        raise ValueError("class_weight and sample_weight are both given. Expected one of them; multiply them yourself.")
    if class_weight is not None and y is None:
        raise ValueError("class_weight needs a target of classes. Received: y=None.")


def _weights(sample_weight: Any, x: np.ndarray) -> np.ndarray | None:
    """Read the weights of the rows; what they weigh is for `fit` to judge."""
    if sample_weight is None:
        return None
    weights = as_array(sample_weight, "sample_weight")
    if len(weights) != len(x):
        message = f"sample_weight has {count(len(weights), 'row')}, but x has {len(x):,}."
        raise DataError([Finding("weight_shape", "error", message)])
    return weights


def _given(validation_data: Any, y: np.ndarray | None, columns: tuple[Any, Any]) -> tuple[Any, ...]:
    """Read the inputs, targets and weights that validate, as the user gives them, in the order of these columns."""
    parts = tuple(validation_data) if isinstance(validation_data, tuple | list) else (validation_data, None)
    if len(parts) not in (2, 3) or (parts[1] is None) != (y is None):
        raise ValueError("validation_data must be (x, y) or (x, y, sample_weight), or x alone for an autoencoder.")
    raise_errors(unaligned_rows(parts[0], y=parts[1], sample_weight=parts[2] if len(parts) == 3 else None))
    x = as_features(in_order(parts[0], columns[0], "x"))
    target = None if parts[1] is None else as_array(in_order(parts[1], columns[1], "y"), "y")
    weights = _weights(parts[2], x) if len(parts) == 3 else None
    return (x, target) if weights is None else (x, target, weights)


def _divided(
    rows: tuple[Any, Any, Any], fraction: float, seed: int, labels: np.ndarray | None
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Divide inputs, targets and weights into those that train and those that validate; `None` stays `None`."""
    require_split(fraction)
    train, validate = (
        tuple(None if part is None else part[which] for part in rows)
        for which in split_rows(len(rows[0]), fraction, seed, labels)
    )
    return train, validate[:2]  # Keras weighs the training rows alone, so that scores stay comparable


def _require_one_way(kind: Kind, cv: Any, groups: Any, validation_data: Any, validation_split: Any) -> None:
    """Require one way to validate, and folds only where something can be trained on each."""
    if cv is None:
        if groups is not None:
            raise ValueError("groups keeps rows together in folds, and there are none: cv=None. Pass cv=5 too.")
        return
    for name, value in (("validation_data", validation_data), ("validation_split", validation_split)):
        if value is not None:
            raise ValueError(
                f"cv validates on the rows that each fold holds out. Received beside it: {name}. Leave one of them out."
            )
    if not kind.by_engine:
        whose = "A search that has its own data" if kind.brings_data else "A HyperModel with its own fit"
        raise ValueError(f"{whose} has its own way to validate. Received beside it: cv. Leave it out.")


def _folds(
    cv: Any, x: np.ndarray, y: np.ndarray | None, groups: Any, seed: int, task: str | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Find the folds; the training rows of each must have every class."""
    if groups is not None and len(groups) != len(x):
        raise ValueError(f"groups has {len(groups):,} rows and x has {len(x):,}. Expected one for each row.")
    target = np.arange(len(x)) if y is None else y
    folds = folds_of(cv, target, groups, 1, seed)
    labels = None
    with contextlib.suppress(ValueError):
        labels = _labels(y, task)
    if labels is not None and y is not None:
        every = np.unique(labels)
        for i, (rows, _) in enumerate(folds):
            if len(missing := np.setdiff1d(every, labels[rows])):
                lacks = y[labels == missing[0]][0]
                raise lacking(i, lacks.tolist() if isinstance(lacks, np.ndarray | np.generic) else lacks)
    return folds


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
