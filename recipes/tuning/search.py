"""What a search gives back: every configuration, the best one, and the simplest that is as good."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import keras
import numpy as np

from cheatsheet.common.arguments import known_arguments_only
from recipes.training.run import Run
from recipes.tuning.kinds import Stopped
from recipes.tuning.problem import Problem
from recipes.tuning.record.journal import Hyperparameters, Journal, Trial, names_of, ranked
from recipes.tuning.work.scored import scored_model, trainings_of

T = TypeVar("T")
SHOWN = 10  # trials in the printed table
ROUNDS = ("tuner/bracket", "tuner/round", "tuner/epochs")  # its columns of Hyperband's


@dataclass(frozen=True)
class Search:
    """A search, as far as it went.

    Attributes:
        trials: Every configuration that was started, by number.
        problem: What they had in common.
        folder: Where it is kept.
        interrupted: Whether Ctrl-C ended it; the same call goes on.
    """

    trials: tuple[Trial, ...] = field(repr=False)
    problem: Problem = field(repr=False)
    folder: Path
    interrupted: bool = False

    @property
    def completed(self) -> list[Trial]:
        """The trials with a score, the best first."""
        return ranked(self.trials, self.problem.direction)

    @property
    def best_trial(self) -> Trial:
        """That with the best score.

        Raises:
            ValueError: where none was completed.
        """
        if not self.completed:
            raise ValueError("No trial is completed yet. The same call of tune goes on.")
        return self.completed[0]

    @property
    def standard_error(self) -> float:
        """How far the best score may be off by chance; 0 where nothing tells."""
        return self.best_trial.standard_error or 0.0

    @property
    def simplest_trial(self) -> Trial:
        """The fewest parameters among those whose score lies within one standard error of the best (Occam's razor)."""
        best = self.best_trial.score or 0.0
        alike = [t for t in self.completed if abs((t.score or 0.0) - best) <= self.standard_error]
        return min(alike, key=lambda t: t.parameters or 0)  # the first one is the best of equals

    @property
    def best_hyperparameters(self) -> dict[str, Any]:
        """Of the best trial, by name; `arguments()` gives them as `build_model` takes them."""
        return self.best_trial.hyperparameters

    @property
    def simplest_hyperparameters(self) -> dict[str, Any]:
        """Of the simplest trial that performs alike, by name."""
        return self.simplest_trial.hyperparameters

    def arguments(self, number: int | None = None) -> dict[str, Any]:
        """Give what builds the network of a trial anew: `build_model(x=x, y=y, **search.arguments())`.

        Of an autoencoder `build_autoencoder(x=x, **search.arguments())`. For the hyperparameters that these functions
        call otherwise, such as `num_layers` and `units_1`, here is what they stand for. The batch size goes to `fit`.

        Args:
            number: Of the trial; the best one when missing.

        Raises:
            ValueError: for a search whose own code, or `grok`, takes `best_hyperparameters` as they are, and for a
                number without a trained trial.
        """
        trial = self._trained(number)
        if self.problem.kind.arguments is None:
            raise ValueError("Of this search best_hyperparameters are what its own builder takes.")
        return Hyperparameters(self.problem.kind.arguments(self.problem, trial.hyperparameters))

    @cached_property
    def best_model(self) -> keras.Model:
        """The model that was scored: of the best trial's best training, with the weights of its best epoch.

        On the validation rows it has exactly the recorded score. `retrain` trains on all rows. With `cv`, where each
        fold has a model of its own, it is that of `retrain`, as scikit-learn's `best_estimator_` is.
        """
        return self.model(self.best_trial.number)

    @cached_property
    def simplest_model(self) -> keras.Model:
        """The simplest configuration that performs alike, as it was scored."""
        return self.model(self.simplest_trial.number)

    def model(self, number: int) -> keras.Model:
        """Return the model of any trial as it was scored: from disk, or trained again to the same.

        With `cv` it is that of `retrain(number)`. Warns where training again gives another score, as it
        may on another machine.
        """
        if self.problem.folds:
            return self.retrain(number).model
        return _to_the_end(scored_model, self._trained(number), self.problem, Journal(self.folder))

    @known_arguments_only
    def retrain(self, number: int | None = None) -> Run:
        """Train a configuration on all rows, for the epoch that was best, or the median of several trainings' best.

        As it was searched: with its callbacks, schedules, weights and metrics. Callbacks that watch the validation,
        which is not there, are left out; the finding `retrained` of the `Run` says which.

        Args:
            number: Of the trial; the best one when missing.

        Raises:
            ValueError: for a search that has its own way of training, and for a number without a trained trial.
            KeyboardInterrupt: where Ctrl-C ends it.
        """
        trial = self._trained(number)
        if self.problem.kind.retrain is None:
            raise ValueError("This search has its own way of training. Use best_model.")
        training = trainings_of(trial, 0, self.problem, Journal(self.folder))[-1]
        epochs = max(1, round(float(np.median([e.best_epoch for e in trial.executions]))))
        return _to_the_end(self.problem.kind.retrain, self.problem, replace(training, epochs=epochs))

    def _trained(self, number: Any = None) -> Trial:
        """Find the trial of this number, the best one where none is named."""
        number = self.best_trial.number if number is None else number
        if isinstance(number, Mapping):
            same = next((t.number for t in self.completed if t.hyperparameters == dict(number)), None)
            hint = "" if same is None else f" These hyperparameters are those of trial {same}: pass {same}."
            raise TypeError(f"A trial is named by its number. Received: a dict.{hint}")
        trial = next((t for t in self.trials if t.number == number), None)
        if trial is None or not trial.executions:
            raise ValueError(f"There is no trained trial {number!r}. Expected a number of the table.")
        return trial

    def table(self) -> list[dict[str, Any]]:
        """List one row a trial: number, hyperparameters, score, each execution's, epochs, seconds, parameters, verdict.

        A hyperparameter that a trial did not use, such as the units of a layer that it does not have, is `None` there.
        Hyperband's rounds stand under keras-tuner's names: `tuner/bracket`, `tuner/round`, `tuner/epochs` (up to which
        the trial was trained), `tuner/initial_epoch` and `tuner/trial_id` (of the trial that it goes on from).
        What else was measured on the validation rows, such as the metrics that were asked for, stands there as it was
        at the best epoch, the mean of several executions. `pandas.DataFrame(search.table())` makes a table of it.
        """
        others = dict.fromkeys(
            name
            for trial in self.trials
            for execution in trial.executions
            for name in execution.history
            if name.startswith("val_") and name != self.problem.objective
        )
        names = names_of(self.trials)
        rounds = dict.fromkeys(name for trial in self.trials for name in trial.bookkeeping)
        return [
            {
                "trial": t.number,
                **{name: t.hyperparameters.get(name) for name in names},
                **{name: t.bookkeeping.get(name) for name in rounds},
                self.problem.objective: t.score,
                **{name: _at_the_best(t, name) for name in others},
                "scores": [e.score for e in t.executions],
                "epochs": max((e.epochs for e in t.executions), default=0),
                "best_epoch": [e.best_epoch for e in t.executions],
                "seconds": t.seconds,
                "parameters": t.parameters,
                "verdict": t.executions[0].verdict if t.executions else "",
                "status": t.status,
                "error": t.error,
            }
            for t in self.trials
        ]

    def plot(self) -> Any:
        """Draw score against trial and each hyperparameter, the curves of the best and the worst; return a Figure."""
        from recipes.plots import plot_search

        return plot_search(self)

    def __str__(self) -> str:
        failed = sum(t.status == "failed" for t in self.trials)
        head = f"{len(self.completed)} trials completed" + (f", {failed} failed" if failed else "")
        if not self.completed:
            return f"{head}; kept in {self.folder}"
        lines = [f"{head} in {sum(t.seconds for t in self.trials):.1f} s of training; kept in {self.folder}"]
        for name, trial in (("best", self.best_trial), ("simplest as good", self.simplest_trial)):
            values = ", ".join(f"{key}={_text(value)}" for key, value in trial.hyperparameters.items())
            lines.append(f"{name}: trial {trial.number}, {self.problem.objective} {trial.score:.4g}, "
                         f"{trial.parameters:,} parameters ({values})")  # fmt: skip
        if self.standard_error:
            lines.append(f"as good: within one standard error of the best, {self.standard_error:.2g}")
        return "\n".join([*lines, "", *_rows(self)])


def _at_the_best(trial: Trial, name: str) -> Any:
    """Give a quantity at the best epoch, the mean over the executions; `None` where it was not measured then."""
    values = [e.history[name][e.best_epoch - 1 : e.best_epoch] for e in trial.executions if name in e.history]
    if not values or not all(values):
        return None
    return np.mean([value[0] for value in values], axis=0).tolist()


def _to_the_end(train: Callable[..., T], *arguments: Any) -> T:
    """Return what this training gives; where Ctrl-C ended it early there is nothing to give."""
    try:
        return train(*arguments)
    except Stopped:
        raise KeyboardInterrupt from None


def _rows(search: Search) -> list[str]:
    """Lay out the best trials in columns, and say how many there are besides."""
    shown = search.completed[:SHOWN]
    names, rounds = names_of(shown), [name for name in ROUNDS if any(name in t.bookkeeping for t in shown)]
    head = ["trial", search.problem.objective, *rounds, "parameters", "verdict", *names]
    body = [
        [str(t.number), f"{t.score:.4g}", *(_text(t.bookkeeping.get(name, "")) for name in rounds),
         f"{t.parameters:,}", t.executions[0].verdict, *(_text(t.hyperparameters.get(name, "")) for name in names)]
        for t in shown
    ]  # fmt: skip
    widths = [max(len(row[i]) for row in (head, *body)) for i in range(len(head))]
    left = len(search.completed) - len(shown)
    more = [f"and {left} more: search.trials has all, search.plot() draws them"] if left else []
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *body)]
    return lines + more


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
