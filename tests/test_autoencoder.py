"""Autoencoders: shapes, parts, heads and refusals."""

import keras
import numpy as np
import pytest
from conftest import in_precision, refused

from recipes import build_autoencoder, fit, load_data
from recipes.autoencoder.networks import blocks_in_place

DIGITS = load_data("digits").x


@pytest.mark.parametrize(("kind", "epochs"), [("dense", 3), ("conv", 5)])
@pytest.mark.slow_but("dense")
def test_it_restores_better_than_the_mean_image(kind, epochs, tmp_path):
    model = build_autoencoder(kind, x=DIGITS, latent=8, seed=0)
    run = fit(model, DIGITS, epochs=epochs, validation_split=0.2)
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


@pytest.mark.parametrize(
    ("preset", "size", "num_params"),
    [
        ("notebook-64", (784,), 218_192),
        ("notebook-16", (28, 28, 1), 223_456),
        ("superres-dense", (16, 16, 1), 5_053_056),
        ("superres-conv", (16, 16, 1), 2_957_953),
        ("dense-64", (784,), 1_100_112),
        ("dense-16", (28, 28), 1_137_184),
        ("conv-64", (28, 28, 1), 226_000),
        ("conv-16", (784,), 1_648_288),
    ],
)
def test_named_networks_have_the_printed_sizes(preset, size, num_params):
    model = build_autoencoder(preset=preset, input_shape=size)
    assert model.count_params() == num_params
    assert model.input_shape[1:] == size
    assert model.output_shape[1:] == ((64, 64, 1) if "superres" in preset else size)
    decoder = model.get_layer("decoder")
    assert model.get_layer("encoder").count_params() + decoder.count_params() == num_params
    heads = [layer for layer in decoder.layers if hasattr(layer, "activation")]
    assert heads[-1].activation is keras.activations.sigmoid
    hidden = [layer for part in model.layers for layer in part.layers if hasattr(layer, "activation")][:-1]
    if "notebook" in preset or "superres" in preset:
        assert {layer.activation for layer in hidden} == {keras.activations.relu}
    if "superres" in preset:
        assert model.loss == "mean_squared_error"
        assert type(model.optimizer) is keras.optimizers.Adamax


def test_the_lectures_codes_have_the_printed_widths():
    assert build_autoencoder(preset="notebook-64").get_layer("encoder").output_shape == (None, 64)
    assert build_autoencoder(preset="notebook-16").get_layer("encoder").output_shape == (None, 16)
    widths = [
        layer.units
        for part in build_autoencoder(preset="notebook-16").layers
        for layer in part.layers
        if hasattr(layer, "units")
    ]
    assert widths == [128, 64, 32, 16, 32, 64, 128, 784]


@pytest.mark.slow
def test_denoising_adds_noise_in_training_alone(rng):
    model = build_autoencoder("denoising", x=DIGITS, noise=0.4, learning_rate=0.003, seed=0)
    assert model.get_layer("encoder").output_shape == (None, 2, 2, 16)
    noisy = np.asarray(model(DIGITS[:5], training=True))
    assert not np.array_equal(noisy, np.asarray(model(DIGITS[:5], training=True)))
    np.testing.assert_array_equal(np.asarray(model(DIGITS[:5])), np.asarray(model(DIGITS[:5])))
    fit(model, DIGITS[360:], epochs=7, seed=0, verbose=0)
    spoilt = DIGITS[:360] + rng.normal(0, 0.4, DIGITS[:360].shape).astype("float32")
    before = np.mean((spoilt - DIGITS[:360]) ** 2)
    after = np.mean((model.predict(spoilt, verbose=0) - DIGITS[:360]) ** 2)
    assert before == pytest.approx(0.16, rel=0.02)
    assert after < before / 3


def test_super_resolution_starts_as_bicubic_interpolation(rng):
    images = rng.uniform(0, 1, (3, 5, 4, 2)).astype("float32")
    model = build_autoencoder("super_resolution", x=images, scale=3, filters=(4,), latent=5)
    assert model.get_layer("encoder").output_shape == (None, 5, 4, 5 + 2)
    bicubic = keras.ops.image.resize(images, (15, 12), interpolation="bicubic")
    np.testing.assert_allclose(model.predict(images, verbose=0), np.asarray(bicubic), atol=1e-5)


def test_super_resolution_puts_every_value_in_its_place():
    """The last convolution gives the values of a large pixel block as channels: block (i, j), row by row."""
    values = np.arange(2 * 3 * 8, dtype="float32").reshape(1, 2, 3, 8)
    large = values
    for layer in blocks_in_place((2, 3, 2), 2):
        large = layer(large)
    large = np.asarray(large)[0]
    for y in range(4):
        for x in range(6):
            inside = (y % 2 * 2 + x % 2) * 2
            np.testing.assert_array_equal(large[y, x], values[0, y // 2, x // 2, inside : inside + 2])


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")  # Keras', of any untrained model
@pytest.mark.parametrize("kind", ["dense", "conv", "denoising", "super_resolution"])
@pytest.mark.slow_but("[conv]", "[dense]")
def test_every_kind_survives_saving_whole_and_in_parts(kind, tmp_path):
    model = build_autoencoder(kind, x=DIGITS, seed=1)
    expected = model.predict(DIGITS[:4], verbose=0)
    for part in (model, *model.layers):
        part.save(tmp_path / f"{part.name}.keras")
    again = keras.models.load_model(tmp_path / f"{model.name}.keras")
    np.testing.assert_allclose(again.predict(DIGITS[:4], verbose=0), expected, rtol=1e-5, atol=1e-6)
    encoder, decoder = (keras.models.load_model(tmp_path / f"{part}.keras") for part in ("encoder", "decoder"))
    codes = encoder.predict(DIGITS[:4], verbose=0)
    np.testing.assert_allclose(decoder.predict(codes, verbose=0), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (16, 24, 3)])
def test_sides_and_channels(shape):
    assert build_autoencoder("conv", input_shape=shape).output_shape == (None, *shape)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"kind": "cnv", "input_shape": (8, 8, 1)},
            "Unknown kind. Received: kind='cnv'. Expected one of dense, conv, denoising, super_resolution.",
        ),
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
        (
            {"input_shape": (8, 8, 1), "latent": True},
            "latent must be a whole number of at least 1. Received: latent=True.",
        ),
        (
            {"kind": "super_resolution", "input_shape": (8, 8, 1), "scale": True},
            "scale must be a whole number of at least 2. Received: scale=True.",
        ),
        (
            {"kind": "dense", "input_shape": (8,), "units": (True,)},
            "units must be a sequence of whole numbers of at least 1, one for each layer. "
            "Received: units=(True,). Expected something like (64, 32).",
        ),
        (
            {"input_shape": (8, 8, 1), "learning_rate": [0.1]},
            "learning_rate is a number, or one of keras.optimizers.schedules. Received: [0.1].",
        ),
        ({"input_shape": (8, 8, 1), "latent": 0}, "latent must be a whole number of at least 1. Received: latent=0."),
        (
            {"kind": "super_resolution", "input_shape": (8, 8, 1), "scale": 1},
            "scale must be a whole number of at least 2. Received: scale=1.",
        ),
        (
            {"kind": "dense", "input_shape": (8, 8, 1), "noise": 0.1},
            "kind='dense' has no noise. It takes latent, units, hidden_activation.",
        ),
        (
            {"kind": "denoising", "input_shape": (8, 8, 1), "noise": 0},
            "noise is a standard deviation, above 0 and at most 1. Received: noise=0. Scale x to [0, 1] first.",
        ),
        (
            {"input_shape": (3, 32, 32)},
            "input_shape=(3, 32, 32) looks like (channels, height, width). Expected the channels last: (32, 32, 3). "
            "Use np.moveaxis(x, 1, -1).",
        ),
        (
            {"input_shape": (8, 8, 1), "filters": 8},
            "filters must be a sequence of whole numbers of at least 1, one for "
            "each layer. Received: filters=8. Expected something like (64, 32).",
        ),
        (
            {"preset": "notebook"},
            "Unknown preset. Received: preset='notebook'. Expected one of notebook-64, notebook-16, superres-dense, "
            "superres-conv, dense-64, dense-16, conv-64, conv-16.",
        ),
        (
            {"preset": "notebook-64", "latent": 8},
            "preset='notebook-64' fixes the architecture. Received beside it: latent. "
            "Leave them out, or build by kind.",
        ),
        (
            {"preset": "notebook-64", "x": DIGITS},
            "preset='notebook-64' takes examples of shape (784,). Received: (8, 8, 1).",
        ),
    ],
)
def test_refusals(arguments, message):
    with refused(message):
        build_autoencoder(**arguments)


def test_a_schedule_is_a_learning_rate():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.1, 0.01])
    model = build_autoencoder(
        "conv", input_shape=(8, 8, 1), filters=np.array([3, 2]), latent=np.int64(2), learning_rate=schedule, seed=0
    )
    fit(model, DIGITS[:8], epochs=4, batch_size=8, verbose=0)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)


def test_values_beyond_the_heads_range_are_refused_before_training():
    model = build_autoencoder("conv", x=DIGITS)
    with pytest.raises(ValueError, match=r"^binary_crossentropy expects values in \[0, 1\], but y runs from 0.0 to 16"):
        fit(model, DIGITS * 16)


def test_a_sigmoid_cannot_reach_0_to_255():
    model = build_autoencoder("conv", input_shape=(8, 8, 1), loss="mean_squared_error")
    before = [np.asarray(variable) for variable in model.variables]
    with refused(
        "The last layer's sigmoid gives values from 0 to 1, but y runs from 0 to 255. "
        "Scale y (divide by 255), or build the model with activation='linear'."
    ):
        fit(model, DIGITS * 255)
    for a, b in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(a, np.asarray(b))


@pytest.mark.parametrize(
    ("activation", "y", "message"),
    [
        ("tanh", [-2.0, 1.0], "tanh gives values from -1 to 1, but y runs from -2 to 1"),
        ("relu", [-2.0, 1.0], "relu gives values from 0 up, but y runs from -2 to 1"),
        ("softplus", [-2.0, 1.0], "softplus gives values from 0 up, but y runs from -2 to 1"),
        ("sigmoid", [0.0, 2.0], "sigmoid gives values from 0 to 1, but y runs from 0 to 2"),
    ],
)
def test_every_bounded_head_says_what_it_cannot_reach(activation, y, message):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation=activation)])
    model.compile("sgd", "mean_absolute_error")
    with pytest.raises(ValueError, match=f"^The last layer's {message}"):
        fit(model, np.array([[0.0], [1.0]]), np.array(y))


def test_targets_of_another_size_than_the_output_are_refused():
    """Keras silently broadcasts 1x1 over 8x8."""
    model = build_autoencoder("super_resolution", x=DIGITS, scale=2)
    with refused(
        "The rows of y have shape (1, 1, 1), but the model gives (16, 16, 1). Expected the same; "
        "Keras would stretch one over the other silently. Resize y, or mend the model."
    ):
        fit(model, DIGITS, DIGITS[:, :1, :1])


@pytest.mark.slow
def test_posterior_collapse_is_measured_and_named():
    """Adadelta at Keras' default rate: what the network gives is the average image, whatever it is shown."""
    model = build_autoencoder("dense", x=DIGITS, loss="mean_squared_error", latent=8, seed=0)
    keras_head = model.get_layer("decoder").get_layer("head")
    mean = DIGITS.mean(axis=0).ravel().clip(1e-3, 1 - 1e-3)
    keras_head.set_weights([keras_head.get_weights()[0] * 0.1, np.log(mean / (1 - mean))])  # where such a run arrives
    model.compile("adadelta", "mean_squared_error")
    run = fit(model, DIGITS, epochs=8, validation_split=0.2, verbose=0)
    assert run.spread < 0.02
    outputs = model.predict(DIGITS, verbose=0)
    assert run.spread == pytest.approx(outputs.var(axis=0).sum() / DIGITS.var(axis=0).sum(), rel=0.5)
    assert run.findings[0].rule == "posterior_collapse"
    assert "adam" in run.findings[0].fix

    model.compile(keras.optimizers.Adam(0.003), "mean_squared_error")  # the cure
    cured = fit(model, DIGITS, epochs=30, validation_split=0.2, verbose=0)
    assert "posterior_collapse" not in {finding.rule for finding in cured.findings}


@pytest.mark.parametrize(
    "make",
    [
        lambda: build_autoencoder("dense", x=DIGITS),
        lambda: build_autoencoder("conv", x=DIGITS),
        lambda: build_autoencoder("super_resolution", input_shape=(8, 8, 1)),
        lambda: build_autoencoder(preset="conv-64"),
    ],
)
def test_the_head_has_full_precision_under_a_mixed_policy(make):
    with in_precision("float32", "mixed_bfloat16"):
        model = make()
    assert model.get_layer("decoder").get_layer("head").compute_dtype == "float32"
    values = np.random.default_rng(0).random((4, *model.input_shape[1:])).astype("float32")
    outputs = np.asarray(model.get_layer("decoder")(model.get_layer("encoder")(values)))
    assert outputs.dtype == np.float32
    assert (outputs.view(np.uint32) & 0xFFFF).any()  # not rounded to 16 bits on the way
