"""The search for the rate and the decay with which `recipes.grok` generalises soonest."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from recipes.tuning.kinds import Kind, Stopped, Trained, Training
from recipes.tuning.space import Entries, ask

if TYPE_CHECKING:
    from recipes.grokking.equations import Equations
    from recipes.grokking.grok import Preset
    from recipes.tuning.problem import Problem

STEPS = "steps_to_generalise"
NAMES = ("learning_rate", "weight_decay", "train_fraction", "grokfast", "preset", "operation", "p")


def build(problem: "Problem", hp: Any, seed: int) -> keras.Model:
    """The network with its initial weights."""
    preset, table = _preset_and_table(problem, hp)
    return preset.network.build(table.num_tokens, seed)


def train(problem: "Problem", training: Training, state: Path | None) -> Trained:
    """Train on a table of equations. The objective is the step at which it generalised.

    Where it never did, the budget and as much again as the validation set is unknown: later than any that did.
    """
    budget = training.epochs * _steps_per_epoch(problem, training.hp)
    run = _grok(problem, training, max_steps=budget, checkpoint=state)
    if run.interrupted:
        raise Stopped
    last = 2.0 - run.history["val_accuracy"][-1]
    reached = float(run.generalised_at) if run.generalised_at is not None else budget * last
    history = {**run.history, STEPS: [reached] * len(run.history["step"])}
    return Trained(run.model, history, run.kind)


def again(problem: "Problem", trainings: Sequence[Training], epoch: int) -> Trained:
    """The same training; up to the evaluation of that number, unless the score is of the whole of it."""
    training = trainings[-1]
    whole = train(problem, training, None)
    if problem.objective == STEPS:
        return whole
    step = int(whole.history["step"][epoch - 1])
    if step == 0:
        return Trained(build(problem, training.hp, training.seed), whole.history)
    if step == whole.history["step"][-1]:
        return whole
    return Trained(_grok(problem, training, max_steps=step, stop=False).model, whole.history)


def _grok(problem: "Problem", training: Training, **options: Any) -> Any:
    from recipes.grokking.grok import grok

    return grok(**ask(training.hp, problem.entries), seed=training.seed, verbose=0, **options)


def _preset_and_table(problem: "Problem", hp: Any) -> tuple["Preset", "Equations"]:
    from recipes.grokking.equations import equations
    from recipes.grokking.grok import PRESETS

    values = ask(hp, problem.entries)
    preset = PRESETS[values.get("preset", "lecture")]
    operation, p = values.get("operation", preset.operation), int(values.get("p", preset.p))
    return preset, equations(operation, p, values.get("train_fraction", preset.train_fraction), problem.seed)


def _steps_per_epoch(problem: "Problem", hp: Any) -> int:
    preset, table = _preset_and_table(problem, hp)
    batch_size = min(preset.batch_size, -(-len(table.train) // 2))
    return -(-len(table.train) // batch_size)


def _defaults(body: str, shape: tuple[int, ...], num_rows: int, batch_size: int) -> Entries:
    return {"learning_rate": (3e-4, 3e-3, "log"), "weight_decay": (0.1, 3.0, "log")}


def _check(problem: "Problem") -> None:
    """The first trial says it."""


GROKKING = Kind(
    build=build,
    train=train,
    again=again,
    retrain=None,
    check=_check,
    names={"grokking": NAMES},
    defaults=_defaults,
    objective=STEPS,
    objectives={STEPS: "min"},
    brings_data=True,
)
