"""`tune`: a search that finishes, goes on where it stopped, and says what it found."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.common.words import count
from recipes.running.digests import digest_of_json
from recipes.running.files import as_path, write_atomically
from recipes.running.interrupt import Interrupt, how_to_go_on, interrupted
from recipes.running.lock import locked, unlock
from recipes.running.memory import new_objects_alone
from recipes.running.progress import LiveLine
from recipes.tuning.arguments import problem_of
from recipes.tuning.record.folder import SETTINGS, OtherSearchError, clear, remove_leftovers, require_own, settings_in
from recipes.tuning.record.identity import difference
from recipes.tuning.record.journal import Trial, in_short
from recipes.tuning.report import Report
from recipes.tuning.search import Search
from recipes.tuning.tensorboard import require_own_curves, write_tensorboard
from recipes.tuning.words import require_numbers, require_tuner
from recipes.tuning.work import processes
from recipes.tuning.work.loop import Setup, explored, work, work_in_waves
from recipes.tuning.work.together import waves_of

DEFAULT_TRIALS = 30  # of a random or Bayesian search


@known_arguments_only
def tune(
    x: Any = None,
    y: Any = None,
    task: str | None = None,
    *,
    body: str | None = None,
    tuner: str = "random",
    max_trials: int | None = None,
    epochs: int = 50,
    space: str | Mapping[str, Any] | None = None,
    hypermodel: Any = None,
    objective: Any = None,
    executions_per_trial: int = 1,
    validation_data: Any = None,
    validation_split: float | None = None,
    cv: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    class_weight: Mapping[Any, float] | str | None = None,
    metrics: Sequence[Any] = (),
    batch_size: int = 32,
    callbacks: Sequence[Any] = (),
    directory: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    workers: int = 1,
    seed: int = 0,
    tensorboard: str | os.PathLike[str] | None = None,
    verbose: str | int = "auto",
) -> Search:
    """Search for the hyperparameters that suit this data.

    keras-tuner chooses the configurations; the cheatsheet fixes the head, which is never searched. The same call goes
    on where it was stopped, however it was stopped, and more `max_trials` extend it. The same seed gives the same
    table.

    Args:
        x: Training inputs `(n, ...)`, as for `fit`.
        y: Training target; `None` searches for an autoencoder of x.
        task: The cheatsheet's task; from `y` when missing.
        body: `"mlp"`, `"cnn"` or `"sequence"`, for an autoencoder `"dense"` or `"conv"`; the first of each when
            missing. `"grokking"`, without x and y, searches the rate and the decay with which `recipes.grok`
            generalises soonest.
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
        executions_per_trial: Trainings of each configuration; their mean counts. With `cv`, on each fold.
        validation_data: `(x, y)` to validate on, instead of a part of x.
        validation_split: Share of the rows to validate on, 0.2 when missing: shuffled, and stratified for classes; the
            same for all.
        cv: Validate on folds instead: their number, shuffled by the seed, and for classes stratified; or a splitter of
            scikit-learn; or a list of (training rows, held-out rows). A trial is trained once on each fold (and for
            each of `executions_per_trial`), with scales, class weights and all else found on that fold's training rows;
            its score is the mean over the folds, each at its best epoch.
        groups: With `cv`, of each row `(n,)`: rows of a group stay together.
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
        A `Search`: `best_hyperparameters`, `simplest_hyperparameters`, `best_model` (the one that was scored; with
        `cv`, where no single one was, that of `retrain()`), `retrain()` (on all rows), `table()`, `plot()`.

    Raises:
        ValueError: for arguments that do not fit, an objective that is not measured among them, before any work.
        OtherSearchError: for a folder that holds another search, naming the difference, or that holds other things and
            no search; a `ValueError`.
        keras_tuner.errors.FatalError: where the user's own code raises it; the same call goes on with that trial.
        RuntimeError: where no configuration could be trained, with the first cause.
        BlockingIOError: where another process has the folder open.
        recipes.Interrupted: after Ctrl-C, with the `Search` so far in `result`; in a notebook and at
            a prompt it is returned instead. The trial that was being trained goes on with the same call.
    """
    problem = problem_of(
        x, y, task, body=body, space=space, hypermodel=hypermodel, objective=objective,
        executions_per_trial=executions_per_trial, validation_data=validation_data, validation_split=validation_split,
        cv=cv, groups=groups, sample_weight=sample_weight, class_weight=class_weight, metrics=metrics,
        batch_size=batch_size, epochs=epochs, seed=seed, callbacks=callbacks,
    )  # fmt: skip
    require_tuner(tuner)
    counts = {"max_trials": max_trials, "workers": workers}
    require_numbers(**{name: value for name, value in counts.items() if value is not None})
    problem.kind.check(problem)
    if max_trials is None and tuner in ("random", "bayesian"):
        max_trials = DEFAULT_TRIALS
    settings = json.loads(json.dumps({"tuner": tuner, **problem.settings()}, default=str))
    folder = Path("runs") / f"tune-{_name(settings)}"
    if directory is not None:
        folder = as_path(directory, "A search is kept in a folder. Name it: directory='folder'.")
    if tensorboard is not None:
        tensorboard = as_path(tensorboard, "TensorBoard's files lie in a folder. Name it: tensorboard='folder'.")
    setup = Setup(problem, tuner, max_trials, folder)
    is_worker = processes.role() == "worker"
    require_own(folder)
    if tensorboard is not None and not is_worker:
        replaced = settings_in(folder) if overwrite else None
        require_own_curves(tensorboard, [_name(of) for of in (settings, replaced) if of is not None])
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        if not is_worker:
            opened.callback(unlock, locked(folder))
            _open(folder, settings, overwrite)
        interrupt = opened.enter_context(Interrupt())
        if is_worker:
            processes.be_worker(setup, interrupt)
        else:
            searched = _choose_and_train(setup, workers, interrupt, LiveLine() if verbose else None)
        # What was chosen beyond `max_trials`, to settle the last wave, is not asked for.
        trials = tuple(trial for trial in setup.journal.trials()
                       if trial.status != "running" or max_trials is None or trial.number < max_trials)  # fmt: skip
    if tensorboard is not None and not is_worker:
        write_tensorboard(tensorboard, _name(settings), trials, searched, problem.objective)
    found = Search(trials, problem, folder, interrupt.requested)
    if interrupt.requested:
        ended = count(sum(trial.status in ("completed", "failed") for trial in trials), "trial")
        return interrupted(found, how_to_go_on(f"the search after {ended}", folder, "its record is in"))
    if not found.completed and not is_worker:
        raise RuntimeError(_no_trial(found))
    return found


def _choose_and_train(setup: Setup, num_workers: int, interrupt: Interrupt, line: LiveLine | None) -> list[Any]:
    """Have the oracle choose and somebody train, from where the record ends to the end; return the space."""
    oracle = explored(setup.oracle(), setup)
    oracle.restore()
    oracle.save()
    is_done = setup.max_trials is not None and len(oracle.end_order) >= setup.max_trials
    waves = None
    if not is_done and num_workers == 1 and processes.role() == "alone":
        waves = waves_of(setup.problem, setup.tuner)
    report = Report(oracle, setup, line, waves)
    try:
        report.start()
        if is_done:
            pass
        elif processes.role() == "chief":
            processes.serve(oracle, setup.journal, interrupt, report.on_end)
        elif num_workers > 1:
            processes.run(setup, oracle, num_workers, interrupt, report.on_end)
        elif waves is not None and waves.size:
            with new_objects_alone():
                work_in_waves(setup, oracle, waves, interrupt, on_end=report.on_end)
        else:
            with new_objects_alone():
                work(setup, oracle, interrupt, on_end=report.on_end)
    finally:
        report.close()
    return oracle.get_space().space


def _name(settings: Mapping[str, Any]) -> str:
    """Name a search, as the names of folders do."""
    return digest_of_json(settings, 8)


def _open(folder: Path, settings: dict[str, Any], overwrite: bool) -> None:
    """Make the folder this search's, or see that it is."""
    if overwrite:
        clear(folder)
    remove_leftovers(folder)
    processes.forget(folder)
    before = None if overwrite else settings_in(folder)
    if before is None:
        write_atomically(folder / SETTINGS, json.dumps(settings, indent=1).encode())
    elif differences := difference(before, settings):
        raise OtherSearchError(
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
    return ", ".join(f"{name}={in_short(value)}" for name, value in trial.hyperparameters.items())
