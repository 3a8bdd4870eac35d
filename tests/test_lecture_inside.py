"""Kernels, maps, fields, exciting patches and occlusion of CNNs that this package did not build, by known answers."""

import random
import runpy
import sys
from functools import partial

import keras
import numpy as np
import pytest
from cnns import EDGE, edge_detector, nested, own, same_state, state_of
from conftest import ROOT, refused
from keras import layers

from cheatsheet.finding import DataError
from recipes.lecture.images.field import receptive_field
from recipes.lecture.images.inside import exciting_patches, feature_maps, kernels
from recipes.lecture.images.occlusion import occlusion_map
from recipes.plots import plot_feature_maps, plot_kernels, plot_occlusion, plot_patches
from recipes.plots.lecture.images.pictures import as_picture

STEP = np.zeros((8, 8), "float32")
STEP[:, 5:] = 1  # light from the sixth column on


@pytest.fixture(scope="module")
def functional():
    return nested()


@pytest.fixture(scope="module")
def classy():
    return own()


@pytest.fixture
def photo(rng):
    return rng.random((16, 16, 3), dtype="float32")


def one_pixel(side=12, row=4, column=7, channels=1, activation="sigmoid", weight=3.0):
    """A model that reads one pixel and nothing else."""
    model = keras.Sequential([keras.Input((side, side, channels)), layers.Flatten(), layers.Dense(1, activation)])
    kernel = np.zeros((side, side, channels), "float32")
    kernel[row, column] = weight
    model.set_weights([kernel.reshape(-1, 1), np.zeros(1, "float32")])
    return model


class TestKernels:
    @pytest.mark.parametrize("channels", [1, 3, 5])
    def test_the_edge_detectors_own(self, channels):
        found = kernels(edge_detector(channels))
        np.testing.assert_array_equal(found.values, np.repeat(EDGE[:, :, None, None], channels, axis=2))
        assert found.layer == "edges"
        assert str(found).startswith("edges (Conv2D): 1 kernel of 3×3 over ")
        assert found.plot().axes

    def test_of_a_model_within_a_model_by_path_or_by_name(self, functional):
        path = kernels(functional, "encoder/far")
        np.testing.assert_array_equal(path.values, functional.get_layer("encoder").get_layer("far").get_weights()[0])
        np.testing.assert_array_equal(kernels(functional, "far").values, path.values)
        assert kernels(functional).layer == "encoder/conv_a"

    @pytest.mark.parametrize(
        ("layer", "shape"),
        [(layers.DepthwiseConv2D(3, depth_multiplier=2), (3, 3, 3, 2)), (layers.SeparableConv2D(7, 3), (3, 3, 3, 1)),
         (layers.Conv2DTranspose(7, 2), (2, 2, 3, 7)), (layers.Conv2D(6, (1, 5), groups=3), (1, 5, 1, 6))],
    )  # fmt: skip
    def test_of_other_convolutions(self, layer, shape):
        model = keras.Sequential([keras.Input((8, 8, 3)), layer])
        assert kernels(model).values.shape == shape

    def test_tiles_are_the_kernels_on_one_scale(self, functional):
        found = kernels(functional, "far")  # six channels before, four units
        ax = plot_kernels(found)
        scale = np.abs(found.values).max()
        assert len(ax.images) == 6 * 4
        np.testing.assert_allclose(
            (ax.images[4 + 2].get_array() - 0.5) * 2 * scale, found.values[:, :, 1, 2], atol=1e-6
        )
        colour = plot_kernels(kernels(functional)).images[3].get_array()
        assert colour.shape == (3, 3, 3)


class TestMaps:
    @pytest.mark.parametrize("channels", [1, 3, 5])
    def test_the_edge_is_found_where_it_is(self, channels):
        maps = feature_maps(edge_detector(channels), np.repeat(STEP[..., None], channels, axis=2))
        np.testing.assert_allclose(maps["edges"][..., 0], np.tile([0, 0, 0, 3, 3, 0], (6, 1)) * channels)

    def test_every_depth_of_a_nested_model_is_what_keras_gives(self, functional, photo):
        maps = feature_maps(functional, photo)
        names = [layer.layer for layer in maps.layers]
        assert names == [
            "scale", "encoder/conv_a", "encoder/near", "encoder/far", "encoder/both", "encoder/norm", "encoder/pool",
            "last",
        ]  # fmt: skip
        encoder = functional.get_layer("encoder")
        inner = keras.Model(encoder.inputs, [encoder.get_layer(n).output for n in ("conv_a", "pool")])
        conv, pool = inner([photo[None] * 2 - 1])
        np.testing.assert_allclose(maps["conv_a"], conv[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(maps["encoder/pool"], pool[0], rtol=1e-5, atol=1e-6)

    def test_a_class_of_ones_own_with_a_layer_that_is_called_twice(self, classy, rng):
        image = rng.random((20, 20, 5))
        maps = feature_maps(classy, image)
        names = [layer.layer for layer in maps.layers]
        first, second = (block.name for block in classy.blocks)
        assert names == [
            f"{first}/conv", f"{first}/norm", first, f"{second}/conv", f"{second}/norm", second, "again", "again#2"
        ]  # fmt: skip
        np.testing.assert_array_equal(maps[first], np.maximum(maps[f"{first}/norm"], 0))
        np.testing.assert_allclose(maps["again#2"], classy.again(maps["again"][None])[0], rtol=1e-5, atol=1e-6)

    def test_chosen_layers_and_a_model_of_any_size(self):
        model = keras.Sequential(
            [keras.Input((None, None, 1)), layers.Conv2D(2, 3, name="c"), layers.MaxPooling2D(name="p")]
        )
        assert feature_maps(model, np.zeros((9, 13)), "p")["p"].shape == (3, 5, 2)
        assert feature_maps(model, np.zeros((1, 4, 4, 1)), ["p", "c"])["c"].shape == (2, 2, 2)

    def test_the_figure_has_the_strongest_maps_first(self, functional, photo):
        maps = feature_maps(functional, photo, ["conv_a", "last"])
        ax = plot_feature_maps(maps)
        assert [label.get_text() for label in ax.get_yticklabels()] == [
            "image", "encoder/conv_a\n14×14×6", "last\n5×5×8"]  # fmt: skip
        order = [int(text.get_text()) for text in ax.texts if text.get_text()]
        means = np.abs(maps["conv_a"]).mean(axis=(0, 1))
        assert order[:6] == sorted(range(6), key=lambda unit: -means[unit])
        strongest = maps["conv_a"][..., order[0]]
        np.testing.assert_allclose(
            ax.images[1].get_array(), (strongest - strongest.min()) / np.ptp(strongest), rtol=1e-5, atol=1e-6
        )


class TestField:
    @pytest.mark.parametrize(
        ("stack", "size"),
        [
            ([layers.Conv2D(2, 3)], 3),
            ([layers.Conv2D(2, 3), layers.Conv2D(2, 3)], 5),
            ([layers.Conv2D(2, 3), layers.MaxPooling2D(), layers.Conv2D(2, 3)], 8),  # 3 + 1 + 2·2
            ([layers.Conv2D(2, 5, strides=2), layers.Conv2D(2, 3, activation="tanh")], 9),  # 5 + 2·2
            ([layers.Conv2D(2, 3, dilation_rate=3)], 7),
            ([layers.DepthwiseConv2D(3), layers.Conv2D(2, 1), layers.BatchNormalization(), layers.ReLU()], 3),
            ([layers.SeparableConv2D(2, 3), layers.AveragePooling2D(3)], 5),
            ([layers.Rescaling(1 / 255, -1), layers.Conv2D(2, 7, activation="relu"), layers.GlobalMaxPooling2D()], 60),
        ],
    )  # fmt: skip
    def test_by_the_formula(self, stack, size):
        """r = 1 + Σ (k - 1)·Π strides before, whatever the weights are: also where all are 0 or negative."""
        model = keras.Sequential([keras.Input((60, 60, 3)), *stack])
        model.set_weights([-np.abs(weight) for weight in model.get_weights()])
        assert receptive_field(model, model.layers[-1]).size == (size, size)

    def test_of_networks_whose_fields_are_published(self):
        """Araujo, Norris and Sim (2019), Computing receptive fields of convolutional neural networks: 195, 212, 315."""
        c, p = partial(layers.Conv2D, 2, padding="same", activation="relu"), layers.MaxPooling2D
        alexnet = [layers.Conv2D(2, 11, 4), p(3, 2), c(5), p(3, 2), c(3), c(3), c(3), p(3, 2)]
        vgg16 = [layer for depth in (2, 2, 3, 3, 3) for layer in (*(c(3) for _ in range(depth)), p(2))]
        for stack, size in ((alexnet, 195), (vgg16, 212)):
            model = keras.Sequential([keras.Input((None, None, 3)), *stack])
            assert receptive_field(model, stack[-1]).size == (size, size)
        mobilenet = keras.applications.MobileNet((384, 384, 3), alpha=0.25, weights=None, include_top=False)
        assert receptive_field(mobilenet, "conv_pw_13").size == (315, 315)

    def test_of_one_place(self):
        model = keras.Sequential([keras.Input((10, 12, 1)), layers.Conv2D(1, 3, strides=2, padding="same", name="c")])
        field = receptive_field(model, "c", at=(4, 1))
        assert (field.top, field.bottom, field.left, field.right) == (8, 10, 2, 5)  # one row is padding, below
        assert not field.is_whole
        assert receptive_field(model, "c", at=(2, 2)).is_whole
        assert str(field) == "c at (4, 1) sees 2×3 pixels: rows 8 to 9, columns 2 to 4 of 10×12"
        with refused("at=(5, 0) is outside the map of layer 'c', which is 5×6."):
            receptive_field(model, "c", at=(5, 0))

    def test_through_branches_and_classes_of_ones_own(self, functional, classy):
        assert receptive_field(functional, "encoder/near").size == (3, 3)
        assert receptive_field(functional, "encoder/both").size == (5, 5)
        assert receptive_field(functional, "last").size == (10, 10)  # 5 + 1 + 2·2
        assert receptive_field(classy, classy.blocks[1]).size == (5, 5)

    def test_a_units_own_branch(self, functional, rng):
        images = rng.random((2, 16, 16, 3))
        near, far = (exciting_patches(functional, images, "both", unit, count=1).patches[0] for unit in (0, 4))
        assert near.seen.size == (3, 3)
        assert far.seen.size == (5, 5)


class TestPatches:
    def test_the_edge_is_cut_out(self):
        images = np.zeros((3, 8, 8), "float32")
        images[1, :, 5:] = 0.5
        images[2, :, 2:] = 1
        found = exciting_patches(edge_detector(), images, "edges", 0, count=3)
        assert [(patch.image, patch.activation) for patch in found.patches] == [(2, 3.0), (1, 1.5), (0, 0.0)]
        np.testing.assert_array_equal(found.patches[0].pixels[..., 0], [[0, 0, 1]] * 3)
        assert str(found).startswith(
            "unit 0 of edges: the 3 strongest of 3 images\n3 in image 2: edges at (0, 0) sees 3×3"
        )

    def test_several_of_one_image_lie_apart(self):
        image = np.zeros((1, 8, 8, 1), "float32")
        image[0, 1, 2] = image[0, 6, 6] = 1
        first, second = exciting_patches(edge_detector(), image, "edges", 0, count=2).patches
        assert first.activation == second.activation == 1
        apart = max(abs(first.seen.row - second.seen.row), abs(first.seen.column - second.seen.column))
        assert apart >= 2
        assert {bool(patch.pixels.any()) for patch in (first, second)} == {True}

    def test_the_pixels_alone_excite_it_as_much(self, functional, rng):
        """What is cut out, put alone into another image at the same place, gives the same activation."""
        images = rng.random((6, 16, 16, 3), dtype="float32")
        for patch in exciting_patches(functional, images, "last", 2, count=4).patches:
            seen = patch.seen
            blank = np.full((16, 16, 3), 0.5, "float32")
            blank[seen.top : seen.bottom, seen.left : seen.right] = patch.pixels
            assert feature_maps(functional, blank, "last")["last"][seen.row, seen.column, 2] == pytest.approx(
                patch.activation, rel=1e-4
            )

    def test_a_node_sees_the_whole_image(self, functional, rng):
        images = rng.random((5, 16, 16, 3), dtype="float32")
        found = exciting_patches(functional, images, "head", 1, count=2)
        scores = functional.predict(images, verbose=0)[:, 1]
        assert [patch.image for patch in found.patches] == list(np.argsort(-scores)[:2])
        assert found.patches[0].seen.size == (16, 16)

    def test_the_figure(self):
        images = np.zeros((2, 8, 8), "float32")
        images[1, :, 2:] = 1
        found = exciting_patches(edge_detector(), images, "edges", 0, count=2)
        ax = plot_patches(found)
        assert [text.get_text() for text in ax.texts] == ["3", "0"]
        np.testing.assert_array_equal(ax.images[0].get_array(), [[0, 0, 1]] * 3)

    def test_a_part_that_the_edge_cuts_lies_where_it_would_in_a_whole_one(self):
        model = keras.Sequential(
            [keras.Input((5, 5, 1)), layers.Conv2D(1, 3, padding="same", use_bias=False, name="c")]
        )
        model.set_weights([np.ones((3, 3, 1, 1))])
        images = np.zeros((2, 5, 5), "float32")
        images[0, 1:4, 1:4], images[1, 0, 0] = 1, 0.5
        found = exciting_patches(model, images, "c", 0, count=2)
        corner = plot_patches(found).images[1].get_array()
        assert found.patches[1].seen.size == (2, 2)
        np.testing.assert_array_equal(corner, [[1, 1, 1], [1, 0.5, 0], [1, 0, 0]])  # white beyond the edge


class TestOcclusion:
    @pytest.mark.parametrize("channels", [1, 3, 5])
    def test_of_a_model_that_reads_one_pixel(self, channels):
        image = np.ones((12, 12, channels), "float32")
        found = occlusion_map(one_pixel(channels=channels), image, patch=3, stride=1, fill=0)
        p = 1 / (1 + np.exp(-3.0 * channels))
        assert found.target == 1
        assert found.quantity == "probability"
        assert found.value == pytest.approx(p, rel=1e-5)
        hides = np.array([[t <= 4 < t + 3 and x <= 7 < x + 3 for x in found.lefts] for t in found.tops])
        np.testing.assert_allclose(found.falls, np.where(hides, p - 0.5, 0), atol=1e-6)
        assert np.unravel_index(found.by_pixel.argmax(), (12, 12)) == (4, 7)
        top, left = found.worst
        assert top <= 4 < top + 3
        assert left <= 7 < left + 3

    def test_every_pixel_is_hidden_once_at_least(self):
        found = occlusion_map(one_pixel(), np.zeros((12, 12)), patch=5, stride=5)
        assert found.tops.tolist() == found.lefts.tolist() == [0, 5, 7]
        assert found.by_pixel.shape == (12, 12)
        assert occlusion_map(one_pixel(), np.zeros((12, 12)), patch=12).falls.shape == (1, 1)

    def test_the_other_class_and_logits(self):
        image = np.ones((12, 12), "float32")
        assert occlusion_map(one_pixel(), image, 0).value == pytest.approx(1 - 1 / (1 + np.exp(-3.0)))
        logit = occlusion_map(one_pixel(activation=None), image, fill=0)
        assert (logit.quantity, logit.value, logit.falls.max()) == ("output", 3, 3)
        assert occlusion_map(one_pixel(activation=None), image, 0).value == -3

    def test_the_mean_is_put_in_place_and_the_best_class_is_taken(self, functional, photo):
        found = occlusion_map(functional, photo, patch=16)
        scores = functional.predict(photo[None], verbose=0)[0]
        assert found.target == scores.argmax()
        grey = np.broadcast_to(photo.mean(axis=(0, 1)), photo.shape)
        expected = scores.max() - functional.predict(grey[None], verbose=0)[0, found.target]
        assert found.falls[0, 0] == pytest.approx(expected, abs=1e-5)

    def test_a_class_of_ones_own_is_judged_by_its_numbers(self, classy, rng):
        assert occlusion_map(classy, rng.random((20, 20, 5)), 1, stride=5).quantity == "probability"

    def test_the_figure(self):
        found = occlusion_map(one_pixel(), np.ones((12, 12)), patch=3, stride=1, fill=0)
        image, heat, _ = plot_occlusion(found).axes
        np.testing.assert_array_equal(heat.images[0].get_array(), found.by_pixel)
        (frame,) = image.patches
        assert frame.get_xy() == (found.worst[1] - 0.5, found.worst[0] - 0.5)
        assert image.get_title(loc="left") == "class 1: probability 0.9526,\n0.5 without what is framed"


class TestNothingIsTouched:
    @pytest.mark.parametrize("build", [nested, own])
    def test_the_model_stays_as_it_is(self, build, rng):
        model = build()
        shape = (2, *((16, 16, 3) if build is nested else (20, 20, 5)))
        images = rng.random(shape, dtype="float32")
        layer = "last" if build is nested else "again"
        model(images)
        before, generators = state_of(model), (random.getstate(), np.random.get_state()[1].copy())  # noqa: NPY002
        kernels(model)
        feature_maps(model, images[0])
        exciting_patches(model, images, layer, 0, count=4)
        occlusion_map(model, images[0])
        receptive_field(model, layer)
        same_state(before, state_of(model))
        assert random.getstate() == generators[0]
        np.testing.assert_array_equal(np.random.get_state()[1], generators[1])  # noqa: NPY002

    def test_also_where_a_run_fails(self, functional):
        before = state_of(functional)
        with pytest.raises(ValueError, match="gives shape"):
            feature_maps(functional, np.zeros((16, 16, 3)), "head")
        same_state(before, state_of(functional))


class TestRefusals:
    @pytest.mark.parametrize(
        ("ask", "message"),
        [
            (lambda m: feature_maps(m, np.zeros((15, 16, 3))),
             "image has shape (1, 15, 16, 3) and holds float64. Expected numbers for the model's 16×16×3, "
             "(n, height, width, channels). Resize them by keras.ops.image.resize, or cut them."),
            (lambda m: feature_maps(m, np.zeros((16, 16, 1))),
             "image has shape (1, 16, 16, 1) and holds float64. Expected numbers for the model's 16×16×3, "
             "(n, height, width, channels). They have 1 channel, and the model reads 3."),
            (lambda m: feature_maps(m, np.zeros((2, 16, 16, 3))), "image holds 2 images. Expected one. Pass image[0]."),
            (lambda m: feature_maps(m, np.zeros((16, 16, 3)), "lst"),
             "The model 'classifier' has no layer 'lst'. It has given, scale, encoder/image, encoder/conv_a, "
             "encoder/near, encoder/far, encoder/both, encoder/norm, ... Did you mean 'last'?"),
            (lambda m: kernels(m, "head"),
             "Layer 'head' is no convolution of images (Dense). Expected one such as encoder/conv_a, encoder/near, "
             "encoder/far, last."),
            (lambda m: exciting_patches(m, np.zeros((1, 16, 16, 3)), "last", 8),
             "Layer 'last' has 8 units, from 0. Received: unit=8."),
            (lambda m: occlusion_map(m, np.zeros((16, 16, 3)), 4),
             "The model has 4 classes, from 0. Received: target=4."),
            (lambda m: occlusion_map(m, np.zeros((16, 16, 3)), patch=17),
             "A patch of 17×17 is larger than the image, 16×16. Pass a smaller one."),
            (lambda m: occlusion_map(m, np.zeros((16, 16, 3)), fill=(1, 2)),
             "fill must be one number, or one for each of 3 channels. Received: (1, 2)."),
            (lambda m: occlusion_map(m, np.zeros((16, 16, 3)), stride=0),
             "stride must be a whole number of at least 1. Received: stride=0."),
        ],
    )  # fmt: skip
    def test_of_what_does_not_fit(self, functional, ask, message):
        with refused(message):
            ask(functional)

    def test_of_models(self):
        with refused(
            "kernels takes a Keras model. Received: str. "
            "Pass the model itself; of a file, keras.saving.load_model(path).",
            TypeError,
        ):
            kernels("model.keras")
        with pytest.raises(ValueError, match="has no weights yet, as it does not know its input"):
            kernels(keras.Sequential([layers.Conv2D(1, 3)]))
        table = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
        with pytest.raises(
            ValueError, match=r"takes \(3,\) for each row. Expected images, \(height, width, channels\)"
        ):
            kernels(table)
        flat = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(2)])
        with pytest.raises(ValueError, match="has no convolution"):
            kernels(flat)
        with pytest.raises(ValueError, match="has no layer that gives maps"):
            feature_maps(flat, np.zeros((4, 4)))
        two = [keras.Input((4, 4, 1)) for _ in range(2)]
        with pytest.raises(ValueError, match=r"takes 2 inputs. Expected one image"):
            kernels(keras.Model(two, layers.Add()(two)))
        maps = edge_detector()
        with pytest.raises(ValueError, match=r"gives shape \(1, 6, 6, 1\). Expected one output of classes"):
            occlusion_map(maps, STEP)

    def test_of_names_that_two_layers_have(self, classy):
        with pytest.raises(ValueError, match=r"'conv' is the name of 2 layers. Expected one of "):
            kernels(classy, "conv")

    def test_of_numbers_that_are_none(self):
        with pytest.raises(DataError, match="image has 1 value not finite"):
            feature_maps(edge_detector(), np.where(np.eye(8) * np.arange(8) == 3, np.nan, 0))


def test_pictures_of_any_number_of_channels(rng):
    image = rng.random((4, 5, 5))
    np.testing.assert_allclose(as_picture(image), image.mean(axis=2))
    np.testing.assert_allclose(as_picture(image[..., :3] * 255), image[..., :3])
    np.testing.assert_allclose(as_picture(image[..., :1] * 2 - 1), image[..., 0])


def test_the_example_takes_a_model_and_an_image(tmp_path, monkeypatch, capsys):
    nested().save(tmp_path / "mine.keras")
    np.save(tmp_path / "mine.npy", np.random.default_rng(0).random((16, 16, 3)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["inside_a_cnn.py", "--model", "mine.keras", "--image", "mine.npy", "--unit", "1"])
    runpy.run_path(str(ROOT / "examples/inside_a_cnn.py"), run_name="__main__")
    assert "unit 1 of encoder/near" in capsys.readouterr().out
    assert len(list((tmp_path / "figures").glob("inside_*.png"))) == 4
