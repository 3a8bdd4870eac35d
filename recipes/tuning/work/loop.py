"""The loop of a search: ask the oracle for a configuration, train it, record it, and again."""

import contextlib
import io
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.errors import FailedTrialError, FatalError

from recipes.running.interrupt import Interrupt
from recipes.tuning.problem import Problem
from recipes.tuning.record.journal import Journal
from recipes.tuning.work.train import NotMeasured, Stopped, execute, inherit

IDLE_SECONDS = 0.1  # until an oracle that waits for other workers is asked again
MOST_ERROR_CHARACTERS = 500
ENDING = (Stopped, NotMeasured, FatalError)  # which end the search, not the trial alone


class _Explorer(BaseTuner):
    """keras-tuner's way to find every hyperparameter of a space, and to reach an oracle in another process."""

    def reload(self) -> None:
        """The oracle is rebuilt from the journal, not from keras-tuner's files."""
        self._populate_initial_space()

    def _populate_initial_space(self) -> None:
        """Where the user's code gives a configuration up, what it asked for until then; the trials show the rest."""
        with contextlib.suppress(FailedTrialError):
            super()._populate_initial_space()


def explored(oracle: Any, problem: Problem, folder: Path) -> Any:
    """The oracle once it knows the space; where keras-tuner's environment variables name a chief, a line to it."""

    def declare(hp: Any) -> None:
        try:
            problem.declare(hp)
        except FailedTrialError:
            oracle.update_space(hp)
            raise

    with contextlib.redirect_stdout(io.StringIO()):  # "Reloading Tuner"
        return _Explorer(oracle, declare, directory=str(folder.absolute().parent), project_name=folder.name).oracle


def work(
    problem: Problem,
    oracle: Any,
    journal: Journal,
    interrupt: Interrupt,
    *,
    worker: str = "tuner0",
    on_end: Callable[[int], None] = lambda number: None,
) -> None:
    """Train one configuration after the other until the oracle has no more.

    Args:
        oracle: keras-tuner's, here or in another process.
        interrupt: Ends the work between two trainings, or in one, which is then trained anew the next time.
        worker: Name under which the oracle knows this process; one that takes up work again has its old name.
        on_end: Called with the number of each trial that has ended.

    Raises:
        FatalError: where the user's code raises keras-tuner's; its trial has not ended, and is taken up the next time.
        NotMeasured: where the history does not hold the objective.
    """
    while not interrupt.requested:
        trial = oracle.create_trial(worker)
        if trial.status == "STOPPED":
            return
        if trial.status == "IDLE":
            time.sleep(IDLE_SECONDS)
            continue
        try:
            _run(problem, trial, journal)
        except Stopped:
            interrupt.requested = True
            return
        oracle.end_trial(trial)
        on_end(int(trial.trial_id))


def root_of(number: int, values: dict[str, Any], journal: Journal) -> int:
    """The trial that Hyperband promoted to this one, and so on back to the first: it gives the random numbers."""
    while "tuner/trial_id" in values:
        number = int(values["tuner/trial_id"])
        parent = journal.read(number)
        assert parent is not None
        values = parent.hyperparameters
    return number


def as_hyperparameters(values: dict[str, Any]) -> keras_tuner.HyperParameters:
    """keras-tuner's object with these values, for a `build(hp)`."""
    hp = keras_tuner.HyperParameters()
    hp.values = dict(values)
    return hp


def _run(problem: Problem, trial: Any, journal: Journal) -> None:
    """Train the executions that are not recorded yet, and record the end."""
    number = int(trial.trial_id)
    recorded = journal.read(number)
    assert recorded is not None, f"{journal.folder_of(number)} must be reached by all workers"
    hp = trial.hyperparameters
    hp.values = dict(recorded.hyperparameters)  # over the wire they come in single precision
    if recorded.status == "running":
        before = {parameter.name for parameter in hp.space}
        root = root_of(number, recorded.hyperparameters, journal)
        ended: dict[str, Any] = {"status": "completed"}
        try:
            if root != number:
                inherit(journal.folder_of(int(hp.values["tuner/trial_id"])), journal.folder_of(number),
                        problem.executions)  # fmt: skip
            for execution in range(len(recorded.executions), problem.executions):
                done = execute(problem, hp, root, execution, journal.folder_of(number))
                journal.append(number, {"execution": vars(done)})
        except ENDING:  # the trial is not over: the same call takes it up again
            raise
        except Exception as error:  # whatever a user's code may raise
            ended = {"status": "failed", "error": _describe(error)}
        new = [parameter for parameter in hp.space if parameter.name not in before]
        ended["space"] = [{"class_name": type(p).__name__, "config": p.get_config()} for p in new]
        ended["values"] = {
            parameter.name: hp.values[parameter.name] for parameter in new if parameter.name in hp.values
        }
        journal.append(number, {"ended": ended})
        recorded = journal.read(number)
        assert recorded is not None
    trial.status = recorded.status.upper()
    trial.message = recorded.error or None


def _describe(error: Exception) -> str:
    """Type, message and place, on one line."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename and "/recipes/" not in frame.filename]
    place = own[-1] if own else frames[-1]
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:MOST_ERROR_CHARACTERS]} ({Path(place.filename).name}:{place.lineno})"
