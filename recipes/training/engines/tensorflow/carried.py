"""Where the numbers of a model are while its steps run: in its variables, or carried from step to step as values.

Keras' own step reads and writes a variable for every array of weights, of moments and of each metric: some hundred
small operations, each of which costs more to start than to compute. Carried, all weights are one vector while a block
of epochs runs, and so is each of the optimizer's moments. An update is then a handful of operations whatever the number
of layers; there are twice the steps a second, and less to trace. What is computed stays Keras' own code on the same
numbers, so the bits are the same: layers, loss and metrics within a `keras.StatelessScope`, the optimizer's
`update_step` on the vector.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipes._keras import Functional
from recipes.training.engines.tensorflow.alike import is_known_throughout
from recipes.training.names import results_of

# Optimizers that treat every number by itself, with the lists of variables that they keep for each of them. Not so
# RMSprop, Adagrad and Adadelta: TensorFlow divides by a square root in a way that rounds a number by its place.
OPTIMIZERS: dict[str, tuple[str, ...]] = {
    "SGD": ("momentums",),
    "Adam": ("_momentums", "_velocities", "_velocity_hats"),
    "AdamW": ("_momentums", "_velocities", "_velocity_hats"),
    "Adamax": ("_m", "_u"),
    "Lion": ("_momentums",),
}
# Layers that only compute: nothing in them acts on a variable behind Keras' back, or in a loop of its own.
LAYERS = (
    "InputLayer", "Dense", "Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax", "Identity",
    "Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout", "Flatten", "Reshape", "Permute", "RepeatVector",
    "Normalization", "Rescaling", "BatchNormalization", "LayerNormalization", "UnitNormalization",
    "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot",
)  # fmt: skip
MOST_WEIGHTS = 100_000  # beyond, what a step computes costs more than what it starts
# What is written out here once more, or called on one array of all weights: only as Keras has it.
_OF_MODELS = ("train_step", "test_step")
_OF_OPTIMIZERS = ("apply_gradients", "apply", "scale_loss", "update_step", "assign", "assign_add", "assign_sub",
                  "_backend_apply_gradients", "_backend_update_step", "_apply_weight_decay", "_clip_gradients",
                  "_distributed_tf_update_step", "_all_reduce_sum_gradients", "_filter_empty_gradients",
                  "_overwrite_variables_directly_with_gradients")  # fmt: skip
_KERAS_CODE = os.path.join(os.path.dirname(keras.__file__), "src")


def can_be_carried(model: keras.Model) -> bool:
    """Say whether the numbers of this built and compiled model can be carried, and whether it pays.

    What is not known stays in the variables: a class that is in no table here, a method that somebody has replaced,
    an optimizer that looks at arrays as a whole or treats some of them in another way.
    """
    weights = model.trainable_variables
    if not model.compiled or type(model) not in (keras.Sequential, Functional) or not _are_own(type(model), _OF_MODELS):
        return False
    if not all(_is_own(layer) for layer in model._flatten_layers(include_self=False)) or not is_known_throughout(model):
        return False
    if not weights or sum(int(np.prod(weight.shape)) for weight in weights) > MOST_WEIGHTS:
        return False
    if len({weight.dtype for weight in weights}) > 1:
        return False
    for variable in model.variables:
        if variable.constraint is not None or not _is_of_keras(variable.regularizer):
            return False
    return _updates_alike(model.optimizer, weights)


def _is_own(layer: keras.Layer) -> bool:
    kind = type(layer)
    if kind in (keras.Sequential, Functional):
        return True
    if not kind.__module__.startswith("keras.src.layers.") or kind.__name__ not in LAYERS:
        return False
    return layer.activity_regularizer is None and getattr(layer, "quantization_mode", None) is None


def _are_own(kind: type, names: Sequence[str]) -> bool:
    """Say whether these methods are those that Keras came with, not replaced or wrapped since."""
    return all(getattr(kind, name).__code__.co_filename.startswith(_KERAS_CODE) for name in names)


def _is_of_keras(thing: Any) -> bool:
    return thing is None or isinstance(thing, keras.Variable) or type(thing).__module__.startswith("keras.src.")


def _updates_alike(optimizer: Any, weights: Sequence[keras.Variable]) -> bool:
    """Say whether the optimizer does to every weight the same, whichever array it belongs to."""
    kind = type(optimizer)
    if not kind.__module__.startswith("keras.src.optimizers.") or kind.__name__ not in OPTIMIZERS:
        return False
    if not _are_own(kind, _OF_OPTIMIZERS) or not _is_of_keras(optimizer._learning_rate):
        return False
    if any(callable(value) for name, value in vars(optimizer).items() if name != "_learning_rate"):
        return False
    if optimizer.gradient_accumulation_steps or optimizer.use_ema or optimizer.loss_scale_factor is not None:
        return False
    if any(getattr(weight, "overwrite_with_gradient", False) for weight in weights):
        return False
    try:
        slots = [_slot(optimizer, name, weights) for name in _slot_names(optimizer)]
    except (KeyError, IndexError):  # it was made for other variables
        return False
    if any(slot.dtype != weight.dtype for row in slots for slot, weight in zip(row, weights, strict=True)):
        return False
    return optimizer.weight_decay is None or len({bool(optimizer._use_weight_decay(one)) for one in weights}) == 1


def _slot_names(optimizer: Any) -> list[str]:
    return [name for name in OPTIMIZERS[type(optimizer).__name__] if getattr(optimizer, name, None)]


def _slot(optimizer: Any, name: str, weights: Sequence[keras.Variable]) -> list[keras.Variable]:
    held = getattr(optimizer, name)
    return [held[optimizer._get_variable_index(weight)] for weight in weights]


class InVariables:
    """Steps that read and write the model's variables, as Keras' own do; no values are handed on.

    Args:
        model: Built and compiled.
        variables: All of it that training reads or writes.
    """

    def __init__(self, model: keras.Model, variables: list[keras.Variable]) -> None:
        self.model, self.variables = model, variables

    def taken(self) -> list[tf.Tensor]:
        """Take the numbers out of the variables."""
        return []

    def put(self, values: Sequence[tf.Tensor], *, weights: bool = True) -> None:
        """Put them back; without the weights and their moments where those have not changed."""

    def reset_metrics(self, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Begin an epoch."""
        self.model.reset_metrics()
        return []

    def metrics(self, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Read what the metrics have come to."""
        return [*results_of(self.model).values()]

    def step(self, name: str, values: Sequence[tf.Tensor], rows: Any) -> list[tf.Tensor]:
        """Take a `"train_step"` or a `"test_step"` on these rows."""
        getattr(self.model, name)(tuple(rows))
        return []


class Carried(InVariables):
    """Steps as functions of the model's numbers: all weights in one vector, the moments likewise, the rest apart."""

    def __init__(self, model: keras.Model, variables: list[keras.Variable]) -> None:
        super().__init__(model, variables)
        weights = model.trainable_variables
        self.slot_names = _slot_names(model.optimizer)
        self.rows = [weights, *(_slot(model.optimizer, name, weights) for name in self.slot_names)]  # of each vector
        in_rows = {id(variable) for row in self.rows for variable in row}
        self.others = [variable for variable in variables if id(variable) not in in_rows]
        self.decays = model.optimizer.weight_decay is not None and model.optimizer._use_weight_decay(weights[0])
        self.sizes = [int(np.prod(variable.shape)) for variable in weights]

    def taken(self) -> list[tf.Tensor]:
        """Take the numbers out of the variables."""
        return [*(_joined([*map(_read, row)]) for row in self.rows), *map(_read, self.others)]

    def put(self, values: Sequence[tf.Tensor], *, weights: bool = True) -> None:
        """Put them back; without the weights and their moments where those have not changed."""
        for row, vector in zip(self.rows if weights else (), values, strict=False):
            for variable, value in zip(row, self._split(vector), strict=True):
                _write(variable, value)
        for variable, value in zip(self.others, values[len(self.rows) :], strict=True):
            _write(variable, value)

    def reset_metrics(self, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Begin an epoch."""
        with self._holding(values) as scope:
            self.model.reset_metrics()
            return [*values[: len(self.rows)], *self._found(scope)]

    def metrics(self, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Read what the metrics have come to."""
        with self._holding(values):
            return [*results_of(self.model).values()]

    def step(self, name: str, values: Sequence[tf.Tensor], rows: Any) -> list[tf.Tensor]:
        """Take a `"train_step"` or a `"test_step"` on these rows: what Keras' method of that name does."""
        model, training = self.model, name == "train_step"
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(tuple(rows))
        first = next(part for part in keras.tree.flatten(x) if part is not None)
        weights = self._split(values[0])
        vectors = [*values[: len(self.rows)]]
        with self._holding(values, weights) as scope:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(weights)
                y_pred = model(x, training=training) if model._call_has_training_arg else model(x)
                loss = model._compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
                model._loss_tracker.update_state(loss, sample_weight=tf.shape(first)[0])
            if training:
                gradients = tape.gradient(loss, weights)
                if any(not isinstance(gradient, tf.Tensor) for gradient in gradients):
                    raise NotCarried("a weight has no gradient, or one of some rows alone")
                vectors = self._updated(gradients, vectors)
                model.optimizer.iterations.assign_add(1)
            model.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
            return [*vectors, *self._found(scope)]

    def _updated(self, gradients: Sequence[tf.Tensor], vectors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Give the new weights and moments, by the optimizer's own `update_step` on one array of all weights."""
        gradient = _joined(self.model.optimizer._clip_gradients(gradients))
        optimizer, cells = _bare_copy(self.model.optimizer), [Cell(vector) for vector in vectors]
        weight = cells[0]
        of_all = {name: [cell] for name, cell in zip(self.slot_names, cells[1:], strict=True)}
        vars(optimizer).update(of_all, _get_variable_index=lambda variable: 0)
        rate = optimizer.learning_rate
        if self.decays:
            decay, decay_rate = tf.cast(optimizer.weight_decay, weight.dtype), tf.cast(rate, weight.dtype)
            weight.assign_sub(weight.value * decay * decay_rate)
        optimizer.update_step(gradient, weight, rate)
        return [cell.value for cell in cells]

    @contextmanager
    def _holding(
        self, values: Sequence[tf.Tensor], weights: Sequence[tf.Tensor] = ()
    ) -> Iterator[keras.StatelessScope]:
        """Let the variables be these values, within the block; the weights only where they are read."""
        mapping = [*zip(self.others, values[len(self.rows) :], strict=True)]
        if weights:
            mapping += zip(self.rows[0], weights, strict=True)
        with keras.StatelessScope(mapping) as scope:
            yield scope

    def _found(self, scope: keras.StatelessScope) -> list[tf.Tensor]:
        return [scope.get_current_value(variable) for variable in self.others]

    def _split(self, vector: tf.Tensor) -> list[tf.Tensor]:
        parts = tf.split(vector, self.sizes)
        return [tf.raw_ops.Reshape(tensor=part, shape=own.shape) for part, own in zip(parts, self.rows[0], strict=True)]


class NotCarried(Exception):
    """What tracing met that this way of computing does not have."""


@dataclass
class Cell:
    """A number that an optimizer's `update_step` takes for a variable."""

    value: tf.Tensor

    @property
    def dtype(self) -> tf.DType:
        return self.value.dtype

    @property
    def shape(self) -> tf.TensorShape:
        return self.value.shape

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> tf.Tensor:
        return self.value if dtype is None else tf.cast(self.value, dtype)

    def assign(self, value: tf.Tensor) -> None:
        self.value = value

    def assign_add(self, value: tf.Tensor) -> None:
        self.value = self.value + value

    def assign_sub(self, value: tf.Tensor) -> None:
        self.value = self.value - value


def _bare_copy(thing: Any) -> Any:
    """Copy an object with the very same attributes, past what Keras does on copying and on setting them."""
    copied = object.__new__(type(thing))
    vars(copied).update(vars(thing))
    return copied


def _joined(arrays: Sequence[tf.Tensor]) -> tf.Tensor:
    return tf.concat([tf.raw_ops.Reshape(tensor=array, shape=(-1,)) for array in arrays], axis=0)


# Without what TensorFlow's own methods do in Python around these operations, which takes ten times as long.
def _read(variable: keras.Variable) -> tf.Tensor:
    own = variable.value
    return tf.raw_ops.ReadVariableOp(resource=own.handle, dtype=own.dtype)


def _write(variable: keras.Variable, value: tf.Tensor) -> None:
    tf.raw_ops.AssignVariableOp(resource=variable.value.handle, value=value)
