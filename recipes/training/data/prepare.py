"""Are x and y fit to train this model on? Everything is checked here, before the first step."""

import dis
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import GeneratorType
from typing import Any

import keras
import numpy as np

from cheatsheet.common.words import show_values
from cheatsheet.finding import DataError, Finding
from cheatsheet.modelspec import ModelSpec, describe_model
from cheatsheet.rules import require_allowable
from recipes.training.data.batches import split_rows
from recipes.training.data.checks import Examples, gathering, raise_errors, read_examples, read_inputs
from recipes.training.data.targets import class_index
from recipes.training.data.weights import class_weights, weights_by_class
from recipes.training.data.yardsticks import yardsticks
from recipes.training.signature import Signature, signature_of

INFINITE = -1  # tf.data's cardinality of what never ends


@dataclass(frozen=True)
class TrainingData:
    """Checked and encoded arrays, ready for an engine.

    Attributes:
        x: Training inputs `(n, ...)`, or a tree of them for a model with several inputs.
        y: Encoded targets, or a tree of them.
        sample_weight: `(n,)` float32, class weights included, or one for each step or pixel, or a tree of them like y;
            `None` for none.
        validation: `(x, y, sample_weight)` likewise, or `None`.
        signature: What they are, part by part; `None` for a stream, which nobody has read.
        chance: Loss of the best constant guess on the watched target: the validation's where there is one.
        least: Loss of a perfect model on it.
        is_stream: Whether x makes its own batches and was passed on unread.
        findings: What was found against the data and allowed all the same.
    """

    x: Any
    y: Any
    sample_weight: Any
    validation: tuple[Any, Any, Any] | None
    signature: Signature | None
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
    like: Signature | None = None,
    allow: Sequence[str] = (),
) -> TrainingData:
    """Prepare the arrays on which the engine trains; the arguments are those of `fit`.

    Args:
        model: A compiled model.
        x: Inputs.
        y: Targets; `None` stands for `y=x`.
        sample_weight: Weights of the rows, steps or pixels; of several outputs also by output.
        class_weight: Weights of the classes; of several outputs by output.
        validation_data: `(x, y)` or `(x, y, sample_weight)`.
        validation_split: Share of the rows to validate on instead.
        seed: Of the split.
        like: What an earlier `fit` trained the model on; `None` for nothing yet.
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
    if y is None and has_own_train_step(model):
        return _inputs_alone(model, spec, x, held_out, validation_split, seed)
    train = read_examples(spec, x, y, sample_weight=sample_weight, like=like, trained_before=like is not None)
    found = [*train.findings]
    by_class = None
    if class_weight is not None and train.y is not None:
        with gathering(found):
            by_class = _by_class(spec, train, class_weight)
    validation = None
    if held_out is not None:
        other = read_examples(
            spec,
            *held_out[:2],
            sample_weight=held_out[2],
            like=train.signature,
            where="validation_data",
            targets_too=train.y is not None,  # else nobody knows what its labels are
        )
        found += other.findings
        validation = (other.x, other.y, other.sample_weight)
    findings = raise_errors(found, allow)

    inputs, targets, weights = train.x, train.y, train.sample_weight
    if by_class is not None:  # Keras weights the training rows alone, so that val_loss stays comparable
        weights = by_class
    if validation_split:
        labels = None
        if len(spec.outputs) == 1 and train.signature.classes is not None:
            index = class_index(targets, spec.outputs[0].loss or "")
            labels = index if index.ndim == 1 else None  # rows have no class where each step has one
        rows, rest = split_rows(num_rows_of(inputs), validation_split, seed, labels)
        held_weights = None if by_class is not None else take(weights, rest)
        validation = (take(inputs, rest), take(targets, rest), held_weights)
        inputs, targets, weights = take(inputs, rows), take(targets, rows), take(weights, rows)
    watched, weighted = (targets, weights) if validation is None else validation[1:]
    chance, least = None, 0.0
    if weighted is None:
        chance, least = yardsticks(model, watched, None if validation is None else targets)
    return TrainingData(
        inputs, targets, weights, validation, train.signature, chance, least, reconstructs=y is None, findings=findings
    )


def has_own_train_step(model: keras.Model) -> bool:
    """Say whether the model's class, or somebody for this model, has written its own `train_step`."""
    return not getattr(model.train_step, "__module__", "").startswith("keras.")


def _inputs_alone(
    model: keras.Model, spec: ModelSpec, x: Any, held_out: Any, validation_split: float, seed: int
) -> TrainingData:
    """Prepare x for a `train_step` of the user's own, which knows what it does without y."""
    inputs, parts = read_inputs(spec, x, signature_of(model))
    validation = None
    if held_out is not None:
        validation = (read_inputs(spec, held_out[0])[0], held_out[1], held_out[2])
    elif validation_split:
        rows, rest = split_rows(num_rows_of(inputs), validation_split, seed)
        inputs, validation = take(inputs, rows), (take(inputs, rest), None, None)
    return TrainingData(inputs, None, None, validation, Signature(parts), None, 0.0)


def _by_class(spec: ModelSpec, train: Examples, class_weight: Any) -> Any:
    """Weigh each row, step or pixel by its class: one array, or of several outputs one each, in the targets' structure.

    Raises:
        DataError: for weights that are not those of the classes; for several outputs, for what does not name them.
    """
    if not isinstance(train.y, Mapping | list | tuple):
        loss = spec.outputs[0].loss or "" if spec.outputs else ""
        table = class_weights(class_weight, train.y, loss, train.signature.classes)
        return weights_by_class(table, train.y, loss)
    keys = [*train.y] if isinstance(train.y, Mapping) else [part.name for part in train.signature.outputs]
    targets = [*train.y.values()] if isinstance(train.y, Mapping) else [*train.y]
    if not isinstance(class_weight, Mapping) or not {*class_weight} <= {*keys}:
        received = show_values([*class_weight]) if isinstance(class_weight, Mapping) else repr(class_weight)
        message = (
            "class_weight of a model with several outputs is a dict from output to the weights of its classes. "
            f"Received: {received}. Expected some of {show_values(keys, 20)}."
        )
        raise DataError([Finding("class_weight", "error", message)])
    weights = []
    for key, target, part in zip(keys, targets, train.signature.outputs, strict=True):
        if key not in class_weight:
            weights.append(np.ones(len(target), np.float32))
            continue
        loss = next((o.loss or "" for o in spec.outputs if part.name in (o.name, o.layer)), "")
        try:
            table = class_weights(class_weight[key], target, loss, part.classes)
        except DataError as error:
            raise DataError([replace(finding, output=part.name) for finding in error.findings]) from None
        weights.append(weights_by_class(table, target, loss))
    return dict(zip(keys, weights, strict=True)) if isinstance(train.y, Mapping) else type(train.y)(weights)


def examples(model: keras.Model, x: Any, y: Any, like: Signature | None, sample_weight: Any = None) -> TrainingData:
    """Prepare the arrays on which a trained model is evaluated; y=None stands for y=x.

    Raises:
        DataError: for examples that do not fit the model, its loss or each other, with everything that was found.
    """
    read = read_examples(describe_model(model), x, y, sample_weight=sample_weight, like=like)
    raise_errors(read.findings)
    return TrainingData(read.x, read.y, read.sample_weight, None, read.signature, None, 0.0)


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


def is_endless(x: Any) -> bool:
    """Say whether a stream is known to have no end: by its cardinality, its number of batches, or its code.

    A generator whose code has no way to return, as `while True` without a `break`, can only be left by an error.
    """
    if isinstance(x, GeneratorType):
        return not any(step.opname.startswith("RETURN_") and step.opname != "RETURN_GENERATOR"
                       for step in dis.get_instructions(x.gi_code))  # fmt: skip
    if isinstance(x, keras.utils.PyDataset):
        return x.num_batches is None
    return hasattr(x, "cardinality") and int(x.cardinality()) == INFINITE


def pass_on(
    model: keras.Model, x: Any, validation_data: Any, options: Mapping[str, Any], steps: Mapping[str, int | None]
) -> TrainingData:
    """Pass a stream on for Keras to read.

    Args:
        model: A compiled model.
        x: The stream.
        validation_data: Another one, or arrays.
        options: Arguments of `fit` that need arrays, and so must be unset.
        steps: `steps_per_epoch` and `validation_steps`, which say where an endless one is cut.

    Raises:
        ValueError: naming those that are not; for a stream that is known to have no end.
    """
    _require_compiled(model)
    for name, stream, cut in (("x", x, "steps_per_epoch"), ("validation_data", validation_data, "validation_steps")):
        if steps[cut] is None and is_stream(stream) and is_endless(stream):
            raise ValueError(
                f"{name} is a {type(stream).__name__} that never ends, and so would the first epoch. "
                f"Say {cut}=N, the number of batches that count as one pass."
            )
    unread = [name for name, value in options.items() if value is not None and not (np.isscalar(value) and value == 0)]
    if unread:
        raise ValueError(
            f"{', '.join(unread)} cannot be used with a {type(x).__name__}, which makes its own batches. "
            "Put targets and weights into it, and pass validation_data."
        )
    if hasattr(x, "__next__") and not isinstance(x, GeneratorType) and not hasattr(x, "element_spec"):
        x = (batch for batch in x)  # of iterators, Keras knows generators alone
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
