"""What is said of a search while it goes on: the schedule, one live line, and each failure once."""

import time
from typing import Any

from cheatsheet.common.words import count
from recipes.running.progress import LiveLine, duration
from recipes.tuning.oracles import schedule
from recipes.tuning.problem import Problem
from recipes.tuning.space import describe as describe_space
from recipes.tuning.work.loop import Setup
from recipes.tuning.work.together import Waves


class Report:
    """What is said of a search while it goes on."""

    def __init__(self, oracle: Any, setup: Setup, line: LiveLine | None, waves: Waves | None = None) -> None:
        self.waves = waves
        self.oracle, self.setup, self.problem, self.line = oracle, setup, setup.problem, line
        self.num_trials, self.num_epochs = schedule.totals(oracle, setup.max_trials, setup.problem.epochs)
        self.epochs = 0  # trained in this call
        self.begin, self.before = time.perf_counter(), 0  # until `start` says better
        self.failures: set[str] = set()

    def start(self) -> None:
        """Show the schedule, and what is there already."""
        self.begin, self.ended = time.perf_counter(), len(self.oracle.end_order)
        values = [self.oracle.trials[name].hyperparameters.values for name in self.oracle.end_order]
        self.before = sum(schedule.epochs_of(of, self.problem.epochs) for of in values)
        if self.line is None:
            return
        say = self.line.console.print
        problem = self.problem
        say(schedule.describe(self.oracle, self.setup.max_trials, problem.epochs, problem.trainings))
        if problem.folds:
            say(f"{count(len(problem.folds), 'fold')} of {len(problem.all_rows[0]):,} rows; score: best "
                f"{problem.objective} over the epochs, the mean over the folds")  # fmt: skip
        elif problem.validation is not None:
            say(f"{len(problem.x):,} rows train, {len(problem.validation[0]):,} validate; score: best "
                f"{problem.objective} over the epochs")  # fmt: skip
        if problem.entries:
            say(f"space: {describe_space(problem.entries)}", soft_wrap=True)
        if self.waves is not None:
            say(_said_of(self.waves, problem), soft_wrap=True)
        done = f"; {self.ended} trials are there from before" if self.ended else ""
        say(f"kept in {self.setup.folder}{done}", soft_wrap=True)
        self.line.start()

    def on_end(self, number: int) -> None:
        """Show that one trial more has ended."""
        if self.line is None:
            return
        trial = self.setup.journal.read(number)
        if trial is not None and trial.error and trial.error not in self.failures:
            self.failures.add(trial.error)
            self.line.console.print(f"trial {number} failed: {trial.error}", soft_wrap=True)
        best = self.oracle.get_best_trials(1)
        done = len(self.oracle.end_order)
        text = f"trial {done}" + (f"/{self.num_trials}" if self.num_trials else "")
        if best and best[0].score is not None:
            text += f"  best {self.problem.objective} {best[0].score:.4g} (trial {int(best[0].trial_id)})"
        seconds = time.perf_counter() - self.begin
        if self.num_epochs is not None and trial is not None:
            self.epochs += schedule.epochs_of(trial.values, self.problem.epochs)
            left = self.num_epochs - self.before - self.epochs
            text += (
                f"  about {duration(seconds / self.epochs * left)} left" if left > 0 else f"  in {duration(seconds)}"
            )
        self.line.show(text, last=done == self.num_trials)

    def close(self) -> None:
        """Leave the last line standing."""
        if self.line is not None:
            self.line.close()


def _said_of(waves: Waves, problem: Problem) -> str:
    """Say which trainings are done at once."""
    if not waves.size:
        return f"one training after another: {waves.why}"
    return (
        f"up to {count(waves.size * problem.trainings, 'network')} train at once, those of {count(waves.size, 'trial')}"
    )
