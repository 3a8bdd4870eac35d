"""Are x and y fit to train this model on? Everything is checked here, before the first step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from cheatsheet.finding import Finding
from cheatsheet.modelspec import describe_model
from cheatsheet.rules import OF_NETWORK, OF_TRAINING, require_allowable
from recipes.features import gaps_borne
from recipes.training.data.batches import split_rows
from recipes.training.data.checks import as_trained_on, gathering, raise_errors, read_examples
from recipes.training.data.targets import class_index
from recipes.training.data.trees import num_rows_of, take
from recipes.training.data.weights import over_steps, weights_by_class
from recipes.training.data.yardsticks import yardsticks
from recipes.training.signature import Signature


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
    require_compiled(model)
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

    spec = describe_model(model, x)
    x_alone = y is None and has_own_train_step(model)  # which knows what it does without y
    if x_alone and class_weight is not None:
        raise ValueError("class_weight needs a target of classes, but y=None. Pass y, or sample_weight.")
    with gaps_borne("not_finite" in allow):
        train = read_examples(spec, x, y, sample_weight=sample_weight, like=like, trained_before=like is not None,
                              targets_too=not x_alone)  # fmt: skip
    found = [*train.findings]
    by_class = None
    if class_weight is not None and train.y is not None:
        with gathering(found):
            by_class = weights_by_class(spec.outputs, train.y, train.signature.outputs, class_weight)
            by_class = over_steps(by_class, train.y, train.signature.outputs, spec.outputs)
    validation = None
    if held_out is not None:
        with gaps_borne("not_finite" in allow):
            other = read_examples(
                as_trained_on(spec, train.x),
                *held_out[:2],
                sample_weight=held_out[2],
                like=train.signature,
                where="validation_data",
                targets_too=train.y is not None,  # else nobody knows what its labels are
            )
        found += [one for one in other.findings
                  if one.rule not in OF_NETWORK or replace(one, where="") not in train.findings]  # fmt: skip
        validation = (other.x, held_out[1] if x_alone else other.y, other.sample_weight)
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
    if weighted is None and weights is None:  # else what is trained is not the quantity that is watched
        chance, least = yardsticks(model, watched, None if validation is None else targets)
    return TrainingData(
        inputs,
        targets,
        weights,
        validation,
        train.signature,
        chance,
        least,
        reconstructs=y is None and not x_alone,
        findings=findings,
    )


def has_own_train_step(model: keras.Model) -> bool:
    """Say whether the model's class, or somebody for this model, has written its own `train_step`."""
    return not getattr(model.train_step, "__module__", "").startswith("keras.")


def examples(model: keras.Model, x: Any, y: Any, like: Signature | None, sample_weight: Any = None) -> TrainingData:
    """Prepare the arrays on which a trained model is evaluated; y=None stands for y=x, or for none as in `fit`.

    Raises:
        DataError: for examples that do not fit the model, its loss or each other, with everything that was found.
    """
    x_alone = y is None and has_own_train_step(model)
    borne = like is not None and like.has_gaps
    with gaps_borne(borne):
        read = read_examples(describe_model(model), x, y, sample_weight=sample_weight, like=like,
                             targets_too=not x_alone, of_trained=True)  # fmt: skip
    raise_errors([finding for finding in read.findings if finding.rule not in OF_TRAINING],
                 ("not_finite",) if borne else ())  # fmt: skip
    return TrainingData(read.x, read.y, read.sample_weight, None, read.signature, None, 0.0)


def _parts_of(validation_data: Any, *, autoencoder: bool) -> tuple[Any, Any, Any]:
    """Take `validation_data` apart: inputs, targets and weights, `None` for what is not there."""
    several = isinstance(validation_data, tuple | list) and len(validation_data) in (1, 2, 3)
    parts = validation_data if several else (validation_data,)
    if len(parts) == 1 and not autoencoder:
        raise ValueError("validation_data must be (x, y) or (x, y, sample_weight). Received one array.")
    x, y, weight = (*parts, None, None)[:3]
    return x, y, weight


def require_compiled(model: Any) -> None:
    """Require a Keras model that has been compiled.

    Raises:
        TypeError: for something else.
        ValueError: for one that has not.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"The first argument of fit is a Keras model. Received: {type(model).__name__}. Say fit(model, x, y)."
        )
    if not getattr(model, "compiled", False):
        raise ValueError("The model is not compiled. Call model.compile(...) first, or build it with build_model.")
