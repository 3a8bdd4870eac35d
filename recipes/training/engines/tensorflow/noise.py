"""Dropout and noise from a counter hash: numbers that depend on (seed, step, row, unit) alone, for XLA on a CPU.

XLA's own generator there, ThreeFry, takes twenty times as long as the rest of a small network's step. Here each number
is a hash of its place: two words from the layer's seed generator, which counts the steps, then the index along each
axis in turn. So a network that is padded to a greater width, or stacked beside others, draws for its own rows and units
what it would alone, and a run that goes on draws what it would have drawn.

The rounds are of the kind of C. Wellons' `lowbias32` (multiply by an odd constant, xor with the value shifted right),
whose every input bit flips every output bit with a probability of 1/2 to within 0.2 %.
`tests/test_noise.py` tests what is asked of the numbers.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import tensorflow as tf

_MULTIPLIERS = (0x7FEB352D, 0x846CA68B, 0x9E3779B1)  # lowbias32's two, and 2^32 over the golden ratio
_SHIFTS = (16, 15, 16)


def random_bits(words: tf.Tensor, shape: Sequence[Any], first_row: Any = None) -> tf.Tensor:
    """Draw 32 random bits for each place of an array.

    Args:
        words: Two uint32, such as a seed and a counter.
        shape: Of the result; the first axis may be a tensor.
        first_row: Index of the first place along the first axis, of the shape of a word; 0 if `None`.

    Returns:
        uint32 of that shape. The number at a place depends on the words and on the indices of that place alone.
    """
    first, second = _scrambled(words[0], words[1]), _scrambled(words[1] ^ _word(0xA511E9B3), words[0])
    for axis, size in enumerate(shape[:-1]):  # one key for each row, then for each place within it
        index = _index(size, first_row if axis == 0 else None)
        first, second = (
            _scrambled(first[..., None] ^ index, second[..., None]),
            _scrambled(second[..., None] + index, first[..., None]),
        )
    unit = _scrambled(_index(shape[-1]), _word(0))
    return _scrambled(first[..., None] ^ unit, second[..., None])


def uniform(words: tf.Tensor, shape: Sequence[Any], first_row: Any = None) -> tf.Tensor:
    """Draw numbers of [0, 1) in steps of 2^-24, as many as float32 has between 1/2 and 1."""
    bits = tf.bitwise.right_shift(random_bits(words, shape, first_row), _word(8))
    return tf.cast(tf.bitcast(bits, tf.int32), tf.float32) * 2.0**-24


def normal(words: tf.Tensor, shape: Sequence[Any]) -> tf.Tensor:
    """Draw standard normal numbers, by the inverse of their distribution at 2^24 places; none lies beyond 5.5."""
    middle = uniform(words, shape) + 2.0**-25  # of each step, so that neither 0 nor 1 is met
    return math.sqrt(2.0) * tf.math.erfinv(2.0 * tf.minimum(middle, 1.0 - 2.0**-24) - 1.0)


@contextmanager
def hashed_noise(model: keras.Model) -> Iterator[None]:
    """Let Keras' own dropout and noise layers draw their numbers here, within the block; a rate may be a tensor."""
    layers = [layer for layer in model._flatten_layers() if type(layer) in _CALLS and hasattr(layer, "seed_generator")]
    with _called(layers, _call):
        yield


@contextmanager
def philox_dropout(model: keras.Model) -> Iterator[None]:
    """Let the rate of a `Dropout` be a tensor, within the block; its numbers are Keras' own of the plain graph.

    Keras' layer asks in Python whether the rate is 0. Outside XLA one operation draws what takes thirty here.
    """
    layers = [layer for layer in model._flatten_layers() if type(layer) is keras.layers.Dropout]

    def drop(layer: keras.Layer, inputs: Any, training: bool = False) -> Any:
        if not training or not hasattr(layer, "seed_generator"):
            return inputs
        seed = tf.cast(tf.math.floormod(layer.seed_generator.next(), tf.int32.max - 1), tf.int32)  # as Keras does
        return tf.nn.experimental.stateless_dropout(
            inputs, rate=layer.rate, seed=seed, noise_shape=layer.noise_shape, rng_alg="philox"
        )

    with _called(layers, drop):
        yield


@contextmanager
def _called(layers: list[keras.Layer], call: Callable[..., Any]) -> Iterator[None]:
    for layer in layers:
        object.__setattr__(layer, "call", partial(call, layer))  # past Keras' tracking of attributes
    try:
        yield
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")


def _call(layer: keras.Layer, inputs: Any, training: bool = False) -> Any:
    if not training:
        return inputs
    words = tf.cast(layer.seed_generator.next(), tf.uint32)  # which counts this step
    return _CALLS[type(layer)](layer, inputs, words)


def _dropout(layer: Any, inputs: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
    shape = _shape_of(inputs)
    if type(layer) is not keras.layers.Dropout:
        shape = [size if kept != 1 else 1 for size, kept in zip(shape, layer._get_noise_shape(inputs), strict=True)]
    elif layer.noise_shape is not None:
        shape = [size if own is None else own for size, own in zip(shape, layer.noise_shape, strict=True)]
    if isinstance(layer.rate, int | float) and layer.rate >= 1:
        return tf.zeros_like(inputs)
    scale = tf.cast(1.0 / (1.0 - layer.rate), inputs.dtype)
    return tf.where(uniform(words, shape) >= layer.rate, inputs * scale, tf.zeros((), inputs.dtype))


def _gaussian_dropout(layer: Any, inputs: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
    spread = math.sqrt(layer.rate / (1.0 - layer.rate))
    return inputs * tf.cast(1.0 + spread * normal(words, _shape_of(inputs)), inputs.dtype)


def _gaussian_noise(layer: Any, inputs: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
    return inputs + tf.cast(layer.stddev * normal(words, _shape_of(inputs)), inputs.dtype)


def _alpha_dropout(layer: Any, inputs: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
    """Drop units to SELU's lower end, so that mean and variance stay (G. Klambauer et al. 2017, section 3)."""
    low = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946
    shape = _shape_of(inputs)
    if layer.noise_shape is not None:
        shape = [size if own is None else own for size, own in zip(shape, layer.noise_shape, strict=True)]
    kept = tf.cast(uniform(words, shape) >= layer.rate, inputs.dtype)
    a = ((1 - layer.rate) * (1 + layer.rate * low**2)) ** -0.5
    return a * (inputs * kept + low * (1 - kept)) - a * low * layer.rate


_CALLS: dict[type, Callable[[Any, tf.Tensor, tf.Tensor], tf.Tensor]] = {
    keras.layers.Dropout: _dropout,
    keras.layers.SpatialDropout1D: _dropout,
    keras.layers.SpatialDropout2D: _dropout,
    keras.layers.SpatialDropout3D: _dropout,
    keras.layers.GaussianDropout: _gaussian_dropout,
    keras.layers.GaussianNoise: _gaussian_noise,
    keras.layers.AlphaDropout: _alpha_dropout,
}


def _shape_of(inputs: tf.Tensor) -> list[Any]:
    sizes = tf.shape(inputs)
    return [sizes[i] if size is None else size for i, size in enumerate(inputs.shape)]


def _word(value: int) -> tf.Tensor:
    return tf.constant(value, tf.uint32)


def _index(size: Any, first: Any = None) -> tf.Tensor:
    index = tf.range(size, dtype=tf.int32)
    if first is not None:
        index += first[..., None]
    return tf.bitcast(index, tf.uint32) * _word(_MULTIPLIERS[2])


def _scrambled(word: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Scramble a word in three rounds; the second word comes in after the first of them."""
    for i, (multiplier, shift) in enumerate(zip(_MULTIPLIERS, _SHIFTS, strict=True)):
        word = word ^ tf.bitwise.right_shift(word, _word(shift)) if i == 0 else word
        word = word * _word(multiplier)
        word = word ^ tf.bitwise.right_shift(word, _word(shift))
        if i == 0:
            word = word + second
    return word
