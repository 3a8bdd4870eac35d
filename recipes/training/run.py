"""What a training run gives back."""

import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from cheatsheet import Finding
from cheatsheet.common.words import count, digits, show_values
from cheatsheet.modelspec import describe_ends
from recipes.running.show import as_html
from recipes.training.data.yardsticks import middle_of
from recipes.training.engines.engine import EngineUsed
from recipes.training.evaluate import evaluate, predict
from recipes.training.scoring.evaluation import Evaluation
from recipes.training.signature import Signature, signature_of

if TYPE_CHECKING:
    from recipes.training.files.export import Export


@dataclass(frozen=True)
class Run:
    """A finished training run: the trained model, what happened, and the verdict.

    Attributes:
        model: The model that was passed in, trained.
        history: One list per quantity (`"loss"`, `"val_loss"`, the metrics), one value per epoch.
        findings: What `diagnose` says of the history; the first one is the headline.
        engine: Which engine ran, how, and why it was chosen.
        seed: Of the validation split and the order of the batches.
        seconds: Wall time from call to return; with a checkpoint, that of the earlier calls too.
        steps: Number of batches trained on; with a checkpoint, in the earlier calls too.
        steps_per_second: Of training alone, once all was compiled, validation included; NaN where nothing ran then.
        signature: What the model was trained on, part by part; `None` after a stream, which nobody has read.
        chance: Loss of the best constant guess on the target that the verdict is about (validation where there is
            one); `None` for a loss without a row.
        least: Loss of a perfect model on it.
        spread: For an autoencoder that ended near chance, the variance of its outputs over that of its data;
            `None` otherwise.
        kept: Epoch, counted from 1, whose weights the model has, where early stopping put the best ones back, so that
            the verdict is about these; `None` for the last one.
        interrupted: Whether Ctrl-C ended it.
    """

    model: keras.Model = field(repr=False)
    history: dict[str, list[float]] = field(repr=False)
    findings: list[Finding]
    engine: EngineUsed
    seed: int
    seconds: float
    steps: int
    steps_per_second: float = math.nan
    signature: Signature | None = None
    chance: float | None = None
    least: float = 0.0
    spread: float | None = None
    kept: int | None = None
    interrupted: bool = False

    @property
    def epochs(self) -> int:
        """How many epochs ran (fewer than asked for after early stopping)."""
        return max(map(len, self.history.values()), default=0)

    @property
    def classes(self) -> Any:
        """The label of each class, in the order of the outputs; `None` for numbers; of several outputs a dict."""
        return None if self.signature is None else self.signature.classes

    @property
    def positive(self) -> Any:
        """The class whose probability (or margin) a single output gives; `None` where there is no such class."""
        classes = self.classes
        if not isinstance(classes, tuple) or len(classes) != 2:
            return None
        return classes[1] if describe_ends(self.model).outputs[0].width == 1 else None

    @property
    def verdict(self) -> str:
        """The headline in one sentence."""
        return str(self.findings[0]) if self.findings else "nothing to say: no epoch ran"

    def predict(self, x: Any) -> Any:
        """Return the model's outputs on these inputs, `(n, units)`; for the names of classes see `predict_labels`.

        Raises:
            DataError: for what the model was not trained on: another shape, columns that are missing or new.
        """
        return predict(self.model, x, like=self.signature)

    def predict_labels(self, x: Any) -> Any:
        """Return the most probable class of each row, step or pixel, under the name that it had in training.

        Returns:
            `(n,)`, or `(n, steps)`; of several outputs a dict by name, of those that have classes.

        Raises:
            DataError: as `predict`.
            ValueError: for a run whose target was numbers, not classes; for one whose model has since been trained on
                other labels.
        """
        signature = self.signature
        if signature is None or signature.classes is None:
            raise ValueError(
                "This run has no classes, one for each row: its target was numbers, or several yes or no. Use predict."
            )
        now = signature_of(self.model)
        if now is not None and now.classes != self.classes:
            raise ValueError(
                f"The model's outputs mean {_names(now.classes)} since a later fit with refit=True, and meant "
                f"{_names(self.classes)} in this run. Use the later run."
            )
        outputs = self.predict(x)
        if len(signature.outputs) == 1:
            return labels_of(outputs, signature.outputs[0].classes or (), middle_of(self.model))
        by_name = dict(zip([part.name for part in signature.outputs], _in_order(outputs, signature), strict=True))
        return {
            name: labels_of(by_name[name], classes, middle_of(self.model, name))
            for name, classes in signature.classes.items()
        }

    def evaluate(self, x: Any, y: Any = None, *, sample_weight: Any = None) -> Evaluation:
        """Say what the model is worth on other rows, with labels named as in training.

        Returns:
            A mapping: `["loss"]`, the metrics, and what one wants to know of the task, such as `["balanced_accuracy"]`;
            `print` shows the confusion matrix too, and `plot()` draws it.
        """
        return evaluate(self.model, x, y, sample_weight=sample_weight, like=self.signature)

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the run into a folder, from which `recipes.load(folder)` reads it in any process, on any machine.

        In it lie `model.keras`, which also loads in plain Keras where this package is missing (then without a loss of
        this package's), `history.npz` and `run.json`: the signature, the findings, versions and digests. Data are not
        kept, and nothing is pickled.

        Args:
            folder: Made where it is missing.
            overwrite: Whether a saved run that lies there may be replaced.

        Raises:
            FileExistsError: for a folder with other files in it, or with a saved run.
            ValueError: for a model that could not be loaded again, such as one with a `Lambda` layer, before
                anything is written.
        """
        from recipes.training.save import save

        save(self, folder, overwrite=overwrite)

    def export(
        self, path: str | os.PathLike[str], *, format: str | None = None, x: Any = None, overwrite: bool = False
    ) -> "Export":
        """Write the model for other programs, as `.keras`, SavedModel or ONNX, compared with it; see `recipes.export`.

        To go on in this package, `save` it.
        """
        from recipes.training.files.export import export

        return export(self, path, format=format, x=x, overwrite=overwrite)

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how `pickle`, `joblib` and `copy.deepcopy` make it again; a pickle is as safe as its author."""
        from recipes.training.save import packed

        return packed(self)

    def plot(self) -> Any:
        """Draw the loss curve with chance and the verdict; return the matplotlib Figure.

        `recipes.plots.plot_history(run, ax)` draws on an Axes that is there.
        """
        from recipes.plots import plot_history

        return plot_history(self).figure

    def __repr__(self) -> str:
        losses = "".join(
            f", {name} {self.history[name][-1]:.4g}" for name in ("loss", "val_loss") if self.history.get(name)
        )
        verdict = f": {self.findings[0].rule}" if self.findings else ""
        positive = "" if self.positive is None else f", outputs are for {self.positive!r}"
        return f"<Run of {count(self.epochs, 'epoch')}{losses}{positive}{verdict}>"

    def _said_of_positive(self) -> str:
        gives = "the probability of" if middle_of(self.model) == 0.5 else "above 0 for"
        return f"the output is {gives} {self.positive!r}, the positive class; the other is {self.classes[0]!r}"

    def _repr_html_(self) -> str:
        last = {name: digits(values[-1]) for name, values in self.history.items() if values}
        facts = {"epochs": f"{self.epochs:,}", "steps": f"{self.steps:,}", "seconds": f"{self.seconds:.1f}", **last}
        guess = None if self.chance is None else f"{self.chance:.4g}"
        facts |= {} if self.positive is None else {"outputs are for": repr(self.positive)}
        return as_html("Run", {**facts, "a constant guess gets": guess, "engine": self.engine}, self.findings)

    def __str__(self) -> str:
        last = ", ".join(f"{name} {digits(values[-1])}" for name, values in self.history.items() if values)
        speed = "" if math.isnan(self.steps_per_second) else f", {self.steps_per_second:,.0f} steps/s once compiled"
        lines = [
            f"{count(self.epochs, 'epoch')}, {count(self.steps, 'step')} in {self.seconds:.1f} s{speed}",
            f"{self.engine}",
            f"at the end: {last}",
            *([] if self.positive is None else [self._said_of_positive()]),
            *map(str, self.findings),
        ]
        return "\n".join(lines)


def labels_of(outputs: np.ndarray, classes: tuple[Any, ...], middle: float) -> np.ndarray:
    """Name the class of each row, step or pixel, from outputs `(..., units)`."""
    outputs = np.asarray(outputs)
    if outputs.shape[-1] > 1:
        return np.asarray(classes)[outputs.argmax(axis=-1)]
    return np.asarray(classes)[(outputs[..., 0] > middle).astype(int)]


def _in_order(outputs: Any, signature: Signature) -> list[Any]:
    """List a model's several outputs in the order of the signature."""
    if isinstance(outputs, dict):
        return [outputs[part.name] for part in signature.outputs]
    return [*outputs]


def _names(classes: Any) -> str:
    return show_values(list(classes)) if classes else "numbers"
