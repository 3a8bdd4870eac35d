"""The loop of `grok`: train up to the next evaluation, evaluate, write the state, until the budget or the goal.

Evaluations come at steps that depend on the history alone (`phases.next_evaluation`), and blocks of steps end between
them, so that a run can be interrupted. Where it was interrupted changes no number: a run in parts is the run in one.
"""

import math
import time
from typing import Any

import numpy as np

from recipes.grokking.crossentropy import crossentropies
from recipes.grokking.equations import RANDOM, Equations
from recipes.grokking.fourier import circle_order, fourier_power, gini, restricted_and_excluded_loss
from recipes.grokking.phases import Circumstances, describe, findings, is_sustained, next_evaluation, phases
from recipes.grokking.result import GrokRun
from recipes.grokking.step.optimizer import State
from recipes.grokking.step.steps import Trainer
from recipes.running.checkpoint import Checkpoint, Saved
from recipes.running.interrupt import Interrupt
from recipes.running.progress import LiveLine

BLOCK_STEPS = 100  # after so many steps at most the run can be interrupted and its state written


class Loop:
    """Where a run stands, and what brings it on.

    Args:
        trainer: Does the steps; it has the table, the network, the optimizer and the model.
        max_steps: The budget.
        stop: Whether to end once the validation set has been known for long enough.
        begin: Of the call, as `time.perf_counter` counts.
        checkpoint: Where the state is written; `None` for nowhere.
        saved: The state to go on from, as the checkpoint gave it.
        line: Where progress is shown; `None` for nowhere.
    """

    def __init__(
        self,
        trainer: Trainer,
        *,
        max_steps: int,
        stop: bool,
        begin: float,
        checkpoint: Checkpoint | None = None,
        saved: Saved | None = None,
        line: LiveLine | None = None,
    ) -> None:
        self.trainer, self.table = trainer, trainer.table
        self.max_steps, self.stop = max_steps, stop
        self.begin, self.checkpoint, self.line = begin, checkpoint, line
        self.state: State = trainer.start()
        self.step = 0
        self.history: dict[str, list[float]] = {"step": []}  # by quantity, one value for each evaluation
        self.embeddings: list[np.ndarray] = []  # likewise
        self.earlier_seconds = 0.0  # of the calls that this one goes on from
        self.timed_steps, self.timed_seconds = 0, 0.0  # of training alone, after compiling
        if saved is not None:
            self._take_up(saved)

    @property
    def seconds(self) -> float:
        """Since the call began, with those of the calls that it goes on from."""
        return self.earlier_seconds + time.perf_counter() - self.begin

    @property
    def has_ended(self) -> bool:
        """Is the budget spent, or the goal reached?"""
        return self.step >= self.max_steps or (self.stop and is_sustained(self.history))

    def run(self, interrupt: Interrupt) -> None:
        """Go on to the end, or until Ctrl-C; the last step is evaluated in either case."""
        if self.line is not None:
            self.line.start()
        try:
            while True:
                due = next_evaluation(self.history)
                if self.step == due:
                    self._evaluate()
                    due = next_evaluation(self.history)
                self._show()
                is_last = self.has_ended or interrupt.requested
                self._keep(now=is_last)
                if is_last:
                    break
                self._train(min(due, self.step + BLOCK_STEPS, self.max_steps))
            # Not kept: a run that goes on evaluates at the steps that the history asks for, wherever it was stopped.
            if self.history["step"][-1] != self.step:
                self._evaluate()
                self._show()
        finally:
            if self.line is not None:
                self.line.close()

    def result(self, settings: dict[str, Any], *, interrupted: bool) -> GrokRun:
        """Return what came of the run; the model has the last weights."""
        found = phases(self.history)
        circumstances = Circumstances(
            has_rule=self.table.operation != RANDOM,
            train_fraction=len(self.table.train) / len(self.table.x),
            weight_decay=self.trainer.optimizer.weight_decay,
            steps_left=max(self.max_steps - self.step, 0),
            is_kept=self.checkpoint is not None,
        )
        return GrokRun(
            model=self.trainer.finish(self.state),
            table=self.table,
            history=self.history,
            embeddings=np.stack(self.embeddings),
            memorised_at=found.memorised_at,
            generalised_at=found.generalised_at,
            findings=findings(self.history, found, circumstances),
            steps=self.step,
            seconds=self.seconds,
            steps_per_second=self.timed_steps / self.timed_seconds if self.timed_seconds else float("nan"),
            settings=settings,
            interrupted=interrupted,
        )

    def _train(self, last: int) -> None:
        """Take the steps from here up to this one."""
        is_compiled = self.trainer.is_compiled
        start = time.perf_counter()
        self.state = self.trainer.steps(self.state, self.step, last)
        self.state["weights"].numpy()  # wait for it
        if is_compiled:  # before
            self.timed_seconds += time.perf_counter() - start
            self.timed_steps += last - self.step
        self.step = last

    def _evaluate(self) -> None:
        """Write down what the network knows at this step."""
        logits = self.trainer.outputs(self.state, np.arange(len(self.table.x)))
        embedding = self.trainer.embedding(self.state)
        norm = np.linalg.norm(self.state["weights"].numpy().astype(np.float64))
        values = {"step": self.step, **knowledge(self.table, logits), "weight_norm": float(norm)}
        order = circle_order(self.table)
        if order is not None:
            values["gini"] = gini(fourier_power(embedding, order))
        earlier = len(self.embeddings)
        for name, value in values.items():  # a state of before a quantity was written has none of the earlier values
            self.history.setdefault(name, [math.nan] * earlier).append(value)
        self.embeddings.append(embedding)

    def _show(self) -> None:
        """Show the step, both accuracies, the speed and the phase, on one line."""
        if self.line is None:
            return
        last = {name: values[-1] for name, values in self.history.items()}
        speed = f"{self.timed_steps / self.timed_seconds:,.0f} steps/s  " if self.timed_seconds else ""
        known = f"accuracy {last['accuracy']:.3f}  val_accuracy {last['val_accuracy']:.3f}"
        phase = describe(self.history, 1 / self.table.num_symbols)
        self.line.show(f"step {self.step:,}  {known}  {speed}{phase}")

    def _keep(self, *, now: bool) -> None:
        """Write the state, if it is time to."""
        if self.checkpoint is None or not (now or self.checkpoint.is_due()):
            return
        arrays = {name: value.numpy() for name, value in self.state.items()}
        state = {"step": self.step, "seconds": self.seconds, "trained": self.timed_steps,
                 "training_seconds": self.timed_seconds, "history": self.history}  # fmt: skip
        self.checkpoint.save({**arrays, "embeddings": np.stack(self.embeddings)}, state)

    def _take_up(self, saved: Saved) -> None:
        """Be where the run was when `_keep` wrote this."""
        state = saved.state
        self.step, self.earlier_seconds, self.history = state["step"], state["seconds"], state["history"]
        self.timed_steps, self.timed_seconds = state["trained"], state["training_seconds"]
        self.state = self.trainer.restored(saved.arrays)
        self.embeddings = list(saved.arrays["embeddings"])


def knowledge(table: Equations, logits: np.ndarray) -> dict[str, float]:
    """Measure how well a network with these logits knows the table.

    Args:
        table: The equations.
        logits: `(equations, num_tokens)`, in the order of the table.

    Returns:
        Losses in nats and accuracies, under the names of `GrokRun.history`.
    """
    loss, right = crossentropies(logits, table.answer), logits.argmax(axis=1) == table.answer
    train, validation = table.train, table.validation
    values = {
        "loss": float(loss[train].mean()),
        "accuracy": float(right[train].mean()),
        "val_loss": float(loss[validation].mean()),
        "val_accuracy": float(right[validation].mean()),
    }
    losses = restricted_and_excluded_loss(table, logits)
    if losses is not None:
        values["restricted_loss"], values["excluded_loss"] = losses
    mirrored = table.mirror_in_training()
    if mirrored is not None:
        for name, which in (("mirrored", mirrored), ("unmirrored", ~mirrored)):
            values[f"val_accuracy_{name}"] = float(right[validation][which].mean()) if which.any() else float("nan")
    return values
