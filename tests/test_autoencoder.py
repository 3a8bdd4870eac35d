"""Autoencoders: shapes, parts, heads and refusals."""

import keras
import numpy as np
import pytest
from conftest import refused

from recipes import build_autoencoder, fit, load_data

DIGITS = load_data("digits").x


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_it_restores_better_than_the_mean_image(kind, tmp_path):
    model = build_autoencoder(kind, x=DIGITS, latent=8, seed=0)
    run = fit(model, DIGITS, epochs=8, validation_split=0.2)
    assert run.history["val_loss"][-1] < run.chance
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    codes = encoder.predict(DIGITS[:5], verbose=0)
    assert codes.shape == (5, 8)
    restored = decoder.predict(codes, verbose=0)
    np.testing.assert_allclose(restored, model.predict(DIGITS[:5], verbose=0), rtol=1e-5, atol=1e-6)
    encoder.save(tmp_path / "encoder.keras")
    again = keras.models.load_model(tmp_path / "encoder.keras")
    np.testing.assert_allclose(again.predict(DIGITS[:5], verbose=0), codes, rtol=1e-5)


@pytest.mark.parametrize(
    ("x", "loss", "activation"),
    [
        (DIGITS, "binary_crossentropy", keras.activations.sigmoid),
        (DIGITS * 255, "mean_squared_error", keras.activations.linear),
    ],
)
def test_the_head_follows_the_range_of_the_values(x, loss, activation):
    model = build_autoencoder("conv", x=x)
    assert model.loss == loss
    assert model.get_layer("decoder").layers[-1].activation is activation


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (16, 24, 3)])
def test_sides_and_channels(shape):
    assert build_autoencoder("conv", input_shape=shape).output_shape == (None, *shape)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "cnv", "input_shape": (8, 8, 1)}, "Unknown kind. Received: kind='cnv'. Expected one of dense, conv."),
        ({}, "Which shape? Received: x=None, input_shape=None. Pass x, or the shape of one example."),
        (
            {"input_shape": (28, 28, 1), "filters": (8, 8, 8)},
            "28x28 pixels cannot be halved 3 times. Pad the images to 32x32, or pass filters= with at most 2 values.",
        ),
        (
            {"input_shape": (28, 28)},
            "kind='conv' expects images (height, width, channels), but one example has shape (28, 28). "
            "Use x[..., None] for grey images, or kind='dense'.",
        ),
        (
            {"x": DIGITS * 255, "loss": "binary_crossentropy"},
            "binary_crossentropy expects values in [0, 1], but they run from 0 to 255. "
            "Scale them (divide by 255, say), or use loss='mean_squared_error', activation='linear'.",
        ),
        ({"input_shape": (8, 8, 1), "latent": 0}, "latent must be a whole number of at least 1. Received: latent=0."),
    ],
)
def test_refusals(arguments, message):
    with refused(message):
        build_autoencoder(**arguments)


def test_values_beyond_the_heads_range_are_refused_before_training():
    model = build_autoencoder("conv", x=DIGITS)
    with pytest.raises(ValueError, match=r"^binary_crossentropy expects values in \[0, 1\], but y runs from 0.0 to 16"):
        fit(model, DIGITS * 16)
