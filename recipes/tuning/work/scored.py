"""The model of a trial as it was scored: with the weights of the best epoch of its best execution.

Training again on the same machine gives the same bits, so that is how a model comes back, and what it scores is held
against the record. Several processes share the cores as no later process does, and bits depend on that: so workers
keep the weights of the trial that is best so far beside its record.
"""

import io
import math
import warnings
from pathlib import Path

import keras
import numpy as np

from recipes.running.files import remove_files, write_atomically
from recipes.tuning.kinds import Training
from recipes.tuning.problem import Problem, seed_of
from recipes.tuning.record.folder import WEIGHTS
from recipes.tuning.record.journal import Execution, Journal, Trial, ranked
from recipes.tuning.work.train import as_hyperparameters

SAME = 1e-6  # of the score or in all: the rounding of single precision


def lineage(trial: Trial, journal: Journal) -> list[Trial]:
    """The trials that Hyperband promoted to this one, the first one first; it gives the random numbers."""
    found = [trial]
    while (number := found[0].promoted) is not None:
        parent = journal.read(number)
        assert parent is not None
        found.insert(0, parent)
    return found


def trainings_of(trial: Trial, execution: int, problem: Problem, journal: Journal) -> list[Training]:
    """What trains one execution of it: its own training, after those that Hyperband promoted."""
    steps = lineage(trial, journal)
    seed = seed_of(problem.seed, steps[0].number, execution)
    return [Training(as_hyperparameters(step.values), seed, step.last_epoch(problem.epochs)) for step in steps]


def scored_model(trial: Trial, problem: Problem, journal: Journal) -> keras.Model:
    """The model of its best execution at its best epoch: from the disk where it lies there, else trained again.

    Warns where training again gives another score than the record has, as on another machine.
    """
    execution = _best_execution(trial, problem)
    done = trial.executions[execution]
    trainings = trainings_of(trial, execution, problem, journal)
    folder = journal.folder_of(trial.number)
    if (path := _weights_file(folder, execution)).exists():
        model = problem.build(trainings[-1].hp, trainings[-1].seed)
        if not model.built:
            model(problem.x[:1])
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            model.set_weights([held[name] for name in sorted(held.files)])
        return model
    state = folder / f"state-{execution}"
    if done.best_epoch == done.epochs and not problem.callbacks and state.is_dir():  # as it was at its end
        return problem.kind.train(problem, trainings[-1], state).model
    model, score = _again(done, trainings, problem)
    if not _is_same(score, done.score):
        warnings.warn(
            f"Trial {trial.number}, trained again, has another score than in the search: {problem.objective} was "
            f"{done.score:.8g}, now {score:.8g}. Another machine or version rounds otherwise, and what a hypermodel "
            "reads may have changed.",
            stacklevel=3,
        )
    return model


def keep_scored(number: int, problem: Problem, journal: Journal) -> None:
    """Keep the weights of this trial's best epoch on disk if it is the best so far, in place of any other's."""
    best = ranked(journal.trials(), problem.direction)
    if not best or best[0].number != number:
        return
    execution = _best_execution(best[0], problem)
    trainings = trainings_of(best[0], execution, problem, journal)
    model, score = _again(best[0].executions[execution], trainings, problem)
    if not _is_same(score, best[0].executions[execution].score):  # the user's code is not the same twice
        return
    weights = {f"{i:06d}": _as_saved(weight) for i, weight in enumerate(model.get_weights())}
    buffer = io.BytesIO()
    np.savez(buffer, **weights)  # type: ignore[arg-type]
    write_atomically(_weights_file(journal.folder_of(number), execution), buffer.getvalue())
    for other in best[1:]:
        remove_files(journal.folder_of(other.number), WEIGHTS)


def _again(done: Execution, trainings: list[Training], problem: Problem) -> tuple[keras.Model, float]:
    """The model, and what it scores now."""
    trained = problem.kind.again(problem, trainings, done.best_epoch)
    values = trained.history.get(problem.objective, [])
    return trained.model, float(values[done.best_epoch - 1]) if len(values) >= done.best_epoch else math.nan


def _is_same(score: float, recorded: float) -> bool:
    return math.isclose(score, recorded, rel_tol=SAME, abs_tol=SAME)


def _best_execution(trial: Trial, problem: Problem) -> int:
    sign = 1 if problem.direction == "min" else -1
    return min(range(len(trial.executions)), key=lambda i: sign * trial.executions[i].score)


def _weights_file(folder: Path, execution: int) -> Path:
    return folder / f"scored-{execution}.npz"


def _as_saved(weight: np.ndarray) -> np.ndarray:
    """In a type that NumPy's files know: bfloat16 as float32, which holds each of its numbers."""
    return weight if weight.dtype.kind in "biufc" else weight.astype(np.float32)
