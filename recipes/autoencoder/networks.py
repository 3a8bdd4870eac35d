"""The layers of autoencoders: of each kind, and of the networks that have a name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from cheatsheet.head import Head
from recipes.build import full_precision

Shape = tuple[int, ...]
Parts = tuple[list[Any], list[Any]]  # the layers of the encoder and of the decoder


# The four kinds.


def _dense(shape: Shape, head: Head, *, latent: int, units: Sequence[int], hidden_activation: str) -> Parts:
    size = int(np.prod(shape))
    encoder = [layers.Flatten(), *_stack(units, hidden_activation), layers.Dense(latent, name="code")]  # (n, latent)
    decoder = [*_stack(units[::-1], hidden_activation), layers.Dense(size, activation=head.activation, name="head")]
    return encoder, [*decoder, layers.Reshape(shape)]


def _stack(units: Sequence[int], activation: str) -> list[keras.Layer]:
    return [layers.Dense(width, activation=activation) for width in units]


def _conv(shape: Shape, head: Head, *, latent: int, filters: Sequence[int], hidden_activation: str) -> Parts:
    side = (shape[0] >> len(filters), shape[1] >> len(filters))
    encoder = [*_halvings(filters, hidden_activation), layers.Flatten(), layers.Dense(latent, name="code")]
    decoder = [
        layers.Dense(side[0] * side[1] * filters[-1], activation=hidden_activation),
        layers.Reshape((*side, filters[-1])),
        *_doublings(filters[::-1], hidden_activation),
        _conv2d(shape[2], head.activation, name="head"),
    ]
    return encoder, decoder


def _denoising(
    shape: Shape, head: Head, *, latent: int, filters: Sequence[int], hidden_activation: str, noise: float
) -> Parts:
    encoder = [
        layers.GaussianNoise(noise),  # in training only
        *_halvings(filters, hidden_activation),
        _conv2d(latent, hidden_activation, name="code"),  # (n, h / 2^k, w / 2^k, latent)
    ]
    decoder = [*_doublings(filters[::-1], hidden_activation), _conv2d(shape[2], head.activation, name="head")]
    return encoder, decoder


def _super_resolution(
    shape: Shape, head: Head, *, latent: int, filters: Sequence[int], hidden_activation: str, scale: int
) -> Parts:
    """Make parts that start as bicubic interpolation and learn what that lacks; the code ends with the small image."""
    channels = shape[2]
    image = keras.Input(shape)
    features: Any = image
    for number in filters:
        features = _conv2d(number, hidden_activation)(features)
    features = _conv2d(latent, hidden_activation)(features)
    encoder = keras.Model(image, layers.Concatenate(name="code")([features, image]))  # (n, h, w, latent + channels)

    code = keras.Input(encoder.output_shape[1:])
    full = full_precision()
    start = {"kernel_initializer": "zeros", "name": "head", "dtype": full}
    detail: Any = layers.Conv2D(scale**2 * channels, 3, padding="same", **start)(code)
    for layer in blocks_in_place(shape, scale, full):
        detail = layer(detail)  # (n, scale h, scale w, channels)
    smooth = layers.UpSampling2D(scale, interpolation="bicubic", dtype=full)(code[..., latent:])
    total = layers.Activation(head.activation, dtype=full)(layers.Add(dtype=full)([smooth, detail]))
    return [encoder], [keras.Model(code, total)]


def blocks_in_place(shape: Shape, scale: int, dtype: str | None = None) -> list[keras.Layer]:
    """Make the layers that spread a block, all of whose values are channels of one small pixel, over its own pixels."""
    height, width, channels = shape
    return [
        layers.Reshape((height, width, scale, scale, channels), dtype=dtype),
        layers.Permute((1, 3, 2, 4, 5), dtype=dtype),
        layers.Reshape((height * scale, width * scale, channels), dtype=dtype),
    ]


def _conv2d(filters: int, activation: str | None = "relu", name: str | None = None) -> keras.Layer:
    return layers.Conv2D(filters, 3, padding="same", activation=activation, name=name)


def _halvings(filters: Sequence[int], activation: str) -> list[keras.Layer]:
    return [layer for number in filters for layer in (_conv2d(number, activation), layers.MaxPooling2D(2))]


def _doublings(filters: Sequence[int], activation: str) -> list[keras.Layer]:
    return [layer for number in filters for layer in (_conv2d(number, activation), layers.UpSampling2D(2))]


MAKERS: dict[str, Callable[..., Parts]] = {
    "dense": _dense,
    "conv": _conv,
    "denoising": _denoising,
    "super_resolution": _super_resolution,
}


# Networks with a name: the lecture's own, and ours for the same data and the same codes.


@dataclass(frozen=True)
class Preset:
    """A network with fixed sizes, and how it is compiled where nobody says otherwise."""

    input_shape: Shape
    num_params: int
    make: Callable[[Shape, Head], Parts]
    loss: str | None = None  # the cheatsheet's where the notebook tries several
    optimizer: str = "adam"


def _notebook(*units: int) -> Callable[[Shape, Head], Parts]:
    """Give a maker of dense parts with ReLU in every hidden layer, the code's too."""

    def make(shape: Shape, head: Head) -> Parts:
        last = layers.Dense(int(np.prod(shape)), activation=head.activation, name="head")
        encoder = [layers.Flatten(), *_stack(units, "relu")]
        return encoder, [*_stack(units[-2::-1], "relu"), last, layers.Reshape(shape)]

    return make


def _superres_dense(shape: Shape, head: Head) -> Parts:
    last = layers.Dense(4096, activation=head.activation, name="head")
    encoder = [layers.Flatten(), *_stack((1024, 256, 128), "relu")]
    return encoder, [*_stack((256, 1024), "relu"), last, layers.Reshape((64, 64, 1))]


def _superres_conv(shape: Shape, head: Head) -> Parts:
    def convs(*filters: int) -> list[keras.Layer]:
        return [_conv2d(number) for number in filters]

    encoder = [*convs(512, 256, 128), layers.MaxPooling2D(2), *convs(128, 128), layers.MaxPooling2D(2), *convs(128)]
    decoder = [layers.UpSampling2D(2), *convs(128), layers.UpSampling2D(2), *convs(256)]
    decoder += [layers.UpSampling2D(2), *convs(256), layers.UpSampling2D(2), _conv2d(1, head.activation, name="head")]
    return encoder, decoder


def _wide(latent: int, *units: int) -> Callable[[Shape, Head], Parts]:
    """Give a maker of parts wider than the notebook's, with smooth activations and a linear code."""

    def make(shape: Shape, head: Head) -> Parts:
        return _dense(shape, head, latent=latent, units=units, hidden_activation="silu")

    return make


def _patches(latent: int, *units: int) -> Callable[[Shape, Head], Parts]:
    """Give a maker of convolutions on a 7x7 grid of 4x4 patches, fast on a CPU; and back, a patch from each place."""

    def make(shape: Shape, head: Head) -> Parts:
        channels, patch, side = 32, 4, 7
        encoder = [
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(channels, patch, strides=patch, activation="silu"),  # (n, 7, 7, channels)
            _conv2d(channels, "silu"),
            layers.Flatten(),
            *_stack(units, "silu"),
            layers.Dense(latent, name="code"),  # (n, latent)
        ]
        decoder = [
            *_stack(units[::-1], "silu"),
            layers.Dense(side * side * channels, activation="silu"),
            layers.Reshape((side, side, channels)),
            _conv2d(channels, "silu"),
            _conv2d(patch**2, head.activation, name="head"),
            *blocks_in_place((side, side, 1), patch),  # (n, 28, 28, 1)
            layers.Reshape(shape),
        ]
        return encoder, decoder

    return make


PRESETS = {
    "notebook-64": Preset((784,), 218_192, _notebook(128, 64)),
    "notebook-16": Preset((784,), 223_456, _notebook(128, 64, 32, 16)),
    "superres-dense": Preset((16, 16, 1), 5_053_056, _superres_dense, "mean_squared_error", "adamax"),
    "superres-conv": Preset((16, 16, 1), 2_957_953, _superres_conv, "mean_squared_error", "adamax"),
    "dense-64": Preset((784,), 1_100_112, _wide(64, 512, 256)),
    "dense-16": Preset((784,), 1_137_184, _wide(16, 512, 256, 128)),
    "conv-64": Preset((784,), 226_000, _patches(64)),
    "conv-16": Preset((784,), 1_648_288, _patches(16, 512)),
}
