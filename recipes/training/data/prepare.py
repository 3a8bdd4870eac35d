"""Are x and y fit to train this model on? Everything is checked here, before the first step."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cheatsheet.chance import chance_loss, least_loss
from cheatsheet.common.words import show_values
from cheatsheet.table import TABLE, canonical_loss
from recipes.features import as_features
from recipes.training.data.batches import split_rows
from recipes.training.data.targets import COMPARES_SHAPES, OF_NUMBERS, Classes, UnknownLabels, encode_target
from recipes.training.signature import classes_of

Weights = np.ndarray | None
# What a last activation can give.
_RANGES = {"sigmoid": (0, 1), "hard_sigmoid": (0, 1), "softmax": (0, 1), "tanh": (-1, 1), "relu": (0, math.inf),
           "softplus": (0, math.inf), "exponential": (0, math.inf)}  # fmt: skip
MOST_YARDSTICK_VALUES = 1_000_000  # of the target that chance is estimated from; the rest changes its fourth digit


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
    """

    x: Any
    y: Any
    sample_weight: Weights
    validation: tuple[Any, Any, Weights] | None
    classes: Classes | None
    chance: float | None
    least: float
    is_stream: bool = False  # x is a dataset or generator that makes its own batches, passed to Keras unread
    reconstructs: bool = False  # y stands for x: an autoencoder's examples

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
    refit: bool = False,
) -> TrainingData:
    """Which arrays does the engine train on? The arguments are those of `fit`.

    Raises:
        ValueError: for an uncompiled model and for data that do not fit the model, its loss or each other.
    """
    _require_compiled(model)
    if validation_data is not None and validation_split:
        raise ValueError(
            f"validation_data and validation_split={validation_split} are both given. Expected one of them."
        )
    if not isinstance(validation_split, int | float) or not 0 <= validation_split < 1:
        raise ValueError(f"validation_split is a fraction, 0 <= validation_split < 1. Received: {validation_split!r}.")
    if class_weight is not None and sample_weight is not None:
        raise ValueError("class_weight and sample_weight are both given. Expected one of them; multiply them yourself.")
    inputs, targets, classes = _with_classes(model, x, y, None if refit else classes_of(model))
    weights = _sample_weight(sample_weight, num_rows_of(inputs))
    by_class = None if class_weight is None else _class_weights(class_weight, targets, classes)
    validation = None
    if validation_data is not None:
        validation = _validation(model, validation_data, classes, autoencoder=y is None)
    elif validation_split:
        labels = None if classes is None else _class_index(targets)
        rows, held_out = split_rows(num_rows_of(inputs), validation_split, seed, labels)
        validation = (take(inputs, held_out), take(targets, held_out), take(weights, held_out))
        inputs, targets, weights = take(inputs, rows), take(targets, rows), take(weights, rows)
    if by_class is not None:  # Keras weights the training rows alone, so that val_loss stays comparable
        weights = by_class[_class_index(targets)]
    watched, weighted = (targets, weights) if validation is None else validation[1:]
    chance, least = (None, 0.0) if weighted is not None else _yardsticks(model, watched)
    return TrainingData(inputs, targets, weights, validation, classes, chance, least, reconstructs=y is None)


def _with_classes(model: keras.Model, x: Any, y: Any, before: Classes | None) -> tuple[Any, Any, Classes | None]:
    """Checked inputs, encoded targets and the classes; those of an earlier `fit` stay what the outputs mean."""
    try:
        inputs, targets, found = examples(model, x, y, before)
    except UnknownLabels as error:
        raise ValueError(
            f"y holds labels that this model was not trained on: {show_values(error.strange)}. Its outputs mean "
            f"{show_values(np.asarray(error.classes))} since an earlier fit. "
            "Train another model, or pass refit=True to have its outputs mean the labels of y from now on."
        ) from None
    same_columns = before is not None and found == tuple(range(len(before)))  # one-hot rows, which have no names
    return inputs, targets, before if same_columns else found


def is_stream(x: Any) -> bool:
    """Does this make its own batches: a `tf.data.Dataset`, `PyDataset`, PyTorch `DataLoader` or generator?"""
    return (
        isinstance(x, keras.utils.PyDataset)
        or hasattr(x, "element_spec")
        or hasattr(x, "__next__")
        or type(x).__module__.startswith("torch.utils.data")
    )


def pass_on(model: keras.Model, x: Any, validation_data: Any, options: Mapping[str, Any]) -> TrainingData:
    """A stream for Keras to read; of `options`, the arguments of `fit` that need arrays must be unset.

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
    """Number of rows of an array, or of the first array of a tree."""
    return len(keras.tree.flatten(tree)[0])


def take(tree: Any, rows: np.ndarray) -> Any:
    """These rows of every array in a tree; `None` stays `None`."""
    return None if tree is None else keras.tree.map_structure(lambda array: array[rows], tree)


def examples(model: keras.Model, x: Any, y: Any, classes: Classes | None) -> tuple[Any, Any, Classes | None]:
    """Checked inputs, encoded targets and the classes, found anew or as given; y=None stands for y=x."""
    several_inputs = _is_tree(x, getattr(model, "inputs", None))
    if several_inputs:
        inputs = keras.tree.map_structure_up_to(_shallow(x), as_features, x)
    else:
        inputs = _fit_shape(model, as_features(x))
    if y is None:
        y = inputs
    several_outputs = _is_tree(y, getattr(model, "outputs", None))
    if several_outputs:
        targets, classes = keras.tree.map_structure_up_to(_shallow(y), lambda part: as_features(part, "y"), y), None
    else:
        loss = loss_name(model) or ""
        if np.ndim(y) > 2 and loss in COMPARES_SHAPES:  # images, say
            _require_output_shape(model, np.asarray(y))
        targets, classes = encode_target(y, loss, _num_outputs(model), classes)
        if loss in COMPARES_SHAPES:
            _require_output_shape(model, targets)
        if loss in OF_NUMBERS:
            _require_reachable(model, targets)
    lengths = {len(array) for tree in (inputs, targets) for array in keras.tree.flatten(tree)}
    if len(lengths) > 1:
        raise ValueError(
            f"x has {num_rows_of(inputs)} rows, but y has {num_rows_of(targets)}. Expected the same number. "
            "Look where one of them was filtered or split."
        )
    return inputs, targets, classes


def _is_tree(values: Any, ends: list[Any] | None) -> bool:
    """Are these several arrays, rather than one that is written as a list or tuple of rows?"""
    if isinstance(values, Mapping):
        return True
    return isinstance(values, list | tuple) and len(ends or ()) > 1


def _shallow(tree: Any) -> Any:
    """The outer structure of a tree of array-likes, so that lists of numbers inside count as arrays."""
    return {key: 0 for key in tree} if isinstance(tree, Mapping) else type(tree)(0 for _ in tree)


def _fit_shape(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """x with the axes that the model's input has, or an error."""
    expected = _known_shape(model, "input_shape")
    if expected is None:
        return x
    if x.ndim == len(expected) - 1 and expected[-1] == 1:
        x = x[..., None]  # grey images without a channel axis, as Keras itself takes them
    fits = x.ndim == len(expected) and all(e in (None, s) for e, s in zip(expected[1:], x.shape[1:], strict=True))
    if not fits:
        raise ValueError(
            f"The rows of x have shape {x.shape[1:]}, but the model takes {expected[1:]}. "
            "Build the model with x=x, or reshape x."
        )
    return x


def _known_shape(model: keras.Model, which: str) -> tuple[int | None, ...] | None:
    """`input_shape` or `output_shape` of a built model with one input and one output."""
    if not model.built:
        return None
    try:
        shape = getattr(model, which)
    except AttributeError:  # subclassed models have no symbolic shapes
        return None
    return shape if isinstance(shape, tuple) and all(s is None or isinstance(s, int) for s in shape) else None


def _num_outputs(model: keras.Model) -> int | None:
    shape = _known_shape(model, "output_shape")
    if shape is not None:
        return None if None in shape[1:] else math.prod(size for size in shape[1:] if size)
    if isinstance(model, keras.Sequential):  # not built yet: the last layer with a width tells
        return next((layer.units for layer in reversed(model.layers) if hasattr(layer, "units")), None)
    return None


def _require_output_shape(model: keras.Model, targets: np.ndarray) -> None:
    shape = _known_shape(model, "output_shape")
    if shape is None:
        return
    if len(shape) != targets.ndim or any(s not in (None, t) for s, t in zip(shape[1:], targets.shape[1:], strict=True)):
        same_size = math.prod(s or 0 for s in shape[1:]) == math.prod(targets.shape[1:])
        mend = f"Use y.reshape(-1, {', '.join(map(str, shape[1:]))})" if same_size else "Resize y"
        raise ValueError(
            f"The rows of y have shape {targets.shape[1:]}, but the model gives {shape[1:]}. Expected the same; "
            f"Keras would stretch one over the other silently. {mend}, or mend the model."
        )


def _require_reachable(model: keras.Model, targets: np.ndarray) -> None:
    """Can the last activation give these values? A sigmoid trained on 0..255 would run into its end and stay there."""
    activation = getattr(_last_computing_layer(model), "activation", None)
    name = getattr(activation, "__name__", "")
    if name not in _RANGES:
        return
    (low, high), (least, largest) = _RANGES[name], (float(targets.min()), float(targets.max()))
    margin = 1e-6 * max(1.0, abs(least), abs(largest))
    if least < low - margin or largest > high + margin:
        span = f"from {low:g} up" if high == math.inf else f"from {low:g} to {high:g}"
        scale = f"Scale y (divide by {largest:g})" if least >= 0 else "Scale y"
        raise ValueError(
            f"The last layer's {name} gives values {span}, but y runs from {least:g} to {largest:g}. "
            f"{scale}, or build the model with activation='linear'."
        )


def _last_computing_layer(model: keras.Model) -> keras.Layer | None:
    """The layer whose activation is the model's last, behind layers that only reshape."""
    layers = [layer for layer in model.layers if type(layer).__name__ not in ("Reshape", "Permute", "Flatten")]
    last = layers[-1] if isinstance(model, keras.Sequential) and layers else None
    return _last_computing_layer(last) if isinstance(last, keras.Model) else last


def _validation(
    model: keras.Model, data: Any, classes: Classes | None, *, autoencoder: bool
) -> tuple[Any, Any, Weights]:
    parts = data if isinstance(data, tuple | list) and len(data) in (1, 2, 3) else (data,)
    if len(parts) == 1 and not autoencoder:
        raise ValueError("validation_data must be (x, y) or (x, y, sample_weight). Received one array.")
    x, y, weight = (*parts, None, None)[:3]
    try:
        inputs, targets, _ = examples(model, x, y, classes)
        return inputs, targets, _sample_weight(weight, num_rows_of(inputs))
    except ValueError as error:
        raise ValueError(f"In validation_data: {error}") from None


def _sample_weight(sample_weight: Any, num_rows: int) -> Weights:
    if sample_weight is None:
        return None
    weights = as_features(sample_weight, "sample_weight").astype(np.float32).reshape(len(sample_weight), -1)
    if weights.shape != (num_rows, 1):
        raise ValueError(
            f"sample_weight has shape {np.shape(sample_weight)}. Expected one weight per row: ({num_rows},)."
        )
    if weights.min() < 0:
        raise ValueError(
            f"sample_weight goes down to {weights.min():.4g}. Expected weights >= 0: a negative one maximises the loss."
        )
    return weights[:, 0]


def _class_weights(class_weight: Any, targets: Any, classes: Classes | None) -> np.ndarray:
    """The weight of each class, in the order of the classes."""
    if classes is None:
        raise ValueError("class_weight needs a target of classes, but this loss takes numbers. Use sample_weight.")
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(_class_index(targets), minlength=len(classes))
        return (counts.sum() / (len(classes) * np.maximum(counts, 1))).astype(np.float32)  # as scikit-learn's
    if not isinstance(class_weight, Mapping):
        raise ValueError(f"class_weight must be 'balanced' or a dict from class to weight. Received: {class_weight!r}.")
    by_label = all(label in class_weight for label in classes)
    by_index = all(index in class_weight for index in range(len(classes)))
    if not (by_label or by_index) or len(class_weight) != len(classes):
        raise ValueError(
            f"class_weight has the keys {show_values(list(class_weight))}. Expected one for each class: "
            f"{show_values(list(classes), 20)}."
        )
    keys = classes if by_label else range(len(classes))
    table = np.array([class_weight[key] for key in keys], dtype=np.float32)
    if not np.isfinite(table).all() or table.min() < 0:
        raise ValueError(f"class_weight must hold finite weights >= 0. Received: {dict(class_weight)}.")
    return table


def _class_index(targets: np.ndarray) -> np.ndarray:
    """Class of each row, from any of the encodings; `(n,)`."""
    if targets.ndim == 2 and targets.shape[1] > 1:
        return targets.argmax(axis=1)
    return np.unique(targets.ravel(), return_inverse=True)[1] if targets.min() < 0 else targets.ravel().astype(int)


def loss_name(model: keras.Model) -> str | None:
    """Keras' full name of the one compiled loss; `None` for several losses or none."""
    loss = model.loss
    if isinstance(loss, str):
        return canonical_loss(loss)
    if isinstance(loss, list | tuple | Mapping) or loss is None:
        return None
    return canonical_loss(str(getattr(loss, "name", None) or getattr(loss, "__name__", "")))


def middle_of(model: keras.Model) -> float:
    """Above which output is it the second of two classes? The compiled loss says what the output means."""
    loss = model.loss
    from_logits = getattr(loss, "from_logits", False) or getattr(loss, "_fn_kwargs", {}).get("from_logits", False)
    return 0.0 if from_logits or loss_name(model) in ("hinge", "squared_hinge") else 0.5


def _yardsticks(model: keras.Model, targets: Any) -> tuple[float | None, float]:
    """Loss of the best constant guess, and of a perfect model, where the table knows the loss."""
    name, loss = loss_name(model), model.loss
    if not isinstance(targets, np.ndarray) or name not in {row.loss for row in TABLE}:
        return None, 0.0
    if targets.size > MOST_YARDSTICK_VALUES:
        targets = targets[:: -(-targets.size // MOST_YARDSTICK_VALUES)]
    if name == "pinball":
        return chance_loss(name, targets, quantiles=loss.quantiles), 0.0
    if isinstance(loss, keras.losses.Loss) and not _is_as_in_the_table(loss):
        return None, 0.0
    return chance_loss(name, targets), least_loss(name, targets)


def _is_as_in_the_table(loss: keras.losses.Loss) -> bool:
    """Is this Keras' own loss with its usual settings (from logits or not), without label smoothing and the like?"""
    if not type(loss).__module__.startswith("keras."):
        return False
    ours, usual = loss.get_config(), type(loss)().get_config()
    return all(ours[key] == usual[key] for key in usual if key != "from_logits")
