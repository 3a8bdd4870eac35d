"""The loop of a search: ask the oracle for a configuration, train it, record it, and again."""

import contextlib
import io
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.errors import FailedTrialError, FatalError

from recipes.running.interrupt import Interrupt
from recipes.training.several.folds import share_of
from recipes.tuning.kinds import NotMeasured, Stopped, Trained, Training, require_measured
from recipes.tuning.oracles._keras_tuner import BaseTuner
from recipes.tuning.oracles.persistent import make_oracle
from recipes.tuning.problem import Problem
from recipes.tuning.record.journal import Execution, Journal
from recipes.tuning.work.scored import candidate, keep_if_best, settle, trainings_of, weights_file, write_weights
from recipes.tuning.work.together import Wave, Waves, begin_together
from recipes.tuning.work.train import as_hyperparameters, inherit

ALONE = "tuner0"  # the name of the one process of a search
IDLE_SECONDS = 0.1  # until an oracle that waits for other workers is asked again
MOST_ERROR_CHARACTERS = 500
ENDING = (Stopped, NotMeasured, FatalError)  # which end the search, not the trial alone


@dataclass(frozen=True)
class Setup:
    """A search as each of its processes knows it.

    Attributes:
        problem: What its trials have in common.
        tuner: Who chooses them, one of `words.TUNERS`.
        max_trials: How many at most; `None` for all that there are.
        folder: Where they are recorded.
    """

    problem: Problem
    tuner: str
    max_trials: int | None
    folder: Path

    @property
    def journal(self) -> Journal:
        """Its record."""
        return Journal(self.folder)

    def oracle(self) -> Any:
        """Make a new oracle, which knows nothing yet."""
        problem = self.problem
        return make_oracle(
            self.tuner, keras_tuner.Objective(problem.objective, problem.direction), max_trials=self.max_trials,
            epochs=problem.epochs, seed=problem.seed, journal=self.journal,
        )  # fmt: skip


class _Explorer(BaseTuner):
    """keras-tuner's way to find every hyperparameter of a space, and to reach an oracle in another process."""

    def reload(self) -> None:
        """Leave keras-tuner's files alone: the oracle is rebuilt from the journal."""
        self._populate_initial_space()

    def _populate_initial_space(self) -> None:
        """Take what the user's code asks for, up to where it gives a configuration up; the trials show the rest."""
        with contextlib.suppress(FailedTrialError):
            super()._populate_initial_space()


def explored(oracle: Any, setup: Setup) -> Any:
    """Let the oracle know the space; where keras-tuner's environment variables name a chief, return a line to it."""

    def declare(hp: Any) -> None:
        try:
            setup.problem.declare(hp)
        except FailedTrialError:
            oracle.update_space(hp)
            raise

    place = setup.folder.absolute()
    with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner"
        return _Explorer(oracle, declare, directory=str(place.parent), project_name=place.name).oracle


def work(
    setup: Setup,
    oracle: Any,
    interrupt: Interrupt,
    *,
    worker: str | None = None,
    on_end: Callable[[int], None] = lambda number: None,
) -> None:
    """Train one configuration after the other until the oracle has no more.

    Args:
        oracle: keras-tuner's, here or in another process.
        interrupt: Ends the work between two trainings, or in one, which is then trained anew the next time.
        worker: Name under which an oracle elsewhere knows this process; one that takes up work again has its old name.
        on_end: Called with the number of each trial that has ended.

    Raises:
        FatalError: where the user's code raises keras-tuner's; its trial has not ended, and is taken up the next time.
        NotMeasured: where the history does not hold the objective.
    """
    problem, journal = setup.problem, setup.journal
    while not interrupt.requested:
        trial = oracle.create_trial(worker or ALONE)
        if trial.status == "STOPPED":
            return
        if trial.status == "IDLE":
            time.sleep(IDLE_SECONDS)
            continue
        number = int(trial.trial_id)
        try:
            _run(problem, trial, journal)
            oracle.end_trial(trial)
            on_end(number)
            settle(number, problem, journal, again=worker is not None)
        except Stopped:
            interrupt.requested = True


def work_in_waves(
    setup: Setup, oracle: Any, waves: Waves, interrupt: Interrupt, *, on_end: Callable[[int], None]
) -> None:
    """Train waves of configurations until the oracle has no more.

    A wave is settled before the work and written into the record of each of its trials. It is trained whole, also where
    some of its trials have ended before a kill, and where the last ones go beyond `max_trials`: these are forgotten
    again, but for what was chosen. So a trial has the same numbers however often the search was stopped, and whatever
    it is extended to. Trials that must train by themselves do so in their turn.

    Where no choice depends on scores, the next wave is chosen and built while the last one trains. A wave of a Bayesian
    search is chosen by keras-tuner's rule for parallel searches (`oracles/persistent.py`), one of Hyperband is a round
    of a bracket or a part of it, which all go on from the same epoch.

    Args:
        setup: The search.
        oracle: keras-tuner's, in this process.
        waves: How trials are trained together.
        interrupt: As for `work`, like the next.
        on_end: Called with the number of each trial that has ended.

    Raises:
        FatalError, NotMeasured: as `work`.
    """
    ahead: _Chosen | None = None
    now = None
    try:
        while not interrupt.requested:
            now, ahead = ahead or _begin_wave(setup, oracle, waves, interrupt, oracle.next_number), None
            if now is None:
                break
            if (
                waves.looks_ahead and now.settles_all
            ):  # so the next one is chosen as it would be after the end of this one
                ahead = _begin_wave(setup, oracle, waves, interrupt, now.end)
            _end_wave(setup, oracle, now, interrupt, on_end)
    except Stopped:
        interrupt.requested = True
    finally:
        for chosen in (now, ahead):
            if chosen is not None and chosen.wave is not None:
                chosen.wave.give_up()
    oracle.let_wait()


@dataclass(frozen=True)
class _Chosen:
    """Trials that are recorded as begun, to be trained together or, without a wave, alone.

    Attributes:
        trials: keras-tuner's.
        asked: For each, by number, what its building asks for: keras-tuner's `HyperParameters`.
        wave: What is being trained.
    """

    trials: list[Any]
    asked: dict[int, Any]
    wave: Wave | None

    @property
    def end(self) -> int:
        """Number of the trial behind the last."""
        return int(self.trials[-1].trial_id) + 1

    @property
    def settles_all(self) -> bool:
        """Say whether all that is chosen next is known already: each was built, and asked for nothing new."""
        return (
            self.wave is not None
            and self.wave.is_whole
            and not any(_new(self.asked[int(t.trial_id)], t.hyperparameters) for t in self.trials)
        )


def _begin_wave(setup: Setup, oracle: Any, waves: Waves, interrupt: Interrupt, number: int) -> _Chosen | None:
    """Choose the trials from this number on that train together, and begin; `None` where there are no more."""
    if setup.max_trials is not None and number >= setup.max_trials:
        return None
    journal = setup.journal
    recorded = journal.read(number)
    if recorded is not None and recorded.wave is None:  # of an earlier version, or of several processes
        trials = [oracle.create_trial(ALONE)]
    else:
        # A round of Hyperband begins anywhere, and ends a wave.
        wave = (number, number + waves.size if waves.goes_on else (number // waves.size + 1) * waves.size)
        if recorded is not None and recorded.wave is not None:
            wave = recorded.wave
        trials = list(takewhile(lambda trial: trial is not None, _chosen(journal, oracle, wave)))
    if not any(trial.status == "RUNNING" for trial in trials):  # there is no configuration left
        return None
    if journal.read(int(trials[0].trial_id)).wave is None:  # type: ignore[union-attr]
        return _Chosen(trials, {}, None)
    asked = {}
    for trial in trials:
        one = journal.read(int(trial.trial_id))
        assert one is not None
        asked[one.number] = candidate(one, setup.problem, journal)
    hps = {number: own.hp for number, own in asked.items()}
    return _Chosen(trials, hps, begin_together(setup.problem, waves, asked, interrupt))


def _chosen(journal: Journal, oracle: Any, wave: tuple[int, int]) -> Iterator[Any]:
    """Take up the trials of a wave; the first one says which are the others."""
    first, end = wave
    yield oracle.choose(first, wave)
    recorded = journal.read(first)
    if recorded is not None and recorded.wave is not None:
        _, end = wave = recorded.wave
    yield from (oracle.choose(number, wave) for number in range(first + 1, end))


def _end_wave(setup: Setup, oracle: Any, chosen: _Chosen, interrupt: Interrupt, on_end: Callable[[int], None]) -> None:
    """Wait for these trials, and record in order those that have not ended."""
    problem, journal = setup.problem, setup.journal
    together = chosen.wave.outcomes() if chosen.wave is not None else {}
    for trial in chosen.trials:
        number = int(trial.trial_id)
        if trial.status != "RUNNING" or (setup.max_trials is not None and number >= setup.max_trials):
            continue
        if interrupt.requested:
            raise Stopped
        own = together.pop(number, None)
        if own is not None:
            best = oracle.get_best_trials(1)
            keep_if_best(own, best[0].score if best else None, problem, journal.folder_of(number))
        _run(problem, trial, journal, own, chosen.asked.get(number))
        oracle.end_trial(trial)
        on_end(number)
        settle(number, problem, journal, again=False)


def execute(problem: Problem, training: Training, execution: int, folder: Path) -> Execution:
    """Train this configuration once, and score it.

    Args:
        problem: What all trials have in common.
        training: Of the trial.
        execution: Which one of the trial it is, from 0.
        folder: Of the trial. The state of the training lies in it, so that a trial that was killed goes on.

    Raises:
        FloatingPointError: where the objective turned NaN.
        NotMeasured: where the history does not hold the objective.
        Stopped: where Ctrl-C ended it.
    """
    start = time.perf_counter()
    trained = problem.kind.train(problem.of(execution), training, folder / f"state-{execution}")
    if trained.weights is not None:
        write_weights(weights_file(folder, execution), trained.weights)
    return scored(problem, trained, execution, time.perf_counter() - start)


def scored(problem: Problem, trained: Trained, execution: int, seconds: float) -> Execution:
    """Score what came of one training of a trial.

    Raises:
        FloatingPointError, NotMeasured: as `execute`.
    """
    values = _objective_of(problem, trained.history)
    best = int(np.argmin(values) if problem.direction == "min" else np.argmax(values))
    return Execution(
        score=values[best],
        best_epoch=best + 1,
        epochs=len(values),
        seconds=seconds,
        parameters=int(sum(np.prod(weight.shape) for weight in trained.model.trainable_weights)),
        standard_error=trained.standard_error,
        verdict=trained.verdict,
        history={name: [np.asarray(value).tolist() for value in column] for name, column in trained.history.items()},
        share=share_of([problem.folds[execution % len(problem.folds)]]) if problem.folds else None,
        at_once=trained.at_once,
        stacked=trained.stacked,
    )


def _objective_of(problem: Problem, history: dict[str, list[float]]) -> list[float]:
    require_measured(problem.objective, history)
    values = [float(value) for value in history[problem.objective]]
    for name in dict.fromkeys((problem.objective, "loss")):
        first = next((i for i, value in enumerate(history.get(name, ())) if not np.all(np.isfinite(value))), None)
        if first is not None:
            raise FloatingPointError(f"{name} became {history[name][first]} in epoch {first + 1}")
    return values


def _run(
    problem: Problem,
    trial: Any,
    journal: Journal,
    together: Sequence[Trained] | None = None,
    hp: Any = None,
) -> None:
    """Train the executions that are not recorded yet, and record the end.

    Args:
        problem: What all trials have in common.
        trial: keras-tuner's.
        journal: The record.
        together: What came of its trainings, where it was trained with others.
        hp: What its building asked for, where it was built.
    """
    number = int(trial.trial_id)
    recorded = journal.read(number)
    assert recorded is not None, f"{journal.folder_of(number)} must be reached by all workers"
    folder = journal.folder_of(number)
    if recorded.status == "running":
        if hp is None:  # the values as they were recorded: over the wire they come in single precision
            hp = as_hyperparameters(recorded.values)
        ended: dict[str, Any] = {"status": "completed"}
        try:
            if recorded.promoted is not None and together is None:
                inherit(journal.folder_of(recorded.promoted), folder, problem.trainings)
            if together is not None:
                for i, one in enumerate(together):
                    execution = scored(problem, one, i, one.seconds or 0.0)
                    if i >= len(recorded.executions):
                        journal.append(number, {"execution": vars(execution)})
            for i in range(len(recorded.executions), 0 if together is not None else problem.trainings):
                training = replace(trainings_of(recorded, i, problem, journal)[-1], hp=hp)
                journal.append(number, {"execution": vars(execute(problem, training, i, folder))})
        except ENDING:  # the trial is not over: the same call takes it up again
            raise
        except Exception as error:  # whatever a user's code may raise
            ended = {"status": "failed", "error": _describe(error)}
        new = _new(hp, trial.hyperparameters)
        ended["space"] = [{"class_name": type(p).__name__, "config": p.get_config()} for p in new]
        ended["values"] = {p.name: hp.values[p.name] for p in new if p.name in hp.values}
        if hp.space:  # it was built
            ended["used"] = [p.name for p in hp.space if hp.is_active(p)]
        trial.hyperparameters.values = dict(hp.values)
        trial.hyperparameters.merge(hp.space, overwrite=False)
        journal.append(number, {"ended": ended})
        recorded = journal.read(number)
        assert recorded is not None
    trial.status = recorded.status.upper()
    trial.message = recorded.error or None


def _new(asked: Any, known: Any) -> list[Any]:
    """List the hyperparameters that were asked for and are not among those of the oracle's trial."""
    names = {parameter.name for parameter in known.space}
    return [parameter for parameter in asked.space if parameter.name not in names]


def _describe(error: Exception) -> str:
    """Describe an error by type, message and place, on one line."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename and "/recipes/" not in frame.filename]
    place = own[-1] if own else frames[-1]
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:MOST_ERROR_CHARACTERS]} ({Path(place.filename).name}:{place.lineno})"
