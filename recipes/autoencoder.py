"""Autoencoders: an encoder to a few numbers, and a decoder back; both are models of their own."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

import cheatsheet
from cheatsheet.arrays import count
from cheatsheet.head import Head
from recipes.arrays import as_features, input_shape_of
from recipes.build import compile_head, seeded

KINDS = ("dense", "conv")


def build_autoencoder(
    kind: str = "conv",
    *,
    x: Any = None,
    input_shape: Sequence[int] | None = None,
    latent: int = 16,
    units: Sequence[int] = (128, 64),
    filters: Sequence[int] = (16, 32),
    loss: str | None = None,
    activation: str | None = None,
    optimizer: str | keras.optimizers.Optimizer = "adam",
    learning_rate: float | None = None,
    seed: int | None = None,
) -> keras.Sequential:
    """Which compiled model squeezes an example into `latent` numbers and restores it?

    The last layer follows the cheatsheet's reconstruction row: sigmoid for values in [0, 1], linear otherwise.

    Args:
        kind: `"dense"` (any shape) or `"conv"` (images `(height, width, channels)`).
        x: Training examples `(n, ...)`, for shape and range.
        input_shape: Shape of one example where there is no `x`; values in [0, 1] are assumed then.
        latent: Number of values in the code.
        units: Widths of the dense encoder's hidden layers; the decoder mirrors them.
        filters: Channels of the convolutional encoder's blocks, each of which halves the side.
        loss: `"binary_crossentropy"` or `"mean_squared_error"`; by the range of `x` when missing.
        activation: Another last activation.
        optimizer: Name of a Keras optimizer, or one.
        learning_rate: For an optimizer given by name.
        seed: Makes the initial weights repeatable.

    Returns:
        A compiled `keras.Sequential` of two models, `get_layer("encoder")` and `get_layer("decoder")`. Train it with
        `fit(model, x)`.

    Raises:
        ValueError: for a shape that the kind cannot take, naming the sizes that fit.
    """
    if not isinstance(kind, str) or kind not in KINDS:
        if not isinstance(kind, str):
            raise TypeError(f"kind is a word, {' or '.join(KINDS)}. For data say build_autoencoder(x=x).")
        raise ValueError(f"Unknown kind. Received: kind={kind!r}. Expected one of {', '.join(KINDS)}.")
    if x is None and input_shape is None:
        raise ValueError("Which shape? Received: x=None, input_shape=None. Pass x, or the shape of one example.")
    if not isinstance(latent, int | np.integer) or latent < 1:
        raise ValueError(f"latent must be a whole number of at least 1. Received: latent={latent!r}.")
    features = None if x is None else as_features(x)
    shape = input_shape_of(features, input_shape) or ()
    head = _reconstruction_head(shape, features, loss, activation)
    if kind == "conv":
        _require_side(shape, len(filters))
    with seeded(seed):
        parts = _conv(shape, latent, filters, head) if kind == "conv" else _dense(shape, latent, units, head)
        model = keras.Sequential([keras.Input(shape), *parts], name=f"{kind}_autoencoder")
        compile_head(model, head, optimizer=optimizer, learning_rate=learning_rate)
    return model


def _reconstruction_head(
    shape: tuple[int, ...], features: np.ndarray | None, loss: str | None, activation: str | None
) -> Head:
    if features is not None:
        return cheatsheet.head("reconstruction", y=features, loss=loss, activation=activation)
    return cheatsheet.head("reconstruction", int(np.prod(shape)), loss=loss, activation=activation or "sigmoid")


def _require_side(shape: tuple[int, ...], num_blocks: int) -> None:
    if len(shape) != 3:
        raise ValueError(
            f"kind='conv' expects images (height, width, channels), but one example has shape {shape}. "
            "Use x[..., None] for grey images, or kind='dense'."
        )
    if not num_blocks:
        raise ValueError("kind='conv' needs at least one block. Received: filters=(). Pass filters=(16,), say.")
    factor = 2**num_blocks
    if shape[0] % factor or shape[1] % factor:
        height, width = (-(-side // factor) * factor for side in shape[:2])
        depth = min((side & -side).bit_length() - 1 for side in shape[:2])
        other = f"pass filters= with at most {count(depth, 'value')}" if depth else "use kind='dense'"
        raise ValueError(
            f"{shape[0]}x{shape[1]} pixels cannot be halved {count(num_blocks, 'time')}. "
            f"Pad the images to {height}x{width}, or {other}."
        )


def _dense(shape: tuple[int, ...], latent: int, units: Sequence[int], head: Head) -> list[keras.Model]:
    encoder = [keras.Input(shape), keras.layers.Flatten()]  # (n, values)
    encoder += [keras.layers.Dense(width, activation="relu") for width in units]
    encoder.append(keras.layers.Dense(latent, name="code"))  # (n, latent)
    decoder = [keras.Input((latent,))]
    decoder += [keras.layers.Dense(width, activation="relu") for width in reversed(units)]
    decoder += [
        keras.layers.Dense(int(np.prod(shape)), activation=head.activation, name="head"),
        keras.layers.Reshape(shape),
    ]
    return [keras.Sequential(encoder, name="encoder"), keras.Sequential(decoder, name="decoder")]


def _conv(shape: tuple[int, ...], latent: int, filters: Sequence[int], head: Head) -> list[keras.Model]:
    side = (shape[0] >> len(filters), shape[1] >> len(filters))
    encoder: list[Any] = [keras.Input(shape)]
    for channels in filters:  # each block halves height and width
        encoder += [
            keras.layers.Conv2D(channels, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(2),
        ]
    encoder += [keras.layers.Flatten(), keras.layers.Dense(latent, name="code")]  # (n, latent)
    decoder: list[Any] = [
        keras.Input((latent,)),
        keras.layers.Dense(side[0] * side[1] * filters[-1], activation="relu"),
        keras.layers.Reshape((*side, filters[-1])),
    ]
    for channels in reversed(filters):  # each block doubles height and width
        decoder += [
            keras.layers.Conv2D(channels, 3, padding="same", activation="relu"),
            keras.layers.UpSampling2D(2),
        ]
    decoder.append(keras.layers.Conv2D(shape[2], 3, padding="same", activation=head.activation, name="head"))
    return [keras.Sequential(encoder, name="encoder"), keras.Sequential(decoder, name="decoder")]
