"""`grok`: train on a table of equations until the network generalises, and say when it did."""

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import keras
import numpy as np

from cheatsheet import Finding
from cheatsheet.common.arguments import known_arguments_only, require_whole
from recipes.grokking.crossentropy import crossentropies
from recipes.grokking.equations import RANDOM, Equations, equations
from recipes.grokking.fourier import circle_order, fourier_power, gini, restricted_and_excluded_loss
from recipes.grokking.memory import require_memory
from recipes.grokking.networks import MLP, PAPER, Network
from recipes.grokking.phases import (
    Circumstances,
    Phases,
    describe,
    findings,
    is_sustained,
    next_evaluation,
    phases,
)
from recipes.grokking.step.optimizer import Optimizer, State
from recipes.grokking.step.steps import Trainer
from recipes.running.checkpoint import Checkpoint
from recipes.running.interrupt import Interrupt
from recipes.running.progress import LiveLine

BLOCK_STEPS = 100  # after so many steps at most the run can be interrupted and its state written


@dataclass(frozen=True)
class Preset:
    """Everything that decides what a run does, but its seed."""

    operation: str = "x/y"
    p: int = 97
    train_fraction: float = 0.5
    network: Network = PAPER
    optimizer: Optimizer = field(default_factory=Optimizer)
    batch_size: int = 512  # at most half of the training equations
    max_steps: int = 20_000


PRESETS = {
    # Live: the network without attention on a small table. The one-layer transformer (`network=ONE_LAYER`) does it too,
    # but after 1,000 to 16,000 steps, as the seed will have it.
    "lecture": Preset("x+y", 53, 0.5, MLP, batch_size=64, max_steps=30_000),
    # Their appendix A.1.2: AdamW with weight decay 1, a tenth of a million steps at most.
    "paper": Preset(max_steps=100_000),
    # Their figure 1: Adam without decay, a million steps.
    "figure1": Preset(optimizer=Optimizer(weight_decay=0.0), max_steps=1_000_000),
}


@dataclass(frozen=True)
class GrokRun:
    """A finished run.

    Attributes:
        model: The plain Keras model with the last weights.
        table: The equations.
        history: One list for each quantity, one value for each evaluation: `"step"`, `"loss"`, `"accuracy"`,
            `"val_loss"`, `"val_accuracy"`, `"weight_norm"`, `"gini"` (of the embedding's Fourier power), and for
            commutative operations `"val_accuracy_mirrored"` and `"val_accuracy_unmirrored"`; for sums, differences,
            products and quotients `"restricted_loss"` and `"excluded_loss"` (see `fourier.py`).
        embeddings: The embedding at each evaluation `(evaluations, tokens, width)`.
        memorised_at: First step with 99 % training accuracy, `None` if none.
        generalised_at: First step with sustained 99 % validation accuracy, `None` if none.
        findings: The verdict; its first rule is `"grokking"`, `"comprehension"`, `"memorisation"` or `"confusion"`.
        steps: Trained.
        seconds: From call to return, compiling and evaluating included; with a checkpoint, of the earlier calls too.
        steps_per_second: While training alone, after compiling.
        settings: What was run, in full.
        interrupted: Whether Ctrl-C ended it.
    """

    model: keras.Model = field(repr=False)
    table: Equations = field(repr=False)
    history: dict[str, list[float]] = field(repr=False)
    embeddings: np.ndarray = field(repr=False)
    memorised_at: int | None
    generalised_at: int | None
    findings: list[Finding]
    steps: int
    seconds: float
    steps_per_second: float
    settings: dict[str, Any] = field(repr=False)
    interrupted: bool = False

    @property
    def delay_ratio(self) -> float | None:
        """Steps to generalise over steps to memorise."""
        return self._phases.delay_ratio

    @property
    def kind(self) -> str:
        """`"grokking"`, `"comprehension"`, `"memorisation"` or `"confusion"`."""
        return self._phases.kind

    @property
    def verdict(self) -> str:
        """The headline in one sentence."""
        return str(self.findings[0])

    @property
    def _phases(self) -> Phases:
        return phases(self.history)

    def plot(self, axes: Any = None) -> Any:
        """The timeline, and the embedding at four moments; returns the axes."""
        from recipes.plots import plot_grokking

        return plot_grokking(self, axes)

    def to_json(self) -> dict[str, Any]:
        """The fields that JSON can say, without model, table and embeddings."""
        names = ("memorised_at", "generalised_at", "delay_ratio", "kind", "verdict", "steps", "seconds",
                 "steps_per_second", "interrupted", "settings", "history")  # fmt: skip
        return _without_nan({name: getattr(self, name) for name in names})

    def __str__(self) -> str:
        last = {name: values[-1] for name, values in self.history.items()}
        return (
            f"{self.settings['operation']}, {self.steps:,} steps in {self.seconds:.1f} s "
            f"({self.steps_per_second:,.0f} steps/s while training)\n"
            f"at the end: accuracy {last['accuracy']:.4f}, val_accuracy {last['val_accuracy']:.4f}\n{self.verdict}"
        )


@known_arguments_only
def grok(
    preset: str = "lecture",
    *,
    operation: str | None = None,
    p: int | None = None,
    train_fraction: float | None = None,
    network: Network | None = None,
    learning_rate: float | None = None,
    weight_decay: float | None = None,
    grokfast: float | None = None,
    muon: bool | None = None,
    batch_size: int | None = None,
    max_steps: int | None = None,
    stop: bool = True,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    verbose: str | int = "auto",
) -> GrokRun:
    """When does a network stop memorising these equations and understand them?

    Args:
        preset: `"lecture"` (x + y modulo 53, without attention: seconds on a laptop), `"paper"` (x / y modulo 97, AdamW
            with decay 1) or `"figure1"` (the same without decay: up to a million steps). The rest changes a preset.
        operation: One of `recipes.grokking.equations.OPERATIONS`; `"random"` has answers without a rule.
        p: Prime modulus.
        train_fraction: Share of all equations that trains.
        network: A `recipes.grokking.networks.Network`.
        learning_rate: After a warm-up of 10 steps.
        weight_decay: Of AdamW, decoupled, on every weight.
        grokfast: Factor of the amplified slow gradient (J. Lee et al. 2024); changes the optimisation, so its steps
            are not to be compared with the paper's. 0 in every preset.
        muon: Whether the matrices between embedding and head are moved by Muon (K. Jordan et al. 2024); likewise.
        batch_size: Equations a step, at most half of those that train.
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
            work; for a checkpoint of another run.
    """
    begin = time.perf_counter()
    if preset not in PRESETS:
        raise ValueError(f"Unknown preset. Received: preset={preset!r}. Expected one of {', '.join(PRESETS)}.")
    changes = {"operation": operation, "p": p, "train_fraction": train_fraction, "network": network,
               "batch_size": batch_size, "max_steps": max_steps}  # fmt: skip
    of_optimizer = {"learning_rate": learning_rate, "weight_decay": weight_decay, "grokfast": grokfast,
                    "muon": None if muon is None else bool(muon)}  # fmt: skip
    plan = replace(PRESETS[preset], **_given(changes))
    plan = replace(plan, optimizer=replace(plan.optimizer, **_given(of_optimizer)))
    _require_ranges(plan, seed)
    seed = int(seed)
    require_memory(plan.operation, plan.p, plan.train_fraction, plan.network, plan.batch_size, plan.max_steps)
    table = equations(plan.operation, plan.p, plan.train_fraction, seed)
    plan = replace(plan, batch_size=min(plan.batch_size, -(-len(table.train) // 2)))
    settings = {**asdict(plan), "seed": seed}
    with ExitStack() as opened:
        kept = None
        if checkpoint is not None:
            fixed = {name: value for name, value in settings.items() if name != "max_steps"}  # may be extended
            kept = opened.enter_context(Checkpoint(checkpoint, {**fixed, "stop": stop}))
        run = _Run(table, plan, seed, kept, LiveLine() if verbose else None)
        interrupt = opened.enter_context(Interrupt())
        return run.go(stop, interrupt, settings, begin)


def _without_nan(value: Any) -> Any:
    """JSON knows no NaN: `None` instead."""
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: v.item() if isinstance(v, np.generic) else v for name, v in values.items()}  # not for JSON
    return {name: value for name, value in values.items() if value is not None}


def _require_ranges(plan: Preset, seed: int) -> None:
    for name, value, least in (
        ("batch_size", plan.batch_size, 1), ("max_steps", plan.max_steps, 1), ("seed", seed, 0)
    ):  # fmt: skip
        require_whole(name, value, least)
    rates = {"learning_rate": plan.optimizer.learning_rate, "weight_decay": plan.optimizer.weight_decay,
             "grokfast": plan.optimizer.grokfast}  # fmt: skip
    for name, rate in rates.items():
        if not np.isfinite(rate) or rate < 0 or (name == "learning_rate" and rate == 0):
            least_text = "above 0" if name == "learning_rate" else "at least 0"
            raise ValueError(f"{name} must be {least_text}. Received: {name}={rate!r}.")


class _Run:
    """The state of a run between its blocks of steps."""

    def __init__(
        self, table: Equations, plan: Preset, seed: int, checkpoint: Checkpoint | None, line: LiveLine | None
    ) -> None:
        self.table, self.plan, self.checkpoint, self.line = table, plan, checkpoint, line
        saved = checkpoint.load() if checkpoint is not None else None
        model = plan.network.build(table.num_tokens, seed)
        self.trainer = Trainer(table, plan.network, plan.optimizer, batch_size=plan.batch_size, seed=seed, model=model)
        self.state: State = self.trainer.start()
        self.history: dict[str, list[float]] = {"step": []}
        self.embeddings: list[np.ndarray] = []
        self.step, self.seconds, self.trained, self.training_seconds = 0, 0.0, 0, 0.0
        self.order = circle_order(table)
        self.mirrored = table.mirror_in_training()
        if saved is not None:
            self.step, self.seconds = saved.state["step"], saved.state["seconds"]
            self.trained, self.training_seconds = saved.state["trained"], saved.state["training_seconds"]
            self.history = saved.state["history"]
            self.state = self.trainer.restored(saved.arrays)
            self.embeddings = list(saved.arrays["embeddings"])

    def go(self, stop: bool, interrupt: Interrupt, settings: dict[str, Any], begin: float) -> GrokRun:
        before = self.seconds
        if self.line is not None:
            self.line.start()
        try:
            while True:
                if self.step == next_evaluation(self.history):
                    self._evaluate()
                self.seconds = before + time.perf_counter() - begin
                self._show()
                ended = self.step >= self.plan.max_steps or (stop and is_sustained(self.history))
                self._keep(now=ended or interrupt.requested)
                if ended or interrupt.requested:
                    break
                self._train()
        finally:
            if self.line is not None:
                self.line.close()
        if self.history["step"][-1] != self.step:
            self._evaluate()
        found = phases(self.history)
        return GrokRun(
            model=self.trainer.finish(self.state),
            table=self.table,
            history=self.history,
            embeddings=np.stack(self.embeddings),
            memorised_at=found.memorised_at,
            generalised_at=found.generalised_at,
            findings=findings(self.history, found, self._circumstances()),
            steps=self.step,
            seconds=before + time.perf_counter() - begin,
            steps_per_second=self.trained / self.training_seconds if self.training_seconds else float("nan"),
            settings=settings,
            interrupted=interrupt.requested,
        )

    def _circumstances(self) -> Circumstances:
        return Circumstances(
            has_rule=self.table.operation != RANDOM,
            train_fraction=len(self.table.train) / len(self.table.x),
            weight_decay=self.plan.optimizer.weight_decay,
            steps_left=max(self.plan.max_steps - self.step, 0),
            is_kept=self.checkpoint is not None,
        )

    def _train(self) -> None:
        """The steps to the next evaluation, or a block of them."""
        end = min(next_evaluation(self.history), self.step + BLOCK_STEPS, self.plan.max_steps)
        compiled = self.trainer.is_compiled
        start = time.perf_counter()
        self.state = self.trainer.steps(self.state, self.step, end)
        self.state["weights"].numpy()  # wait for it
        if compiled:  # before
            self.training_seconds += time.perf_counter() - start
            self.trained += end - self.step
        self.step = end

    def _evaluate(self) -> None:
        """Loss and accuracy on the whole table, and what the weights look like."""
        logits = self.trainer.outputs(self.state, np.arange(len(self.table.x)))
        loss, right = crossentropies(logits, self.table.answer), logits.argmax(axis=1) == self.table.answer
        train, validation = self.table.train, self.table.validation
        embedding = self.trainer.embedding(self.state)
        values = {
            "step": self.step,
            "loss": float(loss[train].mean()),
            "accuracy": float(right[train].mean()),
            "val_loss": float(loss[validation].mean()),
            "val_accuracy": float(right[validation].mean()),
            "weight_norm": float(np.linalg.norm(self.state["weights"].numpy().astype(np.float64))),
        }
        if self.order is not None:
            values["gini"] = gini(fourier_power(embedding, self.order))
        losses = restricted_and_excluded_loss(self.table, logits)
        if losses is not None:
            values["restricted_loss"], values["excluded_loss"] = losses
        if self.mirrored is not None:
            for name, which in (("mirrored", self.mirrored), ("unmirrored", ~self.mirrored)):
                values[f"val_accuracy_{name}"] = float(right[validation][which].mean()) if which.any() else float("nan")
        for name, value in values.items():
            self.history.setdefault(name, []).append(value)
        self.embeddings.append(embedding)

    def _show(self) -> None:
        if self.line is None:
            return
        last = {name: values[-1] for name, values in self.history.items()}
        speed = f"{self.trained / self.training_seconds:,.0f} steps/s  " if self.training_seconds else ""
        known = f"accuracy {last['accuracy']:.3f}  val_accuracy {last['val_accuracy']:.3f}"
        phase = describe(self.history, 1 / self.table.num_symbols)
        self.line.show(f"step {self.step:,}  {known}  {speed}{phase}")

    def _keep(self, *, now: bool) -> None:
        """Write the state, if it is time to."""
        if self.checkpoint is None or not (now or self.checkpoint.is_due()):
            return
        arrays = {name: value.numpy() for name, value in self.state.items()}
        state = {"step": self.step, "seconds": self.seconds, "trained": self.trained,
                 "training_seconds": self.training_seconds, "history": self.history}  # fmt: skip
        self.checkpoint.save({**arrays, "embeddings": np.stack(self.embeddings)}, state)
