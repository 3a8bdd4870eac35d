"""What a search gives back: every configuration, the best one, and the simplest that is as good."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np

from recipes.training.run import Run
from recipes.tuning.problem import Problem, seed_of
from recipes.tuning.record.journal import Journal, Trial, without_bookkeeping
from recipes.tuning.work.loop import as_hyperparameters, root_of
from recipes.tuning.work.train import grok_run, train, train_by_own_fit

SHOWN = 10  # trials in the printed table


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
        sign = 1 if self.problem.direction == "min" else -1
        return sorted(
            (t for t in self.trials if t.score is not None), key=lambda t: (sign * (t.score or 0.0), t.number)
        )

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
        """Of the best trial, by name."""
        return without_bookkeeping(self.best_trial.hyperparameters)

    @property
    def simplest_hyperparameters(self) -> dict[str, Any]:
        """Of the simplest trial that performs alike, by name."""
        return without_bookkeeping(self.simplest_trial.hyperparameters)

    @cached_property
    def best_run(self) -> Run:
        """The best configuration trained again, on all rows and for as many epochs as were best."""
        return self._retrained(self.best_trial)

    @cached_property
    def best_model(self) -> keras.Model:
        """The model of `best_run`; of a user's own `HyperModel.fit` and of grokking, trained as in the search."""
        return self.model(self.best_trial.number) if self._trains_itself else self.best_run.model

    @cached_property
    def simplest_model(self) -> keras.Model:
        """The simplest configuration that performs alike, trained again likewise."""
        trial = self.simplest_trial
        return self.model(trial.number) if self._trains_itself else self._retrained(trial).model

    def model(self, number: int) -> keras.Model:
        """The model of a trial as it was at the end of its first training: from disk, or trained again to the same."""
        trial = next((t for t in self.trials if t.number == number), None)
        if trial is None or not trial.executions:
            raise ValueError(f"There is no trained trial {number!r}. Expected a number of the table.")
        journal, hp = Journal(self.folder), as_hyperparameters(trial.hyperparameters)
        root = root_of(number, trial.hyperparameters, journal)
        problem, epochs = self.problem, int(hp.values.get("tuner/epochs", self.problem.epochs))
        seed = seed_of(problem.seed, root, 0)
        if problem.body == "grokking":
            return grok_run(problem, hp, epochs, seed, None)[0].model
        if problem.own_fit is not None:
            return train_by_own_fit(problem, hp, epochs, seed)[0]
        state = journal.folder_of(number) / "state-0"
        return train(problem, hp, root, 0, epochs, state if state.is_dir() else None).model

    @property
    def _trains_itself(self) -> bool:
        return self.problem.body == "grokking" or self.problem.own_fit is not None

    def _retrained(self, trial: Trial) -> Run:
        if self._trains_itself:
            raise ValueError("This search has its own way of training. Use best_model.")
        x, y = self.problem.retrain
        problem = replace(self.problem, x=x, y=y, validation=None, callbacks=())  # which have nothing to watch
        epochs = max(1, round(float(np.median([e.best_epoch for e in trial.executions]))))
        root = root_of(trial.number, trial.hyperparameters, Journal(self.folder))
        return train(problem, as_hyperparameters(trial.hyperparameters), root, 0, epochs, None)

    def table(self) -> list[dict[str, Any]]:
        """One row a trial: number, hyperparameters, score, each execution's, epochs, seconds, parameters and verdict.

        `pandas.DataFrame(search.table())` makes a table of it.
        """
        return [
            {
                "trial": t.number,
                **without_bookkeeping(t.hyperparameters),
                self.problem.objective: t.score,
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

    def plot(self, axes: Any = None) -> Any:
        """Score against trial and against each hyperparameter, the curves of the best and the worst."""
        from recipes.plots import plot_search

        return plot_search(self, axes)

    def __str__(self) -> str:
        failed = sum(t.status == "failed" for t in self.trials)
        head = f"{len(self.completed)} trials completed" + (f", {failed} failed" if failed else "")
        if not self.completed:
            return f"{head}; kept in {self.folder}"
        lines = [f"{head} in {sum(t.seconds for t in self.trials):.1f} s of training; kept in {self.folder}"]
        for name, trial in (("best", self.best_trial), ("simplest as good", self.simplest_trial)):
            values = ", ".join(
                f"{key}={_text(value)}" for key, value in without_bookkeeping(trial.hyperparameters).items()
            )
            lines.append(f"{name}: trial {trial.number}, {self.problem.objective} {trial.score:.4g}, "
                         f"{trial.parameters:,} parameters ({values})")  # fmt: skip
        if self.standard_error:
            lines.append(f"as good: within one standard error of the best, {self.standard_error:.2g}")
        return "\n".join([*lines, "", *_rows(self)])


def _rows(search: Search) -> list[str]:
    """The best trials, in columns."""
    shown = search.completed[:SHOWN]
    names = list(dict.fromkeys(name for t in shown for name in without_bookkeeping(t.hyperparameters)))
    head = ["trial", search.problem.objective, "parameters", "verdict", *names]
    body = [
        [str(t.number), f"{t.score:.4g}", f"{t.parameters:,}", t.executions[0].verdict,
         *(_text(without_bookkeeping(t.hyperparameters).get(name, "")) for name in names)]
        for t in shown
    ]  # fmt: skip
    widths = [max(len(row[i]) for row in (head, *body)) for i in range(len(head))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *body)]


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
