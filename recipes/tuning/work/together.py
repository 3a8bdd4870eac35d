"""Trials that train together: which can, how many, and what comes of them.

What a network's last digits are depends on the program that it was trained in: on how many others there were, on its
place among them, on the common widths. So the trials of a wave are settled before the work, by their numbers alone, and
a wave is always trained whole, also for one trial of it: then the same numbers come out whenever it is.
"""

import contextlib
import time
import warnings
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras
from keras_tuner import HyperParameters

from recipes.running.interrupt import Interrupt
from recipes.training.engines.engine import EngineUsed, Job, Plan
from recipes.training.engines.many.engine import NAME, begin, groups, kinds
from recipes.training.fit import judged
from recipes.training.fit_many import MOST_BYTES, with_one_of_each
from recipes.training.run import Run
from recipes.tuning.kinds import Stopped, Trained
from recipes.tuning.problem import Problem, seed_of
from recipes.tuning.work.train import as_hyperparameters, prepared, standard_error

MOST_TRIALS = 6  # of a wave; more gain little, and as many may be trained for nothing behind the last one
MOST_NETWORKS = 24  # of a wave, folds and executions included
MOST_PARAMETERS = 250_000  # of all networks of a wave, beyond which a step is work and not its start
BYTES_EACH = 4 * 8  # of a parameter: its moments, its copies of the best and the last epoch, and their successors
MOST_VALUES = 4  # of a hyperparameter that the common network has all of
_KINDS = ("random", "grid")  # tuners whose choice does not depend on scores


@dataclass(frozen=True)
class Waves:
    """How the trials of a search train.

    Attributes:
        size: Trials of a wave; 0 where each trains by itself, each time.
        why: What keeps them from training together, in words.
        patience: Of each training.
        keeps: Whether a training that has stopped early counts as the user's callback that keeps its best epoch.
        among: Networks of the largest configurations, so that one program serves all waves.
    """

    size: int
    why: str = ""
    patience: int = 0
    keeps: bool = False
    among: tuple[tuple[Hashable, Any], ...] = field(default=(), repr=False)


def waves_of(problem: Problem, tuner: str) -> Waves:
    """Find how the trials of a search train, from what the search is and nothing else."""
    why = _obstacle(problem, tuner)
    if why:
        return Waves(0, why)
    stopping = problem.callbacks[0] if problem.callbacks else None
    jobs = []
    for values in _corners(problem):
        try:
            job = _job(problem, as_hyperparameters(values), 0, 0, problem.epochs, [])
        except Exception:  # whatever a user's code raises for values that no trial may have
            continue
        jobs.append(job)
    among = kinds(jobs)  # builds them
    if not among:
        return Waves(0, "no stacked program takes the network of its first configuration")
    most = max(job.model.count_params() for job in jobs if job.model.built)
    by_memory = min(MOST_PARAMETERS, MOST_BYTES // BYTES_EACH) // max(1, most * problem.trainings)
    size = min(MOST_TRIALS, MOST_NETWORKS // problem.trainings, by_memory)
    if tuner not in _KINDS or (tuner == "grid" and problem.hypermodel is not None):
        size = min(size, 1)
    if size * problem.trainings < 2:
        why = "one network of these is work enough" if size < 1 else "each choice waits for the last score"
        size = 0
    patience = problem.epochs if stopping is None else int(stopping.patience)
    return Waves(int(size), why, patience, bool(stopping and stopping.restore_best_weights), tuple(among))


@dataclass
class Wave:
    """A wave of trials that is being trained, behind.

    Attributes:
        trials: Their hyperparameters, by number, in order; what `build` asked for besides has been entered there.
        problem: What they have in common.
        waves: How they train.
        interrupt: Ends the work.
        places: Trial and training of each job.
        begun: The jobs that share a program, and who trains them.
    """

    trials: Mapping[int, HyperParameters]
    problem: Problem = field(repr=False)
    waves: Waves = field(repr=False)
    interrupt: Interrupt = field(repr=False)
    places: list[tuple[int, int]] = field(default_factory=list, repr=False)
    begun: list["_Group"] = field(default_factory=list, repr=False)

    @property
    def is_whole(self) -> bool:
        """Say whether each of its trials trains with others."""
        return sum(len(group.jobs) for group in self.begun) == len(self.trials) * self.problem.trainings

    def outcomes(self) -> dict[int, list[Trained]]:
        """Wait for its end.

        Returns:
            By number, each training with the weights of its best epoch in the model. Trials that must train by
            themselves, and those that cannot be built, are missing.

        Raises:
            Stopped: where Ctrl-C ended it.
        """
        found: dict[tuple[int, int], Trained] = {}
        while self.begun:
            group = self.begun.pop(0)
            start = time.perf_counter()
            try:
                outcomes = group.started.outcomes()
            except Exception as error:
                _go_alone(len(group.jobs), error)
                continue
            if self.interrupt.requested:
                raise Stopped
            seconds = (group.seconds + time.perf_counter() - start) / len(group.jobs)
            for i, job, outcome in zip(group.places, group.jobs, outcomes, strict=True):
                used = EngineUsed(NAME, outcome.how, "networks that are alike")
                kept = outcome if self.waves.keeps else replace(outcome, kept=None)
                run = judged(job, kept, used, seconds=seconds, steps=0)
                found[self.places[i]] = _trained(self.problem, run, len(group.jobs))
        return {
            number: [found[number, i] for i in range(self.problem.trainings)]
            for number in self.trials
            if all((number, i) in found for i in range(self.problem.trainings))
        }

    def give_up(self) -> None:
        """End it soon, where nobody will ask for its outcomes."""
        while self.begun:
            self.begun.pop().started.give_up()


@dataclass(frozen=True)
class _Group:
    """Jobs of a wave that share a program: their places among its jobs, and who trains them."""

    places: tuple[int, ...]
    jobs: list[Job]
    started: Any
    seconds: float  # until they had begun


def begin_together(
    problem: Problem, waves: Waves, trials: Mapping[int, HyperParameters], interrupt: Interrupt
) -> Wave:
    """Begin to train the trials of a wave, each as often as it is to be, in as few programs as there can be.

    Args:
        problem: What they have in common.
        waves: How they train.
        trials: Their hyperparameters, by number, in order; what `build` asks for besides is entered there.
        interrupt: Ends the work.
    """
    wave = Wave(trials, problem, waves, interrupt)
    jobs: list[Job] = []
    arrays: list[Any] = []
    for number, hp in trials.items():
        try:
            own = [_job(problem, hp, number, i, waves.patience, arrays) for i in range(problem.trainings)]
        except Exception:  # by itself it fails again, and is recorded
            continue
        jobs += own
        wave.places += [(number, i) for i in range(len(own))]
    for together in groups(jobs, waves.among):
        if together.network is None or len(together.jobs) < 2:
            continue
        start = time.perf_counter()
        mine = [replace(jobs[i], plan=replace(jobs[i].plan, interrupt=interrupt)) for i in together.jobs]
        try:
            started = begin(mine, together.network)
        except Exception as error:
            _go_alone(len(mine), error)
            continue
        wave.begun.append(_Group(together.jobs, mine, started, time.perf_counter() - start))
    return wave


def _go_alone(number: int, error: Exception) -> None:
    """Say that networks go one after another, where there was too little memory, say, to train them together."""
    warnings.warn(
        f"{number} networks could not be trained together, and go one after another: {error}", stacklevel=3
    )


def _trained(problem: Problem, run: Run, at_once: int) -> Trained:
    verdict = run.findings[0].rule if run.findings else ""
    error = None if problem.folds else standard_error(problem, run)  # of folds it is found between them
    return Trained(run.model, run.history, verdict, error, None, at_once, run.seconds)


def _job(problem: Problem, hp: Any, number: int, training: int, patience: int, arrays: list[Any]) -> Job:
    own = problem.of(training)
    seed = seed_of(problem.seed, number, training)
    model = own.build(hp, seed)
    data = with_one_of_each(prepared(own, model), arrays)
    return Job(model, data, Plan(problem.epochs, problem.batch_size_of(hp), True, seed, patience=patience))


def _obstacle(problem: Problem, tuner: str) -> str:
    """Say what of a search keeps its trials from training together, whatever their networks are."""
    if not problem.kind.by_engine:
        return "it has its own way of training"
    if tuner == "hyperband":
        return "Hyperband goes on with the states of its trials"
    if (problem.objective, problem.direction) != ("val_loss", "min"):
        return f"the epoch that counts is that of {problem.objective}, and stacked programs watch val_loss"
    if problem.callbacks and not (len(problem.callbacks) == 1 and _is_patience(problem.callbacks[0])):
        names = ", ".join(type(callback).__name__ for callback in problem.callbacks)
        return f"its callbacks ({names}) want to see each training"
    return ""


def _is_patience(callback: Any) -> bool:
    """Say whether a callback is `EarlyStopping` that watches val_loss, and otherwise as it is by default."""
    if type(callback) is not keras.callbacks.EarlyStopping:
        return False
    plain = keras.callbacks.EarlyStopping("val_loss")
    free = ("patience", "restore_best_weights", "verbose")
    names = {*vars(plain), *vars(callback)} - {*free}
    same = all(vars(callback).get(name) == vars(plain).get(name) for name in names - {"mode", "monitor_op"})
    return same and callback.mode in ("auto", "min") and callback.patience >= 1


def _corners(problem: Problem) -> list[dict[str, Any]]:
    """List configurations that between them have the largest widths and each of a few values of what is chosen."""
    hp = HyperParameters()
    with contextlib.suppress(Exception):  # it has said what it asks for until then
        problem.build(hp, 0)
    if problem.hypermodel is None:
        problem.declare(hp)
    default = dict(hp.values)
    largest = {parameter.name: _largest(parameter) for parameter in hp.space}
    few = {p.name: values for p in hp.space if 1 < len(values := _values(p)) <= MOST_VALUES}
    turns = max((len(values) for values in few.values()), default=0)
    others = [{**largest, **{name: values[i % len(values)] for name, values in few.items()}} for i in range(turns)]
    return [default, largest, *others]


def _values(parameter: Any) -> list[Any]:
    if type(parameter).__name__ == "Float":
        return []
    if type(parameter).__name__ == "Int" and (parameter.max_value - parameter.min_value) // (parameter.step or 1) > 8:
        return []
    return list(parameter.values)


def _largest(parameter: Any) -> Any:
    if hasattr(parameter, "max_value"):
        return parameter.max_value
    values = list(parameter.values)
    return max(values) if all(isinstance(value, int | float) for value in values) else values[-1]
