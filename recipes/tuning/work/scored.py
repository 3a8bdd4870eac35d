"""The model of a trial as it was scored: with the weights of the best epoch of its best execution.

Training again on the same machine gives the same bits, so that is how a model comes back, and what it scores is held
against the record. Two kinds of weights do not come back like that, so those of the trial that is best so far are kept
beside its record: those of workers, which share the cores as no later process does, and bits depend on that; and those
of a user's own `fit`, whose order of the batches nobody knows. So are those of a trial that was trained with others, to
be there at once; training its whole wave again gives the same.
"""

import io
import math
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from recipes.running.checkpoint import FILES
from recipes.running.files import remove_files, write_atomically
from recipes.running.interrupt import Interrupt
from recipes.training.signature import remember
from recipes.tuning.kinds import Trained, Training
from recipes.tuning.problem import Problem, seed_of
from recipes.tuning.record.folder import WEIGHTS
from recipes.tuning.record.journal import Execution, Journal, Trial, ranked
from recipes.tuning.work.together import Candidate, begin_together, waves_of
from recipes.tuning.work.train import as_hyperparameters, inherit, prepared

SAME = 1e-6  # of the score or in all: the rounding of single precision


def lineage(trial: Trial, journal: Journal) -> list[Trial]:
    """List the trials that Hyperband promoted to this one, the first one first; it gives the random numbers."""
    found = [trial]
    while (number := found[0].promoted) is not None:
        parent = journal.read(number)
        assert parent is not None
        found.insert(0, parent)
    return found


def trainings_of(trial: Trial, execution: int, problem: Problem, journal: Journal) -> list[Training]:
    """List what trains one execution of a trial: its own training, after those that Hyperband promoted."""
    steps = lineage(trial, journal)
    seed = seed_of(problem.seed, steps[0].number, execution)
    return [Training(as_hyperparameters(step.values), seed, step.last_epoch(problem.epochs)) for step in steps]


def scored_model(trial: Trial, problem: Problem, journal: Journal) -> keras.Model:
    """Return the model of a trial's best execution and epoch: from the disk where it lies there, else trained again.

    Warns where training again gives another score than the record has, as on another machine.
    """
    execution = _best_execution(trial, problem)
    done = trial.executions[execution]
    chain = lineage(trial, journal)
    if any(execution < len(t.executions) and t.executions[execution].in_wave for t in chain):  # else all is one run
        trial = next(t for t in chain if t.last_epoch(problem.epochs) >= done.best_epoch)
    trainings = trainings_of(trial, execution, problem, journal)
    folder = journal.folder_of(trial.number)
    if (path := weights_file(folder, execution)).exists():
        model = problem.build(trainings[-1].hp, trainings[-1].seed)
        if not model.built:
            model(problem.x[:1])
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            model.set_weights([held[name] for name in sorted(held.files)])
        if problem.kind.retrain is not None:  # it was trained by `fit`, which would remember this
            remember(model, prepared(problem, model).signature)
        return model
    state = folder / f"state-{execution}"
    if not done.in_wave and done.best_epoch == done.epochs and not problem.callbacks and state.is_dir():  # its end
        return problem.kind.train(problem, trainings[-1], state).model
    in_wave = trial.executions[execution].in_wave
    together = _with_its_wave(trial, execution, problem, journal) if in_wave else None
    model, score = together or _again(done, trainings, problem)
    if not _is_same(score, done.score):
        warnings.warn(
            f"Trial {trial.number}, trained again, has another score than in the search: {problem.objective} was "
            f"{done.score:.8g}, now {score:.8g}. Another machine or version rounds otherwise, and what a hypermodel "
            "reads may have changed.",
            stacklevel=3,
        )
    return model


def weights_file(folder: Path, execution: int) -> Path:
    """Say where the weights of a training lie, in the folder of its trial."""
    return folder / f"scored-{execution}.npz"


def keep_if_best(trained: Sequence[Trained], best: float | None, problem: Problem, folder: Path) -> None:
    """Write the weights of a trial's best training, where no trial before it has a better score.

    Args:
        trained: Its trainings, with the weights of the best epoch in their models.
        best: Score of the best trial so far; `None` for none.
        problem: What all trials have in common.
        folder: Of the trial.
    """
    if problem.folds:
        return
    sign = 1 if problem.direction == "min" else -1
    scores = [float(np.min(sign * np.asarray(one.history[problem.objective]))) for one in trained]
    score = float(np.mean(scores))
    if math.isfinite(score) and (best is None or score < sign * best):
        execution = int(np.argmin(scores))
        if np.argmin(sign * np.asarray(trained[execution].history[problem.objective])) < trained[execution].first:
            return  # another trial had that epoch
        write_weights(weights_file(folder, execution), trained[execution].model.get_weights())


def settle(number: int, problem: Problem, journal: Journal, *, again: bool) -> None:
    """Have the weights of the best of all trials alone on disk, once this one has ended.

    Args:
        number: Of the trial that has ended.
        again: Whether it is trained again for them, where it is the best and they are not there.
    """
    folder = journal.folder_of(number)
    if problem.folds or not (again or any(WEIGHTS.fullmatch(path.name) for path in folder.iterdir())):
        return
    completed = ranked(journal.trials(), problem.direction)
    if not completed or completed[0].number != number:
        remove_files(folder, WEIGHTS)
        return
    best, *others = completed
    execution = _best_execution(best, problem)
    path = weights_file(folder, execution)
    if again and not path.exists():
        model, score = _again(best.executions[execution], trainings_of(best, execution, problem, journal), problem)
        if _is_same(score, best.executions[execution].score):
            write_weights(path, model.get_weights())
    for i in set(range(len(best.executions))) - {execution}:
        weights_file(folder, i).unlink(missing_ok=True)
    for other in others:
        remove_files(journal.folder_of(other.number), WEIGHTS)


def write_weights(path: Path, weights: Sequence[np.ndarray]) -> None:
    """Write weights whole; bfloat16 as float32, which holds each of its numbers and which NumPy's files know."""
    held = {f"{i:06d}": weight if weight.dtype.kind in "biufc" else weight.astype(np.float32)
            for i, weight in enumerate(weights)}  # fmt: skip
    buffer = io.BytesIO()
    np.savez(buffer, **held)  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())


def _again(done: Execution, trainings: list[Training], problem: Problem) -> tuple[keras.Model, float]:
    """Train the model again; return it, and what it scores now."""
    trained = problem.kind.again(problem, trainings, done.best_epoch)
    values = trained.history.get(problem.objective, [])
    return trained.model, float(values[done.best_epoch - 1]) if len(values) >= done.best_epoch else math.nan


def candidate(trial: Trial, problem: Problem, journal: Journal) -> Candidate:
    """Say how a trial trains with others: what it goes on from, and whether others may go on from it."""
    parent = trial.promoted
    last = trial.last_epoch(problem.epochs)
    return Candidate(
        as_hyperparameters(trial.values),
        lineage(trial, journal)[0].number,
        last,
        0 if parent is None else int(trial.values.get("tuner/initial_epoch", 0)),
        None if parent is None else journal.folder_of(parent),
        journal.folder_of(trial.number) if "tuner/epochs" in trial.values and last < problem.epochs else None,
    )


def _with_its_wave(
    trial: Trial, execution: int, problem: Problem, journal: Journal
) -> tuple[keras.Model, float] | None:
    """Train all that a trial was trained with again; `None` where that is no longer possible."""
    with Interrupt() as interrupt, tempfile.TemporaryDirectory() as folder:
        found = _trained_again(trial, problem, journal, interrupt, Path(folder))
    if trial.number not in found:
        return None
    trained = found[trial.number][execution]
    sign = 1 if problem.direction == "min" else -1
    return trained.model, float(sign * np.min(sign * np.asarray(trained.history[problem.objective])))


def _trained_again(
    trial: Trial, problem: Problem, journal: Journal, interrupt: Interrupt, states: Path
) -> dict[int, list[Trained]]:
    """Train the wave of a trial again, and where there are no states to go on from, those that left them."""
    assert trial.wave is not None
    members = [member for number in range(*trial.wave) if (member := journal.read(number)) is not None]
    asked = {}
    for member in members:
        one = candidate(member, problem, journal)
        parent = None if member.promoted is None else _states_of(member.promoted, problem, journal, interrupt, states)
        asked[member.number] = replace(one, parent=parent, folder=one.folder and states / member.id)
    waves = waves_of(problem, "random" if all("tuner/epochs" not in m.values for m in members) else "hyperband")
    return begin_together(problem, waves, asked, interrupt).outcomes()


def _states_of(number: int, problem: Problem, journal: Journal, interrupt: Interrupt, states: Path) -> Path:
    """Find the folder with the states that a trial left, or make them anew in one of `states`."""
    trial = journal.read(number)
    assert trial is not None
    for place in (states / trial.id, journal.folder_of(number)):
        if all(any((place / f"state-{i}" / name).exists() for name in FILES) for i in range(problem.trainings)):
            return place
    place = states / trial.id
    if all(execution.in_wave for execution in trial.executions):
        _trained_again(trial, problem, journal, interrupt, states)
        return place
    if trial.promoted is not None:
        inherit(_states_of(trial.promoted, problem, journal, interrupt, states), place, problem.trainings)
    for i in range(problem.trainings):
        problem.kind.train(problem.of(i), trainings_of(trial, i, problem, journal)[-1], place / f"state-{i}")
    return place


def _is_same(score: float, recorded: float) -> bool:
    return math.isclose(score, recorded, rel_tol=SAME, abs_tol=SAME)


def _best_execution(trial: Trial, problem: Problem) -> int:
    sign = 1 if problem.direction == "min" else -1
    return min(range(len(trial.executions)), key=lambda i: sign * trial.executions[i].score)
