"""How one configuration is trained, once, by this package's `fit`; and again, to the model of one of its epochs."""

import copy
import math
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras_tuner import HyperParameters
from keras_tuner.errors import FailedTrialError

from cheatsheet import Finding
from cheatsheet.common.words import count
from recipes.diagnosis import mends
from recipes.running.checkpoint import FILES, copy_state
from recipes.training.callbacks import require_monitored
from recipes.training.data.prepare import TrainingData, examples, prepare
from recipes.training.engines.engine import Plan
from recipes.training.fit import train_as_planned
from recipes.training.names import results_of
from recipes.training.run import Run
from recipes.tuning.kinds import Stopped, Trained, Training, require_measured
from recipes.tuning.problem import Problem

ROWS_AT_ONCE = 4096  # of the validation set, for the spread of its losses
_OF_ACCURACY = ("val_accuracy", "val_binary_accuracy", "val_categorical_accuracy", "val_sparse_categorical_accuracy")
_OWN_STEPS = ("train_step", "test_step", "fit", "compute_loss", "compute_metrics", "get_metrics_result")


class Keep(keras.callbacks.Callback):
    """Keeps the weights that an epoch, counted from 1, was scored with, and ends the training there."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch
        self.weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch + 1 == self.epoch:
            self.weights = self.model.get_weights()
            self.model.stop_training = True


def train(problem: Problem, training: Training, state: Path) -> Trained:
    """Train a configuration whose state lies in this folder, so that one that was killed goes on.

    Raises:
        Stopped: where Ctrl-C ended it.
    """
    run = _fit(problem, training, state)
    verdict = run.findings[0].rule if run.findings else ""
    return Trained(run.model, run.history, verdict, standard_error(problem, run))


def again(problem: Problem, trainings: Sequence[Training], epoch: int) -> Trained:
    """Train again as in the search, one promotion after the other, up to the weights after this epoch.

    How a training is compiled depends on the epochs that it was begun for, and its bits on how it is compiled; so each
    is begun for as many as then, and ended at that epoch.
    """
    keep = Keep(epoch)
    with tempfile.TemporaryDirectory() as state:
        for training in trainings:
            run = _fit(problem, training, Path(state), keep)
            if keep.weights is not None:
                run.model.set_weights(keep.weights)
                break
    return Trained(run.model, run.history)


def retrain(problem: Problem, training: Training) -> Run:
    """Train a configuration on all rows as it was searched; a finding says what could not be the same.

    Callbacks that watch a quantity of the validation have nothing to watch there, so they are left out. The loss still
    falls where training on would overfit, and the search has seen where that is: the verdict says so instead.
    """
    x, y, weights = problem.all_rows
    kept = tuple(callback for callback in problem.callbacks if not _watches_validation(callback))
    run = _fit(replace(problem, x=x, y=y, sample_weight=weights, validation=None, callbacks=kept), training, None)
    left_out = [type(callback).__name__ for callback in problem.callbacks if callback not in kept]
    names = [type(callback).__name__ for callback in kept]
    as_searched = [
        *([f"its callbacks ({', '.join(names)})"] if names else []),
        *([f"class_weight={problem.class_weight!r}"] if problem.class_weight is not None else []),
        *(["sample_weight"] if weights is not None else []),
    ]
    message = (
        f"Trained on all {count(len(x), 'row')} for {count(training.epochs, 'epoch')}, the best of its trial"
        + (f", with {' and '.join(as_searched)}" if as_searched else "")
        + (f"; without {', '.join(left_out)}, as nothing validates here" if left_out else "")
        + "."
    )
    settled = {"too_short", "still_learning"}  # by the search, which saw other rows
    findings = [finding for finding in run.findings if finding.rule not in settled]
    if not any(finding.rule == "still_learning" for finding in run.findings):
        return replace(run, findings=[*findings, Finding("retrained", "info", message)])
    searched = training.hp.values.get("tuner/epochs", problem.epochs)
    why, fix = f"of up to {count(searched, 'epoch')} in the search so many scored best.", ""
    if training.epochs >= searched:
        why, fix = "the search trained no longer.", f"search longer: tune(epochs={2 * searched}, ...)"
    findings = [replace(finding, fix=mends.of_chance(None, still=False, loses=False).text)
                if finding.rule == "worse_than_chance" else finding for finding in findings]  # fmt: skip
    verdict = Finding("retrained", "info", f"{message} The loss on these rows was still falling; {why}", fix)
    return replace(run, findings=[verdict, *findings])


def _watches_validation(callback: keras.callbacks.Callback) -> bool:
    return str(getattr(callback, "monitor", "")).startswith("val_")


def check(problem: Problem) -> None:
    """Check that the space's first configuration can be trained on these data, and that this measures the objective.

    Raises:
        ValueError: as `build_model` and `fit` say it, and whatever the user's own code raises.
    """
    try:
        model = problem.build(HyperParameters(), 0)
    except FailedTrialError:  # which says nothing of the others
        return
    data = prepared(problem, model)
    if (measured := _measured(problem, model, data)) is not None:
        require_measured(problem.objective, measured)


def as_hyperparameters(values: dict[str, Any]) -> HyperParameters:
    """Make keras-tuner's object with these values, for a `build(hp)`."""
    hp = HyperParameters()
    hp.values = dict(values)
    return hp


def inherit(parent: Path, folder: Path, executions: int) -> None:
    """Begin where another trial ended: its states, weights and optimizer's too, as Hyperband promotes it."""
    for execution in range(executions):
        source, target = (place / f"state-{execution}" for place in (parent, folder))
        if source.is_dir() and not any((target / name).exists() for name in FILES):
            copy_state(source, target)


def _fit(problem: Problem, training: Training, state: Path | None, *keep: Keep) -> Run:
    """Train, in the one place that does: the same numbers always give the same weights."""
    model = problem.build(training.hp, training.seed)
    data = prepared(problem, model)
    require_monitored(model, problem.callbacks, validates=data.validation is not None)
    callbacks = [*keep, *copy.deepcopy(list(problem.callbacks))]
    plan = Plan(training.epochs, problem.batch_size_of(training.hp), shuffle=True, seed=training.seed,
                callbacks=callbacks, widen=True)  # fmt: skip
    run = train_as_planned(model, data, plan, checkpoint=state)
    if run.interrupted:
        raise Stopped
    return run


def prepared(problem: Problem, model: keras.Model) -> TrainingData:
    """Prepare the arrays of a search for one of its models, with the names that the columns had."""
    return prepare(
        model, problem.x, problem.y, sample_weight=problem.sample_weight, class_weight=problem.class_weight,
        validation_data=problem.validation_data, like=problem.like,
    )  # fmt: skip


def _measured(problem: Problem, model: keras.Model, data: TrainingData) -> list[str] | None:
    """List what the history will hold; `None` where code that is not Keras' decides it."""
    if any(getattr(type(model), name) is not getattr(keras.Model, name) for name in _OWN_STEPS):
        return None
    if any(not type(callback).__module__.startswith("keras.") for callback in problem.callbacks):
        return None
    x, y = (keras.tree.map_structure(lambda array: array[:1], part) for part in (data.x, data.y))
    try:
        outputs = model(x, training=False)
        model.compute_loss(x, y, outputs, training=False)
        model.compute_metrics(x, y, outputs)
        names = sorted(results_of(model))
    except Exception:  # of a model that wants more than a row: its first trial says what it is
        return None
    return [*names, *(f"val_{name}" for name in names), *(["learning_rate"] if problem.callbacks else [])]


def standard_error(problem: Problem, run: Run, held: tuple[Any, ...] | None = None) -> float | None:
    """Estimate how far the score may be off because the validation set is a sample: by the spread of its rows' losses.

    Of the model after its last epoch, which for this purpose is as good as that of its best.

    Args:
        problem: What all trials have in common.
        run: The training.
        held: The validation rows, encoded for the model, where they are at hand.
    """
    if problem.validation is None:
        return None
    x, y = problem.validation[:2]
    if problem.objective in _OF_ACCURACY and run.history.get(problem.objective):
        right = run.history[problem.objective][-1]
        return math.sqrt(max(right * (1 - right), 0.0) / len(x))
    loss = run.model.loss
    if problem.objective != "val_loss" or not isinstance(loss, str | keras.losses.Loss) or len(run.model.outputs) > 1:
        return None
    if held is None:
        data = examples(run.model, x, y, run.signature)
        held = data.x, data.y
    x, y = held[:2]
    measure = loss.call if isinstance(loss, keras.losses.Loss) else keras.losses.get(loss)
    losses = []
    for start in range(0, len(x), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        values = np.asarray(measure(y[rows], run.model(x[rows], training=False)), dtype=np.float64)
        losses.append(values.reshape(len(values), -1).mean(axis=1))
    each = np.concatenate(losses)  # (rows,)
    return float(each.std(ddof=1) / math.sqrt(len(each))) if len(each) > 1 else None
