"""The slide's convolution to the number, any other as SciPy and Keras compute it, and what the figures draw."""

import json
import re
import runpy
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT, refused

from cheatsheet.finding import DataError
from recipes.lecture.images.convolution import IMAGE, KERNEL, convolve
from recipes.plots import plot_cells, plot_convolution
from recipes.plots.style import new_figure


@pytest.fixture(scope="module")
def slide():
    return convolve()


def numbers(ax):
    """What is written into the cells, by row and column."""
    return {(round(t.get_position()[1]), round(t.get_position()[0])): float(t.get_text()) for t in ax.texts}


def frame_of(ax):
    (patch,) = [patch for patch in ax.patches if patch.get_gid() == "window"]
    return (*patch.get_xy(), patch.get_width(), patch.get_height())


class TestSlide:
    def test_every_number(self, slide):
        np.testing.assert_array_equal(slide.feature_map, [[7, -3, 3], [-3, 5, -3], [3, -3, 7]])
        np.testing.assert_array_equal(slide.relu, [[7, 0, 3], [0, 5, 0], [3, 0, 7]])
        np.testing.assert_array_equal(slide.pooled, [[7, 5], [5, 7]])

    def test_each_window_by_hand(self, slide):
        first, second, *_, last = slide.windows
        np.testing.assert_array_equal(first.products, [[-1, 1, 1], [1, 1, 1], [1, 1, 1]])
        assert first.equation == (
            "(-1)·1 + (-1)·(-1) + (-1)·(-1) + (-1)·(-1) + 1·1 + (-1)·(-1) + (-1)·(-1) + (-1)·(-1) + 1·1 = 7"
        )
        np.testing.assert_array_equal(second.pixels, [[-1, -1, -1], [1, -1, 1], [-1, 1, -1]])
        assert (second.row, second.column, second.top, second.left) == (0, 1, 0, 1)
        assert (last.row, last.column, last.top, last.left) == (2, 2, 2, 2)
        assert [window.total for window in slide.windows] == [7, -3, 3, -3, 5, -3, 3, -3, 7]

    def test_it_says_each_step(self, slide):
        assert slide.num_steps == 9 + 1 + 4
        assert slide.caption(9) == "ReLU: what is negative becomes 0"
        assert slide.caption(11) == "pool in row 1, column 2: largest of 0, 3, 5, 0 = 5"
        assert repr(slide) == "<Convolution 5×5 image, 3×3 kernel, strides 1×1, valid: 3×3, pooled 2×2>"
        assert "feature map (3×3)\n 7 -3  3\n-3  5 -3\n 3 -3  7\n" in str(slide)
        assert "<td>2×2</td>" in slide._repr_html_()
        with refused("There is no step 14. Expected 0 to 13."):
            slide.caption(14)


class TestAnyImage:
    @pytest.mark.parametrize("padding", ["valid", "same"])
    @pytest.mark.parametrize("strides", [1, 2, (2, 1), [3, 2]])
    @pytest.mark.parametrize("shape", [(3, 3), (2, 4), (1, 1)])
    def test_windows_add_up_to_what_keras_gives(self, rng, padding, strides, shape):
        image, kernel = rng.normal(size=(9, 7)), rng.normal(size=shape)
        result = convolve(image, kernel, strides=strides, padding=padding, pool_size=1)
        layer = keras.layers.Conv2D(1, shape, strides, padding, use_bias=False)
        layer.build((None, 9, 7, 1))
        layer.set_weights([kernel[..., None, None]])
        np.testing.assert_allclose(result.feature_map, np.asarray(layer(image[None, ..., None]))[0, ..., 0], atol=1e-5)
        sums = np.reshape([window.total for window in result.windows], result.feature_map.shape)
        np.testing.assert_allclose(sums, result.feature_map, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(result.relu, np.maximum(result.feature_map, 0))

    def test_scipys_correlation(self, rng):
        from scipy.signal import correlate2d

        image, kernel = rng.normal(size=(12, 10)), rng.normal(size=(5, 3))
        result = convolve(image, kernel, padding="same", pool_size=3, pool_strides=3)
        np.testing.assert_allclose(result.feature_map, correlate2d(image, kernel, "same"), rtol=1e-12, atol=1e-12)
        blocks = result.relu[:12, :9].reshape(4, 3, 3, 3)
        np.testing.assert_array_equal(result.pooled, blocks.max(axis=(1, 3)))

    def test_a_window_in_the_padding_holds_zeros(self):
        corner = convolve(np.ones((4, 4), "uint8"), np.ones((3, 3)), padding="same").windows[0]
        np.testing.assert_array_equal(corner.pixels, [[0, 0, 0], [0, 1, 1], [0, 1, 1]])
        assert (corner.top, corner.left, corner.total) == (-1, -1, 4)

    def test_whole_numbers_stay_whole(self):
        """2**25 + 1 is none of float32's."""
        assert convolve([[2**25 + 1.0]], [[1]], pool_size=1).feature_map == 2**25 + 1

    def test_the_process_own_settings_change_nothing(self, slide):
        keras.config.set_image_data_format("channels_first")
        try:
            np.testing.assert_array_equal(convolve().feature_map, slide.feature_map)
        finally:
            keras.config.set_image_data_format("channels_last")

    def test_its_keras_model_gives_the_same(self, slide):
        model = slide.keras_model()
        assert [layer.name for layer in model.layers] == ["feature_map", "relu", "pool"]
        np.testing.assert_array_equal(np.asarray(model(IMAGE[None, ..., None]))[0, ..., 0], slide.pooled)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"image": np.zeros((4, 4, 3))}, "image has shape (4, 4, 3) and holds float64. Expected numbers in rows "
             "and columns, (height, width). Of a colour image pass one channel, image[:, :, 0]."),
            ({"kernel": np.zeros((6, 1))},
             "A kernel of 6×1 does not fit into an image of 5×5. Pass a larger image, or padding='same'."),
            ({"pool_size": 4},
             "A pool of 4×4 does not fit into a feature map of 3×3. Pass a larger image, or pool_size=1."),
            ({"strides": 0}, "strides must be a whole number of at least 1, or two of them. Received: strides=0. "
             "Expected like 1 or (2, 1)."),
            ({"strides": (1, 2, 1)}, "strides must be a whole number of at least 1, or two of them. Received: "
             "strides=(1, 2, 1). Expected like 1 or (2, 1)."),
            ({"padding": "sane"},
             "Unknown padding. Received: padding='sane'. Expected one of valid, same. Did you mean 'same'?"),
            ({"pool_strides": 0}, "pool_strides must be a whole number of at least 1. Received: pool_strides=0."),
        ],
    )  # fmt: skip
    def test_refusals(self, arguments, message):
        with refused(message):
            convolve(**arguments)

    def test_what_is_not_finite(self):
        with pytest.raises(DataError, match="image has 1 value not finite"):
            convolve([[0, np.nan], [1, 1]], [[1]])


class TestFigures:
    def test_all_numbers_are_in_the_cells(self, slide):
        image, kernel, products, feature_map, relu, pooled = slide.plot().axes
        for ax, values in (
            (image, IMAGE), (kernel, KERNEL), (products, slide.windows[0].products), (feature_map, slide.feature_map),
            (relu, slide.relu), (pooled, slide.pooled),
        ):  # fmt: skip
            assert numbers(ax) == dict(np.ndenumerate(values))
        assert frame_of(image) == (-0.5, -0.5, 3, 3)

    @pytest.mark.slow
    def test_a_step_shows_what_is_known_by_then(self, slide):
        image, _, products, feature_map, relu, pooled = plot_convolution(slide, 5).axes
        assert frame_of(image) == (1.5, 0.5, 3, 3)  # left, top: second row, third column
        assert frame_of(feature_map) == (1.5, 0.5, 1, 1)
        assert list(numbers(feature_map).values()) == [7, -3, 3, -3, 5, -3]
        assert sum(numbers(products).values()) == -3
        assert not numbers(relu)
        assert not numbers(pooled)
        assert len(plot_convolution(slide, 9).axes[4].texts) == 9
        *_, relu, pooled = plot_convolution(slide, 12).axes  # the third pool
        assert frame_of(relu) == (-0.5, 0.5, 2, 2)
        assert list(numbers(pooled).values()) == [7, 5, 5]

    def test_numbers_stand_out_from_their_cells(self):
        for text in plot_cells([[0, 1], [10, 9]]).texts:
            assert text.get_color() == ("white" if float(text.get_text()) < 5 else "black")

    def test_many_cells_are_drawn_without_numbers_and_one_value_is_grey(self):
        assert not plot_cells(np.arange(17 * 4).reshape(17, 4)).texts
        ax = plot_cells([[3.0]])
        assert ax.images[0].norm(3.0) == pytest.approx(0.5)
        plot_cells([[np.nan]])

    def test_the_page_moves_the_window(self, tmp_path):
        small = convolve(IMAGE[:3, :4], KERNEL, pool_size=1)
        page = small.save_page(tmp_path / "a.html").read_text()
        frames = json.loads(re.search(r'<script id="frames"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
        assert [caption for _, caption in frames] == [small.caption(step) for step in range(5)]
        assert len({picture for picture, _ in frames}) == 5

    @pytest.mark.parametrize(("side", "frames"), [(14, 150), (40, 36)])
    def test_a_page_of_many_steps_shows_some_of_them(self, side, frames, tmp_path, monkeypatch):
        result = convolve(np.eye(side), KERNEL)
        figure = new_figure((0.2, 0.2))  # the frames themselves are looked at above
        monkeypatch.setattr(type(result), "plot", lambda self, step: figure)
        page = result.save_page(tmp_path / "a.html").read_text()
        shown = json.loads(re.search(r'<script id="frames"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
        assert len(shown) == frames
        assert shown[0][1] == result.caption(0)
        assert shown[-1][1] == result.caption(result.num_steps - 1)
        assert f"Of its {result.num_steps:,} steps {frames} are shown." in page

    def test_the_example_takes_an_image_and_a_kernel(self, tmp_path, monkeypatch, capsys):
        np.save(tmp_path / "mine.npy", np.eye(4))
        monkeypatch.chdir(tmp_path)
        arguments = ["--image", "mine.npy", "--kernel", "1 0; 0 1", "--padding", "same", "--quick"]
        monkeypatch.setattr(sys, "argv", ["convolution.py", *arguments])
        runpy.run_path(str(ROOT / "examples/convolution.py"), run_name="__main__")
        assert "4×4 image, 2×2 kernel, strides 1×1, same: 4×4, pooled 3×3" in capsys.readouterr().out
        assert (tmp_path / "figures/convolution.png").is_file()
