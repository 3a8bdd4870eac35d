"""Deep Dream on CNNs that others built: known answers, the promise against noise, and that nothing is touched."""

import random
import runpy
import sys

import keras
import numpy as np
import pytest
from cnns import nested, own, same_state, state_of
from conftest import ROOT, refused
from keras import layers

from recipes.lecture.images.dream import deep_dream, imagenet_cnn
from recipes.lecture.images.eye import Eye, smoothed, stretches
from recipes.plots import plot_dream_activations


def patterns(num, rng, side=16):
    """Coloured stripes that lie, stand or cross, and noise, as images of three channels with their class."""
    y = np.arange(num) % 4
    up, right = np.mgrid[:side, :side]
    x = np.empty((num, side, side, 3), "float32")
    for i, kind in enumerate(y):
        shift = rng.integers(4)
        lying, standing = (np.sin(np.pi / 2 * (place + shift)) for place in (up, right))
        wave = (lying, standing, lying * standing, rng.choice((-1, 1), (side, side)))[kind]
        x[i] = 0.5 + 0.45 * wave[..., None] * rng.uniform(0.3, 1, 3) * (1 if kind < 3 else rng.choice((-1, 1), 3))
    return x, y


@pytest.fixture(scope="module")
def trained():
    """A functional CNN with another within, trained by plain Keras."""
    keras.utils.set_random_seed(0)
    model = nested()
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = patterns(480, np.random.default_rng(0))
    history = model.fit(x, y, batch_size=32, epochs=8, verbose=0)
    assert history.history["accuracy"][-1] > 0.9
    return model


@pytest.fixture(scope="module")
def dream(trained):
    return deep_dream(trained, grey((20, 36, 3)), seed=3)


def grey(shape, seed=1):
    """Nearly plain, as a beginning."""
    return (0.5 + 0.02 * np.random.default_rng(seed).normal(size=shape)).astype("float32")


def pixelwise(weights, size=(None, None)):
    """One unit that adds up a pixel's channels with these weights."""
    model = keras.Sequential(
        [keras.Input((*size, len(weights))), layers.Conv2D(1, 1, use_bias=False, name="sum"), layers.ReLU(name="relu")]
    )
    model.set_weights([np.array(weights, "float32").reshape(1, 1, -1, 1)])
    return model


class TestKnownAnswers:
    @pytest.mark.parametrize("weights", [(1,), (1, -1, 0), (1, 0, -1, 2, 0)])
    @pytest.mark.parametrize("size", [(None, None), (8, 8)])
    def test_each_channel_goes_to_its_end(self, weights, size, rng):
        image = rng.uniform(0.4, 0.6, (16, 8, len(weights)))
        image[..., 0] += 0.2  # so that the unit is awake
        found = deep_dream(pixelwise(weights, size), image, units=0, steps=12, step_size=0.1, octaves=2)
        for channel, weight in enumerate(weights):
            expected = (image[..., channel], 1, 0)[int(np.sign(weight))]
            np.testing.assert_allclose(found.after[..., channel], np.broadcast_to(expected, (16, 8)), atol=1e-5)
        assert found.activation_after == pytest.approx(sum(w for w in weights if w > 0), rel=1e-4)
        assert found.activation_before == pytest.approx((image @ weights).mean(), rel=1e-4)
        assert found.layers == ("relu",)

    def test_the_noise_moves_as_much_and_in_no_direction(self, rng):
        image = np.full((40, 40, 1), 0.5)
        found = deep_dream(pixelwise((1,)), image, units=0, steps=5, step_size=0.01, octaves=1)
        assert found.energy == pytest.approx(0.05**2, rel=1e-3)  # five steps, all pixels alike
        assert found.noise_energy == pytest.approx(found.energy, rel=5e-3)
        assert found.activation_after == pytest.approx(0.55, rel=1e-4)
        assert found.activation_noise == pytest.approx(0.5, abs=0.002)

    def test_a_models_own_scale_gives_the_range(self, rng):
        model = keras.Sequential([keras.Input((8, 8, 1)), layers.Rescaling(1 / 127.5, -1), layers.Conv2D(1, 1)])
        model.set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
        found = deep_dream(model, np.full((8, 8), 100), units=0, steps=12, step_size=0.1)
        np.testing.assert_allclose(found.limits, (0, 255))
        np.testing.assert_allclose(found.after, 255)
        assert deep_dream(pixelwise((1,)), rng.uniform(-1, 1, (9, 9)), units=0, steps=1).limits == (-1, 1)
        assert deep_dream(pixelwise((1,)), rng.uniform(0, 1, (9, 9)), units=0, steps=1, limits=(-3, 2)).limits == (
            -3,
            2,
        )

    @pytest.mark.parametrize(
        ("length", "tile", "places"),
        [(5, 2, [[0, 1], [2, 3], [3, 4]]), (4, 2, [[0, 1], [2, 3]]), (3, 3, [[0, 1, 2]]), (2, 4, [[0, 0, 1, 1]]),
         (3, 6, [[0, 0, 1, 2, 2, 1]])],
    )  # fmt: skip
    def test_stretches(self, length, tile, places):
        assert [stretch.tolist() for stretch in stretches(length, tile)] == places

    def test_tiles_see_what_the_whole_sees(self, rng):
        """A unit without a neighbourhood gives the same gradient, tile by tile or at once; of the mirrored ones too."""
        image = rng.uniform(0.1, 1, (11, 7, 2)).astype("float32")
        free, fixed = pixelwise((1, 2)), pixelwise((1, 2), (4, 4))
        for model, tile in ((free, (11, 7)), (free, (4, 4)), (fixed, (4, 4)), (pixelwise((1, 2), (16, 12)), (16, 12))):
            eye = Eye(model, {"relu": model.get_layer("relu")}, (0,), tile)
            np.testing.assert_allclose(eye.gradient(image), np.broadcast_to((1, 2), image.shape), rtol=1e-6)
        eye = Eye(free, {"relu": free.get_layer("relu")}, (0,), (11, 7))
        assert eye.look(image) == pytest.approx((image @ (1, 2)).mean(), rel=1e-6)

    def test_the_smoothed_gradient_has_mean_size_one(self, rng):
        smooth = smoothed(rng.normal(size=(20, 20, 3)))
        assert np.abs(smooth).mean() == pytest.approx(1)
        neighbours = np.corrcoef(smooth[:, :-1].ravel(), smooth[:, 1:].ravel())[0, 1]
        assert neighbours > 0.7


class TestPromise:
    @pytest.mark.slow
    def test_five_times_the_activation_of_noise_of_the_same_energy(self, dream):
        assert dream.activation_after >= 5 * dream.activation_noise
        assert dream.activation_after >= 2 * dream.activation_before
        assert dream.noise_energy == pytest.approx(dream.energy, rel=0.01)
        assert dream.energy > 0.01**2
        assert dream.layers == ("last",)
        assert dream.tile_size == (16, 16)
        assert dream.sizes == ((10, 18), (14, 26), (20, 36))
        assert dream.after.shape == (20, 36, 3)
        assert dream.after.min() >= 0
        assert dream.after.max() <= 1

    @pytest.mark.slow
    def test_it_says_what_keras_says(self, trained, dream):
        """The activation after, by Keras alone, on the tiles of the dream."""
        inner = keras.Model(trained.input, trained.get_layer("last").output)
        rows, columns = ((0, 4), (0, 16, 20))
        tiles = np.stack([dream.after[r : r + 16, c : c + 16] for r in rows for c in columns])
        expected = np.asarray(inner(tiles))[..., dream.units[0]].mean()
        assert dream.activation_after == pytest.approx(expected, rel=1e-4)

    @pytest.mark.slow
    def test_a_class(self, trained):
        found = deep_dream(trained, grey((16, 16, 3)), "head", units=1, octaves=2)
        assert found.activation_after > 0.9
        assert trained.predict(found.after[None], verbose=0)[0].argmax() == 1

    @pytest.mark.slow
    def test_the_same_seed_the_same_dream(self, trained):
        one, same = (deep_dream(trained, grey((16, 20, 3)), seed=3, steps=3, octaves=2) for _ in range(2))
        np.testing.assert_array_equal(one.after, same.after)
        assert (one.units, one.activation_noise) == (same.units, same.activation_noise)
        other = deep_dream(trained, grey((16, 20, 3)), seed=4, units=one.units, steps=3, octaves=2)
        assert (other.after != one.after).any()

    def test_all_units_and_several_layers_and_a_class_of_ones_own(self, trained):
        found = deep_dream(trained, grey((16, 16, 3)), ["encoder/pool", "last"], steps=4)
        assert found.units is None
        assert found.activation_after > found.activation_before
        assert repr(found).startswith("<Dream of all units of encoder/pool, last: activation ")
        assert deep_dream(trained, grey((16, 16, 3)), units="all", steps=2).units is None
        model = own()
        image = np.random.default_rng(0).random((24, 20, 5))
        mine = deep_dream(model, image, model.blocks[0].name, units=(0, 1), steps=4)
        assert mine.activation_after > mine.activation_before

    def test_it_says_what_happened(self, dream):
        first, second, third = str(dream).splitlines()
        assert first.startswith(f"unit {dream.units[0]} of last: activation {dream.activation_before:.4g} before, ")
        assert second == "octaves of 10×18, 14×26, 20×36, seen in 16×16, values 0 to 1"
        assert third.startswith("root mean square of the change ")
        assert "of noise of the same energy" in dream._repr_html_()


class TestNothingIsTouched:
    @pytest.mark.parametrize("build", [nested, own])
    def test_the_model_and_the_generators_stay_as_they_are(self, build):
        model = build()
        shape = (16, 16, 3) if build is nested else (20, 20, 5)
        image = grey(shape)
        image_before = image.copy()
        model(image[None])
        before, generators = state_of(model), (random.getstate(), np.random.get_state()[1].copy())  # noqa: NPY002
        deep_dream(model, image, steps=1, octaves=1)
        same_state(before, state_of(model))
        np.testing.assert_array_equal(image, image_before)
        assert random.getstate() == generators[0]
        np.testing.assert_array_equal(np.random.get_state()[1], generators[1])  # noqa: NPY002


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"image": np.zeros((16, 16, 1))}, "image has shape (16, 16, 1) and holds float64. Expected numbers, "
             "(height, width, channels), with the model's 3 channels."),
            ({"image": np.zeros((16, 7, 3))}, "image has shape (16, 7, 3), and the model 'classifier' takes 16×16 "
             "pixels. Expected at least half of that. Enlarge it, as by keras.ops.image.resize."),
            ({"image": np.full((16, 16, 3), 200)}, "image holds values from 200 to 200. Expected 0 to 1, which the "
             "model scales. Scale the image, or say limits=(lowest, highest)."),
            ({"layers": "last", "units": 8}, "Layer 'last' has 8 units, from 0. Received: units=8."),
            ({"units": "every"}, "units must be numbers of units, from 0, or 'all'. Received: units='every'. "
             "Expected like 3 or (3, 7)."),
            ({"steps": 0}, "steps must be a whole number of at least 1. Received: steps=0."),
            ({"step_size": 0}, "step_size must be above 0. Received: step_size=0. Expected about 0.015."),
            ({"octave_scale": 1}, "octave_scale must be above 1. Received: octave_scale=1. Expected about 1.4."),
            ({"limits": (1, 0)}, "limits must be the lowest and the highest value. Received: limits=(1, 0)."),
            ({"jitter": -1}, "jitter must be a whole number of at least 0. Received: jitter=-1."),
            ({"tile_size": 8}, "tile_size=8, but the model 'classifier' takes 16×16 pixels and no other size. Leave it "
             "out."),
        ],
    )  # fmt: skip
    def test_of_what_does_not_fit(self, trained, arguments, message):
        with refused(message):
            deep_dream(**({"model": trained, "image": grey((16, 16, 3))} | arguments))

    def test_of_units_that_sleep(self):
        with pytest.raises(ValueError, match="No pixel of this image changes the chosen units of relu, whose"):
            deep_dream(pixelwise((-1,)), np.full((9, 9), 0.5), units=0)

    def test_of_weights_that_are_not_there(self, monkeypatch):
        def fail(**_):
            raise OSError("no network\nand more")

        monkeypatch.setattr(keras.applications, "InceptionV3", fail)
        with refused(
            "InceptionV3's ImageNet weights are not on this machine and could not be downloaded (no network). Put them "
            "into ~/.keras/models where there is a network, or dream with a CNN of your own: deep_dream(model, image).",
            FileNotFoundError,
        ):
            imagenet_cnn()
        with refused(
            "Unknown network. Received: name='Inception'. Expected one of InceptionV3, Xception. "
            "Did you mean 'InceptionV3'?"
        ):
            imagenet_cnn("Inception")

    def test_one_that_is_there_takes_images_from_0_to_1(self, monkeypatch):
        monkeypatch.setattr(keras.applications, "Xception", lambda **options: pixelwise((1, 1, 1)))
        model = imagenet_cnn("Xception")
        found = deep_dream(model, np.full((9, 9, 3), 0.9), "relu", units=0, steps=2)
        np.testing.assert_allclose(found.limits, (0, 1))
        assert found.activation_before == pytest.approx(3 * 0.8, rel=1e-4)


class TestFigure:
    def test_before_after_and_the_three_activations(self, dream):
        before, after, bars = dream.plot().axes
        np.testing.assert_allclose(before.images[0].get_array(), dream.before, atol=1e-6)
        np.testing.assert_allclose(after.images[0].get_array(), dream.after, atol=1e-6)
        heights = [bar.get_height() for bar in bars.patches]
        assert heights == [dream.activation_before, dream.activation_noise, dream.activation_after]
        assert bars.get_title(loc="left") in (f"{dream.gain:.1f} times that of noise", "noise does not excite them")
        assert plot_dream_activations(dream).get_ylabel() == "mean activation of the units"

    def test_of_five_channels_in_grey(self):
        found = deep_dream(pixelwise((1, 1, 1, 1, 1)), grey((9, 9, 5)), steps=1)
        assert found.plot().axes[1].images[0].get_array().shape == (9, 9)

    @pytest.mark.slow
    def test_the_example_takes_a_model_and_an_image(self, trained, tmp_path, monkeypatch, capsys):
        trained.save(tmp_path / "mine.keras")
        np.save(tmp_path / "mine.npy", grey((16, 24, 3)))
        monkeypatch.chdir(tmp_path)
        arguments = ["--model", "mine.keras", "--image", "mine.npy", "--layers", "last", "--units", "1", "2"]
        monkeypatch.setattr(sys, "argv", ["deep_dream.py", *arguments])
        runpy.run_path(str(ROOT / "examples/deep_dream.py"), run_name="__main__")
        assert "units 1, 2 of last: activation" in capsys.readouterr().out
        assert (tmp_path / "figures/deep_dream.png").is_file()
