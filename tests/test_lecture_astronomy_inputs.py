"""What the lecture's astronomy refuses before any work: gaps, boxes that are none, units, shapes, names of methods."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from conftest import refused
from light_curves import shapes

from recipes.lecture.astronomy import light_echoes, streaks
from recipes.lecture.astronomy.boxes import Detections, overlap, precision_recall, suppress
from recipes.lecture.astronomy.detector import (
    CellBoxes,
    build_detector,
    cell_targets,
    find,
    require_sigmas,
    shifted,
    turned,
)
from recipes.lecture.astronomy.echoes import Scenes, as_scenes
from recipes.lecture.astronomy.extraction import (
    WIDTH,
    Streaks,
    as_streaks,
    cut_strips,
    extract,
    find_streaks,
    in_sigmas,
    signal_to_noise,
    strip_in_sigmas,
)
from recipes.lecture.astronomy.light_echoes import compare_detectors, train_detector
from recipes.lecture.astronomy.matched_filter import tune_filter
from recipes.lecture.astronomy.periodogram import (
    events,
    moving_mean,
    power_spectrum,
    pulsing,
    tune_periodogram,
)
from recipes.lecture.astronomy.readout import READOUT, SKY, TIMES, simulate_readout, star_light
from recipes.lecture.astronomy.streak_networks import build_cnn, build_transformer
from recipes.lecture.astronomy.streaks import compare_classifiers, inputs_of, train_classifier
from recipes.plots import plot_detections, plot_scene
from recipes.training.run import Run

FILTER, PERIODOGRAM = light_echoes.TUNED, streaks.TUNED
BOX = np.array([[10.0, 10, 40, 30]])
OF_IMAGES = (
    "Put the median of its neighbours in the place of each; where much is missing, noise around the image's median."
)
OF_CURVES = "Put the median of its neighbours in time in the place of each, or leave the curve out."


@pytest.fixture(scope="module")
def model():
    return build_detector(side=64)


@pytest.fixture
def images(rng):
    return rng.normal(size=(3, 64, 64))


@pytest.fixture
def some(rng):
    """Streaks of each class."""
    curves = shapes(rng)
    return Streaks(curves, np.tile(curves[..., None], WIDTH), np.arange(4), np.ones(4), np.zeros(4, bool))


def scenes_of(images, boxes=BOX):
    return Scenes(images, tuple(np.copy(boxes) for _ in images))


class TestGaps:
    @pytest.mark.parametrize("gap", [np.nan, np.inf])
    @pytest.mark.parametrize(
        "take",
        [
            lambda images, _: FILTER.find(images),
            lambda images, _: FILTER.answers(images),
            lambda images, model: find(model, images),
            lambda images, _: as_scenes(scenes_of(images)),
            lambda images, _: turned(scenes_of(images)),
            lambda images, _: shifted(scenes_of(images), 2),
            lambda images, _: tune_filter(scenes_of(images)),
            lambda images, _: train_detector(scenes_of(images)),
        ],
        ids=["filter", "answers", "find", "as_scenes", "turned", "shifted", "tune_filter", "train_detector"],
    )
    def test_in_images(self, take, gap, images, model):
        images[1, 3, 7] = images[2, 0, 0] = gap
        with refused(
            "images must hold finite numbers. Received: 2 values NaN or infinite, in 2 of 3 images; the first is "
            f"{'NaN' if np.isnan(gap) else 'infinity'} in image 1, row 3, column 7. {OF_IMAGES}"
        ):
            take(images, model)

    @pytest.mark.parametrize(
        "take", [find_streaks, lambda px: extract(px, [30.0]), lambda px: cut_strips(px, [30])], ids=range(3)
    )
    def test_in_an_image_of_streaks(self, take):
        pixels = np.random.default_rng(0).normal(size=(TIMES, 60))
        pixels[5, 9] = np.nan
        with refused(
            "pixels must hold finite numbers. Received: 1 value NaN or infinite, in 1 of 512 rows; the first is NaN in "
            f"row 5, column 9. {OF_IMAGES}"
        ):
            take(pixels)

    @pytest.mark.parametrize(
        ("name", "take"),
        [
            ("curves", PERIODOGRAM.classify),
            ("curves", PERIODOGRAM.evidence),
            ("curves", power_spectrum),
            ("curves", lambda curves: pulsing(curves, 20, 3.0)),
            ("curves", lambda curves: events(curves, 3, 2)),
            ("curves", lambda curves: moving_mean(curves, 4)),
            ("light", in_sigmas),
        ],
        ids=["classify", "evidence", "power_spectrum", "pulsing", "events", "moving_mean", "in_sigmas"],
    )
    def test_in_light_curves(self, name, take, rng):
        curves = shapes(rng)
        curves[2, 100:103] = np.nan
        with refused(
            f"{name} must hold finite numbers. Received: 3 values NaN or infinite, in 1 of 4 curves; the first is NaN "
            f"in curve 2, sample 100. {OF_CURVES}"
        ):
            take(curves)

    @pytest.mark.parametrize("take", [tune_periodogram, lambda some: train_classifier(some, "CNN")], ids=range(2))
    def test_in_streaks_to_learn_from(self, take, some):
        some.curves[3, 5] = np.nan
        with refused(
            "curves must hold finite numbers. Received: 1 value NaN or infinite, in 1 of 4 curves; the first is NaN in "
            f"curve 3, sample 5. {OF_CURVES}"
        ):
            take(some)

    def test_in_strips_and_in_light(self):
        strips = np.ones((2, 8, WIDTH))
        strips[1, 2, 3] = -np.inf
        with refused(
            "strips must hold finite numbers. Received: 1 value NaN or infinite, in 1 of 2 strips; the first is "
            f"infinity in strip 1, row 2, column 3. {OF_IMAGES}"
        ):
            strip_in_sigmas(strips)
        with refused(
            "light must hold finite numbers. Received: 1 value NaN or infinite; the first is NaN in sample 1. "
            f"{OF_CURVES}"
        ):
            signal_to_noise([100.0, np.nan])


class TestBoxes:
    @pytest.mark.parametrize(
        ("take", "side"),
        [
            (lambda boxes: cell_targets(boxes, 96), 96),
            (lambda boxes: turned(Scenes(np.zeros((2, 96, 96)), boxes)), 96),
            (lambda boxes: shifted(Scenes(np.zeros((2, 96, 96)), boxes), 2), 96),
            (lambda boxes: train_detector(Scenes(np.zeros((2, 96, 96)), boxes)), 96),
            (lambda boxes: tune_filter(Scenes(np.zeros((2, 96, 96)), boxes)), 96),
            (lambda boxes: precision_recall([Detections(BOX, np.ones(1))] * 2, boxes), None),
        ],
        ids=["cell_targets", "turned", "shifted", "train_detector", "tune_filter", "precision_recall"],
    )
    def test_refusals_everywhere(self, take, side):
        good = [16.0, 16, 56, 56]
        with refused(
            "boxes[1] must hold finite numbers. Received: 1 value NaN or infinite, in 1 of 2 boxes; the first is NaN "
            "in box 1, side 2. Mend the box, or leave it out."
        ):
            take(([good], [good, [16, 16, np.nan, 56]]))
        without_area = (
            "boxes[1] must be left, top, right, bottom, with right > left and bottom > top. Received: 1 of 2 boxes "
            "without such an area, the first [{}]. Of x, y, width and height, as COCO has them, pass x, y, x + width, "
            "y + height."
        )
        for box in ([50, 60, 20, 10], [50, 20, 50, 60], [16, 56, 56, 16]):
            with refused(without_area.format(", ".join(map(str, box)))):
                take(([good], [good, box]))
        with refused(
            "boxes[0] must be of shape (k, 4): left, top, right, bottom. Received: shape (1, 5). Leave scores and "
            "classes out: boxes[0][:, :4], where the sides come first."
        ):
            take(([[*good, 0.9]], []))
        if side is None:
            return
        with refused(
            "boxes[1] must lie in the image of 96 x 96 pixels, at least in part. Received: 1 of 2 boxes outside of it, "
            "the first [96, 10, 120, 20]. Give pixels from the image's upper left corner; leave out what is not in the "
            "image."
        ):
            take(([good], [good, [96, 10, 120, 20]]))
        with refused(
            "boxes must be in pixels of the image, 96 x 96. Received: left, top, right, bottom between 0 and 1 alone. "
            "Multiply left and right by the width, top and bottom by the height."
        ):
            take(([[0.1, 0.2, 0.3, 0.4]], [[0, 0, 1, 1]]))

    def test_lists_are_boxes_and_an_empty_one_is_none(self):
        boxes = [[[16, 16, 56, 56], [60, 20, 76, 52]], []]
        arrays = [np.array(boxes[0], float), np.zeros((0, 4))]
        np.testing.assert_array_equal(cell_targets(boxes, 96), cell_targets(arrays, 96))
        assert cell_targets([], 96).shape == (0, 12, 12, 5)
        found = [Detections(boxes[0], [0.9, 0.8]), Detections([], [])]
        assert precision_recall(found, boxes).average_precision == 1
        assert overlap(boxes[0], []).shape == (2, 0)
        assert suppress(found[0]).boxes.tolist() == boxes[0]
        light = np.zeros((2, 96, 96), np.float32)
        for one, other in zip(
            shifted(turned(Scenes(light, boxes)), 2).boxes, shifted(turned(Scenes(light, arrays)), 2).boxes, strict=True
        ):
            np.testing.assert_array_equal(one, other)

    def test_whole_numbers_without_a_sign_are_boxes_too(self):
        small = np.array([[50, 60, 200, 250]], np.uint8)
        assert overlap(small, small.astype(float)).item() == 1
        np.testing.assert_array_equal(cell_targets([small], 256), cell_targets([small.astype(float)], 256))

    def test_a_box_may_lie_partly_outside(self):
        targets = cell_targets([[[-20, 10, 30, 50]]], 96)
        assert targets[0, 3, 0].tolist() == [1, -20, 10, 30, 50]

    def test_the_boxes_of_one_image_are_not_those_of_several(self):
        for boxes in (BOX, BOX.tolist()):
            with refused(
                "boxes must hold the boxes (k, 4) of each image. Received: those of one, 1 row. Of one image pass "
                "[boxes]."
            ):
                cell_targets(boxes, 96)
        with refused("boxes must hold the boxes (k, 4) of each image. Received: 3."):
            cell_targets(3, 96)

    def test_overlap_of_what_is_no_box(self):
        with refused(
            "others must hold finite numbers. Received: 1 value NaN or infinite, in 1 of 1 boxes; the first is NaN in "
            "box 0, side 0. Mend the box, or leave it out."
        ):
            overlap(BOX, [[np.nan, 0, 1, 1]])
        with refused("boxes must be of shape (k, 4): left, top, right, bottom. Received: shape (4, 3)."):
            overlap(np.zeros((4, 3)), BOX)  # twelve numbers, which would make three boxes

    def test_detections_that_are_none(self):
        with refused(
            "found[0] must be the Detections of one image. Received: ndarray. Expected Detections(boxes, scores), with "
            "boxes (k, 4) and scores (k,)."
        ):
            precision_recall([BOX], [BOX])
        with refused("found must have one score for each box. Received: boxes of shape (1, 4), scores of shape (2,)."):
            suppress(Detections(BOX, np.ones(2)))
        with refused(
            "found[0].scores must hold finite numbers. Received: 1 value NaN or infinite; the first is NaN in box 0. "
            "Leave such detections out."
        ):
            precision_recall([Detections(BOX, np.array([np.nan]))], [BOX])

    def test_pixels_are_not_compared_with_parts(self):
        with refused(
            "found and boxes must have one unit. Received: boxes between 0 and 1 alone, and none such in found. Give "
            "both in pixels."
        ):
            precision_recall([Detections(BOX, np.ones(1))], [BOX / 96])
        assert precision_recall([Detections(BOX / 96, np.ones(1))], [BOX / 96]).average_precision == 1

    def test_a_side_that_the_cells_do_not_divide(self):
        with refused("side must be a multiple of 8, by which the grid of cells divides it. Received: side=100."):
            cell_targets([BOX], 100)

    def test_of_two_neighbours_only_the_one_that_is_overlapped_most_counts(self):
        """As docs/light-echoes.md says: the second detection overlaps the free one by half, and the taken one more."""
        boxes = np.array([[0.0, 0, 30, 10], [8, 0, 38, 10]])
        twice = Detections(np.array([[0.0, 0, 30, 10], [3, 0, 33, 10]]), np.array([0.9, 0.8]))
        assert overlap(twice.boxes, boxes)[1].round(2).tolist() == [0.82, 0.71]
        assert precision_recall([twice], [boxes]).precision.tolist() == [1, 0.5]

    def test_figures_refuse_them_too(self, images):
        with refused("boxes must be of shape (k, 4): left, top, right, bottom. Received: shape (4, 3)."):
            plot_scene(images[0], np.zeros((4, 3)))
        with refused("image must be of shape (height, width). Received: shape (3, 64, 64)."):
            plot_scene(images)
        assert len(plot_scene(images[0].tolist(), BOX.tolist()).patches) == 1


class TestWholeNumbers:
    """What cameras give: unsigned numbers wrap around where they are subtracted."""

    def test_streaks_are_found_as_in_floats(self, rng):
        light = np.tile([25.0, 900.0, 2000.0], (TIMES, 1))
        expected = SKY + star_light(light, np.array([40.0, 90.3, 150.0]))
        counts = np.clip(np.round(100 + rng.poisson(expected) + rng.normal(0, READOUT, expected.shape)), 0, None)
        pixels = counts.astype(np.uint16)
        columns = find_streaks(pixels)
        np.testing.assert_allclose(columns, [40.0, 90.3, 150.0], atol=0.3)
        np.testing.assert_array_equal(columns, find_streaks(counts))
        np.testing.assert_array_equal(extract(pixels, columns), extract(counts, columns))
        strips = cut_strips(pixels, columns)
        np.testing.assert_array_equal(strip_in_sigmas(strips.astype(np.uint16)), strip_in_sigmas(strips))
        light = np.round(extract(counts, columns)).clip(0)
        np.testing.assert_array_equal(in_sigmas(light.astype(np.uint16)), in_sigmas(light))

    def test_the_filter_and_the_periodogram_see_the_same(self, rng):
        counts = np.round(1000 + 50 * rng.normal(size=(1, 64, 64)))
        (one,), (other,) = FILTER.find(counts.astype(np.uint16)), FILTER.find(counts)
        np.testing.assert_array_equal(one.scores, other.scores)
        assert PERIODOGRAM.classify(np.round(9 * shapes(rng)).astype(np.int8)).tolist() == [0, 1, 2, 3]


class TestUnits:
    def test_noise_that_rounding_has_taken(self, rng):
        images = rng.normal(size=(3, 64, 64))
        images[1] = np.round(0.3 * images[1]) + 7
        with refused(
            "images must have noise that can be measured. Received: image 1, half or more of whose pixels are 7. Pass "
            "images that are not rounded to less than their noise, and leave out those of which the greater part is "
            "masked."
        ):
            FILTER.find(images)

    def test_streaks_on_noise_that_rounding_has_taken(self, rng):
        with refused(
            "pixels must have noise that can be measured. Received: an image in which half or more of the pixels are "
            "what the pixel of the row before is. Pass images that are not rounded to less than their noise."
        ):
            find_streaks(np.round(0.3 * rng.normal(size=(100, 50))))
        with refused("pixels must have two rows or more, as rows are times. Received: shape (1, 50)."):
            find_streaks(rng.normal(size=(1, 50)))

    @pytest.mark.parametrize(
        "take", [find, lambda _, images: train_detector(scenes_of(images))], ids=["find", "train_detector"]
    )
    def test_raw_counts_lie_beyond_the_clip(self, take, images, model):
        images[1:] = 5000 + 100 * images[1:]
        with refused(
            "images must be in standard deviations of the noise around 0, which the network clips at 2.5. Received: 2 "
            "of 3 images with more than half of the pixels beyond; of image 1 it is 100%, and the median "
            f"{np.median(images[1]):.4g}. Subtract each image's median, and divide by 1.4826 times the median distance "
            "from it."
        ):
            take(model, images)

    def test_a_bright_echo_is_no_raw_count(self, images):
        images[:, :30] += 100
        assert require_sigmas(images) is None  # says nothing
        with pytest.raises(ValueError, match="standard deviations of the noise"):
            require_sigmas(images + 100)


class TestShapes:
    def test_what_find_takes(self, images):
        """One model, whatever holds it; images in any sequence, and in FITS files' order of bytes."""
        model = keras.Sequential([keras.Input((64, 64, 1)), keras.layers.Conv2D(5, 8, strides=8), CellBoxes()])
        model.compile(run_eagerly=True)  # for the sake of speed
        run = Run(model, {}, [], None, 0, 0.0, 0)
        images = np.float32(images)
        expected = find(model, images, least_score=0.0)
        for holder, given in ((run, images[..., None]), (model, list(images.astype(">f4")))):
            for one, other in zip(find(holder, given, least_score=0.0), expected, strict=True):
                np.testing.assert_array_equal(one.boxes, other.boxes)

    @pytest.mark.parametrize("none", [[], np.zeros((0, 64, 64)), np.zeros((0, 64, 64, 1))], ids=range(3))
    def test_in_no_image_nothing_is_found(self, model, none):
        assert find(model, none) == FILTER.find(none) == []

    def test_find_in_what_is_not_for_it(self, model, images):
        of_one = "images must be of shape (n, height, width). Received: shape {}. {}"
        with refused(of_one.format((64, 64), "Of one image pass images[None].")):
            find(model, images[0])
        with refused(of_one.format((64, 64), "Of one image pass images[None].")):
            FILTER.find(images[0])
        with refused(of_one.format((1, 64, 64, 3), "Choose a channel, such as images[..., 0].")):
            find(model, np.moveaxis(images, 0, -1)[None])
        with refused(
            "images must be of the size that the model takes, 64 x 64 pixels. Received: 32 x 48. Cut them to tiles of "
            "that size, or train a model with build_detector(side=...) of theirs."
        ):
            find(model, images[:, :32, :48])
        with refused(
            "images must be of one size. Received: 64 x 64, 32 x 64 pixels. Cut them to one size, or pass one at a "
            "time."
        ):
            find(model, [images[0], images[1, :32]])
        with refused("images must hold numbers. Received: text, of shape (1, 1, 1). Convert it to floats."):
            FILTER.find([[["a"]]])

    def test_find_by_what_is_no_detector(self, images):
        with refused(
            "find takes a Keras model. Received: str. Pass the model itself; of a file, keras.saving.load_model(path).",
            TypeError,
        ):
            find("detector.keras", images)
        other = keras.Sequential([keras.Input((64, 64, 1)), keras.layers.Flatten()], name="other")
        with refused(
            "The model 'other' gives (None, 4096). Expected a detector, which gives (n, rows, columns, 5): a "
            "confidence and a box for each cell. Build it by build_detector, and train it."
        ):
            find(other, images)

    @pytest.mark.parametrize("take", [turned, lambda scenes: shifted(scenes, 2), train_detector], ids=range(3))
    def test_scenes_that_are_none(self, take):
        with refused(
            "scenes must be square, as quarter turns are. Received: images of 64 x 96 pixels. Cut them to squares, and "
            "the boxes with them."
        ):
            take(scenes_of(np.zeros((1, 64, 96))))
        with refused("scenes must hold one image or more. Received: none."):
            take(Scenes(np.zeros((0, 64, 64)), ()))
        with refused(
            "scenes must hold boxes for each image. Received: 2 images and boxes for 1. An image without an echo has "
            "the boxes []."
        ):
            take(Scenes(np.zeros((2, 64, 64)), (BOX,)))
        with refused(
            "scenes must be Scenes. Received: ndarray. Expected Scenes(images, boxes), with images (n, side, side) and "
            "boxes (k, 4) for each."
        ):
            take(np.zeros((2, 64, 64)))

    def test_a_filter_takes_other_images_than_squares(self, rng):
        (found,) = FILTER.find(rng.normal(size=(1, 64, 96)))
        assert found.boxes.shape == (len(found.scores), 4)

    def test_no_times_and_no_epochs(self):
        scenes = scenes_of(np.zeros((1, 64, 64)))
        with refused("times must be a whole number of at least 1. Received: times=0."):
            shifted(scenes, 0)
        with refused("shifts must be a whole number of at least 1. Received: shifts=0."):
            train_detector(scenes, shifts=0)
        for compare in (compare_detectors, compare_classifiers):
            with refused("epochs must be a whole number of at least 1. Received: epochs=0."):
                compare(epochs=0)
        with refused("side must be a multiple of 16, by which the network divides it. Received: side=40."):
            train_detector(scenes_of(np.zeros((1, 40, 40))))

    def test_light_curves_that_are_too_short_or_none(self, rng):
        with refused("curves must have 128 samples or more each. Received: shape (4, 100). Pass longer light curves."):
            PERIODOGRAM.classify(shapes(rng)[:, :100])
        with refused(
            "curves must be of shape (n, times). Received: shape (512,). Of one light curve pass curves[None]."
        ):
            PERIODOGRAM.classify(shapes(rng)[0])
        with refused(
            "curves must be of shape (n, times). Received: shape (4, 512, 9). Of strips take the light curves, "
            "Streaks.curves."
        ):
            PERIODOGRAM.classify(np.tile(shapes(rng)[..., None], WIDTH))
        with refused(
            "No frequency to look at lies between lowest=61 and 60 Hz. Received: curves of 512 samples. Pass longer "
            "light curves, or a smaller lowest."
        ):
            pulsing(shapes(rng), 20, 61)
        for none in ([], np.zeros((0, TIMES))):
            assert PERIODOGRAM.classify(none).shape == (0,)
        np.testing.assert_array_equal(PERIODOGRAM.classify(shapes(rng)[..., None]), np.arange(4))

    def test_a_dead_sample_s_curve_is_constant(self):
        """Without a power at any frequency; warnings are errors here."""
        curves = np.zeros((1, TIMES), np.float32)
        assert PERIODOGRAM.classify(curves).tolist() == [0]
        assert np.isfinite(PERIODOGRAM.evidence(curves)).all()

    def test_where_nothing_was_found_nothing_is_extracted(self):
        pixels = np.random.default_rng(0).normal(size=(TIMES, 60))
        columns = find_streaks(pixels)
        assert columns.shape == (0,)
        light, strips = extract(pixels, columns), cut_strips(pixels, columns)
        assert (light.shape, strips.shape) == ((0, TIMES), (0, TIMES, WIDTH))
        assert (in_sigmas(light).shape, strip_in_sigmas(strips).shape) == ((0, TIMES), (0, TIMES, WIDTH))
        assert extract(pixels, []).shape == (0, TIMES)

    @pytest.mark.parametrize("take", [extract, cut_strips])
    def test_streaks_outside_of_the_image(self, take):
        pixels = np.random.default_rng(0).normal(size=(20, 60))
        with refused(
            "columns must lie in the image, from 0 to 59. Received: 2 of 3 outside, the first 60. Leave such streaks "
            "out; 0 is the middle of the first column."
        ):
            take(pixels, [30, 60, -3])
        with refused("columns must be of shape (k,). Received: shape (). Of one streak pass [column]."):
            take(pixels, 30.0)
        with refused(
            "columns must hold finite numbers. Received: 1 value NaN or infinite; the first is NaN in streak 0. Leave "
            "such streaks out."
        ):
            take(pixels, [np.nan])
        with refused(
            "pixels must be of shape (times, columns). Received: shape (1, 20, 60). Pass one image at a time."
        ):
            take(pixels[None], [30])

    def test_the_edges_are_in_the_image(self):
        pixels = simulate_readout(np.random.default_rng(0)).pixels
        assert np.isfinite(extract(pixels, [0.0, 191.4])).all()

    def test_streaks_that_do_not_belong_together(self, some):
        with refused(
            "streaks must have a curve, a strip and a class each. Received: 4 curves, 4 strips and 3 classes."
        ):
            as_streaks(replace(some, classes=some.classes[:3]))
        with refused(
            "streaks.classes must be whole numbers from 0 to 3, the positions in CLASSES: constant, pulsation, "
            "eclipse, flare. Received: 1, 2, 3, 4. For classes of one's own build a network with num_classes=..., and "
            "train it by fit."
        ):
            train_classifier(replace(some, classes=some.classes + 1), "CNN")
        with refused("streaks must hold one or more. Received: none."):
            tune_periodogram(some.take([]))


class TestMethods:
    @pytest.mark.parametrize(
        ("compare", "method", "again"),
        [(compare_detectors, "network", "splits"), (compare_classifiers, "CNN", "repeats")],
        ids=["detectors", "classifiers"],
    )
    def test_one_method_twice_is_no_spread(self, compare, method, again):
        with refused(
            f"methods must name each method once. Received: '{method}', '{method}'. For the spread of several "
            f"trainings pass {again}=2 or more."
        ):
            compare([method, method])

    def test_no_method(self):
        every = "matched filter, network, network with attention"
        with refused(f"methods must name one or more. Received: none. Expected some of {every}."):
            compare_detectors(())
        with refused(f"methods must be some of {every}. Received: methods=None."):
            compare_detectors(None)

    def test_a_single_one_by_its_name(self):
        found = compare_classifiers("periodogram", training_images=1, test_images=1)
        assert list(found.judged) == ["periodogram"]
        known = "periodogram, CNN, transformer, CNN on strips, transformer on strips"
        with refused(f"Unknown method. Received: 'cnn'. Expected some of {known}. Did you mean 'CNN'?"):
            compare_classifiers("cnn")
        with refused("Unknown method. Received: 'CNN'. Expected one of periodogram."):
            found.accuracies("CNN")

    @pytest.mark.parametrize("take", [train_classifier, inputs_of])
    def test_a_network_by_its_name(self, take, some):
        known = "CNN, CNN on strips, transformer, transformer on strips"
        with refused(f"Unknown method. Received: 'cnn'. Expected one of {known}. Did you mean 'CNN'?"):
            take(some, "cnn")
        with refused(
            f"'periodogram' is no network. Expected one of {known}. Its thresholds are tuned by "
            "tune_periodogram(streaks), and TUNED.classify(curves) says the classes."
        ):
            take(some, "periodogram")

    def test_a_method_that_was_not_compared(self, images):
        scenes = scenes_of(images)
        found = [Detections(BOX, np.ones(1))] * 2
        judged = light_echoes.Judged(precision_recall(found, scenes.boxes[1:]), found, 1.0)
        made = light_echoes.LightEchoes(scenes, [(np.array([0]), np.array([1, 2]))], {"network": [judged]})
        for take in (made.average_precisions, lambda name: plot_detections(made, name)):
            with refused("Unknown method. Received: 'netwerk'. Expected one of network. Did you mean 'network'?"):
                take("netwerk")


class TestNumberOfClasses:
    @pytest.mark.parametrize("build", [build_transformer, build_cnn])
    def test_as_many_probabilities(self, build, rng):
        model = build(times=64, num_classes=5)
        assert model.output_shape == (None, 5)
        np.testing.assert_allclose(np.asarray(model(rng.normal(size=(2, 64, 1)))).sum(axis=1), 1, rtol=1e-5)

    def test_four_by_default_and_the_same_weights(self):
        one, other = (build_cnn(times=16, **options).get_weights() for options in ({}, {"num_classes": 4}))
        assert one[-1].shape == (4,)
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))

    @pytest.mark.parametrize("build", [build_transformer, build_cnn])
    def test_refusals(self, build):
        with refused("num_classes must be a whole number of at least 2. Received: num_classes=1."):
            build(num_classes=1)
