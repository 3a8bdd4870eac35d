"""Are x and y fit to train this model on? Everything is checked here, before the first step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cheatsheet.finding import Finding
from cheatsheet.modelspec import describe_model
from cheatsheet.rules import require_allowable
from recipes.training.data.batches import split_rows
from recipes.training.data.checks import gathering, raise_errors, read_examples
from recipes.training.data.targets import Classes
from recipes.training.data.weights import Weights, class_index, class_weights
from recipes.training.data.yardsticks import yardsticks


@dataclass(frozen=True)
class TrainingData:
    """Checked and encoded arrays, ready for an engine.

    Attributes:
        x: Training inputs `(n, ...)`, or a tree of them for a model with several inputs.
        y: Encoded targets, or a tree of them.
        sample_weight: `(n,)` float32, class weights included; `None` for none.
        validation: `(x, y, sample_weight)` likewise, or `None`.
        classes: The label of each class, in the order of the outputs.
        chance: Loss of the best constant guess on the watched target: the validation's where there is one.
        least: Loss of a perfect model on it.
        is_stream: Whether x makes its own batches and was passed on unread.
        findings: What was found against the data and allowed all the same.
    """

    x: Any
    y: Any
    sample_weight: Weights
    validation: tuple[Any, Any, Weights] | None
    classes: Classes | None
    chance: float | None
    least: float
    is_stream: bool = False
    reconstructs: bool = False  # y stands for x: an autoencoder's examples
    findings: tuple[Finding, ...] = ()

    @property
    def num_rows(self) -> int:
        """Number of training rows."""
        return num_rows_of(self.x)

    @property
    def arrays(self) -> Any:
        """Everything that an engine runs on: a tree of arrays, or the stream."""
        return self.x if self.is_stream else (self.x, self.y, self.sample_weight, self.validation)


def prepare(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    class_weight: Mapping[Any, float] | str | None = None,
    validation_data: Any = None,
    validation_split: float = 0.0,
    seed: int = 0,
    classes: Classes | None = None,
    allow: Sequence[str] = (),
) -> TrainingData:
    """Prepare the arrays on which the engine trains; the arguments are those of `fit`.

    Args:
        model: A compiled model.
        x: Inputs.
        y: Targets; `None` stands for `y=x`.
        sample_weight: Weights of the rows.
        class_weight: Weights of the classes.
        validation_data: `(x, y)` or `(x, y, sample_weight)`.
        validation_split: Share of the rows to validate on instead.
        seed: Of the split.
        classes: What the model's outputs mean since an earlier `fit`; `None` for nothing yet.
        allow: Rules whose errors become warnings.

    Raises:
        DataError: for data that do not fit the model, its loss or each other, with everything that was found.
        ValueError: for an uncompiled model and for arguments that do not go together.
    """
    _require_compiled(model)
    allow = require_allowable(allow)
    if validation_data is not None and validation_split:
        raise ValueError(
            f"validation_data and validation_split={validation_split} are both given. Expected one of them."
        )
    if not isinstance(validation_split, int | float) or not 0 <= validation_split < 1:
        raise ValueError(f"validation_split is a fraction, 0 <= validation_split < 1. Received: {validation_split!r}.")
    if class_weight is not None and sample_weight is not None:
        raise ValueError("class_weight and sample_weight are both given. Expected one of them; multiply them yourself.")
    held_out = None if validation_data is None else _parts_of(validation_data, autoencoder=y is None)

    spec = describe_model(model)
    train = read_examples(spec, x, y, sample_weight=sample_weight, classes=classes, trained_before=classes is not None)
    found = [*train.findings]
    if classes is None or train.classes != tuple(range(len(classes))):  # else one-hot rows, which have no names
        classes = train.classes
    by_class = None
    if class_weight is not None and train.y is not None:
        with gathering(found):
            by_class = class_weights(class_weight, train.y, classes)
    validation = None
    if held_out is not None:
        other = read_examples(
            spec,
            *held_out[:2],
            sample_weight=held_out[2],
            classes=classes,
            where="validation_data",
            targets_too=train.y is not None,  # else nobody knows what its labels are
        )
        found += other.findings
        validation = (other.x, other.y, other.sample_weight)
    findings = raise_errors(found, allow)

    inputs, targets, weights = train.x, train.y, train.sample_weight
    if validation_split:
        labels = None if classes is None else class_index(targets)
        rows, rest = split_rows(num_rows_of(inputs), validation_split, seed, labels)
        validation = (take(inputs, rest), take(targets, rest), take(weights, rest))
        inputs, targets, weights = take(inputs, rows), take(targets, rows), take(weights, rows)
    if by_class is not None:  # Keras weights the training rows alone, so that val_loss stays comparable
        weights = by_class[class_index(targets)]
    watched, weighted = (targets, weights) if validation is None else validation[1:]
    chance, least = (None, 0.0) if weighted is not None else yardsticks(model, watched)
    return TrainingData(
        inputs, targets, weights, validation, classes, chance, least, reconstructs=y is None, findings=findings
    )


def examples(model: keras.Model, x: Any, y: Any, classes: Classes | None) -> tuple[Any, Any, Classes | None]:
    """Check inputs, encode targets, and find the classes or take the given ones; y=None stands for y=x.

    Raises:
        DataError: for examples that do not fit the model, its loss or each other, with everything that was found.
    """
    read = read_examples(describe_model(model), x, y, classes=classes)
    raise_errors(read.findings)
    return read.x, read.y, read.classes


def _parts_of(validation_data: Any, *, autoencoder: bool) -> tuple[Any, Any, Any]:
    """Take `validation_data` apart: inputs, targets and weights, `None` for what is not there."""
    several = isinstance(validation_data, tuple | list) and len(validation_data) in (1, 2, 3)
    parts = validation_data if several else (validation_data,)
    if len(parts) == 1 and not autoencoder:
        raise ValueError("validation_data must be (x, y) or (x, y, sample_weight). Received one array.")
    x, y, weight = (*parts, None, None)[:3]
    return x, y, weight


def is_stream(x: Any) -> bool:
    """Say whether this makes its own batches: a `tf.data.Dataset`, `PyDataset`, PyTorch `DataLoader` or generator."""
    return (
        isinstance(x, keras.utils.PyDataset)
        or hasattr(x, "element_spec")
        or hasattr(x, "__next__")
        or type(x).__module__.startswith("torch.utils.data")
    )


def pass_on(model: keras.Model, x: Any, validation_data: Any, options: Mapping[str, Any]) -> TrainingData:
    """Pass a stream on for Keras to read; of `options`, the arguments of `fit` that need arrays must be unset.

    Raises:
        ValueError: naming those that are not.
    """
    _require_compiled(model)
    unread = [name for name, value in options.items() if value is not None and not (np.isscalar(value) and value == 0)]
    if unread:
        raise ValueError(
            f"{', '.join(unread)} cannot be used with a {type(x).__name__}, which makes its own batches. "
            "Put targets and weights into it, and pass validation_data."
        )
    return TrainingData(x, None, None, validation_data, None, None, 0.0, is_stream=True)


def _require_compiled(model: Any) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"The first argument of fit is a Keras model. Received: {type(model).__name__}. Say fit(model, x, y)."
        )
    if not getattr(model, "compiled", False):
        raise ValueError("The model is not compiled. Call model.compile(...) first, or build it with build_model.")


def num_rows_of(tree: Any) -> int:
    """Count the rows of an array, or of the first array of a tree."""
    return len(keras.tree.flatten(tree)[0])


def take(tree: Any, rows: np.ndarray) -> Any:
    """Take these rows of every array in a tree; `None` stays `None`."""
    return None if tree is None else keras.tree.map_structure(lambda array: array[rows], tree)
