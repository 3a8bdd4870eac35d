"""LeNet-5 layer by layer against the paper's table and NumPy, and the images that it misreads."""

import runpy
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT, refused

from cheatsheet import check
from recipes import build_model, fit, load_data
from recipes.plots import plot_misread

# The paper's section II-B; C3 with all 60 connections has 16 · (6 · 25 + 1), in the paper's table of ten fewer 1,516.
PARAMETERS = {"C1": 156, "C3": 2_416, "C5": 48_120, "F6": 10_164, "head": 850}
SHAPES = {"C1": (28, 28, 6), "S2": (14, 14, 6), "C3": (10, 10, 16), "S4": (5, 5, 16), "C5": (120,), "F6": (84,)}


def lenet(shape=(28, 28, 1), **options):
    return build_model("multiclass", input_shape=shape, num_classes=10, body="lenet", seed=0, **options)


class TestLayers:
    @pytest.mark.parametrize(("shape", "padding"), [((28, 28, 1), "same"), ((32, 32, 1), "valid")])
    def test_the_papers_maps_and_61706_parameters(self, shape, padding):
        model = lenet(shape, padding=padding)
        assert {layer.name: layer.count_params() for layer in model.layers if layer.weights} == PARAMETERS
        assert {name: model.get_layer(name).output.shape[1:] for name in SHAPES} == SHAPES
        assert model.count_params() == 61_706

    def test_the_output_is_numpys(self, rng):
        model, image = lenet(), rng.random((1, 28, 28, 1)).astype("float32")
        weights = {name: model.get_layer(name).get_weights() for name in PARAMETERS}

        def convolve(x, name):
            kernel, bias = weights[name]
            windows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), axis=(0, 1))  # (h, w, channels, 5, 5)
            return np.tanh(np.einsum("hwcij,ijck->hwk", windows, kernel) + bias)

        def pool(x):
            return x.reshape(len(x) // 2, 2, x.shape[1] // 2, 2, -1).mean(axis=(1, 3))

        maps = pool(convolve(np.pad(image[0], ((2, 2), (2, 2), (0, 0))), "C1"))
        values = pool(convolve(maps, "C3")).ravel()
        for name in ("C5", "F6"):
            values = np.tanh(values @ weights[name][0] + weights[name][1])
        logits = values @ weights["head"][0] + weights["head"][1]
        expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        np.testing.assert_allclose(np.asarray(model(image))[0], expected, rtol=1e-4)

    def test_modern_parts_are_asked_for_by_name(self):
        model = lenet(hidden_activation="relu", pooling="max", dropout=0.1)
        assert {model.get_layer(name).activation.__name__ for name in ("C1", "C3", "C5", "F6")} == {"relu"}
        assert isinstance(model.get_layer("S2"), keras.layers.MaxPooling2D)
        assert [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)] == [0.1] * 3
        assert model.count_params() == 61_706

    def test_it_is_as_good_a_body_as_the_others(self, tmp_path):
        digits = load_data("digits")
        x = np.kron(digits.x[:80], np.ones((1, 2, 2, 1), np.float32))  # 16x16
        model = build_model(x=x, y=digits.y[:80], body="lenet", seed=0)
        assert check(model, x, digits.y[:80]) == []
        run = fit(model, x, digits.y[:80], epochs=4, verbose=0)
        assert run.history["loss"][-1] < run.history["loss"][0]
        model.save(tmp_path / "lenet.keras")
        again = keras.saving.load_model(tmp_path / "lenet.keras")
        np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))

    def test_grey_images_without_a_channel_axis_get_one(self):
        assert lenet((28, 28)).count_params() == 61_706

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"pooling": "mean"}, "pooling is one of average, max. Received: pooling='mean'."),
            ({"padding": "sam"}, "padding is one of same, valid. Received: padding='sam'. Did you mean 'same'?"),
            ({"shape": (8, 8, 1)}, "body='lenet' expects images of 12x12 pixels at least. Received: 8x8. "
             "Use body='cnn', or enlarge x: np.kron(x, np.ones((1, 2, 2, 1)))."),
            ({"shape": (12, 12, 1), "padding": "valid"}, "body='lenet' expects images of 16x16 pixels at least. "
             "Received: 12x12. Use body='cnn', or enlarge x: np.kron(x, np.ones((1, 2, 2, 1)))."),
            ({"shape": (50, 3)}, "body='lenet' expects images, but examples of shape (50, 3) look like 50 steps of "
             "3 features. Use body='sequence'; for images say x[..., None]."),
            ({"shape": (30,)},
             "body='lenet' expects images (height, width, channels), but one example has shape (30,). "
             "Use body='mlp', or reshape x."),
            ({"dropout": 1.0}, "dropout is a fraction, 0 <= dropout < 1. Received: dropout=1.0."),
        ],
    )  # fmt: skip
    def test_refusals(self, arguments, message):
        with refused(message):
            lenet(**arguments)

    def test_arguments_of_other_bodies_are_refused(self):
        message = (
            "build_model has no argument 'filters' with body='lenet', which takes hidden_activation, pooling, padding, "
            "dropout."
        )
        with refused(message, TypeError):
            lenet(filters=(6, 16))

    @pytest.mark.parametrize(("side", "padding"), [(12, "same"), (16, "valid")])
    def test_the_smallest_image_that_is_allowed_works(self, side, padding):
        assert lenet((side, side, 1), padding=padding).get_layer("S4").output.shape[1:3] == (1, 1)


class TestMisread:
    def test_it_shows_the_wrong_ones_with_what_they_were_taken_for(self, rng):
        images, labels, predicted = rng.random((9, 4, 4, 1)), np.arange(9), np.arange(9)
        predicted[[2, 5, 7]] = 1, 8, 0
        ax = plot_misread(images, labels, predicted, most=2)
        assert [text.get_text() for text in ax.texts] == ["2 → 1", "5 → 8"]
        assert ax.get_title(loc="left") == "3 of 9 misread, the first 2"
        np.testing.assert_array_equal(ax.images[1].get_array(), images[5, ..., 0])
        (_, right, bottom, top), (other, *_) = (image.get_extent() for image in ax.images)
        assert right <= other
        assert bottom > top  # upright
        named = plot_misread(images, labels, predicted, class_names="abcdefghi")
        assert named.texts[0].get_text() == "c → b"

    def test_without_a_mistake_it_is_empty(self):
        ax = plot_misread(np.zeros((3, 4, 4)), [1, 2, 3], [1, 2, 3])
        assert not ax.images
        assert ax.get_title(loc="left") == "0 of 3 misread"

    def test_refusals(self):
        with refused(
            "images have shape (3, 4), labels (3,), predicted (2,). Expected (n, height, width), (n,) and (n,)."
        ):
            plot_misread(np.zeros((3, 4)), [1, 2, 3], [1, 2])


def test_the_example_takes_images_of_ones_own(tmp_path, monkeypatch, capsys, rng):
    x = rng.integers(0, 255, (40, 28, 28), dtype=np.uint8)
    y = np.arange(40) % 3
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x[:10], y_test=y[:10])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["lenet.py", "--npz", "mine.npz", "--quick", "--networks", "LeNet-5"])
    runpy.run_path(str(ROOT / "examples/lenet.py"), run_name="__main__")
    said = capsys.readouterr().out
    assert f"{61_706 - 7 * 85:,} parameters, 10 epochs" in said  # three classes in the place of ten
    assert (tmp_path / "figures/lenet.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("LeNet-5", 0.99), ("modern", 0.994)])
def test_what_the_example_says_of_mnist(name, least, mnist_folder):
    example = runpy.run_path(str(ROOT / "examples/lenet.py"))
    data = load_data("mnist", folder=mnist_folder)
    _, predicted, _ = example["train"](name, example["EPOCHS"][name], 0, (data.x, data.y, data.x_test))
    assert np.mean(predicted == data.y_test) >= least
