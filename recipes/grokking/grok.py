"""`grok`: train on a table of equations until the network generalises, and say when it did."""

import os
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.common.words import count
from recipes.grokking.arguments import TABLES, as_switch, require_preset, require_ranges
from recipes.grokking.equations import equations
from recipes.grokking.loop import Loop
from recipes.grokking.memory import require_memory
from recipes.grokking.networks import MLP, PAPER, Network
from recipes.grokking.operations import Binary
from recipes.grokking.result import GrokRun
from recipes.grokking.step.optimizer import Optimizer
from recipes.grokking.step.steps import Trainer
from recipes.running.checkpoint import Checkpoint
from recipes.running.interrupt import Interrupt, how_to_go_on, interrupted
from recipes.running.progress import LiveLine


@dataclass(frozen=True)
class Preset:
    """Everything that decides what a run does, but its seed."""

    operation: str | Binary = "x/y"
    p: int = 97
    train_fraction: float = 0.5
    network: Network = PAPER
    optimizer: Optimizer = field(default_factory=Optimizer)
    batch_size: int = 512
    least_batches: int = 2  # of an epoch, as in the paper's code
    max_steps: int = 20_000


PRESETS = {
    # Live: the network without attention on a small table. The one-layer transformer (`network=ONE_LAYER`) does it too,
    # but after 1,000 to 16,000 steps, as the seed will have it.
    "lecture": Preset(*TABLES["lecture"], MLP, batch_size=64, max_steps=30_000),
    # Their appendix A.1.2: AdamW with weight decay 1, a tenth of a million steps at most.
    "paper": Preset(*TABLES["paper"], max_steps=100_000),
    # Their figure 1: Adam without decay, a million steps.
    "figure1": Preset(*TABLES["figure1"], optimizer=Optimizer(weight_decay=0.0), max_steps=1_000_000),
}
OF_OPTIMIZER = (
    "learning_rate",
    "weight_decay",
    "beta_2",
    "grokfast",
    "muon",
    "orthograd",
    "stablemax",
)  # arguments of `grok` that are no field of a preset


@known_arguments_only
def grok(
    preset: str = "lecture",
    *,
    operation: str | Binary | None = None,
    p: int | None = None,
    train_fraction: float | None = None,
    network: Network | None = None,
    learning_rate: float | None = None,
    weight_decay: float | None = None,
    beta_2: float | None = None,
    grokfast: float | None = None,
    muon: bool | None = None,
    orthograd: bool | None = None,
    stablemax: bool | None = None,
    batch_size: int | None = None,
    max_steps: int | None = None,
    stop: bool = True,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    verbose: str | int = "auto",
) -> GrokRun:
    """Train a network on equations, and find when it stops memorising and understands them.

    Args:
        preset: `"lecture"` (x + y modulo 53, without attention: seconds on a laptop), `"paper"` (x / y modulo 97, AdamW
            with decay 1) or `"figure1"` (the same without decay: up to a million steps). The rest changes a preset.
        operation: One of `recipes.grokking.equations.OPERATIONS`; `"random"` has answers without a rule. Or one of
            your own: an expression in x and y such as `"x^2 + 3*y"` or `"x//2 + y if x > y else x*y"`, in which `/`
            divides modulo p; or a function of two whole numbers that gives one, taken modulo p, or `None` where there
            is no answer.
        p: The modulus. Pairs without an answer, as in a division by what has no inverse, are left out.
        train_fraction: Share of all equations that trains.
        network: A `recipes.grokking.networks.Network`.
        learning_rate: After a warm-up of 10 steps.
        weight_decay: Of AdamW, decoupled, on every weight.
        beta_2: Of AdamW's second moment; 0.98 in every preset.
        grokfast: Factor of the amplified slow gradient (J. Lee et al. 2024); changes the optimisation, so its steps
            are not to be compared with the paper's. 0 in every preset.
        muon: Whether the matrices between embedding and head are moved by Muon (K. Jordan et al. 2024); likewise.
        orthograd: Whether gradients lose the part that only makes weights longer, "⊥Grad" (L. Prieto et al. 2025,
            arXiv 2501.04697); likewise. Meant for no decay, `beta_2=0.99` and full batches.
        stablemax: Whether the loss follows StableMax in float64 in place of the softmax (likewise).
        batch_size: Equations a step; one that is not said is at most half of those that train, as in the paper's code,
            and one beyond all of them is a full batch.
        max_steps: The budget.
        stop: Whether to stop once the validation accuracy has stayed at 99 % over five evaluations.
        seed: Of the split, the initial weights and the order of the batches.
        checkpoint: Folder for the state; the same call goes on from there, however it was stopped, and ends with the
            same bits as a run that never was.
        verbose: 0 is silent; anything else shows one line.

    Returns:
        A `GrokRun`: `history`, `memorised_at`, `generalised_at`, `delay_ratio`, `verdict`, `model`, `plot()`.

    Raises:
        ValueError: for unknown names, values out of range and a table that the free memory does not hold, before any
            work.
        OtherRunError: for a checkpoint of another run, saying what differs; a `ValueError` too.
        recipes.Interrupted: after Ctrl-C, which ends the run at the next clean place, with its state
            written and the `GrokRun` so far in `result`; in a notebook and at a prompt it is returned instead.
    """
    switches = {name: as_switch(name, value) for name, value in (("muon", muon), ("orthograd", orthograd),
                                                                 ("stablemax", stablemax))}  # fmt: skip
    if network is not None and not isinstance(network, Network):
        raise ValueError(
            f"network must be a recipes.grokking.networks.Network, such as ONE_LAYER or MLP from there. "
            f"Received: network={network!r}."
        )
    changes = {"operation": operation, "p": p, "train_fraction": train_fraction, "network": network,
               "learning_rate": learning_rate, "weight_decay": weight_decay, "beta_2": beta_2, "grokfast": grokfast,
               **switches, "batch_size": batch_size, "max_steps": max_steps}  # fmt: skip
    chosen = preset_with(preset, **changes)
    run = train_preset(
        chosen,
        stop=bool(as_switch("stop", stop)),
        seed=seed,
        checkpoint=checkpoint,
        line=LiveLine() if verbose else None,
    )
    done = f"the run after {run.steps:,} of {count(chosen.max_steps, 'step')}"
    return interrupted(run, how_to_go_on(done, checkpoint)) if run.interrupted else run


def preset_with(name: str, **changes: Any) -> Preset:
    """Look up a preset and change what is not `None`: the arguments of `grok` that decide a run.

    Raises:
        ValueError: for an unknown name.
    """
    require_preset(name)
    given = {key: v.item() if isinstance(v, np.generic) else v for key, v in changes.items() if v is not None}
    of_optimizer = {key: given.pop(key) for key in OF_OPTIMIZER if key in given}
    preset = PRESETS[name]
    if "batch_size" in given:
        given["least_batches"] = 1
    return replace(preset, **given, optimizer=replace(preset.optimizer, **of_optimizer))


def train_preset(
    preset: Preset,
    *,
    stop: bool,
    seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
    line: LiveLine | None = None,
) -> GrokRun:
    """Check a preset and train it: what `grok` does once it knows what.

    Args:
        preset: Everything but the seed.
        stop: As for `grok`, like what follows.
        line: Shows how far it is.

    Returns:
        A `GrokRun`, also where Ctrl-C ended it.
    """
    begin = time.perf_counter()
    rates = {name: getattr(preset.optimizer, name) for name in ("learning_rate", "weight_decay", "grokfast", "beta_2")}
    require_ranges(batch_size=preset.batch_size, max_steps=preset.max_steps, seed=seed, **rates)
    seed = int(seed)
    require_memory(
        preset.operation, preset.p, preset.train_fraction, preset.network, preset.batch_size, preset.max_steps
    )
    table = equations(preset.operation, preset.p, preset.train_fraction, seed)
    preset = replace(preset, batch_size=min(preset.batch_size, -(-len(table.train) // preset.least_batches)))
    settings = _settings(preset, table.operation, seed)
    with ExitStack() as opened:
        kept = saved = None
        if checkpoint is not None:
            fixed = {name: value for name, value in settings.items() if name != "max_steps"}  # may be extended
            kept = opened.enter_context(Checkpoint(checkpoint, {**fixed, "stop": stop}))
            saved = kept.load()
            kept.say_beyond(0 if saved is None else saved.state["step"], preset.max_steps, "step", "max_steps")
        model = preset.network.build(table.num_tokens, seed)
        trainer = Trainer(table, preset.network, preset.optimizer, batch_size=preset.batch_size, seed=seed, model=model)
        loop = Loop(
            trainer, max_steps=preset.max_steps, stop=stop, begin=begin, checkpoint=kept, saved=saved, line=line
        )
        interrupt = opened.enter_context(Interrupt())
        loop.run(interrupt)
        return loop.result(settings, interrupted=interrupt.requested)


def _settings(preset: Preset, operation: str, seed: int) -> dict[str, Any]:
    """Name all that decides a run; switches that came later only where they are on, so that older checkpoints go on."""
    settings = {**asdict(preset), "operation": operation, "seed": seed}
    del settings["least_batches"]  # which the batch size has followed
    optimizer = settings["optimizer"]
    settings["optimizer"] = {
        name: value for name, value in optimizer.items() if value or name not in ("orthograd", "stablemax")
    }
    return settings
