"""`tune`: a search that finishes, goes on where it stopped, and says what it found."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np

import cheatsheet
from recipes.arrays import as_features
from recipes.training.batches import split_rows
from recipes.training.checkpoint import differing, locked, unlock, write_atomically
from recipes.training.interrupt import Interrupt
from recipes.training.progress import LiveLine, duration
from recipes.tuning import schedule, workers
from recipes.tuning.journal import Journal, Trial
from recipes.tuning.oracles import TUNERS, make_oracle
from recipes.tuning.problem import Problem
from recipes.tuning.result import Search
from recipes.tuning.space import OF_BODY, entries_of
from recipes.tuning.space import describe as describe_space
from recipes.tuning.tensorboard import write_tensorboard
from recipes.tuning.tuner import explored, work

SETTINGS = "search.json"
DEFAULT_TRIALS = 30  # of a random or Bayesian search


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
    objective: Any = "val_loss",
    executions_per_trial: int = 1,
    validation_data: Any = None,
    validation_split: float = 0.2,
    batch_size: int = 32,
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
            and `space`.
        objective: Name in the history, or a `keras_tuner.Objective`. The score is its best value over the epochs.
        executions_per_trial: Trainings of each configuration; their mean counts.
        validation_data: `(x, y)` to validate on, instead of a part of x.
        validation_split: Share of the rows to validate on: shuffled, and stratified for classes; the same for all.
        batch_size: Rows a step, unless it is searched.
        directory: Folder of the search; by default one in `runs/` whose name depends on the data and the settings.
        overwrite: Delete an earlier search in it.
        workers: Processes on this machine. On several machines, the environment variables KERASTUNER_ORACLE_IP,
            KERASTUNER_ORACLE_PORT and KERASTUNER_TUNER_ID ("chief", or the worker's own) say who does what.
        seed: Of the choices, the split, the weights and the order of the batches.
        tensorboard: Folder for TensorBoard's scalars and hyperparameters.
        verbose: 0 is silent.

    Returns:
        A `Search`: `best_hyperparameters`, `simplest_hyperparameters`, `best_model`, `table()`, `plot()`.

    Raises:
        ValueError: for arguments that do not fit, before any work; for a folder that holds another search, naming the
            difference.
        RuntimeError: where no configuration could be trained, with the first cause.
        BlockingIOError: where another process has the folder open.
    """
    problem = _problem(x, y, task, body, space, hypermodel, objective, executions_per_trial, validation_data,
                       validation_split, batch_size, epochs, seed)  # fmt: skip
    if tuner not in TUNERS:
        raise ValueError(f"Unknown tuner. Received: tuner={tuner!r}. Expected one of {', '.join(TUNERS)}.")
    for name, value in (("max_trials", max_trials), ("workers", workers)):
        if value is not None:
            _require_whole(name, value, 1)
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
    with ExitStack() as opened:
        if role != "worker":
            folder.mkdir(parents=True, exist_ok=True)
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
            work(problem, reached, journal, interrupt, worker=os.environ["KERASTUNER_TUNER_ID"])
        else:
            oracle.restore()
            oracle.save()
            report = _Report(oracle, journal, problem, max_trials, line)
            try:
                report.start(folder)
                if role == "chief":
                    workers.serve(oracle, journal, interrupt, report.on_end)
                elif num_workers > 1:
                    workers.run(problem, tuner, options, oracle, journal, num_workers, interrupt, report.on_end)
                else:
                    work(problem, oracle, journal, interrupt, on_end=report.on_end)
            finally:
                report.close()
        trials = tuple(journal.trials())
    if tensorboard is not None and role != "worker":
        write_tensorboard(Path(tensorboard), trials, oracle.get_space().space, problem.objective)
    found = Search(trials, problem, folder, interrupt.requested)
    if not found.completed and not interrupt.requested and role != "worker":
        raise RuntimeError(_no_trial(found))
    return found


def _problem(
    x: Any, y: Any, task: str | None, body: str, space: Any, hypermodel: Any, objective: Any, executions: int,
    validation_data: Any, validation_split: float, batch_size: int, epochs: int, seed: int,
) -> Problem:  # fmt: skip
    """The arguments of `tune`, checked and brought together."""
    for name, value, least in (("executions_per_trial", executions, 1), ("epochs", epochs, 1),
                               ("batch_size", batch_size, 1), ("seed", seed, 0)):  # fmt: skip
        _require_whole(name, value, least)
    body = _body(body, y, hypermodel)
    if body == "grokking":
        if x is not None or y is not None:
            raise ValueError("body='grokking' has its own tables of equations. Leave x and y out.")
        train: tuple[Any, Any] = (None, None)
        validation = None
        objective = keras_tuner.Objective("steps_to_generalise", "min") if objective == "val_loss" else objective
        entries = entries_of(space, body, (), 0, batch_size)
    else:
        if x is None:
            raise ValueError("Which data? Received: x=None. Say tune(x, y), or tune(x) for an autoencoder.")
        x, y, train, validation = _divided(x, y, task, validation_data, validation_split, seed)
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
    objective = _objective(objective)
    return Problem(
        x=train[0],
        y=train[1],
        validation=validation,
        task=task,
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


def _divided(
    x: Any, y: Any, task: str | None, validation_data: Any, fraction: float, seed: int
) -> tuple[Any, Any, tuple[Any, Any], tuple[Any, Any]]:
    """All inputs and targets; those that train; those that validate."""
    x = as_features(x)
    y = None if y is None else np.asarray(y)
    if y is not None and len(x) != len(y):
        raise ValueError(f"x has {len(x)} rows, but y has {len(y)}. Expected the same number.")
    if validation_data is not None:
        parts = validation_data if isinstance(validation_data, tuple | list) else (validation_data, None)
        if len(parts) != 2 or (parts[1] is None) != (y is None):
            raise ValueError("validation_data must be (x, y), or x alone for an autoencoder.")
        held_out = (as_features(parts[0]), None if parts[1] is None else np.asarray(parts[1]))
        return x, y, (x, y), held_out
    if not isinstance(fraction, int | float) or not 0 < fraction < 1:
        raise ValueError(
            f"A search needs rows to validate on: 0 < validation_split < 1. Received: validation_split={fraction!r}."
        )
    train, validate = split_rows(len(x), fraction, seed, _labels(y, task))

    def take(which: np.ndarray) -> tuple[Any, Any]:
        return x[which], None if y is None else y[which]

    return x, y, take(train), take(validate)


def _labels(y: np.ndarray | None, task: str | None) -> np.ndarray | None:
    """Class number of each row, where there are classes to stratify by."""
    if y is None or (task or cheatsheet.infer_task(y).task) not in ("binary", "multiclass"):
        return None
    classes = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(len(y))
    return np.unique(classes, return_inverse=True)[1]


def _objective(objective: Any) -> keras_tuner.Objective:
    if isinstance(objective, keras_tuner.Objective):
        return objective
    if not isinstance(objective, str):
        raise TypeError(f"objective is a name, or a keras_tuner.Objective. Received: {type(objective).__name__}.")
    try:
        return keras_tuner.engine.oracle.Objective(objective, _direction(objective))
    except ValueError:
        raise ValueError(
            f"Is more {objective!r} better, or less? "
            f"Say objective=keras_tuner.Objective({objective!r}, direction='min' or 'max')."
        ) from None


def _direction(name: str) -> str:
    """By the field's usual names; keras-tuner's own way looks the metric up in Keras."""
    from keras_tuner.engine.metrics_tracking import infer_metric_direction

    direction = infer_metric_direction(name)
    if direction is None:
        raise ValueError
    return direction


def _require_whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}. Received: {name}={value!r}.")


def _settings(problem: Problem, tuner: str) -> dict[str, Any]:
    settings = {"tuner": tuner, **problem.settings()}
    if problem.hypermodel is not None:
        hp = keras_tuner.HyperParameters()
        problem.declare(hp)
        settings["space"] = [keras_tuner.engine.hyperparameters.serialize(parameter) for parameter in hp.space]
    return json.loads(json.dumps(settings, default=str))


def _short_digest(settings: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]


def _open(folder: Path, settings: dict[str, Any], overwrite: bool) -> None:
    """Make the folder this search's, or see that it is."""
    path = folder / SETTINGS
    if overwrite:
        for old in (*folder.glob("trial_*"), *folder.glob("*.json")):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    if path.exists():
        differences = differing(json.loads(path.read_text()), settings)
        if differences:
            raise ValueError(
                f"{folder} holds another search: {differences}. "
                "Go on with the same settings, name another directory, or start anew with overwrite=True."
            )
    else:
        write_atomically(path, json.dumps(settings, indent=1).encode())


def _no_trial(found: Search) -> str:
    if not found.trials:
        return "There was nothing to try: the space has no configuration."
    first = found.trials[0]
    return (
        f"No configuration could be trained: all {len(found.trials)} failed. "
        f"The first one ({_values(first)}): {first.error}. Mend it, and start anew with overwrite=True."
    )


def _values(trial: Trial) -> str:
    return ", ".join(f"{name}={value}" for name, value in trial.hyperparameters.items() if "/" not in name)


class _Report:
    """What is said of a search while it goes on."""

    def __init__(
        self, oracle: Any, journal: Journal, problem: Problem, max_trials: int | None, line: LiveLine | None
    ) -> None:
        self.oracle, self.journal, self.problem, self.line = oracle, journal, problem, line
        self.most = max_trials
        self.num_trials = schedule.totals(oracle, max_trials, problem.epochs)[0]
        self.failures: set[str] = set()

    def start(self, folder: Path) -> None:
        """The schedule, and what is there already."""
        self.begin, self.ended = time.perf_counter(), len(self.oracle.end_order)
        if self.line is None:
            return
        say = self.line.console.print
        problem = self.problem
        say(schedule.describe(self.oracle, self.most, problem.epochs, problem.executions))
        if problem.validation is not None:
            say(f"{len(problem.x):,} rows train, {len(problem.validation[0]):,} validate; score: best "
                f"{problem.objective} over the epochs")  # fmt: skip
        if problem.entries:
            say(f"space: {describe_space(problem.entries)}", soft_wrap=True)
        done = f"; {self.ended} trials are there from before" if self.ended else ""
        say(f"kept in {folder}{done}", soft_wrap=True)
        self.line.start()

    def on_end(self, number: int) -> None:
        """One trial more."""
        if self.line is None:
            return
        trial = self.journal.read(number)
        if trial is not None and trial.error and trial.error not in self.failures:
            self.failures.add(trial.error)
            self.line.console.print(f"trial {number} failed: {trial.error}", soft_wrap=True)
        best = self.oracle.get_best_trials(1)
        done = len(self.oracle.end_order)
        text = f"trial {done}" + (f"/{self.num_trials}" if self.num_trials else "")
        if best and best[0].score is not None:
            text += f"  best {self.problem.objective} {best[0].score:.4g} (trial {int(best[0].trial_id)})"
        seconds = time.perf_counter() - self.begin
        if self.num_trials and done < self.num_trials:
            text += f"  about {duration(seconds / (done - self.ended) * (self.num_trials - done))} left"
        else:
            text += f"  in {duration(seconds)}"
        self.line.show(text, last=done == self.num_trials)

    def close(self) -> None:
        """Leave the last line standing."""
        if self.line is not None:
            self.line.close()
