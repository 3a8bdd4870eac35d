"""A narrow network inside a wider one: what is zero in the additional places stays zero, so one program serves many.

Where a hidden layer's activation maps 0 to 0, a unit without weights gives nothing to the next layer and gets no
gradient back: the wider network computes the narrow one's function, and every step of the optimizers below keeps the
additional weights at exactly 0. So networks that differ in the widths of their hidden layers, and in their dropout
rates, train in one program, which is compiled once. A search then pays for compiling once a depth, not once a trial.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipes.training.engines.tensorflow.alike import identity_but_widths, is_known_throughout, with_seeds
from recipes.training.engines.tensorflow.state import lifted, state_of, values_of

LEAST_WIDTH = 128  # of the program's hidden layers; wider ones are rounded up to powers of two
KEEPS_ZERO = ("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "tanh", "softsign", "linear")
# Updates of which a weight with gradient 0 and value 0 keeps it, whatever the shape of its array.
OPTIMIZERS = ("SGD", "RMSprop", "Adam", "AdamW", "Nadam", "Adamax", "Adagrad", "Adadelta")
_REGULARIZERS = ("L1", "L2", "L1L2")
_PLACE = "place_for_dropout_"


def wide_config(model: keras.Model) -> dict[str, Any] | None:
    """Find the configuration of the wider network in which this one can train; `None` if it must train as it is.

    Only for a `Sequential` whose layers from the first to the last `Dense` are `Dense` and `Dropout`.
    """
    if type(model) is not keras.Sequential or type(model.optimizer).__name__ not in OPTIMIZERS:
        return None
    if any(layer.dtype_policy.name != "float32" for layer in model.layers):
        return None
    if not is_known_throughout(model):  # whose configuration may not even end: Keras writes down what a lambda encloses
        return None
    config = model.get_config()
    dense = [i for i, layer in enumerate(config["layers"]) if layer["class_name"] == "Dense"]
    if len(dense) < 2:  # no hidden layer
        return None
    for layer in config["layers"][dense[0] :]:
        layer.pop("build_config", None)  # the shapes that this model's layers were built for
    between: list[dict[str, Any]] = []  # each hidden layer, and a dropout behind it
    for layer in config["layers"][dense[0] : dense[-1]]:
        options = layer["config"]
        if layer["class_name"] == "Dense" and _keeps_zero(options):
            options["units"] = max(LEAST_WIDTH, 2 ** math.ceil(math.log2(options["units"])))
            between += [layer, _place_for_dropout(len(between) // 2)]
        elif layer["class_name"] != "Dropout" or options["noise_shape"] is not None or _follows_dropout(model, layer):
            return None
    config["layers"][dense[0] : dense[-1]] = between
    return config


def lent(
    model: keras.Model, wide: keras.Model, state: list[keras.Variable]
) -> tuple[list[keras.Variable], list[float]]:
    """List the state that this model lends its numbers to, and its dropout rates, each in the program's order.

    Where the model has no dropout its rate is 0: the program draws random numbers there, and drops nothing.
    """
    rates = _rates(model)
    unused = {
        id(layer.seed_generator.state) for layer, rate in zip(dropout_places(wide), rates, strict=True) if not rate
    }
    return [variable for variable in state if id(variable) not in unused], rates


def widened(model: keras.Model, config: dict[str, Any]) -> keras.Sequential:
    """Make the wider network, compiled as this one is; its own numbers mean nothing."""
    made = keras.Sequential.from_config(with_seeds(config))
    made.compile_from_config(model.get_compile_config())
    return made


def wide_key(model: keras.Model, config: dict[str, Any]) -> str | None:
    """Make a key equal for models that differ in widths and dropout alone; `None` where that cannot be known."""
    names = [layer["config"]["name"] for layer in config["layers"] if layer["class_name"] == "Dense"]
    widths = {
        layer["config"]["name"]: layer["config"]["units"]
        for layer in config["layers"]
        if layer["class_name"] == "Dense"
    }
    return identity_but_widths(model, [widths[name] for name in names[:-1]])


class Wide:
    """The wider network of a program: a model of its own, which holds the numbers of a narrow one while it runs."""

    def __init__(self, model: keras.Sequential) -> None:
        self.model = model
        self.state = state_of(model)
        self.places = [*lifted(model), *((layer, "rate") for layer in dropout_places(model))]

    @contextmanager
    def numbers_of(self, model: keras.Model) -> Iterator[list[np.ndarray]]:
        """Let the wider network hold this model's numbers, within the block; give the constants of the program.

        Afterwards the model has what has become of them.
        """
        state, rates = lent(model, self.model, self.state)
        pairs = [(mine.value, theirs.value) for mine, theirs in zip(state_of(model), state, strict=True)]
        for mine, theirs in pairs:
            theirs.assign(mine if mine.shape == theirs.shape else padded(mine, theirs.shape))
        try:
            yield values_of(lifted(model)) + [np.asarray(rate, dtype=np.float32) for rate in rates]
        finally:
            for mine, theirs in pairs:
                mine.assign(theirs if mine.shape == theirs.shape else cut(theirs, mine.shape))


def _keeps_zero(options: dict[str, Any]) -> bool:
    regularized = all(
        options[f"{what}_regularizer"] is None or options[f"{what}_regularizer"]["class_name"] in _REGULARIZERS
        for what in ("kernel", "bias")
    )
    free = all(options.get(name) is None for name in ("kernel_constraint", "bias_constraint", "activity_regularizer"))
    return options["activation"] in KEEPS_ZERO and regularized and free and not options.get("lora_rank")


def _place_for_dropout(number: int) -> dict[str, Any]:
    return keras.saving.serialize_keras_object(keras.layers.Dropout(0.5, name=f"{_PLACE}{number}", dtype="float32"))


def dropout_places(wide: keras.Model) -> list[keras.Layer]:
    """Find the dropout layer behind each hidden layer of a wider network, in order."""
    return [layer for layer in wide.layers if layer.name.startswith(_PLACE)]


def _follows_dropout(model: keras.Model, layer: dict[str, Any]) -> bool:
    """Is this dropout not the only one behind its hidden layer?"""
    names = [own.name for own in model.layers]
    before = model.layers[names.index(layer["config"]["name"]) - 1]
    return isinstance(before, keras.layers.Dropout)


def _rates(model: keras.Model) -> list[float]:
    """Find the dropout rate behind each hidden layer, in order."""
    layers = model.layers
    dense = [i for i, layer in enumerate(layers) if type(layer) is keras.layers.Dense]
    rates = []
    for place in dense[:-1]:
        behind = layers[place + 1]
        rates.append(float(behind.rate) if type(behind) is keras.layers.Dropout else 0.0)
    return rates


def padded(value: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """Pad with zeros behind each axis, up to this shape."""
    return tf.pad(value, [(0, size - own) for size, own in zip(shape, value.shape, strict=True)])


def cut(value: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """Cut off what `padded` added."""
    return tf.slice(value, [0] * len(shape), shape)
