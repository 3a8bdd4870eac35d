"""The same mathematics in fewer operations, put in while a step is being traced."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from recipes._keras import eager_context, is_op_determinism_enabled


def switches() -> dict[str, Any]:
    """List TensorFlow's settings that change what tracing gives."""
    callbacks = eager_context.context().op_callbacks  # of `tf.debugging`, written into the graph
    return {
        "tensor float 32": tf.config.experimental.tensor_float_32_execution_enabled(),
        "deterministic": is_op_determinism_enabled(),
        "jit": tf.config.optimizer.get_jit(),
        "options": tf.config.optimizer.get_experimental_options(),
        "soft placement": tf.config.get_soft_device_placement(),
        "devices": [device.name for device in tf.config.list_logical_devices()],
        "callbacks": list(callbacks),
    }


@contextmanager
def fused_adam(model: keras.Model) -> Iterator[None]:
    """Have Adam and AdamW update each weight array by one operation instead of some fifteen, within the block.

    TensorFlow's `ResourceApplyAdam` computes what Keras' `Adam.update_step` writes out (Kingma and Ba 2015, with the
    bias correction in the step size); decay, clipping, averaging and accumulation stay Keras'. A third less for XLA
    to compile. Other optimizers are left as they are.
    """
    optimizer = model.optimizer
    if type(optimizer) not in (keras.optimizers.Adam, keras.optimizers.AdamW) or optimizer.amsgrad:
        yield
        return
    keras_own = optimizer.update_step

    def update_step(gradient: Any, variable: tf.Variable, learning_rate: Any) -> None:
        if isinstance(gradient, tf.IndexedSlices) or variable.dtype != tf.float32:
            keras_own(gradient, variable, learning_rate)
            return
        index = optimizer._get_variable_index(variable)
        step = keras.ops.cast(optimizer.iterations + 1, "float32")  # with accumulation: of the updates, not the batches
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=optimizer._momentums[index].value.handle,
            v=optimizer._velocities[index].value.handle,
            beta1_power=tf.pow(optimizer.beta_1, step),
            beta2_power=tf.pow(optimizer.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=optimizer.beta_1,
            beta2=optimizer.beta_2,
            epsilon=optimizer.epsilon,
            grad=gradient,
            use_locking=False,
            use_nesterov=False,
        )

    object.__setattr__(optimizer, "update_step", update_step)  # past Keras' tracking of attributes
    try:
        yield
    finally:
        object.__delattr__(optimizer, "update_step")


@contextmanager
def rearranged(model: keras.Model) -> Iterator[None]:
    """Compute two common pairs of neighbouring layers in a cheaper order, within the block.

    *Upsampling, then convolution*: a 3x3 convolution of an image whose pixels were each doubled sees every value twice,
    so its weights can be added up beforehand. The convolution then runs on the small image, with four times the output
    channels, one for each position within a doubled pixel (W. Shi et al. 2016, arXiv 1609.05158, section 2.2).

    *Convolution with ReLU, then max pooling*: ReLU never changes which value is the largest, so it is applied to the
    pooled values, a quarter as many.
    """
    undo: list[tuple[Any, str]] = []

    def put(layer: keras.Layer, name: str, value: Any) -> None:
        object.__setattr__(layer, name, value)  # past Keras' tracking of attributes
        undo.append((layer, name))

    activations = []
    for first, second in _neighbours(model):
        if _doubles(first) and _is_plain_3x3(second):
            put(first, "call", lambda inputs: inputs)
            put(second, "convolution_op", _convolve_doubled)
        elif _has_relu(first) and _pools(second):
            activations.append((first, first.activation))
            object.__setattr__(first, "activation", keras.activations.linear)
            put(second, "call", lambda inputs, pool=second.call: keras.activations.relu(pool(inputs)))
    try:
        yield
    finally:
        for layer, name in undo:
            object.__delattr__(layer, name)
        for layer, activation in activations:
            object.__setattr__(layer, "activation", activation)


def _neighbours(model: keras.Model) -> Iterator[tuple[keras.Layer, keras.Layer]]:
    """Pairs of layers of which the second alone reads the first: those that follow each other in a Sequential."""
    for part in model._flatten_layers():
        if type(part) is keras.Sequential:
            yield from zip(part.layers, part.layers[1:], strict=False)


def _doubles(layer: keras.Layer) -> bool:
    return (
        type(layer) is keras.layers.UpSampling2D
        and tuple(layer.size) == (2, 2)
        and layer.interpolation == "nearest"
        and layer.data_format == "channels_last"
    )


def _is_plain_3x3(layer: keras.Layer) -> bool:
    return (
        type(layer) is keras.layers.Conv2D
        and tuple(layer.kernel_size) == (3, 3)
        and layer.padding == "same"
        and tuple(layer.strides) == tuple(layer.dilation_rate) == (1, 1)
        and layer.groups == 1
        and layer.data_format == "channels_last"
    )


def _has_relu(layer: keras.Layer) -> bool:
    return type(layer) is keras.layers.Conv2D and layer.activation is keras.activations.relu


def _pools(layer: keras.Layer) -> bool:
    return type(layer) is keras.layers.MaxPooling2D


# Which of the small image's pixels (before, at, after) each tap of the window meets, for the first and the second half
# of a doubled pixel: half 0 sees (before, at, at), half 1 sees (at, at, after).
_TAPS = [
    [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0]],
    [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
]


def _convolve_doubled(inputs: Any, kernel: Any) -> Any:
    """Compute conv(upsample(x)) from x itself: `(n, h, w, c)` and `(3, 3, c, f)` to `(n, 2h, 2w, f)`."""
    kernel = tf.convert_to_tensor(kernel)
    taps = tf.constant(_TAPS, dtype=kernel.dtype)  # (half, small pixel, tap)
    summed = tf.einsum("apd,bqe,decf->pqcabf", taps, taps, kernel)  # (3, 3, c, 2, 2, f)
    summed = tf.reshape(summed, (3, 3, kernel.shape[2], 4 * kernel.shape[3]))
    return tf.nn.depth_to_space(tf.nn.conv2d(inputs, summed, strides=1, padding="SAME"), 2)
