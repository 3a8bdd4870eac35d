"""Autoencoders: an encoder to a code, and a decoder back; both are models of their own."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
import numpy as np

import cheatsheet
from cheatsheet.common.arguments import known_arguments_only
from cheatsheet.common.words import count
from cheatsheet.head import Head
from recipes.autoencoder.kinds import options_of, require_kind, require_preset
from recipes.autoencoder.networks import MAKERS, PRESETS, Parts, Shape
from recipes.build import compile_head, full_precision
from recipes.features import as_features, input_shape_of, require_image
from recipes.optimizers import Rate
from recipes.seeds import seeded

Rates: TypeAlias = tuple[Rate | None, float | None]  # learning rate, weight decay


@known_arguments_only
def build_autoencoder(
    kind: str | None = None,
    *,
    preset: str | None = None,
    x: Any = None,
    input_shape: Sequence[int] | None = None,
    latent: int | None = None,
    units: Sequence[int] | None = None,
    filters: Sequence[int] | None = None,
    hidden_activation: str | None = None,
    noise: float | None = None,
    scale: int | None = None,
    loss: str | None = None,
    activation: str | None = None,
    optimizer: str | keras.optimizers.Optimizer | None = None,
    learning_rate: Rate | None = None,
    weight_decay: float | None = None,
    seed: int | None = None,
) -> keras.Sequential:
    """Build a compiled model that squeezes an example into a code and restores it, cleans it or enlarges it.

    The last layer follows the cheatsheet's reconstruction row: sigmoid for values in [0, 1], linear otherwise, and for
    super-resolution, which adds to bicubic interpolation what that lacks.

    | kind | input | code | output |
    |---|---|---|---|
    | `"dense"` | any shape | `(latent,)` | the input |
    | `"conv"` | image | `(latent,)` | the input |
    | `"denoising"` | image, to which noise is added while training | `(h / 2^k, w / 2^k, latent)` | the image |
    | `"super_resolution"` | image | `(h, w, latent)` and the image | the image, `scale` times as high and wide |

    Args:
        kind: One of these; `"conv"` when missing.
        preset: A network with fixed sizes instead. The lecture's to the letter: `"notebook-64"`, `"notebook-16"` (784
            values, or 28x28 images), `"superres-dense"`, `"superres-conv"` (16x16 grey images to 64x64). Ours, for
            784 values and codes of the same length: `"dense-64"`, `"dense-16"`, `"conv-64"`, `"conv-16"`
            (docs/autoencoder.md compares them).
        x: Training examples `(n, ...)`, for shape and range.
        input_shape: Shape of one example where there is no `x`; values in [0, 1] are assumed then.
        latent: Number of values in the code, or of its channels. 16; 32 for super-resolution.
        units: Widths of the dense encoder's hidden layers; the decoder mirrors them. (128, 64).
        filters: Channels of the convolutional encoder's layers, each of which halves the side except in
            super-resolution. (16, 32); (32, 32) for denoising and super-resolution.
        hidden_activation: Of every layer but the code and the last. `"relu"`.
        noise: Standard deviation of the Gaussian noise that `"denoising"` learns to take away, at most 1. 0.3.
        scale: How many times `"super_resolution"` enlarges. 4.
        loss: `"binary_crossentropy"` or `"mean_squared_error"`; by the range of `x` when missing.
        activation: Another last activation.
        optimizer: Name of a Keras optimizer, or one; `"adam"` when missing.
        learning_rate: For an optimizer given by name: a number, or one of `keras.optimizers.schedules`.
        weight_decay: Share of each weight that is taken away in a step, times the learning rate; none when missing.
        seed: Makes the initial weights and the noise repeatable.

    Returns:
        A compiled `keras.Sequential` of two models, `get_layer("encoder")` and `get_layer("decoder")`. Train it with
        `fit(model, x)`; super-resolution with `fit(model, small, large)`.

    Raises:
        ValueError: for a shape that the kind cannot take, naming the sizes that fit; for an argument that it does not
            take.

    References:
        G. Hinton and R. Salakhutdinov (2006), doi:10.1126/science.1127647; P. Vincent et al. (2008),
        doi:10.1145/1390156.1390294, for denoising; W. Shi et al. (2016), arXiv 1609.05158, and J. Kim et al. (2016),
        arXiv 1511.04587, for super-resolution.
    """
    own = {"latent": latent, "units": units, "filters": filters, "hidden_activation": hidden_activation,
           "noise": noise, "scale": scale}  # fmt: skip
    given = {name: value for name, value in own.items() if value is not None}
    rates = (learning_rate, weight_decay)
    features = None if x is None else as_features(x)
    if preset is not None:
        return _build_preset(preset, kind, given, features, input_shape, loss, activation, optimizer, rates, seed)
    kind = require_kind(kind)
    options = options_of(kind, given)
    if features is None and input_shape is None:
        raise ValueError("Which shape? Received: x=None, input_shape=None. Pass x, or the shape of one example.")
    shape = input_shape_of(features, input_shape) or ()
    if kind == "super_resolution":  # a sum of an image and corrections of either sign
        loss, activation = loss or "mean_squared_error", activation or "linear"
    head = _reconstruction_head(shape, features, loss, activation)
    if kind != "dense":
        require_image(shape, f"kind={kind!r}", "use x[..., None] for grey images, or kind='dense'")
    if kind in ("conv", "denoising"):
        _require_side(kind, shape, len(options["filters"]))
    with seeded(seed):
        parts = MAKERS[kind](shape, head, **options)
        return _assembled(f"{kind}_autoencoder", shape, parts, head, optimizer or "adam", rates)


def _assembled(
    name: str,
    shape: Shape,
    parts: Parts,
    head: Head,
    optimizer: str | keras.optimizers.Optimizer,
    rates: Rates,
) -> keras.Sequential:
    encoder = _part("encoder", shape, parts[0])
    decoder = _part("decoder", encoder.output_shape[1:], parts[1])
    model = keras.Sequential([keras.Input(shape), encoder, decoder], name=name.replace("-", "_"))
    learning_rate, weight_decay = rates
    compile_head(model, head, optimizer=optimizer, learning_rate=learning_rate, weight_decay=weight_decay)
    return model


def _part(name: str, shape: Shape, parts: list[Any]) -> keras.Model:
    if len(parts) == 1 and isinstance(parts[0], keras.Model):
        parts[0].name = name
        return parts[0]
    names = [layer.name for layer in parts]
    if "head" in names and full_precision() is not None:  # what follows only reshapes, and would round it
        for layer in parts[names.index("head") :]:
            layer.dtype_policy = full_precision()
    return keras.Sequential([keras.Input(shape), *parts], name=name)


def _build_preset(
    name: str,
    kind: str | None,
    given: dict[str, Any],
    features: np.ndarray | None,
    input_shape: Sequence[int] | None,
    loss: str | None,
    activation: str | None,
    optimizer: str | keras.optimizers.Optimizer | None,
    rates: Rates,
    seed: int | None,
) -> keras.Sequential:
    require_preset(name, kind, given)
    preset = PRESETS[name]
    shape = input_shape_of(features, input_shape) or preset.input_shape
    if np.prod(shape) != np.prod(preset.input_shape) or (name == "superres-conv" and shape != preset.input_shape):
        raise ValueError(f"preset={name!r} takes examples of shape {preset.input_shape}. Received: {shape}.")
    head = _reconstruction_head(shape, features, loss or preset.loss, activation or "sigmoid")
    with seeded(seed):
        parts = preset.make(shape, head)
        return _assembled(name, shape, parts, head, optimizer or preset.optimizer, rates)


# What is refused, before anything is built.


def _reconstruction_head(shape: Shape, features: np.ndarray | None, loss: str | None, activation: str | None) -> Head:
    if features is not None:
        return cheatsheet.head("reconstruction", y=features, loss=loss, activation=activation)
    return cheatsheet.head("reconstruction", int(np.prod(shape)), loss=loss, activation=activation or "sigmoid")


def _require_side(kind: str, shape: Shape, num_blocks: int) -> None:
    factor = 2**num_blocks
    if shape[0] % factor or shape[1] % factor:
        height, width = (-(-side // factor) * factor for side in shape[:2])
        depth = min((side & -side).bit_length() - 1 for side in shape[:2])
        other = f"pass filters= with at most {count(depth, 'value')}" if depth else "use kind='dense'"
        raise ValueError(
            f"{shape[0]}x{shape[1]} pixels cannot be halved {count(num_blocks, 'time')}. "
            f"Pad the images to {height}x{width}, or {other}."
        )
