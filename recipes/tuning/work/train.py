"""How one configuration is trained, once: from its hyperparameters to an `Execution`."""

import copy
import math
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from recipes.diagnosis.diagnose import diagnose
from recipes.running.checkpoint import FILES, copy_state
from recipes.training.data.prepare import examples, prepare
from recipes.training.engines.engine import Plan
from recipes.training.fit import train_as_planned
from recipes.training.run import Run
from recipes.tuning.problem import Problem, all_seeded, seed_of
from recipes.tuning.record.journal import Execution, without_bookkeeping

ROWS_AT_ONCE = 4096  # of the validation set, for the spread of its losses
_OF_ACCURACY = ("val_accuracy", "val_binary_accuracy", "val_categorical_accuracy", "val_sparse_categorical_accuracy")


class NotMeasured(ValueError):
    """The history does not hold the objective, and so will none."""


class Stopped(Exception):
    """Ctrl-C came while a configuration was being trained; it will be trained when the search goes on."""


def execute(problem: Problem, hp: Any, number: int, execution: int, folder: Path) -> Execution:
    """Train this configuration once.

    Args:
        problem: What all trials have in common.
        hp: keras-tuner's `HyperParameters` with this trial's values.
        number: Of the trial whose random numbers it has: its own, or that which Hyperband promoted.
        execution: From 0; each has its own random numbers.
        folder: Of the trial. The state of the training lies in it, so that a trial that was killed goes on.

    Raises:
        FloatingPointError: where the objective turned NaN.
        NotMeasured: where the history does not hold the objective.
        Stopped: where Ctrl-C ended it.
    """
    start = time.perf_counter()
    seed = seed_of(problem.seed, number, execution)
    epochs = int(hp.values.get("tuner/epochs", problem.epochs))
    standard_error = None
    if problem.body == "grokking":
        found, history = grok_run(problem, hp, epochs, seed, folder / f"state-{execution}")
        parameters, verdict = _count(found.model), found.kind
    elif problem.own_fit is not None:
        model, found = train_by_own_fit(problem, hp, epochs, seed)
        history, parameters = _as_history(found, problem.objective), _count(model)
        verdict = diagnose(history)[0].rule if "loss" in history else ""
    else:
        run = train(problem, hp, number, execution, epochs, folder / f"state-{execution}")
        if run.interrupted:
            raise Stopped
        history, parameters = run.history, _count(run.model)
        verdict = run.findings[0].rule if run.findings else ""
        standard_error = _standard_error(problem, run)
    values = _objective_of(problem, history)
    best = int(np.argmin(values) if problem.direction == "min" else np.argmax(values))
    return Execution(
        score=values[best],
        best_epoch=best + 1,
        epochs=len(values),
        seconds=time.perf_counter() - start,
        parameters=parameters,
        standard_error=standard_error,
        verdict=verdict,
        history={name: list(map(_plain, column)) for name, column in history.items()},
    )


def train(problem: Problem, hp: Any, number: int, execution: int, epochs: int, state: Path | None) -> Run:
    """Build and fit a configuration: the same numbers always give the same weights.

    Args:
        state: Folder for the state of the training; `None` keeps none.
    """
    seed = seed_of(problem.seed, number, execution)
    model = problem.build(hp, seed)
    data = prepare(model, problem.x, problem.y, validation_data=problem.validation_data)
    callbacks = copy.deepcopy(list(problem.callbacks))
    plan = Plan(epochs, problem.batch_size_of(hp), shuffle=True, seed=seed, callbacks=callbacks, widen=True)
    return train_as_planned(model, data, plan, checkpoint=state)


def train_by_own_fit(problem: Problem, hp: Any, epochs: int, seed: int) -> tuple[keras.Model, Any]:
    """Build a configuration and train it as the user's `HyperModel.fit` does: the model, and what that gave back."""
    model = problem.build(hp, seed)
    assert problem.own_fit is not None
    with all_seeded(seed):
        found = problem.own_fit(
            hp, model, problem.x, problem.y, epochs=epochs, batch_size=problem.batch_size,
            validation_data=problem.validation, callbacks=copy.deepcopy(list(problem.callbacks)), verbose=0,
        )  # fmt: skip
    return model, found


def inherit(parent: Path, folder: Path, executions: int) -> None:
    """Begin where another trial ended: its states, weights and optimizer's too, as Hyperband promotes it."""
    for execution in range(executions):
        source, target = (place / f"state-{execution}" for place in (parent, folder))
        if source.is_dir() and not any((target / name).exists() for name in FILES):
            copy_state(source, target)


def grok_run(
    problem: Problem, hp: Any, epochs: int, seed: int, state: Path | None
) -> tuple[Any, dict[str, list[float]]]:
    """Train on a table of equations. The objective is the step at which it generalised.

    Where it never did, the budget and as much again as the validation set is unknown: later than any that did.
    """
    from recipes.grokking.equations import equations
    from recipes.grokking.grok import PRESETS, grok

    options = without_bookkeeping(hp.values)
    preset = PRESETS[options.get("preset", "lecture")]
    table = equations(
        options.get("operation", preset.operation), int(options.get("p", preset.p)),
        options.get("train_fraction", preset.train_fraction), problem.seed,
    )  # fmt: skip
    batch_size = min(preset.batch_size, -(-len(table.train) // 2))
    budget = epochs * -(-len(table.train) // batch_size)
    run = grok(**options, seed=seed, max_steps=budget, verbose=0, checkpoint=state)
    if run.interrupted:
        raise Stopped
    history = dict(run.history)
    last = 2.0 - run.history["val_accuracy"][-1]
    reached = float(run.generalised_at) if run.generalised_at is not None else budget * last
    history["steps_to_generalise"] = [reached] * len(history["step"])
    return run, history


def _objective_of(problem: Problem, history: dict[str, list[float]]) -> list[float]:
    if problem.objective not in history:
        raise NotMeasured(
            f"objective={problem.objective!r} is not among what is measured: {', '.join(history)}. "
            "Name one of these, or add it to the model's metrics."
        )
    values = [float(value) for value in history[problem.objective]]
    for name in dict.fromkeys((problem.objective, "loss")):
        first = next((i for i, value in enumerate(history.get(name, ())) if not np.all(np.isfinite(value))), None)
        if first is not None:
            raise FloatingPointError(f"{name} became {history[name][first]} in epoch {first + 1}")
    return values


def _as_history(found: Any, objective: str) -> dict[str, list[float]]:
    """What a user's `fit` may return, as keras-tuner takes it: a `History`, a dict, a number, or a list of these."""
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


def _standard_error(problem: Problem, run: Run) -> float | None:
    """How far the score may be off because the validation set is only a sample: the spread of its rows' losses.

    Of the model after its last epoch, which for this purpose is as good as that of its best.
    """
    if problem.validation is None:
        return None
    x, y = problem.validation
    if problem.objective in _OF_ACCURACY and run.history.get(problem.objective):
        right = run.history[problem.objective][-1]
        return math.sqrt(max(right * (1 - right), 0.0) / len(x))
    loss = run.model.loss
    if problem.objective != "val_loss" or not isinstance(loss, str | keras.losses.Loss) or len(run.model.outputs) > 1:
        return None
    inputs, targets, _ = examples(run.model, x, y, run.classes)
    measure = loss.call if isinstance(loss, keras.losses.Loss) else keras.losses.get(loss)
    losses = []
    for start in range(0, len(inputs), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        values = np.asarray(measure(targets[rows], run.model(inputs[rows], training=False)), dtype=np.float64)
        losses.append(values.reshape(len(values), -1).mean(axis=1))
    each = np.concatenate(losses)  # (rows,)
    return float(each.std(ddof=1) / math.sqrt(len(each))) if len(each) > 1 else None


def _count(model: keras.Model) -> int:
    return int(sum(np.prod(weight.shape) for weight in model.trainable_weights))


def _plain(value: Any) -> Any:
    return np.asarray(value).tolist()
