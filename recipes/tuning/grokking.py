"""The search for the rate and the decay with which `recipes.grok` generalises soonest."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from recipes.tuning.kinds import Kind, Stopped, Trained, Training
from recipes.tuning.space import Entries, ask
from recipes.tuning.words import OWN_DATA

if TYPE_CHECKING:
    from recipes.grokking.equations import Equations
    from recipes.grokking.grok import Preset
    from recipes.grokking.result import GrokRun
    from recipes.tuning.problem import Problem

STEPS = "steps_to_generalise"
NAMES = ("learning_rate", "weight_decay", "train_fraction", "grokfast", "preset", "operation", "p")


def build(problem: "Problem", hp: Any, seed: int) -> keras.Model:
    """Build the network with its initial weights."""
    preset = _preset(problem, hp)
    return preset.network.build(_table(problem, preset).num_tokens, seed)


def train(problem: "Problem", training: Training, state: Path | None) -> Trained:
    """Train on a table of equations; the objective is the step at which it generalised.

    Where it never did, the budget and as much again as the validation set is unknown: later than any that did.
    """
    budget = training.epochs * _steps_per_epoch(problem, training.hp)
    run = _train(problem, training, budget, state, stop=True)
    if run.interrupted:
        raise Stopped
    last = 2.0 - run.history["val_accuracy"][-1]
    reached = float(run.generalised_at) if run.generalised_at is not None else budget * last
    history = {**run.history, STEPS: [reached] * len(run.history["step"])}
    return Trained(run.model, history, run.kind)


def again(problem: "Problem", trainings: Sequence[Training], epoch: int) -> Trained:
    """Train the same again, up to the evaluation of that number, unless the score is of the whole of it."""
    training = trainings[-1]
    whole = train(problem, training, None)
    if problem.objective == STEPS:
        return whole
    step = int(whole.history["step"][epoch - 1])
    if step == 0:
        return Trained(build(problem, training.hp, training.seed), whole.history)
    if step == whole.history["step"][-1]:
        return whole
    return Trained(_train(problem, training, step, None, stop=False).model, whole.history)


def _train(problem: "Problem", training: Training, max_steps: int, state: Path | None, *, stop: bool) -> "GrokRun":
    from recipes.grokking.grok import train_preset

    preset = replace(_preset(problem, training.hp), max_steps=max_steps)
    return train_preset(preset, stop=stop, seed=training.seed, checkpoint=state)


def _preset(problem: "Problem", hp: Any) -> "Preset":
    from recipes.grokking.grok import preset_with

    values = ask(hp, problem.entries)
    return preset_with(values.pop("preset", "lecture"), **values)


def _table(problem: "Problem", preset: "Preset") -> "Equations":
    from recipes.grokking.equations import equations

    return equations(preset.operation, preset.p, preset.train_fraction, problem.seed)


def _steps_per_epoch(problem: "Problem", hp: Any) -> int:
    preset = _preset(problem, hp)
    table = _table(problem, preset)
    batch_size = min(preset.batch_size, -(-len(table.train) // 2))
    return -(-len(table.train) // batch_size)


def _defaults(body: str, shape: tuple[int, ...], num_rows: int, batch_size: int) -> Entries:
    return {"learning_rate": (3e-4, 3e-3, "log"), "weight_decay": (0.1, 3.0, "log")}


def _check(problem: "Problem") -> None:
    """Leave it to the first trial to say whether it can be trained."""


GROKKING = Kind(
    build=build,
    train=train,
    again=again,
    retrain=None,
    check=_check,
    names=dict.fromkeys(OWN_DATA, NAMES),
    defaults=_defaults,
    objective=STEPS,
    objectives={STEPS: "min"},
    brings_data=True,
)
