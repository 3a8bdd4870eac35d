"""What a run of `grok` gives back."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cheatsheet import Finding
from cheatsheet.common.words import count, show_values
from recipes.grokking.equations import Equations
from recipes.grokking.phases import Phases, phases
from recipes.running.show import as_html


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
        findings: The verdict; its first rule is `"grokking"`, `"comprehension"`, `"generalising"`, `"memorisation"` or
            `"confusion"`.
        steps: Trained.
        seconds: From call to return, compiling and evaluating included; with a checkpoint, of the earlier calls too.
        steps_per_second: While training alone, after compiling.
        settings: What was run, in full.
        interrupted: Whether Ctrl-C ended it.
    """

    model: keras.Model
    table: Equations
    history: dict[str, list[float]]
    embeddings: np.ndarray
    memorised_at: int | None
    generalised_at: int | None
    findings: list[Finding]
    steps: int
    seconds: float
    steps_per_second: float
    settings: dict[str, Any]
    interrupted: bool = False

    @property
    def delay_ratio(self) -> float | None:
        """Steps to generalise over steps to memorise."""
        return self._phases.delay_ratio

    @property
    def kind(self) -> str:
        """`"grokking"`, `"comprehension"`, `"generalising"`, `"memorisation"` or `"confusion"`."""
        return self._phases.kind

    @property
    def verdict(self) -> str:
        """The headline in one sentence."""
        return str(self.findings[0])

    @property
    def _phases(self) -> Phases:
        return phases(self.history)

    def predict(self, x: Any, y: Any) -> np.ndarray:
        """Ask the network for its answers, whether or not the pairs were in training, or have an answer at all.

        Args:
            x: Left operands, whole numbers from 0 below `table.num_symbols`; one, or an array.
            y: Right operands likewise.

        Returns:
            The most probable number, for each pair; of the shape that x and y have together.

        Raises:
            ValueError: for anything but such numbers.

        >>> run.predict(3, 5)  # doctest: +SKIP
        array(8)
        """
        operands = np.broadcast_arrays(*(self._numbers(name, value) for name, value in (("x", x), ("y", y))))
        left, right = (operand.ravel() for operand in operands)
        columns = np.broadcast_arrays(left, self.table.operator, right, self.table.equals)
        if not left.size:
            return np.empty(operands[0].shape, np.int64)
        logits = self.model.predict(np.stack(columns, axis=1).astype(np.int32), batch_size=4096, verbose=0)
        return np.argmax(logits[:, : self.table.num_symbols], axis=1).reshape(operands[0].shape)

    def _numbers(self, name: str, values: Any) -> np.ndarray:
        array = np.asarray(values)
        most = self.table.num_symbols - 1
        if array.size and (array.dtype.kind not in "iu" or array.min() < 0 or array.max() > most):
            shown = repr(values) if array.ndim == 0 else show_values(array)
            raise ValueError(f"{name} must be whole numbers from 0 to {most}. Received: {name}={shown}.")
        return array

    def plot(self) -> Any:
        """Draw the timeline, and the embedding at four moments; return the matplotlib Figure.

        `recipes.plots.plot_grokking(run, axes)` draws on Axes that are there.
        """
        from recipes.plots import plot_grokking

        return plot_grokking(self)[0].get_figure(root=True)

    def to_json(self) -> dict[str, Any]:
        """Give the fields that JSON can say, without model, table and embeddings."""
        names = ("memorised_at", "generalised_at", "delay_ratio", "kind", "verdict", "steps", "seconds",
                 "steps_per_second", "interrupted", "settings", "history")  # fmt: skip
        return _without_nan({name: getattr(self, name) for name in names})

    def __repr__(self) -> str:
        accuracies = f"accuracy {self.history['accuracy'][-1]:.4f}, val_accuracy {self.history['val_accuracy'][-1]:.4f}"
        return f"<GrokRun of {count(self.steps, 'step')}, {self.settings['operation']}, {accuracies}: {self.kind}>"

    def _repr_html_(self) -> str:
        last = {name: f"{self.history[name][-1]:.4g}" for name in ("loss", "val_loss")}
        last |= {name: f"{self.history[name][-1]:.4f}" for name in ("accuracy", "val_accuracy")}
        reached = {"memorised at step": self.memorised_at, "generalised at step": self.generalised_at}
        facts = {"operation": self.settings["operation"], "steps": f"{self.steps:,}", "seconds": f"{self.seconds:.1f}"}
        shown = {name: None if step is None else f"{step:,}" for name, step in reached.items()}
        return as_html("GrokRun", {**facts, **last, **shown}, self.findings)

    def __str__(self) -> str:
        last = {name: values[-1] for name, values in self.history.items()}
        speed = "" if np.isnan(self.steps_per_second) else f" ({self.steps_per_second:,.0f} steps/s while training)"
        operation = " ".join(self.settings["operation"].split())
        return (
            f"{operation}, {count(self.steps, 'step')} in {self.seconds:.1f} s{speed}\n"
            f"at the end: accuracy {last['accuracy']:.4f}, val_accuracy {last['val_accuracy']:.4f}\n{self.verdict}"
        )


def _without_nan(value: Any) -> Any:
    """Put `None` in place of NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and np.isnan(value) else value
