"""Trials that train together: which can, how many, and what comes of them.

What a network's last digits are depends on the program that it was trained in: on how many others there were, on its
place among them, on the common widths. So the trials of a wave are settled before the work, by their numbers alone, and
a wave is always trained whole, also for one trial of it: then the same numbers come out whenever it is.
"""

import contextlib
import time
import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
from keras_tuner import HyperParameters

from recipes.running.checkpoint import Checkpoint
from recipes.running.interrupt import Interrupt
from recipes.training.engines.engine import EngineUsed, Job, Outcome, Plan
from recipes.training.engines.many.engine import NAME, Behind, groups, kinds
from recipes.training.engines.resume import History, Resume, merged, settings_of
from recipes.training.fit import judged
from recipes.training.run import Run
from recipes.training.several.fit_many import MOST_BYTES, with_one_of_each
from recipes.tuning.kinds import Stopped, Trained
from recipes.tuning.problem import Problem, seed_of
from recipes.tuning.work.train import as_hyperparameters, prepared, standard_error

MOST_TRIALS = 6  # of a wave; more gain little, and as many may be trained for nothing behind the last one
MOST_AT_A_GUESS = 3  # of a wave of a Bayesian search, each chosen without the scores of the others
MOST_NETWORKS = 24  # of a wave, folds and executions included
MOST_PARAMETERS = 250_000  # of all networks of a wave, beyond which a step is work and not its start
BYTES_EACH = 4 * 8  # of a parameter: its moments, its copies of the best and the last epoch, and their successors
MOST_VALUES = 4  # of a hyperparameter that the common network has all of


@dataclass(frozen=True)
class Waves:
    """How the trials of a search train.

    Attributes:
        size: Trials of a wave; 0 where each trains by itself, each time.
        why: What keeps them from training together, in words.
        patience: Of each training.
        keeps: Whether a training that has stopped early counts as the user's callback that keeps its best epoch.
        looks_ahead: Whether a wave can be chosen before the one in front of it has its scores.
        goes_on: Whether trials go on from where others have ended, so that one alone trains in the same way, too.
        among: Networks of the largest configurations, so that one program serves all waves.
    """

    size: int
    why: str = ""
    patience: int = 0
    keeps: bool = False
    looks_ahead: bool = False
    goes_on: bool = False
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
            job = _job(problem, Candidate(as_hyperparameters(values), 0, problem.epochs), 0, problem.epochs, [])
        except Exception:  # whatever a user's code raises for values that no trial may have
            continue
        jobs.append(job)
    among = kinds(jobs)  # builds them
    if not among:
        return Waves(0, "no stacked program takes the network of its first configuration")
    most = max(job.model.count_params() for job in jobs if job.model.built)
    by_memory = min(MOST_PARAMETERS, MOST_BYTES // BYTES_EACH) // max(1, most * problem.trainings)
    size = min(MOST_TRIALS, MOST_NETWORKS // problem.trainings, by_memory)
    if tuner == "bayesian":
        size = min(size, MOST_AT_A_GUESS)
    if tuner == "grid" and problem.hypermodel is not None:
        size = min(size, 1)
    if size * problem.trainings < 2:
        why = "one network of these is work enough" if size < 1 else "each combination waits for the last model"
        size = 0
    patience = problem.epochs if stopping is None else int(stopping.patience)
    keeps = bool(stopping and stopping.restore_best_weights)
    return Waves(int(size), why, patience, keeps, tuner in ("random", "grid"), tuner == "hyperband", tuple(among))


@dataclass(frozen=True)
class Candidate:
    """A trial that trains with others.

    Attributes:
        hp: Its hyperparameters; what `build` asks for besides is entered there.
        root: Number of the trial whose seeds it has: itself, or that from which Hyperband promoted it.
        epochs: Up to which it trains.
        first: Epochs that it has behind it.
        parent: Folder of the trial that it goes on from, with its states.
        folder: Where its own states are left; `None` where nobody will go on from them.
    """

    hp: Any
    root: int
    epochs: int
    first: int = 0
    parent: Path | None = None
    folder: Path | None = None


@dataclass
class Wave:
    """A wave of trials that is being trained, behind.

    Attributes:
        trials: By number, in order.
        problem: What they have in common.
        waves: How they train.
        interrupt: Ends the work.
        jobs: Their trainings.
        places: Trial and training of each job.
        befores: What each job has behind it.
        begun: Those that share a program: their places among the jobs, who trains them, and seconds until they began.
    """

    trials: Mapping[int, Candidate]
    problem: Problem = field(repr=False)
    waves: Waves = field(repr=False)
    interrupt: Interrupt = field(repr=False)
    jobs: list[Job] = field(default_factory=list, repr=False)
    places: list[tuple[int, int]] = field(default_factory=list, repr=False)
    befores: list[History] = field(default_factory=list, repr=False)
    begun: list[tuple[tuple[int, ...], Any, float]] = field(default_factory=list, repr=False)

    @property
    def is_whole(self) -> bool:
        """Say whether each of its trials trains with others."""
        return sum(len(places) for places, _, _ in self.begun) == len(self.trials) * self.problem.trainings

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
            places, started, seconds = self.begun.pop(0)
            start = time.perf_counter()
            try:
                left = any(self.trials[self.places[i][0]].folder is not None for i in places)
                outcomes = started.outcomes(partial(self._leave, places) if left else None)
            except Exception as error:  # such as too little memory
                _go_alone(len(places), error)
                continue
            if self.interrupt.requested:
                raise Stopped
            seconds = (seconds + time.perf_counter() - start) / len(places)
            for i, outcome in zip(places, outcomes, strict=True):
                used = EngineUsed(NAME, outcome.how, "networks that are alike")
                whole = replace(outcome, history=merged(self.befores[i], outcome.history))
                if not self.waves.keeps:
                    whole = replace(whole, kept=None)
                run = judged(self.jobs[i], whole, used, seconds=seconds, steps=0)
                first = self.trials[self.places[i][0]].first
                found[self.places[i]] = _trained(self.problem, run, self.jobs[i], len(places), first)
        return {
            number: [found[number, i] for i in range(self.problem.trainings)]
            for number in self.trials
            if all((number, i) in found for i in range(self.problem.trainings))
        }

    def give_up(self) -> None:
        """End it soon, where nobody will ask for its outcomes."""
        while self.begun:
            self.begun.pop()[1].give_up()

    def _leave(self, places: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        """Leave on the disk the states from which others will go on."""
        for i, outcome in zip(places, outcomes, strict=True):
            number, training = self.places[i]
            folder, job = self.trials[number].folder, self.jobs[i]
            if folder is not None:
                with _state(job, folder / f"state-{training}") as state:
                    resume = Resume(state, None, job.model, ())
                    resume.history = self.befores[i]
                    resume.offer(job.model, (), job.plan.epochs, outcome.history, outcome.how.split(",")[0],
                                 finished=True)  # fmt: skip


def begin_together(problem: Problem, waves: Waves, trials: Mapping[int, Candidate], interrupt: Interrupt) -> Wave:
    """Begin to train the trials of a wave, each as often as it is to be, in as few programs as there can be.

    Args:
        problem: What they have in common.
        waves: How they train.
        trials: By number, in order; all have as many epochs behind them, and to go.
        interrupt: Ends the work.
    """
    wave = Wave(trials, problem, waves, interrupt)
    arrays: list[Any] = []
    for number, candidate in trials.items():
        try:
            own = [_job(problem, candidate, i, waves.patience, arrays) for i in range(problem.trainings)]
            befores = [_goes_on(job, candidate, i) for i, job in enumerate(own)]
        except Exception:  # by itself it fails again, and is recorded
            continue
        wave.jobs += [replace(job, plan=replace(job.plan, interrupt=interrupt)) for job in own]
        wave.places += [(number, i) for i in range(len(own))]
        wave.befores += befores
    first = next(iter(trials.values())).first
    for together in groups(wave.jobs, waves.among):
        if together.network is None or (len(together.jobs) < 2 and not waves.goes_on):
            continue
        start = time.perf_counter()
        try:
            started = Behind([wave.jobs[i] for i in together.jobs], together.network, first)
        except Exception as error:
            _go_alone(len(together.jobs), error)
            continue
        wave.begun.append((together.jobs, started, time.perf_counter() - start))
    return wave


def _go_alone(number: int, error: Exception) -> None:
    """Say that networks go one after another, where there was too little memory, say, to train them together."""
    warnings.warn(f"{number} networks could not be trained together, and go one after another: {error}", stacklevel=3)


def _goes_on(job: Job, candidate: Candidate, training: int) -> History:
    """Give a model the weights and all else that its trial goes on from; return the history up to there."""
    if candidate.parent is None:
        return {}
    from recipes.training.engines.tensorflow.program import build_variables

    build_variables(job.model, job.data)
    with _state(job, candidate.parent / f"state-{training}") as state:
        resume = Resume(state, None, job.model, ())
        if resume.epoch != candidate.first:
            raise ValueError(f"{state.folder} holds the state after epoch {resume.epoch}, not {candidate.first}.")
        resume.restore(job.model, ())
    return resume.history


def _state(job: Job, folder: Path) -> Checkpoint:
    """Open the state of a training as `train` has it, so that the trial may go on in either way."""
    plan = job.plan
    return Checkpoint(folder, settings_of(
        job.model, job.data, engine="search", batch_size=plan.batch_size, shuffle=plan.shuffle, seed=plan.seed,
        callbacks=(),
    ))  # fmt: skip


def _trained(problem: Problem, run: Run, job: Job, at_once: int, first: int) -> Trained:
    verdict = run.findings[0].rule if run.findings else ""
    error = None if problem.folds else standard_error(problem, run, job.data.validation)  # of folds: between them
    return Trained(run.model, run.history, verdict, error, None, at_once, run.seconds, first, stacked=True)


def _job(problem: Problem, candidate: Candidate, training: int, patience: int, arrays: list[Any]) -> Job:
    own = problem.of(training)
    seed = seed_of(problem.seed, candidate.root, training)
    model = own.build(candidate.hp, seed)
    data = with_one_of_each(prepared(own, model), arrays)
    plan = Plan(candidate.epochs, problem.batch_size_of(candidate.hp), True, seed, patience=patience)
    return Job(model, data, plan)


def _obstacle(problem: Problem, tuner: str) -> str:
    """Say what of a search keeps its trials from training together, whatever their networks are."""
    if not problem.kind.by_engine:
        return "it has its own way of training"
    if (problem.objective, problem.direction) != ("val_loss", "min"):
        return f"the epoch that counts is that of {problem.objective}, and stacked programs watch val_loss"
    if problem.callbacks and tuner == "hyperband":
        return "Hyperband goes on with the states of its callbacks, too"
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
