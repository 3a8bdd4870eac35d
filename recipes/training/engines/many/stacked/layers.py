"""The table of layers that are stacked: what each reads, and its step for K networks at once.

A value is `(K, B, ...)`: network, row, then the axes of one example. A layer's step is Keras' own, with the network's
axis in front; a layer of one's own joins by an entry in `LAYERS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from recipes.training.engines.tensorflow.noise import uniform

# Activations that look at one number alone: behind them, units of a width that is only filled up stay apart.
BY_NUMBER = frozenset(getattr(keras.activations, name) for name in (
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "tanh", "sigmoid", "hard_sigmoid",
    "hard_silu", "hard_tanh", "softplus", "softsign", "exponential", "mish", "log_sigmoid", "soft_shrink",
    "hard_shrink", "tanh_shrink", "squareplus", "sparse_plus", "sparse_sigmoid",
))  # fmt: skip


@dataclass
class Held:
    """What one layer has at hand in a step.

    Attributes:
        weights: Its trainable variables, each `(K, ...)`.
        statistics: Its others, each `(K, ...)`; a step in training puts new ones here.
        constants: Each `(K, ...)`.
        rate: Of dropout, `(K,)`.
        scale: Of what dropout keeps, `(K,)`.
        words: Two words of its random numbers, each `(K,)`.
        live: Which rows are real rather than filled up, `(K, B)`; `None` for all.
        training: Whether it is a step of training.
        own: Which units are a network's own, `(K, units)`; `None` for all.
        first_row: Place of the first row within its batch, `(K,)`; `None` for 0.
    """

    weights: Sequence[Any]
    statistics: list[Any] = field(default_factory=list)
    constants: Sequence[Any] = ()
    rate: Any = None
    scale: Any = None
    words: Any = None
    live: Any = None
    training: bool = False
    own: Any = None
    first_row: Any = None


Call = Callable[[Any, dict[str, Any], Held], Any]


@dataclass(frozen=True)
class Stacked:
    """How one kind of layers is stacked.

    Attributes:
        call: Its step: of the values, what it reads of its configuration, and what it holds.
        reads: Of its configuration; everything else must be as it is by default.
        numbers: What of the configuration is read off the variables or handed in with each step.
        constants: Attributes that hold numbers outside the variables.
        switches: What of the configuration decides whether there is one trainable variable more; `None` for always.
        statistics: How many variables training changes besides.
        draws: Whether it draws random numbers.
        by_number: Whether its outputs depend on inputs of their own place alone, or through its weights.
        casts: Whether it brings inputs of another precision to its own first.
    """

    call: Call
    reads: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    switches: tuple[str | None, ...] = ()
    statistics: int = 0
    draws: bool = False
    by_number: bool = True
    casts: bool = True

    def takes_zeros(self, settings: dict[str, Any]) -> bool:
        """Say whether units that only fill a width up leave all others as they are."""
        return self.by_number and settings.get("activation", keras.activations.linear) in BY_NUMBER


def _dense(x: Any, settings: dict[str, Any], held: Held) -> Any:
    kernel = held.weights[0]  # (K, in, out)
    x = tf.cast(x, kernel.dtype)
    inner = x.shape[2:-1]
    if inner:  # steps or pixels, each by itself
        shape = tf.shape(x)
        rows = tf.reshape(x, (shape[0], -1, x.shape[-1]))
        y = tf.reshape(tf.matmul(rows, kernel), (shape[0], shape[1], *inner, kernel.shape[-1]))
    else:
        y = tf.matmul(x, kernel)
    if settings["use_bias"]:
        y += _over(held.weights[1], y)
    if held.own is not None:  # else what is infinite in a network's own units comes back through the others as NaN
        y = tf.where(_over(held.own, y), y, tf.zeros((), y.dtype))
    return settings["activation"](y)


def _dropout(x: Any, settings: dict[str, Any], held: Held) -> Any:
    """Drop what `noise.py` would drop in each network by itself."""
    if not held.training or held.words is None:
        return x
    sizes = _sizes(x)[1:]
    rate, scale = (tf.reshape(value, (-1, *[1] * len(sizes))) for value in (held.rate, held.scale))
    return tf.where(
        uniform(held.words, sizes, held.first_row) >= rate, x * tf.cast(scale, x.dtype), tf.zeros((), x.dtype)
    )


def _flatten(x: Any, settings: dict[str, Any], held: Held) -> Any:
    size = 1
    for axis in x.shape[2:]:
        size *= axis
    return tf.reshape(x, (tf.shape(x)[0], tf.shape(x)[1], size))


def _reshape(x: Any, settings: dict[str, Any], held: Held) -> Any:
    return tf.reshape(x, (tf.shape(x)[0], tf.shape(x)[1], *settings["target_shape"]))


def _normalization(x: Any, settings: dict[str, Any], held: Held) -> Any:
    mean, variance = (_over_rows(value, x) for value in held.constants)
    x = tf.cast(x, mean.dtype)
    spread = tf.maximum(tf.sqrt(variance), tf.cast(keras.config.epsilon(), x.dtype))
    return mean + x * spread if settings["invert"] else (x - mean) / spread


def _rescaling(x: Any, settings: dict[str, Any], held: Held) -> Any:
    scale, offset = (_over(value, x) for value in held.constants)
    return tf.cast(x, scale.dtype) * scale + offset


def _batch_normalization(x: Any, settings: dict[str, Any], held: Held) -> Any:
    """Normalise over the rows (Ioffe and Szegedy 2015), those that are only filled up left out."""
    weights = [*held.weights]
    gamma = weights.pop(0) if settings["scale"] else None
    beta = weights.pop(0) if settings["center"] else None
    mean, variance = held.statistics
    if held.training:
        axes = [*range(1, len(x.shape) - 1)]
        if held.live is None:
            now, spread = tf.nn.moments(x, axes)
        else:
            live = tf.reshape(held.live, (*_sizes(held.live), *[1] * (len(x.shape) - 2)))
            number = tf.reduce_sum(tf.cast(live, x.dtype) * tf.ones_like(x[..., :1]), axes)
            zero = tf.zeros((), x.dtype)
            now = tf.math.divide_no_nan(tf.reduce_sum(tf.where(live, x, zero), axes), number)
            squares = tf.where(live, tf.square(x - _over(now, x)), zero)
            spread = tf.math.divide_no_nan(tf.reduce_sum(squares, axes), number)
        momentum = settings["momentum"]
        held.statistics[:] = [
            mean * momentum + now * (1.0 - momentum),
            variance * momentum + spread * (1.0 - momentum),
        ]
        mean, variance = now, spread
    factor = tf.math.rsqrt(variance + settings["epsilon"]) * (1.0 if gamma is None else gamma)
    shift = (0.0 if beta is None else beta) - mean * factor
    return x * _over(factor, x) + _over(shift, x)


def _layer_normalization(x: Any, settings: dict[str, Any], held: Held) -> Any:
    weights = [*held.weights]
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    y = (x - mean) * tf.math.rsqrt(variance + settings["epsilon"])
    if settings["scale"]:
        y *= _over(weights.pop(0), y)
    return y + _over(weights.pop(0), y) if settings["center"] else y


def _embedding(x: Any, settings: dict[str, Any], held: Held) -> Any:
    return tf.gather(held.weights[0], tf.cast(x, tf.int32), batch_dims=1)


def _activation(x: Any, settings: dict[str, Any], held: Held) -> Any:
    return settings["activation"](x)


def _rectified(x: Any, settings: dict[str, Any], held: Held) -> Any:
    return keras.activations.relu(x, **settings)


def _sizes(x: Any) -> list[Any]:
    return [size if size is not None else tf.shape(x)[i] for i, size in enumerate(x.shape)]


def _over(value: Any, x: Any) -> Any:
    """Lay `(K, ...)` of the last axes of an example over the rows and steps of `(K, B, ...)`."""
    sizes = _sizes(value)
    return tf.reshape(value, (sizes[0], *[1] * (len(x.shape) - len(sizes)), *sizes[1:]))


def _over_rows(value: Any, x: Any) -> Any:
    """Lay constants `(K, 1, ...)`, which Keras keeps with an axis for the rows, over `(K, B, ...)`."""
    return value if len(value.shape) == len(x.shape) else _over(value, x)


LAYERS: dict[str, Stacked] = {
    "Dense": Stacked(_dense, ("activation", "use_bias"), ("units",), switches=(None, "use_bias")),
    "Dropout": Stacked(_dropout, (), ("rate",), draws=True),
    "Flatten": Stacked(_flatten, ("data_format",), by_number=False),  # units of one step, then those of the next
    "Reshape": Stacked(_reshape, ("target_shape",), by_number=False),
    "Normalization": Stacked(_normalization, ("invert",), ("mean", "variance", "axis"), ("mean", "variance")),
    "Rescaling": Stacked(_rescaling, (), ("scale", "offset"), ("scale", "offset")),
    "BatchNormalization": Stacked(
        _batch_normalization, ("axis", "momentum", "epsilon", "center", "scale"), switches=("scale", "center"),
        statistics=2, by_number=False,
    ),
    "LayerNormalization": Stacked(
        _layer_normalization, ("axis", "epsilon", "center", "scale"), switches=("scale", "center"), by_number=False,
        casts=False,
    ),
    "Embedding": Stacked(_embedding, (), ("input_dim", "output_dim"), switches=(None,), by_number=False),
    "Activation": Stacked(_activation, ("activation",)),
    "ReLU": Stacked(_rectified, ("max_value", "negative_slope", "threshold")),
}  # fmt: skip
