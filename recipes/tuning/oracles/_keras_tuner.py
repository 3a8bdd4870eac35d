"""Every name of keras-tuner that it does not promise: what is used of it beyond its public functions and classes.

keras-tuner offers no way to rebuild an oracle from a record of one's own, to ask Hyperband for its brackets, or to be
the chief of workers that are watched, so these parts are taken from the inside. They stand here, and nowhere else,
so that a new version of keras-tuner has one file to be read against; a test asks that each of them is there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from keras_tuner import Oracle
from keras_tuner.engine.base_tuner import BaseTuner as BaseTuner
from keras_tuner.engine.hyperparameters import Boolean as Boolean
from keras_tuner.engine.hyperparameters import Fixed as Fixed
from keras_tuner.engine.hyperparameters import Float as Float
from keras_tuner.engine.hyperparameters import Int as Int
from keras_tuner.engine.hyperparameters import deserialize as deserialize
from keras_tuner.engine.hyperparameters import serialize as serialize
from keras_tuner.engine.metrics_tracking import infer_metric_direction as infer_metric_direction
from keras_tuner.engine.trial import Trial as Trial
from keras_tuner.oracles import BayesianOptimizationOracle
from keras_tuner.src import protos as protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer as OracleServicer
from keras_tuner.src.distribute.utils import has_chief_oracle as has_chief_oracle
from keras_tuner.src.distribute.utils import is_chief_oracle as is_chief_oracle
from keras_tuner.src.engine import conditions

# What is overridden, so that keras-tuner calls ours: a name that it no longer calls would change nothing, silently.
OVERRIDDEN = {
    Oracle: ("create_trial", "end_trial", "score_trial", "save", "_save_trial"),
    BayesianOptimizationOracle: ("populate_space",),
    BaseTuner: ("reload", "_populate_initial_space"),
    OracleServicer: ("EndTrial",),
}
# What choosing changes in an oracle, beside its trials; a grid's is in `grid_order`.
STATE = {
    "random": ("_seed_state",),
    "bayesian": ("_seed_state",),
    "hyperband": ("_seed_state", "_brackets", "_current_bracket", "_current_iteration"),
}


@contextmanager
def silent_conditions() -> Iterator[None]:
    """Keep keras-tuner 1.4.8 from printing a value of each condition that it sends to another process."""
    vars(conditions)["print"] = lambda *values: None
    try:
        yield
    finally:
        vars(conditions).pop("print", None)


def set_seed(oracle: Any, seed: int) -> None:
    """Give an oracle its seed; keras-tuner's own way reads 0 as "none"."""
    oracle.seed = oracle._seed_state = seed


def try_again(oracle: Any, trial_id: str, *, last: bool = False) -> None:
    """Have the next worker that asks get this trial, or once no other is waiting."""
    queue = oracle._retry_queue  # taken from the end
    queue.insert(0 if last else len(queue), trial_id)


def take_up(oracle: Any, trial: Any) -> None:
    """Let an oracle know a trial that it did not choose itself, and that its values are taken."""
    oracle.trials[trial.trial_id] = trial
    oracle.start_order.append(trial.trial_id)
    oracle._record_values(trial)


def take_up_end(oracle: Any, trial_id: str) -> None:
    """Let an oracle know that this trial has ended."""
    oracle.end_order.append(trial_id)
    oracle._run_times[trial_id] = 1


def take_on(oracle: Any, trial_id: str) -> None:
    """Let an oracle know that this trial, which it had chosen before, is worked on."""
    if trial_id in oracle._retry_queue:
        oracle._retry_queue.remove(trial_id)
    trial = oracle.trials[trial_id]
    trial.status = "RUNNING"
    oracle.ongoing_trials[trial_id] = trial


def take_on_none(oracle: Any) -> None:
    """Let an oracle know that no trial is worked on."""
    oracle.ongoing_trials.clear()
    oracle.tuner_ids.clear()


def brackets(oracle: Any) -> list[list[tuple[int, int]]]:
    """List sizes and epochs of the rounds of each of Hyperband's brackets, the first one first."""
    return [
        [(oracle._get_size(number, i), oracle._get_epochs(number, i)) for i in range(oracle._get_num_rounds(number))]
        for number in reversed(range(oracle._get_num_brackets()))
    ]


def promotable(oracle: Any) -> set[str]:
    """Name the trials that Hyperband may still go on with; none of the other oracles do so."""
    return {
        entry["id"]
        for bracket in getattr(oracle, "_brackets", ())
        for entries in bracket["rounds"]
        for entry in entries
    }


def left_in_round(oracle: Any, trial_id: str) -> int:
    """Count the trials that Hyperband would choose next for the round of this one, if none ended before.

    As `populate_space` does: the first round of a bracket takes random ones until it is full; the others take the best
    of the round before, as long as more of it are ready than will be discarded.
    """
    for bracket in oracle._brackets:
        for i, entries in enumerate(bracket["rounds"]):
            if trial_id not in [entry["id"] for entry in entries]:
                continue
            size = oracle._get_size(bracket["bracket_num"], i)
            if i == 0:
                return size - len(entries)
            selected = {entry["past_id"] for entry in entries}
            past = [entry["id"] for entry in bracket["rounds"][i - 1] if entry["id"] not in selected]
            ready = sum(oracle.trials[name].status == "COMPLETED" for name in past)
            return max(0, ready - (oracle._get_size(bracket["bracket_num"], i - 1) - size))
    return 0


def grid_order(oracle: Any) -> list[str]:
    """List a grid's trials in the order of their combinations."""
    links, order = oracle._ordered_ids, []
    place = links._next_index[None]  # the first
    while place is not None:
        order.append(links._memory[place])
        place = links._next_index[place]
    return order


def set_grid_order(oracle: Any, order: list[str], populate_next: list[str]) -> None:
    """Give a grid the order of its trials back, and those whose next combination is to be looked for."""
    for name in order:
        oracle._ordered_ids.insert(name)
    oracle._populate_next = populate_next


def follow(oracle: Any, trial_id: str) -> None:
    """Have a grid look for the combination behind this trial's, though it has not ended."""
    oracle._populate_next.append(trial_id)


def populate_next(oracle: Any) -> list[str]:
    """List a grid's trials whose next combination is to be looked for."""
    return list(oracle._populate_next)


def oracle_file(oracle: Any) -> Path:
    """Say where keras-tuner keeps an oracle."""
    return Path(oracle._get_oracle_fname())


def trial_file(oracle: Any, trial_id: str) -> Path:
    """Say where keras-tuner keeps a trial."""
    return Path(oracle._get_trial_dir(trial_id)) / "trial.json"


def random_values(oracle: Any) -> dict[str, Any]:
    """Draw a configuration at random, as `populate_space` gives it."""
    return oracle._random_populate_space()


def num_searched(oracle: Any) -> int:
    """Count the hyperparameters that are not fixed."""
    return len(oracle._nonfixed_space())


def gaussian_process(oracle: Any) -> Any:
    """Make the Bayesian oracle's Gaussian process, not fitted."""
    return oracle._make_gpr()


def as_vectors(oracle: Any) -> tuple[np.ndarray, np.ndarray]:
    """Turn trials into points `(trials, hyperparameters)` of a unit cube, and scores `(trials,)`, less is better.

    Those that are being trained have the score NaN; keras-tuner asks the oracle's process for it, which is set aside.
    """

    class Nobody:
        def predict(self, x: np.ndarray, return_std: bool) -> tuple[np.ndarray, np.ndarray]:
            return np.full(len(x), np.nan), np.full(len(x), np.nan)

    before, oracle.gpr = oracle.gpr, Nobody()
    try:
        return oracle._vectorize_trials()
    finally:
        oracle.gpr = before


def bounds(oracle: Any) -> Any:
    """Give the sides of the unit cube in which trials are points."""
    return oracle._get_hp_bounds()


def values_at(oracle: Any, point: np.ndarray) -> dict[str, Any]:
    """Give the configuration at a point of the unit cube."""
    return oracle._vector_to_values(point)


def was_tried(oracle: Any, values: dict[str, Any]) -> bool:
    """Say whether this configuration is a trial's already."""
    return oracle._duplicate(values)
