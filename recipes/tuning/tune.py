"""`tune`: a search that finishes, goes on where it stopped, and says what it found."""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.errors import FailedTrialError

from cheatsheet.common.arguments import known_arguments_only, require_whole
from recipes.running.files import write_atomically
from recipes.running.interrupt import Interrupt
from recipes.running.lock import locked, unlock
from recipes.running.progress import LiveLine
from recipes.tuning.arguments import problem_of
from recipes.tuning.oracles.persistent import TUNERS, make_oracle
from recipes.tuning.problem import Problem
from recipes.tuning.record.folder import SETTINGS, clear, remove_leftovers, require_own, settings_in
from recipes.tuning.record.identity import difference
from recipes.tuning.record.journal import Journal, Trial, without_bookkeeping
from recipes.tuning.report import Report
from recipes.tuning.search import Search
from recipes.tuning.tensorboard import require_own_curves, write_tensorboard
from recipes.tuning.work import processes as workers
from recipes.tuning.work.loop import explored, work

DEFAULT_TRIALS = 30  # of a random or Bayesian search


@known_arguments_only
def tune(
    x: Any = None,
    y: Any = None,
    task: str | None = None,
    *,
    body: str = "mlp",
    tuner: str = "random",
    max_trials: int | None = None,
    epochs: int = 50,
    space: str | Mapping[str, Any] | None = None,
    hypermodel: Any = None,
    objective: Any = None,
    executions_per_trial: int = 1,
    validation_data: Any = None,
    validation_split: float = 0.2,
    batch_size: int = 32,
    callbacks: Sequence[Any] = (),
    directory: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    workers: int = 1,
    seed: int = 0,
    tensorboard: str | os.PathLike[str] | None = None,
    verbose: str | int = "auto",
) -> Search:
    """Which hyperparameters suit this data?

    keras-tuner chooses the configurations; the cheatsheet fixes the head, which is never searched. The same call goes
    on where it was stopped, however it was stopped, and more `max_trials` extend it. The same seed gives the same
    table.

    Args:
        x: Training inputs `(n, ...)`, as for `fit`.
        y: Training target; `None` searches for an autoencoder of x.
        task: The cheatsheet's task; from `y` when missing.
        body: `"mlp"` or `"cnn"`, for an autoencoder `"dense"` or `"conv"`; `"grokking"`, without x and y, searches the
            rate and the decay with which `recipes.grok` generalises soonest.
        tuner: `"random"`, `"bayesian"` (a Gaussian process), `"hyperband"` (many short trainings, the best go on) or
            `"grid"`.
        max_trials: Configurations at most; 30 when missing, the whole of a grid or of Hyperband's brackets.
        epochs: For each configuration; the most that Hyperband trains one for.
        space: `"architecture"` (layers, units, activation, dropout, ...), `"training"` (optimizer, rate, decay, batch
            size), `None` for both, or a dictionary such as
            `{"units": [16, 64], "dropout": (0.0, 0.5), "learning_rate": (1e-4, 1e-2, "log")}`.
        hypermodel: A function of `hp` that gives a compiled model, or a `keras_tuner.HyperModel`, in place of `body`
            and `space`. Where its code has changed, a search is another one; what its code reads or calls (a helper
            function, a value around it, a global, an attribute of the `HyperModel`) is not looked at, so after a change
            of these say `overwrite=True`. keras-tuner's `FailedTrialError` marks its trial as failed, `FatalError` ends
            the search.
        objective: Name in the history, or a `keras_tuner.Objective`. The score is its best value over the epochs.
            `"val_loss"` when missing; for grokking `"steps_to_generalise"`.
        executions_per_trial: Trainings of each configuration; their mean counts.
        validation_data: `(x, y)` to validate on, instead of a part of x.
        validation_split: Share of the rows to validate on: shuffled, and stratified for classes; the same for all.
        batch_size: Rows a step, unless it is searched.
        callbacks: Keras callbacks, such as `EarlyStopping`; each training gets copies.
        directory: Folder of the search; by default one in `runs/` whose name depends on the data and the settings.
        overwrite: Delete an earlier search in it, which means its own files and nothing else.
        workers: Processes on this machine. On several machines, the environment variables KERASTUNER_ORACLE_IP,
            KERASTUNER_ORACLE_PORT and KERASTUNER_TUNER_ID ("chief", or the worker's own) say who does what.
        seed: Of the choices, the split, the weights and the order of the batches.
        tensorboard: Folder for TensorBoard's scalars and hyperparameters.
        verbose: 0 is silent.

    Returns:
        A `Search`: `best_hyperparameters`, `simplest_hyperparameters`, `best_model`, `table()`, `plot()`.

    Raises:
        ValueError: for arguments that do not fit, before any work; for a folder that holds another search, naming the
            difference, or that holds other things and no search.
        keras_tuner.errors.FatalError: where the user's own code raises it; the same call goes on with that trial.
        RuntimeError: where no configuration could be trained, with the first cause.
        BlockingIOError: where another process has the folder open.
    """
    problem = problem_of(x, y, task, body, space, hypermodel, objective, executions_per_trial, validation_data,
                       validation_split, batch_size, epochs, seed, callbacks)  # fmt: skip
    if tuner not in TUNERS:
        raise ValueError(f"Unknown tuner. Received: tuner={tuner!r}. Expected one of {', '.join(TUNERS)}.")
    for name, value in (("max_trials", max_trials), ("workers", workers)):
        if value is not None:
            require_whole(name, value, 1)
    problem.check()
    if max_trials is None and tuner in ("random", "bayesian"):
        max_trials = DEFAULT_TRIALS
    line = LiveLine() if verbose else None
    return _search(problem, tuner, max_trials, directory, overwrite, workers, tensorboard, line)


def _search(
    problem: Problem,
    tuner: str,
    max_trials: int | None,
    directory: str | os.PathLike[str] | None,
    overwrite: bool,
    num_workers: int,
    tensorboard: str | os.PathLike[str] | None,
    line: LiveLine | None,
) -> Search:
    role = workers.role()
    settings = _settings(problem, tuner)
    folder = Path(directory) if directory is not None else Path("runs") / f"tune-{_short_digest(settings)}"
    require_own(folder)
    if tensorboard is not None and role != "worker":
        replaced = settings_in(folder) if overwrite else None
        require_own_curves(Path(tensorboard), [_short_digest(of) for of in (settings, replaced) if of is not None])
    with ExitStack() as opened:
        folder.mkdir(parents=True, exist_ok=True)
        if role != "worker":
            opened.callback(unlock, locked(folder))
            _open(folder, settings, overwrite)
        journal = Journal(folder)
        options: dict[str, Any] = {
            "max_trials": max_trials,
            "epochs": problem.epochs,
            "seed": problem.seed,
            "journal": journal,
        }
        oracle = make_oracle(tuner, keras_tuner.Objective(problem.objective, problem.direction), **options)
        reached = explored(oracle, problem, folder)
        interrupt = opened.enter_context(Interrupt())
        if role == "worker":
            name = os.environ["KERASTUNER_TUNER_ID"]
            opened.enter_context(workers.alive(folder, name))
            with workers.telling(folder, name):
                work(problem, reached, journal, interrupt, worker=name)
        else:
            oracle.restore()
            oracle.save()
            report = Report(oracle, journal, problem, max_trials, line)
            try:
                report.start(folder)
                if max_trials is not None and len(oracle.end_order) >= max_trials:
                    pass  # all done before
                elif role == "chief":
                    workers.serve(oracle, journal, interrupt, report.on_end)
                elif num_workers > 1:
                    workers.run(problem, tuner, options, oracle, journal, num_workers, interrupt, report.on_end)
                else:
                    work(problem, oracle, journal, interrupt, on_end=report.on_end)
            finally:
                report.close()
        trials = tuple(journal.trials())
    if tensorboard is not None and role != "worker":
        write_tensorboard(
            Path(tensorboard), _short_digest(settings), trials, oracle.get_space().space, problem.objective
        )
    found = Search(trials, problem, folder, interrupt.requested)
    if not found.completed and not interrupt.requested and role != "worker":
        raise RuntimeError(_no_trial(found))
    return found


def _settings(problem: Problem, tuner: str) -> dict[str, Any]:
    settings = {"tuner": tuner, **problem.settings()}
    if problem.hypermodel is not None:
        hp = keras_tuner.HyperParameters()
        with contextlib.suppress(FailedTrialError):  # what it asked for until then
            problem.declare(hp)
        settings["space"] = [keras_tuner.engine.hyperparameters.serialize(parameter) for parameter in hp.space]
    return json.loads(json.dumps(settings, default=str))


def _short_digest(settings: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]


def _open(folder: Path, settings: dict[str, Any], overwrite: bool) -> None:
    """Make the folder this search's, or see that it is."""
    if overwrite:
        clear(folder)
    remove_leftovers(folder)
    workers.forget(folder)
    before = None if overwrite else settings_in(folder)
    if before is None:
        write_atomically(folder / SETTINGS, json.dumps(settings, indent=1).encode())
    elif differences := difference(before, settings):
        raise ValueError(
            f"{folder} holds another search: {differences}. "
            "Go on with the same settings, name another directory, or start anew with overwrite=True."
        )


def _no_trial(found: Search) -> str:
    if not found.trials:
        return "There was nothing to try: the space has no configuration."
    first = found.trials[0]
    return (
        f"No configuration could be trained: all {len(found.trials)} failed. "
        f"The first one ({_values(first)}): {first.error}. Mend it, and start anew with overwrite=True."
    )


def _values(trial: Trial) -> str:
    return ", ".join(f"{name}={value}" for name, value in without_bookkeeping(trial.hyperparameters).items())
