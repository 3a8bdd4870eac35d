"""keras-tuner's choosers of hyperparameters ("oracles"), made to go on exactly where they stopped.

What they lose today: `seed=0` is taken for no seed, grid search and Bayesian optimisation cannot be taken up again,
and files that a kill left half-written make a search unreadable. Here the journal is the truth: an oracle is rebuilt
from it, and keras-tuner's own files are written beside it, each whole at every moment.
"""

import copy
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras_tuner
import numpy as np
from scipy.optimize import minimize

from recipes.running.files import write_atomically
from recipes.tuning.oracles import _keras_tuner as inside
from recipes.tuning.record.folder import let_go
from recipes.tuning.record.journal import Journal, Trial, trial_id

HYPERBAND_FACTOR = 3  # of the rates at which it discards, as in L. Li et al. (2018)
KEPT = 3  # trials whose states stay on disk
CANDIDATES = 1_000  # places at which the Bayesian oracle looks
REFINED = 3  # of them from which it descends
RESTARTS = 4  # of the fit of its kernel
_NEVER = 10**9  # so many failures in a row end a search


def make_oracle(
    name: str, objective: Any, *, max_trials: int | None, epochs: int, seed: int, journal: Journal
) -> keras_tuner.Oracle:
    """Make the oracle of this name, with all that the journal holds.

    Args:
        name: One of `words.TUNERS`.
        objective: A `keras_tuner.Objective`.
        max_trials: How many configurations at most; `None` for all of a grid or of Hyperband's brackets.
        epochs: The most that Hyperband trains one for.
        seed: 0 is one, too.
        journal: Where each trial is recorded.
    """
    options: dict[str, Any] = {"objective": objective, "seed": seed, "max_consecutive_failed_trials": _NEVER}
    oracle: Any
    if name == "hyperband":
        oracle = _Hyperband(max_epochs=epochs, factor=HYPERBAND_FACTOR, **options)
        oracle.max_trials = max_trials
    else:
        oracle = _OF_NAME[name](max_trials=max_trials, **options)
    oracle.verbose = 0
    oracle.name, oracle.journal, oracle.let_go = name, journal, set()
    inside.set_seed(oracle, seed)
    return oracle


class _Recorded:
    """What all four add to keras-tuner's oracle."""

    name: str
    journal: Journal
    let_go: set[str]
    if TYPE_CHECKING:  # keras-tuner's own

        def __getattr__(self, name: str) -> Any: ...

    def restore(self) -> None:
        """Take up every trial of the journal; those that never ended come first in line."""
        trials = self.journal.trials()
        known = {hp.name for hp in self.hyperparameters.space}
        for config in (config for trial in trials for config in trial.space):
            if config["config"]["name"] not in known:
                self.hyperparameters.merge([inside.deserialize(config)])
        for trial in trials:
            inside.take_up(self, self._as_keras_tuner_s(trial))
            if trial.status == "running":
                if self.max_trials is None or trial.number < self.max_trials:
                    inside.try_again(self, trial.id, last=True)  # the earliest first
            else:
                inside.take_up_end(self, trial.id)
        if trials:
            self._choose_as(trials[-1].chooser)

    def chooser(self) -> dict[str, Any]:
        """Return what choosing changes, beside the trials themselves."""
        return {name: getattr(self, name) for name in inside.STATE[self.name]}

    def _choose_as(self, chooser: dict[str, Any]) -> None:
        for name, value in chooser.items():
            setattr(self, name, value)

    def _as_keras_tuner_s(self, trial: Trial) -> Any:
        space = keras_tuner.HyperParameters()  # without what only later trials have: it would get a random value
        space.merge([hp for hp in self.hyperparameters.space if hp.name in trial.values])
        space.values = dict(trial.values)
        theirs = inside.Trial(space, trial.id, trial.status.upper(), trial.error or None)
        if trial.score is not None:
            theirs.metrics.register(self.objective.name, direction=self.objective.direction)
            theirs.metrics.update(self.objective.name, trial.score, step=0)
            theirs.score, theirs.best_step = trial.score, trial.executions[0].best_epoch - 1
        return theirs

    @keras_tuner.synchronized
    def create_trial(self, tuner_id: str) -> Any:
        """Choose the next configuration, and record it before anyone works on it."""
        return self._create(tuner_id, self.max_trials, None)

    @keras_tuner.synchronized
    def choose(self, number: int, wave: tuple[int, int]) -> Any:
        """Take up a trial of a wave, chosen now if it has not been; `None` where there is no configuration left.

        Args:
            number: Of the trial: one that is known, or the next.
            wave: The first trial that is trained with it, and the one behind the last, whatever `max_trials` says. The
                first of a wave may find that fewer can be chosen now; then what it records is shorter.
        """
        name = trial_id(number)
        if name not in self.trials:
            before = copy.deepcopy(self.chooser())
            trial = self._create(name, None, wave)
            if trial.status == "RUNNING":
                return trial
            if self.name != "grid":  # what was drawn in vain is drawn again, also by a process that takes this up
                self._choose_as(before)
            return None
        if name not in self.end_order:
            inside.take_on(self, name)
        return self.trials[name]

    @property
    def next_number(self) -> int:
        """Number of the first trial that has not ended, or has not been chosen."""
        ended = {*self.end_order}
        return next((int(name) for name in sorted(self.trials, key=int) if name not in ended), len(self.trials))

    def let_wait(self) -> None:
        """Leave the trials that have been chosen and not ended for another time."""
        inside.take_on_none(self)
        self.save()

    def _create(self, tuner_id: str, most: int | None, wave: tuple[int, int] | None) -> Any:
        oracle: Any = self
        before = oracle.max_trials
        oracle.max_trials = _CountsTo(most)
        try:
            trial = super().create_trial(tuner_id)  # type: ignore[misc]
        finally:
            oracle.max_trials = before
        if trial.status == "RUNNING" and self.journal.read(int(trial.trial_id)) is None:
            also = {}
            if wave is not None:
                self.chosen_with_others(trial)
                first, end = wave
                if int(trial.trial_id) == first:
                    end = min(end, first + 1 + self.alike(trial.trial_id))
                also["wave"] = [first, end]
            self.journal.append(
                int(trial.trial_id), {"started": trial.hyperparameters.values, "chooser": self.chooser(), **also}
            )
        return trial

    def alike(self, trial_id: str) -> int:
        """Count the trials that could be chosen behind this one, just chosen, before any has ended."""
        return _NEVER

    def chosen_with_others(self, trial: Any) -> None:
        """Take note of a trial that is chosen before those in front of it have ended."""

    def score_trial(self, trial: Any) -> None:
        """Take the score as it was recorded; over the wire it comes in single precision."""
        recorded = self.journal.read(int(trial.trial_id))
        assert recorded is not None
        trial.score = recorded.score
        trial.best_step = recorded.executions[0].best_epoch - 1

    @keras_tuner.synchronized
    def end_trial(self, trial: Any) -> None:
        """Take note of a trial's end, and let go of the states that nobody will need."""
        super().end_trial(trial)  # type: ignore[misc]
        needed = {best.trial_id for best in self.get_best_trials(KEPT) if best.status == "COMPLETED"}
        needed |= inside.promotable(self)
        for other in self.end_order:
            if other not in needed and other not in self.let_go:
                let_go(self.journal.folder_of(int(other)))
                self.let_go.add(other)
        self.save()  # keras-tuner does so before it takes the trial off its list of running ones

    def save(self) -> None:
        """Write keras-tuner's own file, whole at every moment."""
        _write_json(inside.oracle_file(self), self.get_state())

    def _save_trial(self, trial: Any) -> None:
        _write_json(inside.trial_file(self, trial.trial_id), trial.get_state())


class _CountsTo(int):
    """A number of trials whose length in digits is fixed, since keras-tuner's names of trials are that long."""

    def __new__(cls, most: int | None) -> "_CountsTo":
        return super().__new__(cls, most or _NEVER)

    def __str__(self) -> str:
        return trial_id(0)


class _Random(_Recorded, keras_tuner.oracles.RandomSearchOracle):
    pass


class _Grid(_Recorded, keras_tuner.oracles.GridSearchOracle):
    def chooser(self) -> dict[str, Any]:
        """Return the order of the combinations, those whose next one is to be looked for, and those that will be."""
        running = [trial.trial_id for trial in self.ongoing_trials.values()]
        return {"order": inside.grid_order(self), "populate_next": inside.populate_next(self), "running": running}

    def _choose_as(self, chooser: dict[str, Any]) -> None:
        ended_since = [name for name in chooser["running"] if name in self.end_order]
        inside.set_grid_order(self, chooser["order"], [*chooser["populate_next"], *ended_since])

    def chosen_with_others(self, trial: Any) -> None:
        """Let the next combination follow at once: all hyperparameters are known."""
        inside.follow(self, trial.trial_id)


class _Hyperband(_Recorded, keras_tuner.oracles.HyperbandOracle):
    def alike(self, trial_id: str) -> int:
        """Count the trials that could be chosen behind this one, just chosen, in its round, before any has ended."""
        return inside.left_in_round(self, trial_id)


class _Bayesian(_Recorded, keras_tuner.oracles.BayesianOptimizationOracle):
    """keras-tuner's Gaussian process and its lower confidence bound, minimised in a fiftieth of the time.

    keras-tuner descends from 50 places, each by hundreds of predictions of one row. Here the bound is predicted for
    many places at once, and the descent begins at the lowest of them. What was tried before is not proposed again.

    Of trials that are chosen together, as of those that other workers train, each is chosen by keras-tuner's own rule
    for parallel searches: those that have no score yet count with a pessimistic one, the mean and a standard deviation
    more of what the process, fitted to all that have ended, predicts there. So none is proposed close to another.
    """

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Choose random values at first, later those with the lowest bound."""
        completed = sum(trial.status == "COMPLETED" for trial in self.trials.values())
        dimensions = inside.num_searched(self)
        if completed < (self.num_initial_points or max(3 * dimensions, 3)) or not dimensions:
            return inside.random_values(self)
        rng = np.random.default_rng([self.seed, len(self.trials)])  # of the seed and the trial alone
        self.gpr = inside.gaussian_process(self)
        self.gpr.set_params(n_restarts_optimizer=RESTARTS, random_state=int(rng.integers(2**31)))
        with warnings.catch_warnings(action="ignore"):  # of kernels at the end of their range
            x, y = inside.as_vectors(self)
            ongoing = np.isnan(y)
            y = np.nan_to_num(y, posinf=0, neginf=0)
            self.gpr.fit(x[~ongoing], y[~ongoing])
            if ongoing.any():
                mean, deviation = self.gpr.predict(x[ongoing], return_std=True)
                y[ongoing] = mean + deviation
                self.gpr.fit(x, y)
            places = rng.random((CANDIDATES, dimensions))
            best = places[np.argsort(self._bound(places), kind="stable")[:REFINED]]
            sides = inside.bounds(self)
            found = [minimize(lambda at: self._bound(at[None])[0], place, bounds=sides) for place in best]
        values = inside.values_at(self, min(found, key=lambda result: result.fun).x)
        if inside.was_tried(self, values):
            return inside.random_values(self)
        return {"status": "RUNNING", "values": values}

    def _bound(self, places: np.ndarray) -> np.ndarray:
        mean, deviation = self.gpr.predict(places, return_std=True)
        return mean - self.beta * deviation


_OF_NAME: dict[str, Any] = {"random": _Random, "bayesian": _Bayesian, "grid": _Grid}


def _write_json(path: Path, state: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(state).encode(), flush=False)  # made anew from the journal if it is lost
